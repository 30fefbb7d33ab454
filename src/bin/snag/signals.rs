//! `snag signals`: what was noticed without anybody saying so, and what people decide about it.
//!
//! On a terminal it asks about one group after the other, a key each; elsewhere it lists.

use std::io::{self, IsTerminal};

use serde_json::{Value, json};
use snag::client::{Answer, ClientError, Connection, Target};
use snag::doors::http::Muted;
use snag::event::{Event, SignalName, Word, nearest};
use snag::index::{SignalGroup, SignalsAnswer};

use crate::args::{Decide, Global, RuleAt, Said, Signals};
use crate::log::{self, event_path};
use crate::output::{Format, Output};
use crate::prompt;
use crate::query::Query;
use crate::read::{read, warn_if_incomplete};
use crate::stop::{Code, stop};
use crate::{reach, render};

/// `snag signals`, and what comes behind it.
pub(crate) async fn signals(said: Signals, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    match said.decide {
        None => {}
        Some(Decide::Confirm(said)) => {
            return each(&said, "confirm", &mut connection, output).await;
        }
        Some(Decide::Dismiss(said)) => {
            return each(&said, "dismiss", &mut connection, output).await;
        }
        Some(Decide::Reopen(said)) => return each(&said, "reopen", &mut connection, output).await,
        Some(Decide::Mute(rule)) => return mute(&rule, "mute", &mut connection, output).await,
        Some(Decide::Unmute(rule)) => return mute(&rule, "unmute", &mut connection, output).await,
    }
    let mut query = Query::new(&said.asked);
    query.say("top", said.top.as_deref());
    let answer = connection.get(&query.on("/v1/signals")).await?;
    warn_if_incomplete(&answer, output);
    if output.format == Format::Json {
        return output.json(&answer.body);
    }
    let inbox: SignalsAnswer = read(&answer)?;
    if io::stdin().is_terminal() && io::stdout().is_terminal() && !inbox.groups.is_empty() {
        return go_through(&inbox, &query, &mut connection, output).await;
    }
    output.line(&render::signals(&inbox, &query, output.look()))
}

/// Takes back what was decided about signals.
pub(crate) async fn reopen(
    ids: Vec<String>,
    url: Option<&Target>,
    output: &Output,
) -> anyhow::Result<()> {
    let said = Said { ids, note: None, severity: None };
    each(&said, "reopen", &mut reach::connect_to_read(url).await?, output).await
}

/// Decides about signals by their ids.
async fn each(
    said: &Said,
    verdict: &str,
    connection: &mut Connection,
    output: &Output,
) -> anyhow::Result<()> {
    let words = json!({"note": said.note, "severity": said.severity});
    for id in &said.ids {
        let path = format!("{}/{verdict}", event_path(id)?);
        let answer = post(connection, &path, &words).await?;
        let event: Event = read(&answer)?;
        output.json_or(&event, |look| render::decided(&event, look))?;
    }
    Ok(())
}

async fn mute(
    rule: &RuleAt,
    what: &str,
    connection: &mut Connection,
    output: &Output,
) -> anyhow::Result<()> {
    if SignalName::find(&rule.signal).is_none() {
        let near = nearest(&rule.signal, SignalName::WORDS.iter().copied());
        let near = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
        let all = SignalName::WORDS.join(", ");
        return Err(stop(Code::Usage, format!("`{}` is no signal{near}: {all}", rule.signal)));
    }
    let words = json!({"place": rule.place, "signal": rule.signal});
    let answer = post(connection, &format!("/v1/signals/{what}"), &words).await?;
    let muted: Muted = read(&answer)?;
    if let Some(near) = log::new_place(&answer) {
        output.note(&format!("nothing was ever recorded at {}{near}", muted.muting.place));
    }
    output.json_or(&muted, |look| render::muted(&muted.muting, muted.changed, look))
}

async fn post(
    connection: &mut Connection,
    path: &str,
    words: &Value,
) -> Result<Answer, ClientError> {
    connection.post(path, words.to_string().into()).await
}

/// Asks about each group, one key an answer.
async fn go_through(
    inbox: &SignalsAnswer,
    asked: &Query,
    connection: &mut Connection,
    output: &Output,
) -> anyhow::Result<()> {
    for (at, group) in (1..).zip(&inbox.groups) {
        output.line(&render::signal_group(group, at, inbox.groups.len(), output.look()))?;
        let keys = "[c]onfirm [d]ismiss [n]ot friction here [s]kip [q]uit ";
        let key = prompt::key(keys, "cdnsq")?;
        let done = match key {
            'c' => decide_all(group, "confirm", connection).await,
            'd' => decide_all(group, "dismiss", connection).await,
            'n' => {
                let rule = json!({"place": group.place, "signal": group.signal});
                let muted = post(connection, "/v1/signals/mute", &rule).await;
                muted.map(|_| format!("muted: {} at {}", group.signal, group.place))
            }
            's' => Ok("skipped".to_owned()),
            _ => return Ok(()),
        };
        match done {
            Ok(done) => output.line(&render::text_for_terminal(&done, output.look()))?,
            // Not for this person to decide; the next one may be.
            Err(error) if is_forbidden(&error) => output.note(&error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    if let Some((what, command)) = render::more_groups(inbox, asked) {
        output.note(&format!("{what} {command}"));
    }
    Ok(())
}

/// Decides about everything in a group that one may decide about.
async fn decide_all(
    group: &SignalGroup,
    verdict: &str,
    connection: &mut Connection,
) -> Result<String, ClientError> {
    let (mut done, mut refused) = (0, None);
    for id in &group.ids {
        match post(connection, &format!("/v1/events/{id}/{verdict}"), &json!({})).await {
            Ok(_) => done += 1,
            Err(error) if is_forbidden(&error) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) if done == 0 => Err(error),
        _ => {
            let past = if verdict == "confirm" { "confirmed" } else { "dismissed" };
            Ok(format!("{past}: {done} of {} at {}", group.count, group.place))
        }
    }
}

fn is_forbidden(error: &ClientError) -> bool {
    matches!(error, ClientError::Told(told) if told.status == 403)
}
