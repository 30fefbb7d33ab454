//! What is bad is kept, out of the way, with its reasons.

use super::*;

#[test]
fn bad_lines_cost_no_good_ones() {
    let mut bench = Bench::new();
    let wrong = r#"{"place":"web/pay","note":"x","kind":"eror","mood":"bad"}"#;
    let lines = [&event("a"), "nope", &event("b"), wrong, "", &event("c")];
    bench.drop_file("mixed.ndjson", lines.join("\n"));
    bench.scan();
    assert_eq!(bench.notes(), ["a", "b", "c"]);
    assert_eq!(bench.names(), ["rejected"]);
    assert_eq!(bench.rejected("mixed.ndjson"), format!("nope\n{wrong}\n"));
    let why = bench.why("mixed.ndjson");
    let why: Vec<&str> = why.lines().collect();
    assert!(why[0].starts_with("line 1 (2 as it was dropped): this is no JSON"), "{why:?}");
    assert!(why[1].starts_with("line 2 (4 as it was dropped): /kind: "), "{why:?}");
    assert!(why[1].contains("did you mean `error`"), "{why:?}");
    assert!(why[1].contains("; /mood: ") && why.len() == 2, "{why:?}");
    let mode = fs::metadata(bench.path("rejected")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(count(&bench.path("")), (0, 1));
    assert_eq!(bench.desk.drops.rejected.load(Ordering::Relaxed), 1);
}

#[test]
fn what_was_mended_can_be_dropped_again() {
    let mut bench = Bench::new();
    bench.drop_file("a", "[1, {\n\"note\":\n\"x\"}]");
    bench.drop_file("b", format!("[{}", event("lost bracket")));
    bench.scan();
    assert_eq!(bench.rejected("a"), "1\n{ \"note\": \"x\"}\n");
    assert!(bench.why("a").contains("line 2: /place: `place` is missing"));
    assert!(bench.why("b").starts_with("line 1: "));
    fs::write(bench.path("again"), bench.rejected("b") + "]").unwrap();
    bench.scan();
    assert_eq!(bench.notes(), ["lost bracket"]);
}

#[test]
fn secrets_do_not_reach_rejected() {
    let mut bench = Bench::new();
    let key = format!("AKIA{}", "QYLPMN5HHHFPZAM2");
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ\n-----END PRIVATE KEY-----\n";
    bench.drop_file(
        "a",
        format!("{{\"note\":\"{key}\"\n{{\"place\":\"a\",\"note\":1,\"kind\":\"{key}\"}}"),
    );
    bench.drop_file("b", pem);
    bench.scan();
    for name in names_in(&bench.path("rejected")) {
        let text = bench.rejected(&name);
        assert!(!text.contains(&key) && !text.contains("MIIE") && !text.contains("BKcw"), "{text}");
    }
    assert!(bench.rejected("a").contains("[scrubbed:"));
}

#[test]
fn what_the_name_of_a_key_makes_a_secret_does_not_reach_rejected() {
    let mut bench = Bench::new();
    let tags = r#"{"place":"a","note":1,"tags":{"db_password":7,"x":"y"},"evidence":{"argv":["--token","hunter2"]}}"#;
    bench.drop_file("a", tags);
    bench.drop_file("b", r#"{"note": 1,  "place":"a"}"#);
    bench.scan();
    let kept = r#"{"evidence":{"argv":["--token","[scrubbed:key]"]},"note":1,"place":"a","tags":{"db_password":"[scrubbed:key]","x":"y"}}"#;
    assert_eq!(bench.rejected("a"), format!("{kept}\n"));
    assert_eq!(bench.rejected("b"), "{\"note\": 1,  \"place\":\"a\"}\n", "as it was");
    // Whoever reads it again is to see what was said twice.
    let twice = r#"{"place":"a","note":"one","note":"two","tags":{"db_password":"x1y2z3"}}"#;
    bench.drop_file("c", twice);
    bench.scan();
    assert_eq!(bench.rejected("c"), twice.replace("x1y2z3", "[scrubbed:key]") + "\n");
}

#[test]
fn an_id_of_another_event_is_a_bad_line() {
    let mut bench = Bench::new();
    let with_id = |note: &str| {
        format!(r#"{{"id":"01938a5e-7c3b-7d4e-9f00-8a1b4be19c07","place":"a","note":"{note}"}}"#)
    };
    bench.drop_file("1", with_id("first"));
    bench.scan();
    bench.drop_file("2", with_id("first"));
    bench.drop_file("3", format!("{}\n{}", with_id("second"), event("good")));
    bench.scan();
    assert_eq!(bench.notes(), ["first", "good"]);
    assert!(bench.why("3").starts_with("line 1: /id: the id 01938a5e-"), "{}", bench.why("3"));
    assert_eq!(bench.names(), ["rejected"]);
    assert_eq!(bench.desk.drops.events.load(Ordering::Relaxed), 2);
}

#[test]
fn only_plain_files_are_read() {
    let mut bench = Bench::new();
    let secret = bench.dir.path().join("secret");
    fs::write(&secret, event("secret")).unwrap();
    symlink(&secret, bench.path("link")).unwrap();
    symlink("/nowhere", bench.path("dangling")).unwrap();
    fs::hard_link(&secret, bench.path("hard")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.path("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let _socket = UnixListener::bind(bench.path("socket")).unwrap();
    fs::create_dir_all(bench.path("dir/below")).unwrap();
    fs::write(bench.path("empty"), "").unwrap();
    fs::write(bench.path("blank"), " \n\n").unwrap();
    bench.drop_file("good", event("good"));
    bench.scan_twice();
    assert_eq!(bench.notes(), ["good"]);
    assert_eq!(bench.names(), ["rejected"]);
    assert_eq!(count(&bench.path("")), (0, 8));
    assert!(bench.path("rejected/link").is_symlink());
    assert_eq!(fs::read_to_string(&secret).unwrap(), event("secret"));
    let whys = [
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("hard", "hard link"),
        ("fifo", "FIFO"),
        ("socket", "socket"),
        ("dir", "directory"),
        ("empty", "says nothing"),
        ("blank", "says nothing"),
    ];
    for (name, reason) in whys {
        let why = bench.why(name);
        assert!(why.contains(reason) && why.lines().count() == 1, "{name}: {why}");
    }
}

#[test]
fn large_files_are_moved_unread_and_the_largest_allowed_is_taken() {
    let mut bench = Bench::new();
    let most = usize::try_from(file::MOST_BYTES).unwrap();
    let line = event("a") + "\n";
    let padding = " ".repeat(most - line.len());
    bench.drop_file("fits", line.clone() + &padding);
    bench.drop_file("large", line + &padding + " ");
    let huge = File::create(bench.path("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    bench.scan();
    assert_eq!(bench.notes(), ["a"]);
    assert!(bench.why("large").contains("more than 4 MiB"));
    assert_eq!(names_in(&bench.path("rejected")), ["huge", "huge.why", "large", "large.why"]);
}

#[test]
fn many_lines_of_one_file_are_several_jobs() {
    let mut bench = Bench::new();
    let lines: Vec<String> =
        (0..1000).map(|n| if n % 10 == 0 { "bad".to_owned() } else { event("n") }).collect();
    bench.drop_file("many", lines.join("\n"));
    bench.drop_file("few", event("n"));
    bench.scan();
    assert_eq!(bench.events().len(), 901);
    assert_eq!(bench.rejected("many").lines().count(), 100);
    let why = bench.why("many");
    let last = why.lines().last().unwrap();
    assert!(
        why.lines().count() == 100 && last.starts_with("line 100 (991 as it was dropped): "),
        "{last}"
    );
}

#[test]
fn reasons_have_an_end() {
    let mut bench = Bench::new();
    bench.drop_file("bad", "{}\n".repeat(3000));
    bench.scan();
    assert_eq!(bench.rejected("bad").lines().count(), 3000);
    let why = bench.why("bad");
    assert_eq!(why.lines().count(), 1001);
    assert!(why.lines().last().unwrap().starts_with("2000 more lines"));
}

#[test]
fn reasons_hold_nothing_that_a_terminal_obeys() {
    let mut bench = Bench::new();
    bench.drop_file("a", r#"{"place":"a","note":"n","kind":"\u001b[31m\n\u202egnp"}"#);
    bench.scan();
    let why = bench.why("a");
    assert!(!why.contains('\x1b') && !why.contains('\u{202e}') && why.lines().count() == 1);
}

#[test]
fn names_can_be_anything() {
    let mut bench = Bench::new();
    let longest = [b'n'; 255];
    let names: [&[u8]; 8] =
        [b"-rf", b"a\nb", b"\x1b[31mred", b"\xff\xfe", b"a b*?$(x)", b"..", b"x.why", &longest];
    for name in names.iter().filter(|name| **name != b"..") {
        bench.drop_file(OsStr::from_bytes(name), event("good"));
    }
    bench.scan();
    assert_eq!(bench.events().len(), 7);
    assert_eq!(bench.names(), Vec::<String>::new());
    for name in names.iter().filter(|name| **name != b"..") {
        bench.drop_file(OsStr::from_bytes(name), "bad");
    }
    bench.scan();
    assert_eq!(count(&bench.path("")), (0, 7));
    for name in names_in(&bench.path("rejected")) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-%~".contains(c);
        assert!(name.chars().all(is_plain) && !name.starts_with('-'), "{name:?}");
        assert!(is_reason(name.as_bytes()) || !bench.why(&name).is_empty());
    }
}

#[test]
fn the_same_name_twice_overwrites_nothing() {
    let mut bench = Bench::new();
    for text in ["bad one", "bad two", "bad two"] {
        bench.drop_file("a", text);
        bench.scan();
    }
    symlink("/", bench.path("a")).unwrap();
    bench.scan();
    let kept = ["a", "a.why", "a~1", "a~1.why", "a~2", "a~2.why"];
    assert_eq!(names_in(&bench.path("rejected")), kept);
    assert_eq!(
        (bench.rejected("a"), bench.rejected("a~1")),
        ("bad one\n".into(), "bad two\n".into())
    );
}

#[test]
fn a_full_rejected_leaves_bad_files_where_they_are() {
    let mut bench = Bench::new();
    fs::create_dir(bench.path("rejected")).unwrap();
    for number in 0..1000 {
        fs::write(bench.path(format!("rejected/{number}")), "").unwrap();
    }
    let bad = bench.drop_file("bad", format!("{}\nbad", event("good")));
    symlink("/", bench.path("link")).unwrap();
    bench.scan_twice();
    assert_eq!(bench.notes(), ["good"]);
    assert_eq!(bench.names(), ["bad", "link", "rejected"]);
    assert_eq!(count(&bench.path("")), (2, 1000));
    // Good files still pass by.
    bench.drop_file("good", event("more"));
    bench.scan();
    assert_eq!(bench.notes(), ["good", "more"]);
    assert!(bad.exists());
    fs::remove_file(bench.path("rejected/0")).unwrap();
    fs::remove_file(bench.path("rejected/1")).unwrap();
    bench.scan();
    assert_eq!(bench.names(), ["rejected"]);
    assert_eq!(bench.events().len(), 2);
}

#[test]
fn a_rejected_that_is_not_ours_is_put_out_of_the_way() {
    let mut bench = Bench::new();
    let elsewhere = bench.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, bench.path("rejected")).unwrap();
    bench.drop_file("bad", "bad");
    bench.scan_twice();
    assert_eq!(names_in(&elsewhere), Vec::<String>::new());
    assert_eq!(bench.names(), ["rejected"]);
    let kept = ["bad", "bad.why", "rejected%7E1", "rejected%7E1.why"];
    assert_eq!(names_in(&bench.path("rejected")), kept);
}

#[test]
fn a_plain_file_called_rejected_is_a_file_like_any_other() {
    let mut bench = Bench::new();
    bench.drop_file("rejected", event("a"));
    bench.scan_twice();
    assert_eq!(bench.notes(), ["a"]);
    assert_eq!(bench.names(), ["rejected"]);
    assert!(bench.path("rejected").is_dir());
}

#[test]
fn unreadable_files_are_moved_away() {
    if is_root() {
        return not_tried("a file that may not be read", "root reads everything");
    }
    let mut bench = Bench::new();
    let path = bench.path(".a");
    fs::write(&path, event("a")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    fs::rename(&path, bench.path("a")).unwrap();
    // Another user's directory cannot be moved; neither can one of one's own without permissions.
    fs::create_dir(bench.path("stuck")).unwrap();
    fs::set_permissions(bench.path("stuck"), Permissions::from_mode(0o500)).unwrap();
    bench.scan_twice();
    assert!(bench.why("a").contains("may not read"));
    assert_eq!(bench.names(), ["rejected", "stuck"]);
    assert_eq!(names_in(&bench.path("rejected")), ["a", "a.why"]);
}

#[test]
fn names_in_the_log_are_escaped() {
    let shown = format!("{:?}", scan::shown(c"a\n\x1b[31m\xff\xe2\x80\xaeb"));
    assert_eq!(shown, r#""a\n\u{1b}[31m\xFF\u{202e}b""#);
}
