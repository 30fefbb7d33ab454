//! snag is its own first user: the friction met while building it, as it was posted.

use std::fs;
use std::path::PathBuf;

use crate::harness::Snagd;

pub(crate) fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dogfood.ndjson")
}

#[test]
fn the_export_imports_whole_and_twice_changes_nothing() {
    let snagd = Snagd::start();
    let path = file().display().to_string();
    let lines = fs::read_to_string(file()).unwrap().lines().count();
    let first = snagd.snag(&["import", &path]).ok();
    assert_eq!(first.stdout, format!("imported {lines}, known before 0, rejected 0\n"));
    let rows = snagd.snag(&["hotspots", "--json", "--until", "2026-11-23"]).ok().json();
    let second = snagd.snag(&["import", &path]).ok();
    assert_eq!(second.stdout, format!("imported 0, known before {lines}, rejected 0\n"));
    assert_eq!(snagd.snag(&["hotspots", "--json", "--until", "2026-11-23"]).ok().json(), rows);
    assert_eq!(snagd.events().len(), lines);
    // What comes out goes into another store and says the same there.
    let export = snagd.snag(&["export"]).ok().stdout;
    let other = Snagd::start();
    let copy = other.path("copy.ndjson");
    fs::write(&copy, &export).unwrap();
    other.snag(&["import", &copy.display().to_string()]).ok();
    assert_eq!(other.snag(&["hotspots", "--json", "--until", "2026-11-23"]).ok().json(), rows);
}

#[test]
fn it_names_people_by_number_and_no_machine() {
    for line in fs::read_to_string(file()).unwrap().lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let person = event["person"].as_str().unwrap();
        assert!(person.strip_prefix("dev").is_some_and(|n| n.parse::<u8>().is_ok()), "{line}");
        for telling in ["/home/", "/root/", "/work/", "/tmp/"] {
            assert!(!line.contains(telling), "{line}");
        }
    }
}
