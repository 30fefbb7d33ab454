//! The inbox: what was noticed, by place and rule, and what became of it.

use serde_json::Value;
use snag::event::{Event, Muting, Verdict};
use snag::index::{SignalGroup, SignalsAnswer};

use super::Look;
use super::hotspots::left_out;
use super::line::{Page, Tone};
use super::safe::json_for_terminal;
use super::table::{Column, GAP, Give, Table};
use super::words::{human, id_tail, number, plural, shell, window};
use crate::query::Query;

/// Where the line below a group begins.
const INDENT: usize = 3;
/// Evidence that says most, the first there is.
const TELLING: [&str; 5] = ["command", "selector", "error", "url", "exit_code"];

/// Every group, the newest first.
pub(crate) fn signals(inbox: &SignalsAnswer, asked: &Query, look: &Look) -> String {
    let mut page = look.page();
    let groups = &inbox.groups;
    page.push(look.line().bold("Signals").space(GAP).dim(window(inbox.window)));
    page.blank();
    if groups.is_empty() {
        page.prose(0, Tone::Plain, "Nothing waits for a decision.");
    } else {
        table(groups, &mut page, look);
    }
    for muting in &inbox.muted {
        let text = format!("muted: {} at {}, by {}", muting.signal, muting.place, muting.by);
        page.prose(0, Tone::Dim, &text);
    }
    page.blank();
    match groups.first() {
        None => page.next("what hurts:", "snag hotspots"),
        Some(group) => {
            let id = id_tail(group.latest.id);
            page.next("it was friction:", &format!("snag signals confirm {id}"));
            page.next("it was none:", &format!("snag signals dismiss {id}"));
            let rule =
                format!("snag signals mute {} {}", shell(group.place.as_str()), group.signal);
            page.next("it never is, there:", &rule);
        }
    }
    if let Some((what, command)) = more_groups(inbox, asked) {
        page.next(&what, &command);
    }
    page.finish()
}

/// How to see the groups that are left out: a longer list, or less of it where there is none.
pub(crate) fn more_groups(inbox: &SignalsAnswer, asked: &Query) -> Option<(String, String)> {
    let more = format!("{} more", number(inbox.more as u64));
    left_out((inbox.groups.len(), inbox.more), &more, "snag signals", asked)
}

fn table(groups: &[SignalGroup], page: &mut Page, look: &Look) {
    let columns = vec![
        Column::words(look, "place", Give::Start(7)),
        Column::words(look, "signal", Give::End(6)),
        Column::figures(look, "points"),
        Column::figures(look, "times"),
        Column::figures(look, "people"),
        Column::words(look, "last", Give::Never),
    ];
    let mut table = Table::new(look, 0, columns);
    for group in groups {
        table.row(vec![
            (Tone::Bold, look.safe(group.place.as_str())),
            (Tone::Plain, look.safe(human(group.signal))),
            (Tone::Dim, look.safe(number(group.points.into()))),
            (Tone::Plain, look.safe(number(group.count))),
            (Tone::Plain, look.safe(number(group.people as u64))),
            (Tone::Dim, look.safe(look.ago(group.latest.at))),
        ]);
        let text = format!("{} · …{}", told(&group.latest), id_tail(group.latest.id));
        let room = look.width.saturating_sub(INDENT);
        table.under(look.line().space(INDENT).dim(look.cut(&look.safe(text), room)));
    }
    page.extend(table.lines());
}

/// The rule and the evidence that says most.
fn told(event: &Event) -> String {
    let rule = event.signal.as_ref().and_then(|signal| signal.rule.clone());
    let evidence = event.evidence.as_ref().and_then(|evidence| {
        let value = TELLING.iter().find_map(|name| evidence.get(*name))?;
        Some(match value {
            Value::String(text) => text.clone(),
            value => json_for_terminal(&value.to_string()),
        })
    });
    let words = event.words().map(|words| format!("“{words}”"));
    let parts: Vec<_> = [rule, words, evidence].into_iter().flatten().collect();
    if parts.is_empty() { "no rule was told".to_owned() } else { parts.join(" · ") }
}

/// One group, to be asked about.
pub(crate) fn signal_group(group: &SignalGroup, at: usize, of: usize, look: &Look) -> String {
    let mut page = look.page();
    page.push(look.line());
    let which = format!("{at} of {of}");
    page.push(
        look.line()
            .bold(group.place.as_str())
            .space(GAP)
            .plain(human(group.signal))
            .space(GAP)
            .dim(which),
    );
    let people = plural(group.people as u64, "person", "people");
    let times = plural(group.count, "time", "times");
    let last = look.ago(group.latest.at);
    page.prose(INDENT, Tone::Plain, &format!("{times}, {people}, last {last}"));
    page.prose(INDENT, Tone::Dim, &told(&group.latest));
    page.finish()
}

/// What a signal turned out to be, in one line.
pub(crate) fn decided(event: &Event, look: &Look) -> String {
    let verdict = event.verdict();
    let done = match verdict {
        Verdict::Open => "open again",
        Verdict::Confirmed => "confirmed",
        Verdict::Dismissed => "dismissed",
    };
    let what = event.signal.as_ref().map(|signal| human(signal.name)).unwrap_or_default();
    let severity = event.reported_severity().map(|word| format!(" · {word}")).unwrap_or_default();
    let mut page = look.page();
    let line = look.line().tone(Tone::Good, done).space(GAP).bold(event.place.as_str());
    let id = format!("…{}", id_tail(event.id));
    page.push(line.space(GAP).plain(format!("{what}{severity}")).space(GAP).dim(id));
    page.finish()
}

/// What a rule at a place is from now on.
pub(crate) fn muted(muting: &Muting, changed: bool, look: &Look) -> String {
    let mut page = look.page();
    let (done, undo) = match (muting.is_muted, changed) {
        (true, true) => ("muted", "unmute"),
        (true, false) => ("muted already", "unmute"),
        (false, true) => ("heard again", "mute"),
        (false, false) => ("was not muted", "mute"),
    };
    let line = look.line().tone(Tone::Good, done).space(GAP).bold(muting.place.as_str());
    page.push(line.space(GAP).plain(human(muting.signal)));
    let place = shell(muting.place.as_str());
    if changed {
        page.next("undo it:", &format!("snag signals {undo} {place} {}", muting.signal));
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use crate::query::Query;
    use crate::render::sample::{crash, inbox};

    #[test]
    fn no_longer_list_is_suggested_than_there_is_and_no_filter_is_forgotten() {
        let mut asked = Query::default();
        asked.say("person", Some("ana")).say("top", Some("1"));
        let mut inbox = inbox(&[crash("11-18", "cli/deploy", "ana")]);
        inbox.more = 1100;
        let (what, command) = super::more_groups(&inbox, &asked).unwrap();
        assert_eq!((&*what, &*command), ("1,100 more:", "snag signals --top 1000 --person ana"));
        inbox.groups = vec![inbox.groups[0].clone(); 1000];
        let (what, command) = super::more_groups(&inbox, &asked).unwrap();
        assert!(what.starts_with("1,100 more, more than a list holds"), "{what}");
        assert_eq!(command, "snag signals --under PLACE --person ana --top 1");
        inbox.more = 0;
        assert_eq!(super::more_groups(&inbox, &asked), None);
    }
}
