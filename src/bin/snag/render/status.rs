//! How snagd is: where it listens and stores, what it holds, and what to look after.

use snag::doors::http::{BeyondStatus, DiskStatus, JournalStatus, Status};

use super::Look;
use super::line::{Page, Tone};
use super::safe::Safe;
use super::table::GAP;
use super::words::{bytes, number, plural, span};
use crate::outbox::Held;

/// Where values begin.
const LABEL: usize = 12;

/// The state of a daemon, and what waits for one, for a reader.
pub(crate) fn status(status: &Status, outboxes: &[Held], look: &Look) -> String {
    let mut page = look.page();
    let title = look.line().bold(format!("snagd {}", status.version));
    page.push(title.dim(format!("  up {}", up(status, look))));
    page.blank();
    if status.listening.is_empty() {
        field(&mut page, "listens", "nowhere: only the drop directory takes events", look);
    }
    for (at, url) in status.listening.iter().enumerate() {
        field(&mut page, if at == 0 { "listens" } else { "" }, url, look);
    }
    field(&mut page, "stores", &status.state_dir, look);
    if let Some(DiskStatus { free_bytes, total_bytes, .. }) = status.disk {
        let free = format!("{} free of {}", bytes(free_bytes), bytes(total_bytes));
        field(&mut page, "", &free, look);
    }
    field(&mut page, "holds", &holds(status), look);
    if let Some(newest) = status.newest_at {
        let oldest =
            status.oldest.map(|day| format!(", the oldest happened {}", look.ago_day(day)));
        let newest =
            format!("the newest came in {}{}", look.ago(newest), oldest.unwrap_or_default());
        field(&mut page, "", &newest, look);
    }
    if let Some(beyond) = beyond(status.beyond) {
        field(&mut page, "beyond", &beyond, look);
    }
    field(&mut page, "queue", &queue(status), look);
    field(&mut page, "journal", &journal(status), look);
    field(&mut page, "index", &index(status), look);
    field(&mut page, "drop dir", &status.drop.dir, look);
    field(&mut page, "", &drops(status), look);
    for (at, outbox) in outboxes.iter().enumerate() {
        field(&mut page, if at == 0 { "outbox" } else { "" }, &waits(outbox, look), look);
    }
    let rights = if status.you.may_name_others { ", and you may name others" } else { "" };
    field(&mut page, "you", &format!("{}{rights}", status.you.person), look);
    warnings(status, &mut page);
    for outbox in outboxes {
        warn_of_refused(outbox, &mut page);
    }
    page.blank();
    if status.events == 0 {
        page.next("record the first:", "snag log web/checkout/pay \"what happened\"");
    } else {
        page.next("what hurts most:", "snag hotspots");
    }
    page.finish()
}

fn up(status: &Status, look: &Look) -> String {
    match status.now.as_second() - status.started_at.as_second() {
        _ if look.utc => format!("since {}", status.started_at),
        seconds => format!("for {}", span(seconds)),
    }
}

fn holds(status: &Status) -> String {
    let places = plural(status.places as u64, "place", "places");
    format!("{} at {places}", plural(status.events, "event", "events"))
}

/// What came beyond the limits, if anything did.
fn beyond(BeyondStatus { signals, requests }: BeyondStatus) -> Option<String> {
    let were = plural(signals, "signal was", "signals were");
    let signals = (signals != 0).then(|| {
        format!("{were} counted and not kept: 60 of a person and hour are, 20 of a page's load")
    });
    let came = plural(requests, "request was", "requests were");
    let requests =
        (requests != 0).then(|| format!("{came} refused: their key sent too many at once"));
    let both: Vec<_> = signals.into_iter().chain(requests).collect();
    (!both.is_empty()).then(|| both.join("; ") + "; since the start")
}

fn queue(status: &Status) -> String {
    let waits = match status.queue.jobs {
        0 => "nothing waits".to_owned(),
        jobs => {
            let requests = plural(jobs as u64, "request waits", "requests wait");
            format!("{requests}, {}", bytes(status.queue.bytes))
        }
    };
    let Some(took) = status.journal.last_sync_us else { return waits };
    format!("{waits}; the last batch was on disk in {}", millis(took))
}

/// Microseconds in milliseconds.
fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

fn journal(status: &Status) -> String {
    let journal = &status.journal;
    let segments = plural(journal.segments as u64, "segment", "segments");
    format!("{} in {segments}, {}", bytes(journal.bytes), reach(status))
}

fn index(status: &Status) -> String {
    let size = bytes(status.index.bytes);
    match status.index.behind {
        0 => format!("{size}, up to date"),
        _ => format!("{size}, {}", to_go(status)),
    }
}

/// The journal's records so far: what was dropped or forgotten keeps its number.
pub(crate) fn reach(status: &Status) -> String {
    plural(status.journal.last, "record", "records") + " so far"
}

/// How much of the journal an index that is being built has not seen yet.
pub(crate) fn to_go(status: &Status) -> String {
    let (to_go, last) = (status.index.behind, number(status.journal.last));
    format!("being built: {} of {last} records to go", number(to_go))
}

fn drops(status: &Status) -> String {
    let drop = &status.drop;
    let waiting = plural(drop.waiting as u64, "file waits", "files wait");
    let taken = plural(drop.events, "event", "events");
    format!("{waiting}, {} rejected, {taken} taken since the start", number(drop.rejected as u64))
}

/// What waits for one daemon, and for how long.
pub(crate) fn waits(outbox: &Held, look: &Look) -> String {
    let Held { target, waiting, oldest, .. } = outbox;
    let events = plural(*waiting as u64, "event waits", "events wait");
    let oldest = oldest.map(|oldest| format!(", the oldest told {}", look.ago(oldest)));
    format!("{events} for {target}{}", oldest.unwrap_or_default())
}

fn warn_of_refused(outbox: &Held, page: &mut Page) {
    let Held { target, rejected, dir, .. } = outbox;
    if *rejected != 0 {
        let events = plural(*rejected as u64, "event was", "events were");
        page.blank();
        page.prose(0, Tone::Fresh, &format!(
            "{events} refused by {target}. What it was and why is in {}/rejected: tell it again as \
             it wants it, and delete the files there.",
            dir.display(),
        ));
    }
}

fn warnings(status: &Status, page: &mut Page) {
    if status.disk.is_some_and(|disk| disk.full) {
        page.blank();
        page.prose(0, Tone::Bad, &format!(
            "The disk is full, and nothing is recorded until there is room again. Make some where \
             {} lies: snagd goes on by itself.",
            status.state_dir,
        ));
    }
    let JournalStatus { damaged, missing, .. } = status.journal;
    if damaged != 0 {
        page.blank();
        let found = plural(damaged, "damaged stretch was", "damaged stretches were");
        let records = plural(missing, "record is", "records are");
        page.prose(0, Tone::Bad, &format!(
            "{found} found in the journal, and {records} missing. All that could be read is here. \
             Copy {} to another disk before anything else; `snagd verify` says which records are \
             missing, and a backup may have them.",
            status.state_dir,
        ));
    }
    let rejected = status.drop.rejected;
    if rejected != 0 {
        page.blank();
        let files = plural(rejected as u64, "file holds", "files hold");
        page.prose(0, Tone::Fresh, &format!(
            "{files} lines that were no events. They and the reasons are in {}/rejected: put them \
             right, move them back to {}, and delete what nobody needs.",
            status.drop.dir, status.drop.dir,
        ));
    }
}

pub(super) fn field(page: &mut Page, label: &str, text: &str, look: &Look) {
    let most = look.measure(LABEL);
    for (at, line) in look.wrap(&look.safe(text), most).into_iter().enumerate() {
        let label = if at == 0 { look.safe(label) } else { Safe::default() };
        page.push(look.line().space(GAP).dim(label).pad_to(LABEL).plain(line));
    }
}
