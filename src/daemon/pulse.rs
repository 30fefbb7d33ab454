//! What the watchdog is fed, and the line that `systemctl status` shows.
//!
//! A sign of life is given only after a round trip through the store: through the recorder's queue
//! to the writer, to the journal's disk and to the index; or, while the journal is rewritten at a start,
//! as that gets on. Where any of them hangs there is none, and systemd starts the daemon again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::systemd;
use crate::doors::Desk;
use crate::recorder::Recorder;
use crate::words::plural;

/// Feeds the watchdog twice as often as it asks, and says what there is; ends when the writer has.
///
/// These are the only times the daemon wakes up for systemd.
pub(super) async fn feed(desk: Arc<Desk>, watchdog: Duration) {
    let mut told = String::new();
    beat(&desk.recorder, watchdog / 2, |last| {
        systemd::alive();
        let line = match desk.behind() {
            Some(behind) => format!("catching up with the journal, at {behind}: recording, and answers are incomplete until then"),
            None if desk.facts.waits_to_forget => "recording, and something is still to be forgotten: make room where snagd stores, and it is done".to_owned(),
            None => describe(desk.index.events(), desk.index.places().len() as u64, last),
        };
        if line != told {
            systemd::status(&line);
            told = line;
        }
    })
    .await;
}

/// Calls `alive` with the time of the last event after each round trip that came back.
async fn beat(recorder: &Recorder, every: Duration, mut alive: impl FnMut(Option<Timestamp>)) {
    let mut ticks = interval(every);
    // After a long one, the next is due in full.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match recorder.probe().await {
            Ok(last) => alive(last),
            Err(_) => return,
        }
    }
}

/// How things are, in one line.
fn describe(events: u64, places: u64, last: Option<Timestamp>) -> String {
    let Some(last) = last else { return "nothing recorded yet".to_owned() };
    let last = last.strftime("%Y-%m-%d %H:%M UTC");
    let (events, places) = (plural(events, "event", "events"), plural(places, "place", "places"));
    format!("{events} at {places}; last recorded {last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal;
    use crate::recorder::{Room, Writing, open_index};

    fn recorder() -> (tempfile::TempDir, Recorder, Writing) {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal::open(&dir.path().join("journal"), 0).unwrap();
        let index = Arc::new(open_index(&dir.path().join("index"), &journal.reader).unwrap());
        let room = Arc::new(Room::of(dir.path()).unwrap());
        let (recorder, writing) = Recorder::new(journal.writer, index, room);
        (dir, recorder, writing)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_writer_gives_no_sign_of_life() {
        let (_dir, recorder, writing) = recorder();
        let mut signs = 0;
        let beats = beat(&recorder, Duration::from_secs(15), |_| signs += 1);
        // The clock jumps on where everybody waits.
        let ended = tokio::time::timeout(Duration::from_hours(1), beats).await;
        assert!(ended.is_err(), "it waits for as long as the writer does");
        assert_eq!(signs, 0);
        // Held until here: a writer that is gone is something else.
        drop(writing);
    }

    #[tokio::test]
    async fn a_living_writer_gives_one_each_time() {
        let (_dir, recorder, writing) = recorder();
        let writing = std::thread::spawn(move || writing.run());
        let (tell, mut told) = tokio::sync::mpsc::channel(8);
        let beats = beat(&recorder, Duration::from_millis(1), |last| {
            let _ = tell.try_send(last);
        });
        let heard = async {
            for _ in 0..3 {
                assert_eq!(told.recv().await, Some(None), "nothing was recorded yet");
            }
        };
        tokio::select! {
            () = beats => panic!("the writer ended: {:?}", writing.join()),
            () = heard => {}
        }
        drop(recorder);
        writing.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn it_ends_with_the_writer() {
        let (_dir, recorder, writing) = recorder();
        drop(writing);
        beat(&recorder, Duration::from_millis(1), |_| panic!("there is no writer")).await;
    }

    #[test]
    fn the_line_of_systemctl_status() {
        let last = Some("2026-11-20T09:12:03.120Z".parse().unwrap());
        assert_eq!(describe(0, 0, None), "nothing recorded yet");
        let line = "1 event at 1 place; last recorded 2026-11-20 09:12 UTC";
        assert_eq!(describe(1, 1, last), line);
        let line = "1,012,034 events at 81 places; last recorded 2026-11-20 09:12 UTC";
        assert_eq!(describe(1_012_034, 81, last), line);
    }
}
