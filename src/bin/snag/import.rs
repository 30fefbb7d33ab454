//! `snag import`: events of ours, one a line.
//!
//! A line without an id gets one made of its number and content, so that the same file twice
//! changes nothing.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use snag::client::{ClientError, Connection, Told};
use snag::event::{Draft, MAX_EVENT};
use uuid::Uuid;

use crate::args::Global;
use crate::output::{Format, Output};
use crate::reach;
use crate::stop::{Code, stop};

/// Lines sent at once,
const BATCH_LINES: usize = 500;
/// or bytes, whichever comes first.
const BATCH_BYTES: usize = 1024 * 1024;
/// Lines without an id get one in this namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x8f6b_0a52_5d0e_4c0e_9a43_1f6f_3a0d_77c1);
/// How often a busy daemon is asked again, and how long to wait in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// What the daemon says of a batch.
#[derive(Debug, Default, Deserialize)]
struct Tally {
    accepted: u64,
    duplicate: u64,
    rejected: Vec<Rejected>,
}

#[derive(Debug, Deserialize)]
struct Rejected {
    line: usize,
    problem: Told,
}

/// What became of the whole file.
#[derive(Default)]
struct Sum {
    accepted: u64,
    duplicate: u64,
    rejected: u64,
}

/// `snag import`.
pub(crate) async fn import(file: &Path, global: &Global, output: &Output) -> anyhow::Result<()> {
    let (input, size): (Box<dyn Read>, Option<u64>) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let opened = File::open(file).map_err(|error| {
            stop(Code::Usage, format!("{} cannot be read: {error}", file.display()))
        })?;
        let size = opened.metadata().map(|found| found.len()).ok();
        (Box::new(opened), size)
    };
    let progress = bar(size);
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let mut lines = Lines { input: BufReader::new(input), number: 0, progress: progress.clone() };
    let mut sum = Sum::default();
    loop {
        let batch = lines.next_batch(output, &mut sum)?;
        if batch.numbers.is_empty() {
            break;
        }
        let tally = send(&mut connection, Bytes::from(batch.body)).await?;
        sum.accepted += tally.accepted;
        sum.duplicate += tally.duplicate;
        for Rejected { line, problem } in tally.rejected {
            sum.rejected += 1;
            let number =
                line.checked_sub(1).and_then(|at| batch.numbers.get(at)).copied().unwrap_or(0);
            progress.suspend(|| output.note(&format!("line {number}: {}", problem.detail)));
        }
    }
    progress.finish_and_clear();
    sum.tell(output)
}

impl Sum {
    fn tell(&self, output: &Output) -> anyhow::Result<()> {
        let Self { accepted, duplicate, rejected } = self;
        if output.format == Format::Json {
            output.json(format!("{{\"v\":1,\"accepted\":{accepted},\"duplicate\":{duplicate},\"rejected\":{rejected}}}").as_bytes())?;
        } else {
            output.line(&format!(
                "imported {accepted}, known before {duplicate}, rejected {rejected}"
            ))?;
        }
        if 0 < *rejected {
            return Err(stop(
                Code::Usage,
                "some lines were rejected, the others are recorded: mend these and import the file again",
            ));
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

struct Lines {
    input: BufReader<Box<dyn Read>>,
    number: usize,
    progress: ProgressBar,
}

/// NDJSON to send, and the file's line numbers of its lines.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    numbers: Vec<usize>,
}

impl Lines {
    fn next_batch(&mut self, output: &Output, sum: &mut Sum) -> anyhow::Result<Batch> {
        let mut batch = Batch::default();
        while batch.numbers.len() < BATCH_LINES && batch.body.len() < BATCH_BYTES {
            let mut line = Vec::new();
            let read =
                self.input.read_until(b'\n', &mut line).context("the input cannot be read")?;
            if read == 0 {
                break;
            }
            self.number += 1;
            self.progress.inc(read as u64);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match prepare(&line, self.number) {
                Ok(json) => {
                    batch.body.extend(json);
                    batch.body.push(b'\n');
                    batch.numbers.push(self.number);
                }
                Err(reason) => {
                    sum.rejected += 1;
                    self.progress
                        .suspend(|| output.note(&format!("line {}: {reason}", self.number)));
                }
            }
        }
        Ok(batch)
    }
}

/// A line as it is sent: with an id, and with where it comes from.
fn prepare(line: &[u8], number: usize) -> Result<Vec<u8>, String> {
    if MAX_EVENT < line.len() {
        return Err(format!("has {} bytes, at most {MAX_EVENT} are kept: shorten it", line.len()));
    }
    let mut draft = Draft::parse(line).map_err(|error| error.to_string())?;
    if !draft.has("id") {
        let content = [number.to_string().as_bytes(), b"\n", line.trim_ascii()].concat();
        draft.set("id", Uuid::new_v5(&NAMESPACE, &content).to_string());
    }
    if !draft.has("source") {
        draft.set("source", "import");
    }
    Ok(draft.to_json())
}

/// Sends a batch; a daemon that is busy is asked again.
async fn send(connection: &mut Connection, body: Bytes) -> anyhow::Result<Tally> {
    for _ in 0..TRIES {
        match connection.post("/v1/events", "application/x-ndjson", body.clone()).await {
            Ok(answer) => {
                return serde_json::from_slice(&answer.body)
                    .context("snagd's answer cannot be read");
            }
            Err(ClientError::Told(told)) if told.status == 503 => tokio::time::sleep(PAUSE).await,
            Err(ClientError::Told(told)) if told.status == 422 => {
                let more = serde_json::Value::Object(told.more);
                return serde_json::from_value(more).context("snagd's answer cannot be read");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(stop(Code::Unavailable, "snagd is too busy to import: try again later, what it took stays"))
}
