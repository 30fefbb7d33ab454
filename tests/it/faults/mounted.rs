//! A small file system of its own for a daemon's state, in a mount namespace that nobody else sees.
//!
//! Root makes one as it is, anybody else in a user namespace, where there are such. A process that
//! only waits holds it, so that daemons can come and go.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::harness::{Dir, Snagd};

/// A mounted file system, and the process that holds its namespace.
pub(super) struct Mounted {
    holder: Child,
    /// The words of `nsenter`, so far as they depend on who we are.
    enter: Vec<String>,
    state: PathBuf,
}

/// Mounts what the script says on `$1`, then waits until its standard input ends.
const HOLD: &str = r"{ MOUNT; } && echo mounted && exec cat";

impl Mounted {
    /// Mounts on the state directory in `dir`, by a shell command that finds it as `$1`; what went
    /// wrong where that cannot be done here.
    pub(super) fn new(dir: &Dir, mount: &str) -> Result<Self, String> {
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let (unshare, enter): (&[&str], &[&str]) = if is_root() {
            (&["--mount"], &["--mount"])
        } else {
            let user = ["--user", "--map-root-user", "--mount"];
            (&user.clone(), &["--user", "--preserve-credentials", "--mount"])
        };
        let mut command = Command::new("unshare");
        command.args(unshare).args(["--propagation", "private", "sh", "-c"]);
        command.arg(HOLD.replace("MOUNT", mount)).arg("sh").arg(&state);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut holder = command.spawn().expect("util-linux is installed");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "mounted\n" {
            let output = holder.wait_with_output().unwrap();
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let may_not = ["not permitted", "ermission denied"].iter().any(|no| why.contains(no));
            // Whoever may mount what he will has no excuse.
            assert!(may_not || !is_root() || !Path::new("/dev/loop-control").exists(), "{why}");
            return Err(why);
        }
        let mut words = vec!["nsenter".to_owned(), "--target".to_owned(), holder.id().to_string()];
        words.extend(enter.iter().map(|&word| word.to_owned()));
        Ok(Self { holder, enter: words, state })
    }

    /// A daemon that stores there.
    pub(super) fn snagd(&self, dir: Dir) -> Snagd {
        let words: Vec<&str> = self.enter.iter().map(String::as_str).collect();
        Snagd::start_around(dir, &words)
    }

    /// A path below the state directory, as it is seen from outside.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.state.strip_prefix(Path::new("/")).unwrap()).join(below)
    }

    /// Runs a shell command in there; it finds the state directory as `$1`.
    pub(super) fn run(&self, script: &str) -> Output {
        let mut command = Command::new(&self.enter[0]);
        command.args(&self.enter[1..]).args(["sh", "-c", script, "sh"]).arg(&self.state);
        command.output().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // With its last process the namespace goes, and what is mounted in it.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Whether we may mount without ado.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
