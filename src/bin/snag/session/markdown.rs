//! A friction log as teams know it: context, steps with feelings, pros and cons; in Markdown.
//!
//! # Promises
//!
//! - What is written reads back as the same events, id by id: importing a log twice, or one's own,
//!   changes nothing.
//! - A log written by hand reads as well: steps are the items of the list under "Steps", and only
//!   `place` must be said, once. What says no time happened when the log began, if that is said.

use jiff::Timestamp;
use serde_json::Value;
use snag::event::{Class, Draft, Event, Kind};
use uuid::Uuid;

use super::{Session, classify};
use crate::render::plural;

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

/// What of a log becomes an event: the line it begins on, and the draft or what is wrong with it.
pub(crate) type Read = (usize, Result<Draft, String>);

/// Reads a log.
pub(crate) fn read(text: &str) -> Vec<Read> {
    let mut reading = Reading::default();
    for (number, line) in (1..).zip(text.lines()) {
        reading.line(number, line);
    }
    reading.finish()
}

/// A section of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Context,
    Steps,
    Pros,
    Cons,
    Other,
}

#[derive(Default)]
struct Reading {
    section: Section,
    context: Vec<(&'static str, String)>,
    items: Vec<Item>,
}

struct Item {
    line: usize,
    section: Section,
    draft: Draft,
    wrong: Option<String>,
}

impl Reading {
    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if let Some(title) = text.strip_prefix('#') {
            self.head(title.trim_start_matches('#').trim());
            return;
        }
        let is_nested = line.starts_with([' ', '\t']);
        let Some(said) = bullet(text) else { return };
        match (self.section, self.items.last_mut()) {
            (Section::Other, _) => {}
            (Section::Context, _) => self.say_of_all(said),
            (section, Some(item)) if is_nested && item.section == section => item.detail(said),
            (section, _) => self.items.push(Item::of(number, section, said)),
        }
    }

    fn head(&mut self, title: &str) {
        let lower = title.to_lowercase();
        self.section = match lower.as_str() {
            "steps" | "log" | "walkthrough" => Section::Steps,
            "pros" | "highlights" => Section::Pros,
            "cons" | "lowlights" => Section::Cons,
            "context" => Section::Context,
            _ if lower.starts_with("friction log") => {
                if let Some((_, task)) = title.split_once(':') {
                    self.context.push(("task", unescape(task.trim())));
                }
                Section::Context
            }
            _ => Section::Other,
        };
    }

    fn say_of_all(&mut self, said: &str) {
        let Some((name, value)) = said.split_once(':') else { return };
        let name = name.trim().trim_matches('*');
        let field = CONTEXT.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, field)) = field {
            self.context.push((field, unescape(value.trim())));
        }
    }

    fn finish(self) -> Vec<Read> {
        // Where steps have ids, what has none names one of them again.
        let has_ids = self.items.iter().any(|item| item.draft.has("id"));
        let counts =
            |item: &Item| !has_ids || item.draft.has("id") || item.section == Section::Steps;
        let context = self.context;
        let items = self.items.into_iter().filter(counts);
        items.map(|item| (item.line, item.finish(&context))).collect()
    }
}

impl Item {
    fn of(line: usize, section: Section, said: &str) -> Self {
        let mut draft = Draft::default();
        let mut words = said;
        if let Some((before, after)) = said.rsplit_once("<!--")
            && let Some(id) = after.split("-->").next()
            && let Ok(id) = id.trim().parse::<Uuid>()
        {
            draft.set("id", id.to_string());
            words = before;
        }
        draft.set("note", unescape(words.trim()));
        Self { line, section, draft, wrong: None }
    }

    /// Facts in one line, or a text of its own.
    fn detail(&mut self, said: &str) {
        let text = TEXTS.iter().find_map(|name| {
            let (said, text) = said.split_once(':')?;
            (said.trim() == *name).then(|| (*name, unescape(text.trim())))
        });
        if let Some((name, text)) = text {
            self.draft.set(name, text);
            return;
        }
        for fact in said.split(';') {
            let (name, value) = fact.split_once(':').unwrap_or((fact, ""));
            let known = FACTS.iter().find(|(known, _)| *known == name.trim());
            match known {
                Some((_, "lost_minutes")) => match value.trim().parse::<u32>() {
                    Ok(minutes) => self.draft.set("lost_minutes", minutes),
                    Err(_) => self.wrong = Some(format!("`{}` are no minutes", value.trim())),
                },
                Some((_, field)) => self.draft.set(field, value.trim()),
                None => {
                    let name = name.trim();
                    self.wrong = Some(format!(
                        "a step has no `{name}`: say place, kind, severity, felt, did, lost minutes, at, expected, got or workaround"
                    ));
                }
            }
        }
    }

    fn finish(self, context: &[(&'static str, String)]) -> Result<Draft, String> {
        let Self { section, mut draft, wrong, .. } = self;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        // What is said later is said better: the title names the task, the context may again.
        for (field, value) in context.iter().rev().filter(|(_, value)| !value.is_empty()) {
            if !draft.has(field) {
                draft.set(field, value.as_str());
            }
        }
        if !draft.has("place") {
            return Err("says no place: add a line \"- Place: web/checkout\" under \"## Context\""
                .to_owned());
        }
        match section {
            Section::Pros if !draft.has("kind") => draft.set("kind", "delight"),
            Section::Steps => classify(&mut draft),
            _ => {}
        }
        Ok(draft)
    }
}

/// The text of a list's item, bulleted or numbered.
fn bullet(line: &str) -> Option<&str> {
    let bulleted = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark));
    bulleted.or_else(|| {
        let (number, text) = line.split_once(['.', ')'])?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.strip_prefix(' ')).flatten()
    })
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
    use snag::event::{Arrival, Sender, Source};

    use super::*;

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
            prop_assert_eq!(read.len(), 1, "{}", log);
            let again = admit(read.into_iter().next().unwrap().1.unwrap());
            prop_assert_eq!(again.id, told.id);
            prop_assert!(told.tells_the_same_as(&again), "{}\n{:?}\n{:?}", log, told, again);
        }
    }

    #[test]
    fn a_log_written_by_hand_reads() {
        let log = "# Friction log: buy as a new customer\n\nSome words.\n\n## Context\n\n\
            - **Place**: web/shop\n- Browser: firefox\n- Date: 2026-11-20\n\n## Steps\n\n1. opened the shop\n\
            2) the total is hidden\n   - felt: confused; severity: red\n   - place: web/cart\n\
            \n## Pros\n\n* fast\n\n## Cons\n\n* hidden costs\n\n## Links\n\n- not a step\n";
        let read = read(log);
        let said: Vec<_> = read
            .iter()
            .map(|(line, draft)| {
                let draft = draft.as_ref().unwrap();
                let text = |field: &str| draft.text(field).unwrap_or("").to_owned();
                format!(
                    "{line} {} {} {} {}",
                    text("place"),
                    text("note"),
                    text("class"),
                    text("kind")
                )
            })
            .collect();
        let expected = [
            "13 web/shop opened the shop use ",
            "14 web/cart the total is hidden  ",
            "20 web/shop fast  delight",
            "24 web/shop hidden costs  ",
        ];
        assert_eq!(said, expected);
        assert!(
            read.iter().all(|(_, draft)| draft.as_ref().unwrap().text("at") == Some("2026-11-20"))
        );
        let task = read[0].1.as_ref().unwrap().text("task");
        assert_eq!(task, Some("buy as a new customer"));
        let wrong = super::read("# Friction log\n## Steps\n- x\n  - mood: bad\n");
        assert!(wrong[0].1.as_ref().unwrap_err().contains("`mood`"), "{wrong:?}");
        let placeless = super::read("# Friction log\n## Steps\n- x\n");
        assert!(placeless[0].1.as_ref().unwrap_err().contains("says no place"), "{placeless:?}");
    }
}
