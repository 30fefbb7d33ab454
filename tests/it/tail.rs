//! `snag tail`: live, once each, in order, whatever becomes of the daemon.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Snagd, bare_shell, redact, snag, until, wait};
use crate::stream::Stream;

/// A tail that runs, its output in files.
struct Tail {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Tail {
    fn start(snagd: &Snagd, args: &[&str]) -> Self {
        let (out, err) = (snagd.path("tail.out"), snagd.path("tail.err"));
        let mut command = snag(snagd.dir.path());
        command
            .arg("tail")
            .args(args)
            .env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        Self { child: command.spawn().unwrap(), out, err }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.out).unwrap();
        // The last may be half written.
        text.split_inclusive('\n')
            .filter_map(|line| Some(line.strip_suffix('\n')?.to_owned()))
            .collect()
    }

    fn notes(&self) -> String {
        fs::read_to_string(&self.err).unwrap()
    }

    #[track_caller]
    fn until(&mut self, what: &str, is_true: impl Fn(&Self) -> bool) {
        until(what, || {
            let ended = self.child.try_wait().unwrap();
            assert_eq!(ended, None, "it ended: {} {:#?}", self.notes(), self.lines());
            is_true(self)
        });
    }

    fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("it does not end: {}", self.notes()))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(snagd: &Snagd, place: &str, note: &str) -> String {
    let event = json!({"place": place, "note": note, "person": "ana"});
    snagd.post(&event.to_string()).is(201).json()["id"].as_str().unwrap().to_owned()
}

/// Posts an event to a daemon that may be away; some if it was acknowledged.
fn try_post(socket: &Path) -> Option<()> {
    let body = r#"{"place":"web/a","note":"x","person":"ana"}"#;
    let head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let mut stream = UnixStream::connect(socket).ok()?;
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 201").then_some(())
}

#[test]
fn through_kills_and_restarts_every_event_comes_once_and_in_order() {
    const KILLS: usize = 3;
    let mut snagd = Snagd::start();
    post(&snagd, "web/first", "so that it is known when the tail has begun");
    let mut tail = Tail::start(&snagd, &["--json", "-n", "1"]);
    tail.until("it shows the last event", |tail| tail.lines().len() == 1);
    let (stop, posted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (stop, posted, socket) = (stop.clone(), posted.clone(), snagd.socket());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match try_post(&socket) {
                        Some(()) => drop(posted.fetch_add(1, Ordering::Relaxed)),
                        // The daemon that is to come back needs the processor, too.
                        None => thread::sleep(Duration::from_millis(5)),
                    }
                }
            })
        })
        .collect();
    let more = |count: u64| {
        let before = posted.load(Ordering::Relaxed);
        until("events are posted", || before + count <= posted.load(Ordering::Relaxed));
    };
    for kill in 1..=KILLS {
        more(50);
        snagd.kill();
        tail.until("it notes that the daemon is gone", |tail| {
            tail.notes().matches("lost snagd").count() == kill
        });
        snagd.restart();
        // Also what is posted before it is back.
        more(20);
        tail.until("it notes that the daemon is back", |tail| {
            tail.notes().matches("snagd is back").count() == kill
        });
    }
    more(20);
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.join().unwrap();
    }
    let count = snagd.events().len();
    assert!(posted.load(Ordering::Relaxed) < count as u64, "every acknowledged event is there");
    let mut journal = Stream::open(&snagd, "?after=0", "");
    let recorded: Vec<String> = (0..count).map(|_| journal.next().data).collect();
    tail.until("it shows all of them", |tail| count <= tail.lines().len());
    assert!(tail.lines() == recorded, "{count} recorded, {} shown", tail.lines().len());
    assert_eq!(tail.notes().lines().count(), 2 * KILLS, "{}", tail.notes());
}

#[test]
fn it_shows_the_last_and_then_what_comes() {
    let snagd = Snagd::start();
    for n in 1..=5 {
        post(&snagd, "web/checkout", &format!("note {n}"));
    }
    post(&snagd, "cli/deploy", "elsewhere");
    let mut tail = Tail::start(&snagd, &["-n", "2", "--under", "web"]);
    tail.until("it shows the last", |tail| tail.lines().len() == 3);
    post(&snagd, "cli/deploy", "elsewhere again");
    let id = post(&snagd, "web/checkout/pay", "card form\ncleared \u{1b}[2J");
    snagd.delete(&format!("/v1/events/{id}")).is(204);
    tail.until("it shows both", |tail| tail.lines().len() == 5);
    let text = tail.lines().join("\n");
    let clock = regex::Regex::new(r"(?m)^(\d\d:\d\d:\d\d|[A-Z][a-z]{2} \d+) ").unwrap();
    let you = regex::Regex::new(r"(?m) by \S+$").unwrap();
    let text = redact(&text);
    insta::assert_snapshot!(you.replace(&clock.replace_all(&text, "<clock> "), " by <you>"));
    assert_eq!(tail.notes(), "");
}

#[test]
fn ctrl_c_ends_it_as_it_ends_any_program() {
    let snagd = Snagd::start();
    let mut tail = Tail::start(&snagd, &[]);
    tail.until("it has begun", |tail| tail.lines().len() == 1);
    let pid = tail.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(tail.wait().signal(), Some(2), "{}", tail.notes());
    assert_eq!(tail.notes(), "");
}

#[test]
fn it_ends_with_its_reader_though_nothing_happens() {
    let snagd = Snagd::start();
    post(&snagd, "web/a", "the only event");
    let mut shell = bare_shell(snagd.dir.path());
    shell.arg("snag tail | head -n 1; echo ${PIPESTATUS[0]}");
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let output = shell.output().unwrap();
    let said = crate::harness::Said::of("snag tail | head".to_owned(), &output);
    assert!(said.stdout.starts_with("at (UTC)") && said.stdout.ends_with("\n0\n"), "{said:#?}");
    assert_eq!(said.stderr, "");
}

#[test]
fn a_daemon_with_another_journal_is_not_taken_for_the_same() {
    let mut snagd = Snagd::start();
    post(&snagd, "web/a", "one");
    post(&snagd, "web/a", "two");
    let mut tail = Tail::start(&snagd, &["--json"]);
    tail.until("it shows the last", |tail| tail.lines().len() == 2);
    snagd.stop();
    fs::remove_dir_all(snagd.state()).unwrap();
    snagd.restart();
    assert_eq!(tail.wait().code(), Some(2), "{}", tail.notes());
    assert!(
        tail.notes().contains("not as it was: 2 is beyond the journal's end at 0"),
        "{}",
        tail.notes()
    );
}

#[test]
fn mistakes_are_told_as_everywhere() {
    let snagd = Snagd::start();
    let said = snagd.snag(&["tail", "--kind", "slo"]).ended(2);
    assert!(said.stderr.contains("did you mean `slow`?") && said.stdout.is_empty(), "{said:#?}");
    let said = snagd.snag(&["tail", "--markdown"]).ended(2);
    assert!(said.stderr.contains("hotspots, why and events"), "{said:#?}");
}
