//! Instructions: what each step of an event takes, counted by callgrind, so that a regression shows
//! on a noisy machine.
//!
//! The input is the same in every run, and so are the counts, but for the hashing of hash maps, which
//! differs by less than one in a hundred. Waiting for the disk is no instruction.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use snag::event::{Arrival, Day, Draft, Event, Record, Sender, Source};
use snag::hotspot::{Cell, CellKey, Question, Window, fingerprint, rank};
use snag::index::{Fresh, Index, Position};
use snag::{index, journal};
use uuid::Uuid;

use crate::say;
use crate::server::fresh_dir;
use crate::story::Story;

const EVENTS: usize = 10_000;
/// Events in one write of the journal and the index.
const BATCH: usize = 100;
/// How many of the largest costs are named.
const MOST_COSTS: usize = 3;
/// Each step, and what its count is divided by.
const STEPS: [(&str, usize, &str); 7] = [
    ("admit", EVENTS, "an event"),
    ("encode", EVENTS, "an event"),
    ("append", EVENTS, "an event"),
    ("apply", EVENTS, "an event"),
    ("settle", EVENTS, "an event"),
    ("rank", 1, "a ranking of 28 days"),
    ("hotspots", 1, "an answer, words and all"),
];

/// Counts each step in a process of its own.
pub(crate) fn each_step() -> anyhow::Result<()> {
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !valgrind.is_ok_and(|status| status.success()) {
        say("\ninstructions are not counted: there is no valgrind");
        return Ok(());
    }
    say(&format!(
        "\ninstructions, of {EVENTS} events in batches of {BATCH}, and the functions that take most"
    ));
    for (step, parts, what) in STEPS {
        let (total, costs) = count(step)?;
        say(&format!("{:>11} to {step}, {what}", total / parts as u64));
        for cost in costs {
            say(&format!("{:>14}{cost}", ""));
        }
    }
    Ok(())
}

/// How many instructions a step takes, and its largest costs.
fn count(step: &str) -> anyhow::Result<(u64, Vec<String>)> {
    let dir = fresh_dir()?;
    let counts = dir.path().join("counts");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--toggle-collect=*count::measured*"]);
    valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind.arg(std::env::current_exe()?).args(["count-one", step]);
    let done = valgrind.output().context("valgrind does not start")?;
    ensure!(done.status.success(), "{step}: {}", String::from_utf8_lossy(&done.stderr));
    let read = Command::new("callgrind_annotate").arg("--auto=no").arg(&counts).output()?;
    let read = String::from_utf8(read.stdout)?;
    let mut lines = read.lines().map(str::trim);
    let total = lines.find(|line| line.ends_with("PROGRAM TOTALS")).context("nothing counted")?;
    let total = total.split_whitespace().next().unwrap_or_default().replace(',', "").parse()?;
    let costs = lines.filter_map(cost).take(MOST_COSTS).collect();
    Ok((total, costs))
}

/// The share and the name in a line like `1,234 (12.30%)  file.rs:snag::event::admit [program]`.
fn cost(line: &str) -> Option<String> {
    let (count, named) = line.split_once(')')?;
    let (_, share) = count.split_once('(')?;
    let (_, name) = named.trim().split_once(':')?;
    let name = name.split(" [").next().unwrap_or(name);
    Some(format!("{share:>6} {}", name.chars().take(90).collect::<String>()))
}

/// Does one step, in the process that is counted.
pub(crate) fn one(step: &str) -> anyhow::Result<()> {
    let lines = lines();
    // Patterns are built once, at their first use, and are not what is counted.
    admit(lines.first().context("no input")?)?;
    black_box(fingerprint("7 words"));
    if step == "admit" {
        return measured(&mut || lines.iter().try_for_each(|line| admit(line).map(drop)));
    }
    let events: Vec<Event> = lines.iter().map(|line| admit(line)).collect::<Result<_, _>>()?;
    let encode = |event: &Event| Record::of_event(event);
    if step == "encode" {
        return measured(&mut || {
            for event in &events {
                black_box(encode(event));
            }
            Ok(())
        });
    }
    let records: Vec<Vec<u8>> = events.iter().map(encode).collect();
    let dir = fresh_dir()?;
    let question = Question::over(Window::ending(today()?, 28));
    match step {
        "append" => {
            let mut writer = journal::open(dir.path(), 0)?.writer;
            measured(&mut || {
                let mut batches = records.chunks(BATCH);
                Ok(batches.try_for_each(|batch| writer.append(batch).map(drop))?)
            })
        }
        "rank" => {
            let mut cells = BTreeMap::<CellKey, Cell>::new();
            let mut first = BTreeMap::new();
            for (key, cell) in events.iter().map(Cell::of) {
                first.entry(key.place.clone()).or_insert(question.window.since);
                cells.entry(key).or_default().add(&cell);
            }
            measured(&mut || {
                let rows = black_box(rank(&question, &cells, &first));
                ensure!(!rows.is_empty(), "nothing hurts");
                Ok(())
            })
        }
        _ => {
            let sequences = (1_u64..).zip(records).collect::<BTreeMap<_, _>>();
            let read = move |sequence: u64| Ok(sequences[&sequence].clone());
            let index = Index::open(dir.path(), Box::new(read))?;
            if step == "apply" {
                return measured(&mut || Ok(apply(&index, &events)?));
            }
            apply(&index, &events)?;
            if step == "settle" {
                return measured(&mut || Ok(index.checkpoint()?));
            }
            measured(&mut || {
                let answer = black_box(index.hotspots(&question, 20)?);
                ensure!(!answer.rows.is_empty(), "nothing hurts");
                Ok(())
            })
        }
    }
}

/// What is counted is what happens in here.
#[inline(never)]
fn measured(work: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    black_box(work())
}

/// The input: a year of events up to a fixed day, with ids that are fixed as well.
fn lines() -> Vec<String> {
    let Ok(today) = today() else { return Vec::new() };
    let mut story = Story::new(5, today);
    let own_id = |nth: usize| {
        let event = story.event();
        let (_, rest) = event.split_once(',').unwrap_or_default();
        format!(r#"{{"id":"00000000-0000-7000-8000-{nth:012x}",{rest}"#)
    };
    (0..EVENTS).map(own_id).collect()
}

fn today() -> anyhow::Result<Day> {
    Day::parse("2026-11-20").context("a day")
}

fn admit(line: &str) -> anyhow::Result<Event> {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse()?;
    let arrival = Arrival {
        now,
        fresh_id: Uuid::nil(),
        sender: Sender::Owner { name: "ana".to_owned() },
        source: Source::Http,
        original: None,
    };
    let admitted = Draft::parse(line.as_bytes())?.admit(&arrival);
    admitted.map_err(|rejection| anyhow::anyhow!("{rejection:?}"))
}

fn apply(index: &Index, events: &[Event]) -> Result<(), index::IndexError> {
    for (batch, events) in (1..).zip(events.chunks(BATCH)) {
        let first = index.position().sequence + 1;
        let fresh: Vec<Fresh<'_>> = (first..)
            .zip(events)
            .map(|(sequence, event)| {
                let fingerprint = event.words().map_or(0, fingerprint);
                Fresh { sequence, event, fingerprint }
            })
            .collect();
        let sequence = first + events.len() as u64 - 1;
        index.apply(&fresh, Position { sequence, batch })?;
    }
    Ok(())
}
