//! What must hold for any notes: in groups whole, whatever their order and whoever wrote them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;
use crate::event::Word as _;

const WORDS: [&str; 16] = [
    "form",
    "forms",
    "card",
    "cleared",
    "typo",
    "slow",
    "export",
    "exporting",
    "the",
    "Zeile",
    "行",
    "42",
    "popup",
    "hidden",
    "again",
    "`x`",
];

fn note(id: u128, person: &str, at: i64, text: String, severity: Option<Severity>) -> Note {
    let at = Timestamp::from_second(at * 40_000).unwrap();
    let fingerprint = fingerprint(&text);
    Note { id: Uuid::from_u128(id), person: person.into(), at, text, severity, fingerprint }
}

fn notes() -> impl Strategy<Value = Vec<Note>> {
    let words = prop::collection::vec(prop::sample::select(WORDS.as_slice()), 0..6);
    let text = prop_oneof![9 => words.prop_map(|words| words.join(" ")), 1 => "\\PC{0,20}"];
    let severity = prop::option::of(prop::sample::select(Severity::ALL));
    let one = (0..4_u8, 0..6_i64, text, severity);
    prop::collection::vec(one, 0..24).prop_map(|drawn| {
        let note = |(id, (person, at, text, severity))| {
            note(id, &format!("person {person}"), at, text, severity)
        };
        (1..).zip(drawn).map(note).collect()
    })
}

/// The group that shows each text; one text is shown once.
fn group_of(groups: &[NoteGroup]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for (at, group) in groups.iter().enumerate() {
        for text in std::iter::once(&group.text).chain(&group.also) {
            assert_eq!(found.insert(text.as_str(), at), None, "{text} is in two groups");
        }
    }
    found
}

proptest! {
    #[test]
    fn order_does_not_matter((notes, shuffled) in notes().prop_flat_map(|notes| {
        (Just(notes.clone()), Just(notes).prop_shuffle())
    })) {
        prop_assert_eq!(group(notes), group(shuffled));
    }

    #[test]
    fn each_note_is_in_one_group(notes in notes()) {
        let groups = group(notes.clone());
        prop_assert_eq!(groups.iter().map(|group| group.count).sum::<usize>(), notes.len());
        let shown = group_of(&groups);
        let wordings: HashSet<_> = notes.iter().map(|note| note.fingerprint).collect();
        prop_assert_eq!(shown.len(), wordings.len());
        for (at, group) in groups.iter().enumerate() {
            let texts: HashSet<_> = shown.iter().filter(|(_, of)| **of == at).map(|(text, _)| fingerprint(text)).collect();
            let said: Vec<_> = notes.iter().filter(|note| texts.contains(&note.fingerprint)).collect();
            prop_assert_eq!(said.len(), group.count);
            prop_assert_eq!(said.iter().map(|note| &note.person).collect::<BTreeSet<_>>().len(), group.people);
            prop_assert_eq!(said.iter().filter_map(|note| note.severity).max(), group.worst);
            prop_assert_eq!(said.iter().map(|note| Day::of(note.at)).max(), Some(group.last_day));
        }
    }

    #[test]
    fn who_wrote_them_changes_no_text_but_the_order(notes in notes()) {
        let members = |notes: Vec<Note>| -> BTreeSet<BTreeSet<String>> {
            let texts = |group: NoteGroup| group.also.into_iter().chain([group.text]).collect();
            group(notes).into_iter().map(texts).collect()
        };
        let mut others = notes.clone();
        for (at, note) in others.iter_mut().enumerate() {
            note.person = ["eve", "ada", "bob"][at % 3].into();
        }
        prop_assert_eq!(members(notes), members(others));
    }

    #[test]
    fn notes_without_a_letter_in_common_stay_apart(words in prop::collection::btree_set("[a-d]{6}", 1..3)) {
        // Moved along the alphabet, no piece of one is in the other.
        let moved = |word: &str| word.bytes().map(|letter| char::from(letter + 15)).collect::<String>();
        let notes = words.iter().flat_map(|word| [word.clone(), moved(word)]);
        let notes: Vec<_> = (1..).zip(notes).map(|(id, text)| note(id, "ada", 1, text, None)).collect();
        for group in group(notes) {
            let alphabets: HashSet<_> = group.also.iter().chain([&group.text]).map(|text| text.as_bytes()[0] < b'm').collect();
            prop_assert_eq!(alphabets.len(), 1);
        }
    }
}

#[test]
fn more_fingerprints_than_are_compared_are_kept_all_the_same() {
    let text = |at: u32| {
        let letters =
            at.to_string().bytes().map(|digit| char::from(digit + 49)).collect::<String>();
        format!("the {letters} export is slow")
    };
    let most = u32::try_from(MOST_ALIKE).unwrap();
    let notes = (1..=most + 7).map(|at| note(at.into(), "ada", at.into(), text(at), None));
    let groups = group(notes);
    let alone: Vec<_> = groups.iter().filter(|group| group.also.is_empty()).collect();
    let alike: usize =
        groups.iter().filter(|group| !group.also.is_empty()).map(|group| group.count).sum();
    assert_eq!((alone.len(), alike), (7, MOST_ALIKE), "{groups:#?}");
    assert!(alone.iter().all(|group| group.last_day <= Day(3)), "the oldest are not compared");
}

#[test]
fn people_before_notes_and_the_central_one_first() {
    let notes = vec![
        note(1, "ada", 1, "waited 3 s for the report".to_owned(), Some(Severity::Minor)),
        note(2, "bob", 3, "Waited 40 s for the report".to_owned(), Some(Severity::Cosmetic)),
        note(3, "ada", 1, "lost my draft".to_owned(), Some(Severity::Blocker)),
        note(4, "ada", 1, "lost my draft".to_owned(), Some(Severity::Minor)),
        note(5, "ada", 1, "a typo".to_owned(), Some(Severity::Cosmetic)),
        note(6, "eve", 2, "waiting, waiting, reporting takes for ever".to_owned(), None),
        note(7, "ada", 1, "waited for the report and then for the other report".to_owned(), None),
    ];
    let groups = group(notes);
    let short: Vec<_> = groups
        .iter()
        .map(|g| (g.text.as_str(), g.also.len(), g.people, g.count, g.worst))
        .collect();
    let expected = [
        ("Waited 40 s for the report", 2, 3, 4, Some(Severity::Minor)),
        ("lost my draft", 0, 1, 2, Some(Severity::Blocker)),
        ("a typo", 0, 1, 1, Some(Severity::Cosmetic)),
    ];
    assert_eq!(short, expected);
    assert_eq!(groups[0].last_day, Day(1));
}
