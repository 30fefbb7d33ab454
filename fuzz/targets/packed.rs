//! A packed segment of any bytes before a whole one: reading ends, and what it yields is in order.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use snag::journal::{self, JournalError};

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if how % 2 == 1 {
        make_whole(&mut bytes);
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("00000000000000000001.pak"), bytes).unwrap();
    let (reader, _) = match journal::Reader::open(dir.path()) {
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

/// Corrects the checksums of the header and of whatever looks like a block.
fn make_whole(bytes: &mut [u8]) {
    if let Some(head) = bytes.get(..48) {
        let crc = crc32c::crc32c(head).to_le_bytes();
        if let Some(place) = bytes.get_mut(48..52) {
            place.copy_from_slice(&crc);
        }
    }
    for at in (56..bytes.len()).step_by(8) {
        let Some(block) = bytes.get_mut(at..).filter(|block| block.starts_with(b"\xffsnz")) else {
            continue;
        };
        let length = block.get(4..8).map(|it| u32::from_le_bytes(it.try_into().unwrap()) as usize);
        let Some(content) = length.and_then(|length| block.get(20..20 + length)) else { continue };
        let crc = crc32c::crc32c_append(crc32c::crc32c(&block[..16]), content);
        block[16..20].copy_from_slice(&crc.to_le_bytes());
    }
}
