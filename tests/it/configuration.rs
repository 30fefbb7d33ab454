//! The configuration: mistakes, what is in force, and changes while the daemon runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::{Answer, Dir, Said, Snagd, snagd, until};
use crate::life::ends;

#[test]
fn a_bad_configuration_names_file_line_and_key() {
    let dir = Dir::new();
    let config = dir.path().join("snagd.toml");
    let path = config.display().to_string();
    let bad = [
        ("lisen = \"none\"\n", ":1: there is no key `lisen`: did you mean `listen`?"),
        ("\nnames = \"nobody\"\n", ":2: "),
        ("listen = 7624\n", ":1: "),
        ("listen = \"localhost\"\n", "127.0.0.1:7624"),
        ("state_dir = \"relative\"\n", "absolute"),
        ("names = \"own\"\nlisten = \"0.0.0.0:0\"\n", "snagd.toml:2: 0.0.0.0:0 can be reached"),
    ];
    for (text, reason) in bad {
        fs::write(&config, text).unwrap();
        let said = ends(&dir, &["--config", &path]).ended(78);
        assert!(said.stderr.contains(reason), "{text}: {said:#?}");
    }
    let said = ends(&dir, &["--config", "/nonexistent/snagd.toml"]).ended(78);
    assert!(said.stderr.contains("cannot be read"), "{said:#?}");
    let said = ends(&dir, &["--listen", "nowhere"]).ended(2);
    assert!(said.stderr.contains("write it like 127.0.0.1:7624"), "{said:#?}");
}

/// A daemon that reads this file; its path.
fn with_file(text: &str) -> (Snagd, std::path::PathBuf) {
    let dir = Dir::new();
    let file = dir.path().join("snagd.toml");
    fs::write(&file, text).unwrap();
    let path = file.display().to_string();
    (Snagd::start_with(dir, &["--config", &path]), file)
}

/// A request over TCP to this host; 421 where it is not allowed, else 401: there is no token.
fn ask(snagd: &Snagd, host: &str) -> Answer {
    snagd.ask_tcp(&format!("GET /v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
}

fn log_says(snagd: &Snagd, what: &str) {
    until(what, || snagd.log().contains(what));
}

/// What editors do: a new file in the place of the old one.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn check_config_says_what_is_in_force_and_who_says_so() {
    let dir = Dir::new();
    let file = dir.path().join("snagd.toml");
    fs::write(&file, "person = \"ana\"\nstate_dir = \"/a\"\nnames = \"own\"\n").unwrap();
    let path = file.display().to_string();
    let mut command = snagd(dir.path());
    command.args(["--state-dir", "/b", "check-config", &path]).env("SNAGD_DROP_DIR", "/c");
    let said = Said::of("snagd check-config".to_owned(), &command.output().unwrap()).ended(0);
    let expected = [
        &format!("# {path} can be used."),
        "state_dir = \"/b\"           # flag",
        "socket = \"/b/snag.sock\"    # default",
        "listen = \"127.0.0.1:7624\"  # default",
        "drop_dir = \"/c\"            # environment",
        "person = \"ana\"             # file",
        "names = \"own\"              # file",
        "allowed_hosts = []         # default",
        "origins = []               # default",
        "behind_proxy = false       # default",
        "retention = \"off\"          # default",
        "retention_size = \"off\"     # default",
        "watch = []                 # default",
        "rules = []                 # default",
    ];
    assert_eq!(said.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(said.stderr, "");
    // What it prints is a configuration file that says the same.
    let printed = dir.path().join("printed.toml");
    fs::write(&printed, &said.stdout).unwrap();
    let again = ends(&dir, &["check-config", &printed.display().to_string()]).ended(0);
    let keys = |text: &str| -> Vec<String> {
        text.lines().skip(1).map(|line| line.split("  #").next().unwrap().trim().into()).collect()
    };
    assert_eq!(keys(&again.stdout), keys(&said.stdout));
    let said = ends(&dir, &["check-config"]).ended(0);
    assert!(said.stdout.starts_with("# There is no "), "{said:#?}");
}

#[test]
fn check_config_refuses_what_a_start_would() {
    let dir = Dir::new();
    let file = dir.path().join("snagd.toml");
    let path = file.display().to_string();
    fs::write(&file, "\nsokcet = \"/a\"\n").unwrap();
    let said = ends(&dir, &["check-config", &path]).ended(78);
    let told = format!("snagd: {path}:2: there is no key `sokcet`: did you mean `socket`?\n");
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", told.as_str()));
    fs::write(&file, "listen = \"0.0.0.0:7624\"\n").unwrap();
    let said = ends(&dir, &["check-config", &path]).ended(78);
    assert!(said.stderr.contains("allowed_hosts"), "{said:#?}");
    let said = ends(&dir, &["check-config", &dir.path().display().to_string()]).ended(78);
    assert!(said.stderr.contains("cannot be read: Is a directory"), "{said:#?}");
}

#[test]
fn a_change_is_in_force_at_once_however_it_is_written() {
    let (snagd, file) = with_file("");
    ask(&snagd, "one.example").tells(421, "allowed_hosts");
    // In place, as `echo` and some editors do.
    fs::write(&file, "allowed_hosts = [\"one.example\"]\n").unwrap();
    log_says(&snagd, "the configuration changed: allowed_hosts: [] -> [\"one.example\"]");
    ask(&snagd, "one.example").is(401);
    // By a new file in its place, as most do.
    replace(&file, "allowed_hosts = [\"one.example\"]\nnames = \"team\"\nperson = \"zoe\"\n");
    log_says(&snagd, "names: own -> team");
    assert_eq!(snagd.get("/v1/status").json()["you"]["person"], "zoe");
    // Over a link that is made to point elsewhere, and then through it.
    let real = snagd.path("real.toml");
    fs::write(&real, "allowed_hosts = [\"two.example\"]\n").unwrap();
    let link = snagd.path("link");
    symlink(&real, &link).unwrap();
    fs::rename(&link, &file).unwrap();
    log_says(&snagd, "allowed_hosts: [\"one.example\"] -> [\"two.example\"]");
    replace(&real, "allowed_hosts = [\"three.example\"]\n");
    log_says(&snagd, "allowed_hosts: [\"two.example\"] -> [\"three.example\"]");
    ask(&snagd, "three.example").is(401);
    ask(&snagd, "one.example").tells(421, "allowed_hosts");
}

#[test]
fn an_invalid_change_is_refused_and_the_old_one_stays() {
    let (mut snagd, file) = with_file("allowed_hosts = [\"one.example\"]\n");
    replace(&file, "allowed_hosts = []\nnames = \"everybody\"\n");
    log_says(&snagd, "snagd.toml:2: `names` cannot be `everybody`: write `\"own\"` or `\"team\"`");
    log_says(&snagd, "the configuration stays as it was: ");
    ask(&snagd, "one.example").is(401);
    // Gone is as bad as wrong where somebody named it.
    fs::remove_file(&file).unwrap();
    log_says(&snagd, "snagd.toml cannot be read: No such file");
    ask(&snagd, "one.example").is(401);
    replace(&file, "allowed_hosts = [\"one.example\"]\n");
    log_says(&snagd, "the configuration was read again and is as before");
    replace(&file, "allowed_hosts = [\"two.example\"]\n");
    log_says(&snagd, "allowed_hosts: [\"one.example\"] -> [\"two.example\"]");
    snagd.stop();
}

#[test]
fn what_cannot_change_while_it_runs_says_so() {
    let (snagd, file) = with_file("drop_dir = \"/nonexistent/drop\"\n");
    // The flags of the test win over the file's state_dir, socket and listen.
    let text = "state_dir = \"/a\"\nsocket = \"/a.sock\"\nlisten = \"none\"\n";
    replace(&file, &format!("{text}names = \"team\"\n"));
    log_says(&snagd, "the configuration changed: names: own -> team");
    let drop_dir = snagd.drop_dir();
    let told =
        format!("this needs a restart: drop_dir: /nonexistent/drop -> {}", drop_dir.display());
    log_says(&snagd, &told);
    assert!(!snagd.log().contains("state_dir:"), "{}", snagd.log());
    replace(&file, &format!("{text}drop_dir = \"/nonexistent/drop\"\nnames = \"own\"\n"));
    log_says(&snagd, "the configuration changed: names: team -> own");
    assert_eq!(snagd.log().matches("needs a restart").count(), 1, "{}", snagd.log());
}

#[test]
fn beyond_this_machine_the_guards_cannot_be_taken_away() {
    let dir = Dir::new();
    let file = dir.path().join("snagd.toml");
    let guarded = "behind_proxy = true\nallowed_hosts = [\"snag.acme.example\"]\n";
    fs::write(&file, guarded).unwrap();
    let path = file.display().to_string();
    let snagd = Snagd::start_with(dir, &["--config", &path, "--listen", "0.0.0.0:0"]);
    replace(&file, "behind_proxy = true\n");
    log_says(&snagd, "can be reached from other machines");
    replace(&file, &format!("{guarded}names = \"team\"\n"));
    log_says(&snagd, "the configuration changed: names: own -> team");
    assert!(!snagd.log().contains("changed: allowed_hosts"), "{}", snagd.log());
}

#[test]
fn a_file_that_is_made_later_is_noticed() {
    let snagd = Snagd::start();
    let dir = snagd.path("home/.config/snag");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("snagd.toml"), "names = \"team\"\n").unwrap();
    log_says(&snagd, "the configuration changed: names: own -> team");
    fs::remove_dir_all(&dir).unwrap();
    log_says(&snagd, "the configuration changed: names: team -> own");
    fs::create_dir_all(&dir).unwrap();
    replace(&dir.join("snagd.toml"), "names = \"team\"\n");
    until("it is noticed again", || snagd.log().matches("own -> team").count() == 2);
}

#[test]
fn a_daemon_that_starts_anew_keeps_the_configuration_it_had() {
    let (mut snagd, file) = with_file("person = \"ana\"\n");
    snagd.post(r#"{"place":"web/a","note":"one"}"#).is(201);
    snagd.post(r#"{"place":"web/b","note":"two"}"#).is(201);
    replace(&file, "person = \"ana\"\nnames = \"teem\"\n");
    log_says(&snagd, "the configuration stays as it was");
    let forgot = snagd.snag(&["forget", "--place", "web/a", "--yes"]).ok();
    assert!(forgot.stdout.contains("1 event"), "{forgot:#?}");
    log_says(&snagd, "starting anew");
    until("it records again", || snagd.post(r#"{"place":"web/b","note":"three"}"#).status == 201);
    assert_eq!(snagd.events().len(), 2);
    assert_eq!(snagd.events()[0]["person"], "ana");
    snagd.stop();
}
