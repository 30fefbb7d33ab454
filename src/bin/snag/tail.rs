//! `snag tail`: what is recorded, while it is recorded.
//!
//! # Promises
//!
//! - Each event is printed once, in the order of the journal, however often the connection breaks:
//!   it goes on behind the last that was printed.
//! - A daemon that goes away is waited for, with a note when it goes and one when it is back.
//! - It ends when nobody reads what it prints any more, also while nothing happens.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context;
use snag::client::{ClientError, Connection, Missing, News, Stream, Target, What};
use snag::doors::http::Status;
use snag::doors::now;
use snag::event::{Day, Event};
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use uuid::Uuid;

use crate::args::{Global, Tail};
use crate::output::{Format, Output};
use crate::query::Query;
use crate::read;
use crate::render::{self, Look};
use crate::{reach, stop};

/// How long it waits at first before it looks for a daemon that went away,
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// and at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// `snag tail`. Ctrl-C ends it as it ends any program: the shell says 130.
pub(crate) async fn tail(said: &Tail, global: &Global, output: &Output) -> anyhow::Result<()> {
    tokio::select! {
        followed = follow(said, global, output) => followed,
        () = nobody_reads() => Ok(()),
    }
}

/// Prints what was last and what comes, until it cannot.
async fn follow(said: &Tail, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    // Whoever answered is asked again, not another daemon that happens to be there.
    let target = connection.target().clone();
    let path = query(said).on("/v1/stream");
    // Whatever else answers there may never answer a second connection.
    read::read::<Status>(&connection.get("/v1/status").await?)?;
    // First the stream, then the list: nothing falls between them, and what is in both is known.
    let (mut stream, mut news) = open(&target, &path, None).await?;
    let mut printer = Printer { output, listed: HashSet::new() };
    printer.print_head()?;
    printer.print_last(said, &mut connection).await?;
    drop(connection);
    loop {
        printer.print(&news)?;
        news = match stream.next().await {
            Ok(news) => news,
            Err(error) if stop::is_passing(&error) => {
                output.note("lost snagd, which may be restarting: waiting for it to be back");
                let back = wait(&target, &path, news.position).await;
                (stream, news) = back.context("snagd is back, but not as it was")?;
                output.note("snagd is back, and nothing was missed");
                news
            }
            Err(error) => return Err(error.into()),
        };
    }
}

fn query(said: &Tail) -> Query {
    let mut query = Query::about(&said.about);
    query.say("class", said.class.as_deref());
    query
}

/// Opens a stream. Where it stands is what it says first, so that much is waited for.
async fn open(
    target: &Target,
    path: &str,
    after: Option<u64>,
) -> Result<(Stream, News), ClientError> {
    let connection = reach::connect_to_read(Some(target)).await?;
    let mut stream = connection.follow(path, after).await?;
    let news = stream.next().await?;
    Ok((stream, news))
}

/// Opens a stream again, once there is a daemon to do so.
async fn wait(target: &Target, path: &str, after: u64) -> Result<(Stream, News), ClientError> {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        match open(target, path, Some(after)).await {
            Err(error) if stop::is_passing(&error) => pause = LONGEST_PAUSE.min(pause * 2),
            opened => return opened,
        }
    }
}

/// Ends when nobody reads standard output any more: `snag tail | head`.
async fn nobody_reads() {
    // Looked at, never written to: so it does not matter that it blocks, or is no pipe.
    let stdout =
        io::stdout().as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd_unchecked);
    match stdout {
        Ok(stdout) => drop(stdout.ready(Interest::ERROR).await),
        // A file takes everything.
        Err(_) => std::future::pending().await,
    }
}

/// Prints news in the format that was asked for.
struct Printer<'a> {
    output: &'a Output,
    /// Events that were printed as the last ones; the stream may tell of them, too.
    listed: HashSet<Uuid>,
}

impl Printer<'_> {
    fn print_head(&self) -> anyhow::Result<()> {
        match self.output.format {
            Format::Json => Ok(()),
            _ => self.output.line(&render::tail_head(&self.look())),
        }
    }

    async fn print_last(&mut self, said: &Tail, connection: &mut Connection) -> anyhow::Result<()> {
        if said.last == 0 {
            return Ok(());
        }
        let mut query = query(said);
        query.say("limit", Some(&said.last.to_string()));
        let page = read::page(connection, query, self.output).await?;
        for event in page.events.iter().rev() {
            self.print_event(event, &serde_json::to_vec(event)?)?;
            self.listed.insert(event.id);
        }
        Ok(())
    }

    fn print(&mut self, news: &News) -> anyhow::Result<()> {
        match &news.what {
            What::Event(event) if self.listed.remove(&event.id) => Ok(()),
            What::Event(event) => self.print_event(event, news.json.as_bytes()),
            What::Retraction(_) if self.output.format == Format::Json => {
                self.output.json(format!("{{\"retraction\":{}}}", news.json).as_bytes())
            }
            What::Retraction(retraction) => {
                self.output.line(&render::taken_back(retraction, &self.look()))
            }
            What::Missing(Missing { first, last }) => {
                self.output.note(&format!("the journal has lost its records {first} to {last}"));
                Ok(())
            }
            What::Nothing => Ok(()),
        }
    }

    fn print_event(&self, event: &Event, json: &[u8]) -> anyhow::Result<()> {
        match self.output.format {
            Format::Json => self.output.json(json),
            _ => self.output.line(&render::tailed(event, &self.look())),
        }
    }

    /// The look of this moment: a tail may run for days.
    fn look(&self) -> Look {
        let now = now();
        Look { now, today: Day::of(now), ..*self.output.look() }
    }
}
