//! SIGKILL while somebody is forgotten: at the next start it is as before or done, and nobody else
//! misses anything.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{Dice, copy, rounds, start_on_copy, strace};
use crate::care::{found, verify};
use crate::harness::{Dir, Snagd, snag, until};

/// Events of each of the two.
const OF_EACH: usize = 1500;

/// A full segment, packed, and one more; every second event is ana's.
fn of_two() -> Snagd {
    let mut snagd = Snagd::start();
    let words = "many words ".repeat(300);
    for batch in 0..5 {
        let line = |n: usize| {
            let person = ["ana", "bob"][n % 2];
            json!({"place": "web/a", "person": person, "note": format!("{batch} {n} {words}")})
                .to_string()
        };
        let lines: Vec<String> = (0..2 * OF_EACH / 5).map(line).collect();
        snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    }
    until("the full segment is packed", || {
        let mut files = fs::read_dir(snagd.state().join("journal")).unwrap();
        files.any(|file| file.unwrap().path().extension().is_some_and(|end| end == "pak"))
    });
    snagd.stop();
    snagd
}

/// How many events ana and bob have.
fn counted(snagd: &Snagd) -> (usize, usize) {
    until("the index is whole", || snagd.get("/v1/status").header("snag-behind").is_none());
    let events = snagd.events();
    let of = |person| events.iter().filter(|event| event["person"] == person).count();
    (of("ana") + of(NEEDLE), of("bob"))
}

#[test]
fn killed_while_it_forgets_it_has_forgotten_all_or_nothing() {
    let before = of_two();
    for round in 0..rounds(3) {
        let mut snagd = start_on_copy(&before.state());
        let url = format!("unix:{}", snagd.socket().display());
        let mut forget = snag(snagd.dir.path());
        forget.args(["forget", "--person", "ana", "--yes", "--url", &url]);
        let mut forgetting = forget.spawn().unwrap();
        // A moment that differs each round, from before it begins until after its end.
        let moment = round % 3 * 500 + Dice::new(round).below(500) as u64;
        thread::sleep(Duration::from_millis(moment));
        snagd.kill();
        forgetting.kill().unwrap();
        forgetting.wait().unwrap();
        snagd.restart();
        let (anas, bobs) = counted(&snagd);
        assert!(anas == OF_EACH || anas == 0, "round {round}, {moment} ms: {anas} of ana's left");
        assert_eq!(bobs, OF_EACH, "round {round}, {moment} ms");
        if anas != 0 {
            snagd.snag(&["forget", "--person", "ana", "--yes"]).ok();
            assert_eq!(counted(&snagd), (0, OF_EACH), "round {round}, {moment} ms");
        }
        snagd.stop();
        let looked = verify(&snagd).ok();
        assert!(looked.stdout.contains(AGREES), "round {round}: {looked:#?}");
    }
}

/// Said of a journal and an index that have the same.
const AGREES: &str = "as the journal has them";
/// Who is to be forgotten, in a name that nothing else contains.
const NEEDLE: &str = "needle-of-ana";

/// A state directory whose next start is to forget somebody, of whom there are traces everywhere.
fn about_to_forget() -> Snagd {
    let mut snagd = Snagd::start();
    for nth in 0..10 {
        let person = [NEEDLE, "bob"][nth % 2];
        let note = format!("{nth} by {person}");
        snagd.post(&json!({"place": "web/a", "person": person, "note": note}).to_string()).is(201);
    }
    let bad = snagd.drop_dir().join("bad.json");
    fs::write(bad.with_extension("tmp"), format!(r#"{{"person":"{NEEDLE}"}}"#)).unwrap();
    fs::rename(bad.with_extension("tmp"), bad).unwrap();
    until("the file is rejected", || snagd.get("/v1/status").json()["drop"]["rejected"] == 1);
    snagd.stop();
    fs::create_dir_all(snagd.state().join("journal/aside")).unwrap();
    fs::write(snagd.state().join("journal/aside/1"), NEEDLE).unwrap();
    fs::write(snagd.state().join("forget.json"), json!({ "person": NEEDLE }).to_string()).unwrap();
    snagd
}

/// What was written down is done once nothing kills it any more, at whatever step it was killed.
#[test]
fn killed_at_any_step_it_forgets_at_the_next_start() {
    let before = about_to_forget();
    assert!(5 <= found(&before.state(), NEEDLE).len(), "there is something to forget");
    let mut killed = 0;
    for call in ["rename", "unlink", "unlinkat", "fsync"] {
        for nth in [1, 2, 5, 9] {
            let dir = Dir::new();
            copy(&before.state(), &dir.path().join("state"));
            let (log, mut snagd) = (dir.path().join("strace"), Snagd::new(dir));
            let inject = format!("{call}:signal=KILL:when={nth}");
            snagd.run_by(strace::around(&log, &inject, &[]));
            let was_killed = snagd.try_restart().is_err();
            snagd.kill();
            snagd.run_by(Vec::new());
            snagd.restart();
            assert_eq!(counted(&snagd), (0, 5), "{inject}\n{}", snagd.log());
            snagd.stop();
            let left = found(&snagd.state(), NEEDLE);
            assert!(left.is_empty(), "{inject}: {left:?}");
            let looked = verify(&snagd).ok();
            assert!(looked.stdout.contains(AGREES), "{inject}: {looked:#?}");
            if !was_killed {
                break;
            }
            killed += 1;
        }
    }
    assert!(6 < killed, "killed {killed} times only");
}
