//! Files of somebody else: what root does for a daemon is the daemon's, who may not look is told who
//! may, and looking takes nothing but reading.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::mounted::{Mounted, is_root};
use super::not_tried;
use crate::harness::{Dir, Said, Snagd, snag, snagd};

/// The user `nobody`.
const NOBODY: u32 = 65_534;

/// Gives all below a directory to a user.
fn give(dir: &Path, uid: u32) {
    chown(dir, Some(uid), Some(uid)).unwrap();
    for path in below(dir) {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            paths.extend(below(&path));
        }
        paths.push(path);
    }
    paths
}

fn of_root(dir: &Path) -> Vec<String> {
    let mut paths = below(dir);
    paths.retain(|path| fs::symlink_metadata(path).unwrap().uid() == 0);
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// A daemon that has recorded something and stopped.
fn stopped() -> Snagd {
    let mut daemon = Snagd::start();
    daemon.post(r#"{"place":"web/a","note":"x"}"#).is(201);
    daemon.stop();
    daemon
}

fn care(daemon: &Snagd, command: &str) -> Said {
    let mut snagd = snagd(daemon.dir.path());
    Said::new(snagd.arg(command).arg("--state-dir").arg(daemon.state()), &[command])
}

/// `snagd` as nobody; none where that cannot be, or cannot reach the program.
fn as_nobody(daemon: &Snagd, args: &[&str]) -> Option<Said> {
    let program = env!("CARGO_BIN_EXE_snagd");
    let (uid, gid) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
    let run = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args([&uid, &gid, "--clear-groups", program]).args(args).env_clear();
        Said::new(command.args(["--state-dir", daemon.state().to_str().unwrap()]), args)
    };
    let can = is_root() && run(&["--version"]).code == 0;
    can.then(|| run(args))
}

#[test]
fn what_root_mends_or_restores_is_whose_the_directory_is() {
    if !is_root() {
        return not_tried("what root mends for somebody else", "only root gives files away");
    }
    let daemon = stopped();
    let backup = daemon.path("backup");
    let state = daemon.state().display().to_string();
    daemon.snag(&["backup", backup.to_str().unwrap(), "--state-dir", &state]).ok();
    fs::remove_file(daemon.state().join("lock")).unwrap();
    give(&daemon.state(), NOBODY);
    care(&daemon, "verify").ok();
    assert!(!daemon.state().join("lock").exists(), "looking makes nothing");
    care(&daemon, "repair").ok();
    assert_eq!(of_root(&daemon.state()), [""; 0]);

    let fresh = daemon.path("fresh");
    fs::create_dir(&fresh).unwrap();
    give(&fresh, NOBODY);
    let mut command = snag(daemon.dir.path());
    command.arg("restore").arg(&backup).arg("--state-dir").arg(&fresh);
    Said::new(&mut command, &["restore"]).ok();
    assert_eq!(of_root(&fresh), [""; 0]);
    assert!(fresh.join("index.checkpoint").exists());
}

#[test]
fn an_index_that_root_left_is_named_with_the_cure() {
    let daemon = stopped();
    fs::set_permissions(daemon.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    if is_root() {
        give(&daemon.state(), NOBODY);
        give(&daemon.state().join("index"), 0);
    }
    for args in [&["--listen", "none"][..], &["verify"]] {
        let Some(said) = as_nobody(&daemon, args) else {
            return not_tried("a snagd of nobody", "only root, and where nobody may run it");
        };
        let said = said.ended(78);
        let cure = format!("give it back with `chown -R nobody: {}`", daemon.state().display());
        assert!(said.stderr.contains("/index") && said.stderr.contains(&cure), "{said:#?}");
    }
}

#[test]
fn who_may_not_look_is_told_who_may() {
    let daemon = stopped();
    fs::set_permissions(daemon.dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for command in ["verify", "repair"] {
        let Some(said) = as_nobody(&daemon, &[command]) else {
            return not_tried("a snagd of nobody", "only root, and where nobody may run it");
        };
        let said = said.ended(77);
        let told = format!("run it as the one who runs snagd, like `sudo -u snag snagd {command}`");
        assert!(said.stderr.contains(&told), "{said:#?}");
    }
}

#[test]
fn a_look_needs_nothing_but_reading() {
    let dir = Dir::new();
    let disk = match Mounted::new(&dir, "mount -t tmpfs -o size=64m,mode=0700 none \"$1\"") {
        Ok(disk) => disk,
        Err(why) => return not_tried("a look at what cannot be written", &why),
    };
    let mut daemon = disk.snagd(dir);
    daemon.post(r#"{"place":"web/a","note":"x"}"#).is(201);
    daemon.stop();
    let look = format!(
        "mount -o remount,ro \"$1\" && {} verify --state-dir \"$1\"",
        env!("CARGO_BIN_EXE_snagd")
    );
    let said = Said::of("snagd verify".to_owned(), &disk.run(&look)).ok();
    assert!(said.stdout.contains("index    1 event, as the journal has them"), "{said:#?}");
}
