//! Room that comes back.

use std::os::unix::fs::MetadataExt;

use super::*;

#[test]
fn a_copy_takes_the_place_of_the_index() {
    const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let events: Vec<Event> = (0..40).map(report).collect();
    apply(&index, &events[..30]);
    let before = answers(&index);
    assert!(index.copy().unwrap());
    assert_eq!(answers(&index), before);
    assert_eq!((index.events(), index.position().sequence), (30, 30));
    assert!(!dir.path().join("index.new").exists());
    apply(&index, &events[30..]);
    let after = answers(&index);
    // One that was not finished does no harm.
    fs::create_dir(dir.path().join("index.new")).unwrap();
    let index = restart(index, dir.path());
    assert_eq!((index.events(), answers(&index)), (40, after.clone()));
    assert!(!dir.path().join("index.new").exists());
    assert_eq!(index.tidy(u64::MAX).unwrap(), None, "it is small");
    // sled uses some of its room again.
    for round in (1..50).take_while(|_| !index.is_loose()) {
        // Ids with much in common would take no room.
        let ids = (1..130_000_u128).map(|n| Uuid::from_u128(n.wrapping_mul(SPREAD)));
        let ids = ids.map(|id| (key::id(id), Some(key::id_value(false, round).as_slice().into())));
        index.store.write(ids.collect());
        index.store.settle().unwrap();
    }
    assert_eq!(index.tidy(0).unwrap(), None, "there is no room for a copy");
    let (from, to) = index.tidy(u64::MAX).unwrap().expect("much was written over");
    assert!(to < from / 2, "{from} bytes are {to}");
    assert_eq!((index.tidy(u64::MAX).unwrap(), answers(&index)), (None, after));
}

/// Keys with values, of which nothing was written before.
fn some(n: u32) -> Vec<store::Change> {
    (0..n).map(|n| (n.to_be_bytes().as_slice().into(), Some([7; 8].as_slice().into()))).collect()
}

#[test]
fn a_copy_keeps_nobody_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[report(1), report(2)]);
    index.checkpoint().unwrap();
    index.store.write(some(70_000));
    assert!(!index.copy().unwrap(), "much has gathered");
    assert!(!dir.path().join("index.new").exists());
    index.store.settle().unwrap();
    assert!(index.copy().unwrap());
    index.store.write(some(2_500));
    assert!(index.copy().unwrap(), "little has gathered");
    index.gather(false);
    assert!(!index.copy().unwrap(), "where room is scarce it is much");
    index.store.settle().unwrap();
    assert!(index.copy().unwrap());
    assert_eq!((index.is_whole().unwrap(), index.events()), (Some(true), 2));
}

#[test]
fn where_room_is_scarce_less_gathers_also_where_nobody_else_settles_it() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let blocks = || fs::metadata(dir.path().join("index/db")).unwrap().blocks() * 512;
    index.store.write(some(5_000));
    index.settle_if_too_much().unwrap();
    index.gather(false);
    assert!(index.store.holds_much(), "there was room for more");
    let before = blocks();
    index.settle_if_too_much().unwrap();
    assert!(!index.store.holds_much());
    assert!(before + RESERVE <= blocks(), "it made sure of room first");
}

#[test]
fn what_was_begun_and_reserved_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    apply(&index, &[report(1), report(2)]);
    index.checkpoint().unwrap();
    let before = answers(&index);
    let db = dir.path().join("index/db");
    let room = || fs::metadata(&db).unwrap().blocks() * 512;
    let length = || fs::metadata(&db).unwrap().len();
    index.reserve().unwrap();
    assert!(length() + RESERVE <= room());
    index.tidy(0).unwrap();
    assert!(room() < length() + RESERVE, "when nothing happens");
    index.reserve().unwrap();
    drop(index);
    let index = dir.path().join("index");
    assert!(length() + RESERVE <= room());
    fs::create_dir(dir.path().join("index.new")).unwrap();
    // As where there was no room for it; by its name it is the latest.
    fs::write(index.join("snap.00000000FFFFFFFF.generating"), "").unwrap();
    let held = length();
    Index::give_room(&index);
    assert!(room() < held + RESERVE && length() == held);
    assert!(!dir.path().join("index.new").exists());
    let index = open(dir.path());
    assert_eq!((index.events(), answers(&index)), (2, before));
}
