//! Backups of a daemon that goes on recording, and what comes back from them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use snag::backup::Kept;
use snag::event::Record;

use crate::harness::{Dir, Said, Snagd, bare_shell, snag, until};

/// A backup's directory, away from the daemon's own.
fn target(daemon: &Snagd) -> PathBuf {
    daemon.path("backup")
}

fn back_up(daemon: &Snagd) -> Value {
    let target = target(daemon);
    let mut last = None;
    // What this process had locked to read it, a child that another test starts has for a moment, too.
    until("nobody has the backup", || {
        let said = daemon.snag(&["backup", target.to_str().unwrap(), "--json"]);
        let is_busy = said.code == 73 && said.stderr.contains("at this moment");
        last = Some(said);
        !is_busy
    });
    last.unwrap().ok().json()
}

/// Says that something is over, however it ended.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn verify(daemon: &Snagd) -> Said {
    daemon.snag(&["backup", "--verify", target(daemon).to_str().unwrap()])
}

fn restore(from: &Path, state_dir: &Path, more: &[&str]) -> Said {
    let mut command = snag(state_dir.parent().unwrap());
    command.args(["restore", from.to_str().unwrap(), "--state-dir", state_dir.to_str().unwrap()]);
    Said::new(command.args(more), &["restore"])
}

/// A daemon on what a backup gives back.
fn restored(from: &Path) -> Snagd {
    let dir = Dir::new();
    restore(from, &dir.path().join("state"), &[]).ok();
    let daemon = Snagd::start_with(dir, &[]);
    until("the index is whole", || daemon.get("/v1/status").header("snag-behind").is_none());
    daemon
}

fn ids(daemon: &Snagd) -> BTreeSet<String> {
    daemon.events().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// So many events as NDJSON, and their ids.
fn events(batch: usize, count: usize, person: &str) -> (String, Vec<String>) {
    let ids: Vec<String> = (0..count)
        .map(|n| format!("00000000-0000-7000-8000-{:012x}", batch * 10_000 + n))
        .collect();
    let log: String = (0..3000_u32).filter_map(|n| char::from_digit(n * n % 23, 36)).collect();
    let line = |id: &String| {
        json!({"id": id, "person": person, "place": "web/a", "note": format!("{person}-says-{id}"),
            "evidence": {"log": log}})
        .to_string()
    };
    (ids.iter().map(line).collect::<Vec<_>>().join("\n"), ids)
}

fn fill(daemon: &Snagd, batch: usize, count: usize, person: &str) -> Vec<String> {
    let (body, ids) = events(batch, count, person);
    daemon.post_as("application/x-ndjson", body.as_bytes()).is(200);
    ids
}

/// The ids in a backup.
fn kept(backup: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut note = |record: &[u8]| {
        if let Record::Event(event) = Record::decode(record).unwrap() {
            ids.insert(event.id.to_string());
        }
    };
    let parts = Kept::open(backup).unwrap();
    let report = parts.examine(|part| {
        part.read_records(|_, record| note(record));
        Ok(())
    });
    assert!(report.unwrap().is_whole());
    ids
}

#[test]
fn what_was_acknowledged_before_is_in_it_whatever_goes_on_meanwhile() {
    let daemon = Snagd::start();
    let segments = || daemon.get("/v1/status").json()["journal"]["segments"].as_u64().unwrap();
    // Nothing is posted but while a backup is made, so segments are filled below one, and packed.
    let (mut batches, mut rounds) = (0, 0);
    let mut acknowledged = BTreeSet::new();
    while rounds < 4 || segments() < 3 {
        let is_over = AtomicBool::new(false);
        let mut meanwhile = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    meanwhile.extend(fill(&daemon, batches, 300, "ana"));
                    batches += 1;
                }
            });
            let _over = Over(&is_over);
            back_up(&daemon);
        });
        verify(&daemon).ok();
        let found = kept(&target(&daemon));
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
        acknowledged.extend(meanwhile);
        rounds += 1;
    }
    back_up(&daemon);
    assert_eq!(ids(&restored(&target(&daemon))), ids(&daemon));
}

#[test]
fn a_backup_that_is_killed_leaves_the_one_before_and_the_next_finishes_it() {
    let daemon = Snagd::start();
    fill(&daemon, 0, 20, "ana");
    back_up(&daemon);
    let mut killed = 0;
    for call in ["openat", "write", "fsync", "rename", "unlink"] {
        for nth in 1.. {
            fill(&daemon, killed + 1, 1, "ana");
            let expected = ids(&daemon).len();
            let whole = verify(&daemon).ok();
            let mut command = Command::new("strace");
            let when = format!("inject={call}:signal=KILL:when={nth}");
            command.args(["-f", "-o", "/dev/null", "-P"]).arg(target(&daemon));
            for name in names(&target(&daemon)) {
                command.arg("-P").arg(target(&daemon).join(name));
            }
            command.args(["-e", &format!("trace={call}"), "-e", &when]);
            command.arg(env!("CARGO_BIN_EXE_snag")).arg("backup").arg(target(&daemon));
            command.env("SNAGD_STATE_DIR", daemon.state());
            let output = command.output().expect("strace is installed");
            if output.status.signal() != Some(9) {
                assert!(output.status.success(), "{output:?}");
                break;
            }
            killed += 1;
            let left = verify(&daemon).ok();
            let is_old = events_of(&left) == events_of(&whole);
            assert!(is_old || events_of(&left) == expected.to_string(), "{left:#?}");
        }
        back_up(&daemon);
        let names = names(&target(&daemon));
        assert_eq!(names.len(), 2, "a part and the manifest: {names:?}");
    }
    assert!(5 <= killed, "killed {killed} times only");
    assert_eq!(ids(&restored(&target(&daemon))), ids(&daemon));
}

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap();
    names.map(|name| name.unwrap().file_name().into_string().unwrap()).collect()
}

/// The number in "20 events in 1 part ...".
fn events_of(said: &Said) -> String {
    said.stdout.split(' ').next().unwrap().to_owned()
}

#[test]
fn who_was_forgotten_is_in_no_later_backup() {
    let daemon = Snagd::start();
    for batch in 0..6 {
        fill(&daemon, batch, 500, if batch < 3 { "ana" } else { "bob" });
    }
    fill(&daemon, 6, 10, "ana");
    let archive = daemon.path("b.tar");
    let pack = || daemon.snag(&["backup", archive.to_str().unwrap()]).ok();
    pack();
    let made = back_up(&daemon);
    assert_eq!((&made["records"], &made["removed"]), (&json!(3010), &json!(0)));
    let before: BTreeSet<String> = names(&target(&daemon)).into_iter().collect();
    daemon.snag(&["forget", "--person", "ana", "--yes"]).ok();
    let said = pack();
    let told = "1,510 records that were in the backup before went out of it: forgotten since";
    assert!(said.stderr.contains(told), "{said:#?}");
    let made = back_up(&daemon);
    assert_eq!((&made["records"], &made["removed"]), (&json!(1500), &json!(1510)));
    assert_eq!(back_up(&daemon)["removed"], 0, "that was told");
    let after: BTreeSet<String> = names(&target(&daemon)).into_iter().collect();
    let kept: Vec<_> = before.intersection(&after).collect();
    assert_eq!(kept, ["manifest.json"], "every part had a word of ana");
    let again = restored(&target(&daemon));
    assert!(again.events().iter().all(|event| event["person"] == "bob"));
    // What is packed in the backup lies open in the index.
    for path in [again.state().join("index/db"), target(&daemon).join("manifest.json")] {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"ana-says"));
    }
}

#[test]
fn an_archive_is_what_tar_makes_of_a_backup() {
    let daemon = Snagd::start();
    fill(&daemon, 0, 20, "ana");
    daemon.post(r#"{"id":"00000000-0000-7000-8000-0000000fffff","place":"web/b","note":"x"}"#);
    daemon.delete("/v1/events/00000000-0000-7000-8000-0000000fffff").is(204);
    let file = daemon.path("b.tar");
    let said = daemon.snag(&["backup", file.to_str().unwrap()]).ok();
    assert!(said.stdout.starts_with("backed up 22 records to "), "{said:#?}");
    let mut shell = bare_shell(daemon.dir.path());
    shell.arg(
        "snag backup - > streamed.tar && mkdir out && tar -C out -xf b.tar && tar -tf streamed.tar",
    );
    shell.env("SNAG_URL", format!("unix:{}", daemon.socket().display()));
    shell.current_dir(daemon.dir.path());
    let listed = Said::of("tar".to_owned(), &shell.output().unwrap()).ok();
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:#?}");
    for backup in [file, daemon.path("streamed.tar"), daemon.path("out/snag-backup")] {
        let again = restored(&backup);
        assert_eq!(again.snag(&["export"]).ok().stdout, daemon.snag(&["export"]).ok().stdout);
        again.get("/v1/events/00000000-0000-7000-8000-0000000fffff").is(200);
    }
    let mut shell = bare_shell(daemon.dir.path());
    shell.arg("cat streamed.tar | snag backup --verify - && cat b.tar | snag restore - --state-dir far/state && head -c 900 b.tar | snag backup --verify -");
    shell.current_dir(daemon.dir.path());
    let piped = Said::of("pipes".to_owned(), &shell.output().unwrap()).ended(1);
    assert!(piped.stdout.contains(": whole\nrestored 20 events to far/state"), "{piped:#?}");
    assert!(piped.stdout.ends_with(": not whole\n"), "{piped:#?}");
}

#[test]
fn a_damaged_backup_says_what_is_lost_and_gives_the_rest() {
    let mut daemon = Snagd::start();
    fill(&daemon, 0, 300, "ana");
    back_up(&daemon);
    let name = names(&target(&daemon)).into_iter().find(|name| name.ends_with("pak")).unwrap();
    let part = target(&daemon).join(&name);
    let mut bytes = fs::read(&part).unwrap();
    let middle = bytes.len() / 2;
    // Between blocks lie up to seven bytes that nobody misses.
    for byte in &mut bytes[middle..middle + 8] {
        *byte ^= 1;
    }
    fs::write(&part, &bytes).unwrap();
    let looked = verify(&daemon).ended(1);
    assert!(looked.stderr.contains(&format!("{name} is damaged: lost are records")), "{looked:#?}");
    assert!(looked.stdout.contains("not whole"), "{looked:#?}");
    let told = daemon.snag(&["backup", "--json", "--verify", target(&daemon).to_str().unwrap()]);
    let told = told.ended(1).json();
    let lost = &told["damaged"][0]["lost"][0];
    let lost = lost["last"].as_u64().unwrap() - lost["first"].as_u64().unwrap() + 1;
    assert_eq!(told["events"].as_u64().unwrap() + lost, 300, "{told}");
    assert!(looked.stderr.contains("makes it whole again"), "{looked:#?}");

    daemon.stop();
    let to = Dir::new();
    let state_dir = to.path().join("state");
    let refused = restore(&target(&daemon), &state_dir, &[]).ended(65);
    assert!(refused.stderr.contains("--lose-damaged"), "{refused:#?}");
    assert!(!state_dir.join("journal").exists() && !state_dir.join("journal.new").exists());
    let rest = restore(&target(&daemon), &state_dir, &["--lose-damaged"]).ended(1);
    assert!(rest.stderr.contains("lost are records"), "{rest:#?}");
    let again = Snagd::start_with(to, &[]);
    assert_eq!(again.events().len() as u64 + lost, 300);
    // Nothing in it is damaged any more.
    assert_eq!(again.get("/v1/status").json()["journal"]["damaged"], 0);
    again.post(r#"{"place":"web/a","note":"on"}"#).is(201);

    daemon.restart();
    let healed = daemon.snag(&["backup", target(&daemon).to_str().unwrap()]).ok();
    assert!(healed.stderr.contains(&format!("{name} was damaged")), "{healed:#?}");
    verify(&daemon).ok();
}

#[test]
fn nothing_is_overwritten() {
    let mut daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    back_up(&daemon);
    let runs = restore(&target(&daemon), &daemon.state(), &[]).ended(73);
    assert!(runs.stderr.contains("stop it first"), "{runs:#?}");
    daemon.stop();
    let full = restore(&target(&daemon), &daemon.state(), &[]).ended(73);
    assert!(full.stderr.contains("goes up to record 5"), "{full:#?}");
    daemon.restart();
    assert_eq!(daemon.events().len(), 5);
    // A directory that a daemon made, but nobody told anything, is as good as empty.
    let mut fresh = Snagd::start();
    fresh.stop();
    restore(&target(&daemon), &fresh.state(), &[]).ok();
    let token = fresh.token();
    fresh.restart();
    assert_eq!(fresh.events().len(), 5);
    assert_eq!(fresh.token(), token);
    let other = fresh.path("state/inside");
    for (to, code, why) in [
        (other.as_path(), 2, "inside the state directory"),
        (fresh.dir.path(), 2, "something else than a backup"),
        (&fresh.path("log"), 2, "ends in .tar"),
    ] {
        let said = fresh.snag(&["backup", to.to_str().unwrap()]).ended(code);
        assert!(said.stderr.contains(why), "{said:#?}");
    }
    fresh.post(r#"{"place":"web/a","note":"goes its own way"}"#).is(201);
    let stranger = Snagd::start();
    fill(&stranger, 7, 1, "eve");
    let said = stranger.snag(&["backup", target(&daemon).to_str().unwrap()]).ended(2);
    assert!(said.stderr.contains("no record of this journal"), "{said:#?}");
}

#[test]
fn what_is_refused_says_why_and_leaves_nothing() {
    let mut daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    let target = |name: &str| daemon.path(name).to_str().unwrap().to_owned();
    for name in ["b.tgz", "b.tar.gz", "b.ZST"] {
        let said = daemon.snag(&["backup", &target(name)]).ended(2);
        assert!(said.stderr.contains("a file that ends in .tar"), "{said:#?}");
        assert!(!daemon.path(name).exists());
    }
    let said =
        daemon.snag(&["backup", &target("new/er"), "--state-dir", &target("nothing")]).ended(2);
    assert!(said.stderr.contains("there is no journal"), "{said:#?}");
    assert!(!daemon.path("new").exists());
    fs::create_dir_all(daemon.path("photos")).unwrap();
    fs::write(daemon.path("photos/cat.jpg"), "purr").unwrap();
    let said = daemon.snag(&["backup", &target("photos")]).ended(2);
    assert!(said.stderr.contains("like \"cat.jpg\""), "{said:#?}");
    for name in ["photos/cat.jpg/b", "photos/cat.jpg/b.tar", "nowhere/b.tar"] {
        daemon.snag(&["backup", &target(name)]).ended(73);
    }
    daemon.snag(&["backup", &target("b.tar")]).ok();
    let archive = daemon.path("b.tar");
    restore(&archive, &daemon.path("photos/cat.jpg/state"), &[]).ended(73);
    let bytes = fs::read(&archive).unwrap();
    fs::write(&archive, &bytes[..bytes.len() / 2]).unwrap();
    restore(&archive, &daemon.path("far/state"), &[]).ended(65);
    assert!(!daemon.path("far").exists());
    fs::create_dir(daemon.path("empty")).unwrap();
    restore(&archive, &daemon.path("empty"), &[]).ended(65);
    assert_eq!(names(&daemon.path("empty")), [""; 0]);
    // A new file system has this in it.
    fs::create_dir_all(daemon.path("disk/lost+found")).unwrap();
    daemon.snag(&["backup", &target("disk")]).ok();
    fs::write(&archive, &bytes).unwrap();
    restore(&archive, &daemon.path("far/state"), &[]).ok();
    let lock = fs::metadata(daemon.path("far/state/lock")).unwrap();
    assert_eq!(lock.permissions().mode() & 0o777, 0o600);
    daemon.stop();
}

#[test]
fn a_restore_that_was_killed_leaves_nothing_once_snagd_starts() {
    let mut daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    back_up(&daemon);
    let backup = target(&daemon);
    let state = daemon.path("other/state");
    let mut command = Command::new("strace");
    // Its first rename is that of a note; then all is written, and has no name yet.
    command.args(["-f", "-o", "/dev/null", "-e", "trace=rename"]);
    command.args(["-e", "inject=rename:signal=KILL:when=1", env!("CARGO_BIN_EXE_snag")]);
    command.arg("restore").arg(&backup).arg("--state-dir").arg(&state);
    let output = command.output().expect("strace is installed");
    assert_eq!(output.status.signal(), Some(9), "{output:?}");
    assert!(state.join("journal.new").is_dir());
    daemon.stop();
    fs::rename(daemon.state(), daemon.path("first")).unwrap();
    fs::rename(&state, daemon.state()).unwrap();
    daemon.restart();
    assert!(!daemon.state().join("journal.new").exists());
    assert!(daemon.log().contains("a restore was not finished"), "{}", daemon.log());
    daemon.stop();
    restore(&backup, &daemon.state(), &[]).ok();
    daemon.restart();
    assert_eq!(daemon.events().len(), 5);
    assert_eq!(daemon.log().matches("a restore was not finished").count(), 1);
}

#[test]
fn the_keys_of_sdks_and_pages_come_back_unless_there_are_some() {
    let daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    daemon.snag(&["dsn", "web/shop"]).ok();
    daemon.snag(&["dsn", "web/blog"]).ok();
    daemon.snag(&["dsn", "--revoke", "1"]).ok();
    let archive = daemon.path("b.tar");
    daemon.snag(&["backup", archive.to_str().unwrap()]).ok();
    back_up(&daemon);
    let keys = fs::read(daemon.state().join("keys")).unwrap();
    for backup in [target(&daemon), archive.clone()] {
        let again = restored(&backup);
        assert!(fs::read(again.state().join("keys")).unwrap() == keys);
        let mode = fs::metadata(again.state().join("keys")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let list = |daemon: &Snagd| daemon.snag(&["dsn", "--list", "--json"]).ok().json();
        assert_eq!(list(&again)["keys"], list(&daemon)["keys"]);
    }
    let mut fresh = Snagd::start();
    fresh.snag(&["dsn", "pos"]).ok();
    fresh.stop();
    let own = fs::read(fresh.state().join("keys")).unwrap();
    restore(&archive, &fresh.state(), &[]).ok();
    assert!(fs::read(fresh.state().join("keys")).unwrap() == own);
}

#[test]
fn a_newer_backup_is_refused_and_left_as_it_is() {
    let daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    back_up(&daemon);
    let manifest = target(&daemon).join("manifest.json");
    let newer = fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 3");
    fs::write(&manifest, &newer).unwrap();
    let to = Dir::new();
    restore(&target(&daemon), &to.path().join("state"), &["--lose-damaged"]).ended(65);
    for args in [&["backup"][..], &["backup", "--verify"]] {
        let said = daemon.snag(&[args, &[target(&daemon).to_str().unwrap()]].concat()).ended(65);
        assert!(said.stderr.contains("newer than this snag"), "{said:#?}");
    }
    assert_eq!(fs::read_to_string(&manifest).unwrap(), newer);
}

#[test]
fn without_a_daemon_what_is_on_disk_is_backed_up_and_what_waits_is_told() {
    let mut daemon = Snagd::start();
    fill(&daemon, 0, 5, "ana");
    daemon.kill();
    daemon.snag(&["log", "web/a", "while it is away"]).ok();
    let (to, state) = (target(&daemon), daemon.state());
    let args = ["backup", to.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
    let said = daemon.snag(&args).ok();
    assert!(said.stdout.starts_with("backed up 5 records"), "{said:#?}");
    assert!(said.stderr.contains("1 file waits in"), "{said:#?}");
    let nothing = daemon.snag(&["backup", "x", "--state-dir", "/nonexistent/snag"]).ended(2);
    assert!(nothing.stderr.contains("there is no journal in /nonexistent/snag"), "{nothing:#?}");
    // Never the journal of another daemon instead.
    let away = daemon.snag(&["--url", "unix:/nonexistent/snag.sock", "backup", "x"]).ended(69);
    assert!(away.stderr.contains("`--state-dir`"), "{away:#?}");
    let elsewhere = daemon.snag(&["--url", "http://snag.acme.example:80", "backup", "x"]).ended(2);
    assert!(elsewhere.stderr.contains("another machine"), "{elsewhere:#?}");
}
