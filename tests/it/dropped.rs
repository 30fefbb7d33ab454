//! The drop directory from outside: what is left there while no daemon runs, and while one does.
//! What a file may be and how bad ones are treated is tested beside the door itself.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::harness::{Snagd, until};
use crate::not_tried::not_tried;

fn names(dir: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_logged_without_a_daemon_is_recorded_when_it_is_back() {
    let mut snagd = Snagd::start();
    snagd.stop();
    let said = snagd.snag(&["log", "web/a", "without one", "--did", "abandoned"]).ok();
    assert!(said.stderr.contains("no snagd answers"), "{said:#?}");
    assert!(said.stderr.contains(&snagd.drop_dir().display().to_string()), "{said:#?}");
    let waiting = names(&snagd.drop_dir());
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    snagd.restart();
    until("the file is gone", || names(&snagd.drop_dir()).iter().all(|name| name == "rejected"));
    let events = snagd.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["note"], "without one");
    assert_eq!(events[0]["source"], "cli");
    assert!(waiting[0].starts_with(events[0]["id"].as_str().unwrap()), "the id the CLI made");
}

#[test]
fn a_stopped_daemon_costs_no_patience() {
    let snagd = Snagd::start();
    // It accepts, by the kernel's backlog, but never answers.
    snagd.signal("STOP");
    let said = snagd.snag(&["log", "web/a", "it hangs"]).ok();
    assert!(said.stderr.contains("kept in"), "{said:#?}");
    snagd.signal("CONT");
    until("the event is recorded once", || snagd.events().len() == 1);
    until("the file is gone", || names(&snagd.drop_dir()).iter().all(|name| name == "rejected"));
    assert_eq!(snagd.events().len(), 1, "it went both ways and is one event");
}

#[test]
fn undo_of_a_file_that_the_daemon_has_read_takes_the_event_back() {
    let mut snagd = Snagd::start();
    snagd.stop();
    let dropped = snagd.path("dropped");
    let elsewhere = |command: &mut Command| {
        command.env("SNAG_DROP", &dropped);
    };
    snagd.snag_with(&["log", "web/a", "read already"], elsewhere).ok();
    let file = dropped.join(&names(&dropped)[0]);
    let event = fs::read(&file).unwrap();
    snagd.restart();
    let said = thread::scope(|scope| {
        let undo = scope.spawn(|| snagd.snag_with(&["undo"], elsewhere).ok());
        until("its file is gone", || !file.exists());
        snagd.post_as("application/json", &event).is(201);
        undo.join().unwrap()
    });
    assert!(!said.stdout.contains("before snagd saw it"), "{said:#?}");
    assert!(snagd.events().is_empty());
}

#[test]
fn a_secret_is_taken_out_before_the_file_is_written() {
    let mut snagd = Snagd::start();
    snagd.stop();
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    snagd.snag(&["log", "web/a", &format!("it printed {token}")]).ok();
    let file = snagd.drop_dir().join(&names(&snagd.drop_dir())[0]);
    let text = fs::read_to_string(file).unwrap();
    assert!(!text.contains(&token) && text.contains("[scrubbed:github-token]"), "{text}");
    snagd.restart();
    until("the event is recorded", || snagd.events().len() == 1);
    assert_eq!(snagd.events()[0]["scrubbed"][0]["rule"], "github-token");
}

#[test]
fn files_of_every_shape_are_taken_as_they_come() {
    let snagd = Snagd::start();
    let drop = |name: &str, text: &str| {
        let temporary = snagd.drop_dir().join(format!(".{name}"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, snagd.drop_dir().join(name)).unwrap();
    };
    let one = |note: &str| json!({"place": "web/a", "note": note}).to_string();
    drop("object.json", &one("1"));
    drop("list.json", &format!("[{},{}]", one("2"), one("3")));
    drop("lines.ndjson", &format!("{}\nnonsense\n{}\n", one("4"), one("5")));
    fs::write(snagd.drop_dir().join("unfinished.tmp"), "{").unwrap();
    let token = snagd.state().join("token");
    symlink(&token, snagd.drop_dir().join("link.json")).unwrap();
    until("five events are there", || snagd.events().len() == 5);
    until("only what is unfinished waits", || {
        names(&snagd.drop_dir()) == ["rejected", "unfinished.tmp"]
    });
    let status = snagd.get("/v1/status").json();
    assert_eq!((&status["drop"]["rejected"], &status["drop"]["waiting"]), (&json!(2), &json!(0)));
    assert_eq!(fs::read_to_string(token).unwrap().trim(), snagd.token(), "untouched");
}

#[test]
fn what_has_no_end_keeps_nobody_waiting_who_has_something_forgotten() {
    let snagd = Snagd::start();
    let fifo = snagd.drop_dir().join("fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    symlink("/dev/zero", snagd.drop_dir().join("zeros")).unwrap();
    symlink("/dev/zero", snagd.drop_dir().join(".zeros.tmp")).unwrap();
    let large = File::create(snagd.drop_dir().join("large")).unwrap();
    large.set_len(4 << 30).unwrap();
    let rejected = snagd.drop_dir().join("rejected");
    until("they are rejected", || rejected.exists() && names(&rejected).len() == 6);
    let would = snagd.snag(&["forget", "--person", "ana", "--dry-run"]).ok();
    assert!(would.stdout.starts_with("would forget no event, and 2 files"), "{would:#?}");
    snagd.snag(&["forget", "--person", "ana", "--yes"]).ok();
    let left = ["fifo", "fifo.why", "zeros", "zeros.why"];
    assert_eq!(names(&rejected), left, "nobody knows what else a large one says");
}

/// The kernel keeps so many notices, mostly 16,384, for whoever watches a directory, and drops the rest.
#[test]
fn more_files_than_the_kernel_tells_of_are_taken_once_each() {
    let told = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let told: usize = told.trim().parse().unwrap();
    let many = told + told / 5;
    if 50_000 < many {
        return not_tried("more files than the kernel tells of", &format!("it tells of {told}"));
    }
    let snagd = Snagd::start();
    let elsewhere = snagd.state().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for nth in 0..many {
        let event = json!({"place": "web/a", "note": format!("{nth}")}).to_string();
        fs::write(elsewhere.join(format!("{nth}.json")), event).unwrap();
    }
    // While it does not listen.
    snagd.signal("STOP");
    for nth in 0..many {
        let name = format!("{nth}.json");
        fs::rename(elsewhere.join(&name), snagd.drop_dir().join(name)).unwrap();
    }
    snagd.signal("CONT");
    until("every file is taken", || names(&snagd.drop_dir()).iter().all(|it| it == "rejected"));
    let status = snagd.get("/v1/status").json();
    assert_eq!((&status["events"], &status["drop"]["rejected"]), (&json!(many), &json!(0)));
}

#[test]
fn what_was_dropped_is_exported_and_imported_like_all_else() {
    let snagd = Snagd::start();
    let file = snagd.drop_dir().join("one.json");
    fs::write(file.with_extension("tmp"), r#"{"place":"web/a","note":"dropped"}"#).unwrap();
    fs::rename(file.with_extension("tmp"), &file).unwrap();
    until("the event is recorded", || snagd.events().len() == 1);
    let export = snagd.path("export.ndjson");
    fs::write(&export, snagd.snag(&["export"]).ok().stdout).unwrap();
    let path = export.display().to_string();
    let said = snagd.snag(&["import", &path]).ok();
    assert_eq!(said.stdout, "imported 0, known before 1, rejected 0\n");
    let other = Snagd::start();
    other.snag(&["import", &path]).ok();
    assert_eq!(other.events()[0]["source"], "drop");
}
