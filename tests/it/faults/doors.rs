//! SIGKILL while all doors are used at once: HTTP one by one and in batches, the unix socket, TCP,
//! files in the drop directory, and `snag log`.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::acknowledged::{Acknowledged, event, fresh_id, head, post};
use super::{Dice, rounds};
use crate::harness::{Answer, Snagd, snag, until};

/// What senders need to know of the daemon; it outlives them all.
#[derive(Clone)]
struct Way {
    home: PathBuf,
    socket: PathBuf,
    drop_dir: PathBuf,
    address: String,
    told: Acknowledged,
    stop: Arc<AtomicBool>,
}

type Door = fn(&Way);

const DOORS: [Door; 5] = [unix_socket, tcp, batches, files, command];

#[test]
fn killed_while_every_door_is_used_it_keeps_what_it_acknowledged() {
    let told: Vec<Acknowledged> = DOORS.iter().map(|_| Acknowledged::default()).collect();
    let mut snagd = Snagd::start();
    for round in 0..rounds(12) {
        let mut dice = Dice::new(round);
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<JoinHandle<()>> =
            DOORS.iter().zip(&told).map(|(door, told)| send(*door, &snagd, told, &stop)).collect();
        // A moment that differs each round.
        thread::sleep(Duration::from_millis(20 + dice.below(200) as u64));
        snagd.kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        snagd.restart();
    }
    until("every file is taken", || snagd.get("/v1/status").json()["drop"]["waiting"] == 0);
    for (door, told) in told.iter().enumerate() {
        assert_ne!(told.count(), 0, "door {door} was never used");
        told.check(&snagd);
    }
    assert_eq!(snagd.get("/v1/status").json()["drop"]["rejected"], 0);
    snagd.stop();
}

fn send(door: Door, snagd: &Snagd, told: &Acknowledged, stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let way = Way {
        home: snagd.dir.path().to_owned(),
        socket: snagd.socket(),
        drop_dir: snagd.drop_dir(),
        address: snagd.address(),
        told: told.clone(),
        stop: stop.clone(),
    };
    thread::spawn(move || {
        while !way.stop.load(Ordering::Relaxed) {
            door(&way);
        }
    })
}

fn unix_socket(way: &Way) {
    let id = fresh_id();
    if post(&way.socket, &event(&id, 300)).status == 201 {
        way.told.add([id]);
    }
}

fn tcp(way: &Way) {
    let Ok(stream) = TcpStream::connect(&way.address) else { return };
    let id = fresh_id();
    let body = event(&id, 300);
    let request = format!("{}{body}", head("application/json", body.len()));
    if Answer::of(stream, request.as_bytes()).status == 201 {
        way.told.add([id]);
    }
}

fn batches(way: &Way) {
    let ids: Vec<String> = (0..20).map(|_| fresh_id()).collect();
    let events: Vec<String> = ids.iter().map(|id| event(id, 300)).collect();
    let answer = post(&way.socket, &format!("[{}]", events.join(",")));
    if answer.status == 200 {
        assert_eq!(answer.json()["accepted"], 20, "{}", answer.text());
        way.told.add(ids);
    }
}

/// A file that has its name is handed over, whether a daemon runs or not.
fn files(way: &Way) {
    let id = fresh_id();
    let hidden = way.drop_dir.join(format!(".{id}"));
    fs::write(&hidden, event(&id, 300)).unwrap();
    fs::rename(&hidden, way.drop_dir.join(&id)).unwrap();
    way.told.add([id]);
    thread::sleep(Duration::from_millis(1));
}

/// `snag log` never fails because of the daemon.
fn command(way: &Way) {
    let said = log(way, &["log", "web/cli", "it broke", "--json"]);
    let event: serde_json::Value = serde_json::from_slice(&said).unwrap();
    way.told.add([event["id"].as_str().unwrap().to_owned()]);
}

fn log(way: &Way, args: &[&str]) -> Vec<u8> {
    let mut command = snag(Path::new(&way.home));
    command.args(args).env("SNAG_URL", format!("unix:{}", way.socket.display()));
    let output = command.env("SNAG_DROP", &way.drop_dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
