//! What several days come to, as of one moment, while batches are applied.

use std::sync::atomic::AtomicBool;

use super::*;

const BATCHES: u32 = 300;

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
            let mut seen = Vec::new();
            while !is_done.load(Ordering::Acquire) || seen.is_empty() {
                let count = |day: &[(CellKey, Cell)]| {
                    day.iter().map(|(_, cell)| cell.reports.iter().sum::<u32>()).sum::<u32>()
                };
                let read = index.cells(first, last).unwrap();
                seen.push(read.iter().map(|day| count(day)).collect::<Vec<_>>());
            }
            seen
        });
        for n in 0..BATCHES {
            apply_at_once(&index, &[on(days[0], 2 * n), on(days[1], 2 * n + 1)]);
        }
        is_done.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    for counts in &seen {
        assert!(counts.len() != 1 && counts.first() == counts.last(), "{counts:?}");
    }
    assert!(1 < seen.len(), "it was asked meanwhile");
}
