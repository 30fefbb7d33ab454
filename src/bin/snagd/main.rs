//! The daemon: configuration in, life and death.
//!
//! Exit codes: 0 stopped as told, 2 usage, 73 another snagd runs or a directory cannot be used,
//! 74 the disk failed, 78 bad configuration.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use snag::daemon::{Config, Daemon, Listen, OpenError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

/// sled makes and drops small nodes all the time, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXIT_CANNOT_CREATE: u8 = 73;
const EXIT_IO: u8 = 74;
const EXIT_CONFIG: u8 = 78;

/// Takes friction events, keeps them, and ranks what hurts most.
///
/// Needs no configuration: alone, it listens on `$XDG_RUNTIME_DIR/snag.sock` and 127.0.0.1:7624 and
/// stores in `$XDG_STATE_HOME/snag`.
#[derive(Parser)]
#[command(name = "snagd", version)]
struct Args {
    /// Where journal, index and token lie [default: `$XDG_STATE_HOME/snag`]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The unix socket [default: `$XDG_RUNTIME_DIR/snag.sock`, or snag.sock in the state directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// The TCP address, or `none` [default: 127.0.0.1:7624]
    #[arg(long, value_name = "ADDR")]
    listen: Option<Listen>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/snag/snagd.toml`, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug
    #[arg(long, value_name = "LEVEL", env = "SNAGD_LOG", default_value = "info")]
    log: LevelFilter,
}

fn main() -> ExitCode {
    // What people tell is for nobody else's eyes, whatever directory it is kept in.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let args = Args::parse();
    let mut log = tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_target(false)
        .with_writer(std::io::stderr);
    log = log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    log.init();
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            exit_code(&error)
        }
    }
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(match error.downcast_ref::<OpenError>() {
        Some(OpenError::Config(_)) => EXIT_CONFIG,
        Some(
            OpenError::Taken(_)
            | OpenError::Unusable { .. }
            | OpenError::Token(_)
            | OpenError::Listen { .. },
        ) => EXIT_CANNOT_CREATE,
        _ => EXIT_IO,
    })
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime does not start")?;
    let code = runtime.block_on(live(args));
    // Whatever still blocks at this point must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn live(args: Args) -> anyhow::Result<ExitCode> {
    let config = configure(args).map_err(OpenError::from)?;
    // Listened for so that a file size limit is an error to answer, not the end of the process.
    let _file_size =
        signal(SignalKind::from_raw(FILE_SIZE)).context("signals cannot be listened for")?;
    let daemon = Daemon::open(&config).await?;
    // Before this, a signal ends the process at once: that is safe at any moment.
    let mut signals = Signals::new()?;
    tracing::info!(
        "snagd {} listens on {} and stores in {}",
        env!("CARGO_PKG_VERSION"),
        daemon.listening().join(" and "),
        daemon.state_dir().display()
    );
    // Says nothing where nobody asked.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(daemon.run(stop.clone()));
    let mut running = std::pin::pin!(running);
    tokio::select! {
        ended = &mut running => {
            ended.context("snagd died")??;
            return Ok(ExitCode::SUCCESS);
        }
        () = signals.next() => {}
    }
    tracing::info!("stopping: finishing what was accepted");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    stop.cancel();
    tokio::select! {
        ended = running => {
            ended.context("snagd died")??;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        () = signals.next() => {
            tracing::warn!("told to stop again: leaving at once; what was acknowledged is on disk");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Flag > environment > file > default.
fn configure(args: Args) -> Result<Config, snag::daemon::ConfigError> {
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::read_user()?,
    };
    // What is typed is meant from where it is typed.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    config.state_dir = args.state_dir.map(absolute).or(config.state_dir);
    config.socket = args.socket.map(absolute).or(config.socket);
    config.listen = args.listen.or(config.listen);
    Ok(config)
}

/// SIGTERM and Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGXFSZ on Linux.
const FILE_SIZE: i32 = 25;

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be listened for");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
