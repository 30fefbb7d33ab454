//! What several days come to, as of one moment, while batches are applied.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::super::cells::DayCells;
use super::*;

/// So many that differ are looked at, however long that takes.
const ANSWERS: usize = 40;

/// A report of the first day or of the last.
fn on(day: &str, n: u32) -> Event {
    event(&json!({
        "id": format!("00000000-0000-7000-8000-{n:012x}"),
        "place": "web/a",
        "note": "it broke",
        "at": format!("{day}T12:00:00Z"),
    }))
}

#[test]
fn nobody_sees_half_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let days = ["2026-01-05", "2026-11-05"];
    let [first, last] = days.map(|day| Day::parse(day).unwrap());
    let is_done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            let count = |day: &DayCells| {
                day.iter().map(|(_, cell)| cell.reports.iter().sum::<u32>()).sum::<u32>()
            };
            while seen.len() < ANSWERS {
                seen.insert(
                    index.cells(first, last).unwrap().iter().map(count).collect::<Vec<_>>(),
                );
            }
            is_done.store(true, Ordering::Release);
            seen
        });
        for n in (0..).take_while(|_| !is_done.load(Ordering::Acquire)) {
            apply_at_once(&index, &[on(days[0], 2 * n), on(days[1], 2 * n + 1)]);
        }
        reader.join().unwrap()
    });
    for counts in &seen {
        assert!(counts.len() != 1 && counts.first() == counts.last(), "{counts:?}");
    }
}
