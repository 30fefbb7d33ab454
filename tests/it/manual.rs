//! The man pages: one for each command, those below others too, and one for snagd, of which no formatter
//! complains.

use std::fs;
use std::process::Command;

use crate::harness::{Dir, Said, snag, snagd};

#[test]
fn every_page_is_whole_and_well_formed() {
    let dir = Dir::new();
    let pages = dir.path().join("man");
    let args = ["man", pages.to_str().unwrap()];
    let mut command = snag(dir.path());
    command.args(args).env("SOURCE_DATE_EPOCH", "1700000000");
    Said::new(&mut command, &args).ok();
    let daemon = Said::new(snagd(dir.path()).arg("man"), &["man"]).ok();
    fs::write(pages.join("snagd.8"), daemon.stdout).unwrap();

    let mut names: Vec<_> = fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let help = Said::new(snag(dir.path()).arg("help"), &["help"]).ok().stdout;
    for name in &names {
        let name = name.file_name().into_string().unwrap();
        if let Some(command) = name.strip_prefix("snag-").and_then(|rest| rest.strip_suffix(".1")) {
            let mut above = command.match_indices('-').map(|(at, _)| &command[..at]);
            let is_listed = |command: &str| help.contains(&format!("\n  {command} "));
            assert!(is_listed(command) || above.any(is_listed), "`snag help` lists {command}");
        }
    }
    assert!(10 < names.len(), "{names:?}");
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    let title = page("snag.1").lines().nth(2).map(str::to_owned);
    assert_eq!(title.as_deref(), Some(".TH SNAG 1 2023-11-14 \"snag 0.1.0\" snag"));
    for (name, sections) in [
        (
            "snag.1",
            &["COMMANDS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"][..],
        ),
        ("snagd.8", &["SIGNALS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES"]),
        ("snag-log.1", &["OPTIONS", "EXAMPLES"]),
        ("snag-session.1", &["COMMANDS", "EXAMPLES"]),
        ("snag-session-note.1", &["OPTIONS", "EXAMPLES"]),
    ] {
        for section in sections {
            let title = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            assert!(title.iter().any(|title| page(name).contains(title)), "{name}: {section}");
        }
    }
    // `.ci/run` installs it; without it there is nobody to complain.
    for entry in names {
        let mut lint = Command::new("mandoc");
        lint.args(["-T", "lint", "-W", "warning"]).arg(entry.path());
        let Ok(said) = lint.output() else { return };
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    }
}

#[test]
fn help_on_a_command_below_another_is_its_own() {
    let dir = Dir::new();
    let help = |args: &[&str]| Said::new(snag(dir.path()).args(args), args);
    let page = help(&["session", "note", "--help"]).ok().stdout;
    assert!(page.contains("Usage: snag session note"), "{page}");
    assert_eq!(help(&["help", "session", "note"]).ok().stdout, page);
    let near = help(&["help", "session", "nte"]).ended(2);
    assert!(near.stderr.contains("did you mean `snag help session note`?"), "{near:#?}");
}
