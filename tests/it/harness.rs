//! A daemon of its own for each test, and ways to talk to it.
//!
//! The harness binds a `NOTIFY_SOCKET` and waits for `READY=1`, as systemd would: no fixed ports,
//! no sleeps. When a test fails, the daemon's directory is kept and its log is printed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::programs::bare;
pub(crate) use crate::programs::{bare_shell, snag, snagd};

/// Longer than anything takes on a busy machine; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A directory that survives a failing test.
pub(crate) struct Dir(Option<tempfile::TempDir>);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(Some(tempfile::Builder::new().prefix("snag-").tempdir().unwrap()))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().unwrap().path()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.0.take().unwrap().keep();
            eprintln!("the test's directory is kept: {}", kept.display());
        }
    }
}

/// A running `snagd`.
pub(crate) struct Snagd {
    pub(crate) child: Child,
    pub(crate) dir: Dir,
    pub(crate) listen: String,
    /// A command that runs it, like `nsenter` or `strace`, with its arguments.
    around: Vec<String>,
}

impl Snagd {
    /// Starts one on a directory of its own, with a TCP port that the kernel chooses.
    pub(crate) fn start() -> Self {
        Self::start_with(Dir::new(), &[])
    }

    pub(crate) fn start_with(dir: Dir, args: &[&str]) -> Self {
        let mut snagd = Self::new(dir);
        if args.contains(&"--listen") {
            snagd.listen.clear();
        }
        snagd.spawn(args);
        snagd
    }

    /// One that is not started.
    pub(crate) fn new(dir: Dir) -> Self {
        Self { child: idle(), dir, listen: "127.0.0.1:0".to_owned(), around: Vec::new() }
    }

    /// Starts one within limits of the kernel, as `prlimit` takes them.
    pub(crate) fn start_within(limits: &[&str]) -> Self {
        Self::start_around(Dir::new(), &[&["prlimit"], limits].concat())
    }

    /// Starts one by a command that ends in running it.
    pub(crate) fn start_around(dir: Dir, command: &[&str]) -> Self {
        let mut snagd = Self::new(dir);
        snagd.run_by(command.iter().map(ToString::to_string).collect());
        snagd.spawn(&[]);
        snagd
    }

    /// From now on it is run by this command.
    pub(crate) fn run_by(&mut self, command: Vec<String>) {
        self.around = command;
    }

    /// Starts it again on the same directory, differently.
    pub(crate) fn restart_with(&mut self, args: &[&str]) {
        if args.contains(&"--listen") {
            self.listen.clear();
        }
        self.spawn(args);
    }

    /// Starts it again on the same directory.
    pub(crate) fn restart(&mut self) {
        self.spawn(&[]);
    }

    fn spawn(&mut self, args: &[&str]) {
        if let Err(status) = self.try_spawn(args) {
            panic!("snagd ended at its start ({status}):\n{}", self.log());
        }
    }

    /// Starts it again, which may fail: then how it ended.
    pub(crate) fn try_restart(&mut self) -> Result<(), ExitStatus> {
        self.try_spawn(&[])
    }

    fn try_spawn(&mut self, args: &[&str]) -> Result<(), ExitStatus> {
        let notify = self.path("notify");
        let _ = fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).unwrap();
        let mut command = self.command();
        command.args(args).env("NOTIFY_SOCKET", &notify);
        self.child = command.spawn().unwrap();
        ready.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        loop {
            if let Ok(length) = ready.recv(&mut buffer) {
                let said = String::from_utf8_lossy(&buffer[..length]);
                if said.lines().any(|line| line == "READY=1") {
                    return Ok(());
                }
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(status);
            }
            assert!(Instant::now() < deadline, "snagd does not become ready:\n{}", self.log());
        }
    }

    /// The daemon's command line, its log going to a file.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.around.split_first() {
            None => snagd(self.dir.path()),
            Some((program, args)) => {
                let mut command = bare(program, self.dir.path());
                command.args(args).arg(env!("CARGO_BIN_EXE_snagd"));
                command
            }
        };
        command.arg("--state-dir").arg(self.path("state")).arg("--socket").arg(self.socket());
        if !self.listen.is_empty() {
            command.args(["--listen", &self.listen]);
        }
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        command.stderr(log);
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn drop_dir(&self) -> PathBuf {
        self.state().join("drop")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("snag.sock")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.state().join("token")).unwrap().trim().to_owned()
    }

    /// The TCP address it listens on.
    pub(crate) fn address(&self) -> String {
        let status = self.get("/v1/status").json();
        let listening = status["listening"].as_array().unwrap();
        let mut http = listening.iter().filter_map(|url| url.as_str()?.strip_prefix("http://"));
        http.next_back().expect("it listens on TCP").to_owned()
    }

    /// Runs `snag` against it.
    pub(crate) fn snag(&self, args: &[&str]) -> Said {
        self.snag_with(args, |_| {})
    }

    pub(crate) fn snag_with(&self, args: &[&str], adapt: impl FnOnce(&mut Command)) -> Said {
        let mut command = snag(self.dir.path());
        command.args(args).env("SNAG_URL", format!("unix:{}", self.socket().display()));
        command.env("SNAG_DROP", self.drop_dir());
        adapt(&mut command);
        Said::new(&mut command, args)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// Reads, with header lines of one's own.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        ))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask(&format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    pub(crate) fn post(&self, body: &str) -> Answer {
        self.post_as("application/json", body.as_bytes())
    }

    pub(crate) fn post_as(&self, content_type: &str, body: &[u8]) -> Answer {
        self.post_with(&format!("Content-Type: {content_type}\r\n"), body)
    }

    pub(crate) fn post_with(&self, headers: &str, body: &[u8]) -> Answer {
        let mut request = format!(
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend(body);
        self.ask_bytes(&request)
    }

    /// Sends bytes over the unix socket and reads the answer.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        self.ask_bytes(request.as_bytes())
    }

    pub(crate) fn ask_bytes(&self, request: &[u8]) -> Answer {
        Answer::of(UnixStream::connect(self.socket()).unwrap(), request)
    }

    /// Sends bytes over TCP, as they are: nothing rewrites a header.
    pub(crate) fn ask_tcp(&self, request: &str) -> Answer {
        Answer::of(TcpStream::connect(self.address()).unwrap(), request.as_bytes())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for it to end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("snagd does not end:\n{}", self.log()))
    }

    /// Stops it as systemd would.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Every event it holds, by paging through the API.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut path = "/v1/events?limit=1000".to_owned();
        loop {
            let page = self.get(&path).json();
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                None => return events,
                Some(next) => path = format!("/v1/events?limit=1000&cursor={next}"),
            }
        }
    }
}

impl Drop for Snagd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("snagd's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child that has ended.
fn idle() -> Child {
    Command::new("true").spawn().unwrap()
}

/// Waits for a child with patience.
pub(crate) fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Waits until something is true.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a child says until it ends; one that does not is killed.
fn output(child: Child) -> Output {
    let (ended, end) = mpsc::channel::<()>();
    let pid = Pid::from_child(&child);
    std::thread::spawn(move || {
        if end.recv_timeout(3 * PATIENCE) == Err(RecvTimeoutError::Timeout) {
            eprintln!("killed, because it does not end: process {}", pid.as_raw_nonzero());
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    output
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    #[expect(dead_code, reason = "shown by a failing test")]
    pub(crate) command: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn new(command: &mut Command, args: &[&str]) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(format!("snag {}", args.join(" ")), &output(command.spawn().unwrap()))
    }

    pub(crate) fn of(command: String, output: &Output) -> Self {
        Self {
            command,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Ended with 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ended(0)
    }

    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of<S: Read + Write + Timeout>(mut stream: S, request: &[u8]) -> Self {
        stream.patience();
        // The daemon may answer, and hang up, before it has read everything.
        let _ = stream.write_all(request);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&bytes)
    }

    /// Reads an answer; status 0 where there is none.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            return Self { status: 0, head: String::new(), body: Vec::new() };
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        format!("{}\n\n{}", self.head, String::from_utf8_lossy(&self.body))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A problem of this status whose detail says this.
    #[track_caller]
    pub(crate) fn tells(self, status: u16, detail: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{}",
            answer.text()
        );
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(told.contains(detail), "`{told}` does not say `{detail}`");
        answer
    }
}

/// What differs from run to run, made equal: ids, times, ages, ports, and the width they take.
pub(crate) fn redact(text: &str) -> String {
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
        (r"…[0-9a-f]{8}", "…<id>"),
        (r"snag show [0-9a-f]{8}", "snag show <id>"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)", "<time>"),
        (r"\b(\d+ (s|min|h|days?|months?|years?) ago|yesterday|just now)", "<age>"),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"cursor [0-9.a-f]+", "cursor <cursor>"),
        (r" +", " "),
    ];
    let mut text = text.to_owned();
    for (pattern, name) in rules {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Streams that can be told how long to wait.
pub(crate) trait Timeout {
    fn patience(&self);
}

impl Timeout for UnixStream {
    fn patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

impl Timeout for TcpStream {
    fn patience(&self) {
        self.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}
