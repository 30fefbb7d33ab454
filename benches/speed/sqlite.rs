//! What a user would otherwise write: the same server, inserting into SQLite.
//!
//! Write-ahead log and `synchronous=FULL`, so that it keeps the promise that we keep; whatever waits
//! is one transaction; the points are counted when an event comes, and each index holds all that its
//! question reads: see `answers`, <https://www.sqlite.org/wal.html> and
//! <https://www.sqlite.org/queryplanner.html> (covering indexes).

use std::path::Path;

use anyhow::Context;
use axum::Router;
use rusqlite::{Connection, params};

use crate::answers;
use crate::beside::{Job, Write};

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -32768;
    CREATE TABLE event (
        id BLOB PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL,
        day INTEGER NOT NULL, place TEXT NOT NULL, person TEXT NOT NULL, points INTEGER NOT NULL,
        kind TEXT NOT NULL, outcome TEXT NOT NULL, version TEXT NOT NULL
    ) WITHOUT ROWID;
";
/// The pain of all places, the counts of one, and what is newest.
pub(crate) const INDEXES: &str = "
    CREATE INDEX pain ON event (day, place, person, points);
    CREATE INDEX why ON event (place, day, kind, outcome, version, person, points);
    CREATE INDEX newest ON event (at);
";
const INSERT: &str = "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Makes a database, what inserts, and what answers.
pub(crate) fn open(path: &Path) -> anyhow::Result<(Write, Router)> {
    let mut writer = Connection::open(path).context("the database cannot be made")?;
    writer.execute_batch(SCHEMA)?;
    writer.execute_batch(INDEXES)?;
    let write = move |jobs: &[Job]| {
        let all = writer.transaction()?;
        {
            let mut insert = all.prepare_cached(INSERT)?;
            for (post, body) in jobs.iter().flat_map(|job| &job.posts) {
                insert.execute(params![
                    post.id.as_bytes(),
                    post.at.as_millisecond(),
                    body.as_ref(),
                    post.day(),
                    post.place,
                    post.person,
                    post.points(),
                    post.kind(),
                    post.outcome(),
                    post.version(),
                ])?;
            }
        }
        all.commit()?;
        Ok(())
    };
    Ok((Box::new(write), answers::of(path)?))
}
