//! A daemon's life: ready, alone on its directory, told to stop.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::harness::{Answer, Dir, Said, Snagd, snag, snagd, until};

/// Runs `snagd` with arguments until it ends by itself.
pub(crate) fn ends(dir: &Dir, args: &[&str]) -> Said {
    let output = snagd(dir.path()).args(args).output().unwrap();
    Said::of(format!("snagd {}", args.join(" ")), &output)
}

#[test]
fn alone_it_says_in_one_line_where_it_listens_and_stores() {
    let dir = Dir::new();
    let mut child = snagd(dir.path()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    let state = dir.path().join("home/.local/state/snag");
    let mut byte = [0];
    while !String::from_utf8_lossy(&log).contains(" stores in ") || byte[0] != b'\n' {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&log));
        log.push(byte[0]);
    }
    let log = String::from_utf8(log).unwrap();
    // The default port may be taken on the machine the test runs on: then it says so and goes on.
    // And the test's directory may lie in memory.
    let notes = ["the port is taken", "is on a tmpfs"].map(|note| usize::from(log.contains(note)));
    let lines = 1 + notes.iter().sum::<usize>();
    assert_eq!(log.lines().count(), lines, "{log}");
    assert!(log.contains(&format!("listens on unix:{}/snag.sock", state.display())), "{log}");
    assert!(log.trim_end().ends_with(&format!("stores in {}", state.display())), "{log}");
    for (path, mode) in [("", 0o700), ("token", 0o600), ("drop", 0o700)] {
        let found = fs::metadata(state.join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn one_daemon_for_one_directory() {
    let mut snagd = Snagd::start();
    let state = snagd.state().display().to_string();
    let other = snagd.path("other.sock").display().to_string();
    let second = ends(&snagd.dir, &["--state-dir", &state, "--socket", &other, "--listen", "none"]);
    assert!(second.stderr.contains("another snagd already runs"), "{second:#?}");
    second.ended(73);
    snagd.post(r#"{"place":"a","note":"the first is unharmed"}"#).is(201);
    snagd.stop();
}

#[test]
fn a_socket_left_behind_is_no_obstacle_but_a_file_is() {
    let mut snagd = Snagd::start();
    snagd.kill();
    assert!(snagd.socket().exists());
    snagd.restart();
    snagd.stop();
    assert!(!snagd.socket().exists(), "a clean stop tidies up");
    fs::write(snagd.socket(), "a file").unwrap();
    let output = snagd.command().stderr(Stdio::piped()).output().unwrap();
    let said = Said::of("snagd".to_owned(), &output).ended(73);
    assert!(said.stderr.contains("--socket"), "{said:#?}");
    assert_eq!(fs::read_to_string(snagd.socket()).unwrap(), "a file");
}

#[test]
fn an_explicit_address_that_is_taken_is_fatal() {
    let snagd = Snagd::start();
    let taken = snagd.address();
    let other = Dir::new();
    let state = other.path().join("state").display().to_string();
    let said = ends(&other, &["--state-dir", &state, "--listen", &taken]).ended(73);
    assert!(said.stderr.contains(&taken) && said.stderr.contains("--listen"), "{said:#?}");
}

#[test]
fn a_path_too_long_for_a_socket_is_a_clear_error() {
    let dir = Dir::new();
    let long = dir.path().join("x".repeat(120)).display().to_string();
    let said = ends(&dir, &["--state-dir", &long, "--listen", "none"]).ended(73);
    assert!(said.stderr.contains("--socket"), "{said:#?}");
}

#[test]
fn told_to_stop_it_answers_what_it_has_begun() {
    let mut snagd = Snagd::start();
    let body = r#"{"place":"a","note":"in flight"}"#;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = UnixStream::connect(snagd.socket()).unwrap();
    // An idle connection must not keep it from stopping.
    let _idle = UnixStream::connect(snagd.socket()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    // The request has arrived once the daemon answers another one on a later connection.
    snagd.get("/v1/status").is(200);
    snagd.signal("TERM");
    until("the daemon says that it stops", || snagd.log().contains("stopping"));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    Answer::parse(&answer).is(201);
    assert!(snagd.wait().success(), "{}", snagd.log());
    assert!(snagd.log().trim_end().ends_with("stopped"), "{}", snagd.log());
    snagd.restart();
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn told_twice_it_leaves_at_once_and_loses_nothing() {
    let mut snagd = Snagd::start();
    snagd.post(r#"{"place":"a","note":"kept"}"#).is(201);
    let mut slow = UnixStream::connect(snagd.socket()).unwrap();
    slow.write_all(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{").unwrap();
    snagd.get("/v1/status").is(200);
    snagd.signal("INT");
    until("the daemon says that it stops", || snagd.log().contains("stopping"));
    snagd.signal("INT");
    assert!(snagd.wait().success(), "{}", snagd.log());
    assert!(snagd.log().contains("leaving at once"), "{}", snagd.log());
    snagd.restart();
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn where_it_cannot_store_it_says_where_and_what_it_needs() {
    let dir = Dir::new();
    // Nobody makes anything there, root neither.
    let said = ends(&dir, &["--state-dir", "/proc/snag", "--listen", "none"]).ended(78);
    assert!(said.stderr.contains("/proc/snag cannot be used"), "{said:#?}");
    assert!(said.stderr.contains("mode 0700"), "{said:#?}");
}

#[test]
fn a_token_others_can_read_is_refused() {
    let mut snagd = Snagd::start();
    snagd.stop();
    let token = snagd.state().join("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let output = snagd.command().stderr(Stdio::piped()).output().unwrap();
    let said = Said::of("snagd".to_owned(), &output).ended(78);
    assert!(said.stderr.contains("chmod 600"), "{said:#?}");
}

#[test]
fn a_file_of_keys_that_cannot_be_read_is_named_with_the_cure() {
    let mut snagd = Snagd::start();
    snagd.stop();
    let keys = snagd.state().join("keys");
    fs::write(&keys, "no key\n").unwrap();
    let output = snagd.command().stderr(Stdio::piped()).output().unwrap();
    let said = Said::of("snagd".to_owned(), &output).ended(78);
    assert!(said.stderr.contains(keys.to_str().unwrap()), "{said:#?}");
    assert!(said.stderr.contains("make new keys with `snag dsn`"), "{said:#?}");
}

#[test]
fn without_tcp_there_is_still_the_socket() {
    let snagd = Snagd::start_with(Dir::new(), &["--listen", "none"]);
    let status = snagd.get("/v1/status").is(200).json();
    assert_eq!(status["listening"].as_array().unwrap().len(), 1);
}

#[test]
fn a_daemon_that_takes_its_time_is_not_waited_for_in_silence() {
    let snagd = Snagd::start();
    let told = snagd.post(r#"{"place":"a","note":"x"}"#).is(201).json();
    let id = told["id"].as_str().unwrap();
    let url = format!("unix:{}", snagd.socket().display());
    for args in [
        &["events"][..],
        &["me-too", "a"],
        &["undo", id],
        &["dsn", "--list"],
        &["signals"],
        &["forget", "--place", "b", "--dry-run"],
        &["tail"],
    ] {
        snagd.signal("STOP");
        let mut command = snag(&snagd.path(""));
        let mut asking = command.args(args).args(["--url", &url]).spawn().unwrap();
        let mut stderr = BufReader::new(asking.stderr.take().unwrap());
        let mut note = String::new();
        stderr.read_line(&mut note).unwrap();
        let expected = "snag: snagd takes its time: waiting for it, Ctrl-C gives up\n";
        assert_eq!(note, expected, "{args:?}");
        snagd.signal("CONT");
        if args[0] == "tail" {
            asking.kill().unwrap();
        }
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).unwrap();
        assert!(!rest.contains("takes its time"), "{args:?}: {rest}");
        let status = asking.wait().unwrap();
        assert!(status.success() || args[0] == "tail", "{args:?}: {rest}");
    }
}

#[test]
fn with_nothing_recorded_it_takes_little_memory() {
    let snagd = Snagd::start();
    let status = fs::read_to_string(format!("/proc/{}/status", snagd.child.id())).unwrap();
    // What a program has in files is shared, and how large it is depends on how it was built.
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 16 * 1024, "{kib} KiB: does sled write the zeros of its histograms again?");
}
