//! Who may do what, asked of the router by senders that the gate has let in: another user of the
//! machine among them, whom no test can be.

use std::thread::JoinHandle;

use axum::body::Body;
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use hyper::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

use super::route::Routes;
use super::*;
use crate::doors::{bench, now};
use crate::event::{Arrival, Draft, Event, MAX_EVENT, Sender, Source};
use crate::recorder::{Refusal, WritingError};

/// The routes of a desk of its own.
struct Bench {
    desk: Arc<Desk>,
    routes: Routes,
    writing: JoinHandle<Result<(), WritingError>>,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (desk, writing) = bench::desk(dir.path());
        let hall = Hall {
            desk: desk.clone(),
            requests: Arc::default(),
            streams: Streams::new(CancellationToken::new()),
            links: Links::default(),
        };
        let routes = Routes::new(routes(), [], hall);
        Self { desk, routes, writing: std::thread::spawn(move || writing.run()), _dir: dir }
    }

    /// Has this recorded, as if it had been received then.
    async fn received(&self, at: Timestamp, sender: Sender, draft: &str) -> Uuid {
        let arrival = Arrival {
            now: at,
            fresh_id: Uuid::now_v7(),
            sender,
            source: Source::Http,
            original: None,
        };
        let event: Event = Draft::parse(draft.as_bytes()).unwrap().admit(&arrival).unwrap();
        let id = event.id;
        self.desk.recorder.record(vec![event]).await.unwrap();
        id
    }

    async fn ask(&self, sender: &Sender, line: &str, body: &str) -> (u16, Value) {
        let (method, path) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(path).extension(sender.clone());
        let request = request.header("content-type", "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.routes.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn status(&self, sender: &Sender, line: &str, body: &str) -> u16 {
        self.ask(sender, line, body).await.0
    }

    fn is_there(&self, id: Uuid) -> bool {
        !self.desk.index.event(id).unwrap().unwrap().is_retracted
    }

    fn end(self) {
        drop((self.desk, self.routes));
        self.writing.join().unwrap().unwrap();
    }
}

fn owner() -> Sender {
    Sender::Owner { name: "ana".to_owned() }
}

fn peer(login: &str) -> Sender {
    Sender::Peer { login: login.to_owned() }
}

fn token(name: &str) -> Sender {
    Sender::Token { name: name.to_owned() }
}

const NOTE: &str = r#"{"place":"web/a","note":"it broke"}"#;
const NOTE_OF_BEN: &str = r#"{"place":"web/a","person":"ben","note":"it broke"}"#;

#[tokio::test]
async fn who_it_happened_to_takes_it_back_and_the_owner_and_nobody_else() {
    let bench = Bench::new();
    let (ben, eve) = (peer("ben"), peer("eve"));
    // Who tells it, who takes it back, and what that comes to.
    let cases = [
        (ben.clone(), NOTE, ben.clone(), 204),
        (ben.clone(), NOTE, eve.clone(), 403),
        (ben.clone(), NOTE, token("ben"), 204),
        (ben.clone(), NOTE, token("eve"), 403),
        (ben.clone(), NOTE, owner(), 204),
        (ben.clone(), NOTE, Sender::Anonymous, 401),
        // Anybody may have said that it was ben.
        (Sender::Anonymous, NOTE_OF_BEN, ben, 403),
        (Sender::Anonymous, NOTE_OF_BEN, token("ben"), 204),
        (Sender::Anonymous, NOTE_OF_BEN, owner(), 204),
    ];
    for (tells, draft, takes_back, expected) in cases {
        let what = format!("{tells:?} tells, {takes_back:?} takes back");
        let id = bench.received(now(), tells, draft).await;
        let status = bench.status(&takes_back, &format!("DELETE /v1/events/{id}"), "").await;
        assert_eq!(status, expected, "{what}");
        assert_eq!(bench.is_there(id), expected != 204, "{what}");
    }
    bench.end();
}

#[tokio::test]
async fn it_is_taken_back_within_the_hour_and_not_later() {
    let bench = Bench::new();
    for (minutes, expected) in [(59, 204), (61, 403)] {
        let then = now() - SignedDuration::from_mins(minutes);
        for (tells, takes_back) in [(peer("ben"), peer("ben")), (owner(), owner())] {
            let id = bench.received(then, tells, NOTE).await;
            let status = bench.status(&takes_back, &format!("DELETE /v1/events/{id}"), "").await;
            assert_eq!(status, expected, "{takes_back:?} after {minutes} minutes");
            assert_eq!(bench.is_there(id), expected != 204, "after {minutes} minutes");
        }
    }
    bench.end();
}

#[tokio::test]
async fn another_user_of_the_machine_changes_nothing_of_others() {
    let bench = Bench::new();
    let signal =
        r#"{"class":"signal","place":"web/a","signal":{"name":"crash","rule":"it ended"}}"#;
    let of_others = bench.received(now(), owner(), signal).await;
    let own = bench.received(now(), peer("ben"), signal).await;
    let mute = r#"{"place":"web/a","signal":"crash"}"#;
    let about = |id: Uuid, what: &str| format!("POST /v1/events/{id}/{what}");
    let forbidden = [
        ("POST /v1/forget", r#"{"person":"ana"}"#),
        ("POST /v1/keys", r#"{"place":"web"}"#),
        ("GET /v1/keys", ""),
        ("DELETE /v1/keys/1", ""),
        ("POST /v1/signals/mute", mute),
        ("POST /v1/signals/unmute", mute),
        (&about(of_others, "confirm"), ""),
        (&about(of_others, "dismiss"), ""),
        (&format!("DELETE /v1/events/{of_others}"), ""),
        ("GET /v1/hotspots?by=person&person=ana", ""),
    ];
    for (line, body) in forbidden {
        let (status, problem) = bench.ask(&peer("ben"), line, body).await;
        assert_eq!(status, 403, "{line}: {problem}");
    }
    assert!(bench.is_there(of_others));
    let event = bench.desk.index.event(of_others).unwrap().unwrap().event;
    assert!(event.decision.is_none(), "{event:?}");
    for line in ["GET /v1/hotspots", "GET /v1/events", &format!("GET /v1/events/{of_others}")] {
        assert_eq!(bench.status(&peer("ben"), line, "").await, 200, "{line}");
    }
    // And is the master of what happened to them.
    assert_eq!(bench.status(&peer("ben"), &about(own, "confirm"), "").await, 200);
    bench.end();
}

#[tokio::test]
async fn an_end_of_two_ids_names_neither() {
    let bench = Bench::new();
    let ids = ["00000000-0000-7000-8000-00000001abcd", "00000000-0000-7000-8000-00000002abcd"];
    for id in ids {
        let draft = format!(r#"{{"id":"{id}","place":"web/a","note":"it broke"}}"#);
        bench.received(now(), owner(), &draft).await;
    }
    for line in ["DELETE /v1/events/abcd", "GET /v1/events/abcd"] {
        let (status, problem) = bench.ask(&owner(), line, "").await;
        assert_eq!(status, 409, "{line}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("ends more than one id"), "{problem}");
        let mut matches: Vec<&str> =
            problem["matches"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        matches.sort_unstable();
        assert_eq!(matches, ids, "{line}");
    }
    assert!(ids.iter().all(|id| bench.is_there(id.parse().unwrap())));
    assert_eq!(bench.status(&owner(), "DELETE /v1/events/1abcd", "").await, 204);
    bench.end();
}

#[tokio::test]
async fn a_body_is_as_large_as_an_event_may_be_and_no_larger() {
    let bench = Bench::new();
    for (bytes, expected) in [(MAX_EVENT, 201), (MAX_EVENT + 1, 413)] {
        let body = format!("{NOTE}{}", " ".repeat(bytes - NOTE.len()));
        assert_eq!(bench.status(&owner(), "POST /v1/events", &body).await, expected, "{bytes}");
    }
    bench.end();
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let response = problem::Problem::from(Refusal::Full).into_response();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
}
