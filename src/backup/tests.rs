//! Backups of real journals, whole and broken.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::event::{Record, Retraction};
use crate::journal::{self, Fate, Opened, Reader};

/// A journal and places for its backups.
struct Case {
    dir: tempfile::TempDir,
    journal: Opened,
    said: u128,
}

impl Case {
    /// A journal whose segments have so many records.
    fn new(segments: &[u64]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = journal::open(&dir.path().join("journal"), 0).unwrap();
        let mut case = Self { dir, journal, said: 0 };
        for records in segments {
            case.append(*records);
            case.journal.writer.seal().unwrap();
        }
        case
    }

    fn append(&mut self, records: u64) {
        for _ in 0..records {
            self.said += 1;
            let record = self.record(self.said);
            self.journal.writer.append(&[Record::Retraction(record).encode()]).unwrap();
        }
    }

    fn record(&self, nth: u128) -> Retraction {
        let by = self.dir.path().display().to_string();
        Retraction { id: Uuid::from_u128(nth << 64), at: Timestamp::UNIX_EPOCH, by }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn back_up(&self, to: &str) -> Result<Made, BackupError> {
        self.back_up_to(&self.path(to))
    }

    fn back_up_to(&self, path: &Path) -> Result<Made, BackupError> {
        let is_file = path.extension().is_some_and(|ending| ending == "tar");
        let back_up = if is_file { to_file } else { to_dir };
        back_up(&self.path("journal"), path, Timestamp::UNIX_EPOCH)
    }

    /// Puts another directory into the place of the journal.
    fn replace_journal(&mut self, by: &Path) {
        let journal = self.path("journal");
        fs::remove_dir_all(&journal).unwrap();
        fs::rename(by, &journal).unwrap();
        self.journal = journal::open(&journal, 0).unwrap();
    }

    /// What a backup holds once it is a journal again, and what is told of it.
    fn restored(&self, from: &str) -> (BTreeMap<u64, Vec<u8>>, Report) {
        let to = tempfile::tempdir().unwrap();
        let report = Kept::open(&self.path(from)).unwrap();
        let report = report.examine(|part| part.write(to.path())).unwrap();
        journal::begin_with(to.path(), report.begins).unwrap();
        (records(&Reader::open(to.path(), 0).unwrap().0), report)
    }

    fn records(&self) -> BTreeMap<u64, Vec<u8>> {
        records(&self.journal.reader)
    }

    fn part(&self, backup: &str, nth: usize) -> PathBuf {
        let kept = Kept::open(&self.path(backup)).unwrap();
        self.path(backup).join(&kept.manifest.unwrap().parts[nth].file)
    }
}

fn records(reader: &Reader) -> BTreeMap<u64, Vec<u8>> {
    let entries = reader.from(1).flatten();
    entries.map(|entry| (entry.sequence, entry.payload)).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn lost(report: &Report) -> Vec<(u64, u64)> {
    let spans = report.damaged.iter().flat_map(|fault| &fault.lost);
    spans.map(|span| (span.first, span.last)).collect()
}

#[test]
fn a_backup_is_the_journal_and_the_next_adds_what_is_new() {
    let mut case = Case::new(&[30, 20]);
    case.append(5);
    assert_eq!(case.back_up("b").unwrap().new_parts, 3);
    let (found, report) = case.restored("b");
    assert_eq!(found, case.records());
    assert!(report.is_whole(), "{report:#?}");
    let sealed = case.part("b", 0);
    let inode = fs::metadata(&sealed).unwrap().ino();
    case.append(1);
    let made = case.back_up("b").unwrap();
    assert_eq!(made.new_parts, 1, "the last, which grew");
    assert_eq!(fs::metadata(&sealed).unwrap().ino(), inode);
    assert_eq!(fs::read_dir(case.path("b")).unwrap().count(), 4, "the one before is gone");
    assert_eq!(case.restored("b").0, case.records());
    // However the journal lies on disk, its backup is the same.
    while case.journal.packer.pack_next().unwrap().is_some() {}
    assert_eq!(case.back_up("b").unwrap().new_parts, 0);
}

#[test]
fn the_next_backup_heals_what_became_of_the_one_before() {
    let mut case = Case::new(&[30, 20]);
    case.append(5);
    case.back_up("b").unwrap();
    let (flipped, gone) = (case.part("b", 0), case.part("b", 1));
    let whole = fs::read(&flipped).unwrap();
    flip(&flipped, whole.len() / 2);
    fs::remove_file(&gone).unwrap();
    let made = case.back_up("b").unwrap();
    assert_eq!(made.healed, [flipped.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(made.new_parts, 2, "what is gone is just new");
    assert_eq!(fs::read(&flipped).unwrap(), whole);
    let (found, report) = case.restored("b");
    assert_eq!(found, case.records());
    assert!(report.is_whole(), "{report:#?}");
    assert_eq!(case.back_up("b").unwrap().new_parts, 0);
    for nth in 0..3 {
        fs::write(case.part("b", nth), "nothing of it is left").unwrap();
    }
    assert_eq!(case.back_up("b").unwrap().healed.len(), 3);
}

#[test]
fn an_archive_holds_the_same() {
    let mut case = Case::new(&[30]);
    case.append(5);
    to_file(&case.path("journal"), &case.path("b.tar"), Timestamp::UNIX_EPOCH).unwrap();
    let (found, report) = case.restored("b.tar");
    assert_eq!(found, case.records());
    assert!(report.is_whole(), "{report:#?}");
}

#[test]
fn what_was_forgotten_or_dropped_leaves_the_backup_too() {
    let mut case = Case::new(&[30, 20, 10]);
    case.back_up("b").unwrap();
    let mut left = 3;
    let forget = |_: u64, _: &[u8]| {
        left -= 1;
        if left < 0 { Fate::Keep } else { Fate::Drop }
    };
    case.journal.packer.rewrite(journal::Damaged::Stays, forget).unwrap();
    case.append(4);
    let made = case.back_up("b").unwrap();
    assert_eq!((made.new_parts, made.removed), (2, 3), "the four are no part of the reckoning");
    assert_eq!(case.back_up("b").unwrap().removed, 0, "that was told");
    assert_eq!(fs::read_dir(case.path("b")).unwrap().count(), 5);
    case.journal.packer.drop_before(31).unwrap();
    case.append(1);
    let made = case.back_up("b").unwrap();
    assert_eq!((made.new_parts, made.removed), (1, 27));
    assert_eq!(fs::read_dir(case.path("b")).unwrap().count(), 4);
    let (found, report) = case.restored("b");
    assert!(report.is_whole(), "what was dropped is not lost: {report:#?}");
    assert_eq!(found, case.records());
}

#[test]
fn a_journal_that_is_rewritten_meanwhile_is_noticed() {
    let mut case = Case::new(&[3, 3]);
    case.append(3);
    let journal = case.path("journal");
    let found = || journal::Parts::of(&journal).unwrap();
    let all_of = |mut parts: journal::Parts| {
        parts.firsts().into_iter().for_each(|first| drop(parts.read(first).unwrap()));
        parts
    };
    let read = || all_of(found());
    let (parts, yet_to_read) = (read(), found());
    case.append(3);
    case.journal.writer.seal().unwrap();
    while case.journal.packer.pack_next().unwrap().is_some() {}
    assert!(parts.still_hold().unwrap(), "grown, sealed and packed it is the same");
    let parts = all_of(yet_to_read);
    assert!(parts.still_hold().unwrap(), "packed between being found and read, too");
    case.journal.packer.rewrite(journal::Damaged::Stays, |_, _| Fate::Drop).unwrap();
    assert!(!parts.still_hold().unwrap());
    let parts = read();
    case.journal.packer.drop_before(4).unwrap();
    assert!(!parts.still_hold().unwrap());
}

#[test]
fn any_bad_byte_of_a_part_is_found_and_costs_no_other_part() {
    let mut case = Case::new(&[400, 20]);
    case.append(5);
    case.back_up("b").unwrap();
    let (part, all) = (case.part("b", 0), case.records());
    let whole = fs::read(&part).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        flip(&part, at);
        let (found, report) = case.restored("b");
        assert!(!report.is_whole(), "byte {at}");
        assert!(report.damaged[0].to_string().starts_with("00000000000000000001-"), "{report:#?}");
        let gone = |sequence: &u64| lost(&report).iter().any(|it| (it.0..=it.1).contains(sequence));
        let expected = all.iter().filter(|(sequence, _)| !gone(sequence));
        assert!(found.iter().eq(expected), "byte {at}: {report:#?}");
        assert!(report.lost_before.is_empty(), "byte {at}: {report:#?}");
        fs::write(&part, &whole).unwrap();
    }
    fs::remove_file(&part).unwrap();
    let (found, report) = case.restored("b");
    assert_eq!(lost(&report), [(1, 400)]);
    assert!(found.keys().copied().eq(401..=425));
}

#[test]
fn a_bad_manifest_is_never_believed_and_what_is_there_is_found_without_it() {
    let mut case = Case::new(&[30, 20]);
    case.append(5);
    case.back_up("b").unwrap();
    let manifest = case.path("b").join(MANIFEST);
    let whole = fs::read(&manifest).unwrap();
    for at in 0..whole.len() {
        flip(&manifest, at);
        match Kept::open(&case.path("b")) {
            Err(BackupError::Newer { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
            // White space that became another, or none, says the same.
            Ok(kept) if kept.manifest.is_some() => assert!(whole[at].is_ascii_whitespace()),
            Ok(kept) => {
                drop(kept);
                assert!(matches!(case.back_up("b"), Err(BackupError::BadManifest(_))));
                let (found, report) = case.restored("b");
                assert_eq!(found, case.records(), "byte {at}");
                assert_eq!(report.damaged[0].file, MANIFEST);
            }
        }
        fs::write(&manifest, &whole).unwrap();
    }
    fs::remove_file(&manifest).unwrap();
    assert_eq!(case.restored("b").0, case.records());
    fs::remove_file(case.part_of(21 + 10)).unwrap();
    let (_, report) = case.restored("b");
    assert_eq!(lost(&report), [(31, 50)], "{report:#?}");
    // It is finished by the next.
    case.back_up("b").unwrap();
    assert_eq!(case.restored("b").0, case.records());
}

impl Case {
    fn part_of(&self, first: u64) -> PathBuf {
        let names = fs::read_dir(self.path("b")).unwrap().map(|item| item.unwrap().path());
        let begins = format!("{first:020}-");
        let mut found = names.filter(|path| path.to_string_lossy().contains(&begins));
        found.next().unwrap()
    }
}

#[test]
fn an_archive_that_was_cut_short_or_damaged_gives_what_it_has() {
    let mut case = Case::new(&[300, 200]);
    case.append(5);
    let path = case.path("b.tar");
    to_file(&case.path("journal"), &path, Timestamp::UNIX_EPOCH).unwrap();
    let (whole, all) = (fs::read(&path).unwrap(), case.records());
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for length in (0..end).step_by(whole.len() / 40) {
        fs::write(&path, &whole[..length]).unwrap();
        if Kept::open(&path).is_err() {
            assert!(length <= 512);
            continue;
        }
        let (found, report) = case.restored("b.tar");
        assert!(!report.is_whole(), "{length}");
        assert!(found.iter().all(|(sequence, record)| all[sequence] == *record), "{length}");
        // A header is as good as its sum; the part behind a bad one is still found.
        let mut bytes = whole.clone();
        bytes[length] ^= 0x10;
        fs::write(&path, &bytes).unwrap();
        let (found, report) = case.restored("b.tar");
        let least = all.len() - lost(&report).iter().map(|it| (it.0..=it.1).count()).sum::<usize>();
        assert!(found.len() == least && 205 <= least, "{length}: {report:#?}");
    }
}

#[test]
fn a_damaged_journal_is_backed_up_as_it_is() {
    let case = Case::new(&[30, 20]);
    let segment = case.path("journal").join("00000000000000000001.seg");
    flip(&segment, 200);
    let made = case.back_up("b").unwrap();
    assert_eq!(made.damage.len(), 1);
    assert!(case.part("b", 0).to_string_lossy().ends_with(".seg"));
    let (found, report) = case.restored("b");
    assert_eq!(found, case.records());
    assert!(report.damaged.is_empty() && !report.is_whole(), "{report:#?}");
    assert_eq!(report.lost_before.len(), 1);
    assert_eq!(case.back_up("b").unwrap().damage.len(), 1, "told each time");
    fs::remove_file(&segment).unwrap();
    let gone = case.back_up("c").unwrap().damage;
    assert_eq!(gone[0].missing, 1..31);
}

#[test]
fn a_backup_that_has_what_the_journal_has_lost_since_is_left_as_it_is() {
    const FIRST: &str = "journal/00000000000000000001.seg";
    const LAST: [&str; 2] =
        ["journal/00000000000000000031.seg", "journal/00000000000000000051.seg"];
    let lose: [fn(&Case); 3] = [
        |case| flip(&case.path(FIRST), 200),
        |case| fs::remove_file(case.path(FIRST)).unwrap(),
        |case| LAST.iter().for_each(|name| fs::remove_file(case.path(name)).unwrap()),
    ];
    for (nth, lose) in lose.iter().enumerate() {
        for target in ["b", "b.tar"] {
            let case = Case::new(&[30, 20]);
            case.back_up(target).unwrap();
            let all = case.records();
            lose(&case);
            let again = case.back_up(target);
            assert!(matches!(again, Err(BackupError::WouldLose(_))), "{nth} {target}: {again:?}");
            let (found, report) = case.restored(target);
            assert!(found == all && report.is_whole(), "{nth} {target}: {report:#?}");
        }
    }
}

#[test]
fn a_journal_that_went_another_way_replaces_nothing() {
    for target in ["b", "b.tar"] {
        let mut case = Case::new(&[5]);
        case.back_up("before").unwrap();
        case.append(3);
        case.back_up(target).unwrap();
        let all = case.records();
        // What only this backup has, the older one gives back without; then others get the numbers.
        let (before, older) = (case.path("before"), case.path("older"));
        journal::make_dir(&older).unwrap();
        Kept::open(&before).unwrap().examine(|part| part.write(&older)).unwrap();
        case.replace_journal(&older);
        case.append(2);
        assert!(matches!(case.back_up(target), Err(BackupError::WouldLose(_))), "it is shorter");
        case.append(20);
        let longer = case.back_up(target);
        assert!(matches!(longer, Err(BackupError::WouldLose(_))), "{target}: {longer:?}");
        let (found, report) = case.restored(target);
        assert!(found == all && report.is_whole(), "{target}: {report:#?}");
        assert!(!case.path("b.tar.new").exists());
        assert_eq!(case.back_up("before").unwrap().removed, 0, "nothing of that one is lost");
    }
}

#[test]
fn a_record_that_lost_a_name_is_still_the_same() {
    for target in ["b", "b.tar"] {
        let mut case = Case::new(&[5]);
        case.append(3);
        case.back_up(target).unwrap();
        let nameless = |_: u64, record: &[u8]| {
            let Ok(Record::Retraction(record)) = Record::decode(record) else { panic!() };
            let by = "somebody".to_owned();
            Fate::Replace(Record::Retraction(Retraction { by, ..record }).encode())
        };
        assert_eq!(case.journal.packer.rewrite(journal::Damaged::Stays, nameless).unwrap(), 5);
        case.append(1);
        assert_eq!(case.back_up(target).unwrap().removed, 0);
        assert_eq!(case.restored(target).0, case.records());
    }
}

#[test]
fn where_all_was_forgotten_it_leaves_the_backup_too() {
    for target in ["b", "b.tar"] {
        let mut case = Case::new(&[5]);
        case.back_up(target).unwrap();
        case.journal.packer.rewrite(journal::Damaged::Stays, |_, _| Fate::Drop).unwrap();
        case.append(1);
        assert_eq!(case.back_up(target).unwrap().removed, 5, "{target}");
        assert_eq!(case.restored(target).0.into_keys().collect::<Vec<_>>(), [6]);
    }
}

#[test]
fn what_is_no_backup_of_this_journal_is_left_as_it_is() {
    let (one, other) = (Case::new(&[3]), Case::new(&[3]));
    for name in ["b.tar", "b"] {
        one.back_up(name).unwrap();
        let foreign = other.back_up_to(&one.path(name));
        assert!(matches!(foreign, Err(BackupError::Another(_))), "{foreign:?}");
        assert_eq!(one.restored(name).0, one.records());
    }
    fs::create_dir(one.path("photos")).unwrap();
    fs::write(one.path("photos/cat.jpg"), "meow").unwrap();
    assert!(matches!(one.back_up("photos"), Err(BackupError::Foreign { .. })));
    let manifest = one.path("b").join(MANIFEST);
    let newer = fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 3");
    fs::write(&manifest, &newer).unwrap();
    assert!(matches!(one.back_up("b"), Err(BackupError::Newer { version: 3, .. })));
    assert!(matches!(Kept::open(&one.path("b")), Err(BackupError::Newer { version: 3, .. })));
    assert_eq!(fs::read_to_string(&manifest).unwrap(), newer);
    assert!(matches!(one.back_up("../nowhere/\0"), Err(BackupError::Unusable { .. })));
    let archive = one.path("b.tar");
    let whole = fs::read(&archive).unwrap();
    let at = whole.windows(11).position(|window| window == b"\"format\": 1").unwrap();
    flip(&archive, at + 9);
    assert!(matches!(one.back_up("b.tar"), Err(BackupError::BadManifest(_))));
    let newer = [&whole[..at + 10], b"3", &whole[at + 11..]].concat();
    fs::write(&archive, &newer).unwrap();
    assert!(matches!(one.back_up("b.tar"), Err(BackupError::Newer { version: 3, .. })));
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(one.back_up("b.tar"), Err(BackupError::BadManifest(_))));
    fs::write(&archive, "no archive").unwrap();
    one.back_up("b.tar").unwrap();
    assert!(fs::read(&archive).unwrap() == whole, "what is no backup is replaced");
    assert!(matches!(Kept::open(&one.path("photos")), Err(BackupError::NoBackup(_))));
}

#[test]
fn one_backup_at_a_time() {
    let case = Case::new(&[3]);
    case.back_up("b").unwrap();
    let kept = Kept::open(&case.path("b")).unwrap();
    assert!(matches!(case.back_up("b"), Err(BackupError::Busy(_))));
    drop(kept);
    case.back_up("b").unwrap();
    let tar = || to_file(&case.path("journal"), &case.path("b.tar"), Timestamp::UNIX_EPOCH);
    tar().unwrap();
    let half = fs::File::create(case.path("b.tar.new")).unwrap();
    half.lock().unwrap();
    assert!(matches!(tar(), Err(BackupError::Busy(_))));
    drop(half);
    tar().unwrap();
    assert!(!case.path("b.tar.new").exists());
}

#[test]
fn an_empty_journal_is_backed_up_too() {
    let case = Case::new(&[]);
    assert_eq!(case.back_up("b").unwrap().manifest.parts.len(), 0);
    let (found, report) = case.restored("b");
    assert!(found.is_empty() && report.is_whole());
}
