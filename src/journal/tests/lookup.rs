//! A record by its sequence: the same as a cursor comes to, wherever it lies.

use super::*;

/// Every record, from the last to the first, and what comes before and behind.
fn check(reader: &Reader, model: &[Vec<u8>]) {
    assert_eq!(reader.get(0).unwrap(), None);
    assert_eq!(reader.get(model.len() as u64 + 1).unwrap(), None);
    let read: Vec<Entry> = reader.from(1).map(Result::unwrap).collect();
    assert_eq!(read.len(), model.len());
    for (entry, payload) in read.into_iter().zip(model).rev() {
        assert_eq!(&entry.payload, payload);
        assert_eq!(reader.get(entry.sequence).unwrap(), Some(entry));
    }
}

#[test]
fn each_record_is_found_while_segments_fill_and_are_packed() {
    let dir = directory();
    let mut opened = open(dir.path(), 0).unwrap();
    let payload = |n: usize| format!("{n} {}", "the list is empty ".repeat(n % 90)).into_bytes();
    let mut model: Vec<Vec<u8>> = Vec::new();
    while opened.reader.segments().len() < 3 {
        let batch: Vec<_> = (model.len()..model.len() + 997).map(payload).collect();
        opened.writer.append(&batch).unwrap();
        model.extend(batch);
        let last = opened.reader.get(model.len() as u64).unwrap().unwrap();
        assert_eq!(Some(&last.payload), model.last());
    }
    check(&opened.reader, &model);
    assert!(opened.packer.pack_next().unwrap().is_some());
    for _ in 0..2 {
        check(&opened.reader, &model);
    }
    assert!(opened.packer.pack_next().unwrap().is_some());
    check(&open(dir.path(), 0).unwrap().reader, &model);
}

#[test]
fn what_was_read_lately_is_read_from_memory_and_no_more_than_that() {
    let dir = directory();
    let mut opened = open(dir.path(), 0).unwrap();
    let payloads: Vec<Vec<u8>> = (0..5000).map(|n| format!("{n}").into_bytes()).collect();
    opened.writer.append(&payloads).unwrap();
    assert!((1..=5000).all(|sequence| opened.reader.get(sequence).unwrap().is_some()));
    // Nothing but what is in memory is left.
    fs::write(segment_1(dir.path()), []).unwrap();
    for (sequence, is_kept) in [(5000, true), (4000, true), (1, false)] {
        let found = opened.reader.get(sequence);
        assert_eq!(matches!(found, Ok(Some(_))), is_kept, "{sequence}");
    }
}

#[test]
fn what_was_withdrawn_or_dropped_is_not_there() {
    let dir = directory();
    let mut opened = open_small(dir.path());
    for n in 0..60 {
        opened.writer.append(&[format!("{n} of many").repeat(5)]).unwrap();
    }
    assert!(opened.reader.get(2).unwrap().is_some());
    let drop =
        |_: u64, payload: &[u8]| if payload.starts_with(b"1 ") { Fate::Drop } else { Fate::Keep };
    opened.packer.rewrite(Damaged::Stays, drop).unwrap();
    assert_eq!(opened.reader.get(2).unwrap(), None);
    assert!(opened.reader.get(3).unwrap().is_some());
    opened.packer.drop_before(30).unwrap();
    assert_eq!(opened.reader.get(3).unwrap(), None);
    assert!(opened.reader.get(60).unwrap().is_some());
}

#[test]
fn damage_is_told_and_costs_nothing_else() {
    let dir = directory();
    let mut opened = open_small(dir.path());
    for n in 0..60 {
        opened.writer.append(&[format!("{n} of many").repeat(5)]).unwrap();
    }
    let path = segment_1(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let third = bytes.windows(4).position(|it| it == b"2 of").unwrap();
    bytes[third] ^= 1;
    fs::write(&path, bytes).unwrap();
    let Err(JournalError::Damaged(damage)) = opened.reader.get(3) else { panic!("not told") };
    assert_eq!((damage.segment, damage.missing), (1, 3..4));
    for sequence in [1, 2, 4, 5, 60] {
        assert!(opened.reader.get(sequence).unwrap().is_some(), "{sequence}");
    }
}
