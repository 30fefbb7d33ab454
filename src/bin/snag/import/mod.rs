//! `snag import`: events of ours, one a line, or one a row of a sheet.
//!
//! What says no id gets one made of its content and how often that was met, so that the same file twice
//! changes nothing, whatever was mended in it. Here alone the severities of other trackers are understood.

mod friction_log;
mod lines;
mod list;
mod sheet;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use snag::client::{ClientError, Connection, RejectedLine, Tally, Target};
use snag::doors::now;
use snag::event::{Draft, Place, Severity, Word};
use uuid::Uuid;

use crate::args::Global;
use crate::output::{Format, Output};
use crate::reach;
use crate::render::plural;
use crate::stop::{Code, stop};
use lines::Lines;
use sheet::Sheet;

/// Events sent at once,
const BATCH_EVENTS: usize = 500;
/// or bytes, whichever comes first.
const BATCH_BYTES: usize = 1024 * 1024;
/// So many rejected lines are told of for one reason,
const TOLD_FOR_A_REASON: usize = 5;
/// and so many in all; the others are counted.
const TOLD: usize = 100;
/// What says no id gets one in this namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x8f6b_0a52_5d0e_4c0e_9a43_1f6f_3a0d_77c1);
/// How often a busy daemon is asked again, and how long to wait in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);
/// The bytes some programs put before a text to say that it is UTF-8, and what says UTF-16.
const UTF_8: &[u8] = b"\xef\xbb\xbf";
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
/// What trackers call the severities, the least first.
const TRANSLATED: [[&str; 4]; 4] = [
    ["low", "medium", "high", "critical"],
    ["s4", "s3", "s2", "s1"],
    ["p3", "p2", "p1", "p0"],
    ["green", "yellow", "orange", "red"],
];

/// One event of the input, or why it cannot be one.
struct Row {
    /// The line it begins on.
    line: usize,
    /// How many bytes it takes.
    bytes: usize,
    event: Result<Ready, String>,
}

/// The rows of an input, whichever form it has.
type Rows = Box<dyn Iterator<Item = anyhow::Result<Row>>>;

/// An event that may be sent.
struct Ready {
    draft: Draft,
    /// Whether its id was made here, of its content.
    is_named_here: bool,
}

/// What became of the whole file.
#[derive(Default)]
struct Sum {
    accepted: u64,
    duplicate: u64,
    beyond: u64,
    rejected: u64,
    /// For how many rejected lines each reason was told.
    told: HashMap<String, usize>,
}

/// `snag import`.
pub(crate) async fn import(file: &Path, global: &Global, output: &Output) -> anyhow::Result<()> {
    let (input, size) = open(file)?;
    let progress = bar(size);
    let mut rows = rows(file, input, output)?;
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    // On this machine the daemon takes secrets out before it writes; what travels is seen on the way.
    let is_far = !global.url.as_ref().is_none_or(Target::is_local);
    let mut sum = Sum::default();
    loop {
        let mut batch = Batch::default();
        while batch.sent.len() < BATCH_EVENTS && batch.body.len() < BATCH_BYTES {
            let Some(row) = rows.next().transpose()? else { break };
            progress.inc(row.bytes as u64);
            batch.take(row, is_far);
        }
        let is_last = batch.sent.is_empty();
        if !is_last {
            let body = std::mem::take(&mut batch.body);
            let sent = send(&mut connection, Bytes::from(body)).await;
            let tally = sent.inspect_err(|_| progress.suspend(|| sum.tell_so_far(output)))?;
            sum.add(&mut batch, tally);
        }
        batch.rejected.sort_by_key(|(line, _)| *line);
        for (line, reason) in batch.rejected {
            if sum.rejects(&reason) {
                progress.suspend(|| output.note(&format!("line {line}: {reason}")));
            }
        }
        if is_last {
            break;
        }
    }
    progress.finish_and_clear();
    sum.tell(output)
}

impl Sum {
    /// Adds what the daemon said of a batch, whose rejected lines it adds to those known before.
    fn add(&mut self, batch: &mut Batch, tally: Tally) {
        self.accepted += tally.accepted;
        self.duplicate += tally.duplicate;
        self.beyond += tally.beyond;
        for RejectedLine { line, problem } in tally.rejected {
            let sent = line.checked_sub(1).and_then(|at| batch.sent.get(at));
            let &(line, is_named_here) = sent.unwrap_or(&(0, false));
            // Whoever has our id has the same content: what differs is what time it was read.
            if problem.has_event() && is_named_here {
                self.duplicate += 1;
            } else {
                batch.rejected.push((line, problem.detail));
            }
        }
    }

    /// Counts a rejected line; says whether its reason is still to be told.
    fn rejects(&mut self, reason: &str) -> bool {
        self.rejected += 1;
        let told: usize = self.told.values().sum();
        let for_this = self.told.get(reason).copied().unwrap_or(0);
        let tells = told < TOLD && for_this < TOLD_FOR_A_REASON;
        if tells {
            self.told.insert(reason.to_owned(), for_this + 1);
        }
        tells
    }

    /// What a batch that came to nothing does not undo.
    fn tell_so_far(&self, output: &Output) {
        let recorded = self.accepted + self.duplicate;
        if 0 < recorded {
            let events = plural(recorded, "event", "events");
            output.note(&format!("{events} of the file are recorded; import it again for the rest, and these are known"));
        }
    }

    fn tell(&self, output: &Output) -> anyhow::Result<()> {
        let Self { accepted, duplicate, beyond, rejected, told } = self;
        let untold = rejected - told.values().sum::<usize>() as u64;
        if 0 < untold {
            let lines = plural(untold, "more line was", "more lines were");
            output.note(&format!("{lines} rejected, for such reasons"));
        }
        if 0 < *beyond {
            let signals = plural(*beyond, "signal was", "signals were");
            output.note(&format!("{signals} counted and not kept: of a person and hour 60 are, unless the owner of snagd imports them"));
        }
        if output.format == Format::Json {
            output.json(format!("{{\"v\":1,\"accepted\":{accepted},\"duplicate\":{duplicate},\"beyond\":{beyond},\"rejected\":{rejected}}}").as_bytes())?;
        } else {
            output.line(&format!(
                "imported {accepted}, known before {duplicate}, rejected {rejected}"
            ))?;
        }
        if 0 < *rejected {
            let message = if accepted + duplicate == 0 {
                "nothing could be recorded: mend the lines and import the file again"
            } else {
                "some lines were rejected, the others are recorded: mend these and import the file again"
            };
            return Err(stop(Code::Usage, message));
        }
        Ok(())
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The input, and how many bytes it has.
fn open(file: &Path) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let opened = File::open(file).map_err(|error| {
        stop(Code::Usage, format!("{} cannot be read: {error}", file.display()))
    })?;
    let found = opened.metadata().ok();
    if found.as_ref().is_some_and(Metadata::is_dir) {
        let message = format!("{} is a directory: name a file in it", file.display());
        return Err(stop(Code::Usage, message));
    }
    let size = found.map(|found| found.len());
    Ok((Box::new(BufReader::new(opened)), size))
}

/// Lines of JSON, a friction log, or a sheet: by how it begins, else by the file's name.
fn rows(file: &Path, mut input: Box<dyn BufRead>, output: &Output) -> anyhow::Result<Rows> {
    let begins = input.fill_buf().context("the input cannot be read")?;
    if UTF_16.iter().any(|mark| begins.starts_with(mark)) {
        return Err(stop(Code::Usage, "this is UTF-16: save it as UTF-8 (\"CSV UTF-8\")"));
    }
    if begins.starts_with(UTF_8) {
        input.consume(UTF_8.len());
    }
    let begins = input.fill_buf().context("the input cannot be read")?;
    let begins_as_json = matches!(begins.trim_ascii_start().first(), None | Some(b'{' | b'['));
    let says_json =
        |extension: &OsStr| ["ndjson", "jsonl", "json"].map(OsStr::new).contains(&extension);
    if list::is_one(begins) {
        return list::read(input);
    }
    if begins_as_json || file.extension().is_some_and(says_json) {
        return Ok(Box::new(Lines::new(input)));
    }
    let says_markdown = |extension: &OsStr| ["md", "markdown"].map(OsStr::new).contains(&extension);
    if begins.starts_with(b"# ") || file.extension().is_some_and(says_markdown) {
        return friction_log::read(input, output);
    }
    Ok(Box::new(Sheet::read(input)?))
}

/// NDJSON to send; of each of its lines, the line in the file and whether its id was made here.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    sent: Vec<(usize, bool)>,
    /// What is not recorded: its line in the file, and why.
    rejected: Vec<(usize, String)>,
}

impl Batch {
    /// Takes a row; without its secrets where it goes to another machine.
    fn take(&mut self, Row { line, event, .. }: Row, is_far: bool) {
        match event.and_then(|ready| if is_far { may_travel(ready) } else { Ok(ready) }) {
            Ok(Ready { draft, is_named_here }) => {
                let sent = if is_far { draft.without_secrets() } else { draft };
                self.body.extend(sent.to_json());
                self.body.push(b'\n');
                self.sent.push((line, is_named_here));
            }
            Err(reason) => self.rejected.push((line, reason)),
        }
    }
}

/// Refuses what would go to another machine with whatever stands in its ids and its place: of those no
/// secret is taken out.
fn may_travel(ready: Ready) -> Result<Ready, String> {
    let Ready { draft, .. } = &ready;
    for field in ["id", "same_as"].into_iter().filter(|field| draft.has(field)) {
        let id = draft.text(field).unwrap_or_default();
        Uuid::try_parse(id)
            .map_err(|_| format!("`{field}` is no UUID: write one, or leave it out"))?;
    }
    if draft.has("place") {
        let place = Place::parse(draft.text("place").unwrap_or_default());
        let place = place.map_err(|error| format!("`place` {error}"))?;
        place.check_for_secrets().map_err(|rejection| rejection.to_string())?;
    }
    Ok(ready)
}

/// How often each content was met: what is said twice in a file happened twice, wherever it stands.
#[derive(Default)]
struct Met(HashMap<Uuid, usize>);

impl Met {
    /// The id of what is met once more: the same again for the same file, whatever else is put into it or
    /// taken out.
    fn id(&mut self, content: &[u8]) -> Uuid {
        let times = self.0.entry(Uuid::new_v5(&NAMESPACE, content)).or_default();
        *times += 1;
        let content = [times.to_string().as_bytes(), b"\n", content].concat();
        Uuid::new_v5(&NAMESPACE, &content)
    }
}

/// A draft as it is sent: with an id, with where it comes from, with a severity of ours.
fn ready(mut draft: Draft, met: &mut Met, content: &[u8]) -> Result<Ready, String> {
    let is_named_here = !draft.has("id");
    if is_named_here {
        draft.set("id", met.id(content).to_string());
    }
    if !draft.has("source") {
        draft.set("source", "import");
    }
    if !draft.has("received_at") {
        // What is told afterwards is no noise of this hour.
        draft.set("received_at", now().to_string());
    }
    if let Some(written) = draft.text("severity") {
        draft.set("severity", severity(written)?.word());
    }
    Ok(Ready { draft, is_named_here })
}

/// The severity that is meant, in our word or in that of another tracker.
fn severity(written: &str) -> Result<Severity, String> {
    let word = written.trim().to_lowercase();
    let of = |words: &[&str; 4]| words.iter().position(|one| *one == word);
    let found = Severity::find(&word);
    let found = found.or_else(|| Some(Severity::ALL[TRANSLATED.iter().find_map(of)?]));
    found.ok_or_else(|| {
        format!(
            "`severity` cannot be `{written}`: write cosmetic, minor, major or blocker; low to \
             critical, S4 to S1, P3 to P0 and green to red are translated"
        )
    })
}

/// Sends a batch; a daemon that is busy is asked again.
async fn send(connection: &mut Connection, body: Bytes) -> anyhow::Result<Tally> {
    for _ in 0..TRIES {
        match connection.post_lines(body.clone()).await {
            Err(ClientError::Told(told)) if told.status == 503 => tokio::time::sleep(PAUSE).await,
            sent => return Ok(sent?),
        }
    }
    Err(stop(Code::Unavailable, "snagd is too busy to import: try again later, what it took stays"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn severities_of_other_trackers_are_understood() {
        let words = |words: [&str; 4]| words.map(|word| severity(word).unwrap());
        let ours = words(["cosmetic", "minor", "major", "blocker"]);
        assert_eq!(ours, [Severity::Cosmetic, Severity::Minor, Severity::Major, Severity::Blocker]);
        assert_eq!(words(["low", "Medium", "HIGH", " critical "]), ours);
        assert_eq!(words(["S4", "S3", "s2", "s1"]), ours);
        assert_eq!(words(["P3", "P2", "P1", "P0"]), ours);
        assert_eq!(words(["green", "yellow", "orange", "red"]), ours);
        for none in ["", "s0", "p4", "urgent", "mayor"] {
            let error = severity(none).unwrap_err();
            assert!(error.contains(&format!("`{none}`")) && error.contains("P3 to P0"), "{error}");
        }
    }

    #[test]
    fn a_row_that_travels_has_no_secrets_and_the_same_id() {
        let line = br#"{"place":"web","note":"x","tags":{"db_password":"hunter2"}}"#;
        let row = || Row { line: 1, bytes: 0, event: lines::read_line(line, &mut Met::default()) };
        let sent = |is_far: bool| {
            let mut batch = Batch::default();
            batch.take(row(), is_far);
            String::from_utf8(batch.body).unwrap()
        };
        let id = |json: &str| Draft::parse(json.as_bytes()).unwrap().text("id").map(str::to_owned);
        let (near, far) = (sent(false), sent(true));
        assert!(near.contains("hunter2") && !far.contains("hunter2"), "{far}");
        assert_eq!(id(&near), id(&far));
        let secret = format!("ghp_{}", "a1b2".repeat(9));
        for (what, reason) in [
            (
                json!({"place": format!("web/{secret}"), "note": "x"}),
                "holds what looks like a secret",
            ),
            (json!({"place": [secret], "note": "x"}), "`place`"),
            (json!({"place": "web", "note": "x", "same_as": secret}), "`same_as` is no UUID"),
            (json!({"place": "web", "note": "x", "id": secret}), "`id` is no UUID"),
        ] {
            let line = what.to_string();
            let event = lines::read_line(line.as_bytes(), &mut Met::default());
            let mut batch = Batch::default();
            batch.take(Row { line: 1, bytes: 0, event }, true);
            assert!(batch.body.is_empty() && batch.rejected[0].1.contains(reason), "{line}");
        }
    }

    #[test]
    fn what_the_daemon_has_lost_is_not_there_already() {
        let rejected = |line: usize, kind: &str| {
            let problem =
                json!({"status": 409, "detail": kind, "type": format!("urn:snag:problem:{kind}")});
            json!({"line": line, "problem": problem})
        };
        let tally = json!({"accepted": 0, "duplicate": 0,
            "rejected": [rejected(1, "id-taken"), rejected(2, "id-lost")]});
        let mut batch = Batch { sent: vec![(1, true), (2, true)], ..Batch::default() };
        let mut sum = Sum::default();
        sum.add(&mut batch, serde_json::from_value(tally).unwrap());
        assert_eq!((sum.duplicate, batch.rejected), (1, vec![(2, "id-lost".to_owned())]));
    }

    #[test]
    fn an_input_is_told_by_how_it_begins_and_by_its_name() {
        let line = |name: &str, text: &'static str| {
            let output = Output::new(&Global::default());
            let rows = rows(Path::new(name), Box::new(text.as_bytes()), &output)?;
            let read = |row: anyhow::Result<Row>| row.map(|row| (row.line, row.event.is_ok()));
            rows.map(read).collect::<anyhow::Result<Vec<_>>>()
        };
        let json = "\u{feff}\n {\"place\":\"web\",\"note\":\"a\"}\n";
        let sheet = "\u{feff}place,note\nweb,a\n";
        for name in ["-", "a.csv", "a.ndjson", "a"] {
            assert_eq!(line(name, json).unwrap(), [(2, true)], "{name}");
        }
        for name in ["-", "a.csv", "a.txt"] {
            assert_eq!(line(name, sheet).unwrap(), [(2, true)], "{name}");
        }
        assert_eq!(line("a.ndjson", sheet).unwrap(), [(1, false), (2, false)]);
        assert_eq!(line("a.csv", "").unwrap(), []);
        assert!(line("a.csv", "name,comment\n").is_err());
    }
}
