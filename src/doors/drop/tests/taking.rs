//! What is good is recorded once, and then the file is gone.

use super::*;

#[test]
fn an_object_a_list_and_lines_are_taken() {
    let mut bench = Bench::new();
    bench.drop_file("one.json", event("a"));
    bench.drop_file("pretty", "\n{\n  \"place\": \"web/pay\",\n  \"note\": \"b\"\n}\n");
    bench.drop_file("list.json", format!("[{},\n {}]", event("c"), event("d")));
    bench.drop_file("lines.ndjson", format!("{}\r\n\n{}", event("e"), event("f")));
    assert_eq!(bench.scan(), Pause::UntilItRings);
    assert_eq!(bench.notes(), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(bench.names(), Vec::<String>::new());
    assert_eq!(bench.desk.drops.events.load(Ordering::Relaxed), 6);
    let events = bench.events();
    assert!(events.iter().all(|e| e.source == Source::Drop && e.person == "ana"));
}

#[test]
fn the_draft_may_say_which_client_wrote_it() {
    let mut bench = Bench::new();
    bench.drop_file("a", r#"{"place":"a","note":"n","source":"cli","person":"ben"}"#);
    bench.scan();
    let event = bench.events().remove(0);
    assert_eq!((event.source, event.person.as_str()), (Source::Cli, "ben"));
}

#[test]
fn unfinished_files_are_not_looked_at() {
    let mut bench = Bench::new();
    fs::write(bench.path(".half"), "{\"place\":").unwrap();
    fs::write(bench.path("half.tmp"), "{\"place\":").unwrap();
    bench.scan_twice();
    assert_eq!(bench.names(), [".half", "half.tmp"]);
    assert_eq!(count(&bench.path("")), (0, 0));
}

/// As if the daemon had died after the events were on disk and before the file was removed.
#[test]
fn a_file_that_comes_back_is_recorded_once() {
    let mut bench = Bench::new();
    let ahead = r#"{"place":"a","note":"clock ahead","at":"2999-01-01T00:00:00Z","id":null}"#;
    let text = format!("{}\n{}\nbad\n{ahead}", event("same"), event("same"));
    let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    for _ in 0..2 {
        let path = bench.path(".back");
        fs::write(&path, &text).unwrap();
        let times = FileTimes::new().set_modified(modified);
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        fs::rename(&path, bench.path("a")).unwrap();
        bench.restart();
        bench.scan();
        // Two lines of the same words are two events.
        assert_eq!(bench.notes(), ["clock ahead", "same", "same"]);
    }
    assert_eq!(names_in(&bench.path("rejected")), ["a", "a.why"]);
    assert_eq!(bench.events().len(), 3);
    // The same words, dropped at another time, are told again.
    bench.drop_file("a", event("same"));
    bench.scan();
    assert_eq!(bench.events().len(), 4);
}

#[test]
fn the_owner_of_the_file_is_the_sender() {
    if !is_root() {
        return not_tried("a file of somebody else", "only root gives files away");
    }
    let mut bench = Bench::new();
    let path = bench.path(".b");
    fs::write(&path, r#"{"place":"a","note":"n","person":"ana"}"#).unwrap();
    chown(&path, Some(12345), None).unwrap();
    fs::rename(&path, bench.path("b")).unwrap();
    bench.scan();
    let event = bench.events().remove(0);
    assert_eq!((event.person.as_str(), event.person_verified), ("uid-12345", true));
    assert_eq!(event.claimed_person.as_deref(), Some("ana"));
}

#[test]
fn what_cannot_be_recorded_now_waits() {
    let mut bench = Bench::new();
    bench.drop_file("a", format!("{}\nbad", event("a")));
    bench.drop_file("b", event("b"));
    // A recorder whose writer is gone.
    let (desk, writing) = crate::doors::bench::desk(&bench.dir.path().join("other"));
    drop(writing);
    let taker = bench.taker.take().unwrap();
    drop(taker);
    let handle = bench.runtime.handle().clone();
    let mut taker =
        Taker::new(desk, bench.path(""), Arc::default(), handle, CancellationToken::new());
    assert_eq!(taker.scan(), Pause::Refused);
    assert_eq!(bench.names(), ["a", "b"]);
    bench.restart();
    assert_eq!(bench.scan(), Pause::UntilItRings);
    assert_eq!(bench.notes(), ["a", "b"]);
    assert_eq!(bench.names(), ["rejected"]);
}
