//! How drafts come in and answers go out.
//!
//! Every door turns what it hears into a [`crate::event::Draft`], admits it here and hands it to
//! the one recorder. No door knows another. The wall clock and chance are read here and in the
//! daemon, nowhere below.

pub mod body;
pub mod browser;
pub mod counts;
pub mod drop;
pub mod http;
pub mod keys;
pub mod limits;
pub mod person;
pub mod sentry;
pub mod side;
pub mod strangers;
pub mod token;

use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::event::{
    Arrival, Class, Day, Draft, Event, Forget, Original, Rejection, Sender, Source,
};
use crate::index::Index;
use crate::journal::Reader;
use crate::recorder::{Fate, Lag, Recorder, Refusal};

/// A body as large as this is read off the threads that serve sockets.
const LARGE: usize = 64 * 1024;

/// Does what a body asks for, beside the threads that serve sockets where it is large.
pub(crate) async fn beside_sockets<T: Send + 'static>(
    body: &Bytes,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    if body.len() < LARGE {
        return Ok(read());
    }
    spawn_blocking(read).await.map_err(|error| match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // The daemon stopped before it began.
        Err(_) => Refusal::Failed,
    })
}

/// What every door has at hand.
pub struct Desk {
    /// Where answers come from. Before the recorder: the writer ends with the last of those, and the
    /// index may be opened anew then.
    pub index: Arc<Index>,
    /// Where events go.
    pub recorder: Recorder,
    /// Whether these are complete.
    pub lag: Arc<Lag>,
    /// The journal, for its figures and for streams.
    pub journal: Reader,
    /// The token that reading over TCP needs.
    pub token: token::Hash,
    /// What the doors go by; read afresh for each request.
    pub rules: watch::Sender<Arc<Rules>>,
    /// What `/v1/status` tells beside the figures.
    pub facts: Facts,
    /// What the drop door did since the start.
    pub drops: DropCounts,
    /// What somebody wants forgotten.
    pub wishes: mpsc::Sender<Wish>,
    /// Told when the index turns out to be damaged, so that it is built anew.
    pub doubt: Arc<Notify>,
    /// The room of all large bodies.
    pub bodies: body::Bodies,
    /// What the doors beside the API have.
    pub side: side::Side,
}

/// A wish to have something forgotten, answered once it is written down and will be granted.
pub struct Wish {
    /// What.
    pub forget: Forget,
    /// Whether the journal has, or may have, anything of it.
    pub is_recorded: bool,
    /// Whether what is damaged of the journal goes as well.
    pub loses_damaged: bool,
    /// Whether nothing is to be written down.
    pub is_dry: bool,
    /// Who waits.
    pub answer: oneshot::Sender<io::Result<Granted>>,
}

/// What becomes of a [`Wish`].
#[derive(Debug)]
pub struct Granted {
    /// Files beside the journal that go with it.
    pub copies: Vec<PathBuf>,
    /// Whether it is written down: not where there is nothing of it.
    pub is_written: bool,
}

/// What the doors go by: the part of the configuration that may change while the daemon runs.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The user the daemon runs as, and the name of an owner who says none.
    pub owner: person::Owner,
    /// Whether `--by person` shows everybody.
    pub shows_names: bool,
    /// Host names beside localhost and the address connected to.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may post with the snippet, and to `/stream` without a key, and that may
    /// read what a side door answers.
    pub origins: Vec<String>,
    /// A proxy stands in front: then loopback is not this machine's own people.
    pub behind_proxy: bool,
}

/// What does not change while the daemon runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When it started.
    pub started_at: Timestamp,
    /// Where it stores.
    pub state_dir: PathBuf,
    /// Where files are dropped.
    pub drop_dir: PathBuf,
    /// Where it listens, as URLs that `snag --url` takes.
    pub listening: Vec<String>,
    /// Damaged stretches of the journal found at the start.
    pub damaged: u64,
    /// Whether something is still to be forgotten, for which there was no room at the start.
    pub waits_to_forget: bool,
}

/// What the drop door did since the start.
#[derive(Debug, Default)]
pub struct DropCounts {
    /// Events taken from files.
    pub events: AtomicU64,
    /// Files, or lines of them, put into `rejected/`.
    pub rejected: AtomicU64,
}

impl Desk {
    /// The rules of this moment.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.borrow().clone()
    }

    /// How programs and browsers reach snagd over HTTP: by the proxy in front of it, else where it
    /// listens.
    #[must_use]
    pub fn public_url(&self) -> Option<String> {
        let rules = self.rules();
        match rules.allowed_hosts.first() {
            Some(host) if rules.behind_proxy => Some(format!("https://{host}")),
            _ => self.facts.listening.iter().find(|url| url.starts_with("http://")).cloned(),
        }
    }

    /// Files that wait in the drop directory, and files in its `rejected/`.
    #[must_use]
    pub fn dropped(&self) -> (usize, usize) {
        drop::count(&self.facts.drop_dir)
    }

    /// How far the index is, like `120000/1000000`, while it catches up with the journal and
    /// answers are therefore incomplete.
    #[must_use]
    pub fn behind(&self) -> Option<String> {
        let (done, of) = (self.index.position().sequence, self.journal.last());
        self.lag.is_behind().then(|| format!("{done}/{of}"))
    }

    /// How many sequences the index still has to look at, while it catches up.
    #[must_use]
    pub fn to_go(&self) -> Option<u64> {
        let to_go = self.journal.last().saturating_sub(self.index.position().sequence);
        self.lag.is_behind().then_some(to_go)
    }

    /// Checks a draft that just arrived. A "me too" copies from the event it refers to.
    pub fn admit(&self, draft: Draft, sender: Sender, source: Source) -> Result<Event, Rejection> {
        let original = draft.same_as().and_then(|id| self.index.event(id).ok().flatten());
        let original = original.map(|stored| Original::of(&stored.event));
        // Chance is a system call.
        let fresh_id = if draft.has("id") { Uuid::nil() } else { Uuid::now_v7() };
        draft.admit(&Arrival { now: now(), fresh_id, sender, source, original })
    }

    /// Whether a signal is one too many of its person's in this hour: it is counted here, and not to
    /// be recorded. What is sent again is not counted again, what somebody decided about is no noise,
    /// and what another daemon received before was counted there.
    pub fn is_over_limit(&self, event: &Event) -> bool {
        let is_known = || matches!(self.index.recorded_at(event.id), Ok(Some(_)));
        let is_new_noise = event.class == Class::Signal
            && event.decision.is_none()
            && !event.was_received_before()
            && !is_known();
        let is_over = is_new_noise && !self.side.limits.keeps_signal(event, now());
        if is_over {
            self.recorder.meter().count(event.source, Fate::OverLimit);
        }
        is_over
    }
}

impl DropCounts {
    fn add(counter: &AtomicU64, number: usize) {
        counter.fetch_add(number as u64, Ordering::Relaxed);
    }
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What is said of an id whose record does not read any more.
fn lost_before(id: Uuid) -> String {
    format!(
        "the id {id} was recorded before, but that record cannot be read any more: `snagd verify` says what is lost, and a backup may have it; give this event an id of its own to record it anew"
    )
}

/// The wall clock, to the millisecond.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
#[must_use]
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// The UTC day it is.
#[must_use]
pub fn today() -> Day {
    Day::of(now())
}

#[cfg(test)]
mod bench;
