//! What systemd is asked and told, through `systemctl`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::Serialize;

use super::Scope;
use crate::stop::{Code, stop};

/// What systemd says of the service.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct State {
    /// `active`, `inactive`, `failed` or what it is on its way to.
    pub(crate) active: String,
    /// Whether it starts by itself.
    pub(crate) is_enabled: bool,
    /// How it ended last: `success`, `exit-code`, `watchdog`, …
    pub(crate) result: String,
    /// What snagd said of itself last.
    pub(crate) says: String,
    /// How often systemd started it anew.
    pub(crate) restarts: u64,
    /// What is run.
    pub(crate) program: Option<PathBuf>,
}

/// Refuses where there is no systemd to be asked.
pub(super) fn require(scope: Scope) -> anyhow::Result<()> {
    let is_booted = Path::new("/run/systemd/system").is_dir();
    let why = match scope {
        _ if !is_booted => {
            "no systemd runs this machine: run `snagd` itself, or have it run by what starts programs here"
        }
        Scope::User if !has_manager() => {
            "no systemd of your own runs here: `loginctl enable-linger` and a new login bring one, or run `snagd` itself"
        }
        _ => return Ok(()),
    };
    Err(stop(Code::Unavailable, why))
}

/// Whether the user has a manager to talk to.
fn has_manager() -> bool {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.is_some_and(|runtime| runtime.join("systemd/private").exists())
}

/// Runs a program that must succeed, and gives what it printed.
pub(super) fn run(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let said = Command::new(program).args(args).output();
    let said = said.with_context(|| format!("`{program}` cannot be run"))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&said.stderr);
    let line = errors.lines().find(|line| !line.is_empty()).unwrap_or("it does not say why");
    anyhow::bail!("`{program} {}` failed: {line}", args.join(" "))
}

/// Tells the manager of that scope.
pub(super) fn tell(scope: Scope, args: &[&str]) -> anyhow::Result<String> {
    match scope {
        Scope::System => run("systemctl", args),
        Scope::User => run("systemctl", &[&["--user"], args].concat()),
    }
}

/// How the service is.
pub(super) fn state(scope: Scope) -> anyhow::Result<State> {
    let properties = "ActiveState,UnitFileState,Result,StatusText,NRestarts,ExecStart";
    Ok(read(&tell(scope, &["show", "--property", properties, "snagd.service"])?))
}

fn read(shown: &str) -> State {
    let mut state = State::default();
    for (key, value) in shown.lines().filter_map(|line| line.split_once('=')) {
        let value = value.trim();
        match key {
            "ActiveState" => value.clone_into(&mut state.active),
            "UnitFileState" => state.is_enabled = value == "enabled",
            "Result" => value.clone_into(&mut state.result),
            "StatusText" => value.clone_into(&mut state.says),
            "NRestarts" => state.restarts = value.parse().unwrap_or(0),
            // { path=/usr/bin/snagd ; argv[]=… }
            "ExecStart" => {
                let path = value.strip_prefix("{ path=").and_then(|rest| rest.split(" ; ").next());
                state.program = path.map(PathBuf::from);
            }
            _ => {}
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows() {
        let state = read(
            "Result=exit-code\nNRestarts=10\nExecStart={ path=/usr/bin/snagd ; argv[]=snagd --state-dir /var/lib/snag ; ignore_errors=no }\nActiveState=failed\nStatusText=the disk failed: a=b\nUnitFileState=enabled\n",
        );
        assert_eq!((state.active.as_str(), state.result.as_str()), ("failed", "exit-code"));
        assert_eq!((state.says.as_str(), state.restarts), ("the disk failed: a=b", 10));
        assert_eq!(state.program, Some("/usr/bin/snagd".into()));
        assert!(state.is_enabled);
        let none = read("Result=success\nActiveState=inactive\nUnitFileState=\nStatusText=\n");
        assert_eq!(
            (none.active.as_str(), none.is_enabled, none.program),
            ("inactive", false, None)
        );
    }
}
