//! What a user would write for a company: the same server, inserting into PostgreSQL.
//!
//! A cluster of its own beside the build, reached by unix socket, with `synchronous_commit=on`. A few
//! connections take whatever waits, each in one statement of arrays; columns and indexes are those of
//! SQLite. See <https://www.postgresql.org/docs/current/wal-async-commit.html> and
//! <https://www.postgresql.org/docs/current/functions-array.html> (`unnest`).

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::beside::{Job, Write};

/// Connections that insert: with more, each finds less to take at once.
const WRITERS: usize = 2;
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Its user, where we are root: it refuses to run as that.
const USER: &str = "postgres";

const SCHEMA: &str = "
    CREATE TABLE event (
        id uuid PRIMARY KEY, at bigint NOT NULL, body bytea NOT NULL, day int NOT NULL,
        place text NOT NULL, person text NOT NULL, points int NOT NULL,
        kind text NOT NULL, outcome text NOT NULL, version text NOT NULL
    );
    CREATE INDEX pain ON event (day, place, person, points);
    CREATE INDEX why ON event (place, day, kind, outcome, version, person, points);
    CREATE INDEX newest ON event (at, id);
";
const INSERT: &str = "
    INSERT INTO event SELECT * FROM unnest(
        $1::text[]::uuid[], $2::bigint[], $3::bytea[], $4::int[], $5::text[], $6::text[], $7::int[],
        $8::text[], $9::text[], $10::text[]
    ) ON CONFLICT DO NOTHING
";

/// Why it cannot be measured here, if so.
pub(crate) fn lacking(dir: &Path) -> Option<String> {
    if programs().is_none() {
        return Some("PostgreSQL is not installed".into());
    }
    let mut reaches = as_its_user("test");
    let reaches = reaches.args(["-x".as_ref(), dir.as_os_str()]).stderr(Stdio::null()).status();
    let does = reaches.is_ok_and(|status| status.success());
    (!does).then(|| {
        format!("there is no setpriv, or no user that runs PostgreSQL in {}", dir.display())
    })
}

/// Starts a cluster, and makes what inserts.
pub(crate) fn open(path: &Path) -> anyhow::Result<Vec<Write>> {
    let dir = path.parent().context("a file lies in a directory")?;
    start(dir)?;
    let first = Inserter::connect(dir)?;
    first.runtime.block_on(first.client.batch_execute(SCHEMA))?;
    (0..WRITERS)
        .map(|_| {
            let inserter = Inserter::connect(dir)?;
            let insert = inserter.runtime.block_on(inserter.client.prepare(INSERT))?;
            Ok(Box::new(move |jobs: &[Job]| inserter.put(&insert, jobs)) as Write)
        })
        .collect()
}

/// Starts it as a child that ends with us.
fn start(dir: &Path) -> anyhow::Result<()> {
    let (programs, data) = (programs().context("PostgreSQL is gone")?, dir.join("data"));
    // Like /tmp: its user makes what it needs in there.
    fs::set_permissions(dir, Permissions::from_mode(0o1777))?;
    let mut initdb = as_its_user(programs.join("initdb"));
    initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
    let made = initdb.args(["--username", USER, "-D"]).arg(&data).current_dir(dir).output()?;
    ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let mut postgres = as_its_user(programs.join("postgres"));
    postgres.arg("-D").arg(&data).arg("-k").arg(dir).current_dir(dir).stdout(Stdio::null());
    // Only its user and root come in.
    for said in ["listen_addresses=", "unix_socket_permissions=0700", "synchronous_commit=on"] {
        postgres.args(["-c", said]);
    }
    let mut child = postgres.stderr(File::create(dir.join("log"))?).spawn()?;
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// A program run as the user of PostgreSQL, ending with us.
fn as_its_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    // At once, as after a crash: nothing of it is kept.
    command.arg("--pdeathsig=QUIT");
    if rustix::process::geteuid().is_root() {
        command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--init-groups");
    }
    command.arg("--").arg(program);
    command
}

/// Where its programs are: in the path, or where Debian has the newest.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let mut all = std::env::split_paths(&path).chain(debian.into_iter().rev());
    all.find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
}

/// A connection, and the runtime that it lives in.
struct Inserter {
    runtime: Runtime,
    client: Client,
}

impl Inserter {
    fn connect(dir: &Path) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut config = Config::new();
        config.host_path(dir).user(USER).dbname("postgres");
        let started = Instant::now();
        let (client, connection) = loop {
            match runtime.block_on(config.connect(NoTls)) {
                Ok(connected) => break connected,
                Err(error) if PATIENCE < started.elapsed() => {
                    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                    return Err(error).context(format!("PostgreSQL does not start:\n{log}"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        runtime.spawn(connection);
        Ok(Self { runtime, client })
    }

    /// Inserts all that waits, in one statement.
    fn put(&self, insert: &Statement, jobs: &[Job]) -> anyhow::Result<()> {
        let posts: Vec<_> = jobs.iter().flat_map(|job| &job.posts).collect();
        macro_rules! column {
            ($of:expr) => {
                &posts.iter().map($of).collect::<Vec<_>>()
            };
        }
        self.runtime.block_on(self.client.execute(
            insert,
            &[
                column!(|(post, _)| post.id.to_string()),
                column!(|(post, _)| post.at.as_millisecond()),
                column!(|(_, body)| body.as_ref()),
                column!(|(post, _)| post.day()),
                column!(|(post, _)| post.place.as_str()),
                column!(|(post, _)| post.person.as_str()),
                column!(|(post, _)| post.points()),
                column!(|(post, _)| post.kind()),
                column!(|(post, _)| post.outcome()),
                column!(|(post, _)| post.version()),
            ],
        ))?;
        Ok(())
    }
}
