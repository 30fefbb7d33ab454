//! The outbox: events told to a daemon that is away reach it, and no other, once.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Dir, Said, Snagd, snag, until};

/// A person whose daemon listens elsewhere than on a default socket.
struct Away {
    home: Dir,
    url: String,
}

impl Away {
    fn from(url: String) -> Self {
        Self { home: Dir::new(), url }
    }

    fn snag(&self, args: &[&str]) -> Said {
        Said::new(self.command().args(args), args)
    }

    fn command(&self) -> Command {
        let mut command = snag(self.home.path());
        command.env("SNAG_URL", &self.url);
        command
    }

    fn tell(&self, note: &str) -> Said {
        let said = self.snag(&["log", "web/a", note]).ok();
        assert!(said.stderr.contains("kept, and sent by the next snag"), "{said:#?}");
        said
    }

    /// The one outbox.
    fn outbox(&self) -> PathBuf {
        let root = self.home.path().join("home/.local/state/snag/outbox");
        let mut dirs = fs::read_dir(root).unwrap();
        let dir = dirs.next().unwrap().unwrap().path();
        assert!(dirs.next().is_none(), "one directory for one address");
        dir
    }

    /// The events in it.
    fn waiting(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.outbox()).unwrap().map(|entry| entry.unwrap().path());
        let mut events: Vec<_> =
            names.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        events.sort();
        events
    }
}

/// A daemon that was there, is not now, and may come back.
fn daemon_away() -> (Snagd, Away) {
    let mut snagd = Snagd::start();
    snagd.stop();
    let away = Away::from(format!("unix:{}", snagd.socket().display()));
    (snagd, away)
}

fn notes(snagd: &Snagd) -> Vec<String> {
    let events = snagd.events();
    let mut notes: Vec<_> =
        events.iter().map(|event| event["note"].as_str().unwrap_or_default().to_owned()).collect();
    notes.sort();
    notes
}

#[test]
fn what_waited_is_sent_by_the_next_that_reaches_its_daemon() {
    let (mut snagd, away) = daemon_away();
    let ids: Vec<Value> = ["one", "two", "three"]
        .iter()
        .map(|note| {
            let args = ["log", "web/a", note, "--json"];
            away.snag(&args).ok().json()["id"].clone()
        })
        .collect();
    assert_eq!(away.waiting().len(), 3);
    assert_eq!(fs::read_to_string(away.outbox().join("target")).unwrap(), away.url);
    snagd.restart();
    let said = away.snag(&["hotspots"]).ok();
    assert!(said.stdout.contains("web/a") && said.stderr.is_empty(), "it is counted: {said:#?}");
    assert_eq!(notes(&snagd), ["one", "three", "two"]);
    assert!(away.waiting().is_empty());
    for (event, id) in snagd.events().iter().zip(ids.iter().rev()) {
        assert_eq!(&event["id"], id, "the same ids, the oldest first");
    }
}

#[test]
fn a_log_that_gets_through_takes_along_what_waited() {
    let (mut snagd, away) = daemon_away();
    away.tell("one");
    snagd.restart();
    until("the log got through in time, and the older one after it", || {
        away.snag(&["log", "web/a", "two"]).ok();
        away.waiting().is_empty()
    });
    assert_eq!(notes(&snagd).iter().filter(|note| *note == "one").count(), 1);
}

#[test]
fn what_was_sent_and_not_removed_is_still_one_event() {
    let (mut snagd, away) = daemon_away();
    away.tell("one");
    let file = away.waiting().remove(0);
    let body = fs::read(&file).unwrap();
    snagd.restart();
    away.snag(&["status"]).ok();
    // As after a crash between the answer and the removal.
    fs::write(&file, body).unwrap();
    let again = away.snag(&["status"]).ok();
    assert!(again.stderr.is_empty() && away.waiting().is_empty(), "{again:#?}");
    assert_eq!(notes(&snagd), ["one"]);
}

#[test]
fn many_at_once_lose_and_repeat_nothing() {
    let (mut snagd, away) = daemon_away();
    let tell = |note: String| away.command().args(["log", "web/a", &note]).spawn().unwrap();
    let mut children: Vec<_> = (0..20).map(|n| tell(format!("before {n}"))).collect();
    children.drain(..).for_each(|mut child| assert!(child.wait().unwrap().success()));
    assert_eq!(away.waiting().len(), 20);
    snagd.restart();
    children.extend((0..10).map(|n| tell(format!("after {n}"))));
    children.extend((0..5).map(|_| away.command().arg("events").spawn().unwrap()));
    children.drain(..).for_each(|mut child| assert!(child.wait().unwrap().success()));
    // One that was busy sending may have left what came after.
    away.snag(&["status"]).ok();
    assert!(away.waiting().is_empty());
    let notes = notes(&snagd);
    assert_eq!(notes.len(), 30, "{notes:#?}");
}

#[test]
fn no_other_daemon_gets_it() {
    let mut own = Snagd::start();
    let mut away = Away::from("unix:/nowhere/snag.sock".to_owned());
    away.tell("not for the default one");
    // With this, the default socket is that of our own daemon.
    let runtime = own.dir.path().to_owned();
    let by_default = |args: &[&str]| {
        Said::new(snag(away.home.path()).args(args).env("XDG_RUNTIME_DIR", &runtime), args)
    };
    let said = by_default(&["events", "--json"]).ok();
    assert!(said.stdout.is_empty() && own.events().is_empty(), "{said:#?}");
    assert_eq!(away.waiting().len(), 1);
    own.stop();
    by_default(&["log", "web/a", "for the default one"]).ok();
    let drop = away.home.path().join("home/.local/state/snag/drop");
    assert_eq!(fs::read_dir(&drop).unwrap().count(), 1);
    // Named by its address it is the same daemon.
    away.url = format!("unix:{}", own.socket().display());
    let mut named = away.command();
    named.args(["log", "web/a", "for it, named"]).env("XDG_RUNTIME_DIR", &runtime);
    Said::new(&mut named, &["log"]).ok();
    assert_eq!(fs::read_dir(&drop).unwrap().count(), 2);
    assert_eq!(away.waiting().len(), 1);
}

#[test]
fn it_is_kept_from_others_and_holds_no_secret() {
    let (_snagd, away) = daemon_away();
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let said = Said::new(
        away.command()
            .args(["log", "web/a", &format!("it printed {token}")])
            .env("SNAG_TOKEN", "snag_s3cret"),
        &["log"],
    );
    said.ok();
    let file = away.waiting().remove(0);
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&away.outbox()), mode(&file)), (0o700, 0o600));
    let body = fs::read_to_string(&file).unwrap();
    assert!(!body.contains(&token) && !body.contains("s3cret"), "{body}");
    assert!(body.contains("[scrubbed:github-token]"), "{body}");
}

#[test]
fn what_is_refused_is_put_aside_with_the_reason_and_told_once() {
    let (mut snagd, away) = daemon_away();
    away.tell("one");
    away.tell("two");
    let bad = away.waiting().remove(0);
    let mut event: Value = serde_json::from_slice(&fs::read(&bad).unwrap()).unwrap();
    event["feeling"] = json!("angry");
    fs::write(&bad, event.to_string()).unwrap();
    fs::write(away.outbox().join("00000000-0000-7000-8000-000000000001.json"), "nonsense").unwrap();
    snagd.restart();
    let said = away.snag(&["status"]).ok();
    assert_eq!(said.stderr.matches("was refused").count(), 2, "{said:#?}");
    assert!(said.stderr.contains("`feeling` cannot be `angry`"), "{said:#?}");
    assert!(said.stdout.contains("2 events were refused"), "{said:#?}");
    assert_eq!(notes(&snagd), ["two"]);
    assert!(away.waiting().is_empty());
    let kept = away.outbox().join("rejected").join(bad.file_name().unwrap());
    assert_eq!(fs::read_to_string(&kept).unwrap(), event.to_string());
    let why = fs::read_to_string(kept.with_extension("json.why")).unwrap();
    assert!(why.contains("angry"), "{why}");
    let again = away.snag(&["events"]).ok();
    assert!(again.stderr.is_empty(), "{again:#?}");
}

/// Regression: the outbox removed the only copy there was.
#[test]
fn what_its_daemon_has_lost_since_is_put_aside() {
    let (mut snagd, away) = daemon_away();
    away.tell("needle");
    let file = away.waiting().remove(0);
    let body = fs::read(&file).unwrap();
    snagd.restart();
    away.snag(&["status"]).ok();
    assert!(away.waiting().is_empty());
    // As after a crash between the answer and the removal, on a disk that goes bad.
    fs::write(&file, &body).unwrap();
    let segments = fs::read_dir(snagd.state().join("journal")).unwrap();
    let needle = segments.map(|entry| entry.unwrap().path()).find_map(|path| {
        let bytes = fs::read(&path).ok()?;
        Some((path, bytes.windows(6).position(|window| window == b"needle")?))
    });
    let (segment, at) = needle.unwrap();
    let segment = fs::File::options().write(true).open(segment).unwrap();
    segment.write_all_at(b"N", at as u64).unwrap();
    let said = away.snag(&["status"]).ok();
    assert!(said.stderr.contains("cannot be read any more"), "{said:#?}");
    let kept = away.outbox().join("rejected").join(file.file_name().unwrap());
    assert_eq!(fs::read(kept).unwrap(), body);
}

#[test]
fn what_cannot_be_read_keeps_no_other_waiting() {
    let (mut snagd, away) = daemon_away();
    away.tell("one");
    let bad = away.outbox().join("00000000-0000-7000-8000-000000000001.json");
    fs::create_dir(&bad).unwrap();
    snagd.restart();
    let said = away.snag(&["status"]).ok();
    assert!(said.stderr.contains("waits and cannot be read"), "{said:#?}");
    assert_eq!(notes(&snagd), ["one"]);
}

#[test]
fn undo_of_what_a_slow_daemon_gets_all_the_same_takes_it_back() {
    let snagd = Snagd::start();
    let away = Away::from(format!("unix:{}", snagd.socket().display()));
    snagd.signal("STOP");
    away.tell("one");
    snagd.signal("CONT");
    let said = away.snag(&["undo"]).ok();
    assert!(!said.stdout.contains("before snagd saw it"), "{said:#?}");
    assert!(snagd.events().is_empty());
}

#[test]
fn undo_takes_out_what_waits() {
    let (mut snagd, away) = daemon_away();
    away.tell("one");
    away.tell("two");
    let said = away.snag(&["undo"]).ok();
    assert!(said.stdout.contains("before snagd saw it"), "{said:#?}");
    let id = away.waiting()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    let said = away.snag(&["undo", &id[28..]]).ok();
    assert!(said.stdout.contains(&id[28..]) && away.waiting().is_empty(), "{said:#?}");
    away.tell("three");
    snagd.restart();
    let said = away.snag(&["undo"]).ok();
    assert!(said.stdout.contains("before snagd saw it"), "{said:#?}");
    assert!(snagd.events().is_empty());
    // Once it was sent, it is taken back like any other.
    away.snag(&["log", "web/a", "four"]).ok();
    away.snag(&["status"]).ok();
    assert_eq!(notes(&snagd), ["four"]);
    away.snag(&["undo"]).ok();
    assert!(snagd.events().is_empty());
}

#[test]
fn a_daemon_that_wants_a_token_gets_it_from_whoever_has_one() {
    let snagd = Snagd::start();
    let away = Away::from(format!("http://{}", snagd.address()));
    snagd.signal("STOP");
    away.tell("one");
    snagd.signal("CONT");
    let wrongly =
        |args: &[&str]| Said::new(away.command().args(args).env("SNAG_TOKEN", "snag_wrong"), args);
    let two = wrongly(&["log", "web/a", "two"]).ok();
    assert!(two.stderr.contains("set SNAG_TOKEN") && two.stderr.contains("kept"), "{two:#?}");
    wrongly(&["run", "--at", "cmd/x", "--", "true"]).ok();
    let status = wrongly(&["status"]).ended(77);
    assert!(status.stderr.contains("3 events wait for http://"), "{status:#?}");
    let status = Said::new(
        away.command().args(["status", "--json"]).env("SNAG_TOKEN", snagd.token()),
        &["status"],
    );
    assert_eq!(status.ok().json()["outbox"], json!([]), "sent before it was counted");
    until("all is recorded, once", || notes(&snagd) == ["", "one", "two"]);
}

#[test]
fn who_names_somebody_else_is_told_whose_it_is() {
    let snagd = Snagd::start();
    let away = Away::from(format!("http://{}", snagd.address()));
    let mut log = away.command();
    log.args(["log", "web/a", "one", "--person", "gus"]);
    let as_said = Said::new(&mut log, &["log"]).ok();
    assert!(!as_said.stderr.contains("gus"), "nobody vouches for anybody: {as_said:#?}");
    let with_token = Said::new(log.env("SNAG_TOKEN", snagd.token()), &["log"]).ok();
    let owner = snagd.get("/v1/status").json()["you"]["person"].as_str().unwrap().to_owned();
    let counts = format!("it counts as {owner}'s");
    assert!(with_token.stderr.contains(&counts), "{counts}: {with_token:#?}");
    assert!(with_token.stderr.contains("you said gus"), "{with_token:#?}");
}

#[test]
fn status_counts_what_waits() {
    let away = Away::from("unix:/nowhere/snag.sock".to_owned());
    away.tell("one");
    let said = away.snag(&["status"]).ended(69);
    assert!(said.stderr.contains("1 event waits for unix:/nowhere/snag.sock"), "{said:#?}");
    let snagd = Snagd::start();
    let elsewhere = Away { home: away.home, url: format!("unix:{}", snagd.socket().display()) };
    let status = elsewhere.snag(&["status", "--json"]).ok().json();
    let outbox = &status["outbox"][0];
    assert_eq!(
        (&outbox["target"], &outbox["waiting"]),
        (&json!("unix:/nowhere/snag.sock"), &json!(1))
    );
    assert!(outbox["oldest"].is_string() && status["now"].is_string());
    assert!(0 < status["disk"]["free_bytes"].as_u64().unwrap());
    let said = elsewhere.snag(&["status"]).ok();
    assert!(said.stdout.contains("1 event waits for unix:/nowhere/snag.sock"), "{said:#?}");
}

#[test]
fn what_is_no_snagd_gets_nothing() {
    // A captive portal answers everything with 200, and a page of its own.
    let portal = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = Away::from(format!("http://{}", portal.local_addr().unwrap()));
    std::thread::spawn(move || {
        for stream in portal.incoming() {
            let mut stream = stream.unwrap();
            // One connection after the other, each as long as it lasts.
            while stream.read(&mut [0; 8192]).is_ok_and(|read| read != 0) {
                let page = "<html>Welcome</html>";
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", page.len());
                let _ = stream.write_all(format!("{head}{page}").as_bytes());
            }
        }
    });
    away.tell("one");
    for args in [
        &["hotspots", "--json"][..],
        &["status"],
        &["me-too", "a/b"],
        &["undo", "01938a5e-0000-7000-8000-000000000001"],
        &["signals", "dismiss", "01938a5e"],
        &["tail"],
    ] {
        let said = away.snag(args).ended(69);
        assert!(said.stderr.contains("is not the snagd this snag knows"), "{said:#?}");
        assert_eq!(said.stdout, "", "{args:?}");
    }
    assert_eq!(away.waiting().len(), 1);
}

/// Kept nowhere, it waits for a daemon that is slow: it used to say that nothing was recorded, and
/// the daemon recorded it.
#[test]
fn what_cannot_be_kept_waits_for_a_slow_daemon() {
    let snagd = Snagd::start();
    snagd.signal("STOP");
    let mut command = snag(snagd.dir.path());
    command.args(["log", "web/a", "slow"]).env("SNAG_DROP", "/dev/null/nowhere");
    command.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let started = std::time::Instant::now();
    let child = command.spawn().unwrap();
    // Longer than it waits for a daemon where it can keep the event; sooner would try less.
    crate::harness::until("it has given up keeping it", || 150 < started.elapsed().as_millis());
    snagd.signal("CONT");
    let said = Said::of("snag log".to_owned(), &child.wait_with_output().unwrap()).ok();
    assert!(said.stdout.starts_with("recorded"), "{said:#?}");
    assert_eq!(snagd.events().len(), 1);
}

/// Regression: the daemon of this machine took what was meant for another one's.
#[test]
fn what_is_for_another_machine_goes_to_no_drop_directory() {
    let away = Away::from("http://hub.invalid:7624".to_owned());
    let drop = away.home.path().join("drop");
    let args = ["log", "web/a", "for the hub"];
    let said = Said::new(away.command().args(args).env("SNAG_DROP", &drop), &args).ok();
    assert!(said.stderr.contains("kept, and sent by the next snag"), "{said:#?}");
    assert!(!drop.exists());
    assert_eq!(away.waiting().len(), 1);
}

#[test]
fn a_drop_directory_may_be_relative_and_new() {
    let dir = Dir::new();
    for drop in ["new", "a/new", "a/b/new"] {
        let said = Said::new(
            snag(dir.path())
                .current_dir(dir.path())
                .env("SNAG_DROP", drop)
                .args(["log", "web/a", "x"]),
            &["log"],
        );
        said.ok();
        assert_eq!(std::fs::read_dir(dir.path().join(drop)).unwrap().count(), 1, "{drop}");
    }
}
