//! The two servers as child processes, each on a fresh directory beside the build.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
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
    /// Where posts go.
    pub(crate) tcp: Target,
}

impl Server {
    /// A daemon; [`SNAGD`] is the one built for release with this program.
    pub(crate) async fn snagd(program: &str) -> anyhow::Result<Self> {
        let dir = fresh_dir()?;
        let notify = dir.path().join("notify");
        let ready = UnixDatagram::bind(&notify)?;
        ready.set_read_timeout(Some(PATIENCE))?;
        let socket = dir.path().join("snag.sock");
        let mut command = Command::new(program);
        command.env_clear().env("HOME", dir.path()).env("NOTIFY_SOCKET", &notify);
        command.arg("--state-dir").arg(dir.path().join("state")).arg("--socket").arg(&socket);
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null());
        command.stderr(File::create(dir.path().join("log"))?);
        let child = command.spawn().context("snagd does not start")?;
        let mut said = [0; 1024];
        let length = ready.recv(&mut said).context("snagd does not become ready")?;
        if !said[..length].starts_with(b"READY=1") {
            bail!("snagd does not become ready");
        }
        let mut connection = Connection::open(&Target::Unix(socket), None).await?;
        let status = connection.get("/v1/status").await?;
        let status: serde_json::Value = serde_json::from_slice(&status.body)?;
        let url = status["listening"].as_array().and_then(|urls| urls.last()?.as_str());
        let tcp =
            url.context("snagd does not listen on TCP")?.parse().map_err(anyhow::Error::msg)?;
        Ok(Self { child, dir, tcp })
    }

    /// The floor: this program again, told to be it.
    pub(crate) fn floor() -> anyhow::Result<Self> {
        let dir = fresh_dir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg(dir.path().join("events")).stdout(Stdio::piped());
        let mut child = command.spawn().context("the floor does not start")?;
        let stdout = child.stdout.take().context("the floor says nothing")?;
        let mut address = String::new();
        BufReader::new(stdout).read_line(&mut address)?;
        let tcp = format!("http://{}", address.trim()).parse().map_err(anyhow::Error::msg)?;
        Ok(Self { child, dir, tcp })
    }

    /// The daemon's unix socket, where reading needs no token.
    pub(crate) fn unix(&self) -> Target {
        Target::Unix(self.dir.path().join("snag.sock"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Processor time used so far, all threads: of what is measured here the least noisy.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: Vec<u64> =
            fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Ok(TICK * u32::try_from(ticks.iter().sum::<u64>())?)
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// On the file system of the build: what is in memory only has no fdatasync to wait for.
fn fresh_dir() -> anyhow::Result<tempfile::TempDir> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tempfile::Builder::new().prefix("speed-").tempdir_in(parent).context("no directory can be made")
}

/// Bytes that a directory takes on disk.
pub(crate) fn disk(path: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(path)?;
    let mut bytes = found.blocks() * 512;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            bytes += disk(&entry?.path())?;
        }
    }
    Ok(bytes)
}
