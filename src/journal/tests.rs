//! What the journal promises when the disk works, and when it refuses.

mod damage;
mod ending;
mod lookup;
mod packing;
mod rewriting;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;
use rustix::fs::statvfs;
use tempfile::TempDir;

use super::error::JournalError;
use super::frame::{self, Head, Kind};
use super::segment::{self, HEADER, read_pages};
use super::*;
use crate::cases::cases;

/// A segment of the tests: a few records.
const SMALL: u64 = 1024;

/// A directory in memory where there is one with much room: thousands of syncs.
pub(super) fn directory() -> TempDir {
    const MUCH: u64 = 1 << 30;
    let is_roomy = statvfs("/dev/shm").is_ok_and(|shm| MUCH <= shm.f_bavail * shm.f_frsize);
    let in_memory = is_roomy.then(|| tempfile::tempdir_in("/dev/shm").ok()).flatten();
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

pub(super) fn open_small(dir: &Path) -> Opened {
    writer::open(dir, SMALL, 0).unwrap()
}

/// All payloads from the first on; fails on damage.
pub(super) fn payloads(reader: &Reader) -> Vec<Vec<u8>> {
    reader.from(1).map(|entry| entry.unwrap().payload).collect()
}

/// Takes away the note of how far a journal went, as a power cut may.
pub(super) fn lose_note(dir: &Path) {
    fs::remove_file(dir.join("reached")).unwrap();
}

pub(super) fn segment_1(dir: &Path) -> std::path::PathBuf {
    segment::path(dir, 1)
}

#[test]
fn an_empty_journal_is_empty() {
    let dir = directory();
    let mut opened = open(&dir.path().join("state/journal"), 0).unwrap();
    assert_eq!(opened.findings, Findings::default());
    assert_eq!((opened.reader.last(), opened.reader.size_bytes()), (0, 0));
    assert!(opened.reader.from(1).next().is_none());
    assert!(opened.reader.segments().is_empty());
    opened.writer.prepare().unwrap();
    opened.writer.prepare().unwrap();
    let nothing: [&[u8]; 0] = [];
    assert_eq!(opened.writer.append(&nothing).unwrap(), Appended { first: 1, last: 0, batch: 0 });
}

#[test]
fn what_is_appended_is_read() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open(dir.path(), 0).unwrap();
    assert_eq!(writer.append(&["one"]).unwrap(), Appended { first: 1, last: 1, batch: 1 });
    assert_eq!(writer.append(&["two", ""]).unwrap(), Appended { first: 2, last: 3, batch: 2 });
    let entry = |sequence, batch, payload: &str| Entry {
        sequence,
        batch,
        payload: payload.as_bytes().to_vec(),
    };
    let read: Vec<_> = reader.from(1).map(Result::unwrap).collect();
    assert_eq!(read, [entry(1, 1, "one"), entry(2, 2, "two"), entry(3, 2, "")]);
    let read: Vec<_> = reader.from(3).map(Result::unwrap).collect();
    assert_eq!(read, [entry(3, 2, "")]);
    assert!(reader.from(4).next().is_none());
    assert_eq!(reader.size_bytes(), SEGMENT_BYTES);
    assert_eq!(fs::metadata(segment_1(dir.path())).unwrap().len(), SEGMENT_BYTES);
}

#[test]
fn sequences_and_batches_go_on_after_reopening() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one", "two"]).unwrap();
    let mut opened = open_small(dir.path());
    assert_eq!(opened.findings, Findings::default());
    assert_eq!(opened.writer.last(), 2);
    assert_eq!(opened.writer.append(&["three"]).unwrap().first, 3);
    let batches: Vec<_> = opened.reader.from(1).map(|entry| entry.unwrap().batch).collect();
    assert_eq!(batches, [1, 1, 2]);
}

#[test]
fn a_batch_that_does_not_fit_starts_a_segment() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    for at in 0..20_u8 {
        writer.append(&[[at; 150], [at; 150]]).unwrap();
    }
    let segments = reader.segments();
    assert_eq!(segments.len(), 10, "two batches of 2 x 192 bytes in each");
    assert_eq!(segments[1].first, 5);
    assert_eq!(reader.size_bytes(), 10 * SMALL);
    assert_eq!(payloads(&reader).len(), 40);
    let reopened = open_small(dir.path());
    assert_eq!(payloads(&reopened.reader), payloads(&reader));
    assert_eq!(reopened.reader.segments(), segments);
}

#[test]
fn a_segment_that_was_made_but_not_used_is_used() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one"]).unwrap();
    segment::create(dir.path(), 2, 1, SMALL).unwrap();
    let Opened { mut writer, reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings, Findings::default());
    writer.append(&["two"]).unwrap();
    let entry = reader.from(2).next().unwrap().unwrap();
    assert_eq!((entry.sequence, entry.batch), (2, 2));
    assert_eq!(payloads(&reader), [b"one", b"two"]);
}

#[test]
fn a_cursor_goes_on_when_there_is_more() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    let (mut all, mut later) = (reader.from(1), reader.from(30));
    for at in 0..50_u8 {
        assert!(all.next().is_none());
        writer.append(&[[at; 100]]).unwrap();
        assert_eq!(all.next().unwrap().unwrap().payload, [at; 100]);
        let seen = later.next().map(|entry| entry.unwrap().sequence);
        assert_eq!(seen, (29 <= at).then(|| u64::from(at) + 1));
    }
}

#[test]
fn what_is_too_large_is_refused_whole() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open(dir.path(), 0).unwrap();
    let large = vec![7; MAX_PAYLOAD + 1];
    let refused = writer.append(&[&large[..1], &large]).unwrap_err();
    assert!(matches!(refused, JournalError::TooLarge { bytes, .. } if bytes == large.len()));
    let refused = writer.append(&[&large[1..]; 8]).unwrap_err();
    assert!(matches!(refused, JournalError::TooLarge { limit, .. } if limit + HEADER == 8 << 20));
    writer.append(&[&large[1..]; 7]).unwrap();
    writer.append(&[&large[1..]]).unwrap();
    assert_eq!((reader.segments().len(), reader.last()), (2, 8));
    assert!(payloads(&reader).iter().all(|payload| payload.len() == MAX_PAYLOAD));
}

#[test]
fn other_files_are_left_alone_and_half_made_segments_removed() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one"]).unwrap();
    for name in ["README", "1.seg", "00000000000000000000.seg", "99999999999999999999.seg"] {
        fs::write(dir.path().join(name), "mine").unwrap();
    }
    let half = dir.path().join("00000000000000000002.seg.new");
    fs::write(&half, "half").unwrap();
    let opened = open_small(dir.path());
    assert!(opened.findings == Findings::default() && !half.exists());
    assert_eq!(payloads(&opened.reader), [b"one"]);
    assert_eq!(fs::read(dir.path().join("1.seg")).unwrap(), b"mine");
}

#[test]
fn a_newer_format_is_refused() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one"]).unwrap();
    let mut bytes = fs::read(segment_1(dir.path())).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..32]);
    bytes[32..36].copy_from_slice(&crc.to_le_bytes());
    fs::write(segment_1(dir.path()), bytes).unwrap();
    let refused = writer::open(dir.path(), SMALL, 0).unwrap_err();
    assert!(matches!(refused, JournalError::Newer { version: 2, .. }), "{refused}");
    assert!(matches!(Reader::open(dir.path(), 0), Err(JournalError::Newer { .. })));
}

#[test]
fn a_failed_write_or_sync_is_final_until_reopening() {
    let dir = directory();
    let read_only = || File::open(segment_1(dir.path())).unwrap();
    // A device that takes every write and knows no sync.
    let unsyncable = || OpenOptions::new().write(true).open("/dev/null").unwrap();
    let bad: [&dyn Fn() -> File; 2] = [&read_only, &unsyncable];
    for (at, bad) in bad.iter().enumerate() {
        let Opened { mut writer, reader, .. } = open_small(dir.path());
        writer.append(&["good"]).unwrap();
        let good = std::mem::replace(&mut writer.tail.as_mut().unwrap().file, bad());
        assert!(matches!(writer.append(&["bad"]), Err(JournalError::Failed { .. })));
        writer.tail.as_mut().unwrap().file = good;
        let again = writer.append(&["bad"]).unwrap_err();
        assert!(matches!(again, JournalError::Failed { .. }), "{again}");
        assert_eq!(payloads(&reader).len(), at + 1, "reading goes on");
    }
    assert_eq!(payloads(&open_small(dir.path()).reader), [b"good", b"good"]);
}

#[test]
fn a_write_that_finds_no_room_can_be_tried_again() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    writer.append(&["one"]).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let good = std::mem::replace(&mut writer.tail.as_mut().unwrap().file, full);
    for _ in 0..2 {
        assert!(matches!(writer.append(&["none"]), Err(JournalError::NoRoom(_))));
    }
    writer.tail.as_mut().unwrap().file = good;
    assert_eq!(writer.append(&["two"]).unwrap().first, 2);
    assert_eq!(payloads(&reader), [b"one", b"two"]);
}

#[test]
fn a_segment_that_finds_no_room_can_be_tried_again() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    writer.append(&[[1; 900]]).unwrap();
    // No file system has room for this.
    writer.size = 1 << 60;
    for _ in 0..2 {
        assert!(matches!(writer.append(&[[2; 900]]), Err(JournalError::NoRoom(_))));
    }
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(names.len(), 2, "nothing is left behind: {names:?}");
    writer.size = SMALL;
    assert_eq!(writer.append(&[[2; 900]]).unwrap().first, 2);
    assert_eq!(payloads(&reader), [[1; 900], [2; 900]]);
    assert_eq!(payloads(&open_small(dir.path()).reader).len(), 2);
}

#[test]
fn half_a_batch_that_found_no_room_is_never_read() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    writer.append(&["one"]).unwrap();
    let end = writer.tail.as_ref().unwrap().end;
    // Two records of a batch of three, as a write cut short leaves them.
    let stale = batch(2, 2, &["stale", "stale", "stale"]);
    write_at(dir.path(), end, &stale[..2 * frame::span(5)]);
    writer.take_back(2 * frame::span(5)).unwrap();
    assert_eq!(payloads(&open_small(dir.path()).reader), [b"one"]);
    writer.append(&["fresh"]).unwrap();
    assert_eq!(payloads(&reader), [&b"one"[..], b"fresh"]);
}

#[test]
fn what_an_earlier_batch_left_behind_a_later_one_is_never_read() {
    let dir = directory();
    let Opened { mut writer, .. } = open_small(dir.path());
    writer.append(&["one"]).unwrap();
    let end = writer.tail.as_ref().unwrap().end;
    // Batch 2 got half-way, was given up and overwritten by the shorter batch 3; its last frame
    // even has the sequence that is due.
    write_at(dir.path(), end, &batch(2, 2, &["stale", "stale"]));
    write_at(dir.path(), end, &batch(3, 2, &["fresh"]));
    for _ in 0..2 {
        let Opened { mut writer, reader, .. } = open_small(dir.path());
        let read = payloads(&reader);
        assert!(!read.contains(&b"stale".to_vec()));
        assert_eq!(read[1], b"fresh");
        writer.append(&["more"]).unwrap();
    }
}

#[test]
fn no_room_to_mend_is_no_reason_not_to_read() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one", "two"]).unwrap();
    let used = HEADER + 2 * frame::span(3);
    write_at(dir.path(), used as u64 - 8, b"bad");
    lose_note(dir.path());
    let Opened { mut writer, reader, findings, .. } = writer::open(dir.path(), 1 << 60, 0).unwrap();
    assert_eq!(findings.torn.len(), 1);
    assert_eq!(payloads(&reader), [b"one"]);
    assert!(matches!(writer.append(&["three"]), Err(JournalError::NoRoom(_))));
    writer.size = SMALL;
    assert_eq!(writer.append(&["three"]).unwrap().first, 3);
    assert_eq!(payloads(&reader), [&b"one"[..], b"three"]);
    assert_eq!(open_small(dir.path()).findings, Findings::default());
}

#[test]
fn a_bad_sector_reads_as_zeros() {
    let broken = |bad: Range<u64>| {
        move |piece: &mut [u8], offset: u64| {
            if offset < bad.end && bad.start < offset + piece.len() as u64 {
                return Err(rustix::io::Errno::IO.into());
            }
            piece.fill(7);
            Ok(piece.len())
        }
    };
    let mut buffer = vec![1; 3 * 4096];
    assert_eq!(read_pages(&mut buffer, 100, broken(5000..5001)).unwrap(), buffer.len());
    let bad = 4096 - 100..2 * 4096 - 100;
    for (at, byte) in buffer.iter().enumerate() {
        assert_eq!(*byte, if bad.contains(&at) { 0 } else { 7 }, "at {at}");
    }
    assert!(read_pages(&mut buffer, 0, broken(0..20_000)).is_err(), "not one page");
}

/// The frames of a batch.
pub(super) fn batch(batch: u64, first: u64, payloads: &[&str]) -> Vec<u8> {
    let count = u32::try_from(payloads.len()).unwrap();
    let mut buffer = Vec::new();
    for (index, (payload, sequence)) in (0..count).zip(payloads.iter().zip(first..)) {
        let (kind, length) = (Kind::Record, payload.len());
        let head = Head { kind, length, sequence, batch, index, count };
        frame::encode(&mut buffer, &head, payload.as_bytes());
    }
    buffer
}

/// Overwrites bytes of the first segment.
pub(super) fn write_at(dir: &Path, at: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    let file = OpenOptions::new().write(true).open(segment_1(dir)).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// Segments written by each released version are read for ever: this test may grow,
/// and may never be weakened. The zeros behind the last frame are cut off in the checked-in files.
#[test]
fn version_1_is_read_for_ever() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal-v1");
    let (reader, findings) = Reader::open(&kept, 0).unwrap();
    assert_eq!(findings, Findings::default());
    let read: Vec<_> = reader.from(1).map(Result::unwrap).collect();
    let expected = [(1, 1, "one"), (2, 2, "zwei, mit Umlaut: ü"), (3, 2, ""), (5, 4, "five")];
    let seen = read.iter().map(|it| (it.sequence, it.batch, str::from_utf8(&it.payload).unwrap()));
    assert_eq!(seen.collect::<Vec<_>>(), expected);

    let dir = directory();
    write_version_1(dir.path());
    let mut bytes = fs::read(segment_1(dir.path())).unwrap();
    bytes.truncate(frame::used(&bytes));
    assert!(bytes == fs::read(segment_1(&kept)).unwrap(), "version 1 is written otherwise now");

    fs::write(segment_1(dir.path()), bytes).unwrap();
    let Opened { mut writer, reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings, Findings::default());
    writer.append(&["six"]).unwrap();
    assert_eq!(payloads(&reader).len(), 5);
}

/// Two batches, a torn one, one more.
fn write_version_1(dir: &Path) {
    let Opened { mut writer, .. } = open_small(dir);
    writer.append(&["one"]).unwrap();
    writer.append(&["zwei, mit Umlaut: ü", ""]).unwrap();
    write_at(dir, writer.tail.as_ref().unwrap().end, &batch(3, 4, &["four"])[..20]);
    open_small(dir).writer.append(&["five"]).unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Vec<u8>>),
    Reopen,
    Pack,
    ReadFrom(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let payload = prop::collection::vec(any::<u8>(), 0..120);
    prop_oneof![
        6 => prop::collection::vec(payload, 0..6).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        1 => Just(Step::Pack),
        2 => (0..80_u64).prop_map(Step::ReadFrom),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn it_behaves_like_a_list(steps in prop::collection::vec(step(), 1..40)) {
        let dir = directory();
        let mut opened = open_small(dir.path());
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut cursor = opened.reader.from(1);
        let mut followed = 0;
        for step in steps {
            match step {
                Step::Append(batch) => {
                    let appended = opened.writer.append(&batch).unwrap();
                    prop_assert_eq!(appended.first, model.len() as u64 + 1);
                    model.extend(batch);
                    prop_assert_eq!(appended.last, model.len() as u64);
                }
                Step::Reopen => {
                    opened = open_small(dir.path());
                    prop_assert_eq!(opened.findings, Findings::default());
                    cursor = opened.reader.from(followed as u64 + 1);
                }
                Step::Pack => {
                    let full = opened.reader.segments().len().saturating_sub(1);
                    while opened.packer.pack_next().unwrap().is_some() {}
                    let packed = segment::list(dir.path()).unwrap().segments.into_values();
                    prop_assert_eq!(packed.filter(|it| *it == segment::Form::Packed).count(), full);
                }
                Step::ReadFrom(from) => {
                    let from = usize::try_from(from.max(1) - 1).unwrap().min(model.len());
                    let read = opened.reader.from(from as u64 + 1);
                    let read: Vec<_> = read.map(|entry| entry.unwrap().payload).collect();
                    prop_assert_eq!(&read, &model[from..]);
                }
            }
            for entry in cursor.by_ref() {
                prop_assert_eq!(&entry.unwrap().payload, &model[followed]);
                followed += 1;
            }
            prop_assert_eq!(followed, model.len());
            prop_assert_eq!(opened.writer.last(), opened.reader.last());
        }
        let (reader, findings) = Reader::open(dir.path(), 0).unwrap();
        prop_assert_eq!(findings, Findings::default());
        prop_assert_eq!(payloads(&reader), model);
    }
}

/// Sequences of bad places.
pub(super) fn sequences(places: &[Damage]) -> BTreeSet<u64> {
    places.iter().flat_map(|place| place.missing.clone()).collect()
}
