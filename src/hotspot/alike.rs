//! Notes alike: the same words about the same thing, whatever number or path they were said of.
//!
//! Shown as "similar notes", never counted by. The fingerprint is kept at ingest, so what it is
//! of a text must not change: [`mask`] is part of the format of what is stored.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Day, Severity};

/// What is masked, of a lower-cased text: what comes first wins.
const MASKS: [(&str, &str); 9] = [
    ("<url>", r#"\b(?:[a-z][a-z0-9+.-]*://|www\.)[^\s"'<>`]*[^\s"'<>`.,;:!?)\]}]"#),
    ("<text>", r#""[^"\n]*"|`[^`\n]*`|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|\B'[^'\n]+'\B"#),
    ("<id>", r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"),
    ("<path>", r"\b[a-z]:\\[^\s,;:]+|\B(?:~|\.\.?)?/[\w@%+.-]*[\w@%+-](?:/[\w@%+.-]*[\w@%+-])*/?"),
    (
        "<path>",
        r"\b[\w@%+-][\w@%+.-]*(?:(?:/[\w@%+.-]*[\w@%+-]){2,}|/[\w@%+.-]*\.[a-z]\w{0,4}\b)/?",
    ),
    ("<hex>", r"\b0x[0-9a-f]+\b|\b[0-9a-f]{7,}\b"),
    ("<id>", r"\b[0-9a-z]{16,}\b"),
    (
        "<version>",
        r"\bv\d+(?:\.\d+)*(?:[-+][0-9a-z.+-]*[0-9a-z])?\b|\b\d+(?:\.\d+){2,}(?:[-+][0-9a-z.+-]*[0-9a-z])?\b",
    ),
    ("<n>", r"\d+(?:[.,:]\d+)*"),
];

/// One alternative per mask, each its own group. Empty if a pattern were wrong, which a test
/// rules out: then nothing is masked.
static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let groups: Vec<_> = MASKS.iter().map(|(_, pattern)| format!("({pattern})")).collect();
    Regex::new(&groups.join("|")).ok()
});

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

/// Notes that say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteGroup {
    /// The most recent of them.
    pub text: String,
    /// How many there are.
    pub count: usize,
    /// How many people wrote them.
    pub people: usize,
    /// How bad the worst was.
    pub worst: Option<Severity>,
    /// The day of the most recent.
    pub last_day: Day,
}

/// A text without what varies from one occurrence to the next.
///
/// Lower-cased, white space made single blanks, and numbers, ids, hex, paths, versions, URLs and
/// quoted text replaced by the name of what they are.
#[must_use]
pub fn mask(text: &str) -> String {
    let lower = text.to_lowercase();
    let masked = match PATTERN.as_ref() {
        Some(pattern) => pattern.replace_all(&lower, replacement),
        None => lower.into(),
    };
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What one match becomes.
fn replacement(found: &Captures<'_>) -> String {
    let which = (1..=MASKS.len()).find(|&group| found.get(group).is_some());
    let name = which.map_or("", |group| MASKS[group - 1].0);
    // Long words are made of the same letters as ids and hex: those have a digit as well.
    let may_be_a_word = matches!(name, "<hex>" | "<id>");
    if may_be_a_word && !found[0].bytes().any(|byte| byte.is_ascii_digit()) {
        return found[0].to_owned();
    }
    name.to_owned()
}

/// A hash of the mask: notes with one fingerprint say the same.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let hash = blake3::hash(mask(text).as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Groups notes by fingerprint: more people first, then more notes, then the later last day, then
/// the text, A first.
pub fn group(notes: impl IntoIterator<Item = Note>) -> Vec<NoteGroup> {
    let mut alike = HashMap::<u64, Vec<Note>>::new();
    for note in notes {
        alike.entry(note.fingerprint).or_default().push(note);
    }
    let mut groups: Vec<_> = alike.into_values().filter_map(sum_up).collect();
    groups.sort_by(|a, b| {
        let weight = |group: &NoteGroup| Reverse((group.people, group.count, group.last_day));
        weight(a).cmp(&weight(b)).then_with(|| a.text.cmp(&b.text))
    });
    groups
}

fn sum_up(notes: Vec<Note>) -> Option<NoteGroup> {
    let people = notes.iter().map(|note| &note.person).collect::<HashSet<_>>().len();
    let worst = notes.iter().filter_map(|note| note.severity).max();
    let count = notes.len();
    let latest = notes.into_iter().max_by_key(|note| (note.at, note.id))?;
    Some(NoteGroup { count, people, worst, last_day: Day::of(latest.at), text: latest.text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_masked() {
        for (text, expected) in [
            ("Took 31.5s, then  \n 2,000 ms", "took <n>s, then <n> ms"),
            ("Order-1234 of user42 at 10:32:01", "order-<n> of user<n> at <n>"),
            ("see https://x.example/a?b=1. Then www.y.org", "see <url>. then <url>"),
            ("it says \"No such thing\" and 'try again'", "it says <text> and <text>"),
            (
                "didn't load, the users' cart wasn't there",
                "didn't load, the users' cart wasn't there",
            ),
            ("id 7f9c24e8-3b12-4f6a-9d1e-0a4be19c0700", "id <id>"),
            (
                "token 9f86d081884c7d659a2f, commit 4be19c07, at 0xFF",
                "token <hex>, commit <hex>, at <hex>",
            ),
            ("session k7z9q2m4x8w1p5r3t6", "session <id>"),
            ("a facade, defaced, internationalisation", "a facade, defaced, internationalisation"),
            ("in 1.4.3 and v2 but not 2.0.0-rc.1", "in <version> and <version> but not <version>"),
            ("/disk/ada/x.log and src/main.rs and ~/a", "<path> and <path> and <path>"),
            ("in web/checkout/pay. C:\\Temp\\x", "in <path>. <path>"),
            ("yes and/or no, w/o any", "yes and/or no, w/o any"),
            ("", ""),
        ] {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    #[test]
    fn fingerprints_are_what_they_were() {
        // Kept on disk: a change here needs a rebuild of every index.
        assert_eq!(fingerprint("Took 3 s"), fingerprint("took 45  S"));
        assert_ne!(fingerprint("Took 3 s"), fingerprint("Took a while"));
        assert_eq!(format!("{:016x}", fingerprint("Took 3 s")), "1361bde855456a43");
    }

    fn note(id: u128, person: &str, at: i64, text: &str, severity: Severity) -> Note {
        Note {
            id: Uuid::from_u128(id),
            person: person.into(),
            at: Timestamp::from_second(at).unwrap(),
            text: text.to_owned(),
            severity: Some(severity),
            fingerprint: fingerprint(text),
        }
    }

    #[test]
    fn people_before_notes() {
        let mut notes = vec![
            note(1, "ada", 10, "waited 3 s", Severity::Minor),
            note(2, "bob", 90_000, "Waited 40 s", Severity::Cosmetic),
            note(3, "ada", 20, "lost it", Severity::Blocker),
            note(4, "ada", 20, "lost it", Severity::Minor),
            note(5, "ada", 20, "lost it", Severity::Minor),
            note(6, "eve", 5, "a typo", Severity::Cosmetic),
        ];
        let forwards = group(notes.clone());
        notes.reverse();
        assert_eq!(group(notes), forwards);
        let short: Vec<_> =
            forwards.iter().map(|g| (g.text.as_str(), g.people, g.count, g.worst)).collect();
        let expected = [
            ("Waited 40 s", 2, 2, Some(Severity::Minor)),
            ("lost it", 1, 3, Some(Severity::Blocker)),
            ("a typo", 1, 1, Some(Severity::Cosmetic)),
        ];
        assert_eq!(short, expected);
        assert_eq!(forwards[0].last_day, Day(1));
    }

    proptest::proptest! {
        #[test]
        fn no_digit_is_left(text in "\\PC{0,80}|[0-9a-f:/.'\"v -]{0,80}") {
            let masked = mask(&text);
            proptest::prop_assert!(!masked.bytes().any(|byte| byte.is_ascii_digit()), "{}", masked);
        }

        #[test]
        fn numbers_do_not_tell_notes_apart(a in 0..100_000_u32, b in 0..100_000_u32) {
            let note = |n: u32| fingerprint(&format!("Row {n} took {n} ms"));
            proptest::prop_assert_eq!(note(a), note(b));
        }
    }
}
