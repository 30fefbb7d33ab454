//! Taking records out: gone to the last byte, the others untouched, no number given twice.

use super::*;

/// Records of ana and of bob in turns, over several segments.
fn of_two(dir: &Path) -> Vec<Vec<u8>> {
    let mut opened = open_small(dir);
    let payload = |n: u32| format!("{} says {n}", if n.is_multiple_of(2) { "ana" } else { "bob" });
    let all: Vec<_> = (0..80).map(|n| payload(n).into_bytes()).collect();
    for batch in all.chunks(4) {
        opened.writer.append(batch).unwrap();
    }
    all
}

fn forget_ana(_: u64, payload: &[u8]) -> Fate {
    match payload {
        b"ana says 20" => Fate::Replace(b"somebody says 20".to_vec()),
        _ if payload.starts_with(b"ana") => Fate::Drop,
        _ => Fate::Keep,
    }
}

/// Whether any file of a directory holds these bytes, packed or not.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    let firsts = segment::list(dir).unwrap().segments.into_keys();
    let mut segments =
        firsts.map(|first| source::Source::open(dir, first).unwrap().read_whole().unwrap());
    let files = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path());
    let mut raw = files.filter(|path| path.is_file()).map(|path| fs::read(path).unwrap());
    let is_in = |bytes: Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
    segments.any(is_in) || raw.any(is_in)
}

fn check(dir: &Path, model: &[Vec<u8>]) {
    let (reader, findings) = Reader::open(dir, 0).unwrap();
    assert_eq!(findings, Findings::default());
    let read: Vec<_> = reader.from(1).map(Result::unwrap).collect();
    let bobs = (1..).zip(model).filter(|(_, payload)| payload.starts_with(b"bob"));
    let mut expected: Vec<(u64, Vec<u8>)> = bobs.map(|(at, it)| (at, it.clone())).collect();
    expected.insert(10, (21, b"somebody says 20".to_vec()));
    assert_eq!(read.into_iter().map(|it| (it.sequence, it.payload)).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_taken_out_is_gone_and_the_rest_is_as_it_was() {
    let dir = directory();
    let model = of_two(dir.path());
    let mut opened = open_small(dir.path());
    opened.packer.pack_next().unwrap().unwrap();
    opened.writer.seal().unwrap();
    assert!(holds(dir.path(), b"ana says 4") && holds(dir.path(), b"ana says 78"));
    assert_eq!(opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap(), 40);
    assert!(!holds(dir.path(), b"ana says"));
    check(dir.path(), &model);
    assert_eq!(opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap(), 0, "once is enough");
    let appended = opened.writer.append(&["bob says more"]).unwrap();
    assert_eq!(appended.first, 81);
    opened.writer.seal().unwrap();
    opened.writer.seal().unwrap();
    assert_eq!(open_small(dir.path()).writer.append(&["and more"]).unwrap().first, 82);
}

#[test]
fn a_full_segment_in_which_records_grow_reads_back() {
    let dir = directory();
    let mut opened = open(dir.path(), 0).unwrap();
    let batch = vec![vec![b'a'; 1000]; 1000];
    while opened.reader.segments().len() < 2 {
        opened.writer.append(&batch).unwrap();
    }
    let grown = vec![b'b'; 1100];
    let full = opened.reader.segments()[1].first - 1;
    opened.writer.seal().unwrap();
    assert!(
        full < opened.packer.rewrite(Damaged::Stays, |_, _| Fate::Replace(grown.clone())).unwrap()
    );
    let before = payloads(&opened.reader);
    assert!(full < before.len() as u64 && before.iter().all(|payload| *payload == grown));
    let mut opened = open(dir.path(), 0).unwrap();
    assert!(opened.findings == Findings::default() && payloads(&opened.reader) == before);
    assert_eq!(opened.reader.examine(1).unwrap(), []);
    assert_eq!(opened.reader.get(full).unwrap().unwrap().payload, grown);
    let part = Parts::of(dir.path()).unwrap().read(1).unwrap();
    let mut read = 0;
    let contents = part.read_records(|_, payload| read += u64::from(payload == grown));
    assert_eq!((read, contents.next, contents.damage), (full, full + 1, vec![]));
    assert_eq!(part.mended(full + 1), Some(part));
    opened.writer.append(&["more"]).unwrap();
}

#[test]
fn a_last_segment_that_is_packed_is_rewritten_as_well() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["ana says so", "bob says no"]).unwrap();
    let part = Parts::of(dir.path()).unwrap().read(1).unwrap();
    // As a restore leaves it.
    let restored = directory();
    part.write(restored.path()).unwrap();
    let mut opened = open_small(restored.path());
    opened.writer.seal().unwrap();
    assert_eq!(opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap(), 1);
    assert!(!holds(restored.path(), b"ana says"));
    opened.writer.seal().unwrap();
    assert_eq!(opened.reader.segments().len(), 2);
    assert_eq!(opened.writer.append(&["bob says more"]).unwrap().first, 3);
    let mut opened = open_small(directory().path());
    opened.writer.seal().unwrap();
    assert!(opened.reader.segments().is_empty(), "nothing to close");
}

#[test]
fn it_can_be_done_again_wherever_it_was_cut_short() {
    let dir = directory();
    let model = of_two(dir.path());
    let mut opened = open_small(dir.path());
    opened.writer.seal().unwrap();
    let raw = fs::read(segment_1(dir.path())).unwrap();
    opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap();
    // As if it had stopped before the segment was removed: that one counts.
    fs::write(segment_1(dir.path()), &raw).unwrap();
    fs::write(segment::packed_path(dir.path(), 9).with_extension("pak.new"), &raw).unwrap();
    let mut opened = open_small(dir.path());
    assert!(holds(dir.path(), b"ana says"));
    assert!(0 < opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap());
    assert!(!holds(dir.path(), b"ana says"));
    check(dir.path(), &model);
}

#[test]
fn damage_in_a_rewritten_segment_goes_with_it() {
    let dir = directory();
    let model = of_two(dir.path());
    write_at(dir.path(), 60, b"????");
    let mut opened = open_small(dir.path());
    opened.writer.seal().unwrap();
    opened.packer.rewrite(Damaged::Stays, forget_ana).unwrap();
    assert!(!holds(dir.path(), b"????"));
    let (reader, findings) = Reader::open(dir.path(), 0).unwrap();
    assert_eq!(findings, Findings::default());
    for entry in reader.from(1) {
        let entry = entry.unwrap();
        let at = usize::try_from(entry.sequence).unwrap() - 1;
        assert!(entry.payload == model[at] || entry.payload.starts_with(b"somebody"));
    }
}

#[test]
fn damage_goes_where_nothing_else_changes_if_that_is_said() {
    for at_the_end in [false, true] {
        let dir = directory();
        let model = of_two(dir.path());
        let mut opened = open_small(dir.path());
        if at_the_end {
            // A block of a packed segment, which has but one here.
            let packed = opened.packer.pack_next().unwrap().unwrap();
            let path = segment::packed_path(dir.path(), packed.first);
            let mut bytes = fs::read(&path).unwrap();
            bytes[90..94].copy_from_slice(b"????");
            fs::write(path, bytes).unwrap();
        } else {
            write_at(dir.path(), 60, b"????");
        }
        let mut opened = open_small(dir.path());
        opened.writer.seal().unwrap();
        let keep = |_: u64, _: &[u8]| Fate::Keep;
        assert_eq!(opened.packer.rewrite(Damaged::Stays, keep).unwrap(), 0);
        assert!(holds(dir.path(), b"????"));
        assert_eq!(opened.packer.rewrite(Damaged::Goes, keep).unwrap(), 0, "no record that reads");
        assert!(!holds(dir.path(), b"????"));
        let mut opened = open_small(dir.path());
        assert_eq!(opened.findings, Findings::default());
        let left = payloads(&opened.reader);
        assert!(left.len() < model.len() && model.ends_with(&left[1..]));
        assert_eq!(opened.writer.append(&["bob says more"]).unwrap().first, 81);
    }
}

#[test]
fn dropped_segments_are_neither_read_nor_missed() {
    let dir = directory();
    let model = of_two(dir.path());
    let mut opened = open_small(dir.path());
    opened.packer.pack_next().unwrap().unwrap();
    let third = opened.reader.segments()[2].clone();
    opened.packer.drop_before(third.first - 1).unwrap();
    let kept = |reader: &Reader| {
        assert_eq!(reader.begins(), third.first);
        assert_eq!(payloads(reader), model[usize::try_from(third.first).unwrap() - 1..]);
    };
    kept(&opened.reader);
    assert_eq!(opened.reader.segments()[0].first, third.first);
    // Cut short before the last file went.
    fs::write(segment_1(dir.path()), "left behind").unwrap();
    let (reader, findings) = Reader::open(dir.path(), 0).unwrap();
    assert_eq!(findings, Findings::default());
    kept(&reader);
    let mut opened = open_small(dir.path());
    assert!(opened.findings == Findings::default() && !segment_1(dir.path()).exists());
    kept(&opened.reader);
    // Not even all: numbers go on.
    opened.packer.drop_before(u64::MAX).unwrap();
    assert_eq!(opened.reader.segments().len(), 1);
    assert_eq!(opened.writer.append(&["on"]).unwrap().first, 81);
    drop(opened);
    let only = open_small(dir.path()).reader.segments()[0].clone();
    fs::remove_file(segment::path(dir.path(), only.first)).unwrap();
    assert!(only.first <= open_small(dir.path()).writer.append(&["on"]).unwrap().first);
}
