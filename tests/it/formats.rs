//! Stores written by each released version are read for ever.
//!
//! `tests/data/store-v1` holds a journal that version 1 of the format wrote, its zero tail cut off,
//! and what was answered from it then. This test may never be weakened: what it reads is on
//! people's disks. A new format gets a folder of its own.

use std::fs;
use std::path::PathBuf;

use crate::harness::{Dir, Snagd};

#[test]
fn a_store_of_format_1_answers_as_it_did() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/store-v1");
    let dir = Dir::new();
    let journal = dir.path().join("state/journal");
    fs::create_dir_all(&journal).unwrap();
    let segment = "00000000000000000001.seg";
    fs::copy(data.join(segment), journal.join(segment)).unwrap();
    let snagd = Snagd::start_with(dir, &[]);
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    assert_eq!(snagd.snag(&["export"]).ok().stdout, read("export.ndjson"));
    let hotspots = snagd.snag(&["hotspots", "--json", "--until", "2026-10-25"]).ok();
    assert_eq!(hotspots.stdout, read("hotspots.json"));
    let status = snagd.get("/v1/status").json();
    assert_eq!(status["journal"]["damaged"], 0);
    // The ids it knows stay spent, that of the retracted event too.
    let retracted = snagd.get("/v1/events/01938a5e-0000-7000-8000-000000000007").is(200);
    assert_eq!(retracted.header("snag-retracted"), Some("yes"));
    // And on it goes.
    snagd.post(r#"{"place":"web/a","note":"more"}"#).is(201);
    assert_eq!(snagd.events().len(), 8);
}
