//! What SQLite answers: the questions that snagd is asked, each by what an expert would write.
//!
//! Each reads one index and no events, but for lists. A page of a list begins where the one before
//! ended, by time and id, and counts nothing off. A place is told by one pass over its events of the
//! window, in the order of the index. Notes are not grouped, nothing is folded, and there is no trend.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Asked, State};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{self, HeaderName};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::sqlite::INDEXES;

/// The design's sentence: each person adds the worst of each day, and nobody more than 20.
const PAIN: &str = "
    SELECT place, sum(pain) AS pain, count(*) AS people FROM (
        SELECT place, person, min(20, sum(points)) AS pain FROM (
            SELECT place, person, max(points) AS points FROM event
            WHERE day BETWEEN ? AND ? GROUP BY day, place, person
        ) GROUP BY place, person
    ) WHERE 0 < pain GROUP BY place ORDER BY pain DESC, people DESC, place
";
const WHY: &str = "
    SELECT day, kind, outcome, version, person, count(*), max(points) FROM event
    WHERE place = ? AND day BETWEEN ? AND ? GROUP BY day, kind, outcome, version, person
";
const PAGE: &str = "
    SELECT body FROM event WHERE (at, id) <= (?, ?) ORDER BY at DESC, id DESC LIMIT 50
";
const COVERAGE: &str = "
    SELECT place, count(*), count(DISTINCT person), sum(0 < points), max(day) FROM event
    WHERE day BETWEEN ? AND ? GROUP BY place
";
/// Before many events come at once, and behind them.
const WITHOUT: &str = "DROP INDEX pain; DROP INDEX why; DROP INDEX newest;";
/// An index is sorted in memory as far as possible; only what is posted has to be durable.
const SORTING: &str = "PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; PRAGMA threads = 2;";
const READING: &str = "
    PRAGMA analysis_limit = 1000; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);
    PRAGMA cache_size = -32768; PRAGMA mmap_size = 4294967296;
";

/// Places with their pain.
pub(crate) type Pains = Vec<(String, i64)>;
/// A place's events, its people, how many of the events hurt, and the last day.
pub(crate) type Covered = (String, u32, u32, u32, i64);

/// What the events of a place come to.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    days: BTreeMap<i64, u32>,
    pub(crate) kinds: BTreeMap<String, u32>,
    outcomes: BTreeMap<String, u32>,
    versions: BTreeMap<String, u32>,
    people: BTreeMap<String, u32>,
    /// The worst points of each person and day.
    worst: BTreeMap<String, BTreeMap<i64, u32>>,
}

type Reader = Arc<Mutex<Connection>>;
type Answer = Result<([(HeaderName, &'static str); 1], String), StatusCode>;

/// Answers about a database.
pub(crate) fn of(path: &Path) -> anyhow::Result<Router> {
    let reader = Connection::open(path)?;
    reader.execute_batch(READING)?;
    let router = Router::new()
        .route("/hotspots/{since}/{until}", get(hotspots))
        .route("/why/{since}/{until}/{*place}", get(why))
        .route("/events/{at}/{id}", get(events))
        .route("/coverage/{since}/{until}", get(coverage))
        .route("/indexes/{are_wanted}", get(indexes))
        .route("/settled", get(settled));
    Ok(router.with_state(Arc::new(Mutex::new(reader))))
}

async fn hotspots(
    State(reader): State<Reader>,
    Asked((since, until)): Asked<(i64, i64)>,
) -> Answer {
    answer(reader, move |reader| {
        let mut question = reader.prepare_cached(PAIN)?;
        let rows = question.query_map([since, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Pains = rows.collect::<Result<_, _>>()?;
        Ok(serde_json::to_string(&rows)?)
    })
    .await
}

async fn why(
    State(reader): State<Reader>,
    Asked((since, until, place)): Asked<(i64, i64, String)>,
) -> Answer {
    answer(reader, move |reader| {
        let mut question = reader.prepare_cached(WHY)?;
        let mut rows = question.query(params![place, since, until])?;
        let mut counts = Counts::default();
        while let Some(row) = rows.next()? {
            let (day, events): (_, u32) = (row.get(0)?, row.get(5)?);
            let person: String = row.get(4)?;
            *counts.days.entry(day).or_default() += events;
            *counts.kinds.entry(row.get(1)?).or_default() += events;
            *counts.outcomes.entry(row.get(2)?).or_default() += events;
            *counts.versions.entry(row.get(3)?).or_default() += events;
            *counts.people.entry(person.clone()).or_default() += events;
            let worst = counts.worst.entry(person).or_default().entry(day).or_default();
            *worst = row.get::<_, u32>(6)?.max(*worst);
        }
        Ok(serde_json::to_string(&counts)?)
    })
    .await
}

async fn events(State(reader): State<Reader>, Asked((at, id)): Asked<(i64, Uuid)>) -> Answer {
    answer(reader, move |reader| {
        let mut question = reader.prepare_cached(PAGE)?;
        let mut rows = question.query(params![at, id.as_bytes()])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(String::from_utf8(row.get(0)?)?);
        }
        Ok(format!("[{}]", events.join(",")))
    })
    .await
}

async fn coverage(
    State(reader): State<Reader>,
    Asked((since, until)): Asked<(i64, i64)>,
) -> Answer {
    answer(reader, move |reader| {
        let mut question = reader.prepare_cached(COVERAGE)?;
        let rows = question.query_map([since, until], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        let rows: Vec<Covered> = rows.collect::<Result<_, _>>()?;
        Ok(serde_json::to_string(&rows)?)
    })
    .await
}

/// Begins to take the indexes away, or to make them anew: quicker for many events, and the indexes are
/// dense.
async fn indexes(State(reader): State<Reader>, Asked(are_wanted): Asked<bool>) -> StatusCode {
    let reader = reader.lock_owned().await;
    tokio::task::spawn_blocking(move || {
        let change = if are_wanted { INDEXES } else { WITHOUT };
        if let Err(error) = reader.execute_batch(&[SORTING, change, READING].concat()) {
            crate::say(&format!("SQLite does not change its indexes: {error:#}"));
        }
    });
    StatusCode::NO_CONTENT
}

/// Whether that is done.
async fn settled(State(reader): State<Reader>) -> StatusCode {
    reader.try_lock().map_or(StatusCode::SERVICE_UNAVAILABLE, |_| StatusCode::NO_CONTENT)
}

async fn answer(
    reader: Reader,
    ask: impl FnOnce(&Connection) -> anyhow::Result<String> + Send + 'static,
) -> Answer {
    let reader = reader.lock_owned().await;
    let asked = tokio::task::spawn_blocking(move || ask(&reader));
    let answer = asked.await.map_err(anyhow::Error::from).and_then(|answer| answer);
    let answer = answer.map(|json| ([(header::CONTENT_TYPE, "application/json")], json));
    answer.map_err(|error| {
        crate::say(&format!("SQLite does not answer: {error:#}"));
        StatusCode::INTERNAL_SERVER_ERROR
    })
}
