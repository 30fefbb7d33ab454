//! Reading: hotspots, why, events, one event, status.

use std::process::ExitCode;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use snag::client::{Answer, Connection};
use snag::doors::http::{BEHIND, LACKS, RETRACTED, Status};
use snag::event::Event;
use snag::hotspot::Window;
use snag::index::{CoverageAnswer, HotspotsAnswer, WhyAnswer};

use crate::args::{About, Coverage, Events, Filter, Global, Hotspots, Why};
use crate::log::event_path;
use crate::output::{Format, Output};
use crate::query::Query;
use crate::render::Look;
use crate::stop::{Code, stop};
use crate::{outbox, reach, render};

/// A page of `/v1/events`.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) events: Vec<Event>,
    pub(crate) next: Option<String>,
    /// Events that belong on it and that snagd's journal has lost.
    #[serde(skip)]
    lacks: u64,
}

/// What to do about a journal that has lost something.
const LOST_ADVICE: &str = "`snagd verify` says where, and a backup may have them (`snag restore`)";

/// The events asked for at once by `snag export`.
const EXPORT_PAGE: &str = "1000";

/// What is said of a yes that says nothing of ours.
const STRANGE: &str = "what answers is not the snagd this snag knows: check `--url`, and that both have the same version";

/// An answer's JSON.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> anyhow::Result<T> {
    serde_json::from_slice(&answer.body).map_err(|_| stop(Code::Unavailable, STRANGE))
}

/// Says what an answer lacks: how far snagd is, where its index still catches up with its journal,
/// and what that has lost.
pub(crate) fn warn_if_incomplete(answer: &Answer, output: &Output) {
    warn_if_behind(answer, output);
    warn_of_lost(lacks(answer), output);
}

/// How many events an answer lacks because snagd's journal has lost them.
fn lacks(answer: &Answer) -> u64 {
    let lacks = answer.headers.get(LACKS).and_then(|lacks| lacks.to_str().ok()?.parse().ok());
    lacks.unwrap_or(0)
}

fn warn_of_lost(lacks: u64, output: &Output) {
    if lacks != 0 {
        let events = render::plural(lacks, "event is", "events are");
        output.note(&format!("{events} missing: snagd's journal has lost them; {LOST_ADVICE}"));
    }
}

fn warn_if_behind(answer: &Answer, output: &Output) {
    if let Some(behind) = behind(answer) {
        output.note(&format!(
            "snagd's index is at {behind} of its records and catches up: until then this is incomplete"
        ));
    }
}

fn behind(answer: &Answer) -> Option<&str> {
    answer.headers.get(BEHIND)?.to_str().ok()
}

/// `snag hotspots`; fails with 1 where `--fail-over` says so, and otherwise where it cannot be told.
pub(crate) async fn hotspots(
    mut said: Hotspots,
    global: &Global,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let asks_for_all = said.by.as_deref() == Some("person") && said.asked.about.person.is_none();
    if asks_for_all {
        // Whoever logs under a name of their own wants to see themselves under it.
        said.asked.about.person = std::env::var("SNAG_PERSON").ok().filter(|name| !name.is_empty());
    }
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let mut query = Query::new(&said.asked);
    query
        .say("by", said.by.as_deref())
        .say("class", said.class.as_deref())
        .say("sort", said.sort.as_deref())
        .say("top", said.top.as_deref())
        .say("depth", said.depth.as_deref());
    if said.flat {
        query.say("flat", Some("true"));
    }
    let answer = connection.get(&query.on("/v1/hotspots")).await?;
    warn_if_incomplete(&answer, output);
    let hotspots: HotspotsAnswer = read(&answer)?;
    let look = as_of(hotspots.window, output);
    match output.format {
        Format::Json => output.json(&answer.body)?,
        Format::Csv => {
            let by = said.by.as_deref().unwrap_or("place");
            output.document(&render::csv::hotspots(&hotspots, by))?;
            if let Some((what, command)) = render::more_rows(&hotspots, &query) {
                output.note(&format!("{what} {command}"));
            }
        }
        Format::Markdown => {
            output.document(&render::markdown::hotspots(&hotspots, &query, &look))?;
        }
        Format::Text => {
            // Only an empty answer depends on whether there is anything at all.
            let events = if hotspots.rows.is_empty() { events(&mut connection).await? } else { 0 };
            if asks_for_all && events != 0 {
                let Window { since, until } = hotspots.window;
                output.line(&format!("Nothing of yours hurt from {since} to {until}."))?;
            } else {
                output.line(&render::hotspots(&hotspots, events, &query, &look))?;
            }
        }
    }
    if asks_for_all && hotspots.rows.len() < 2 {
        output.note(
            "people see their own figures only, unless snagd's configuration says names = \"team\"; the user that snagd runs as may ask about one: --person NAME",
        );
    }
    let Some(most) = said.fail_over else { return Ok(ExitCode::SUCCESS) };
    // Rows descend in pain: `--fail-over` goes with no other order.
    let worst = hotspots.rows.first().map_or(0, |row| row.figures.pain);
    if most < worst {
        output.note(&format!("pain {worst} is more than the {most} that --fail-over allows"));
        return Ok(ExitCode::FAILURE);
    }
    passed(&answer)
}

/// That no pain is more than `--fail-over` allows, which only an answer that lacks nothing can tell.
fn passed(answer: &Answer) -> anyhow::Result<ExitCode> {
    if let Some(behind) = behind(answer) {
        let message = format!(
            "nothing is over what --fail-over allows so far, but snagd's index is at {behind} of its records: say it again once `snag status` says that it is up to date"
        );
        return Err(stop(Code::Unavailable, message));
    }
    if lacks(answer) != 0 {
        let message = format!(
            "nothing is over what --fail-over allows as far as can be told: snagd's journal has lost events; {LOST_ADVICE}"
        );
        return Err(stop(Code::BadData, message));
    }
    Ok(ExitCode::SUCCESS)
}

/// Ages in a ranking are counted from the end of its window, as its trend is.
fn as_of(window: Window, output: &Output) -> Look {
    Look { today: window.until, ..*output.look() }
}

async fn events(connection: &mut Connection) -> anyhow::Result<u64> {
    let status: Status = read(&connection.get("/v1/status").await?)?;
    Ok(status.events)
}

/// `snag why`.
pub(crate) async fn why(said: Why, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let mut query = Query::new(&said.asked);
    query.say("place", Some(&said.place)).say("class", said.class.as_deref());
    let answer = connection.get(&query.on("/v1/why")).await?;
    warn_if_incomplete(&answer, output);
    if output.format == Format::Json {
        return output.json(&answer.body);
    }
    let why: WhyAnswer = read(&answer)?;
    let look = as_of(why.why.window, output);
    match output.format {
        Format::Csv => {
            if why.why.people.is_empty() {
                let place = &why.why.place;
                output.note(&format!(
                    "{place} has no points of its own: `snag why {place}` says more"
                ));
            }
            output.document(&render::csv::why(&why))
        }
        Format::Markdown => output.document(&render::markdown::why(&why, &query, &look)),
        _ => output.line(&render::why(&why, &query, &look)),
    }
}

/// `snag coverage`.
pub(crate) async fn coverage(
    said: &Coverage,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let mut query = Query::about(&About { under: said.under.clone(), ..About::default() });
    query
        .say("since", said.since.as_deref())
        .say("until", said.until.as_deref())
        .say("actor", said.actor.as_deref());
    let answer = connection.get_patiently(&query.on("/v1/coverage")).await?;
    warn_if_incomplete(&answer, output);
    if output.format == Format::Json {
        return output.json(&answer.body);
    }
    let coverage: CoverageAnswer = read(&answer)?;
    let look = as_of(coverage.window, output);
    output.line(&render::coverage(&coverage, &query, &look))
}

/// `snag show`.
pub(crate) async fn show(
    id: &str,
    raw: bool,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let path = event_path(id)?;
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let answer = connection.get(&path).await?;
    if raw || output.format == Format::Json {
        return output.json(&answer.body);
    }
    let is_retracted = answer.headers.contains_key(RETRACTED);
    output.line(&render::event(&read(&answer)?, is_retracted, output.look()))
}

/// A page of events.
pub(crate) async fn page(
    connection: &mut Connection,
    query: Query,
    output: &Output,
) -> anyhow::Result<Page> {
    let page = fetch(connection, query, output).await?;
    warn_of_lost(page.lacks, output);
    Ok(page)
}

async fn fetch(connection: &mut Connection, query: Query, output: &Output) -> anyhow::Result<Page> {
    let answer = connection.get(&query.on("/v1/events")).await?;
    warn_if_behind(&answer, output);
    Ok(Page { lacks: lacks(&answer), ..read(&answer)? })
}

/// `snag events`.
pub(crate) async fn list(said: Events, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let mut query = Query::new(&said.filter.asked);
    query
        .say("class", said.filter.class.as_deref())
        .say("limit", Some(&said.limit))
        .say("cursor", said.cursor.as_deref());
    let page = page(&mut connection, query, output).await?;
    let events = &page.events;
    match output.format {
        Format::Json => {
            for event in events {
                output.json(&serde_json::to_vec(event)?)?;
            }
        }
        Format::Csv => output.document(&render::csv::events(events))?,
        _ if events.is_empty() => {
            let recorded = self::events(&mut connection).await?;
            output.note(if recorded == 0 {
                "nothing is recorded yet: `snag log` records one"
            } else {
                "no events fit: `snag events` without filters lists all, `snag log` records one"
            });
        }
        Format::Markdown => output.document(&render::markdown::events(events, output.look()))?,
        Format::Text => output.line(&render::events(events, output.look()))?,
    }
    if let Some(next) = page.next {
        output.note(&format!("there are more: add --cursor {next}"));
    }
    Ok(())
}

/// `snag export`; fails with 65 where snagd's journal has lost something.
pub(crate) async fn export(
    filter: &Filter,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    if let Some(behind) = behind(&connection.get("/v1/status").await?) {
        let message = format!(
            "nothing is exported, it would lack what snagd's index has not reached: that is at {behind} of its records; say it again once `snag status` says that it is up to date"
        );
        return Err(stop(Code::Unavailable, message));
    }
    let (mut cursor, mut lacks) = (None, 0);
    loop {
        let mut query = Query::new(&filter.asked);
        query.say("class", filter.class.as_deref()).say("cursor", cursor.as_deref());
        query.say("order", Some("oldest")).say("limit", Some(EXPORT_PAGE));
        let page = fetch(&mut connection, query, output).await?;
        lacks += page.lacks;
        let mut lines = Vec::new();
        for event in &page.events {
            lines.extend(serde_json::to_vec(event)?);
            lines.push(b'\n');
        }
        if !lines.is_empty() {
            output.json(&lines)?;
        }
        match page.next {
            None => break,
            next => cursor = next,
        }
    }
    let status: Status = read(&connection.get("/v1/status").await?)?;
    let lost = match (lacks, status.journal.damaged) {
        (0, 0) => return Ok(()),
        // Once the index is built anew, nobody knows any more how many there were.
        (0, _) => "the export may lack events: snagd's journal is damaged".to_owned(),
        (lacks, _) => {
            let events = render::plural(lacks, "event", "events");
            format!("the export lacks {events}: snagd's journal has lost them")
        }
    };
    Err(stop(Code::BadData, format!("{lost}; {LOST_ADVICE}")))
}

/// `snag status`.
pub(crate) async fn status(global: &Global, output: &Output) -> anyhow::Result<()> {
    let answer = async {
        let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
        connection.get("/v1/status").await
    };
    let answer = answer.await;
    let outboxes = outbox::look();
    if answer.is_err() {
        for outbox in &outboxes {
            output.note(&render::waits(outbox, output.look()));
        }
    }
    let answer = answer?;
    if output.format == Format::Json {
        // As snagd said it, and what it cannot know.
        let said = answer.body.trim_ascii_end();
        let said = said.strip_suffix(b"}").context("snagd's answer is no object")?;
        let ours = serde_json::to_vec(&outboxes)?;
        return output.json(&[said, b",\"outbox\":", &ours, b"}"].concat());
    }
    output.line(&render::status(&read(&answer)?, &outboxes, output.look()))
}
