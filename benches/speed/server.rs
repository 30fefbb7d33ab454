//! The servers as child processes, each on a fresh directory beside the build.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use snag::client::{Connection, Target};

/// The daemon as it is built for release.
pub(crate) const SNAGD: &str = env!("CARGO_BIN_EXE_snagd");
/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// The unit in which Linux tells processor time.
const TICK: Duration = Duration::from_millis(10);

/// A running server; ends with this value.
pub(crate) struct Server {
    child: Child,
    dir: tempfile::TempDir,
    program: String,
    /// Where posts go.
    pub(crate) tcp: Target,
}

impl Server {
    /// A daemon; [`SNAGD`] is the one built for release with this program.
    pub(crate) async fn snagd(program: &str) -> anyhow::Result<Self> {
        let dir = fresh_dir()?;
        let child = start(program, dir.path())?;
        let mut server =
            Self { child, dir, program: program.to_owned(), tcp: Target::Unix(PathBuf::new()) };
        server.find_tcp().await?;
        Ok(server)
    }

    /// Tells it to stop, or kills it.
    pub(crate) fn end(&mut self, is_clean: bool) -> anyhow::Result<()> {
        if is_clean {
            let id = self.child.id().to_string();
            Command::new("kill").arg(id).status().context("it cannot be told to stop")?;
        } else {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(())
    }

    /// Starts it anew on the same directory; says how long it took until it was ready.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.child = start(&self.program, self.dir.path())?;
        let took = started.elapsed();
        self.find_tcp().await?;
        Ok(took)
    }

    async fn find_tcp(&mut self) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.unix(), None).await?;
        let status = connection.get("/v1/status").await?;
        let status: serde_json::Value = serde_json::from_slice(&status.body)?;
        let url = status["listening"].as_array().and_then(|urls| urls.last()?.as_str());
        let url = url.context("snagd does not listen on TCP")?;
        self.tcp = url.parse().map_err(anyhow::Error::msg)?;
        Ok(())
    }

    /// What snagd is measured beside: this program again, told to be `floor`, `sqlite` or `postgres`.
    pub(crate) fn beside(role: &str) -> anyhow::Result<Self> {
        let dir = fresh_dir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).arg(dir.path().join("events")).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{role} does not start"))?;
        let stdout = child.stdout.take().with_context(|| format!("{role} says nothing"))?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let tcp = format!("http://{}", address.trim()).parse().map_err(anyhow::Error::msg)?;
        Ok(Self { child, dir, program: String::new(), tcp })
    }

    /// The daemon's unix socket, where reading needs no token.
    pub(crate) fn unix(&self) -> Target {
        Target::Unix(self.dir.path().join("snag.sock"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Processor time used so far, all threads and all that it started: of what is measured here the
    /// least noisy.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let mut ticks = 0;
        for process in family(self.child.id()) {
            let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let fields = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
            ticks += fields.sum::<u64>();
        }
        Ok(TICK * u32::try_from(ticks)?)
    }

    /// How often its threads woke up so far.
    pub(crate) fn wakeups(&self) -> anyhow::Result<u64> {
        let mut wakeups = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let status = fs::read_to_string(task?.path().join("status"))?;
            let line =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            wakeups += line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(wakeups)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
        Ok(kib.context("no VmRSS")?.trim().parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            crate::say(&format!("a server ended by itself ({status}):\n{log}"));
        }
        let started = family(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it started ends with it, and still writes into the directory that goes now.
        let patience = Instant::now();
        let is_there = |process: &u32| fs::read_link(format!("/proc/{process}/exe")).is_ok();
        while started.iter().any(is_there) && patience.elapsed() < PATIENCE {
            std::thread::sleep(TICK);
        }
    }
}

/// A process and all that it and its children started.
fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        all.extend(children.flat_map(family));
    }
    all
}

/// Starts a daemon in a directory and waits until it is ready.
fn start(program: &str, dir: &Path) -> anyhow::Result<Child> {
    let notify = dir.join("notify");
    let _ = fs::remove_file(&notify);
    let ready = UnixDatagram::bind(&notify)?;
    ready.set_read_timeout(Some(PATIENCE))?;
    let mut command = Command::new(program);
    command.env_clear().env("HOME", dir).env("NOTIFY_SOCKET", &notify);
    command.arg("--state-dir").arg(dir.join("state")).arg("--socket").arg(dir.join("snag.sock"));
    command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null());
    command.stderr(File::create(dir.join("log"))?);
    let child = command.spawn().context("snagd does not start")?;
    let mut said = [0; 1024];
    loop {
        let length = ready.recv(&mut said).context("snagd does not become ready")?;
        // Before that it tells how far it is.
        if said[..length].starts_with(b"READY=1") {
            return Ok(child);
        }
    }
}

/// On the file system of the build: what is in memory only has no fdatasync to wait for.
pub(crate) fn fresh_dir() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("speed-")
        .tempdir_in(parent())
        .context("no directory can be made")
}

/// What these directories lie in.
pub(crate) fn parent() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// Bytes that a directory takes on disk; what goes meanwhile takes none, as a segment that is packed.
pub(crate) fn disk(path: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        found => found?,
    };
    let mut bytes = found.blocks() * 512;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += disk(&entry?.path())?;
        }
    }
    Ok(bytes)
}
