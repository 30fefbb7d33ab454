//! From an item to drafts: what is kept, and as what.
//!
//! | item | becomes |
//! |---|---|
//! | `feedback`, `user_report` | a report, in the person's own words |
//! | `event` with an error nobody handled | a signal, `crash` |
//! | `event` with a handled error, or a message of level error or fatal | a signal, `failure` |
//! | `session` | one use, however often it is told of |
//! | `sessions` | as many uses as it counts |
//! | `client_report` | a number: what the SDK itself had to drop |
//! | everything else, and what is less than an error | nothing |
//!
//! # Promises
//!
//! - Whatever an item says, a draft made of it is admitted: words that are none are left out, texts
//!   are cut.
//! - Nothing but what [`super::evidence`] lists is kept of what the machine knew.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::person;
use super::read::{at, clip, instant, line, list, text, thrown};
use super::{evidence, place};
use crate::doors::side::ANONYMOUS;
use crate::event::{
    Actor, Draft, Feeling, Kind, MAX_LINE, MAX_NAME, MAX_TEXT, Outcome, Place, Severity,
    SignalName, Word, without_hidden,
};

/// What is said of all items of an envelope.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The place they are below, where the key or the address says one.
    pub(super) place: Option<&'a Place>,
    /// The SDK, as it calls itself: `sentry.python`.
    pub(super) sdk: Option<&'a str>,
    /// The id of the one event in the envelope.
    pub(super) event_id: Option<Uuid>,
    /// When the envelope was sent, as it says itself.
    pub(super) sent_at: Option<&'a str>,
    /// What to add to the sender's times.
    pub(super) skew: SignedDuration,
}

/// What is kept of an item.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// What is recorded.
    pub(super) drafts: Vec<Draft>,
    /// The event that a report without a place of its own is about.
    pub(super) about: Option<Uuid>,
    /// What the SDK had to drop and we would have kept.
    pub(super) lost: u64,
}

/// Ids of what has none of its own in Sentry's protocol are of this kind.
const OF_SENTRY: Uuid = Uuid::from_u128(0x5e17_2a90_3b6d_4f7e_8c1a_90d4_6b2f_e315);

/// The most buckets of sessions in an item; no SDK sends so many.
const MOST_BUCKETS: usize = 1000;
/// What is wrong with an item that has more.
const TOO_MANY_BUCKETS: &str = "has more than 1000 buckets: send it in parts";
/// What is wrong with any other.
const UNREADABLE: &str = "cannot be read: its payload is a JSON object with what its type needs";

/// Whether anything is kept of items of a kind.
pub(super) fn is_kept(kind: &str) -> bool {
    let kept = ["event", "feedback", "user_report", "session", "sessions", "client_report"];
    kept.contains(&kind)
}

/// What is kept of an item, or what is wrong with it.
pub(super) fn keep(kind: &str, payload: &[u8], context: &Context) -> Result<Kept, &'static str> {
    if !is_kept(kind) {
        return Ok(Kept::default());
    }
    let value: Option<Value> = serde_json::from_slice(payload).ok().filter(Value::is_object);
    let value = value.ok_or(UNREADABLE)?;
    if kind == "sessions" && MOST_BUCKETS < list(&value, "aggregates").len() {
        return Err(TOO_MANY_BUCKETS);
    }
    kept_of(kind, &value, context).ok_or(UNREADABLE)
}

fn kept_of(kind: &str, value: &Value, context: &Context) -> Option<Kept> {
    Some(match kind {
        // Some SDKs have no item of its own for what a person wrote.
        "event" if at(value, "/contexts/feedback/message").is_none() => event(value, context),
        "event" | "feedback" => feedback(value, context)?,
        "user_report" => user_report(value, context)?,
        "session" => session(value, context)?,
        "sessions" => sessions(value, context),
        _ => Kept { lost: lost(value), ..Kept::default() },
    })
}

impl From<Draft> for Kept {
    fn from(draft: Draft) -> Self {
        Self { drafts: vec![draft], ..Self::default() }
    }
}

/// An error, or a message of an error's level.
fn event(event: &Value, context: &Context) -> Kept {
    let thrown = thrown(event);
    let message = text(event.get("message")).or(text(at(event, "/message/formatted")));
    let message = message.or(text(at(event, "/logentry/formatted")));
    let message = message.or(text(at(event, "/logentry/message")));
    // JavaScript gives a message the stack of an error that nobody threw.
    let is_message = message.is_some()
        && thrown
            .is_none_or(|thrown| at(thrown, "/mechanism/synthetic") == Some(&Value::Bool(true)));
    let level = text(event.get("level")).unwrap_or("error");
    if !matches!(level, "error" | "fatal") || (thrown.is_none() && message.is_none()) {
        return Kept::default();
    }
    let is_unhandled = list(event, "exception")
        .iter()
        .any(|error| at(error, "/mechanism/handled") == Some(&Value::Bool(false)));
    let (name, rule) = match (is_message, is_unhandled) {
        (true, _) => (SignalName::Failure, format!("a message of level {level}")),
        (false, true) => (SignalName::Crash, "an error that nobody handled".to_owned()),
        (false, false) => (SignalName::Failure, "an error that was handled".to_owned()),
    };
    let mut draft = common(event, context);
    draft.set("class", "signal");
    draft.set("kind", "error");
    draft.set("signal", serde_json::json!({"name": name, "rule": rule}));
    let note = if is_message { message.map(str::to_owned) } else { thrown.and_then(error) };
    set_text(&mut draft, "note", note.as_deref());
    draft.into()
}

/// `ValueError: no such card`
fn error(thrown: &Value) -> Option<String> {
    let parts = [text(thrown.get("type")), text(thrown.get("value"))];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// What a person wrote.
fn feedback(event: &Value, context: &Context) -> Option<Kept> {
    let said = at(event, "/contexts/feedback")?;
    let base = base(event, context);
    let mut draft = common(event, context);
    set_text(&mut draft, "note", Some(text(said.get("message"))?));
    friction(&mut draft, at(event, "/contexts/friction"));
    let mut names = [said.get("name"), said.get("contact_email")].into_iter().flatten();
    if let Some(name) = names.find_map(person::named) {
        draft.set("person", name);
    }
    let about = text(said.get("associated_event_id")).and_then(|id| id.parse().ok());
    let about = about.filter(|_| draft.text("place") == Some(&base));
    Some(Kept { about, ..draft.into() })
}

/// What a person wrote, as older SDKs send it: with the id of the event it is about.
fn user_report(report: &Value, context: &Context) -> Option<Kept> {
    let comments = text(report.get("comments"))?;
    let about: Option<Uuid> = text(report.get("event_id")).and_then(|id| id.parse().ok());
    let mut draft = common(&Value::Null, context);
    let identity = format!("report:{}:{comments}", about.unwrap_or_default());
    draft.set("id", Uuid::new_v5(&OF_SENTRY, identity.as_bytes()).to_string());
    set_text(&mut draft, "note", Some(comments));
    let mut names = [report.get("name"), report.get("email")].into_iter().flatten();
    if let Some(name) = names.find_map(person::named) {
        draft.set("person", name);
    }
    if let Some(about) = about {
        draft.set("evidence", serde_json::json!({"about": about.simple().to_string()}));
    }
    Some(Kept { about, ..draft.into() })
}

/// What somebody adds to feedback in a context named `friction`, in our own words.
fn friction(draft: &mut Draft, said: Option<&Value>) {
    let Some(said) = said else { return };
    let word = |names: &[&str]| names.iter().find_map(|name| text(said.get(*name)));
    for field in ["expected", "got", "workaround"] {
        set_text(draft, field, word(&[field]));
    }
    if let Some(task) = word(&["task"]) {
        draft.set("task", line(task, MAX_LINE));
    }
    set_word::<Feeling>(draft, "feeling", word(&["feeling", "felt"]));
    set_word::<Outcome>(draft, "outcome", word(&["outcome", "did"]));
    set_word::<Kind>(draft, "kind", word(&["kind"]));
    set_word::<Severity>(draft, "severity", word(&["severity"]));
    set_word::<Actor>(draft, "actor", word(&["actor"]));
}

/// One session: a use, its id made of the session's, so that what is told again is known already.
fn session(session: &Value, context: &Context) -> Option<Kept> {
    let sid = text(session.get("sid"))?;
    let mut draft = used(session, session, context);
    draft.set("id", Uuid::new_v5(&OF_SENTRY, format!("session:{sid}").as_bytes()).to_string());
    draft.set("count", 1);
    Some(draft.into())
}

/// Sessions that were added up before they were sent.
fn sessions(all: &Value, context: &Context) -> Kept {
    let buckets = list(all, "aggregates");
    // Of all that was sent, once: an id is made of this for each.
    let sent = context.sent_at.map(|sent_at| (sent_at, blake3::hash(all.to_string().as_bytes())));
    let drafts = buckets.iter().enumerate().filter_map(|(position, bucket)| {
        let counts = ["exited", "errored", "crashed", "abnormal", "unhandled"];
        let counts = counts.iter().filter_map(|name| bucket.get(*name)?.as_u64());
        let count = counts.fold(0_u64, u64::saturating_add);
        if count == 0 {
            return None;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let mut draft = used(bucket, all, context);
        // Two minutes, or two processes, may count the same: when it was sent, to the microsecond, tells
        // them apart. Python says no such time, and no SDK sends again: each is another one.
        if let Some((sent_at, hash)) = sent {
            let identity = format!("sessions:{sent_at}:{position}:{hash}");
            draft.set("id", Uuid::new_v5(&OF_SENTRY, identity.as_bytes()).to_string());
        }
        draft.set("count", count);
        Some(draft)
    });
    Kept { drafts: drafts.collect(), ..Kept::default() }
}

fn used(session: &Value, outer: &Value, context: &Context) -> Draft {
    let mut draft = Draft::default();
    draft.set("class", "use");
    draft.set("place", base(outer.get("attrs").unwrap_or(&Value::Null), context));
    let person = session.get("did").and_then(person::named);
    draft.set("person", person.unwrap_or_else(|| ANONYMOUS.to_owned()));
    set_instant(&mut draft, session.get("started"), context);
    set_release(&mut draft, outer.get("attrs"));
    draft
}

/// The place that all others are below: the one of the key; else the product, if the release names
/// it as in `shop@1.4.3`; else the language.
fn base(of: &Value, context: &Context) -> String {
    if let Some(place) = context.place {
        return place.to_string();
    }
    let product = text(of.get("release")).and_then(|release| Some(release.rsplit_once('@')?.0));
    // `@acme/shop@1.4.3`, as npm names packages.
    let product = product.and_then(|product| product.rsplit('/').next());
    let sdk = text(at(of, "/sdk/name")).or(context.sdk);
    let language = sdk.and_then(|sdk| sdk.split('.').nth(1));
    let named = product.into_iter().chain(language).find_map(place::first_segment);
    named.unwrap_or_else(|| "app".to_owned())
}

/// What every event says.
fn common(event: &Value, context: &Context) -> Draft {
    let mut draft = Draft::default();
    let own = text(event.get("event_id")).and_then(|id| id.parse::<Uuid>().ok());
    if let Some(id) = context.event_id.or(own).filter(|id| !id.is_nil()) {
        draft.set("id", id.simple().to_string());
    }
    draft.set("place", place::of(event, &base(event, context)));
    let person = person::of_user(event.get("user"));
    draft.set("person", person.unwrap_or_else(|| ANONYMOUS.to_owned()));
    set_instant(&mut draft, event.get("timestamp"), context);
    set_release(&mut draft, Some(event));
    let evidence = evidence::of(event);
    if !evidence.is_empty() {
        draft.set("evidence", Value::Object(evidence));
    }
    draft
}

fn set_text(draft: &mut Draft, field: &str, said: Option<&str>) {
    if let Some(said) = said {
        draft.set(field, clip(said, MAX_TEXT));
    }
}

fn set_word<W: Word>(draft: &mut Draft, field: &str, said: Option<&str>) {
    if let Some(word) = said.and_then(W::find) {
        draft.set(field, word.word());
    }
}

/// When it happened, by our clock; left out where it cannot be.
fn set_instant(draft: &mut Draft, said: Option<&Value>, context: &Context) {
    let at = instant(said).and_then(|at| at.checked_add(context.skew).ok());
    if let Some(at) = at.filter(|at| Timestamp::UNIX_EPOCH <= *at) {
        draft.set("at", at.to_string());
    }
}

/// `shop@1.4.3` is version 1.4.3 of the shop.
fn set_release(draft: &mut Draft, of: Option<&Value>) {
    let Some(of) = of else { return };
    if let Some(release) = text(of.get("release")) {
        let version = release.rsplit_once('@').map_or(release, |(_, version)| version);
        draft.set("version", line(&without_hidden(version), MAX_NAME));
    }
    if let Some(environment) = text(of.get("environment")) {
        let mut tags = Map::new();
        tags.insert("environment".to_owned(), line(environment, MAX_NAME).into());
        draft.set("tags", tags);
    }
}

/// What the SDK dropped of what we keep.
fn lost(report: &Value) -> u64 {
    let is_kept = |category| matches!(category, "error" | "default" | "feedback" | "session");
    let dropped = list(report, "discarded_events").iter();
    let dropped = dropped.filter(|lost| text(lost.get("category")).is_some_and(is_kept));
    dropped.filter_map(|lost| lost.get("quantity")?.as_u64()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::{Arrival, Class, Event, Sender, Source};

    const NOW: &str = "2026-11-20T15:00:00Z";

    /// The events that an item becomes.
    fn read(kind: &str, payload: &Value) -> Vec<Event> {
        let place = Place::parse("web").unwrap();
        let context = Context {
            place: Some(&place),
            sdk: Some("sentry.python"),
            event_id: None,
            sent_at: Some(NOW),
            skew: SignedDuration::ZERO,
        };
        let kept = keep(kind, payload.to_string().as_bytes(), &context).unwrap();
        kept.drafts.into_iter().map(admit).collect()
    }

    fn admit(draft: Draft) -> Event {
        let arrival = Arrival {
            now: NOW.parse().unwrap(),
            fresh_id: Uuid::from_u128(1),
            sender: Sender::Anonymous,
            source: Source::Sentry,
            original: None,
        };
        draft.admit(&arrival).unwrap()
    }

    fn one(kind: &str, payload: &Value) -> Event {
        let [event] = <[Event; 1]>::try_from(read(kind, payload)).unwrap();
        event
    }

    #[test]
    fn errors_are_signals() {
        let thrown = |mechanism: Value| {
            json!({"event_id": "b84cf52c7fe048998a48dfee81917a19", "timestamp": 1_795_186_700.25,
                   "release": "shop@1.4.3", "environment": "staging", "user": {"username": "ana"},
                   "exception": [{"type": "TypeError", "value": "x is undefined", "mechanism": mechanism}]})
        };
        let crash = one("event", &thrown(json!({"handled": false})));
        assert_eq!(crash.id.simple().to_string(), "b84cf52c7fe048998a48dfee81917a19");
        assert_eq!((crash.class, crash.person.as_str()), (Class::Signal, "ana"));
        assert_eq!(crash.at.to_string(), "2026-11-20T14:58:20.25Z");
        assert_eq!(crash.note.as_deref(), Some("TypeError: x is undefined"));
        assert_eq!(crash.version.as_deref(), Some("1.4.3"));
        assert_eq!(crash.tags["environment"], "staging");
        let name = |event: Event| event.signal.unwrap().name;
        assert_eq!(name(crash), SignalName::Crash);
        assert_eq!(name(one("event", &thrown(json!({"handled": true})))), SignalName::Failure);
        assert_eq!(name(one("event", &thrown(Value::Null))), SignalName::Failure);
    }

    #[test]
    fn messages_of_an_errors_level_are_failures() {
        let message = |level: &str| json!({"message": "stuck", "level": level});
        for quiet in ["debug", "info", "warning"] {
            assert!(read("event", &message(quiet)).is_empty(), "{quiet}");
        }
        let stuck = one("event", &message("error"));
        assert_eq!(stuck.note.as_deref(), Some("stuck"));
        assert_eq!(stuck.person, ANONYMOUS);
        let synthetic = json!({"message": "stuck", "level": "fatal", "exception": {"values": [
            {"type": "Error", "value": "stuck", "mechanism": {"synthetic": true, "handled": true}}]}});
        let stuck = one("event", &synthetic);
        assert_eq!(stuck.signal.unwrap().rule.as_deref(), Some("a message of level fatal"));
        let formatted =
            json!({"logentry": {"message": "a %s", "formatted": "a b"}, "level": "error"});
        assert_eq!(one("event", &formatted).note.as_deref(), Some("a b"));
    }

    #[test]
    fn feedback_is_a_report_in_the_persons_own_words() {
        let said = json!({"contexts": {
            "feedback": {"message": "the total is wrong", "contact_email": "bob@acme.example",
                         "url": "https://h/cart/7?x=1", "source": "widget"},
            "friction": {"expected": "the sum", "did": "worked-around", "felt": "angry",
                         "severity": "major"}}});
        for kind in ["feedback", "event"] {
            let report = one(kind, &said);
            assert_eq!((report.class, report.person.as_str()), (Class::Report, "bob"));
            assert_eq!(
                (report.place.as_str(), report.severity),
                ("web/cart/_", Some(Severity::Major))
            );
            assert_eq!(report.outcome, Some(Outcome::WorkedAround));
            assert_eq!((report.feeling, report.expected.as_deref()), (None, Some("the sum")));
            assert!(!String::from_utf8(report.to_json()).unwrap().contains("acme"));
        }
        let old = json!({"event_id": "b84cf52c7fe048998a48dfee81917a19", "name": "Ana", "comments": "it hung"});
        let report = one("user_report", &old);
        assert_eq!((report.person.as_str(), report.note.as_deref()), ("Ana", Some("it hung")));
        assert_ne!(report.id.simple().to_string(), "b84cf52c7fe048998a48dfee81917a19");
    }

    #[test]
    fn a_session_is_one_use_however_often_it_is_told() {
        let session = |status: &str| {
            json!({"sid": "c1", "did": "ana", "started": "2026-11-20T14:00:00.123456789Z",
                   "status": status, "attrs": {"release": "shop@2"}})
        };
        let (first, again) = (one("session", &session("ok")), one("session", &session("exited")));
        assert_eq!((first.class, first.count, first.id), (Class::Use, Some(1), again.id));
        assert_eq!((first.place.as_str(), first.version.as_deref()), ("web", Some("2")));
        let minutes = json!({"attrs": {"release": "shop@2"}, "aggregates": [
            {"started": "2026-11-20T14:00:00Z", "exited": 7, "errored": 2},
            {"started": "2026-11-20T14:01:00Z", "exited": 0},
            {"started": "2026-11-20T14:02:00Z", "exited": 9}]});
        let counts: Vec<_> = read("sessions", &minutes).iter().map(|used| used.count).collect();
        assert_eq!(counts, [Some(9), Some(9)]);
        let ids: Vec<Uuid> = read("sessions", &minutes).iter().map(|used| used.id).collect();
        let again: Vec<Uuid> = read("sessions", &minutes).iter().map(|used| used.id).collect();
        assert!(ids[0] != ids[1] && ids == again, "{ids:?}");
    }

    #[test]
    fn no_more_buckets_of_sessions_are_taken_than_an_sdk_sends() {
        let context = Context {
            place: None,
            sdk: None,
            event_id: None,
            sent_at: Some(NOW),
            skew: SignedDuration::ZERO,
        };
        let taken = |buckets: usize| {
            let all = json!({"aggregates": vec![json!({"exited": 1}); buckets]}).to_string();
            keep("sessions", all.as_bytes(), &context).map(|kept| kept.drafts.len())
        };
        assert_eq!(taken(MOST_BUCKETS), Ok(MOST_BUCKETS));
        assert_eq!(taken(MOST_BUCKETS + 1), Err(TOO_MANY_BUCKETS));
    }

    #[test]
    fn everything_else_comes_to_nothing() {
        assert!(read("transaction", &json!({"event_id": "x"})).is_empty());
        assert!(read("event", &json!({})).is_empty());
        let report = json!({"discarded_events": [
            {"reason": "queue_overflow", "category": "error", "quantity": 3},
            {"reason": "ratelimit_backoff", "category": "transaction", "quantity": 9}]});
        assert_eq!(lost(&report), 3);
        let context = Context {
            place: None,
            sdk: None,
            event_id: None,
            sent_at: None,
            skew: SignedDuration::ZERO,
        };
        for broken in ["", "[]", "{\"sid\":", "null"] {
            assert!(keep("session", broken.as_bytes(), &context).is_err(), "{broken}");
            assert!(keep("span", broken.as_bytes(), &context).is_ok(), "not even read");
        }
    }

    #[test]
    fn without_a_place_of_its_own_the_product_or_the_language_is_one() {
        let place = |payload: Value, sdk: Option<&str>| {
            let context = Context {
                place: None,
                sdk,
                event_id: None,
                sent_at: None,
                skew: SignedDuration::ZERO,
            };
            let kept = keep("event", payload.to_string().as_bytes(), &context).unwrap();
            kept.drafts.into_iter().map(admit).next().unwrap().place.to_string()
        };
        let error =
            |release: &str| json!({"message": "x", "release": release, "transaction": "/pay"});
        assert_eq!(place(error("shop@1"), Some("sentry.python")), "shop/pay");
        assert_eq!(place(error("4f1c2e"), Some("sentry.javascript.browser")), "javascript/pay");
        assert_eq!(place(error("@acme/shop@1"), None), "shop/pay");
        assert_eq!(place(error(""), None), "app/pay");
    }
}
