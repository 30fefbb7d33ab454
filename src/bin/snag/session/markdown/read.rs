//! Reads a friction log, line by line.

use std::collections::HashSet;

use snag::event::Draft;
use uuid::Uuid;

use super::{CONTEXT, FACTS, TEXTS, unescape};
use crate::session::classify;

/// What a log says.
#[derive(Default)]
pub(crate) struct Log {
    /// What becomes an event: the line it begins on, and the draft or what is wrong with it.
    pub(crate) steps: Vec<(usize, Result<Draft, String>)>,
    /// The lines that belong to no step and say nothing of all; prose outside of the steps is passed over.
    pub(crate) left_out: Vec<usize>,
}

/// Reads a log.
pub(crate) fn read(text: &str) -> Log {
    // No heading lies deeper than where none was read.
    let mut reading = Reading { level: usize::MAX, ..Reading::default() };
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
    /// How deep the heading lies that began it.
    level: usize,
    context: Vec<(&'static str, String)>,
    items: Vec<Item>,
    /// Whether the last item goes on.
    is_open: bool,
    is_after_blank: bool,
    /// The sign that ends the code which is read, and how far it is indented.
    fence: Option<(&'static str, usize)>,
    left_out: Vec<usize>,
}

struct Item {
    line: usize,
    section: Section,
    draft: Draft,
    /// The text that was said last; none after facts.
    last: Option<&'static str>,
    wrong: Option<String>,
}

impl Reading {
    fn line(&mut self, number: usize, line: &str) {
        let text = line.trim();
        if let Some((fence, indent)) = self.fence {
            if text.starts_with(fence) {
                self.fence = None;
            } else {
                let blanks = line.len() - line.trim_start().len();
                self.code(number, &line[blanks.min(indent)..]);
            }
            return;
        }
        let is_after_blank = std::mem::replace(&mut self.is_after_blank, text.is_empty());
        if text.is_empty() {
            return;
        }
        let is_nested = line.starts_with([' ', '\t']);
        if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| text.starts_with(fence)) {
            self.fence = Some((fence, line.len() - line.trim_start().len()));
        } else if let Some((level, title)) = heading(line) {
            self.head(level, title);
        } else if let Some(said) = bullet(text) {
            self.bullet(number, is_nested, said);
        } else if is_rule(text) {
            self.is_open = false;
        } else if self.is_open && (is_nested || !is_after_blank) {
            if let Some(item) = self.items.last_mut() {
                item.go_on(text, is_after_blank);
            }
        } else if !matches!(self.section, Section::Context | Section::Other) {
            self.is_open = false;
            self.left_out.push(number);
        }
    }

    fn bullet(&mut self, number: usize, is_nested: bool, said: &str) {
        match (self.section, self.items.last_mut()) {
            (Section::Other, _) => self.left_out.push(number),
            (Section::Context, _) => self.say_of_all(number, said),
            (section, Some(item)) if is_nested && item.section == section => item.detail(said),
            (section, _) => {
                self.items.push(Item::of(number, section, said));
                self.is_open = true;
            }
        }
    }

    /// What was run or printed belongs to the step that it stands below.
    fn code(&mut self, number: usize, line: &str) {
        match self.items.last_mut() {
            Some(item) if self.is_open => item.add("note", "\n", line),
            _ if line.trim().is_empty() => {}
            _ => self.left_out.push(number),
        }
    }

    fn head(&mut self, level: usize, title: &str) {
        self.is_open = false;
        let lower = title.to_lowercase();
        let mut found = level;
        self.section = match lower.as_str() {
            "steps" | "log" | "walkthrough" => Section::Steps,
            "pros" | "highlights" => Section::Pros,
            "cons" | "lowlights" => Section::Cons,
            "context" => Section::Context,
            _ if lower.starts_with("friction log") => {
                if let Some((_, task)) = title.split_once(':') {
                    self.context.push(("task", unescape(task.trim())));
                }
                // The sections lie below it, and are none of its parts.
                found = usize::MAX;
                Section::Context
            }
            // A part of the section that it lies in.
            _ if self.level < level => return,
            _ => Section::Other,
        };
        self.level = found;
    }

    fn say_of_all(&mut self, number: usize, said: &str) {
        let (name, value) = said.split_once(':').unwrap_or((said, ""));
        let name = name.trim().trim_matches('*');
        let field = CONTEXT.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match field {
            Some((_, field)) => self.context.push((field, unescape(value.trim()))),
            // It is written for who reads it, and follows from the steps.
            None if name.eq_ignore_ascii_case("took") => {}
            None => self.left_out.push(number),
        }
    }

    fn finish(self) -> Log {
        // What has no id may name a step again that has one.
        let with_id = self.items.iter().filter(|item| item.draft.has("id"));
        let words = with_id.flat_map(|item| {
            ["note", "expected", "got"].map(|field| item.draft.text(field).map(str::to_owned))
        });
        let words: HashSet<_> = words.flatten().collect();
        let is_told = |item: &Item| item.draft.text("note").is_some_and(|it| words.contains(it));
        let counts =
            |item: &Item| item.section == Section::Steps || item.draft.has("id") || !is_told(item);
        let context = self.context;
        let items = self.items.into_iter().filter(counts);
        let steps = items.map(|item| (item.line, item.finish(&context))).collect();
        Log { steps, left_out: self.left_out }
    }
}

impl Item {
    fn of(line: usize, section: Section, said: &str) -> Self {
        let mut item = Self { line, section, draft: Draft::default(), last: None, wrong: None };
        item.add("note", "", said);
        item
    }

    /// Adds to a text; the id may stand at the end of the line.
    fn add(&mut self, field: &'static str, between: &str, said: &str) {
        let mut words = said;
        if let Some((before, after)) = said.rsplit_once("<!--")
            && let Some(id) = after.split("-->").next()
            && let Ok(id) = id.trim().parse::<Uuid>()
        {
            self.draft.set("id", id.to_string());
            words = before;
        }
        let before = self.draft.text(field).unwrap_or_default();
        let text = format!("{before}{between}{}", unescape(words.trim_end()));
        self.draft.set(field, text);
        self.last = Some(field);
    }

    /// A line that is wrapped, or a paragraph more.
    fn go_on(&mut self, said: &str, is_paragraph: bool) {
        let name = said.split(':').next().unwrap_or_default().trim();
        let is_fact = FACTS.iter().any(|(known, _)| *known == name);
        match self.last {
            Some(field) if !is_paragraph => self.add(field, " ", said),
            None if !is_paragraph && is_fact => self.detail(said),
            _ => self.add("note", "\n", said),
        }
    }

    /// Facts in one line, or a text of its own.
    fn detail(&mut self, said: &str) {
        let text = TEXTS.iter().find_map(|name| {
            let (said, text) = said.split_once(':')?;
            (said.trim() == *name).then(|| (*name, unescape(text.trim())))
        });
        if let Some((name, text)) = text {
            self.draft.set(name, text);
            self.last = Some(name);
            return;
        }
        self.last = None;
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

/// How deep a heading lies, and what it says; without a blank behind its signs it is none.
fn heading(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    (level != 0 && title.starts_with(' ')).then(|| (level, title.trim()))
}

/// Whether it is a line between two parts.
fn is_rule(text: &str) -> bool {
    ["---", "***", "___", "==="].iter().any(|rule| {
        text.starts_with(rule) && text.chars().all(|sign| sign == ' ' || rule.starts_with(sign))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_written_by_hand_reads() {
        let log = "# Friction log: buy as a new customer\n\nSome words.\n\n## Context\n\n\
            - **Place**: web/shop\n- Browser: firefox\n- Date: 2026-11-20\n\n## Steps\n\n1. opened the shop\n\
            2) the total is hidden\n   - felt: confused; severity: red\n   - place: web/cart\n\
            \n## Pros\n\n* fast\n\n## Cons\n\n* hidden costs\n\n## Links\n\n- not a step\n";
        let Log { steps: read, left_out } = read(log);
        assert_eq!(left_out, [8, 28], "what is said of no step");
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
        let wrong = super::read("# Friction log\n## Steps\n- x\n  - mood: bad\n").steps;
        assert!(wrong[0].1.as_ref().unwrap_err().contains("`mood`"), "{wrong:?}");
        let placeless = super::read("# Friction log\n## Steps\n- x\n").steps;
        assert!(placeless[0].1.as_ref().unwrap_err().contains("says no place"), "{placeless:?}");
    }

    #[test]
    fn nothing_of_a_step_is_lost_and_what_is_none_is_named() {
        let log = "# Friction log: buy\n- Place: web/shop\n## Steps\nIntroduction.\n\n\
            1. opened the shop and\n   ***waited*** for the\nlist\n   - felt: confused\n     did: retried\n\
            \n   It came in the end.\n\n### Payment\n\n- #123 is still broken\n#123 was known\n\
            - ran it:\n  ```sh\n  # Cons\n    acme pay\n  ```\n  - expected: it\n    pays\n\
            \nA remark.\nOf two lines.\n## Cons\n- hidden costs\n## Next\n- ask\n### Who\n- ana\n";
        let Log { steps, left_out } = read(log);
        let said = |at: usize, field: &str| {
            steps[at].1.as_ref().unwrap().text(field).unwrap_or_default().to_owned()
        };
        let notes: Vec<_> = (0..steps.len()).map(|at| said(at, "note")).collect();
        let expected = [
            "opened the shop and ***waited*** for the list\nIt came in the end.",
            "#123 is still broken #123 was known",
            "ran it:\n# Cons\n  acme pay",
            "hidden costs",
        ];
        assert_eq!(notes, expected);
        assert_eq!((said(0, "feeling"), said(0, "outcome")), ("confused".into(), "retried".into()));
        assert_eq!(said(2, "expected"), "it pays");
        assert_eq!(left_out, [4, 26, 27, 31, 33]);
    }

    #[test]
    fn what_is_named_again_is_one_step_and_what_is_added_is_one_more() {
        let log = "## Steps\n1. slow <!-- 01938a5e-0000-7000-8000-000000000001 -->\n## Context\n\
            - Place: a\n## Cons\n- slow\n- ugly\n";
        let notes: Vec<_> = read(log).steps.into_iter().map(|(_, draft)| draft.unwrap()).collect();
        let notes: Vec<_> = notes.iter().filter_map(|draft| draft.text("note")).collect();
        assert_eq!(notes, ["slow", "ugly"]);
    }
}
