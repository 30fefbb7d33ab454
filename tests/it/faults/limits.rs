//! What the system allows runs out: file sizes, descriptors, memory; or it stops the process.

use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use super::acknowledged::{Acknowledged, event, fresh_id, head, post};
use super::strace::Strace;
use super::{not_tried, rounds};
use crate::harness::{Snagd, until};

#[test]
fn a_limit_on_file_sizes_is_a_full_disk() {
    let mut snagd = Snagd::start_within(&["--fsize=600000:unlimited"]);
    let told = Acknowledged::default();
    let refused = post(&snagd.socket(), &event(&fresh_id(), 300));
    refused.tells(507, "make room where snagd stores");
    limit(&snagd, "--fsize=unlimited");
    assert_eq!(told.post(&snagd, 300), 201, "it goes on by itself");
    // And while it runs: the limit cuts through the segment.
    limit(&snagd, "--fsize=20000:unlimited");
    until("a write goes beyond the limit", || told.post(&snagd, 3000) == 507);
    told.check(&snagd);
    limit(&snagd, "--fsize=unlimited");
    assert_eq!(told.post(&snagd, 300), 201);
    snagd.kill();
    snagd.restart();
    told.check(&snagd);
}

/// Changes a limit of a running daemon.
fn limit(snagd: &Snagd, limit: &str) {
    let pid = snagd.child.id().to_string();
    let done = Command::new("prlimit").args(["--pid", &pid, limit]).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_crowd_leaves_descriptors_for_everybody_else() {
    let mut snagd = Snagd::start_within(&["--nofile=200"]);
    let told = Acknowledged::default();
    let address = snagd.address();
    let crowd: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
    // More than a checkpoint, a new place, and a dropped file: all of it needs descriptors.
    for _ in 0..20 {
        assert_eq!(told.post(&snagd, 3000), 201);
    }
    let dropped = fresh_id();
    fs::write(snagd.drop_dir().join(".one"), event(&dropped, 300)).unwrap();
    fs::rename(snagd.drop_dir().join(".one"), snagd.drop_dir().join("one.json")).unwrap();
    until("the file is taken", || !snagd.drop_dir().join("one.json").exists());
    told.add([dropped]);
    until("the index is on disk", || checkpoint(&snagd) == 21);
    drop(crowd);
    let id = fresh_id();
    let body = event(&id, 300);
    let request = format!("{}{body}", head("application/json", body.len()));
    snagd.ask_tcp(&request).is(201);
    told.add([id]);
    assert!(!snagd.log().contains("could not accept"), "{}", snagd.log());
    snagd.kill();
    snagd.restart();
    told.check(&snagd);
}

/// The journal sequence up to which the index is on disk.
pub(super) fn checkpoint(snagd: &Snagd) -> u64 {
    let noted = fs::read_to_string(snagd.state().join("index.checkpoint"));
    noted
        .unwrap_or_default()
        .split(' ')
        .next()
        .and_then(|reached| reached.parse().ok())
        .unwrap_or(0)
}

#[test]
fn out_of_descriptors_it_waits_and_does_not_spin() {
    let snagd = Snagd::start();
    let told = Acknowledged::default();
    let mut strace = Strace::inject(&snagd, "accept4:error=EMFILE:when=1+", &[]);
    let socket = snagd.socket();
    let id = fresh_id();
    let waiting = {
        let (id, socket) = (id.clone(), socket.clone());
        thread::spawn(move || post(&socket, &event(&id, 300)).status)
    };
    let (started, before) = (Instant::now(), cpu_ticks(&snagd));
    until("it tried a few times", || 10 < strace.injected());
    // A tick is a hundredth of a second.
    let used = u128::from(cpu_ticks(&snagd) - before) * 10;
    let passed = started.elapsed().as_millis();
    assert!(used * 4 < passed, "{used} ms of {passed} ms");
    strace.detach();
    assert_eq!(waiting.join().unwrap(), 201, "who waited is answered");
    told.add([id]);
    told.check(&snagd);
}

/// The processor time a daemon has used, in hundredths of a second.
fn cpu_ticks(snagd: &Snagd) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", snagd.child.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn stopped_and_continued_it_answers_who_waited() {
    let mut snagd = Snagd::start();
    let told = Acknowledged::default();
    for _ in 0..rounds(3) {
        snagd.signal("STOP");
        until("every thread stands still", || is_stopped(&snagd));
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (id, socket) = (fresh_id(), snagd.socket());
                thread::spawn(move || (post(&socket, &event(&id, 300)).status, id))
            })
            .collect();
        // The kernel holds what they send.
        until("all of them are connected", || waiting_at(&snagd.socket()) == 8);
        snagd.signal("CONT");
        for sender in senders {
            let (status, id) = sender.join().unwrap();
            assert_eq!(status, 201);
            told.add([id]);
        }
    }
    told.check(&snagd);
    snagd.stop();
}

fn is_stopped(snagd: &Snagd) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", snagd.child.id())).unwrap();
    let stat = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat")).unwrap();
    threads.map(|thread| stat(thread.unwrap())).all(|stat| stat.contains(") T "))
}

/// How many connections of a unix socket wait to be accepted.
fn waiting_at(socket: &Path) -> usize {
    let table = fs::read_to_string("/proc/net/unix").unwrap();
    let path = socket.display().to_string();
    let is_connecting = |line: &&str| line.ends_with(&path) && line.contains(" 00000000 0001 02 ");
    table.lines().filter(is_connecting).count()
}

#[test]
fn with_little_memory_it_lives_or_comes_back() {
    let mut snagd = Snagd::start();
    let told = Acknowledged::default();
    for _ in 0..rounds(2).min(50) {
        let _group = match Group::around(&snagd, 64 * 1024 * 1024) {
            Ok(group) => group,
            Err(why) => return not_tried("a limit on memory", &why),
        };
        let senders: Vec<_> = (0..16)
            .map(|_| {
                let (told, socket) = (told.clone(), snagd.socket());
                thread::spawn(move || send_much(&socket, &told))
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        // The kernel may have ended it; then its supervisor brings it back.
        snagd.kill();
        snagd.restart();
        told.check(&snagd);
        assert_eq!(told.post(&snagd, 300), 201);
    }
}

/// Sends as much at once as is allowed.
fn send_much(socket: &Path, told: &Acknowledged) {
    let ids: Vec<String> = (0..100).map(|_| fresh_id()).collect();
    let events: Vec<String> = ids.iter().map(|id| event(id, 30_000)).collect();
    match post(socket, &format!("[{}]", events.join(","))).status {
        200 => told.add(ids),
        status => assert!(matches!(status, 0 | 503), "{status}"),
    }
}

/// A control group with a limit on memory.
struct Group(PathBuf);

impl Group {
    fn around(snagd: &Snagd, bytes: u64) -> Result<Self, String> {
        let name = format!("snag-test-{}", std::process::id());
        let group = Self(Path::new("/sys/fs/cgroup/memory").join(name));
        let limit = || -> io::Result<()> {
            fs::create_dir(&group.0)?;
            fs::write(group.0.join("memory.limit_in_bytes"), bytes.to_string())?;
            fs::write(group.0.join("cgroup.procs"), snagd.child.id().to_string())
        };
        limit().map_err(|error| format!("no control group for memory can be made ({error})"))?;
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
