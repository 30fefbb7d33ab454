//! The shell hook: how much later the next prompt comes behind a command that is watched.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::results::{ANY_SIZE, reached};
use crate::server::Server;
use crate::{ms, say};

/// How often the command is typed into each shell, beside a few times to warm up.
const TIMES: usize = 200;
const WARM: usize = 10;
/// A shell that shows nothing for so long has nothing more to show.
const QUIET: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
const PROMPT: &str = "@@ ";
/// The product's command line, which says when it is done.
const ACME: &str = "#!/bin/sh\necho DONE\n";
const DONE: &str = "DONE";

struct Kind {
    name: &'static str,
    args: &'static [&'static str],
    prompt: &'static str,
    hook: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "bash",
        args: &["--noprofile", "--rcfile", "rc", "-i"],
        prompt: "PS1='@@ '",
        hook: "eval \"$(snag hook bash)\"",
    },
    Kind {
        name: "zsh",
        args: &["-d", "-i"],
        prompt: "PS1='@@ '",
        hook: "eval \"$(snag hook zsh)\"",
    },
    Kind {
        name: "fish",
        args: &["-i", "-C", "source rc"],
        prompt: "function fish_prompt; echo -n '@@ '; end",
        hook: "snag hook fish | source",
    },
];

/// Types a command into each shell that there is, with the hook and without, in turns.
pub(crate) fn prompts(snagd: &Server) -> anyhow::Result<()> {
    say(
        "\na prompt behind a watched command, ms  without: p10 median   p90     with: p10 median   p90",
    );
    let bin = snagd.path("bin");
    fs::create_dir_all(&bin)?;
    fs::write(bin.join("acme"), ACME)?;
    fs::set_permissions(bin.join("acme"), Permissions::from_mode(0o755))?;
    symlink(env!("CARGO_BIN_EXE_snag"), bin.join("snag"))?;
    for kind in &KINDS {
        let is_there = |dir: &str| Path::new(dir).join(kind.name).exists();
        if !["/bin", "/usr/bin"].into_iter().any(is_there) {
            say(&format!("  {} is not installed", kind.name));
            continue;
        }
        let mut shells = [Shell::start(snagd, kind, false)?, Shell::start(snagd, kind, true)?];
        let mut took = [Vec::new(), Vec::new()];
        for nth in 0..WARM + TIMES {
            for which in [nth % 2, 1 - nth % 2] {
                let one = shells[which].run("acme deploy")?;
                if WARM <= nth {
                    took[which].push(one);
                }
            }
        }
        let [without, with] = took.map(|mut took| {
            took.sort_unstable();
            [10, 50, 90].map(|share| ms(took[took.len() * share / 100]))
        });
        let show = |took: [f64; 3]| took.map(|took| format!("{took:>7.1}")).concat();
        say(&format!("  {:<42} {}       {}", kind.name, show(without), show(with)));
        let what = format!("{}'s prompt behind a watched command, beyond one not", kind.name);
        reached(&what, ANY_SIZE, with[1] - without[1]);
    }
    Ok(())
}

/// A shell on a terminal of its own.
struct Shell {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
}

impl Shell {
    fn start(snagd: &Server, kind: &Kind, is_hooked: bool) -> anyhow::Result<Self> {
        let home = snagd.path(&format!("{}-{is_hooked}", kind.name));
        let config = home.join(".config/snag");
        fs::create_dir_all(&config)?;
        // Where there are none yet, fish makes completions of all manuals, in processes of its own.
        fs::create_dir_all(home.join(".local/share/fish/generated_completions"))?;
        fs::write(config.join("snagd.toml"), "watch = ['acme', 'acme *']\n")?;
        let hook = if is_hooked { kind.hook } else { "" };
        for file in ["rc", ".zshrc"] {
            fs::write(home.join(file), format!("{}\n{hook}\n", kind.prompt))?;
        }
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait", kind.name]).args(kind.args).current_dir(&home);
        command.env_clear().env("TERM", "dumb").env("HOME", &home).env("ZDOTDIR", &home);
        command.env("PATH", format!("{}:/usr/bin:/bin", snagd.path("bin").display()));
        command.env("XDG_RUNTIME_DIR", &home).env("SNAG_URL", snagd.unix().to_string());
        let mut shell = Self::on_a_terminal(command)?;
        shell.shows(|shown| shown.contains(PROMPT))?;
        Ok(shell)
    }

    fn on_a_terminal(mut command: Command) -> anyhow::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?.into_string()?;
        let slave = OpenOptions::new().read(true).write(true).open(name)?;
        let stream = || slave.try_clone().map(OwnedFd::from);
        let child = command.stdin(stream()?).stdout(stream()?).stderr(stream()?).spawn()?;
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone()?;
        let (shown, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error once nobody has the other side open.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if shown.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, keyboard, screen })
    }

    /// How long it takes from the Enter behind a command to the next prompt.
    fn run(&mut self, command: &str) -> anyhow::Result<Duration> {
        self.keyboard.write_all(command.as_bytes())?;
        while self.screen.recv_timeout(QUIET).is_ok() {}
        let entered = Instant::now();
        self.keyboard.write_all(b"\r")?;
        let is_back = |shown: &str| {
            shown.rsplit_once(DONE).is_some_and(|(_, behind)| behind.contains(PROMPT))
        };
        self.shows(is_back)?;
        let took = entered.elapsed();
        while self.screen.recv_timeout(QUIET).is_ok() {}
        Ok(took)
    }

    /// Waits until it has shown what is waited for.
    fn shows(&mut self, is_it: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let mut shown = String::new();
        while !is_it(&shown) {
            let more = self.screen.recv_timeout(PATIENCE);
            let more = more.with_context(|| format!("the shell shows no prompt:\n{shown}"))?;
            shown += &String::from_utf8_lossy(&more);
        }
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
