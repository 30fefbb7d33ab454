//! Stores written by each released version are read for ever.
//!
//! `tests/data/store-v1` holds a journal that version 1 of the format wrote, its zero tail cut off,
//! and what was answered from it then; `state-v1` a state directory, packed segments, index and all;
//! `backup-v1` a backup. These tests may never be weakened: what they read is on people's disks. A
//! new format gets a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Dir, Said, Snagd, snag, snagd};

/// What the repository keeps under a name.
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Every file below a directory, and its bytes.
fn all(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(all(&path));
        } else {
            files.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

/// An answer says what it said then. It may say more: fields are added, never changed.
fn says_still(at: &str, now: &Value, then: &Value) {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            for (field, then) in then {
                let at = format!("{at}/{field}");
                says_still(&at, now.get(field).unwrap_or_else(|| panic!("{at} is gone")), then);
            }
        }
        (Value::Array(now), Value::Array(then)) => {
            assert_eq!(now.len(), then.len(), "{at}");
            let both = now.iter().zip(then).enumerate();
            both.for_each(|(nth, (now, then))| says_still(&format!("{at}/{nth}"), now, then));
        }
        _ => assert_eq!(now, then, "{at}"),
    }
}

#[test]
fn a_store_of_format_1_answers_as_it_did() {
    let data = data("store-v1");
    let dir = Dir::new();
    let journal = dir.path().join("state/journal");
    fs::create_dir_all(&journal).unwrap();
    let segment = "00000000000000000001.seg";
    fs::copy(data.join(segment), journal.join(segment)).unwrap();
    let snagd = Snagd::start_with(dir, &[]);
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    assert_eq!(snagd.snag(&["export"]).ok().stdout, read("export.ndjson"));
    let hotspots = snagd.snag(&["hotspots", "--json", "--until", "2026-10-25"]).ok();
    says_still("", &hotspots.json(), &serde_json::from_str(&read("hotspots.json")).unwrap());
    let status = snagd.get("/v1/status").json();
    assert_eq!(status["journal"]["damaged"], 0);
    // The ids it knows stay spent, that of the retracted event too.
    let retracted = snagd.get("/v1/events/01938a5e-0000-7000-8000-000000000007").is(200);
    assert_eq!(retracted.header("snag-retracted"), Some("yes"));
    // And on it goes.
    snagd.post(r#"{"place":"web/a","note":"more"}"#).is(201);
    assert_eq!(snagd.events().len(), 8);
}

/// What the daemon answers is what was answered from `state-v1`, and on it goes.
fn answers_as_state_v1(snagd: &Snagd) {
    let read = |name: &str| fs::read_to_string(data("state-v1").join(name)).unwrap();
    assert_eq!(snagd.snag(&["export"]).ok().stdout, read("export.ndjson"));
    let hotspots = snagd.snag(&["hotspots", "--json", "--until", "2026-10-25"]).ok();
    says_still("", &hotspots.json(), &serde_json::from_str(&read("hotspots.json")).unwrap());
    let status = snagd.get("/v1/status").json();
    assert_eq!(status["journal"]["damaged"], 0);
    assert_eq!(status["journal"]["last"], 12);
    snagd.post(r#"{"place":"web/a","note":"more"}"#).is(201);
    assert_eq!(snagd.events().len(), 8);
}

#[test]
fn a_state_directory_of_format_1_answers_as_it_did() {
    let dir = Dir::new();
    copy(&data("state-v1"), &dir.path().join("state"));
    answers_as_state_v1(&Snagd::start_with(dir, &[]));
}

#[test]
fn a_backup_of_format_1_is_restored() {
    let dir = Dir::new();
    let mut command = snag(dir.path());
    command.arg("restore").arg(data("backup-v1")).arg("--state-dir").arg(dir.path().join("state"));
    let said = Said::new(&mut command, &["restore"]).ok();
    assert!(said.stdout.starts_with("restored 7 events"), "{said:#?}");
    answers_as_state_v1(&Snagd::start_with(dir, &[]));
}

#[test]
fn a_newer_journal_is_refused_and_left_as_it_is() {
    for name in ["00000000000000000001.pak", "00000000000000000012.seg"] {
        let dir = Dir::new();
        let state = dir.path().join("state");
        copy(&data("state-v1"), &state);
        let segment = state.join("journal").join(name);
        let mut bytes = fs::read(&segment).unwrap();
        bytes[8] = 9;
        // Where the checksum of a header stands differs; its format does not.
        let end = if name.ends_with("pak") { 48 } else { 32 };
        let crc = crc32c::crc32c(&bytes[..end]);
        bytes[end..end + 4].copy_from_slice(&crc.to_le_bytes());
        fs::write(&segment, bytes).unwrap();
        let before = all(&state.join("journal"));
        let index = all(&state.join("index"));
        for command in [&[][..], &["verify"], &["repair"]] {
            let mut daemon = snagd(dir.path());
            daemon.args(command).arg("--state-dir").arg(&state).args(["--listen", "none"]);
            let said = Said::new(&mut daemon, command).ended(65);
            let says = format!("{name} is of format 9, newer than this snag: install a newer one");
            assert!(said.stderr.contains(&says), "{said:#?}");
        }
        let mut backup = snag(dir.path());
        backup.arg("backup").arg(dir.path().join("b")).arg("--state-dir").arg(&state);
        Said::new(&mut backup, &["backup"]).ended(65);
        assert_eq!(all(&state.join("journal")), before);
        assert_eq!(all(&state.join("index")), index);
    }
}
