//! Reading a backup whole: what is in it, and what is wrong with it.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::ops::Range;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::manifest::{Listed, checksum, read_name};
use super::{BackupError, Kept, MANIFEST};
use crate::event::Record;
use crate::journal::Part;

/// What reading a backup whole came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When it was made; unknown without a manifest.
    pub made_at: Option<Timestamp>,
    /// Its parts.
    pub parts: usize,
    /// The bytes of those that are there.
    pub bytes: u64,
    /// The records that can be read.
    pub records: u64,
    /// The events among them, those taken back left out.
    pub events: u64,
    /// Records that a newer snag wrote.
    pub unknown: u64,
    /// The sequence the journal begins with.
    pub begins: u64,
    /// What became of it since it was made.
    pub damaged: Vec<Fault>,
    /// Records that the journal had lost when it was made.
    pub lost_before: Vec<Span>,
}

/// A file of a backup that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Which one.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
    /// The records that are lost with it.
    pub lost: Vec<Span>,
}

/// Records, by their first and last sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// What the records come to.
#[derive(Default)]
struct Count {
    records: u64,
    events: HashSet<Uuid>,
    unknown: u64,
}

/// What a part should be, as the manifest has it, or its name.
struct Expected {
    file: String,
    first: u64,
    /// The sequence behind its last record.
    next: Option<u64>,
    blake3: String,
}

impl Report {
    /// Whether nothing is wrong: neither with the backup, nor with the journal when it was made.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.lost_before.is_empty() && self.unknown == 0
    }

    /// Notes that no part has these records. Only a manifest says that there never was one.
    fn gap(&mut self, missing: &Range<u64>) {
        let lost = match self.damaged.first_mut() {
            Some(fault) if self.made_at.is_none() => &mut fault.lost,
            _ => &mut self.lost_before,
        };
        lost.extend(Span::of(missing));
    }
}

impl Kept {
    /// Reads everything, and passes on each part, or what is left of it without its bad places.
    pub fn examine(
        &self,
        mut each: impl FnMut(&Part) -> io::Result<()>,
    ) -> Result<Report, BackupError> {
        let expected = self.expected();
        let mut report = self.report(&expected);
        let (mut count, mut due) = (Count::default(), report.begins);
        for expected in expected {
            report.gap(&(due..expected.first));
            let part = self.check(&expected, &mut report)?;
            let next = part.as_ref().map_or(expected.first, |part| {
                report.bytes += part.bytes.len() as u64;
                let contents = part.read_records(|_, record| count.add(record));
                let missing = contents.damage.iter().filter_map(|it| Span::of(&it.missing));
                report.lost_before.extend(missing);
                contents.next
            });
            due = expected.next.unwrap_or(next).max(next);
            if let Some(part) = part {
                each(&part).map_err(BackupError::unusable(&self.path))?;
            }
        }
        report.records = count.records;
        report.events = count.events.len() as u64;
        report.unknown = count.unknown;
        Ok(report)
    }

    fn report(&self, expected: &[Expected]) -> Report {
        let begins = match &self.manifest {
            Some(manifest) => manifest.begins,
            None => expected.first().map_or(1, |part| part.first),
        };
        let mut report = Report {
            made_at: self.manifest.as_ref().map(|manifest| manifest.made_at),
            parts: expected.len(),
            bytes: 0,
            records: 0,
            events: 0,
            unknown: 0,
            begins,
            damaged: Vec::new(),
            lost_before: Vec::new(),
        };
        if self.manifest.is_none() {
            let what = if self.is_manifest_missing { "missing" } else { "damaged" };
            let what = format!("{what}, so nobody can tell what else should be here");
            report.damaged.push(Fault { file: MANIFEST.to_owned(), what, lost: Vec::new() });
        }
        report
    }

    /// The parts that should be there; without a manifest, those that are.
    fn expected(&self) -> Vec<Expected> {
        if let Some(manifest) = &self.manifest {
            return manifest.parts.iter().map(Expected::of).collect();
        }
        let mut expected: Vec<Expected> = self.parts().filter_map(Expected::of_name).collect();
        // Of two that begin alike, one was to replace the other: the longer one.
        expected.sort_by_key(|part| (part.first, std::cmp::Reverse(self.reach(&part.file))));
        expected.dedup_by_key(|part| part.first);
        expected
    }

    fn reach(&self, file: &str) -> u64 {
        let part = self.read_part(file).ok().flatten();
        part.map_or(0, |part| part.read_records(|_, _| {}).next)
    }

    /// A part as it was made, or what is left of it, and why it is less.
    fn check(&self, expected: &Expected, report: &mut Report) -> Result<Option<Part>, BackupError> {
        let (part, what) = match self.read_part(&expected.file) {
            Ok(Some(part)) if checksum(&part.bytes).starts_with(&expected.blake3) => {
                return match part.newer() {
                    None => Ok(Some(part)),
                    Some(version) => {
                        Err(BackupError::Newer { path: self.path.join(&expected.file), version })
                    }
                };
            }
            Ok(Some(part)) => (part, "damaged".to_owned()),
            Ok(None) => (expected.empty(), "missing".to_owned()),
            Err(error) => (expected.empty(), format!("unreadable ({error})")),
        };
        let contents = part.read_records(|_, _| {});
        let next = expected.next.unwrap_or(contents.next);
        let lost = contents.damage.iter().map(|damage| damage.missing.clone());
        let lost = lost
            .chain(std::iter::once(contents.next..next))
            .filter_map(|it| Span::of(&it))
            .collect();
        report.damaged.push(Fault { file: expected.file.clone(), what, lost });
        Ok(part.mended(next))
    }
}

impl Count {
    fn add(&mut self, record: &[u8]) {
        self.records += 1;
        match Record::decode(record) {
            Ok(Record::Event(event)) => drop(self.events.insert(event.id)),
            Ok(Record::Retraction(retraction)) => drop(self.events.remove(&retraction.id)),
            // What people decided about events is no event.
            Ok(_) => {}
            Err(_) => self.unknown += 1,
        }
    }
}

impl Expected {
    fn of(listed: &Listed) -> Self {
        Self {
            file: listed.file.clone(),
            first: listed.first,
            next: Some(listed.last.saturating_add(1)),
            blake3: listed.blake3.clone(),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let (first, digits, _) = read_name(name)?;
        Some(Self { file: name.to_owned(), first, next: None, blake3: digits.to_owned() })
    }

    /// What is left where nothing is left.
    fn empty(&self) -> Part {
        Part { first: self.first, is_packed: true, bytes: Vec::new() }
    }
}

impl Span {
    fn of(range: &Range<u64>) -> Option<Self> {
        (!range.is_empty()).then(|| Self { first: range.start, last: range.end - 1 })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "record {}", self.first)
        } else {
            write!(f, "records {} to {}", self.first, self.last)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.file, self.what)?;
        for (nth, span) in self.lost.iter().enumerate() {
            write!(f, "{}{span}", if nth == 0 { ": lost are " } else { ", " })?;
        }
        if self.lost.is_empty() && self.file != MANIFEST {
            write!(f, ": no record is lost")?;
        }
        Ok(())
    }
}
