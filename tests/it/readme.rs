//! Every command and every shown output of the README is run, in order, against a daemon.
//!
//! A block marked `console` is a transcript: lines that start with `$ ` are run by a shell, what
//! follows is compared. Ids, ports and times differ from run to run and are compared as such.
//! Commands about the days up to 2026-11-23 are asked of a daemon that holds what was met while
//! building snag, all others of an empty one, so that what is told today changes no answer.
//! `UPDATE_README=1 cargo test readme` writes what the commands say now into the README.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Dir, Said, Snagd, bare_shell, redact, snag, until, wait};

fn readme() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// A command of a transcript and what it is shown to say.
struct Step {
    command: String,
    shown: String,
    /// The lines of the README that show it.
    lines: std::ops::Range<usize>,
}

fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in readme.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            let lines = number + 1..number + 1;
            steps.push(Step { command: command.to_owned(), shown: String::new(), lines });
        } else if inside {
            let step = steps.last_mut().expect("a transcript starts with a command");
            step.shown.push_str(line);
            step.shown.push('\n');
            step.lines.end = number + 1;
        }
    }
    steps
}

#[test]
fn every_command_says_what_the_readme_shows() {
    let text = fs::read_to_string(readme()).unwrap();
    let steps = steps(&text);
    assert!(10 < steps.len(), "the README shows {} commands only", steps.len());
    let (empty, dogfood) = (Snagd::start(), Snagd::start());
    dogfood.snag(&["import", &crate::dogfood::file().display().to_string()]).ok();
    let daemon =
        |step: &Step| if step.command.contains("--until 2026-11-23") { &dogfood } else { &empty };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut wrong = Vec::new();
    for step in steps.iter().rev() {
        assert!(!step.command.contains("cargo "), "{}: too long for a transcript", step.command);
    }
    let said: Vec<String> = steps.iter().map(|step| run(daemon(step), &step.command)).collect();
    for (step, said) in steps.iter().zip(&said).rev() {
        if redact(said) != redact(&step.shown) {
            wrong.push(format!("$ {}\n--- shown\n{}\n--- said\n{said}", step.command, step.shown));
            lines.splice(step.lines.clone(), said.lines().map(|line| line.trim_end().to_owned()));
        }
    }
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(readme(), lines.join("\n") + "\n").unwrap();
        return;
    }
    wrong.reverse();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What a shell command says on both streams, as a terminal would show it.
///
/// On a busy machine the daemon may be too slow for `snag log`, which then keeps the event in a file,
/// and says so. Where there is no place for one, it waits. `snag run` never does, so its file is
/// waited for.
fn run(snagd: &Snagd, command: &str) -> String {
    let mut shell = bare_shell(snagd.dir.path());
    shell.arg(format!("{{ {command}\n}} 2>&1"));
    shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
    let may_drop = command.contains("$SNAG_DROP") || command.starts_with("snag run");
    let drop_dir = if may_drop { snagd.drop_dir() } else { "/dev/null/nowhere".into() };
    shell.env("SNAG_DROP", drop_dir).env("SNAG_PERSON", "ana").env("COLUMNS", "100");
    shell.env("SOCKET", snagd.socket()).env("ADDRESS", snagd.address());
    let output = shell.output().unwrap();
    until("what was dropped is taken", || {
        fs::read_dir(snagd.drop_dir()).unwrap().all(|item| item.unwrap().path().is_dir())
    });
    let said = Said::of(command.to_owned(), &output);
    said.stdout.replace(&snagd.dir.path().display().to_string(), "/run/user/1000")
}

#[test]
fn the_two_commands_of_the_set_up_are_there() {
    let text = fs::read_to_string(readme()).unwrap();
    assert!(text.contains("\ncargo install --path . --locked && snag demo\n"), "installs and runs");
    assert!(text.contains("\n.ci/run\n"), "passes every test");
    let run = fs::read_to_string(readme().with_file_name(".ci/run")).unwrap();
    assert!(run.contains("cargo test"), "and that command runs the tests");
}

#[test]
fn every_configuration_key_is_documented() {
    let text = fs::read_to_string(readme()).unwrap();
    for key in snag::daemon::KEYS {
        assert!(text.contains(&format!("| `{key}` |")), "the key {key}");
    }
}

#[test]
fn what_hotspots_print_is_shown_as_it_is() {
    let text = fs::read_to_string(readme()).unwrap();
    let shown = text.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let shown: String = shown.lines().map(str::trim_start).collect();
    let answer: snag::index::HotspotsAnswer = serde_json::from_str(&shown).unwrap();
    assert_eq!(serde_json::to_string(&answer).unwrap(), shown);
}

#[test]
fn what_promises_are_held_by_is_there() {
    let text = fs::read_to_string(readme()).unwrap();
    let (_, rows) = text.split_once("| held by |\n|---|---|---|\n").unwrap();
    let mut held = 0;
    for row in rows.lines().take_while(|line| line.starts_with('|')) {
        let by = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap();
        for path in by.split('`').skip(1).step_by(2).filter(|said| said.contains('/')) {
            assert!(readme().with_file_name(path).exists(), "{path}");
            held += 1;
        }
    }
    assert!(20 < held, "{held} files only");
}

#[test]
fn the_demo_shows_a_month_and_stays_until_ctrl_c() {
    let dir = Dir::new();
    let log = fs::File::create(dir.path().join("said")).unwrap();
    let mut demo = snag(dir.path())
        .args(["demo", "--dir"])
        .arg(dir.path().join("demo"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(dir.path().join("said")).unwrap();
    until("the demo is ready", || {
        assert!(demo.try_wait().unwrap().is_none(), "{}", said());
        said().contains("Ctrl-C ends the demo")
    });
    let text = said();
    assert!(text.contains("web/checkout/pay") && text.contains("spread over 3 of 3"), "{text}");
    // What it says to try works.
    let url = text.lines().find_map(|line| line.trim().strip_prefix("export SNAG_URL=")).unwrap();
    let tried: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("  snag ")).collect();
    assert!(3 <= tried.len(), "{text}");
    for command in tried {
        let mut shell = bare_shell(dir.path());
        shell.arg(format!("snag {command}")).env("SNAG_URL", url);
        let said = Said::of(command.to_owned(), &shell.output().unwrap()).ok();
        assert!(!said.stdout.is_empty(), "{said:#?}");
    }
    assert!(demo.try_wait().unwrap().is_none(), "it stays");
    let pid = demo.id().to_string();
    assert!(
        Command::new("kill").args(["-INT", &pid]).stdin(Stdio::null()).status().unwrap().success()
    );
    assert!(wait(&mut demo).expect("it ends").success(), "{}", said());
    assert!(dir.path().join("demo/journal").exists(), "a directory of one's own is kept");
    let socket = dir.path().join("demo/snag.sock");
    until("its daemon is gone", || !socket.exists());
}

#[test]
fn a_demo_whose_terminal_is_closed_leaves_nothing() {
    let dir = Dir::new();
    let log = fs::File::create(dir.path().join("said")).unwrap();
    let mut demo = snag(dir.path())
        .arg("demo")
        .env("TMPDIR", dir.path())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let said = || fs::read_to_string(dir.path().join("said")).unwrap();
    until("the demo is ready", || said().contains("Ctrl-C ends the demo"));
    let left = || {
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("snag-demo-")).count()
    };
    assert_eq!(left(), 1);
    let pid = demo.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    assert!(wait(&mut demo).expect("it ends").success(), "{}", said());
    assert_eq!(left(), 0);
}
