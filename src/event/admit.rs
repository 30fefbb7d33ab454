//! [`Draft::admit`]: from a claim to a fact, or to a list of what to change.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::claim::Claim;
use super::fact::{Event, Named, Scrubbed, Signal};
use super::scrub::{scrub, scrub_event};
use super::word::{Actor, Class, Field, Kind, Outcome, Severity, SignalName, Source};
use super::{
    Arrival, Decision, Draft, Fault, MAX_EVENT, MAX_LINE, MAX_TEXT, Place, Rejection, Sender,
};

/// How far ahead of our clock a sender's may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The sources a client of the native API may name for itself.
const SAID_BY_CLIENTS: [Source; 5] =
    [Source::Cli, Source::Http, Source::Run, Source::Hook, Source::Import];

impl Draft {
    /// Checks the draft, fills in what was left out and takes secrets out of it.
    pub fn admit(self, arrival: &Arrival) -> Result<Event, Rejection> {
        self.check(arrival)?.without_secrets()
    }

    /// Checks the draft and fills in what was left out; secrets are still in it, so what comes
    /// back must not touch a disk or leave the machine before [`Event::without_secrets`].
    ///
    /// The fields that we fill in (`received_at`, `person_verified` and their like) may be sent,
    /// so that an exported event can be sent back as it is; only a [`Sender::Owner`] is believed, and a
    /// [`Sender::Token`] that a daemon received it before.
    pub fn check(self, arrival: &Arrival) -> Result<Event, Rejection> {
        let mut claim = Claim::new(self.fields);
        let named = named(&claim, &arrival.sender);
        let class = claim.word(Field::Class).unwrap_or(Class::Report);
        let outcome = claim.word(Field::Outcome);
        let (at, at_clamped) = read_at(&mut claim, arrival.now);
        let who = read_person(&mut claim, &arrival.sender);
        let original = arrival.original.as_ref();
        let event = Event {
            id: read_id(&mut claim, Field::Id).unwrap_or(arrival.fresh_id),
            class,
            at,
            received_at: arrival.now,
            at_clamped,
            place: read_place(&mut claim, original.map(|original| &original.place)),
            person: who.person,
            person_verified: who.verified,
            claimed_person: who.claimed,
            actor: claim.word(Field::Actor).unwrap_or(Actor::Human),
            note: claim.text(Field::Note, MAX_TEXT),
            expected: claim.text(Field::Expected, MAX_TEXT),
            got: claim.text(Field::Got, MAX_TEXT),
            workaround: claim.text(Field::Workaround, MAX_TEXT),
            feeling: claim.word(Field::Feeling),
            outcome,
            lost_minutes: claim.number(Field::LostMinutes, 0),
            kind: read_kind(&mut claim, class, original.and_then(|original| original.kind)),
            severity: read_severity(&mut claim, class, outcome, original.and_then(|o| o.severity)),
            version: claim.name(Field::Version),
            task: claim.text(Field::Task, MAX_LINE),
            source: read_source(&mut claim, arrival),
            signal: read_signal(&mut claim, class),
            count: read_count(&mut claim, class),
            same_as: read_id(&mut claim, Field::SameAs),
            tags: claim.tags(),
            evidence: claim.evidence(),
            scrubbed: read_scrubbed(&mut claim, &arrival.sender),
            decision: read_decision(&mut claim, class, arrival),
            named,
        };
        check_words(&mut claim, &event);
        claim.finish()?;
        Ok(event)
    }
}

fn named(claim: &Claim, sender: &Sender) -> Named {
    let is_believed = matches!(sender, Sender::Owner { .. } | Sender::Token { .. });
    Named {
        class: claim.says(Field::Class),
        at: claim.says(Field::At),
        person: claim.says(Field::Person),
        actor: claim.says(Field::Actor),
        kind: claim.says(Field::Kind),
        severity: claim.says(Field::Severity),
        source: claim.says(Field::Source),
        place: claim.says(Field::Place),
        count: claim.says(Field::Count),
        received_at: is_believed && claim.says(Field::ReceivedAt),
    }
}

fn read_id(claim: &mut Claim, field: Field) -> Option<Uuid> {
    let value = claim.take(field)?;
    let id = value.as_str().filter(|text| matches!(text.len(), 32 | 36));
    let id = id.and_then(|text| Uuid::try_parse(text).ok()).filter(|id| !id.is_nil());
    if id.is_none() {
        claim.fault(
            &format!("/{field}"),
            format!("`{field}` is no UUID: write it like 01938a5e-7c3b-7d4e-9f00-8a1b4be19c07"),
        );
    }
    id
}

/// When it happened, to the millisecond, and whether that lay too far ahead to be believed.
fn read_at(claim: &mut Claim, now: Timestamp) -> (Timestamp, bool) {
    let Some(value) = claim.take(Field::At) else { return (now, false) };
    let text = value.as_str().unwrap_or_default();
    // The last days of the calendar are not an instant in every zone, but those of the year before are.
    let last_days = || format!("9998-12-3{}", text.strip_prefix("9999-12-3")?).parse().ok();
    let Some(at) = text.parse::<Timestamp>().ok().or_else(last_days) else {
        claim.fault(
            "/at",
            "`at` is no instant with a zone: write it like 2026-11-20T14:30:00Z or 2026-11-20T15:30:00+01:00",
        );
        return (now, false);
    };
    if at < Timestamp::UNIX_EPOCH {
        claim.fault("/at", "`at` lies before 1970: check the year");
        return (now, false);
    }
    if now + AHEAD < at {
        return (now, true);
    }
    (Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at), false)
}

fn read_place(claim: &mut Claim, original: Option<&Place>) -> Place {
    let fault = match (claim.take(Field::Place), original) {
        (None, Some(place)) => return place.clone(),
        (None, None) if claim.says(Field::SameAs) => {
            "`place` is missing, and the event that `same_as` names is not known here yet: record that one first, or name the place as well".into()
        }
        (None, None) => {
            "`place` is missing: name where it happened, like `web/checkout/pay`".into()
        }
        (Some(Value::String(text)), _) => match Place::parse(&text) {
            Ok(place) => return place,
            Err(error) => format!("`place` {error}"),
        },
        (Some(_), _) => "`place` is no text: write it like \"web/checkout/pay\"".into(),
    };
    claim.fault("/place", fault);
    Place::nowhere()
}

/// Who it happened to, and who says so.
struct Who {
    person: String,
    verified: bool,
    claimed: Option<String>,
}

fn read_person(claim: &mut Claim, sender: &Sender) -> Who {
    let said = claim.name(Field::Person);
    let claimed = claim.name(Field::ClaimedPerson);
    let verified = claim.flag(Field::PersonVerified);
    match sender {
        Sender::Owner { name } => Who {
            person: said.unwrap_or_else(|| name.clone()),
            verified: verified.unwrap_or(true),
            claimed,
        },
        Sender::Peer { login: name } | Sender::Token { name } => Who {
            person: name.clone(),
            verified: true,
            claimed: said.filter(|said| said != name).or(claimed),
        },
        Sender::Anonymous => {
            if said.is_none() && !claim.is_faulty("/person") {
                claim.fault(
                    "/person",
                    "`person` is missing: without a token, say whom it happened to, like \"person\":\"ana\"",
                );
            }
            Who { person: said.unwrap_or_default(), verified: false, claimed }
        }
    }
}

fn read_kind(claim: &mut Claim, class: Class, original: Option<Kind>) -> Option<Kind> {
    if class == Class::Use {
        refuse(claim, Field::Kind, "a use has no `kind`: leave it out, or say class report");
        return None;
    }
    claim.word(Field::Kind).or(original).or(Some(Kind::Unexpected))
}

fn read_severity(
    claim: &mut Claim,
    class: Class,
    outcome: Option<Outcome>,
    original: Option<Severity>,
) -> Option<Severity> {
    let by_outcome = || outcome.map_or(Severity::Minor, Outcome::severity);
    match class {
        Class::Report => claim.word(Field::Severity).or(original).or_else(|| Some(by_outcome())),
        Class::Signal => claim.word(Field::Severity),
        Class::Use => {
            refuse(
                claim,
                Field::Severity,
                "a use has no `severity`: leave it out, or say class report",
            );
            None
        }
    }
}

fn read_count(claim: &mut Claim, class: Class) -> Option<u32> {
    if class == Class::Use {
        return Some(claim.number(Field::Count, 1).unwrap_or(1));
    }
    refuse(claim, Field::Count, "`count` counts uses: leave it out, or say class use");
    None
}

/// The door's word, or another that the sender may say: an owner may say any, so that an export
/// can be sent back.
fn read_source(claim: &mut Claim, arrival: &Arrival) -> Source {
    let may_say = |source: &Source| arrival.sender.is_owner() || SAID_BY_CLIENTS.contains(source);
    match claim.word(Field::Source) {
        None => arrival.source,
        Some(source) if source == arrival.source || may_say(&source) => source,
        Some(source) => {
            claim.fault(
                "/source",
                format!("`source` cannot be `{source}` here: say cli, http, run, hook or import, or leave it out"),
            );
            arrival.source
        }
    }
}

fn read_signal(claim: &mut Claim, class: Class) -> Option<Signal> {
    if class != Class::Signal {
        refuse(
            claim,
            Field::Signal,
            "`signal` goes with class signal: leave it out, or say class signal",
        );
        return None;
    }
    let example = "like {\"name\":\"crash\"}";
    let mut fields = match claim.take(Field::Signal) {
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            claim.fault("/signal", format!("`signal` is no object: write it {example}"));
            return None;
        }
        None => {
            claim.fault("/signal", format!("`signal` is missing: say what was noticed, {example}"));
            return None;
        }
    };
    let name: Option<SignalName> =
        fields.remove("name").and_then(|name| claim.word_of("signal/name", &name));
    if name.is_none() && !claim.is_faulty("/signal/name") {
        claim.fault("/signal/name", format!("the signal has no `name`: write it {example}"));
    }
    let count = fields.remove("count").filter(|count| !count.is_null());
    let count = count.and_then(|count| claim.number_of("signal/count", &count, 1));
    let rule = fields.remove("rule").filter(|rule| !rule.is_null());
    let rule = rule.and_then(|rule| claim.text_of(&"signal/rule", rule, MAX_LINE));
    claim.refuse_rest("/signal", fields.keys().map(String::as_str), &["name", "count", "rule"]);
    name.map(|name| Signal { name, count, rule })
}

/// What an earlier store took out, believed from those who may import.
fn read_scrubbed(claim: &mut Claim, sender: &Sender) -> Vec<Scrubbed> {
    let Some(value) = claim.take(Field::Scrubbed) else { return Vec::new() };
    match serde_json::from_value(value) {
        Ok(scrubbed) if sender.is_owner() => scrubbed,
        Ok(_) => Vec::new(),
        Err(_) => {
            claim.fault("/scrubbed", "`scrubbed` is filled in by snag: leave it out");
            Vec::new()
        }
    }
}

/// What was decided in an earlier store, believed from those who may import.
fn read_decision(claim: &mut Claim, class: Class, arrival: &Arrival) -> Option<Decision> {
    if class != Class::Signal {
        refuse(claim, Field::Decision, "a `decision` is about a signal: leave it out here");
        return None;
    }
    let value = claim.take(Field::Decision)?;
    match serde_json::from_value::<Decision>(value) {
        Ok(decision) if MAX_TEXT < decision.note.as_ref().map_or(0, String::len) => {
            claim.fault("/decision/note", format!("it has more than {MAX_TEXT} bytes: shorten it"));
            None
        }
        Ok(decision) if arrival.sender.is_owner() => {
            let is_ahead = arrival.now + AHEAD < decision.at;
            Some(Decision { at: if is_ahead { arrival.now } else { decision.at }, ..decision })
        }
        Ok(_) => None,
        Err(_) => {
            claim.fault("/decision", "`decision` is filled in by snag: leave it out");
            None
        }
    }
}

fn refuse(claim: &mut Claim, field: Field, detail: &str) {
    if claim.take(field).is_some() {
        claim.fault(&format!("/{field}"), detail);
    }
}

/// A report says something: words of its own, or "me too".
fn check_words(claim: &mut Claim, event: &Event) {
    let is_silent = event.words().is_none() && event.same_as.is_none();
    let is_faulty = ["/note", "/expected", "/got", "/same_as"].iter().any(|p| claim.is_faulty(p));
    if event.class == Class::Report && is_silent && !is_faulty {
        claim.fault(
            "/note",
            "`note` is missing: say what happened, or what you `expected` and `got`",
        );
    }
    for field in [Field::ReceivedAt, Field::AtClamped] {
        // Ours to say; taken so that an export can be sent back.
        claim.take(field);
    }
}

impl Event {
    /// Takes the secrets out; refused where the place is one, or where what is left is too large.
    pub fn without_secrets(mut self) -> Result<Self, Rejection> {
        self.place.check_for_secrets()?;
        scrub_event(&mut self);
        if !self.may_be_too_large() {
            return Ok(self);
        }
        let size = self.to_json().len();
        if size <= MAX_EVENT {
            return Ok(self);
        }
        let detail =
            format!("the event has {size} bytes, at most {MAX_EVENT} are kept: shorten it");
        Err(Rejection { faults: vec![Fault::new("", detail)] })
    }

    /// Whether it has to be written as JSON to know that it fits. A byte of text becomes six at most,
    /// and everything that is no text stays small.
    fn may_be_too_large(&self) -> bool {
        let texts = [&self.note, &self.expected, &self.got, &self.workaround, &self.task];
        let texts = texts.into_iter().flatten().map(String::len);
        let tags = self.tags.iter().map(|(key, value)| key.len() + value.len() + 1);
        let free = self.evidence.is_some() || self.decision.is_some() || !self.scrubbed.is_empty();
        free || MAX_EVENT / 2 < 6 * (texts.sum::<usize>() + tags.sum::<usize>())
    }
}

impl Place {
    /// Refuses one that looks like a secret: what is left of it would be another place.
    pub fn check_for_secrets(&self) -> Result<(), Rejection> {
        let Some((_, rules)) = scrub(self.as_str()) else { return Ok(()) };
        let rules = rules.join(", ");
        let detail =
            format!("`place` holds what looks like a secret ({rules}): name the place without it");
        Err(Rejection { faults: vec![Fault::new("/place", detail)] })
    }
}
