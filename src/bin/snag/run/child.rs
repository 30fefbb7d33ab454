//! A command run as if we were not there.
//!
//! It has our process group, and so the terminal where we have it. What the kernel sends to that
//! group (Ctrl-C, Ctrl-Z, a terminal that goes) reaches it without us; what a process sends to us
//! alone, as `kill` or `timeout` do, is passed on. When it stops, we stop, so that the shell takes
//! the terminal back, and when we are continued, it is.
//!
//! Signals have handlers here before the command starts, so that none hits us first. A handler is
//! gone in the command, and what is ignored gets none, so that it is ignored there as well.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, WaitOptions, WaitStatus, getpgrp, kill_process, setrlimit, waitpid,
};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH, SIGXFSZ,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use signal_hook::low_level::siginfo::Cause;
use signal_hook::low_level::{emulate_default_handler, raise};

/// What a shell says of a command that it cannot find,
const NOT_FOUND: u8 = 127;
/// and of one that it cannot run.
const NOT_RUNNABLE: u8 = 126;
/// What a shell adds to the number of a deadly signal.
const DIED: u8 = 128;

/// What is passed on, beside the end of the command itself.
const WATCHED: [i32; 12] = [
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGWINCH,
];

type Signals = SignalsInfo<WithOrigin>;

/// A command that ended.
pub(super) struct Run {
    signals: Signals,
    pub(super) fate: Fate,
    pub(super) lasted: Duration,
    /// How long before its end it was last interrupted.
    pub(super) interrupted: Option<Duration>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Exited(u8),
    Died(i32),
}

/// A command that did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRun {
    #[error("{0}: command not found")]
    NotFound(String),
    #[error("{0}: {1}")]
    NotRunnable(String, io::Error),
}

impl NotRun {
    fn new(program: &OsString, error: io::Error) -> Self {
        let program = program.to_string_lossy().into_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound(program),
            _ => Self::NotRunnable(program, error),
        }
    }

    /// The code that a shell gives it.
    pub(super) fn code(&self) -> ExitCode {
        match self {
            Self::NotFound(_) => NOT_FOUND.into(),
            Self::NotRunnable(..) => NOT_RUNNABLE.into(),
        }
    }
}

/// Runs a command to its end.
pub(super) fn run(words: &[OsString]) -> Result<Run, NotRun> {
    let Some((program, args)) = words.split_first() else {
        return Err(NotRun::NotFound(String::new()));
    };
    let mut command = Command::new(program);
    command.args(args);
    let Some(mut signals) = watch() else {
        // It could not be watched: then there is nothing for us to do but to become it.
        return Err(NotRun::new(program, command.exec()));
    };
    let started = Instant::now();
    let spawned = command.spawn().or_else(|error| {
        // A script without a first line that says by what: shells run it themselves.
        if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) {
            let found = in_path(program).ok_or(error)?;
            return Command::new("/bin/sh").arg(found).args(args).spawn();
        }
        Err(error)
    });
    let child = spawned.map_err(|error| NotRun::new(program, error))?;
    let mut interrupted = None;
    let fate = follow(Pid::from_child(&child), &mut signals, &mut interrupted);
    let fate = fate.map_err(|error| NotRun::new(program, error))?;
    let interrupted = interrupted.map(|at: Instant| at.elapsed());
    Ok(Run { signals, fate, lasted: started.elapsed(), interrupted })
}

/// Where a program without a slash was found: sh would look for it here first, not in PATH.
fn in_path(program: &OsString) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(program.into());
    }
    let dirs = env::var_os("PATH")?;
    // An empty part of PATH means here.
    let mut places = env::split_paths(&dirs).map(|dir| Path::new(".").join(dir).join(program));
    places.find(|path| path.is_file() && access(path, Access::EXEC_OK).is_ok())
}

/// The signals that nobody ignores; none where the command's end would not be told.
fn watch() -> Option<Signals> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let set = |name: &str| {
        let set = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(set.trim(), 16).ok()
    };
    let (ignored, blocked) = (set("SigIgn:")?, set("SigBlk:")?);
    let is_in = |set: u64, signal: i32| set >> (signal - 1) & 1 == 1;
    if is_in(ignored | blocked, SIGCHLD) {
        return None;
    }
    let is_ignored = |signal: i32| is_in(ignored, signal);
    Signals::new(WATCHED.into_iter().filter(|signal| !is_ignored(*signal))).ok()
}

/// Waits for the end.
fn follow(
    child: Pid,
    signals: &mut Signals,
    interrupted: &mut Option<Instant>,
) -> io::Result<Fate> {
    loop {
        for came in signals.wait() {
            if let SIGINT | SIGQUIT = came.signal {
                *interrupted = Some(Instant::now());
            }
            if is_for_us_alone(&came, child) {
                pass_on(child, came.signal);
            }
        }
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        match rustix::io::retry_on_intr(|| waitpid(Some(child), options))? {
            // What a supervisor stops alone it continues alone.
            Some((_, status)) if status.stopping_signal() == Some(SIGSTOP) && !is_in_front() => {}
            Some((_, status)) if status.stopped() => {
                // Whoever sent it away sees us stopped, and we come back by SIGCONT.
                let _ = raise(SIGSTOP);
                pass_on(child, SIGCONT);
            }
            Some((_, status)) => return Ok(fate(status)),
            None => {}
        }
    }
}

/// Whether a shell gave us the terminal, and waits to take it back.
fn is_in_front() -> bool {
    fs::File::open("/dev/tty").is_ok_and(|tty| tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()))
}

/// What the kernel sends goes to the whole group, and what the command sends is no news to it.
fn is_for_us_alone(came: &Origin, child: Pid) -> bool {
    let is_sent = matches!(came.cause, Cause::Sent(_));
    is_sent && came.process.is_none_or(|sender| sender.pid != child.as_raw_nonzero().get())
}

fn pass_on(child: Pid, signal: i32) {
    if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        // One that has just ended needs no signal.
        let _ = kill_process(child, signal);
    }
}

fn fate(status: WaitStatus) -> Fate {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Fate::Exited(code.to_le_bytes()[0]),
        (None, signal) => Fate::Died(signal.unwrap_or_default()),
    }
}

impl Run {
    /// Has none of the signals that wait or come end us before we end as the command did. A file
    /// that would be too large is then an error, not a death.
    pub(super) fn hold_signals(&self) {
        let _ = self.signals.handle().add_signal(SIGXFSZ);
    }

    /// The same code, or the same death.
    pub(super) fn end_alike(&self) -> ExitCode {
        match self.fate {
            Fate::Exited(code) => code.into(),
            Fate::Died(signal) => {
                // The core worth having is the command's.
                let none = Rlimit { current: Some(0), maximum: Some(0) };
                let _ = setrlimit(Resource::Core, none);
                let _ = emulate_default_handler(signal);
                // One that nobody knows: its code is what shells would say.
                DIED.wrapping_add(signal.to_le_bytes()[0]).into()
            }
        }
    }
}
