//! Events one after the other, as they come: lines that stand below each other though none knows
//! the next.
//!
//! They stay on the screen while time goes by, so that they show when and not how long ago.

use jiff::Timestamp;
use snag::event::{Day, Event, Retraction};

use super::Look;
use super::event::{NARROW, ROOMY, WIDE, listed, room};
use super::line::{Line, Tone};
use super::safe::Safe;
use super::table::{Cell, GAP};
use super::words::id_tail;

/// The columns, as [`listed`] has them.
const TITLES: [&str; 6] = ["at (UTC)", "place", "what", "person", "note", "id"];
const ID: usize = 9;

/// The line above the first event.
pub(crate) fn tail_head(look: &Look) -> String {
    written(line(TITLES.map(|title| (Tone::Dim, look.safe(title))).to_vec(), look), look)
}

/// One event in one line.
pub(crate) fn tailed(event: &Event, look: &Look) -> String {
    let mut cells = listed(event, look);
    cells[0] = (Tone::Dim, when(event.at, look));
    written(line(cells, look), look)
}

/// An event that was taken back, in one line.
pub(crate) fn taken_back(retraction: &Retraction, look: &Look) -> String {
    let Retraction { id, at, by } = retraction;
    let text = format!("taken back  …{} by {by}", id_tail(*id));
    let (_, start) = columns(look)[0];
    written(look.line().dim(when(*at, look)).pad_to(start + GAP).dim(text), look)
}

fn written(line: Line, look: &Look) -> String {
    let mut page = look.page();
    page.push(line);
    page.finish()
}

fn line(cells: Vec<Cell>, look: &Look) -> Line {
    let mut line = look.line();
    let mut start = 0;
    let mut cells: Vec<_> = cells.into_iter().map(Some).collect();
    for (at, width) in columns(look) {
        let (tone, text) = cells[at].take().unwrap_or_default();
        let is_place = at == 1;
        let text = if is_place { look.cut_start(&text, width) } else { look.cut(&text, width) };
        line = line.pad_to(start).tone(tone, text);
        start += width + GAP;
    }
    line
}

/// Which columns there are, and how wide they are whatever is in them.
fn columns(look: &Look) -> Vec<(usize, usize)> {
    let room = room(look);
    let when = match (look.utc, NARROW <= room) {
        (true, true) => "2026-11-20T16:59:59.999Z".len(),
        (true, false) => "2026-11-20".len(),
        (false, _) => "16:59:59".len(),
    };
    let what =
        if WIDE <= room { "unexpected · cosmetic".chars().count() } else { "cosmetic".len() };
    let mut columns = vec![(0, when), (1, look.width / 5), (2, what)];
    if ROOMY <= room {
        columns.push((3, 10));
    }
    // The note takes what is left, or the place where there is no note.
    let gives = if NARROW <= room {
        columns.push((4, 0));
        columns.len() - 1
    } else {
        1
    };
    columns.push((5, ID));
    columns[gives].1 = 0;
    let taken: usize = columns.iter().map(|(_, width)| width + GAP).sum();
    columns[gives].1 = (look.width + GAP).saturating_sub(taken);
    columns
}

/// The time of a day that is today, else the day.
fn when(at: Timestamp, look: &Look) -> Safe {
    let day = Day::of(at);
    if look.utc && NARROW <= room(look) {
        return look.safe(look.ago(at));
    }
    if look.utc || day != look.today {
        return look.safe(look.day(day));
    }
    look.safe(at.strftime("%H:%M:%S").to_string())
}
