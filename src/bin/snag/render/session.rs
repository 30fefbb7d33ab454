//! A session as it stands.

use super::Look;
use super::event::what;
use super::line::{Page, Tone};
use super::table::{Column, GAP, Give, Table};
use super::words::plural;
use crate::session::Session;

/// The task, the steps so far, and what to do next.
pub(crate) fn session(session: &Session, look: &Look) -> String {
    let mut page = walk(session, look);
    page.next("what you meet:", "snag session note \"what happened\" --felt confused");
    page.next("at the end:", "snag session end --export md");
    page.finish()
}

/// The same once it is over, with what was said in the end.
pub(crate) fn ended_session(session: &Session, look: &Look) -> String {
    let mut page = walk(session, look);
    page.next("all of it is recorded:", "snag events");
    page.finish()
}

fn walk(session: &Session, look: &Look) -> Page {
    let mut page = look.page();
    page.push(look.line().bold(look.cut(&look.safe(&session.task), look.width)));
    let steps = plural(session.steps.len() as u64, "step", "steps");
    let began = look.ago(session.started_at);
    page.prose(0, Tone::Dim, &format!("began {began}, {steps}"));
    let met = [&session.steps, &session.pros, &session.cons];
    if met.iter().any(|met| !met.is_empty()) {
        page.blank();
        let columns = vec![
            Column::words(look, "place", Give::Start(7)),
            Column::words(look, "what", Give::End(8)),
            Column::words(look, "note", Give::End(8)),
        ];
        let mut table = Table::new(look, GAP, columns);
        for step in met.into_iter().flatten() {
            table.row(vec![
                (Tone::Bold, look.safe(step.place.as_str())),
                (Tone::Plain, look.safe(what(step).join(" · "))),
                (Tone::Plain, look.cut(&look.safe(step.words().unwrap_or_default()), look.width)),
            ]);
        }
        page.extend(table.lines());
    }
    page.blank();
    page
}
