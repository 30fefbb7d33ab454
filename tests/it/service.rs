//! Under systemd: sockets that are handed over outlive the daemon, and systemd is told how it is.

use std::fs;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{Answer, Dir, PATIENCE, Said, Snagd, bare_shell, snag, until};

/// Keeps the sockets open, and starts the daemon once for each line that it reads: what systemd
/// does, without being process 1.
const KEEPER: &str = r#"
while read -r _; do
  ( echo $BASHPID > pid; export LISTEN_PID=$BASHPID; exec "$@" < /dev/null 2>> log )
  echo ended >> log
done"#;

/// A daemon whose sockets are handed over by `systemd-socket-activate`.
struct Activated {
    keeper: Child,
    ways: Ways,
    starts: usize,
    snagd: Snagd,
}

/// The two ways in.
#[derive(Clone)]
struct Ways {
    port: u16,
    socket: PathBuf,
}

/// A connection on either.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Ways {
    const BOTH: [bool; 2] = [true, false];

    fn connect(&self, is_tcp: bool) -> Stream {
        if is_tcp {
            Stream::Tcp(TcpStream::connect(("127.0.0.1", self.port)).unwrap())
        } else {
            Stream::Unix(UnixStream::connect(&self.socket).unwrap())
        }
    }
}

impl Stream {
    /// Sends a post, and waits for no answer.
    fn post(&mut self) {
        let body = r#"{"place":"a","person":"ana","note":"told"}"#;
        let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        match self {
            Self::Tcp(stream) => stream.write_all(request.as_bytes()).unwrap(),
            Self::Unix(stream) => stream.write_all(request.as_bytes()).unwrap(),
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::Tcp(stream) => Answer::of(stream, b""),
            Self::Unix(stream) => Answer::of(stream, b""),
        }
    }
}

impl Activated {
    fn new() -> Self {
        let snagd = Snagd::new(Dir::new());
        for _ in 0..20 {
            // Free now; where somebody takes it before the keeper does, the next one is tried.
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut keeper = keep(&snagd, port);
            let ways = Ways { port, socket: snagd.socket() };
            until("the sockets are there, or the port was taken", || {
                keeper.try_wait().unwrap().is_some() || UnixStream::connect(&ways.socket).is_ok()
            });
            if keeper.try_wait().unwrap().is_none() {
                return Self { keeper, ways, starts: 0, snagd };
            }
        }
        panic!("no port stays free:\n{}", snagd.log());
    }

    /// Starts the daemon; who connects is answered when it is ready.
    fn start(&mut self) {
        self.starts += 1;
        self.keeper.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Ends the daemon by a signal.
    fn end(&mut self, signal: &str) {
        let pid = fs::read_to_string(self.snagd.path("pid")).unwrap();
        let kill = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status();
        assert!(kill.unwrap().success());
        until("the daemon is gone", || {
            let log = self.snagd.log();
            log.lines().filter(|line| *line == "ended").count() == self.starts
        });
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        // Without a line to read, the keeper goes when the daemon does.
        self.keeper.stdin.take();
        if let Ok(pid) = fs::read_to_string(self.snagd.path("pid")) {
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).stderr(Stdio::null()).status();
        }
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Both sockets as systemd makes them, and the keeper that they are handed to.
fn keep(snagd: &Snagd, port: u16) -> Child {
    let _ = fs::remove_file(snagd.socket());
    let mut shell = bare_shell(snagd.dir.path());
    shell.arg("exec systemd-socket-activate -l $0 -l $1 bash -c \"$2\" keeper snagd --state-dir $3 2>> log");
    shell.arg(format!("127.0.0.1:{port}")).arg(snagd.socket()).arg(KEEPER).arg(snagd.state());
    shell.current_dir(snagd.dir.path()).stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn posts_made_while_it_restarts_are_answered_after_it() {
    let mut activated = Activated::new();
    activated.start();
    for signal in ["TERM", "KILL"] {
        // It runs, and on these sockets.
        activated.snagd.get("/v1/status").is(200);
        activated.end(signal);
        assert!(activated.snagd.socket().exists(), "the file of a socket is systemd's");
        // Nobody is there, and everybody is connected and has said what they have to say.
        let mut waiting: Vec<Stream> =
            (0..8).map(|nth| activated.ways.connect(nth % 2 == 0)).collect();
        waiting.iter_mut().for_each(Stream::post);
        activated.start();
        for stream in waiting {
            stream.answer().is(201);
        }
    }
    assert_eq!(activated.snagd.events().len(), 16);
    activated.end("TERM");
    assert!(activated.snagd.socket().exists(), "the file of a socket is systemd's");
    let Ways { port, socket } = &activated.ways;
    let listens = format!("listens on unix:{} and http://127.0.0.1:{port} ", socket.display());
    let log = activated.snagd.log();
    assert_eq!(log.matches(&listens).count(), 3, "{log}");
}

#[test]
fn restarted_under_load_it_refuses_nobody() {
    let mut activated = Activated::new();
    activated.start();
    let is_over = AtomicBool::new(false);
    let recorded = thread::scope(|scope| {
        let poster = |is_tcp: bool| {
            let (ways, is_over) = (activated.ways.clone(), &is_over);
            scope.spawn(move || {
                let mut recorded = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let mut stream = ways.connect(is_tcp);
                    stream.post();
                    stream.answer().is(201);
                    recorded += 1;
                }
                recorded
            })
        };
        let posters = [Ways::BOTH, Ways::BOTH].concat().into_iter().map(poster).collect::<Vec<_>>();
        for _ in 0..5 {
            activated.snagd.get("/v1/status").is(200);
            activated.end("TERM");
            activated.start();
        }
        activated.snagd.get("/v1/status").is(200);
        is_over.store(true, Ordering::Relaxed);
        posters.into_iter().map(|poster| poster.join().unwrap()).sum::<usize>()
    });
    assert_eq!(activated.snagd.events().len(), recorded);
    assert!(20 <= recorded, "{recorded} posts are no load");
}

#[test]
fn what_is_said_otherwise_about_listening_is_told() {
    let dir = Dir::new();
    let socket = dir.path().join("snag.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut snagd = Snagd::new(dir);
    // The descriptor is 3 in the shell and in what it becomes.
    let mut command = bare_shell(snagd.dir.path());
    command.arg("LISTEN_PID=$$ LISTEN_FDS=1 exec snagd --state-dir $0 --socket /elsewhere.sock --listen none 3<&0 < /dev/null");
    command.arg(snagd.state()).stdin(OwnedFd::from(listener));
    snagd.child = command.stderr(fs::File::create(snagd.path("log")).unwrap()).spawn().unwrap();
    snagd.get("/v1/status").is(200);
    snagd.stop();
    let told = format!(
        "`socket` is /elsewhere.sock, and systemd handed over {}, which is used: change `ListenStream=` in the socket unit instead",
        socket.display()
    );
    assert!(snagd.log().contains(&told), "{}", snagd.log());
    assert!(socket.exists());
}

#[test]
fn what_nobody_can_connect_to_is_a_bad_configuration() {
    let dir = Dir::new();
    let mut command = bare_shell(dir.path());
    command.arg("LISTEN_PID=$$ LISTEN_FDS=1 exec snagd --state-dir $0 3< /dev/null");
    let said = Said::of("snagd".to_owned(), &command.arg(dir.path()).output().unwrap()).ended(78);
    assert!(said.stderr.contains("socket 1 of those handed over"), "{said:#?}");
    // An address that reaches beyond this machine needs what it always needs.
    let beyond = TcpListener::bind("0.0.0.0:0").unwrap();
    let mut command = bare_shell(dir.path());
    command.arg("LISTEN_PID=$$ LISTEN_FDS=1 exec snagd --state-dir $0 3<&0 < /dev/null");
    command.arg(dir.path().join("state")).stdin(OwnedFd::from(beyond));
    let said = Said::of("snagd".to_owned(), &command.output().unwrap()).ended(78);
    assert!(said.stderr.contains("allowed_hosts"), "{said:#?}");
}

/// Hears what the daemon tells, in the place of systemd.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    /// Starts a daemon that tells it.
    fn start(snagd: &mut Snagd, adapt: impl FnOnce(&mut Command)) -> Self {
        let path = snagd.path("manager");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = snagd.command();
        adapt(command.env("NOTIFY_SOCKET", path));
        snagd.child = command.spawn().unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Waits for a line that starts so, and gives everything that was heard since the last time.
    fn hears(&mut self, start: &str) -> Vec<String> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(found) = self.heard.iter().position(|line| line.starts_with(start)) {
                return self.heard.drain(..=found).collect();
            }
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("`{start}` is not told ({error}): {:#?}", self.heard),
            };
            let said = String::from_utf8_lossy(&buffer[..length]);
            self.heard.extend(said.lines().map(str::to_owned));
        }
    }
}

#[test]
fn it_is_ready_after_recovery_and_asks_for_time_while_it_lasts() {
    let mut snagd = Snagd::start();
    let event = |nth| format!(r#"{{"place":"a","note":"{nth}"}}"#);
    let events = (0..300).map(event).collect::<Vec<_>>().join("\n");
    snagd.post_as("application/x-ndjson", events.as_bytes()).is(200);
    snagd.stop();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    let mut manager = Manager::start(&mut snagd, |_| {});
    let heard = manager.hears("READY=1");
    let before = heard.join("\n");
    assert!(before.starts_with("EXTEND_TIMEOUT_USEC="), "{before}");
    assert!(before.contains("\nSTATUS=recovering: "), "{before}");
    let status = manager.hears("STATUS=").pop().unwrap();
    assert_eq!(status, format!("STATUS=listens on {}", listening(&snagd)));
    assert_eq!(snagd.events().len(), 300);
    snagd.stop();
    manager.hears("STOPPING=1");
}

fn listening(snagd: &Snagd) -> String {
    let status = snagd.get("/v1/status").json();
    let urls = status["listening"].as_array().unwrap().iter();
    urls.map(|url| url.as_str().unwrap()).collect::<Vec<_>>().join(" and ")
}

#[test]
fn the_watchdog_is_fed_and_the_status_kept_current() {
    let mut snagd = Snagd::new(Dir::new());
    let mut manager = Manager::start(&mut snagd, |command| {
        command.env("WATCHDOG_USEC", "20000");
    });
    manager.hears("READY=1");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    snagd.post(r#"{"place":"a","note":"one"}"#).is(201);
    manager.hears("STATUS=1 event at 1 place; last recorded 20");
    snagd.post(r#"{"place":"b","note":"two"}"#).is(201);
    manager.hears("STATUS=2 events at 2 places; last recorded 20");
    manager.hears("WATCHDOG=1");
}

#[test]
fn in_a_terminal_sighup_means_that_it_is_gone() {
    let mut snagd = Snagd::new(Dir::new());
    // Under `script` the shell, and what it becomes, have a terminal.
    let mut terminal = bare_shell(snagd.dir.path());
    let inner = "echo $$ > pid; exec snagd --state-dir state --socket snag.sock --listen none";
    terminal.arg("exec script -qefc \"$0\" log").arg(inner).current_dir(snagd.dir.path());
    snagd.child = terminal.spawn().unwrap();
    until("it listens", || snagd.log().contains("stores in"));
    let pid = fs::read_to_string(snagd.path("pid")).unwrap();
    assert!(Command::new("kill").args(["-HUP", pid.trim()]).status().unwrap().success());
    assert!(snagd.wait().success(), "{}", snagd.log());
    assert!(snagd.log().contains("stopping: finishing what was accepted"), "{}", snagd.log());
}

#[test]
fn sighup_reads_the_configuration_again_and_systemd_knows() {
    let mut snagd = Snagd::new(Dir::new());
    let mut manager = Manager::start(&mut snagd, |_| {});
    manager.hears("READY=1");
    snagd.signal("HUP");
    let heard = manager.hears("READY=1");
    let reloading = heard.iter().position(|line| line == "RELOADING=1").expect("it says so");
    assert!(heard[reloading + 1].starts_with("MONOTONIC_USEC="), "{heard:#?}");
    assert!(snagd.log().contains("read again and is as before"), "{}", snagd.log());
    snagd.stop();
}

#[test]
fn without_a_systemd_it_says_how_to_do_without() {
    let dir = Dir::new();
    // Where this machine has one, this user's does not run in such a directory.
    for deed in ["install", "status", "uninstall"] {
        let args = ["service", deed, "--user"];
        let mut command = snag(dir.path());
        command.env("XDG_RUNTIME_DIR", dir.path());
        let said = Said::new(command.args(args), &args).ended(69);
        assert!(said.stderr.contains("run `snagd` itself") && said.stdout.is_empty(), "{said:#?}");
    }
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing is left behind");
    let args = ["service", "install", "--user", "--system"];
    let said = Said::new(snag(dir.path()).args(args), &args).ended(2);
    assert!(said.stderr.contains("exclude each other"), "{said:#?}");
    let args = ["service", "instal"];
    let said = Said::new(snag(dir.path()).args(args), &args).ended(2);
    assert!(said.stderr.contains("did you mean `install`"), "{said:#?}");
}
