//! What a journal promises that has lost its end, where it is known how far it went.

use super::damage::{all, copy, journal, read, segments};
use super::*;

/// Opens a maimed journal as one that is known to have held all of `model`: what cannot be read is
/// damage, no number is given again, and whoever opens it later finds the same, knowing nothing.
fn told(dir: &Path, model: &[Vec<u8>], what: &str) -> Range<usize> {
    let known = model.len() as u64;
    let (looked, before) = Reader::open(dir, known).unwrap();
    read(&looked, model, what);
    let Opened { mut writer, reader, findings, .. } = writer::open(dir, SMALL, known).unwrap();
    assert_eq!(before, findings, "{what}: looking tells what opening tells");
    assert_eq!(findings.torn, [], "{what}: nothing was unfinished");
    let (found, damaged) = read(&reader, model, what);
    let both: BTreeSet<u64> = found.union(&damaged).copied().collect();
    assert_eq!(both, all(model), "{what}: all is told");
    let at_opening = sequences(&findings.damage);
    assert!(damaged.is_subset(&at_opening) || at_opening.is_subset(&damaged), "{what}");
    let later = writer.append(&["later"]).unwrap();
    assert!(known < later.first, "{what}: {later:?}");
    drop((writer, reader));

    let again = writer::open(dir, SMALL, 0).unwrap();
    assert_eq!(again.findings.torn, [], "{what}: {:?}", again.findings);
    assert_eq!(sequences(&again.findings.damage), at_opening, "{what}");
    let mut longer = model.to_vec();
    longer.resize(usize::try_from(later.first).unwrap(), b"later".to_vec());
    let (found_again, damaged_again) = read(&again.reader, &longer, what);
    let expected: BTreeSet<u64> = found.into_iter().chain([later.first]).collect();
    assert_eq!((found_again, &damaged_again), (expected, &damaged), "{what}");
    damaged.first().map_or(0..0, |first| usize::try_from(*first).unwrap()..model.len() + 1)
}

#[test]
fn how_far_it_went_is_noted_with_each_batch() {
    let dir = directory();
    let mut opened = open_small(dir.path());
    opened.writer.append(&["one"]).unwrap();
    opened.writer.append(&["two", "tre"]).unwrap();
    drop(opened);
    let end = HEADER + 3 * frame::span(3);
    write_at(dir.path(), (end - frame::span(3)) as u64, &vec![0; frame::span(3)]);
    for _ in 0..2 {
        let found = Reader::open(dir.path(), 0).unwrap().1;
        assert_eq!((found.torn, sequences(&found.damage)), (Vec::new(), [3].into()));
        let mut opened = open_small(dir.path());
        assert!(3 < opened.writer.append(&["on"]).unwrap().first);
    }
}

/// The last segment, and its bytes up to the last that is not zero.
fn last_of(dir: &Path) -> (std::path::PathBuf, Vec<u8>, usize) {
    let path = segments(dir).pop().unwrap();
    let bytes = fs::read(&path).unwrap();
    let used = frame::used(&bytes);
    (path, bytes, used)
}

#[test]
fn however_the_last_segment_is_maimed_what_is_lost_is_told() {
    let (dir, model) = journal();
    let (path, bytes, used) = last_of(dir.path());
    let mut lost = 0;
    let mut attempt = |what: &str, maimed: &[u8]| {
        let dir = copy(dir.path());
        fs::write(dir.path().join(path.file_name().unwrap()), maimed).unwrap();
        lost += told(dir.path(), &model, what).len();
    };
    for at in 0..used {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        attempt(&format!("a bit at {at}"), &flipped);
        attempt(&format!("cut at {at}"), &bytes[..at]);
        for length in [1, 37, 200, used] {
            let mut zeroed = bytes.clone();
            zeroed[at..used.min(at + length)].fill(0);
            attempt(&format!("{length} zeros at {at}"), &zeroed);
        }
    }
    assert!(0 < lost);
}

#[test]
fn segments_that_are_gone_from_the_end_are_told() {
    let (dir, model) = journal();
    let firsts: Vec<u64> = segment::list(dir.path()).unwrap().segments.into_keys().collect();
    for (kept, first) in firsts.iter().enumerate() {
        for pack in [false, true] {
            let maimed = copy(dir.path());
            if pack {
                let mut opened = writer::open(maimed.path(), SMALL, 0).unwrap();
                while opened.packer.pack_next().unwrap().is_some() {}
            }
            for first in &firsts[kept..] {
                let (raw, packed) = (
                    segment::path(maimed.path(), *first),
                    segment::packed_path(maimed.path(), *first),
                );
                assert!(fs::remove_file(raw).is_ok() | fs::remove_file(packed).is_ok());
            }
            let lost = told(maimed.path(), &model, &format!("{kept} left, packed: {pack}"));
            assert_eq!(lost, usize::try_from(*first).unwrap()..model.len() + 1);
        }
    }
}

#[test]
fn what_turns_out_later_to_have_been_there_is_lost_as_well() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one", "two"]).unwrap();
    let mut opened = open_small(dir.path());
    assert_eq!(opened.writer.go_behind(2).unwrap(), None);
    let lost = opened.writer.go_behind(5).unwrap().unwrap();
    assert_eq!((lost.bytes, &lost.missing), (0, &(3..6)));
    assert_eq!(opened.writer.append(&["six"]).unwrap().first, 6);
    let again = open_small(dir.path());
    assert_eq!(again.findings.damage, [lost]);
}
