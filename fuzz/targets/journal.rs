//! A journal with one segment of any bytes: it opens or says why not; what it reads once it reads
//! again, also behind what is appended, and a second opening has nothing left to mend.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use snag::journal::{Entry, JournalError, Reader, fuzzing};

const SIZE: u64 = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if how % 2 == 1 {
        snag_fuzz::make_whole(&mut bytes, 32, b"\xffsn", 32);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("00000000000000000001.seg"), bytes).unwrap();
    let mut opened = match fuzzing::open(dir.path(), SIZE) {
        Err(JournalError::Newer { .. }) => return,
        opened => opened.unwrap(),
    };
    let before = read(&opened.reader);
    let appended = opened.writer.append(&[b"one more"]).unwrap();
    let after = read(&opened.reader);
    assert_eq!(after[..before.len()], before);
    assert_eq!(
        after[before.len()..],
        [Entry { sequence: appended.first, batch: appended.batch, payload: b"one more".to_vec() }]
    );
    drop(opened);
    let opened = fuzzing::open(dir.path(), SIZE).unwrap();
    assert!(opened.findings.torn.is_empty(), "{:?}", opened.findings);
    assert_eq!(read(&opened.reader), after);
});

/// What can be read; sequences rise, and batches never fall.
fn read(reader: &Reader) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for entry in reader.from(1) {
        match entry {
            Ok(entry) => {
                if let Some(last) = entries.last() {
                    assert!(last.sequence < entry.sequence && last.batch <= entry.batch);
                }
                entries.push(entry);
            }
            Err(JournalError::Damaged(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    entries
}
