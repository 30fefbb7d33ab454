//! The two programs, and a shell that knows them, in an environment of nobody.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Once};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT};

/// The daemon's program in an environment of nobody.
pub(crate) fn snagd(home: &Path) -> Command {
    bare(env!("CARGO_BIN_EXE_snagd"), home)
}

/// The companion's program in an environment of nobody.
pub(crate) fn snag(home: &Path) -> Command {
    let mut command = bare(env!("CARGO_BIN_EXE_snag"), home);
    command.env("COLUMNS", "100");
    command
}

/// A shell that finds both programs on its path, in an environment of nobody.
pub(crate) fn bare_shell(home: &Path) -> Command {
    let mut command = bare("bash", home);
    let programs = Path::new(env!("CARGO_BIN_EXE_snag")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", programs.display())).arg("-c");
    command
}

/// Whoever runs the tests in the background, or by `nohup`, ignores signals, and so would all that
/// they start. What has a handler here is as usual in a child.
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
        for signal in [SIGHUP, SIGINT, SIGQUIT] {
            if ignored >> (signal - 1) & 1 == 1 {
                signal_hook::flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

pub(crate) fn bare(program: &str, home: &Path) -> Command {
    heed_signals();
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home.join("home")).env("LANG", "C.UTF-8");
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
