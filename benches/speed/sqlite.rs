//! What a user would otherwise write: the same server, inserting into SQLite, and its pain by one
//! GROUP BY.
//!
//! Write-ahead log and `synchronous=FULL`, so that it keeps the promise that we keep; whatever waits
//! is one transaction; the points are counted when an event comes, and the index holds all that the
//! question reads. See <https://www.sqlite.org/wal.html> and
//! <https://www.sqlite.org/queryplanner.html> (covering indexes).

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::{Path as Days, State};
use axum::routing::get;
use hyper::StatusCode;
use rusqlite::{Connection, params};
use snag::event::{Kind, Outcome, Severity};

use crate::beside::{Job, Post, Write};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -32768;
    CREATE TABLE event (
        id BLOB PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL,
        day INTEGER NOT NULL, place TEXT NOT NULL, person TEXT NOT NULL, points INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX pain ON event (day, place, person, points);
    CREATE INDEX newest ON event (at);
";

const INSERT: &str = "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)";

/// The design's sentence: each person adds the worst of each day, and nobody more than 20.
const PAIN: &str = "
    SELECT place, sum(pain) AS pain, count(*) AS people FROM (
        SELECT place, person, min(20, sum(points)) AS pain FROM (
            SELECT place, person, max(points) AS points FROM event
            WHERE day BETWEEN ? AND ? GROUP BY day, place, person
        ) GROUP BY place, person
    ) WHERE 0 < pain GROUP BY place ORDER BY pain DESC, people DESC, place
";

/// A place's pain.
pub(crate) type Row = (String, i64);

/// Makes a database, what inserts, and what answers.
pub(crate) fn open(path: &Path) -> anyhow::Result<(Write, Router)> {
    let mut writer = Connection::open(path).context("the database cannot be made")?;
    writer.execute_batch(SCHEMA)?;
    let reader = Connection::open(path)?;
    reader.execute_batch("PRAGMA cache_size = -32768; PRAGMA mmap_size = 4294967296;")?;
    let router = Router::new().route("/v1/hotspots/{since}/{until}", get(hotspots));
    let router = router.with_state(Arc::new(Mutex::new(reader)));
    let write = move |jobs: &[Job]| {
        let all = writer.transaction()?;
        {
            let mut insert = all.prepare_cached(INSERT)?;
            for (post, body) in jobs.iter().flat_map(|job| &job.posts) {
                let (at, id) = (post.at.as_millisecond(), post.id.as_bytes());
                let day = post.at.as_second().div_euclid(24 * 60 * 60);
                let (place, person) = (&post.place, &post.person);
                insert.execute(params![id, at, body.as_ref(), day, place, person, points(post)])?;
            }
        }
        all.commit()?;
        Ok(())
    };
    Ok((Box::new(write), router))
}

fn points(post: &Post) -> u32 {
    if post.kind == Some(Kind::Delight) {
        return 0;
    }
    match post.outcome.map_or(Severity::Minor, Outcome::severity) {
        Severity::Cosmetic => 1,
        Severity::Minor => 3,
        Severity::Major => 10,
        Severity::Blocker => 30,
    }
}

/// The pain of the days `since` to `until`, counted from 1970, both included.
async fn hotspots(
    State(reader): State<Arc<Mutex<Connection>>>,
    Days(window): Days<(i64, i64)>,
) -> Result<String, StatusCode> {
    let asked = tokio::task::spawn_blocking(move || ask(&reader, window));
    let answer = asked.await.map_err(anyhow::Error::from).and_then(|answer| answer);
    answer.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn ask(reader: &Mutex<Connection>, (since, until): (i64, i64)) -> anyhow::Result<String> {
    let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
    let mut question = reader.prepare_cached(PAIN)?;
    let rows = question.query_map([since, until], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    Ok(serde_json::to_string(&rows)?)
}
