//! Asking: how long answers take as events pile up, beside SQLite, and that both answer the same.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use snag::client::Connection;
use snag::doors::today;

use crate::load::{self, Posts, median};
use crate::questions::{self, COVERAGE, Question};
use crate::results::reached;
use crate::server::{SNAGD, Server, disk};
use crate::story::{STEADY, Shape, Story};
use crate::{ms, say};

/// How often each question is asked.
const TIMES: usize = 31;
/// And that of SQLite, which takes a while.
const TIMES_OF_SQLITE: usize = 5;
/// One that takes long is asked less often.
pub(crate) const LONG_ENOUGH: Duration = Duration::from_secs(10);
pub(crate) const FEWEST: usize = 3;
/// What takes longer does not answer.
const LONGEST: Duration = Duration::from_mins(1);
/// The ranking that people ask for.
const HOTSPOTS: &str = "/v1/hotspots";

/// Asks snagd and SQLite at each size.
pub(crate) async fn as_events_pile_up(shape: Shape, sizes: &[usize]) -> anyhow::Result<()> {
    let Shape { people, places, days, .. } = shape;
    say(&format!(
        "\nasking, {people} people at {places} places over {days} days, in ms; SQLite's answers say the same"
    ));
    for size in sizes {
        at_size(shape, *size).await?;
    }
    Ok(())
}

/// Loads both one day after the other, as it happened, and asks them.
async fn at_size(shape: Shape, events: usize) -> anyhow::Result<()> {
    let (snagd, sqlite) = (Server::snagd(SNAGD).await?, Server::beside("sqlite")?);
    let mut story = Story::shaped(2, today(), shape);
    index(&sqlite, false).await?;
    let rate = load::pile(&[&snagd, &sqlite], story.history(events)).await?;
    index(&sqlite, true).await?;
    say(&format!(
        "\nat {events} events, {} cells in the 63 days that a ranking reads, loaded at {rate:.0} events a second",
        story.cells()
    ));
    say(&format!("{:<42}     snagd    SQLite   to ours", ""));
    let mut both = Both::open(&snagd, &sqlite).await?;
    both.ranking(&mut story, events, shape).await?;
    show("coverage of 28 days, the first time", first_coverage(&snagd).await?, None);
    for question in questions::all(&mut both.snagd, &story, events).await? {
        let (ours, theirs) = both.ask(&question).await?;
        show(&question.what, ours, Some(theirs));
        if shape.is_team() && question.what == questions::WHY {
            reached("`why` of a place", events, ms(ours));
        }
    }
    show("the names of all places", time_all(&mut both.snagd, "/v1/known").await?, None);
    room(&snagd, &sqlite, events)
}

/// Asks for the ranking where everybody is at the same places on the same days at each size.
pub(crate) async fn of_the_same_cells(sizes: &[usize]) -> anyhow::Result<()> {
    say("\nhotspots of the same people, places and days, in ms");
    say("    events  cells in   after a     again     times as long as");
    say("             63 days     write                  at the first size");
    let mut at_first = None;
    for size in sizes {
        let snagd = Server::snagd(SNAGD).await?;
        let mut story = Story::shaped(7, today(), STEADY);
        load::pile(&[&snagd], story.history(*size)).await?;
        let mut asked = Connection::open(&snagd.unix(), None).await?;
        let [dirty, again] = after_writes(&mut asked, &[&snagd], &mut story).await?;
        let times = ms(dirty) / at_first.get_or_insert_with(|| ms(dirty)).max(f64::MIN_POSITIVE);
        say(&format!(
            "{size:>10} {:>9} {:>9.2} {:>9.2} {times:>9.1}",
            story.cells(),
            ms(dirty),
            ms(again)
        ));
        reached("hotspots after a write, to those at 100000, same cells", *size, times);
    }
    Ok(())
}

/// A connection to each.
struct Both<'a> {
    servers: [&'a Server; 2],
    snagd: Connection,
    sqlite: Connection,
}

impl<'a> Both<'a> {
    async fn open(snagd: &'a Server, sqlite: &'a Server) -> anyhow::Result<Self> {
        let servers = [snagd, sqlite];
        let (snagd, sqlite) = (snagd.unix(), &sqlite.tcp);
        let (snagd, sqlite) =
            (Connection::open(&snagd, None).await?, Connection::open(sqlite, None).await?);
        Ok(Self { servers, snagd, sqlite })
    }

    /// The ranking, the first time, after a write and again, beside the pain of every place.
    async fn ranking(
        &mut self,
        story: &mut Story,
        loaded: usize,
        shape: Shape,
    ) -> anyhow::Result<()> {
        let first = time(&mut self.snagd, HOTSPOTS).await?.0;
        let [dirty, again] = after_writes(&mut self.snagd, &self.servers, story).await?;
        let flat = questions::pain(&mut self.snagd).await?;
        let (every, grouped) = self.ask(&flat).await?;
        show("hotspots, the first time", first, None);
        show("hotspots, after a write", dirty, Some(grouped));
        show("hotspots, again", again, Some(grouped));
        show(&flat.what, every, Some(grouped));
        if shape.is_team() {
            reached("hotspots after a write", loaded, ms(dirty));
            let times = ms(grouped) / ms(dirty).max(f64::MIN_POSITIVE);
            reached("SQLite's GROUP BY, to hotspots after a write", loaded, times);
        }
        Ok(())
    }

    /// How long a question takes of each, asked in turns; their answers say the same.
    async fn ask(&mut self, question: &Question) -> anyhow::Result<(Duration, Duration)> {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let started = Instant::now();
        for nth in (0..TIMES).take_while(|nth| *nth < FEWEST || started.elapsed() < LONG_ENOUGH) {
            let path = (question.ours)(nth as u64);
            let (took, our) = time(&mut self.snagd, &path).await?;
            ours.push(took);
            if nth < TIMES_OF_SQLITE {
                let (took, their) = time(&mut self.sqlite, &(question.theirs)(nth as u64)).await?;
                theirs.push(took);
                (question.compare)(&our, &their).context(path)?;
            }
        }
        Ok((median(ours).context("never asked")?, median(theirs).context("never asked")?))
    }
}

/// Coverage, for which every day there is has to be read once: that may take longer than a client waits,
/// so it is asked for again.
async fn first_coverage(snagd: &Server) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let mut asked = Connection::open(&snagd.unix(), None).await?;
        match asked.get(COVERAGE).await {
            Ok(_) => return Ok(started.elapsed()),
            Err(_) if started.elapsed() < LONGEST => {}
            Err(error) => return Err(error).context(COVERAGE),
        }
    }
}

/// The ranking right after a write to each server, and once more; of the first server.
async fn after_writes(
    asked: &mut Connection,
    servers: &[&Server],
    story: &mut Story,
) -> anyhow::Result<[Duration; 2]> {
    let [mut dirty, mut again] = [const { Vec::new() }; 2];
    for _ in 0..TIMES {
        let event = Bytes::from(story.event_of_today());
        for server in servers {
            load::post(&server.tcp, 1, Posts::One, vec![event.clone()]).await?;
        }
        dirty.push(time(asked, HOTSPOTS).await?.0);
        again.push(time(asked, HOTSPOTS).await?.0);
    }
    Ok([median(dirty).context("never asked")?, median(again).context("never asked")?])
}

fn show(what: &str, ours: Duration, theirs: Option<Duration>) {
    let beside = theirs.map_or(String::new(), |theirs| {
        format!("{:>10.2} {:>9.2}", ms(theirs), ms(theirs) / ms(ours).max(f64::MIN_POSITIVE))
    });
    say(&format!("  {what:<40} {:>9.2}{beside}", ms(ours)));
}

/// What it takes by now.
fn room(snagd: &Server, sqlite: &Server, events: usize) -> anyhow::Result<()> {
    let each = |server: &Server, part: &str| {
        Ok::<_, anyhow::Error>(disk(&server.path(part))? / events as u64)
    };
    say(&format!(
        "  {} MiB resident; on disk {} bytes an event in the journal, {} in the index; SQLite: {}",
        snagd.resident()? / (1024 * 1024),
        each(snagd, "state/journal")?,
        each(snagd, "state/index")?,
        each(sqlite, "")?,
    ));
    Ok(())
}

/// Has SQLite make its indexes anew, or take them away, and waits for it.
async fn index(sqlite: &Server, are_wanted: bool) -> anyhow::Result<()> {
    // A connection does not outlast the loading.
    let mut asked = Connection::open(&sqlite.tcp, None).await?;
    asked.get(&format!("/indexes/{are_wanted}")).await?;
    while asked.get("/settled").await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn time_all(asked: &mut Connection, path: &str) -> anyhow::Result<Duration> {
    let mut took = Vec::new();
    for _ in 0..TIMES {
        took.push(time(asked, path).await?.0);
    }
    median(took).context("never asked")
}

async fn time(asked: &mut Connection, path: &str) -> anyhow::Result<(Duration, Bytes)> {
    let started = Instant::now();
    let answer = asked.get(path).await.with_context(|| path.to_owned())?;
    let took = started.elapsed();
    ensure!(2 < answer.body.len(), "{path} answers nothing");
    Ok((took, answer.body))
}
