//! Packed segments: the same records, at every moment, whatever happens to the file.

use super::super::packed::{BLOCK_HEAD, PACKED_HEADER, PackedHeader, blocks};
use super::*;

/// A journal of a few full segments; the payloads.
fn filled(dir: &Path) -> Vec<Vec<u8>> {
    let mut opened = open_small(dir);
    let payload = |n: u32| format!("{n} the list ends after a hundred rows").into_bytes();
    let all: Vec<_> = (0..60).map(payload).collect();
    for batch in all.chunks(3) {
        opened.writer.append(batch).unwrap();
    }
    all
}

fn pack_all(packer: &mut Packer) -> usize {
    std::iter::from_fn(|| packer.pack_next().unwrap()).count()
}

fn names(dir: &Path, ending: &str) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().ends_with(ending)).count()
}

#[test]
fn packed_segments_hold_the_same_records() {
    let dir = directory();
    let model = filled(dir.path());
    let mut opened = open_small(dir.path());
    let before = opened.reader.segments().len();
    let mut cursor = opened.reader.from(1);
    assert_eq!(cursor.next().unwrap().unwrap().payload, model[0]);
    assert_eq!(pack_all(&mut opened.packer), before - 1, "all but the last");
    assert_eq!((names(dir.path(), ".seg"), names(dir.path(), ".pak")), (1, before - 1));
    let rest: Vec<_> = cursor.map(|entry| entry.unwrap().payload).collect();
    assert_eq!(rest, model[1..], "a cursor that began before goes on");
    assert_eq!(payloads(&opened.reader), model);

    let mut opened = open_small(dir.path());
    assert_eq!(opened.findings, Findings::default());
    assert_eq!(payloads(&opened.reader), model);
    let middle = opened.reader.from(31).next().unwrap().unwrap();
    assert_eq!((middle.sequence, middle.payload), (31, model[30].clone()));
    assert_eq!(opened.writer.append(&["more"]).unwrap().first, 61);
    assert_eq!(Reader::open(dir.path(), 0).unwrap().1, Findings::default());
}

#[test]
fn a_segment_of_the_real_size_packs_into_many_blocks_and_far_less_room() {
    let dir = directory();
    let mut opened = open(dir.path(), 0).unwrap();
    let words = ["the", "card", "form", "cleared", "itself", "after", "typo", "again"];
    let payload = |n: usize| {
        let words = (0..60).map(|word| words[(n * 7 + word * n / 3) % words.len()]);
        words.collect::<Vec<_>>().join(" ").into_bytes()
    };
    let batch: Vec<_> = (0..1000).map(payload).collect();
    while opened.reader.segments().len() < 2 {
        opened.writer.append(&batch).unwrap();
    }
    let before = payloads(&opened.reader);
    let packed = opened.packer.pack_next().unwrap().unwrap();
    assert!((packed.first, packed.from) == (1, SEGMENT_BYTES) && packed.to * 3 < packed.from);
    assert_eq!(opened.reader.size_bytes(), packed.to + SEGMENT_BYTES);
    assert!(payloads(&opened.reader) == before);

    // What stands there again behind its place hides nothing.
    let path = segment::packed_path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    let second = blocks(&bytes)[1].offset - BLOCK_HEAD;
    fs::write(&path, [&bytes, &bytes[PACKED_HEADER..second]].concat()).unwrap();
    assert!(payloads(&Reader::open(dir.path(), 0).unwrap().0) == before);

    // One bad byte costs one block: not the records before it, nor those behind it.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let reader = open(dir.path(), 0).unwrap().reader;
    let (mut good, mut missing) = (0, Vec::new());
    for entry in reader.from(1) {
        match entry {
            Ok(_) => good += 1,
            Err(JournalError::Damaged(damage)) => {
                assert!(reader.set_aside(&damage).unwrap());
                missing.push(damage);
            }
            Err(error) => panic!("{error}"),
        }
    }
    let lost = sequences(&missing).len();
    assert!((1..400).contains(&lost) && good + lost == before.len(), "{good} {lost}");
    assert_eq!(names(&dir.path().join("aside"), ".damaged"), 1);
}

#[test]
fn packing_may_be_cut_short_anywhere() {
    let dir = directory();
    let model = filled(dir.path());
    let raw = fs::read(segment_1(dir.path())).unwrap();
    let packed = segment::packed_path(dir.path(), 1);
    // Before the packed file has its name.
    fs::write(packed.with_extension("pak.new"), &raw[..100]).unwrap();
    let mut opened = open_small(dir.path());
    assert_eq!(names(dir.path(), ".new"), 0);
    assert_eq!(payloads(&opened.reader), model);
    // Before the segment is removed.
    opened.packer.pack_next().unwrap().unwrap();
    fs::write(segment_1(dir.path()), &raw).unwrap();
    let mut opened = open_small(dir.path());
    assert_eq!(payloads(&opened.reader), model);
    assert!(!packed.exists() && opened.findings == Findings::default());
    opened.packer.pack_next().unwrap().unwrap();
    assert_eq!(payloads(&opened.reader), model);
}

#[test]
fn what_is_damaged_stays_as_it_is() {
    let dir = directory();
    filled(dir.path());
    write_at(dir.path(), 200, b"damaged");
    let bytes = fs::read(segment_1(dir.path())).unwrap();
    let mut opened = open_small(dir.path());
    let segments = opened.reader.segments().len();
    assert_eq!(pack_all(&mut opened.packer), segments - 2);
    assert!(fs::read(segment_1(dir.path())).unwrap() == bytes);
}

/// Flips each byte of a packed file, and cuts it at each length.
#[test]
fn a_bad_packed_file_is_told_and_never_read_wrong() {
    let dir = directory();
    let model = filled(dir.path());
    pack_all(&mut open_small(dir.path()).packer);
    let path = segment::packed_path(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    let PackedHeader::Good(extent) = PackedHeader::decode(&whole, 1) else { panic!("no header") };
    let check = |bytes: &[u8], what: &str, may_lose: bool| {
        fs::write(&path, bytes).unwrap();
        let reader = Reader::open(dir.path(), 0).unwrap().0;
        let mut lost = 0;
        for entry in reader.from(1) {
            match entry {
                Ok(entry) => {
                    let at = usize::try_from(entry.sequence).unwrap() - 1;
                    assert_eq!(entry.payload, model[at], "{what}");
                }
                Err(JournalError::Damaged(damage)) => {
                    assert!(damage.missing.end <= extent.next, "{what}: {damage}");
                    lost += damage.missing.end - damage.missing.start;
                }
                Err(error) => panic!("{what}: {error}"),
            }
        }
        assert!(may_lose || lost == 0, "{what} costs {lost} records");
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        // A version that is not ours is refused, as that of any segment.
        if PackedHeader::decode(&bytes, 1) == PackedHeader::Bad || PACKED_HEADER <= at {
            check(&bytes, &format!("byte {at} flipped"), PACKED_HEADER <= at);
        }
        check(&whole[..at], &format!("cut at {at}"), true);
    }
}

#[test]
fn no_number_is_given_twice_behind_a_packed_segment() {
    let dir = directory();
    let model = filled(dir.path());
    pack_all(&mut open_small(dir.path()).packer);
    let last = open_small(dir.path()).reader.segments().last().unwrap().clone();
    fs::remove_file(segment::path(dir.path(), last.first)).unwrap();
    lose_note(dir.path());
    let mut opened = open_small(dir.path());
    let kept = usize::try_from(last.first).unwrap() - 1;
    assert_eq!(payloads(&opened.reader), model[..kept]);
    let appended = opened.writer.append(&["on"]).unwrap();
    assert_eq!(appended.first, last.first);
    assert_eq!(payloads(&open_small(dir.path()).reader).len(), kept + 1);

    // Not even if its header does not say where it ends.
    drop(opened);
    fs::remove_file(segment::path(dir.path(), appended.first)).unwrap();
    lose_note(dir.path());
    let before = open_small(dir.path()).reader.segments().last().unwrap().clone();
    let before = segment::packed_path(dir.path(), before.first);
    let mut bytes = fs::read(&before).unwrap();
    bytes[34] ^= 1;
    fs::write(&before, bytes).unwrap();
    let mut opened = open_small(dir.path());
    assert_eq!(opened.findings.damage.len(), 1);
    let first = opened.writer.append(&["on"]).unwrap().first;
    assert!(appended.first < first);
    let read: Vec<_> = opened.reader.from(1).filter_map(Result::ok).collect();
    assert_eq!(read.len(), kept + 1);
}

#[test]
fn opening_tells_of_a_missing_segment_and_of_damage_that_is_known() {
    let dir = directory();
    let mut opened = open_small(dir.path());
    for n in 0..200 {
        opened.writer.append(&[format!("{n} of many").repeat(5)]).unwrap();
    }
    while opened.packer.pack_next().unwrap().is_some() {}
    let firsts: Vec<u64> = segment::list(dir.path()).unwrap().segments.into_keys().collect();
    assert!(4 < firsts.len());
    drop(opened);
    fs::remove_file(segment::packed_path(dir.path(), firsts[0])).unwrap();
    fs::remove_file(segment::packed_path(dir.path(), firsts[2])).unwrap();
    let missing: BTreeSet<u64> = (firsts[0]..firsts[1]).chain(firsts[2]..firsts[3]).collect();
    let Opened { reader, findings, .. } = open_small(dir.path());
    assert_eq!(sequences(&findings.damage), missing);
    assert!(!dir.path().join("aside").exists(), "there is nothing to copy");
    let Err(JournalError::Damaged(damage)) = reader.get(firsts[3] - 1) else { panic!("not told") };
    assert_eq!(damage.missing, firsts[2]..firsts[3], "all that is missing with it");
    assert!(findings.damage.contains(&damage), "the same as opening tells");

    // A bad block is met by who reads it, and remembered from then on.
    let path = segment::packed_path(dir.path(), firsts[3]);
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let Opened { reader, findings, .. } = open_small(dir.path());
    assert_eq!(sequences(&findings.damage), missing, "opening does not read it");
    let Err(JournalError::Damaged(damage)) = reader.get(firsts[3]) else { panic!("not told") };
    assert!(reader.set_aside(&damage).unwrap(), "it is new");
    let Opened { findings, .. } = open_small(dir.path());
    let longer: BTreeSet<u64> = missing.iter().copied().chain(firsts[3]..firsts[4]).collect();
    assert_eq!(sequences(&findings.damage), longer);
    fs::write(&path, whole).unwrap();
    let Opened { findings, .. } = open_small(dir.path());
    assert_eq!(sequences(&findings.damage), missing, "what was put back is whole");
}
