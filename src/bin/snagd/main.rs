//! The daemon: configuration in, life and death.
//!
//! Exit codes: 0 stopped as told, 2 usage, 65 a newer snagd wrote the journal, 73 another snagd runs
//! or something cannot be made, 74 the disk failed, 77 not yours to look at, 78 bad configuration, or
//! a directory, a token file or a file of keys that cannot be used: starting again would not help.
//! 129, 130 and 143: a look that a signal ended.

mod args;
mod care;
mod check;
mod log;
#[path = "../man/mod.rs"]
mod man;
mod manual;

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use snag::daemon::{Daemon, Ended, Inherited, OpenError, RunError, Sources, systemd};
use snag::doors::drop::DropError;
use snag::doors::token::TokenError;
use snag::journal::JournalError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use args::Command;
use care::Denied;

/// sled makes and drops small nodes all the time: the system's allocator is slow at that, and keeps them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EXIT_USAGE: u8 = 2;
const EXIT_BAD_DATA: u8 = 65;
const EXIT_CANNOT_CREATE: u8 = 73;
const EXIT_IO: u8 = 74;
const EXIT_DENIED: u8 = 77;
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    // What people tell is for nobody else's eyes, whatever directory it is kept in.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // Before there are threads.
    let inherited = Inherited::take().map_err(OpenError::from);
    let (args, sources) = args::read();
    match args.command {
        Some(Command::CheckConfig { .. }) => return check_config(&sources),
        Some(Command::Man) => return print(manual::print()),
        Some(Command::Verify | Command::Repair) | None => {}
    }
    if let Err(error) = log::init(args.log, args.log_format) {
        return complain(&error, EXIT_USAGE);
    }
    // What is caught is told of like everything else.
    panic::set_hook(Box::new(|panic| {
        let says = panic.payload_as_str().unwrap_or("without a word");
        let at = panic.location().map(ToString::to_string);
        tracing::error!(at, "panicked: {says}");
    }));
    let ended = match args.command {
        Some(Command::Verify) => care::verify(&sources),
        Some(Command::Repair) => care::repair(&sources),
        _ => inherited.map_err(anyhow::Error::from).and_then(|taken| run(sources, taken)),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            // What `systemctl status` shows when systemd has given up.
            systemd::status(&format!("{error:#}"));
            exit_code(&error).into()
        }
    }
}

fn check_config(sources: &Sources) -> ExitCode {
    match check::check(sources) {
        Err(error) => complain(&error.into(), EXIT_CONFIG),
        Ok(settings) => print(check::print(sources, &settings)),
    }
}

/// Whoever reads no more has read enough.
fn print(printed: io::Result<()>) -> ExitCode {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => complain(&error.into(), EXIT_IO),
        _ => ExitCode::SUCCESS,
    }
}

/// Says what is wrong where nothing is logged.
fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    // Without a standard error the code must do.
    let _ = writeln!(io::stderr(), "snagd: {error:#}");
    ExitCode::from(code)
}

fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Denied>() {
        return EXIT_DENIED;
    }
    if let Some(RunError::Drop(DropError::Unusable { source, .. })) = error.downcast_ref()
        && is_lasting(source)
    {
        return EXIT_CONFIG;
    }
    match error.downcast_ref::<OpenError>() {
        Some(OpenError::Nothing(_)) => EXIT_USAGE,
        Some(
            OpenError::Gone { .. } | OpenError::Journal { source: JournalError::Newer { .. }, .. },
        ) => EXIT_BAD_DATA,
        Some(
            OpenError::Config(_)
            | OpenError::Inherited(_)
            | OpenError::Keys(_)
            | OpenError::Token(TokenError::Open(_) | TokenError::Malformed(_)),
        ) => EXIT_CONFIG,
        Some(OpenError::Unusable { source, .. }) if is_lasting(source) => EXIT_CONFIG,
        Some(
            OpenError::Taken(_)
            | OpenError::LookedAt(_)
            | OpenError::Unusable { .. }
            | OpenError::Token(_)
            | OpenError::Listen { .. },
        ) => EXIT_CANNOT_CREATE,
        _ => EXIT_IO,
    }
}

/// Whether a directory stays unusable until somebody does something about it.
fn is_lasting(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
}

/// Raises the limit on descriptors as far as it goes: what is usual is low for the sake of programs
/// that use `select`, and a crowd of clients needs more.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it stays as it is, fewer clients are let in at the same time.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn run(sources: Sources, inherited: Inherited) -> anyhow::Result<ExitCode> {
    allow_descriptors();
    // The other threads have connections of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the async runtime does not start")?;
    let code = runtime.block_on(live(sources, inherited));
    // Whatever still blocks at this point must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn live(sources: Sources, inherited: Inherited) -> anyhow::Result<ExitCode> {
    // Listened for so that a file size limit is an error to answer, not the end of the process.
    let _file_size =
        signal(SignalKind::from_raw(FILE_SIZE)).context("signals cannot be listened for")?;
    let (mut signals, mut before) = (None, None);
    loop {
        let inherited = inherited.try_clone().context("the sockets handed over cannot be kept")?;
        let daemon = Daemon::open(&sources, inherited, before).await?;
        // Before the first time, a signal ends the process at once: that is safe at any moment.
        let signals = match &mut signals {
            Some(signals) => signals,
            none => none.insert(Signals::new()?),
        };
        match run_once(daemon, signals).await? {
            Ended::Stopped => return Ok(ExitCode::SUCCESS),
            Ended::Again(again) => before = Some(*again),
        }
        tracing::info!("starting anew");
    }
}

async fn run_once(daemon: Daemon, signals: &mut Signals) -> anyhow::Result<Ended> {
    let listening = daemon.listening().join(" and ");
    tracing::info!(
        "snagd {} listens on {listening} and stores in {}",
        env!("CARGO_PKG_VERSION"),
        daemon.state_dir().display()
    );
    systemd::ready(&format!("listens on {listening}"));
    let (stop, reload) = (CancellationToken::new(), Arc::new(Notify::new()));
    let running = tokio::spawn(daemon.run(stop.clone(), reload.clone()));
    let mut running = std::pin::pin!(running);
    tokio::select! {
        ended = &mut running => return Ok(ended.context("snagd died")??),
        () = signals.stop(&reload) => {}
    }
    tracing::info!("stopping: finishing what was accepted");
    systemd::stopping();
    stop.cancel();
    tokio::select! {
        ended = running => {
            ended.context("snagd died")??;
            tracing::info!("stopped");
        }
        () = signals.stop(&reload) => {
            tracing::warn!("told to stop again: leaving at once; what was acknowledged is on disk");
        }
    }
    Ok(Ended::Stopped)
}

/// SIGTERM, Ctrl-C, and SIGHUP.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether SIGHUP means that the terminal is gone.
    in_terminal: bool,
}

/// SIGXFSZ on Linux.
const FILE_SIZE: i32 = 25;

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            in_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
        })
    }

    /// Returns when it is time to stop; until then, passes on when it is time to reload.
    async fn stop(&mut self, reload: &Notify) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
            if self.in_terminal {
                return;
            }
            reload.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_directory_that_cannot_be_listed_is_not_tried_again() {
        let ends = |kind: io::ErrorKind| {
            let error = DropError::Unusable { dir: "/var/spool/snag".into(), source: kind.into() };
            exit_code(&RunError::from(error).into())
        };
        assert_eq!(ends(io::ErrorKind::PermissionDenied), EXIT_CONFIG);
        assert_eq!(ends(io::ErrorKind::Interrupted), EXIT_IO);
    }
}
