//! SIGKILL while somebody is forgotten: at the next start it is as before or done, and nobody else
//! misses anything.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{Dice, rounds, start_on_copy};
use crate::harness::{self, Said, Snagd, snag, until};

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
    (of("ana"), of("bob"))
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
        let moment = Dice::new(round).below(1500) as u64;
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
        let mut verify = harness::snagd(snagd.dir.path());
        verify.arg("verify").arg("--state-dir").arg(snagd.state());
        let looked = Said::new(&mut verify, &["verify"]).ok();
        assert!(looked.stdout.contains("as the journal has them"), "round {round}: {looked:#?}");
    }
}
