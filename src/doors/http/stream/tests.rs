//! What a stream says while nothing happens, and how it ends: on a clock that jumps.

use std::thread::JoinHandle;

use tempfile::TempDir;

use super::*;
use crate::doors::bench;
use crate::event::{Draft, Place, Source};
use crate::recorder::WritingError;

/// A desk on a directory of its own.
struct Bench {
    desk: Arc<Desk>,
    writing: JoinHandle<Result<(), WritingError>>,
    _dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (desk, writing) = bench::desk(dir.path());
        Self { desk, writing: std::thread::spawn(move || writing.run()), _dir: dir }
    }

    async fn record(&self, place: &str) {
        let draft = Draft::parse(format!(r#"{{"place":"{place}","note":"x"}}"#).as_bytes());
        let sender = Sender::Owner { name: "ana".to_owned() };
        let event = self.desk.admit(draft.unwrap(), sender, Source::Http).unwrap();
        self.desk.recorder.record(vec![event]).await.unwrap();
    }

    fn feed(&self, under: Option<&str>, after: u64, streams: &Streams) -> Feed {
        let under = under.map(|place| Place::parse(place).unwrap());
        let filter = Filter { under, ..Filter::default() };
        let room = streams.room.clone().try_acquire_owned().unwrap();
        Feed::new(self.desk.clone(), filter, after, streams.clone(), room)
    }

    fn end(self) {
        drop(self.desk);
        self.writing.join().unwrap().unwrap();
    }
}

async fn told(feed: Feed) -> (String, Feed) {
    let (chunk, feed) = feed.next().await.expect("the stream goes on");
    (String::from_utf8(chunk.to_vec()).unwrap(), feed)
}

#[tokio::test(start_paused = true)]
async fn while_nothing_happens_it_tells_the_position() {
    let (bench, streams) = (Bench::new(), Streams::new(CancellationToken::new()));
    bench.record("web/a").await;
    let started = Instant::now();
    let (first, feed) = told(bench.feed(Some("web/b"), 1, &streams)).await;
    assert_eq!((first.as_str(), started.elapsed()), ("id: 1\n\n", Duration::ZERO), "at once");
    let (second, feed) = told(feed).await;
    assert_eq!((second.as_str(), started.elapsed().as_secs()), ("id: 1\n\n", 15));
    // What a filter leaves out moves the position, too.
    bench.record("web/a").await;
    let (third, feed) = told(feed).await;
    assert_eq!((third.as_str(), started.elapsed().as_secs()), ("id: 2\n\n", 30));
    bench.record("web/b/c").await;
    let (fourth, feed) = told(feed).await;
    assert!(fourth.starts_with("id: 3\nevent: event\ndata: {"), "{fourth}");
    drop(feed);
    bench.end();
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_the_daemon_stops() {
    let (bench, stop) = (Bench::new(), CancellationToken::new());
    let streams = Streams::new(stop.clone());
    let (_, feed) = told(bench.feed(None, 0, &streams)).await;
    stop.cancel();
    assert!(feed.next().await.is_none(), "told to stop");
    assert_eq!(streams.room.available_permits(), MOST_STREAMS, "and there is room again");
    bench.end();
}

#[tokio::test(start_paused = true)]
async fn a_long_journal_comes_in_chunks_each_record_once() {
    let (bench, streams) = (Bench::new(), Streams::new(CancellationToken::new()));
    let drafts = (1..=CHUNK_RECORDS + 10).map(|n| {
        let sender = Sender::Owner { name: "ana".to_owned() };
        let draft = Draft::parse(format!(r#"{{"place":"web/a","note":"n{n}"}}"#).as_bytes());
        bench.desk.admit(draft.unwrap(), sender, Source::Http).unwrap()
    });
    bench.desk.recorder.record(drafts.collect()).await.unwrap();
    let mut feed = bench.feed(None, 0, &streams);
    let mut ids: Vec<u64> = Vec::new();
    while ids.len() < CHUNK_RECORDS + 10 {
        let chunk;
        (chunk, feed) = told(feed).await;
        assert!(chunk.len() < CHUNK_BYTES + 1024, "{}", chunk.len());
        let found = chunk.lines().filter_map(|line| line.strip_prefix("id: ")?.parse::<u64>().ok());
        ids.extend(found);
    }
    let all: Vec<u64> = (1..=ids.len() as u64).collect();
    assert_eq!(ids, all);
    drop(feed);
    bench.end();
}
