//! The questions that snagd and SQLite are asked, and what both must say.

use std::collections::BTreeMap;
use std::fmt::Debug;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;
use snag::client::Connection;
use snag::event::{Day, Word};
use snag::hotspot::{Hotspot, Window};
use snag::index::{CoverageAnswer, HotspotsAnswer, WhyAnswer};
use uuid::Uuid;

use crate::answers::{Counts, Covered, Pains};
use crate::story::Story;

/// The question behind a place's rank.
pub(crate) const WHY: &str = "why a place";
/// Who used what lately.
pub(crate) const COVERAGE: &str = "/v1/coverage?since=28d";
/// As many rows a ranking has at most.
const MOST_ROWS: usize = 1000;
/// How many events lie before a page that comes late.
const DEEP: usize = 20_000;

/// A question, as each of them is asked for the nth time.
pub(crate) struct Question {
    pub(crate) what: String,
    pub(crate) ours: Box<dyn Fn(u64) -> String>,
    pub(crate) theirs: Box<dyn Fn(u64) -> String>,
    /// Fails where their answers differ.
    pub(crate) compare: fn(&[u8], &[u8]) -> anyhow::Result<()>,
}

/// The pain of every place: a ranking without quotes, and SQLite's GROUP BY.
pub(crate) async fn pain(asked: &mut Connection) -> anyhow::Result<Question> {
    let window = days(asked).await?;
    Ok(Question {
        what: format!("pain by place, {MOST_ROWS} at most"),
        ours: Box::new(|_| format!("/v1/hotspots?flat=true&top={MOST_ROWS}")),
        theirs: Box::new(move |_| format!("/hotspots/{window}")),
        compare: same_pain,
    })
}

/// The other questions, where so many events are loaded.
pub(crate) async fn all(
    asked: &mut Connection,
    story: &Story,
    loaded: usize,
) -> anyhow::Result<Vec<Question>> {
    let window = days(asked).await?;
    let places: Vec<String> = (0..100).map(|nth| story.a_place(nth)).collect();
    let place = move |nth: u64| places[usize::try_from(nth).unwrap_or(0) % places.len()].clone();
    let (our, their) = (place.clone(), window.clone());
    let why = Question {
        what: WHY.to_owned(),
        ours: Box::new(move |nth| format!("/v1/why?place={}", our(nth))),
        theirs: Box::new(move |nth| format!("/why/{their}/{}", place(nth))),
        compare: same_counts,
    };
    let page = |what: String, ours: String, theirs: String| Question {
        what,
        ours: Box::new(move |_| ours.clone()),
        theirs: Box::new(move |_| theirs.clone()),
        compare: same_events,
    };
    let first = page(
        "events, a page of 50".to_owned(),
        "/v1/events?limit=50".to_owned(),
        format!("/events/{}/{}", i64::MAX, Uuid::max()),
    );
    let before = DEEP.min(loaded / 2000 * 1000);
    let (ours, theirs) = deep(asked, before).await?;
    let late = page(format!("events, a page of 50 behind {before}"), ours, theirs);
    let coverage = Question {
        what: "coverage of 28 days".to_owned(),
        ours: Box::new(|_| COVERAGE.to_owned()),
        theirs: Box::new(move |_| format!("/coverage/{window}")),
        compare: same_coverage,
    };
    Ok(vec![why, first, late, coverage])
}

/// The default window as SQLite is asked for it.
async fn days(asked: &mut Connection) -> anyhow::Result<String> {
    let answer: HotspotsAnswer = serde_json::from_slice(&asked.get("/v1/hotspots").await?.body)?;
    let day = |day: Day| day.start().as_second() / (24 * 60 * 60);
    let Window { since, until } = answer.window;
    Ok(format!("{}/{}", day(since), day(until)))
}

/// The addresses of a page that comes behind so many thousand events.
pub(crate) async fn deep(
    asked: &mut Connection,
    events: usize,
) -> anyhow::Result<(String, String)> {
    let mut cursor = String::new();
    for _ in 0..events / 1000 {
        let path = format!("/v1/events?limit=1000{cursor}");
        let page: Value = serde_json::from_slice(&asked.get(&path).await?.body)?;
        let next = page["next"].as_str().context("there is no next page")?;
        cursor = format!("&cursor={next}");
    }
    let ours = format!("/v1/events?limit=50{cursor}");
    let page: Value = serde_json::from_slice(&asked.get(&ours).await?.body)?;
    let first = &page["events"][0];
    let said = |field: &str| first[field].as_str().context("an event has no such field");
    let at: Timestamp = said("at")?.parse()?;
    let theirs = format!("/events/{}/{}", at.as_millisecond(), said("id")?);
    Ok((ours, theirs))
}

/// As much pain at each place that we answer.
fn same_pain(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let ours: HotspotsAnswer = serde_json::from_slice(ours)?;
    let theirs: Pains = serde_json::from_slice(theirs)?;
    ensure!(!ours.rows.is_empty(), "nothing hurts");
    ensure!(ours.rows.len() == theirs.len().min(MOST_ROWS), "not as many places");
    let name = |row: &Hotspot| row.key.name().unwrap_or_default().to_owned();
    let pain = |row: &Hotspot| (name(row), row.figures.pain.cast_signed());
    let ours: BTreeMap<_, _> = ours.rows.iter().map(pain).collect();
    same(&ours, &theirs.into_iter().filter(|(place, _)| ours.contains_key(place)).collect())
}

/// As many of each kind; but where our answer is about other places as well.
fn same_counts(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let WhyAnswer { why, .. } = serde_json::from_slice(ours)?;
    if why.places != [why.place] {
        return Ok(());
    }
    let ours = why.kinds.iter().map(|(kind, events)| (kind.word().to_owned(), *events)).collect();
    same(&ours, &serde_json::from_slice::<Counts>(theirs)?.kinds)
}

/// The same ids in the same order.
fn same_events(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let (ours, theirs): (Value, Value) =
        (serde_json::from_slice(ours)?, serde_json::from_slice(theirs)?);
    let ids = |events: &Value| -> BTreeMap<usize, Value> {
        let events = events.as_array().into_iter().flatten();
        events.map(|event| event["id"].clone()).enumerate().collect()
    };
    same(&ids(&ours["events"]), &ids(&theirs))
}

/// As many events and people at each place.
fn same_coverage(ours: &[u8], theirs: &[u8]) -> anyhow::Result<()> {
    let ours: CoverageAnswer = serde_json::from_slice(ours)?;
    let theirs: Vec<Covered> = serde_json::from_slice(theirs)?;
    let ours = ours.places.iter().filter(|row| 0 < row.reports);
    let ours = ours.map(|row| (row.place.to_string(), (row.reports, row.told))).collect();
    let theirs = theirs.into_iter().map(|(place, events, people, ..)| (place, (events, people)));
    let theirs = theirs.map(|(place, (events, people))| (place, (events.into(), people as usize)));
    same(&ours, &theirs.collect())
}

fn same<K: Ord + Debug, V: PartialEq + Debug>(
    ours: &BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
) -> anyhow::Result<()> {
    let other = ours.keys().chain(theirs.keys()).find(|key| ours.get(key) != theirs.get(key));
    if let Some(key) = other {
        bail!("{key:?} is {:?}, to SQLite {:?}", ours.get(key), theirs.get(key));
    }
    Ok(())
}
