//! Whoever tells while things go wrong, and what they were promised.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::{Answer, Snagd};

/// The ids of events that were acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Arc<Mutex<BTreeSet<String>>>);

impl Acknowledged {
    pub(super) fn add(&self, ids: impl IntoIterator<Item = String>) {
        self.0.lock().unwrap().extend(ids);
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Posts one event with about so many bytes; the status of the answer, 0 where there was none.
    pub(super) fn post(&self, snagd: &Snagd, bytes: usize) -> u16 {
        let id = fresh_id();
        let status = post(&snagd.socket(), &event(&id, bytes)).status;
        if status == 201 {
            self.add([id]);
        }
        status
    }

    /// Each is there; where little was acknowledged beside much else.
    #[track_caller]
    pub(super) fn check_each(&self, snagd: &Snagd) {
        for id in self.0.lock().unwrap().iter() {
            assert_eq!(snagd.get(&format!("/v1/events/{id}")).status, 200, "{id} is lost");
        }
    }

    /// All of it is there, and nothing is there twice.
    #[track_caller]
    pub(super) fn check(&self, snagd: &Snagd) {
        let found: Vec<String> = snagd.events().iter().map(id_of).collect();
        let once: BTreeSet<String> = found.iter().cloned().collect();
        let told = self.0.lock().unwrap();
        let lost: Vec<_> = told.difference(&once).collect();
        assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), told.len());
        assert_eq!(found.len(), once.len(), "an id is recorded once");
    }
}

fn id_of(event: &serde_json::Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

/// An id that nobody in the test had before.
///
/// Those that a test makes on its own thread are the same each time, whatever else runs: so is what a
/// seed makes of them.
pub(super) fn fresh_id() -> String {
    thread_local!(static SERIAL: Cell<u64> = Cell::new(first_serial()));
    let serial = SERIAL.replace(SERIAL.get() + 1);
    format!("00000000-0000-7000-8000-{serial:012x}")
}

/// Tests have threads with names; those they start have none, and get ids of their own.
fn first_serial() -> u64 {
    static NAMELESS: AtomicU64 = AtomicU64::new(1);
    match thread::current().name() {
        Some(_) => 1,
        None => NAMELESS.fetch_add(1, Ordering::Relaxed) << 24,
    }
}

/// An event of about so many bytes.
pub(super) fn event(id: &str, bytes: usize) -> String {
    let bulk = "x".repeat(bytes.saturating_sub(100));
    let place = bulk.len() % 5;
    format!(
        r#"{{"id":"{id}","place":"web/p{place}","person":"ana","note":"it broke","evidence":{{"log":"{bulk}"}}}}"#
    )
}

/// Posts over the unix socket; status 0 where no answer came.
pub(super) fn post(socket: &Path, body: &str) -> Answer {
    let Ok(stream) = UnixStream::connect(socket) else { return Answer::parse(b"") };
    let head = head("application/json", body.len());
    Answer::of(stream, format!("{head}{body}").as_bytes())
}

/// The head of a request that posts a body of so many bytes.
pub(super) fn head(content_type: &str, bytes: usize) -> String {
    format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {bytes}\r\n\r\n"
    )
}
