//! An [`Event`]: a checked fact.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::word::{Actor, Class, Feeling, Kind, Outcome, Severity, SignalName, Source, Verdict};
use super::{Day, Decision, Place, json};

/// Most events take less, in bytes of JSON.
pub(super) const ROOM: usize = 768;

/// One moment at one place, told by or noticed about one person.
///
/// Only [`super::Draft::admit`] makes one; reading one back from the journal trusts that.
/// Absent fields are left out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The identity: made by the client, or by us when absent.
    pub id: Uuid,
    /// Said, noticed or counted.
    pub class: Class,
    /// When it happened, UTC, to the millisecond.
    pub at: Timestamp,
    /// When we got it; never ranks.
    pub received_at: Timestamp,
    /// `at` lay more than five minutes ahead and was set to `received_at`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub at_clamped: bool,
    /// Where.
    pub place: Place,
    /// To whom.
    pub person: String,
    /// Whether the door knows that it was this person.
    pub person_verified: bool,
    /// Another name that the sender gave and the door could not believe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_person: Option<String>,
    /// Human or agent.
    pub actor: Actor,
    /// What happened, in the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the person thought would happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What came instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// The way round it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workaround: Option<String>,
    /// What the person felt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feeling: Option<Feeling>,
    /// What the person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What it cost, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_minutes: Option<u32>,
    /// What stood in the way; none for uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Impact; every report has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Version of the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The scenario: "buy as a new customer".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The door's word.
    pub source: Source,
    /// What was noticed, for class `signal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
    /// How many uses, for class `use`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The event this one says "me too" to; this one itself where that was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<Uuid>,
    /// Free.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Command, exit code, url, log tail: what the machine knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Map<String, Value>>,
    /// What was taken out before it touched the disk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scrubbed: Vec<Scrubbed>,
    /// What it turned out to be, where somebody decided about it. The journal keeps it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Which fields the sender named; known at admission only, never stored.
    #[serde(skip)]
    pub(super) named: Named,
}

/// What was noticed, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The name of the signal.
    pub name: SignalName,
    /// How often, within the one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The rule that fired, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// One removal: never the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scrubbed {
    /// The rule that matched, like `aws-key`.
    pub rule: String,
    /// A JSON pointer to the field, like `/note`.
    pub field: String,
}

/// The fields we fill in when the sender leaves them out: true where the sender named it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one per field that we fill in")]
pub(super) struct Named {
    pub(super) class: bool,
    pub(super) at: bool,
    pub(super) person: bool,
    pub(super) actor: bool,
    pub(super) kind: bool,
    pub(super) severity: bool,
    pub(super) source: bool,
    pub(super) place: bool,
    pub(super) count: bool,
    pub(super) received_at: bool,
}

impl Event {
    /// The UTC day it happened.
    #[must_use]
    pub fn day(&self) -> Day {
        Day::of(self.at)
    }

    /// Whether a sender who is believed says that a daemon received it before: a line of an export, or of
    /// a file that is imported. Known at admission only.
    #[must_use]
    pub fn was_received_before(&self) -> bool {
        self.named.received_at
    }

    /// The event as the JSON that is stored, answered and exported.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(ROOM);
        json::write(self, &mut json);
        json
    }

    /// The text that best says what happened: what the person said to a signal, else the note, else
    /// what came, else what was expected.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        let confirmed = self.decision.as_ref().filter(|it| it.verdict == Verdict::Confirmed);
        let said = confirmed.and_then(|decision| decision.note.as_deref()).or(self.note.as_deref());
        said.or(self.got.as_deref()).or(self.expected.as_deref())
    }

    /// Whether a second sending under the same id tells the same.
    ///
    /// `self` is the recorded event, `again` the new one. What the second sender left out and we
    /// filled in is not compared: our own words are no contradiction.
    #[must_use]
    pub fn tells_the_same_as(&self, again: &Self) -> bool {
        let named = again.named;
        let unless = |was_named: bool, same: bool| !was_named || same;
        let same_person =
            self.person == again.person && self.claimed_person == again.claimed_person;
        let same_time = self.at == again.at || (self.at_clamped && again.at_clamped);
        unless(named.class, self.class == again.class)
            && unless(named.at, same_time)
            && unless(named.person, same_person)
            && unless(named.actor, self.actor == again.actor)
            && unless(named.kind, self.kind == again.kind)
            && unless(named.severity, self.severity == again.severity)
            && unless(named.source, self.source == again.source)
            && unless(named.place, self.place == again.place)
            && unless(named.count, self.count == again.count)
            && self.says_the_same_as(again)
    }

    /// Compares what is never filled in.
    fn says_the_same_as(&self, again: &Self) -> bool {
        self.note == again.note
            && self.expected == again.expected
            && self.got == again.got
            && self.workaround == again.workaround
            && self.feeling == again.feeling
            && self.outcome == again.outcome
            && self.lost_minutes == again.lost_minutes
            && self.version == again.version
            && self.task == again.task
            && self.signal == again.signal
            && self.same_as == again.same_as
            && self.tags == again.tags
            && self.evidence == again.evidence
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
