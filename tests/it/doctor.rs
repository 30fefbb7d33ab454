//! `snag doctor` on machines with something wrong: it is found, named, and ends in what to do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::harness::{Dir, Said, Snagd, snag};

/// What is not fine: about what, and what is said.
fn bad(said: &Said) -> Vec<(String, String)> {
    let report = said.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let bad: Vec<_> = findings.iter().filter(|finding| finding["grade"] != "fine").collect();
    assert!(bad.iter().all(|finding| finding["do"].is_string()), "each says what to do: {said:#?}");
    bad.iter().map(|finding| (text(&finding["about"]), text(&finding["says"]))).collect()
}

/// One thing is not fine.
#[track_caller]
fn only(said: &Said, about: &str, says: &str) {
    let bad = bad(said);
    assert!(bad.len() == 1 && bad[0].0 == about && bad[0].1.contains(says), "{bad:#?}");
}

#[test]
fn a_healthy_snag_is_told_so() {
    let snagd = Snagd::start();
    let said = snagd.snag(&["doctor"]).ok();
    assert!(said.stdout.ends_with("\nall is well\n") && said.stderr.is_empty(), "{said:#?}");
    assert!(said.stdout.lines().filter(|line| line.starts_with('✓')).count() > 10, "{said:#?}");
    let said = snagd.snag(&["doctor", "--json"]).ok();
    assert!(bad(&said).is_empty(), "{said:#?}");
    assert_eq!(said.json()["v"], 1);
    let ascii = snagd.snag_with(&["doctor"], |command| {
        command.env("LANG", "C");
    });
    assert!(ascii.ok().stdout.is_ascii());
}

#[test]
fn no_daemon_is_wrong() {
    let dir = Dir::new();
    let said = Said::new(snag(dir.path()).args(["doctor", "--json"]), &["doctor"]).ended(1);
    only(&said, "daemon", "no snagd answers at unix:");
    let args = ["log", "web/a", "nobody listens"];
    Said::new(snag(dir.path()).args(args), &args).ok();
    let said = Said::new(snag(dir.path()).args(["doctor", "--json"]), &["doctor"]).ended(1);
    assert_eq!(bad(&said)[1].0, "drop", "{said:#?}");
    for nowhere in [("SNAG_DROP", "/dev/null/drop"), ("XDG_STATE_HOME", "/dev/null")] {
        let mut command = snag(dir.path());
        let command = command.args(["doctor", "--json"]).env(nowhere.0, nowhere.1);
        let said = Said::new(command, &["doctor"]).ended(1);
        let found = bad(&said).into_iter().find(|(about, _)| about == "keeping");
        assert!(found.unwrap().1.contains("/dev/null cannot be written to"), "{said:#?}");
        assert!(!said.stdout.contains("meanwhile is kept"), "{said:#?}");
    }
}

#[test]
fn a_token_that_others_can_read_or_that_is_another() {
    let snagd = Snagd::start();
    let token = snagd.state().join("token");
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    only(&snagd.snag(&["doctor", "--json"]).ended(1), "token", "read by others (mode 0644)");
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    fs::write(&token, format!("snag_{}\n", "x".repeat(43))).unwrap();
    only(&snagd.snag(&["doctor", "--json"]).ended(1), "tcp", "does not take the token");
    let url = format!("http://{}", snagd.address());
    let over_tcp = snagd.snag_with(&["doctor", "--json"], |command| {
        command.env("SNAG_URL", url).env("SNAG_TOKEN", "snag_wrong");
    });
    only(&over_tcp.ended(1), "token", "lets nobody read with this token");
}

#[test]
fn files_that_were_rejected() {
    let snagd = Snagd::start();
    let dir = snagd.drop_dir();
    fs::write(dir.join(".x"), "nonsense").unwrap();
    fs::rename(dir.join(".x"), dir.join("x.json")).unwrap();
    let rejected = dir.join("rejected/x.json.why");
    crate::harness::until("it is rejected", || rejected.exists() && !dir.join("x.json").exists());
    only(&snagd.snag(&["doctor", "--json"]).ended(1), "drop", "1 file was not recorded");
}

#[test]
fn events_that_wait_for_another_daemon() {
    let snagd = Snagd::start();
    let log = ["log", "web/a", "x", "--url", "unix:/nowhere/snag.sock"];
    let said = snagd.snag_with(&log, |command| {
        command.env_remove("SNAG_DROP");
    });
    said.ok();
    let said = snagd.snag(&["doctor", "--json"]).ok();
    only(&said, "outbox", "1 event waits for unix:/nowhere/snag.sock");
}

#[test]
fn a_configuration_that_snagd_would_not_start_with() {
    let snagd = Snagd::start();
    let config = snagd.path("home/.config/snag");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("snagd.toml"), "names = \"team\"\nsokcet = \"/x\"\n").unwrap();
    let said = snagd.snag(&["doctor", "--json"]).ended(1);
    only(&said, "config", "snagd.toml:2: there is no key `sokcet`: did you mean `socket`?");
}

#[test]
fn a_daemon_that_hangs() {
    let snagd = Snagd::start();
    snagd.signal("STOP");
    // Ends, or the test waits for ever; by itself, within seconds.
    let said = snagd.snag(&["doctor", "--json"]).ended(1);
    snagd.signal("CONT");
    only(&said, "daemon", "takes connections and does not answer");
}
