//! A friction log as teams know it: context, steps with feelings, pros and cons; in Markdown.
//!
//! # Promises
//!
//! - What is written reads back as the same events, id by id: importing a log twice, or one's own,
//!   changes nothing.
//! - A log written by hand reads as well: steps are the items of the list under "Steps", and only
//!   `place` must be said, once. What says no time happened when the log began, if that is said.
//!   An item, a line of code, or a line under a list of steps that is taken nowhere is named; prose
//!   elsewhere is not.

mod read;

use jiff::Timestamp;
use serde_json::Value;
use snag::event::{Class, Event, Kind};

use super::Session;
use crate::render::plural;

pub(crate) use read::{Log, read};

/// What is said of a step beside its words, as it is written and as the field it is.
const FACTS: [(&str, &str); 8] = [
    ("place", "place"),
    ("kind", "kind"),
    ("severity", "severity"),
    ("felt", "feeling"),
    ("did", "outcome"),
    ("lost minutes", "lost_minutes"),
    ("at", "at"),
    ("class", "class"),
];
/// Texts of a step, each on a line of its own.
const TEXTS: [&str; 3] = ["expected", "got", "workaround"];
/// What is said of all steps.
const CONTEXT: [(&str, &str); 6] = [
    ("Task", "task"),
    ("Person", "person"),
    ("Version", "version"),
    ("Place", "place"),
    ("Started", "at"),
    ("Date", "at"),
];

/// The log of a session that ends now.
pub(crate) fn write(session: &Session, now: Timestamp) -> String {
    let Session { task, person, version, place, started_at, steps, pros, cons, .. } = session;
    let mut lines = vec![format!("# Friction log: {}", escape(task))];
    head("Context", &mut lines);
    let place = place.as_ref().map(ToString::to_string);
    let context = [Some(task), person.as_ref(), version.as_ref(), place.as_ref()];
    for ((name, _), said) in CONTEXT.iter().zip(context) {
        lines.extend(said.map(|said| format!("- {name}: {}", escape(said))));
    }
    let minutes = (now.as_second() - started_at.as_second()).max(0).unsigned_abs() / 60;
    let (took, count) =
        (plural(minutes, "minute", "minutes"), plural(steps.len() as u64, "step", "steps"));
    let hurt = steps.iter().filter(|step| hurts(step)).count();
    lines.push(format!("- Started: {started_at}"));
    lines.push(format!("- Took: {took}, {count}, {hurt} of them hurt"));
    head("Steps", &mut lines);
    for (number, step) in (1..).zip(steps) {
        item(&format!("{number}. "), step, &mut lines);
    }
    let good = |step: &&Event| step.kind == Some(Kind::Delight);
    section("Pros", steps.iter().filter(good), pros, &mut lines);
    section("Cons", steps.iter().filter(|step| hurts(step)), cons, &mut lines);
    lines.join("\n") + "\n"
}

fn hurts(step: &Event) -> bool {
    step.class == Class::Report && step.kind != Some(Kind::Delight)
}

fn head(title: &str, lines: &mut Vec<String>) {
    lines.extend([String::new(), format!("## {title}"), String::new()]);
}

/// Steps that are named again, without their ids, and what was said in the end.
fn section<'a>(
    title: &str,
    steps: impl Iterator<Item = &'a Event>,
    said: &[Event],
    lines: &mut Vec<String>,
) {
    let steps: Vec<_> = steps.collect();
    if steps.is_empty() && said.is_empty() {
        return;
    }
    head(title, lines);
    let named = steps.into_iter().map(|step| format!("- {}", escape(step.words().unwrap_or(""))));
    lines.extend(named);
    for event in said {
        item("- ", event, lines);
    }
}

fn item(bullet: &str, event: &Event, lines: &mut Vec<String>) {
    let indent = " ".repeat(bullet.len());
    let words = escape(event.note.as_deref().unwrap_or_default());
    lines.push(format!("{bullet}{words} <!-- {} -->", event.id));
    let json = serde_json::to_value(event).unwrap_or_default();
    let said = |field: &str| match &json[field] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    };
    // Being a report is what a step is if it says so much.
    let facts = FACTS.iter().filter(|(name, _)| *name != "class" || event.class == Class::Use);
    let facts: Vec<_> =
        facts.filter_map(|(name, field)| Some(format!("{name}: {}", said(field)?))).collect();
    lines.push(format!("{indent}- {}", facts.join("; ")));
    let texts = TEXTS.iter().filter_map(|name| Some((name, said(name)?)));
    lines.extend(texts.map(|(name, text)| format!("{indent}- {name}: {}", escape(&text))));
}

/// On one line, and without what Markdown takes for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br>")
}

fn unescape(text: &str) -> String {
    text.replace("<br>", "\n").replace("&lt;", "<").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use snag::event::{Arrival, Draft, Sender, Source};
    use uuid::Uuid;

    use super::*;
    use crate::session::classify;

    fn admit(draft: Draft) -> Event {
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: Uuid::now_v7(),
            sender: Sender::Owner { name: "ana".to_owned() },
            source: Source::Cli,
            original: None,
        };
        draft.check(&arrival).unwrap()
    }

    fn step(texts: &[String], felt: Option<&str>, did: Option<&str>) -> Event {
        let mut draft = Draft::default();
        let fields = [("note", 0), ("expected", 1), ("task", 3)];
        for (field, at) in fields {
            draft.set(field, format!("x{}", texts[at]));
        }
        if did.is_none() {
            draft.set("expected", serde_json::Value::Null);
        }
        draft.set("place", "web/shop");
        for (field, word) in [("feeling", felt), ("outcome", did)] {
            if let Some(word) = word {
                draft.set(field, word);
            }
        }
        classify(&mut draft);
        admit(draft)
    }

    fn session(task: String, steps: Vec<Event>) -> Session {
        Session {
            v: 1,
            task,
            person: Some("ana".to_owned()),
            version: None,
            place: None,
            started_at: "2026-11-20T11:48:00Z".parse().unwrap(),
            pros: Vec::new(),
            cons: Vec::new(),
            steps,
        }
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            texts in prop::collection::vec("[ -~\u{e9}\n]{0,60}|- |1\\. |<!-- -->|&lt;<br>|; at: x", 4..5),
            felt in prop::option::of(prop::sample::select(vec!["calm", "delighted", "confused"])),
            did in prop::option::of(prop::sample::select(vec!["continued", "abandoned"])),
        ) {
            let told = step(&texts, felt, did);
            let task = told.task.clone().unwrap();
            let log = write(&session(task, vec![told.clone()]), now());
            let read = read(&log);
            prop_assert_eq!(read.steps.len(), 1, "{}", log);
            prop_assert!(read.left_out.is_empty(), "{}", log);
            let again = admit(read.steps.into_iter().next().unwrap().1.unwrap());
            prop_assert_eq!(again.id, told.id);
            prop_assert!(told.tells_the_same_as(&again), "{}\n{:?}\n{:?}", log, told, again);
        }
    }
}
