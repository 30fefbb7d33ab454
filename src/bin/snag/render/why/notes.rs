//! What was said: notes that say the same once, similar ones together.

use snag::hotspot::NoteGroup;
use snag::index::WhyAnswer;

use super::{INDENT, heading};
use crate::render::Look;
use crate::render::line::{Page, Tone};
use crate::render::words::{count_of_notes, number, plural};

/// Groups shown.
pub(in crate::render) const MOST_GROUPS: usize = 10;
/// Lines shown of one note.
const MOST_LINES: usize = 3;
/// Other wordings shown of one group: enough to judge whether they belong together.
pub(in crate::render) const MOST_WORDINGS: usize = 2;

/// The groups that most people wrote in, first.
pub(super) fn notes(answer: &WhyAnswer, page: &mut Page, look: &Look) {
    let groups = &answer.notes;
    if groups.is_empty() {
        return;
    }
    let mut beside = count_of_notes(groups, answer.older_notes);
    if groups.iter().any(|group| 1 < group.count) {
        beside.push_str(", similar ones together");
    }
    page.blank();
    page.push(heading("What was said", &beside, look));
    for group in groups.iter().take(MOST_GROUPS) {
        quote(&group.text, page, look);
        also(&group.also, page, look);
        page.push(look.line().space(INDENT + 1).dim(sum_up(group, look)));
    }
    let more = groups.len().saturating_sub(MOST_GROUPS);
    if more != 0 {
        let more = plural(more as u64, "more", "more");
        page.push(look.line().space(INDENT).dim(format!("and {more}")));
    }
}

/// `4 notes by 3 people · worst major · last 2 days ago`.
pub(in crate::render) fn sum_up(group: &NoteGroup, look: &Look) -> String {
    let mut facts = Vec::new();
    if 1 < group.count {
        let notes = number(group.count as u64);
        facts.push(format!("{notes} notes by {}", plural(group.people as u64, "person", "people")));
    }
    facts.extend(
        group.worst.map(
            |worst| {
                if 1 < group.count { format!("worst {worst}") } else { worst.to_string() }
            },
        ),
    );
    let last = look.ago_day(group.last_day);
    facts.push(if 1 < group.count { format!("last {last}") } else { last });
    facts.join(" · ")
}

/// Other wordings, a line each.
fn also(wordings: &[String], page: &mut Page, look: &Look) {
    let (shown, more) = wordings.split_at(wordings.len().min(MOST_WORDINGS));
    for wording in shown {
        let line = look.line().space(INDENT + 1).dim("similar: ");
        let words = look.safe(format!("“{}", wording.trim()));
        let words = look.cut(&words, look.measure(line.width()).saturating_sub(1));
        page.push(line.tone(Tone::Plain, words.join(&look.safe("”"))));
    }
    if !more.is_empty() {
        let more = plural(more.len() as u64, "more wording", "more wordings");
        page.push(look.line().space(INDENT + 1).dim(format!("and {more}")));
    }
}

/// The words, in quotes, wrapped; no more than a few lines.
fn quote(text: &str, page: &mut Page, look: &Look) {
    let text = look.safe(format!("“{}”", text.trim()));
    let mut lines = look.wrap(&text, look.measure(INDENT + 1));
    if MOST_LINES < lines.len() {
        // The last line shown and the first hidden do not fit into one: cutting marks the loss.
        let hidden = lines.swap_remove(MOST_LINES);
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.pop() {
            let most = look.measure(INDENT + 1).saturating_sub(1);
            let last = look.cut(&last.join(&look.safe(" ")).join(&hidden), most);
            lines.push(last.join(&look.safe("”")));
        }
    }
    for (at, line) in lines.into_iter().enumerate() {
        // The opening quote hangs, so that the words stand below each other.
        let indent = if at == 0 { INDENT } else { INDENT + 1 };
        page.push(look.line().space(indent).tone(Tone::Plain, line));
    }
}
