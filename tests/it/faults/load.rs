//! A crowd: a thousand connections, silent, slow, stalled and half closed, floods of nonsense, all
//! at once. A good client is answered all the same, and memory stays bounded.

use std::fs;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::acknowledged::{Acknowledged, event, fresh_id, head};
use super::rounds;
use crate::harness::{Answer, Snagd};

const CROWD: usize = 1000;
/// What the daemon may take at its peak, in MiB.
const MOST_MIB: u64 = 400;

#[test]
fn a_crowd_does_not_keep_a_good_client_out() {
    // The daemon has those that it is given here, whatever we are allowed.
    let mut snagd = Snagd::start_within(&["--nofile=4096"]);
    allow_descriptors();
    let told = Acknowledged::default();
    let address = snagd.address();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _at_last = StopAtLast(&stop);
        let (address, stop) = (&address, &stop);
        let mut crowd: Vec<_> = (0..CROWD).map(|nth| Stranger::join_in(address, nth)).collect();
        for nonsense in nonsense() {
            scope.spawn(move || flood(address, &nonsense, stop));
        }
        scope.spawn(move || trickle(&mut crowd, stop));
        for _ in 0..rounds(40) {
            assert_eq!(told.post(&snagd, 300), 201, "over the unix socket");
            let id = fresh_id();
            let body = event(&id, 300);
            let stream = TcpStream::connect(address).unwrap();
            let request = format!("{}{body}", head("application/json", body.len()));
            Answer::of(stream, request.as_bytes()).is(201);
            told.add([id]);
        }
        told.check(&snagd);
    });
    let peak = peak(&snagd);
    eprintln!("{peak} MiB at the peak, of {CROWD} connections and {} floods", nonsense().len());
    assert!(peak < MOST_MIB, "{peak} MiB");
    snagd.kill();
    snagd.restart();
    told.check(&snagd);
    assert!(!snagd.log().contains("panicked"), "{}", snagd.log());
}

/// Sends the crowd home, whatever becomes of the test.
struct StopAtLast<'a>(&'a AtomicBool);

impl Drop for StopAtLast<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Somebody in the crowd.
struct Stranger {
    stream: TcpStream,
    /// What is sent at a time,
    piece: usize,
    /// and what is left of what will ever be sent.
    left: usize,
}

impl Stranger {
    /// A connection that does one of the things that crowds do.
    fn join_in(address: &str, nth: usize) -> Self {
        const LARGE: usize = 4 * 1024 * 1024;
        let mut stream = TcpStream::connect(address).unwrap();
        let (said, piece, left) = match nth % 5 {
            // Says nothing.
            0 => (String::new(), 0, 0),
            // The head comes by and by.
            1 => ("POST /v1/events HTTP/1.1\r\nHost: ".to_owned(), 1, usize::MAX),
            // The body comes by and by.
            2 => (head("application/json", 10_000), 1, usize::MAX),
            // A large body, all but its end.
            3 => (head("application/json", LARGE), LARGE, LARGE - 1),
            // Asks, and never listens.
            _ => ("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), 0, 0),
        };
        stream.write_all(said.as_bytes()).unwrap();
        if nth % 5 == 4 {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        stream.set_nonblocking(true).unwrap();
        Self { stream, piece, left }
    }

    /// Goes on, as far as it can without waiting. A crowd does not care what becomes of it.
    fn go_on(&mut self) {
        let piece = vec![b'x'; self.piece.min(self.left)];
        self.left -= self.stream.write(&piece).unwrap_or(0);
    }
}

/// Lets everybody go on, over and over.
fn trickle(crowd: &mut [Stranger], stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        crowd.iter_mut().for_each(Stranger::go_on);
        thread::sleep(Duration::from_millis(50));
    }
}

/// Requests that cannot be answered with yes.
fn nonsense() -> Vec<Vec<u8>> {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    io::copy(&mut io::Read::take(io::repeat(0), 100 * 1024 * 1024), &mut bomb).unwrap();
    let bomb = bomb.finish().unwrap();
    let packed = head("application/json", bomb.len())
        .replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
    let deep = "[".repeat(100_000);
    vec![
        b"\x16\x03\x01\x02\x00\x01\x00".repeat(100),
        b"GET /v1/status HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_vec(),
        format!("{}{deep}", head("application/json", deep.len())).into_bytes(),
        [packed.as_bytes(), &bomb].concat(),
    ]
}

fn flood(address: &str, nonsense: &[u8], stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let stream = TcpStream::connect(address).unwrap();
        let status = Answer::of(stream, nonsense).status;
        assert!(matches!(status, 0 | 400..=499 | 503), "{status}");
    }
}

/// The most memory a daemon ever had, in MiB.
fn peak(snagd: &Snagd) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", snagd.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A thousand connections have as many ends here.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}
