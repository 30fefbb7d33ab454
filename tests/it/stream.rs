//! `GET /v1/stream` over real sockets: in order, resumable, filtered, and bounded.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::harness::{Answer, PATIENCE, Snagd, until};

/// An open stream. HTTP/1.0, so that its body is not cut into chunks.
pub(crate) struct Stream(BufReader<UnixStream>);

/// A frame as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) id: u64,
    pub(crate) event: String,
    pub(crate) data: String,
}

impl Stream {
    pub(crate) fn open(snagd: &Snagd, query: &str, headers: &str) -> Self {
        let mut stream = Self::knock(snagd, query, headers);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.0.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
        stream
    }

    fn knock(snagd: &Snagd, query: &str, headers: &str) -> Self {
        let mut stream = UnixStream::connect(snagd.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!("GET /v1/stream{query} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next frame that has data.
    pub(crate) fn next(&mut self) -> Frame {
        loop {
            let frame = self.next_or_position();
            if !frame.data.is_empty() {
                return frame;
            }
        }
    }

    fn next_or_position(&mut self) -> Frame {
        let mut frame = Frame { id: 0, event: String::new(), data: String::new() };
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "the stream ended");
            match line.trim_end_matches('\n').split_once(": ") {
                None => return frame,
                Some(("id", id)) => frame.id = id.parse().unwrap(),
                Some(("event", event)) => event.clone_into(&mut frame.event),
                Some(("data", data)) => data.clone_into(&mut frame.data),
                Some(_) => panic!("{line}"),
            }
        }
    }
}

fn ask(snagd: &Snagd, query: &str, headers: &str) -> Answer {
    snagd.ask(&format!(
        "GET /v1/stream{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    ))
}

/// Posts an event; its JSON as it is stored.
fn post(snagd: &Snagd, place: &str, more: &Value) -> String {
    let mut event = json!({"place": place, "note": "x", "person": "ana"});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    String::from_utf8(snagd.post(&event.to_string()).is(201).body).unwrap()
}

#[test]
fn it_tells_what_is_recorded_from_now_on() {
    let snagd = Snagd::start();
    post(&snagd, "web/before", &json!({}));
    let mut stream = Stream::open(&snagd, "", "");
    let position = stream.next_or_position();
    assert_eq!((position.id, position.data.as_str()), (1, ""));
    let event = post(&snagd, "web/a", &json!({"note": "two\nlines: \u{2028}ä"}));
    let frame = stream.next();
    assert_eq!(frame, Frame { id: 2, event: "event".to_owned(), data: event.clone() });
    let id = serde_json::from_str::<Value>(&event).unwrap()["id"].clone();
    snagd.delete(&format!("/v1/events/{}", id.as_str().unwrap())).is(204);
    let frame = stream.next();
    assert_eq!((frame.id, frame.event.as_str()), (3, "retraction"));
    let retraction: Value = serde_json::from_str(&frame.data).unwrap();
    assert_eq!(retraction["id"], id);
    assert!(retraction["at"].is_string() && retraction["by"].is_string(), "{retraction}");
}

#[test]
fn who_comes_back_goes_on_where_it_was() {
    let mut snagd = Snagd::start();
    let events: Vec<String> = (0..5).map(|_| post(&snagd, "web/a", &json!({}))).collect();
    let ids = |stream: &mut Stream, count: usize| -> Vec<u64> {
        (0..count).map(|_| stream.next().id).collect()
    };
    let mut all = Stream::open(&snagd, "?after=0", "");
    let told: Vec<String> = (0..5).map(|_| all.next().data).collect();
    assert_eq!(told, events, "exactly what is stored, in order");
    snagd.kill();
    snagd.restart();
    assert_eq!(ids(&mut Stream::open(&snagd, "?after=2", ""), 3), [3, 4, 5]);
    // A browser repeats the URL it was given.
    let mut back = Stream::open(&snagd, "?after=0", "Last-Event-ID: 3\r\n");
    assert_eq!(ids(&mut back, 2), [4, 5]);
    let mut end = Stream::open(&snagd, "?after=5", "Last-Event-ID: \r\n");
    post(&snagd, "web/a", &json!({}));
    assert_eq!(ids(&mut end, 1), [6]);
    ask(&snagd, "?after=99", "").tells(400, "99 is beyond the journal's end at 6");
    ask(&snagd, "", "Last-Event-ID: 99\r\n").tells(400, "beyond");
    ask(&snagd, "", "Last-Event-ID: abc\r\n").tells(400, "`Last-Event-ID` is");
    ask(&snagd, "?after=-1", "").tells(400, "`after` is");
}

#[test]
fn filters_are_those_of_the_list_and_as_strict() {
    let snagd = Snagd::start();
    let query = "?under=web&kind=slow&person=ana&version=1&class=report&actor=human";
    let mut stream = Stream::open(&snagd, query, "");
    let slow = json!({"kind": "slow", "version": "1"});
    for (place, more) in [
        ("cli/a", slow.clone()),
        ("web/a", json!({"kind": "error", "version": "1"})),
        ("web/a", json!({"kind": "slow", "version": "2"})),
        ("web/a", json!({"kind": "slow", "version": "1", "person": "ben"})),
        ("web/a", json!({"kind": "slow", "version": "1", "actor": "agent"})),
        ("web/a", json!({"class": "use", "version": "1", "note": null})),
    ] {
        let event: Value = serde_json::from_str(&post(&snagd, place, &more)).unwrap();
        snagd.delete(&format!("/v1/events/{}", event["id"].as_str().unwrap())).is(204);
    }
    let wanted = post(&snagd, "web/a", &slow);
    let id = serde_json::from_str::<Value>(&wanted).unwrap()["id"].clone();
    snagd.delete(&format!("/v1/events/{}", id.as_str().unwrap())).is(204);
    let (told, taken_back) = (stream.next(), stream.next());
    assert_eq!((told.id, told.data.as_str()), (13, wanted.as_str()));
    assert_eq!((taken_back.id, taken_back.event.as_str()), (14, "retraction"));
    ask(&snagd, "?pleace=web", "").tells(400, "there is no parameter `pleace`");
    ask(&snagd, "?kind=slo", "").tells(400, "did you mean `slow`?");
    ask(&snagd, "?since=7d", "").tells(400, "there is no parameter `since`");
}

#[test]
fn over_tcp_it_needs_the_token() {
    let snagd = Snagd::start();
    let ask = |more: &str| {
        snagd.ask_tcp(&format!(
            "GET /v1/stream?after=9 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n"
        ))
    };
    ask("").tells(401, "needs the token");
    ask(&format!("Authorization: Bearer {}\r\n", snagd.token())).tells(400, "beyond");
}

#[test]
fn what_the_journal_lost_is_said() {
    let mut snagd = Snagd::start();
    for n in 1..=4 {
        post(&snagd, "web/a", &json!({"note": format!("note-{n}")}));
    }
    snagd.stop();
    let segment = snagd.state().join("journal/00000000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|window| window == b"note-2").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    snagd.restart();
    let mut stream = Stream::open(&snagd, "?after=0", "");
    let told: Vec<Frame> = (0..4).map(|_| stream.next()).collect();
    let ids: Vec<u64> = told.iter().map(|frame| frame.id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(told[1].event, "missing");
    assert_eq!(told[1].data, r#"{"first":2,"last":2}"#);
}

#[test]
fn there_are_so_many_streams_and_no_more() {
    let snagd = Snagd::start();
    let mut streams: Vec<Stream> = (0..64).map(|_| Stream::open(&snagd, "", "")).collect();
    let refused = ask(&snagd, "", "").tells(503, "64 streams");
    assert_eq!(refused.header("retry-after"), Some("15"));
    post(&snagd, "web/a", &json!({}));
    for stream in &mut streams {
        assert_eq!(stream.next().id, 1);
    }
    streams.truncate(63);
    // That a client is gone shows at the next thing it is told.
    until("there is room for another", || {
        post(&snagd, "web/a", &json!({}));
        let mut stream = Stream::knock(&snagd, "", "");
        let mut line = String::new();
        stream.0.read_line(&mut line).unwrap();
        line.contains("200")
    });
}

#[test]
fn told_to_stop_it_does_not_wait_for_streams() {
    let mut snagd = Snagd::start();
    fill(&snagd, 4);
    let mut idle = Stream::open(&snagd, "", "");
    idle.next_or_position();
    let _stalled = Stream::open(&snagd, "?after=0", "");
    snagd.stop();
    assert!(!snagd.log().contains("did not finish in time"), "{}", snagd.log());
    let mut rest = Vec::new();
    idle.0.read_to_end(&mut rest).unwrap();
    assert_eq!(String::from_utf8_lossy(&rest), "", "it ends between two frames");
}

#[test]
fn who_does_not_read_costs_no_memory() {
    const STREAMS: u64 = 30;
    let snagd = Snagd::start();
    let filled = fill(&snagd, 16);
    let before = resident(&snagd);
    let stalled: Vec<Stream> = (0..STREAMS).map(|_| Stream::open(&snagd, "?after=0", "")).collect();
    fill(&snagd, 4);
    snagd.get("/v1/status").is(200);
    let grown = resident(&snagd).saturating_sub(before);
    let all = filled * STREAMS;
    assert!(grown < all / 5, "{grown} KiB more for {all} KiB that nobody reads");
    // And who begins to read after all gets everything.
    let mut last = stalled.into_iter().next_back().unwrap();
    let frames: Vec<u64> = (0..2000).map(|_| last.next().id).collect();
    assert_eq!(frames, (1..=2000).collect::<Vec<u64>>());
}

/// Posts about so many MiB of events in 100 events a MiB; how many KiB it was.
fn fill(snagd: &Snagd, mebibytes: u64) -> u64 {
    let note = "many words. ".repeat(330);
    let line =
        json!({"place": "web/a", "person": "ana", "note": note, "expected": note, "got": note})
            .to_string();
    let lines = vec![line.as_str(); 50].join("\n");
    for _ in 0..mebibytes * 2 {
        snagd.post_as("application/x-ndjson", lines.as_bytes()).is(200);
    }
    mebibytes * 100 * line.len() as u64 / 1024
}

/// What the daemon has in memory, in KiB.
fn resident(snagd: &Snagd) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", snagd.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
