//! `snag demo`: a real snagd on a directory of its own, a month of a made-up team, and time to
//! look around.
//!
//! Nothing here is a special path: the daemon is the `snagd` that was installed beside this
//! program, the events go in by its HTTP door, and what is printed is what `snag hotspots` prints.

mod story;

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use snag::client::{Connection, Target};
use snag::doors::today;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Demo, Formats, Global};
use crate::output::{Format, Output};
use crate::read;
use crate::stop::{Code, stop};

/// Events sent at once: small, so that the bar moves.
const BATCH: usize = 20;
/// How often, and how many times, a starting daemon is knocked at.
const KNOCK_EVERY: Duration = Duration::from_millis(20);
const KNOCKS: u32 = 500;
/// How often the demo looks whether its daemon still lives.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// `snag demo`. Told to stop at any moment, it leaves nothing behind.
pub(crate) async fn demo(said: &Demo, output: &Output) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        shown = show(said, output) => shown,
        interrupted = tokio::signal::ctrl_c() => interrupted.context("Ctrl-C cannot be listened for"),
        _ = terminate.recv() => Ok(()),
        // Its terminal was closed.
        _ = hangup.recv() => Ok(()),
    }
}

async fn show(said: &Demo, output: &Output) -> anyhow::Result<()> {
    let home = Home::new(said.dir.as_deref())?;
    let target = Target::Unix(home.dir.join("snag.sock"));
    let mut daemon = Daemon::start(&home.dir)?;
    let mut connection = daemon.knock(&target).await?;
    replay(&mut connection).await?;

    let global = Global {
        url: Some(target.clone()),
        formats: Formats { json: output.format == Format::Json, ..Formats::default() },
        ..Global::default()
    };
    read::hotspots(crate::args::Hotspots::default(), &global, output).await?;
    output.note(&format!(
        "\
this is a month of a made-up team of six, in a snagd of its own. In another terminal, try:

  export SNAG_URL={target}
  snag open
  snag why web/checkout/pay
  snag hotspots --since 7d --under web
  snag events --kind delight
  snag log web/checkout/pay \"what just happened to me\" --felt frustrated --did retried

Ctrl-C ends the demo{}.",
        if said.dir.is_some() { "" } else { " and removes its data" }
    ));
    daemon.wait_for_the_end().await
}

/// Sends the story through the HTTP door.
async fn replay(connection: &mut Connection) -> anyhow::Result<()> {
    let drafts = story::story(today());
    let bar = ProgressBar::new(drafts.len() as u64);
    let style = ProgressStyle::with_template("replaying a month  {bar:30} {pos}/{len} events");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    for batch in drafts.chunks(BATCH) {
        let mut body = Vec::new();
        for draft in batch {
            body.extend(draft.to_json());
            body.push(b'\n');
        }
        let tally = connection.post_lines(body.into()).await?;
        if let Some(refused) = tally.rejected.first() {
            return Err(stop(
                Code::Unavailable,
                format!("the demo's snagd refused an event: {}", refused.problem.detail),
            ));
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Where the demo keeps its data; a directory of our own is removed at the end.
struct Home {
    dir: PathBuf,
    is_ours: bool,
}

impl Home {
    fn new(said: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(dir) = said {
            let dir = std::path::absolute(dir).context("the directory cannot be used")?;
            return Ok(Self { dir, is_ours: false });
        }
        // A short path: unix sockets have at most 107 bytes.
        let dir = env::temp_dir().join(format!("snag-demo-{}", std::process::id()));
        std::fs::create_dir(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        Ok(Self { dir, is_ours: true })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_ours {
            // What is left of a demo in the temporary directory hurts nobody.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// The demo's snagd; stopped when dropped.
struct Daemon(Child);

impl Daemon {
    fn start(dir: &Path) -> anyhow::Result<Self> {
        let program = program();
        let child = Command::new(&program)
            .arg("--state-dir")
            .arg(dir)
            .args(["--listen", "127.0.0.1:0", "--log", "error"])
            .arg("--socket")
            .arg(dir.join("snag.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C is for us; we tell the daemon.
            .process_group(0)
            .spawn();
        let child = child.map_err(|error| {
            stop(Code::Unavailable, format!("{} cannot be started ({error}): install snagd beside snag, `cargo install --path .` does", program.display()))
        })?;
        Ok(Self(child))
    }

    /// Connects once the daemon listens.
    async fn knock(&mut self, target: &Target) -> anyhow::Result<Connection> {
        for _ in 0..KNOCKS {
            if let Some(status) = self.0.try_wait().context("snagd cannot be watched")? {
                return Err(stop(
                    Code::Unavailable,
                    format!("snagd ended at its start ({status}): its message is above"),
                ));
            }
            if let Ok(connection) = Connection::open(target, None).await {
                return Ok(connection);
            }
            tokio::time::sleep(KNOCK_EVERY).await;
        }
        Err(stop(Code::Unavailable, "snagd does not come up: start `snagd` by itself to see why"))
    }

    /// Waits for the daemon to end by itself, which it does not do while all is well.
    async fn wait_for_the_end(&mut self) -> anyhow::Result<()> {
        while self.0.try_wait().context("snagd cannot be watched")?.is_none() {
            tokio::time::sleep(WATCH_EVERY).await;
        }
        Err(stop(Code::Unavailable, "the demo's snagd ended by itself: its message is above"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
            let _ = self.0.wait();
        }
    }
}

/// The snagd installed beside this program; else the one on the path.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().map(|program| program.with_file_name("snagd"));
    beside.filter(|program| program.exists()).unwrap_or_else(|| "snagd".into())
}
