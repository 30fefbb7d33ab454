//! strace: watches system calls, and makes them fail.
//!
//! An injection counts calls per thread, and only those of the paths it is told. That anything was
//! injected at all must be asserted: a fault that never struck proves nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::{Snagd, until, wait};

/// A strace at work on a running daemon.
pub(super) struct Strace {
    child: Child,
    log: PathBuf,
}

impl Strace {
    /// Attaches to a daemon, and returns when it has: from then on calls fail as `inject` says, on
    /// these paths.
    pub(super) fn inject(snagd: &Snagd, inject: &str, paths: &[PathBuf]) -> Self {
        let log = snagd.path("strace");
        let mut command = Command::new("strace");
        command.args(injecting(&log, inject, paths));
        command.args(["-p", &snagd.child.id().to_string()]);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("strace is installed");
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        while !said.contains(" attached") {
            let read = stderr.read_line(&mut said).unwrap();
            assert_ne!(
                read, 0,
                "strace cannot attach (root may, and anyone where kernel.yama.ptrace_scope is 0): {said}"
            );
        }
        // Kept open, or strace would be told of a broken pipe.
        child.stderr = Some(stderr.into_inner());
        Self { child, log }
    }

    /// How often a call was made to fail.
    pub(super) fn injected(&self) -> usize {
        injected(&self.log)
    }

    /// Lets go: from then on nothing fails any more.
    pub(super) fn detach(&mut self) {
        let pid = self.child.id().to_string();
        // It is gone already where the daemon is.
        let _ = Command::new("kill").arg(pid).stderr(Stdio::null()).status();
        wait(&mut self.child).expect("strace lets go");
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("strace:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that runs a daemon whose calls fail on these paths from the first on. strace is beside the
/// daemon, not above it, so that the daemon is still our child.
pub(crate) fn around(log: &Path, inject: &str, paths: &[PathBuf]) -> Vec<String> {
    let mut around = vec!["strace".to_owned(), "-D".to_owned()];
    around.extend(injecting(log, inject, paths));
    around
}

/// Has a strace that was begun with the daemon let go of it; it heeds no other signal.
pub(crate) fn let_go(snagd: &Snagd) {
    let tracer = || {
        let status = fs::read_to_string(format!("/proc/{}/status", snagd.child.id())).unwrap();
        status.lines().find_map(|line| Some(line.strip_prefix("TracerPid:")?.trim().to_owned()))
    };
    let pid = tracer().unwrap();
    assert_ne!(pid, "0", "strace is there");
    let status = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    assert!(status.success(), "strace is there");
    until("strace lets go", || tracer().unwrap() == "0");
}

/// The arguments that make calls fail on these paths.
fn injecting(log: &Path, inject: &str, paths: &[PathBuf]) -> Vec<String> {
    let call = inject.split(':').next().unwrap();
    let mut args = vec!["-f".to_owned(), "-o".to_owned(), log.display().to_string()];
    for path in paths {
        args.extend(["-P".to_owned(), path.display().to_string()]);
    }
    args.extend(["-e".to_owned(), format!("trace={call}")]);
    args.extend(["-e".to_owned(), format!("inject={inject}")]);
    args
}

/// How many injections a log tells of.
pub(super) fn injected(log: &Path) -> usize {
    fs::read_to_string(log).unwrap_or_default().matches("(INJECTED)").count()
}
