//! `snag forget`: a person, a place or one event, for ever.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde_json::json;
use snag::client::Connection;
use snag::doors::http::{Forgetting, Status};

use crate::args::{Forget, Global};
use crate::log::whole_id;
use crate::output::Output;
use crate::reach;
use crate::read::read;
use crate::render::{plural, text_for_terminal};
use crate::stop::{Code, stop};

/// How often it is looked whether snagd is back,
const PAUSE: Duration = Duration::from_millis(100);
/// and for how long.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is written down is done at some time, whoever waits for it.
const AWAY: &str = "snagd has not come back after 2 minutes: see its log; it forgets as it starts, so start it if it does not run";
const NOTHING: &str = "nothing to forget: nothing that was recorded has to do with it";
const WAITS: &str = "not forgotten yet: the room for it was gone when snagd started anew; make some where it stores (20 MiB and as much as the index has), and it goes on by itself";

/// `snag forget`.
pub(crate) async fn forget(said: Forget, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let wish = match (&said.person, &said.place, &said.id) {
        (Some(person), _, _) => json!({"person": person}),
        (None, Some(place), _) => json!({"place": place}),
        (None, None, Some(id)) => json!({"id": whole_id(&mut connection, id).await?}),
        (None, None, None) => {
            return Err(stop(
                Code::Usage,
                "say what to forget: --person NAME, --place PLACE or --id ID",
            ));
        }
    };
    let wish = Bytes::from(serde_json::to_vec(&wish)?);
    let damaged = said.lose_damaged;
    let dry = format!("/v1/forget?dry_run=true&lose_damaged={damaged}");
    let answer = connection.post_patiently(&dry, wish.clone()).await?;
    let forgetting: Forgetting = read(&answer)?;
    let what = in_words(&forgetting);
    let copies = &forgetting.copies;
    let is_nothing = forgetting.records + forgetting.damaged == 0 && copies.is_empty();
    if said.dry_run {
        let would = if is_nothing { NOTHING.to_owned() } else { format!("would forget {what}") };
        return output.json_or(&forgetting, |look| {
            let lines = copies.iter().map(|path| path.to_string_lossy());
            let lines: Vec<_> = std::iter::once(would.into()).chain(lines).collect();
            text_for_terminal(&lines.join("\n  "), look)
        });
    }
    if !said.yes && !is_nothing {
        confirm(&what)?;
    }
    let status: Status = read(&connection.get("/v1/status").await?)?;
    let path = format!("/v1/forget?lose_damaged={damaged}");
    let answer = connection.post_patiently(&path, wish.clone()).await?;
    if answer.status == 200 {
        return output.json_or(&forgetting, |_| NOTHING.to_owned());
    }
    output.note("snagd rewrites its journal and starts anew; what is told meanwhile is kept");
    let back = tokio::time::timeout(PATIENCE, until_back(&status, global)).await;
    let mut connection = back.map_err(|_| stop(Code::Unavailable, AWAY))??;
    let after: Forgetting = read(&connection.post_patiently(&dry, wish).await?)?;
    if after.waits {
        return Err(stop(Code::Io, WAITS));
    }
    output.json_or(&forgetting, |_| format!("forgotten: {what}"))
}

fn in_words(forgetting: &Forgetting) -> String {
    let events = plural(forgetting.events, "event", "events");
    let people = plural(forgetting.people as u64, "person", "people");
    let places = plural(forgetting.places as u64, "place", "places");
    let mut what = vec![match forgetting.events {
        0 => "no event".to_owned(),
        _ => format!("{events} of {people} at {places}"),
    }];
    if forgetting.events == 0 && 0 < forgetting.records {
        let records = plural(forgetting.records, "record", "records");
        what.push(format!("what {records} of decisions say of it"));
    }
    if 0 < forgetting.damaged {
        let stretches = plural(forgetting.damaged, "damaged stretch", "damaged stretches");
        what.push(format!("{stretches} of the journal"));
    }
    if !forgetting.copies.is_empty() {
        let copies = plural(forgetting.copies.len() as u64, "file", "files");
        what.push(format!("{copies} beside the journal"));
    }
    what.join(", and ")
}

fn confirm(what: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(stop(
            Code::Usage,
            format!("this forgets {what} for ever: add --yes, or --dry-run to only look"),
        ));
    }
    write!(io::stderr(), "Forget {what} for ever? Type yes: ")?;
    let mut said = String::new();
    io::stdin().read_line(&mut said).context("the answer cannot be read")?;
    if said.trim() == "yes" {
        return Ok(());
    }
    Err(stop(Code::Usage, "nothing was forgotten"))
}

/// Waits until another snagd answers than the one that was asked.
async fn until_back(before: &Status, global: &Global) -> anyhow::Result<Connection> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let Ok(mut connection) = reach::connect_to_read(global.url.as_ref()).await else {
            continue;
        };
        let Ok(answer) = connection.get("/v1/status").await else { continue };
        let status: Status = read(&answer)?;
        if status.started_at != before.started_at {
            return Ok(connection);
        }
    }
}
