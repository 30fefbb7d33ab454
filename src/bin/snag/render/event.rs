//! Events: the line that answers a log, a list, and one event whole.

use jiff::Timestamp;
use serde_json::Value;
use snag::event::{Class, Event, Verdict};

use super::Look;
use super::line::{Page, Tone};
use super::safe::{Safe, json_for_terminal};
use super::table::{Cell, Column, GAP, Give, Table};
use super::text::width;
use super::words::{exactly, human, id_tail, minutes, plural};

/// Where values begin.
const LABEL: usize = 14;
/// From here on a list shows the kind beside the severity.
pub(super) const WIDE: usize = 100;
/// From here on a list shows people.
pub(super) const ROOMY: usize = 72;
/// Below this it shows no notes.
pub(super) const NARROW: usize = 56;

/// So many columns more than an age an exact time takes.
const EXACT: usize = 16;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// It is on the daemon's disk and visible.
    Recorded,
    /// It was before.
    Known,
    /// It is in a file that the daemon takes when it is back.
    Kept,
}

/// Says what became of an event: one line, or two where it is too long.
pub(crate) fn recorded(event: &Event, receipt: Receipt, look: &Look) -> String {
    let mut page = look.page();
    let done = match receipt {
        Receipt::Recorded => "recorded",
        Receipt::Known => "already recorded",
        Receipt::Kept => "kept",
    };
    let id = look.safe(format!("…{}", id_tail(event.id)));
    let facts = look.safe(facts(event).join(" · "));
    let most = look.width.saturating_sub(done.len() + GAP + GAP + width(&id));
    let place = look.cut_start(&look.safe(event.place.as_str()), most);
    let line = look.line().tone(Tone::Good, done).space(GAP).bold(place).space(GAP);
    let room = look.width.saturating_sub(line.width() + GAP + width(&id));
    let start = look.width.saturating_sub(width(&id));
    if width(&facts) <= room {
        page.push(line.plain(facts).pad_to(start).dim(id));
        return page.finish();
    }
    let under = if look.width < NARROW { GAP } else { done.len() + GAP };
    page.push(line.pad_to(start).dim(id));
    for facts in look.wrap(&facts, look.width.saturating_sub(under)) {
        page.push(look.line().space(under).plain(facts));
    }
    page.finish()
}

/// What an event is, in the words of the vocabulary.
fn facts(event: &Event) -> Vec<String> {
    let mut facts = what(event);
    facts.extend(event.feeling.map(human));
    facts.extend(event.outcome.map(human));
    facts.extend(event.lost_minutes.map(|lost| format!("{} lost", minutes(lost.into()))));
    facts
}

/// What was met: the kind and the severity, the signal, or the uses.
pub(super) fn what(event: &Event) -> Vec<String> {
    match event.class {
        Class::Report => {
            event.kind.map(human).into_iter().chain(event.severity.map(human)).collect()
        }
        Class::Signal => {
            let decided = event.decision.as_ref().map(|decision| human(decision.verdict));
            std::iter::once(signal(event))
                .chain(decided.filter(|_| event.verdict() != Verdict::Open))
                .collect()
        }
        Class::Use => vec![uses(event)],
    }
}

fn signal(event: &Event) -> String {
    let Some(signal) = &event.signal else { return "signal".to_owned() };
    match signal.count {
        Some(count) if 1 < count => format!("{} ×{count}", human(signal.name)),
        _ => human(signal.name),
    }
}

fn uses(event: &Event) -> String {
    plural(event.count.unwrap_or(1).into(), "use", "uses")
}

/// A list, one line an event.
pub(crate) fn events(events: &[Event], look: &Look) -> String {
    let mut page = look.page();
    if events.is_empty() {
        page.push(look.line().bold("No events here."));
        page.next("record one:", "snag log web/checkout/pay \"what happened\"");
        return page.finish();
    }
    let has_people = ROOMY <= room(look);
    let has_notes = NARROW <= room(look);
    let mut columns = vec![
        Column::words(look, "when", Give::Never),
        Column::words(look, "place", Give::Start(7)),
        Column::words(look, "what", Give::End(8)),
    ];
    if has_people {
        columns.push(Column::words(look, "person", Give::End(6)));
    }
    if has_notes {
        columns.push(Column::words(look, "note", Give::End(8)));
    }
    columns.push(Column::figures(look, "id"));
    let mut table = Table::new(look, 0, columns);
    for event in events {
        let mut cells = listed(event, look);
        if !has_notes {
            cells.remove(4);
        }
        if !has_people {
            cells.remove(3);
        }
        table.row(cells);
    }
    page.extend(table.lines());
    page.blank();
    let first = events.first().map(|event| id_tail(event.id)).unwrap_or_default();
    page.next("all that is stored of one:", &format!("snag show {first}"));
    page.finish()
}

/// Age, place, what, person, note and id.
pub(super) fn listed(event: &Event, look: &Look) -> Vec<Cell> {
    let is_wide = WIDE <= room(look);
    let what = match (event.class, event.severity) {
        (Class::Report, Some(severity)) if !is_wide => human(severity),
        _ => what(event).join(" · "),
    };
    let most = if is_wide { look.width / 4 } else { look.width / 4 + 2 };
    let note = look.safe(event.words().unwrap_or_default());
    vec![
        (Tone::Dim, look.safe(age(event, look))),
        (Tone::Bold, look.cut_start(&look.safe(event.place.as_str()), most)),
        (Tone::Plain, look.safe(what)),
        (Tone::Plain, look.cut(&look.safe(&event.person), 16)),
        (Tone::Plain, look.cut(&note, look.width)),
        (Tone::Dim, look.safe(format!("…{}", id_tail(event.id)))),
    ]
}

/// The columns there are when the time has no more than an age.
pub(super) fn room(look: &Look) -> usize {
    if look.utc { look.width.saturating_sub(EXACT) } else { look.width }
}

/// When it was, as shortly as the terminal wants it.
fn age(event: &Event, look: &Look) -> String {
    if NARROW <= room(look) {
        return look.ago(event.at);
    }
    if look.utc {
        return look.ago_day(event.day());
    }
    match look.ago(event.at).as_str() {
        "yesterday" => "1 day".to_owned(),
        age => age.trim_end_matches(" ago").to_owned(),
    }
}

/// All that is stored of one event.
pub(crate) fn event(event: &Event, retracted: bool, look: &Look) -> String {
    let mut page = look.page();
    let id = look.safe(format!("…{}", id_tail(event.id)));
    let start = look.width.saturating_sub(width(&id));
    let place = look.cut_start(&look.safe(event.place.as_str()), start.saturating_sub(GAP));
    page.push(look.line().bold(place).pad_to(start).dim(id));
    if retracted {
        page.prose(0, Tone::Fresh, "Taken back: it counts nowhere any more.");
    }
    page.blank();
    words(event, &mut page, look);
    circumstances(event, &mut page, look);
    stored(event, &mut page, look);
    page.blank();
    let tail = id_tail(event.id);
    page.next("exactly as it is stored:", &format!("snag show {tail} --raw"));
    if event.class == Class::Report && !retracted {
        page.next("met it too?", &format!("snag me-too {tail}"));
    }
    if event.class == Class::Signal && event.verdict() == Verdict::Open && !retracted {
        page.next("was it friction?", &format!("snag signals confirm {tail}"));
    }
    page.finish()
}

/// What the person said.
fn words(event: &Event, page: &mut Page, look: &Look) {
    let texts = [
        ("happened", &event.note),
        ("expected", &event.expected),
        ("got", &event.got),
        ("workaround", &event.workaround),
        ("task", &event.task),
    ];
    for (label, text) in texts {
        if let Some(text) = text {
            field(page, label, text, look);
        }
    }
}

/// What was known beside the words.
fn circumstances(event: &Event, page: &mut Page, look: &Look) {
    let class = event.class;
    let what = what(event).join(" · ");
    let what = if class == Class::Use { what } else { format!("{what} ({class})") };
    field(page, "what", &what, look);
    if let Some(rule) = event.signal.as_ref().and_then(|signal| signal.rule.as_ref()) {
        field(page, "rule", rule, look);
    }
    if let Some(feeling) = event.feeling {
        field(page, "felt", &human(feeling), look);
    }
    if let Some(outcome) = event.outcome {
        field(page, "did", &human(outcome), look);
    }
    if let Some(lost) = event.lost_minutes {
        field(page, "lost", &minutes(lost.into()), look);
    }
    let clamped = if event.at_clamped { "; said to be later, set to when it came in" } else { "" };
    field(page, "when", &format!("{}{clamped}", moment(event.at, look)), look);
    field(page, "person", &person(event), look);
    if let Some(version) = &event.version {
        field(page, "version", version, look);
    }
    for (key, value) in &event.tags {
        field(page, "tag", &format!("{key} = {value}"), look);
    }
    for (key, value) in event.evidence.iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            value => json_for_terminal(&value.to_string()),
        };
        let text =
            if text.contains('\n') { format!("{key}:\n{text}") } else { format!("{key}: {text}") };
        field(page, "evidence", &text, look);
    }
}

/// How it came to be stored.
fn stored(event: &Event, page: &mut Page, look: &Look) {
    if let Some(same_as) = event.same_as {
        let text = if same_as == event.id {
            "an event that was forgotten".to_owned()
        } else {
            format!("…{} ({same_as})", id_tail(same_as))
        };
        field(page, "me too to", &text, look);
    }
    if let Some(decision) = &event.decision {
        let severity = decision.severity.map(|severity| format!(" as {severity}"));
        let by = format!(
            "{}{} by {}, {}",
            decision.verdict,
            severity.unwrap_or_default(),
            decision.by,
            moment(decision.at, look)
        );
        field(page, "decided", &by, look);
        if let Some(note) = &decision.note {
            field(page, "said", note, look);
        }
    }
    for scrubbed in &event.scrubbed {
        let text = format!("{} in {}, before it was stored", scrubbed.rule, scrubbed.field);
        field(page, "taken out", &text, look);
    }
    field(
        page,
        "came in",
        &format!("{}, by {}", moment(event.received_at, look), event.source),
        look,
    );
    field(page, "id", &event.id.to_string(), look);
}

fn moment(at: Timestamp, look: &Look) -> String {
    if look.utc { look.ago(at) } else { format!("{}, {}", look.ago(at), exactly(at)) }
}

fn person(event: &Event) -> String {
    let mut text = event.person.clone();
    if event.actor == snag::event::Actor::Agent {
        text.push_str(", an agent");
    }
    text.push_str(if event.person_verified { ", verified" } else { ", as the sender said" });
    if let Some(claimed) = &event.claimed_person {
        text.push_str("; said to be ");
        text.push_str(claimed);
    }
    text
}

/// A label, and a text that keeps its lines and wraps beside it.
fn field(page: &mut Page, label: &str, text: &str, look: &Look) {
    let most = look.measure(LABEL);
    let mut lines: Vec<Safe> = Vec::new();
    for line in look.safe_lines(text) {
        lines.extend(look.wrap(&line, most));
    }
    for (at, line) in lines.into_iter().enumerate() {
        let label = if at == 0 { look.safe(label) } else { Safe::default() };
        page.push(look.line().space(GAP).dim(label).pad_to(LABEL).plain(line));
    }
}
