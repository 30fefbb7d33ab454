//! Notes alike: what several people said in their own words, shown together.
//!
//! Shown as "similar notes", never counted by. Notes with one fingerprint say the same; of
//! different ones it is guessed, by average-link clustering: two groups become one if their notes
//! are alike by [`CUT`] on average.
//!
//! # Promises
//!
//! - A function of the set of notes: their order does not matter, and no float is involved, so the
//!   groups are the same on any machine. Ties go by fingerprint.
//! - Each note is in exactly one group.
//!
//! # How good it is
//!
//! `tests/data/notes-alike.json` has 284 notes about 146 things at 16 places, written for this. The
//! cut was chosen on half of the places, as the best of a grid of 0.04 to 0.40 by the sum of pair F1
//! and B-cubed F1, each place on its own and all of them taken for one. The rest of the method is the
//! design's; function words are left out because that helped on the same half, most of all at places
//! with few notes. The other half was not used to choose anything.
//!
//! | pair F1, B-cubed F1 | chosen on | held out |
//! |---|---|---|
//! | each place on its own | 0.52, 0.80 | 0.40, 0.77 |
//! | all taken for one place | 0.47, 0.75 | 0.31, 0.69 |
//!
//! Held out and each place on its own, 6 of 10 pairs put together belong together, and 3 of 10 that
//! belong together are found: what is told in other words altogether is not seen to be the same.
//! Examples one writes oneself flatter, too. That is why a group shows its other wordings, and why
//! nothing is counted by it.

mod likeness;
mod link;
mod mask;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Day, Severity};
use likeness::{Likeness, percent};

pub use mask::{fingerprint, mask};

/// Fingerprints compared: the time this takes grows with their square.
pub const MOST_ALIKE: usize = 400;
/// How alike the notes of two groups must be on average to become one.
const CUT: u64 = percent(22);

/// A note with what is needed to group it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The event it is from.
    pub id: Uuid,
    /// Who said it.
    pub person: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// The words.
    pub text: String,
    /// How bad it was.
    pub severity: Option<Severity>,
    /// [`fingerprint`] of the words, as kept at ingest.
    pub fingerprint: u64,
}

/// Notes that say the same, as far as can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteGroup {
    /// The one that is most like all the others.
    pub text: String,
    /// The other wordings, the most like it first.
    #[serde(default)]
    pub also: Vec<String>,
    /// How many notes there are.
    pub count: usize,
    /// How many people wrote them.
    pub people: usize,
    /// How bad the worst was.
    pub worst: Option<Severity>,
    /// The day of the most recent.
    pub last_day: Day,
}

/// Notes of one fingerprint, the latest first.
type Wording = Vec<Note>;

/// Groups notes that are alike: more people first, then more notes, then the later last day, then
/// the text, A first. Beyond the latest [`MOST_ALIKE`] fingerprints, only what has the same one is.
pub fn group(notes: impl IntoIterator<Item = Note>) -> Vec<NoteGroup> {
    let mut compared = wordings(notes);
    compared.sort_by_cached_key(|wording| {
        Reverse(wording.first().map(|note| (note.at, note.fingerprint)))
    });
    let alone = compared.split_off(MOST_ALIKE.min(compared.len()));
    // The order from here on decides ties.
    compared.sort_by_key(|wording| wording.first().map(|note| note.fingerprint));
    let texts = compared.iter().filter_map(|wording| Some(wording.first()?.text.as_str()));
    let likeness = Likeness::of(texts);
    let members: Vec<_> = link::average(&likeness, CUT)
        .into_iter()
        .map(|members| from_the_centre(members, &likeness, &compared))
        .collect();
    let alike = members.into_iter().map(|members| {
        members.into_iter().map(|member| std::mem::take(&mut compared[member])).collect()
    });
    let alone = alone.into_iter().map(|wording| vec![wording]);
    let mut groups: Vec<_> = alike.chain(alone).filter_map(sum_up).collect();
    groups.sort_by(|a, b| {
        let weight = |group: &NoteGroup| Reverse((group.people, group.count, group.last_day));
        weight(a).cmp(&weight(b)).then_with(|| a.text.cmp(&b.text))
    });
    groups
}

fn wordings(notes: impl IntoIterator<Item = Note>) -> Vec<Wording> {
    let mut wordings = BTreeMap::<u64, Wording>::new();
    for note in notes {
        wordings.entry(note.fingerprint).or_default().push(note);
    }
    let mut wordings: Vec<_> = wordings.into_values().collect();
    for wording in &mut wordings {
        wording.sort_by_key(|note| Reverse((note.at, note.id)));
    }
    wordings
}

/// The member that is most like all the others, then those by how like it they are. Where two are
/// equal, the one more people said, then the one said more often, then with the worse severity.
fn from_the_centre(
    mut members: Vec<usize>,
    likeness: &Likeness,
    wordings: &[Wording],
) -> Vec<usize> {
    let said = |member: usize| {
        let wording = &wordings[member];
        (people(wording), wording.len(), wording.iter().filter_map(|note| note.severity).max())
    };
    let sum = |member| members.iter().map(|&other| likeness.of_pair(member, other)).sum::<u64>();
    let weight = |member| (sum(member), said(member));
    let Some(centre) = members.iter().copied().min_by_key(|&at| (Reverse(weight(at)), at)) else {
        return members;
    };
    members.sort_by_cached_key(|&at| {
        (at != centre, Reverse((likeness.of_pair(centre, at), said(at))), at)
    });
    members
}

fn sum_up(wordings: Vec<Wording>) -> Option<NoteGroup> {
    let notes = || wordings.iter().flatten();
    let worst = notes().filter_map(|note| note.severity).max();
    let (count, people) = (notes().count(), people(notes()));
    let last_day = Day::of(notes().map(|note| note.at).max()?);
    let latest = wordings.into_iter().filter_map(|notes| notes.into_iter().next());
    let mut texts = latest.map(|note| note.text);
    let text = texts.next()?;
    Some(NoteGroup { text, also: texts.collect(), count, people, worst, last_day })
}

fn people<'a>(notes: impl IntoIterator<Item = &'a Note>) -> usize {
    notes.into_iter().map(|note| &note.person).collect::<HashSet<_>>().len()
}
