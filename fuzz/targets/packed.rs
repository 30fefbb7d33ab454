//! A packed segment of any bytes before a whole one: reading ends, and what it yields is in order.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use snag::journal::{self, JournalError};

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if how % 2 == 1 {
        snag_fuzz::make_whole(&mut bytes, 48, b"\xffsnz", 16);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("00000000000000000001.pak"), bytes).unwrap();
    let (reader, _) = match journal::Reader::open(dir.path(), 0) {
        Err(JournalError::Newer { .. }) => return,
        opened => opened.unwrap(),
    };
    let mut last = (0, 0);
    for entry in reader.from(1) {
        match entry {
            Ok(entry) => {
                assert!(last.0 < entry.sequence && last.1 <= entry.batch);
                last = (entry.sequence, entry.batch);
            }
            Err(JournalError::Damaged(damage)) => {
                reader.set_aside(&damage).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
});
