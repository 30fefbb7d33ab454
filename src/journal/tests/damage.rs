//! What the journal promises when bytes rot, files go missing and writes are cut short.

use super::*;

/// Three segments: batches of one to three records, the last batch of three. How far it went is not
/// noted.
pub(super) fn journal() -> (TempDir, Vec<Vec<u8>>) {
    let dir = directory();
    let Opened { mut writer, .. } = open_small(dir.path());
    let mut model = Vec::new();
    for size in [1, 2, 3, 1, 2, 3, 1, 1, 3_usize] {
        let record = |at| format!("record {} {}", at, "x".repeat(at * 13 % 160)).into_bytes();
        let batch: Vec<_> = (model.len() + 1..=model.len() + size).map(record).collect();
        writer.append(&batch).unwrap();
        model.extend(batch);
    }
    assert_eq!(segments(dir.path()).len(), 3);
    lose_note(dir.path());
    (dir, model)
}

pub(super) fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let firsts: Vec<u64> = segment::list(dir).unwrap().segments.into_keys().collect();
    firsts.iter().map(|first| segment::path(dir, *first)).collect()
}

/// What is left of a journal.
#[derive(Debug, PartialEq)]
struct Left {
    read: BTreeSet<u64>,
    damaged: BTreeSet<u64>,
    torn: BTreeSet<u64>,
    findings: Findings,
}

/// Opens a maimed journal and holds it to its promises: no panic, no wrong payload, what is not
/// there is told of, it goes on, and a second opening finds nothing new. `changed` is put back.
fn survive(dir: &Path, model: &[Vec<u8>], what: &str) -> Left {
    let (looked, _) = Reader::open(dir, 0).unwrap();
    read(&looked, model, what);
    let Opened { mut writer, reader, findings, .. } = writer::open(dir, SMALL, 0).unwrap();
    let (found, damaged) = read(&reader, model, what);
    let torn = sequences(&findings.torn);
    for sequence in 1..=reader.last() {
        let told = [&found, &damaged, &torn].map(|set| usize::from(set.contains(&sequence)));
        assert_eq!(told.iter().sum::<usize>(), 1, "{what}: record {sequence}: {told:?}");
    }
    let before = found.iter().next_back().copied().unwrap_or(0);
    let appended = writer.append(&["later", "and later"]).unwrap();
    assert!(before < appended.first && torn.iter().all(|it| *it < appended.first), "{what}");
    let mut later = reader.from(appended.first);
    assert_eq!(later.next().unwrap().unwrap().payload, b"later", "{what}");
    drop((writer, reader));

    let again = writer::open(dir, SMALL, 0).unwrap();
    assert_eq!(again.findings.torn, [], "{what}: torn is found once");
    let mut longer = model.to_vec();
    longer.resize(usize::try_from(appended.last).unwrap(), Vec::new());
    longer[usize::try_from(appended.first).unwrap() - 1..]
        .clone_from_slice(&[b"later".to_vec(), b"and later".to_vec()]);
    let (found_again, damaged_again) = read(&again.reader, &longer, what);
    let mut expected = found.clone();
    expected.extend([appended.first, appended.last]);
    assert_eq!((found_again, damaged_again), (expected, damaged.clone()), "{what}");
    Left { read: found, damaged, torn, findings }
}

/// The sequences that are read, each with its payload checked, and those that are missing.
pub(super) fn read(
    reader: &Reader,
    model: &[Vec<u8>],
    what: &str,
) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut read, mut damaged) = (BTreeSet::new(), BTreeSet::new());
    for entry in reader.from(1) {
        match entry {
            Ok(entry) => {
                let expected = &model[usize::try_from(entry.sequence).unwrap() - 1];
                assert_eq!(&entry.payload, expected, "{what}: record {}", entry.sequence);
                assert!(read.insert(entry.sequence), "{what}: twice");
            }
            Err(JournalError::Damaged(damage)) => {
                assert!(!damage.missing.is_empty(), "{what}");
                damaged.extend(damage.missing);
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
    (read, damaged)
}

/// Copies a journal, so that it can be maimed.
pub(super) fn copy(from: &Path) -> TempDir {
    let dir = directory();
    for path in segments(from) {
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

pub(super) fn all(model: &[Vec<u8>]) -> BTreeSet<u64> {
    (1..=model.len() as u64).collect()
}

#[test]
fn any_flipped_byte_costs_one_record_at_most_and_is_told() {
    let (dir, model) = journal();
    let mut torn = 0;
    for path in segments(dir.path()) {
        let bytes = fs::read(&path).unwrap();
        for at in 0..frame::used(&bytes) + 16 {
            for mask in [1 << (at % 8), 0xff] {
                let maimed = copy(dir.path());
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                fs::write(maimed.path().join(path.file_name().unwrap()), bytes).unwrap();
                let what = format!("{} at {at} ^ {mask}", path.display());
                let left = survive(maimed.path(), &model, &what);
                let lost: BTreeSet<_> = all(&model).difference(&left.read).copied().collect();
                assert!(lost.len() <= 1, "{what}: {lost:?}");
                assert!(
                    lost.iter().all(|it| left.damaged.contains(it) || left.torn.contains(it)),
                    "{what}: {left:?}"
                );
                let quiet = lost.is_empty() && left.findings == Findings::default();
                assert!(
                    !quiet || HEADER - 4 <= at,
                    "{what}: only spare bytes may change unnoticed"
                );
                torn += usize::from(!left.torn.is_empty());
            }
        }
    }
    assert!(0 < torn, "the last batch was maimed as well");
}

#[test]
fn any_truncation_keeps_what_is_left() {
    let (dir, model) = journal();
    let paths = segments(dir.path());
    for (nth, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        for length in 0..frame::used(&bytes) + 8 {
            let maimed = copy(dir.path());
            let short = maimed.path().join(path.file_name().unwrap());
            fs::write(short, &bytes[..length]).unwrap();
            let left = survive(maimed.path(), &model, &format!("segment {nth} cut at {length}"));
            if nth + 1 < paths.len() {
                let told: BTreeSet<_> = left.read.union(&left.damaged).copied().collect();
                assert_eq!(told, all(&model), "cut at {length}: all is told");
            }
        }
    }
}

#[test]
fn any_zeroed_range_keeps_what_is_left() {
    let (dir, model) = journal();
    let paths = segments(dir.path());
    for (nth, path) in paths.iter().enumerate() {
        let bytes = fs::read(path).unwrap();
        let used = frame::used(&bytes);
        for from in (0..used).step_by(4) {
            for length in [1, 4, 37, 200, used] {
                let maimed = copy(dir.path());
                let mut bytes = bytes.clone();
                bytes[from..used.min(from + length)].fill(0);
                fs::write(maimed.path().join(path.file_name().unwrap()), bytes).unwrap();
                let what = format!("segment {nth}, {length} zeros at {from}");
                let left = survive(maimed.path(), &model, &what);
                if nth + 1 < paths.len() {
                    let told: BTreeSet<_> = left.read.union(&left.damaged).copied().collect();
                    assert_eq!(told, all(&model), "{what}: all is told");
                }
            }
        }
    }
}

#[test]
fn a_missing_segment_is_damage() {
    let (dir, model) = journal();
    let firsts: Vec<u64> = segment::list(dir.path()).unwrap().segments.into_keys().collect();
    for (nth, first) in firsts.iter().enumerate().take(2) {
        let maimed = copy(dir.path());
        fs::remove_file(segment::path(maimed.path(), *first)).unwrap();
        let left = survive(maimed.path(), &model, &format!("without segment {nth}"));
        let missing: BTreeSet<u64> = (*first..firsts[nth + 1]).collect();
        assert_eq!(sequences(&left.findings.damage), missing, "opening tells");
        assert_eq!(left.damaged, missing);
    }
    let (reader, _) = Reader::open(dir.path(), 0).unwrap();
    fs::remove_file(segment::path(dir.path(), firsts[1])).unwrap();
    let mut records = reader.from(firsts[1]);
    for _ in 0..2 {
        assert!(matches!(records.next(), Some(Err(JournalError::Unusable { .. }))));
        assert!(records.next().is_none(), "loops end");
    }
}

#[test]
fn what_is_appended_while_somebody_looks_is_not_missing() {
    let dir = directory();
    let Opened { mut writer, .. } = open_small(dir.path());
    writer.append(&["one"]).unwrap();
    let known = reached::read(dir.path());
    let listing = segment::list(dir.path()).unwrap();
    writer.seal().unwrap();
    writer.append(&["two"]).unwrap();
    let survey = recover::survey(dir.path(), &listing, SMALL, known).unwrap();
    assert_eq!((survey.last(), survey.findings.damage), (1, Vec::new()));
}

#[test]
fn a_hole_in_the_last_batch_is_torn_and_what_follows_it_stays() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one"]).unwrap();
    open_small(dir.path()).writer.append(&["two", "tre", "for", "fiv"]).unwrap();
    let at = |nth: u64| HEADER as u64 + nth * frame::span(3) as u64;
    write_at(dir.path(), at(1) + 30, b"???");
    write_at(dir.path(), at(3) + 37, b"?");
    lose_note(dir.path());
    let Opened { mut writer, reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings.damage, []);
    let span = frame::span(3) as u64;
    let torn = |offset, missing| Damage { segment: 1, offset, bytes: span, missing };
    assert_eq!(findings.torn, [torn(at(1), 2..3), torn(at(3), 4..5)]);
    assert_eq!(payloads(&reader), [b"one", b"tre", b"fiv"]);
    let kept = fs::read(dir.path().join(format!("aside/00000000000000000001-{}.torn", at(3))));
    assert_eq!(kept.unwrap()[36..39], *b"f?r");
    writer.append(&["six"]).unwrap();
    let Opened { reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings, Findings::default(), "it is settled");
    let read = reader.from(1).map(Result::unwrap).map(|entry| (entry.sequence, entry.batch));
    assert_eq!(read.collect::<Vec<_>>(), [(1, 1), (3, 2), (5, 2), (6, 3)]);
}

#[test]
fn damage_before_the_last_batch_is_no_tear() {
    let dir = directory();
    let Opened { mut writer, .. } = open_small(dir.path());
    writer.append(&["one", "two"]).unwrap();
    writer.append(&["tre", "for"]).unwrap();
    // The end of one batch and the start of the next.
    write_at(dir.path(), (HEADER + frame::span(3)) as u64 + 12, &[9; 50]);
    for opening in 0..2 {
        let Opened { reader, findings, .. } = open_small(dir.path());
        assert_eq!(findings.torn, []);
        assert_eq!(sequences(&findings.damage), [2, 3].into(), "opening {opening}");
        assert!(!reader.set_aside(&findings.damage[0]).unwrap(), "it is aside already");
        assert_eq!(fs::read_dir(dir.path().join("aside")).unwrap().count(), 1);
    }
}

#[test]
fn half_a_last_batch_is_kept_and_the_rest_withdrawn() {
    let dir = directory();
    open_small(dir.path()).writer.append(&["one"]).unwrap();
    let end = (HEADER + frame::span(3)) as u64;
    write_at(dir.path(), end, &batch(2, 2, &["two", "tre", "for"])[..frame::span(3)]);
    let Opened { mut writer, reader, findings, .. } = open_small(dir.path());
    assert_eq!(sequences(&findings.torn), [3, 4].into());
    assert_eq!(payloads(&reader), [b"one", b"two"]);
    assert_eq!(writer.append(&["fiv"]).unwrap().first, 5, "no number is given twice");
    let batches: Vec<_> = reader.from(1).map(|entry| entry.unwrap().batch).collect();
    assert_eq!(batches, [1, 2, 4]);
}

#[test]
fn damage_found_by_a_cursor_can_be_set_aside_once() {
    let (dir, _) = journal();
    let Opened { reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings, Findings::default());
    write_at(dir.path(), 80, b"rot");
    let damage = reader.from(1).find_map(|entry| match entry {
        Err(JournalError::Damaged(damage)) => Some(damage),
        _ => None,
    });
    let damage = damage.unwrap();
    // Nobody stops because there is no room for the copy.
    let half = dir.path().join(format!("aside/00000000000000000001-{}.damaged.new", damage.offset));
    fs::create_dir(dir.path().join("aside")).unwrap();
    std::os::unix::fs::symlink("/dev/full", half).unwrap();
    assert!(!reader.set_aside(&damage).unwrap());
    assert!(reader.set_aside(&damage).unwrap());
    assert!(!reader.set_aside(&damage).unwrap());
    let name = format!("aside/00000000000000000001-{}.damaged", damage.offset);
    assert_eq!(fs::read(dir.path().join(name)).unwrap().len() as u64, damage.bytes);
    let (_, findings) = Reader::open(dir.path(), 0).unwrap();
    assert_eq!(findings.damage, [damage], "opening reads a full segment that is not packed");
}

#[test]
fn a_wholly_zeroed_last_segment_does_not_reuse_batches() {
    let (dir, model) = journal();
    let path = segments(dir.path()).pop().unwrap();
    fs::write(path, vec![0; usize::try_from(SMALL).unwrap()]).unwrap();
    let Opened { mut writer, reader, findings, .. } = open_small(dir.path());
    assert_eq!(findings.damage.len(), 1, "its header is bad");
    let first = writer.append(&["later"]).unwrap().first;
    let batch = reader.from(first).next().unwrap().unwrap().batch;
    assert!(9 < batch && first <= model.len() as u64, "{batch}");
}

#[test]
fn a_live_cursor_passes_damage_at_the_end() {
    let dir = directory();
    let Opened { mut writer, reader, .. } = open_small(dir.path());
    let mut cursor = reader.from(1);
    writer.append(&["one", "two"]).unwrap();
    write_at(dir.path(), (HEADER + frame::span(3)) as u64, b"rot");
    assert_eq!(cursor.next().unwrap().unwrap().sequence, 1);
    assert!(matches!(cursor.next(), Some(Err(JournalError::Damaged(_)))));
    assert!(cursor.next().is_none());
    writer.append(&["tre"]).unwrap();
    assert_eq!(cursor.next().unwrap().unwrap().sequence, 3);
    assert!(cursor.next().is_none());
}

#[test]
fn a_frame_that_says_more_than_can_be_is_none() {
    // Whole by their checksums, as only somebody can make them.
    for (count, batch) in [(1_000_000, 2), (1, u64::MAX)] {
        let dir = directory();
        open_small(dir.path()).writer.append(&["one"]).unwrap();
        let behind = (HEADER + frame::span(3)) as u64;
        write_at(dir.path(), behind, &frame::void(2, count, batch, 40));
        survive(dir.path(), &[b"one".to_vec()], &format!("{count} {batch}"));
    }
}

#[test]
fn mending_may_be_cut_short_anywhere() {
    let (dir, model) = journal();
    let path = segments(dir.path()).pop().unwrap();
    // The middle and the end of the last batch.
    let mut bytes = fs::read(&path).unwrap();
    let used = frame::used(&bytes);
    for at in [used - 4, used - frame::span(20) - 90, used - 1] {
        bytes[at] ^= 0xff;
    }
    bytes[3] ^= 0xff;
    fs::write(&path, &bytes).unwrap();
    let listing = segment::list(dir.path()).unwrap();
    let patches = recover::survey(dir.path(), &listing, SMALL, 0).unwrap().tail.unwrap().patches;
    assert!(1 < patches.len());
    for (nth, patch) in patches.iter().enumerate() {
        let at = usize::try_from(patch.at).unwrap();
        for cut in 0..=patch.new.len() {
            // Power cuts keep no order: only this patch, only its start or only its end.
            for part in [0..cut, cut..patch.new.len()] {
                let mut half = bytes.clone();
                half[at + part.start..at + part.end].copy_from_slice(&patch.new[part.clone()]);
                let whole = half[at..at + patch.new.len()] == patch.new;
                let maimed = copy(dir.path());
                fs::write(maimed.path().join(path.file_name().unwrap()), half).unwrap();
                let what = format!("patch {nth}, {part:?}");
                if whole {
                    // The opening that was cut short has told of it.
                    let Opened { reader, .. } = open_small(maimed.path());
                    assert_eq!(read(&reader, &model, &what).1, BTreeSet::new(), "{what}");
                } else {
                    let left = survive(maimed.path(), &model, &what);
                    assert_eq!(left.damaged, BTreeSet::new(), "{what}: still a tear");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_garbage_anywhere_is_survived(
        garbage in prop::collection::vec(
            (0..3_usize, 0..1024_usize, prop::collection::vec(any::<u8>(), 1..60)), 1..5,
        ),
    ) {
        let (dir, model) = journal();
        for (nth, at, bytes) in &garbage {
            let path = &segments(dir.path())[*nth];
            let mut all = fs::read(path).unwrap();
            let end = all.len().min(at + bytes.len());
            all[*at..end].copy_from_slice(&bytes[..end - at]);
            fs::write(path, all).unwrap();
        }
        survive(dir.path(), &model, "garbage");
    }

    #[test]
    fn any_pages_of_the_last_batch_may_be_missing(present in any::<[bool; 12]>()) {
        let dir = directory();
        let Opened { mut writer, reader, .. } = open_small(dir.path());
        let mut model = vec![b"one".to_vec()];
        writer.append(&model).unwrap();
        let end = writer.tail.as_ref().unwrap().end;
        drop((writer, reader));
        let records: Vec<_> = (2..9).map(|at| format!("{at} {}", "y".repeat(at * 9))).collect();
        let records: Vec<_> = records.iter().map(String::as_str).collect();
        model.extend(records.iter().map(|record| record.as_bytes().to_vec()));
        let bytes = batch(2, 2, &records);
        for (nth, page) in bytes.chunks(64).enumerate().filter(|(nth, _)| present[nth % 12]) {
            write_at(dir.path(), end + nth as u64 * 64, page);
        }
        let left = survive(dir.path(), &model, "torn");
        prop_assert!(left.read.contains(&1), "what was acknowledged");
        prop_assert_eq!(left.damaged.len() + left.findings.damage.len(), 0, "no false alarm");
    }
}
