//! Reading `story.txt`: paragraphs of words become drafts.
//!
//! A paragraph is an entry:
//!
//! ```text
//! 17/ben 3/ana | web/checkout/pay | error minor retried frustrated 5m
//! Card form cleared itself
//!   expected: my input stays
//! ```
//!
//! First when (in days ago) and to whom, once for each event; then where; then words of the
//! vocabulary in any order, minutes lost (`5m`) and repetitions (`x42`). The second line is the
//! note, in which `{n}` and `{s}` stand for numbers that differ from event to event; of a signal
//! it is the rule that fired. Lines that start with `#` are comments.
//!
//! # Promises
//!
//! - A line or a word that cannot be read is left out, never guessed: a test sees to it that there
//!   is none.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use snag::event::{Actor, Draft, Feeling, Kind, Outcome, Severity, SignalName, Word};

/// One paragraph of the story: one or more events told in the same words.
pub(super) struct Entry<'a> {
    pub(super) moments: Vec<Moment<'a>>,
    pub(super) place: &'a str,
    pub(super) words: &'a str,
    pub(super) note: &'a str,
    /// What is said by name, `as` for the event that this is a "me too" to.
    pub(super) more: Vec<(&'a str, &'a str)>,
}

/// When and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment<'a> {
    pub(super) days_ago: i32,
    pub(super) who: &'a str,
}

/// One event of an entry.
pub(super) struct Telling<'a> {
    pub(super) entry: &'a Entry<'a>,
    pub(super) moment: Moment<'a>,
    /// Which one of a loop, from 0.
    pub(super) nth: usize,
}

/// What one word of an entry's first line says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// A field of the draft.
    Field(&'static str, Value),
    /// What was noticed: the event is a signal.
    Signal(SignalName),
    /// It happened so often, one after the other.
    Times(usize),
}

/// All entries of the story; what is none is left out.
pub(super) fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    text.split("\n\n").filter_map(Entry::read)
}

impl<'a> Entry<'a> {
    pub(super) fn read(paragraph: &'a str) -> Option<Self> {
        let mut lines = paragraph.lines().filter(|line| !line.starts_with('#'));
        let mut head = lines.next()?.split('|').map(str::trim);
        let moments = head.next()?.split_whitespace().map(Moment::read).collect::<Option<_>>()?;
        let (place, words, note) = (head.next()?, head.next()?, lines.next()?);
        let more = lines.map(|line| line.trim().split_once(": ")).collect::<Option<_>>()?;
        Some(Self { moments, place, words, note, more })
    }

    /// Its events, in order.
    pub(super) fn tellings(&self) -> impl Iterator<Item = Telling<'_>> {
        let times = self.said().find_map(|said| match said {
            Said::Times(times) => Some(times),
            _ => None,
        });
        self.moments.iter().flat_map(move |&moment| {
            (0..times.unwrap_or(1)).map(move |nth| Telling { entry: self, moment, nth })
        })
    }

    fn said(&self) -> impl Iterator<Item = Said> {
        self.words.split_whitespace().filter_map(Said::read)
    }
}

impl<'a> Moment<'a> {
    /// Reads `17/ben`.
    fn read(text: &'a str) -> Option<Self> {
        let (days_ago, who) = text.split_once('/')?;
        Some(Self { days_ago: days_ago.parse().ok()?, who })
    }
}

impl Said {
    pub(super) fn read(word: &str) -> Option<Self> {
        let count = |digits: &str| digits.parse::<u32>().ok();
        let field = |name| Some(Self::Field(name, word.into()));
        if let Some(name) = SignalName::find(word) {
            return Some(Self::Signal(name));
        }
        if let Some(times) = word.strip_prefix('x').and_then(count) {
            return usize::try_from(times).ok().map(Self::Times);
        }
        if let Some(minutes) = word.strip_suffix('m').and_then(count) {
            return Some(Self::Field("lost_minutes", minutes.into()));
        }
        match () {
            () if Kind::find(word).is_some() => field("kind"),
            () if Severity::find(word).is_some() => field("severity"),
            () if Outcome::find(word).is_some() => field("outcome"),
            () if Feeling::find(word).is_some() => field("feeling"),
            () if Actor::find(word).is_some() => field("actor"),
            () => None,
        }
    }
}

impl<'a> Telling<'a> {
    /// The draft, but for what every event of the story says; `order` and `seconds` go into the
    /// note.
    pub(super) fn draft(&self, order: u32, seconds: u32) -> Draft {
        let Entry { place, note, more, .. } = self.entry;
        let note = note.replace("{n}", &order.to_string()).replace("{s}", &seconds.to_string());
        let mut draft = Draft::default();
        draft.set("place", *place);
        let mut noticed = None;
        for said in self.entry.said() {
            match said {
                Said::Field(name, value) => draft.set(name, value),
                Said::Signal(name) => noticed = Some(name),
                Said::Times(_) => {}
            }
        }
        if let Some(name) = noticed {
            draft.set("class", "signal");
            draft.set("signal", json!({ "name": name, "rule": note }));
        } else {
            draft.set("note", note);
            draft.set("source", "cli");
        }
        for &(name, value) in more {
            match name {
                "as" | "command" | "exit" => {}
                _ => draft.set(name, value),
            }
        }
        let evidence = self.evidence();
        if !evidence.is_empty() {
            draft.set("evidence", evidence);
        }
        draft
    }

    /// What the machine knew.
    fn evidence(&self) -> Map<String, Value> {
        let known = self.entry.more.iter().filter_map(|&(name, value)| match name {
            "command" => Some(("command".to_owned(), value.into())),
            "exit" => Some(("exit_code".to_owned(), value.parse::<u8>().ok()?.into())),
            _ => None,
        });
        known.collect()
    }

    /// How long after the first of its loop it happened.
    pub(super) fn pause(&self) -> SignedDuration {
        SignedDuration::from_secs(37 * i64::try_from(self.nth).unwrap_or(0))
    }

    /// When and to whom what this is a "me too" to happened, at the same place.
    pub(super) fn original(&self) -> Option<Moment<'a>> {
        let (_, original) = self.entry.more.iter().find(|(name, _)| *name == "as")?;
        Moment::read(original)
    }

    pub(super) fn is_at(&self, place: &str, moment: Moment) -> bool {
        self.entry.place == place && self.moment == moment
    }
}
