//! Opening: everything that can fail before the daemon says that it is ready.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io;
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::statfs;
use tokio::sync::{mpsc, watch};

use super::config::ConfigError;
use super::inherit::{InheritError, Inherited};
use super::listen::{self, Listening, OwnSocket};
use super::owner;
use super::paths::Paths;
use super::reload::Reload;
use super::run::Again;
use super::settings::Sources;
use super::systemd::Start;
use super::{recover, restore};
use crate::doors::body::Bodies;
use crate::doors::http::Listener;
use crate::doors::keys::{Keys, KeysError};
use crate::doors::side::Side;
use crate::doors::{Desk, DropCounts, Facts, Wish, now, token};
use crate::event::compile_rules;
use crate::hotspot::fingerprint;
use crate::index::{Index, IndexError};
use crate::journal::{self, JournalError, Packer};
use crate::recorder::{CatchUpError, Lag, Recorder, Room, Writing};

/// How statfs(2) knows a file system in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;

/// Whoever waits for a look to end asks so often.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A daemon that is ready to run.
pub struct Daemon {
    pub(super) desk: Arc<Desk>,
    pub(super) listeners: Vec<Listener>,
    pub(super) writing: Writing,
    pub(super) packer: Packer,
    pub(super) room: Arc<Room>,
    pub(super) heard: mpsc::Receiver<Wish>,
    pub(super) sources: Sources,
    pub(super) configuration: Reload,
    pub(super) paths: Paths,
    /// The socket file that is ours to remove.
    pub(super) own_socket: Option<OwnSocket>,
    /// Held as long as the daemon lives: one daemon for one state directory.
    pub(super) lock: Lock,
}

/// Why a daemon could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What systemd handed over cannot be used.
    #[error(transparent)]
    Inherited(#[from] InheritError),
    /// Another daemon has the state directory.
    #[error(
        "another snagd already runs on {0}: use that one, or give this one a directory of its own with `--state-dir`"
    )]
    Taken(PathBuf),
    /// Somebody looks at the state directory.
    #[error("`snagd verify` looks at {0} at this moment: wait until it has, or end it")]
    LookedAt(PathBuf),
    /// There is nothing to look at or to mend.
    #[error("there is no journal in {0}: name the state directory with `--state-dir`")]
    Nothing(PathBuf),
    /// There was a journal.
    #[error(
        "the journal in {dir} is gone, with all of its {records} records: restore a backup with `snag restore`, or start snagd, which goes on behind them"
    )]
    Gone {
        /// The state directory.
        dir: PathBuf,
        /// How far it is known to have gone.
        records: u64,
    },
    /// A directory or file cannot be made or used.
    #[error("{path} cannot be used: snagd's user needs to own it, with mode 0700")]
    Unusable {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The token file cannot be used.
    #[error(transparent)]
    Token(#[from] token::TokenError),
    /// The file of keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The journal does not open.
    #[error("the journal in {dir} does not open")]
    Journal {
        /// Its directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: JournalError,
    },
    /// The index does not open, not even an empty one.
    #[error("the index could not be opened or rebuilt")]
    Index(#[from] IndexError),
    /// The index could not catch up with the journal.
    #[error("the index could not catch up with the journal")]
    CatchUp(#[from] CatchUpError),
    /// A listener could not be bound.
    #[error("cannot listen on {address}: say another with `{flag}`")]
    Listen {
        /// Where.
        address: String,
        /// The flag that names another.
        flag: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Daemon {
    /// Reads the configuration, opens journal and index, catches up, and binds what was not
    /// handed over.
    ///
    /// A configuration that does not read, or may not be, is an error; but not where one was in force
    /// `before`, which stays: the daemon that starts anew was told nothing. Nor does it give up the state
    /// directory in between. Whoever only looks at that is waited for.
    ///
    /// Must be called on a tokio runtime. From the moment it returns, clients can connect; they
    /// are answered once [`Daemon::run`] runs.
    pub async fn open(
        sources: &Sources,
        inherited: Inherited,
        before: Option<Again>,
    ) -> Result<Self, OpenError> {
        let started_at = now();
        let (before, lock) = before.map(|Again { settings, lock }| (settings, lock)).unzip();
        let read = sources.read().and_then(|read| read.check_exposure().map(|()| read));
        // Why it stays is said when the file is followed.
        let settings = read.or_else(|error| before.ok_or(error))?;
        warm_up();
        let paths = settings.paths.clone();
        let lock = take(&paths.state_dir, lock).await?;
        // Before anything is written: it gives room where there is none.
        let room = Arc::new(Room::of(&paths.state_dir).map_err(unusable(&paths.state_dir))?);
        let token = token::read_or_make(&paths.token())?;
        let keys = Keys::read(&paths.keys())?;
        let recovered = recover::recover(&paths, settings.retention(), &room)?;
        let journal::Opened { writer, reader, packer, .. } = recovered.journal;
        make_dir(&paths.drop_dir)?;
        let Listening { listeners, urls, addresses, own_socket } =
            listen::listen(&settings, inherited).await?;
        settings.check_exposure_of(&addresses)?;
        let (recorder, mut writing) = Recorder::new(writer, recovered.index.clone(), room.clone());
        let (wishes, heard) = mpsc::channel(1);
        let lag = Arc::new(Lag::default());
        if recovered.is_behind {
            writing.catch_up_meanwhile(reader.clone(), lag.clone());
        }
        let desk = Arc::new(Desk {
            recorder,
            lag,
            index: recovered.index,
            journal: reader,
            token,
            rules: watch::Sender::new(Arc::new(settings.rules())),
            facts: Facts {
                started_at,
                state_dir: paths.state_dir.clone(),
                drop_dir: paths.drop_dir.clone(),
                listening: urls,
                damaged: recovered.damaged,
                waits_to_forget: recovered.waits_to_forget,
            },
            drops: DropCounts::default(),
            wishes,
            doubt: Arc::default(),
            bodies: Bodies::default(),
            side: Side::new(keys),
        });
        Ok(Self {
            desk,
            listeners,
            writing,
            packer,
            room,
            heard,
            sources: sources.clone(),
            configuration: Reload::new(sources.clone(), settings, addresses),
            paths,
            own_socket,
            lock,
        })
    }

    /// Where it listens, as URLs that `snag --url` takes.
    #[must_use]
    pub fn listening(&self) -> &[String] {
        &self.desk.facts.listening
    }

    /// Where it stores.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.paths.state_dir
    }
}

/// Makes the state directory ours alone, unless it is, and fit to be opened.
async fn take(state_dir: &Path, held: Option<Lock>) -> Result<Lock, OpenError> {
    make_dir(state_dir)?;
    warn_of_memory(state_dir);
    let lock = match held.filter(|held| held.is_of(state_dir)) {
        Some(held) => held,
        None => lock_once_looked_at(state_dir).await?,
    };
    owner::check(state_dir)?;
    restore::clear_unfinished(state_dir)?;
    Ok(lock)
}

/// Waits for whoever looks at the directory, as that ends by itself: who gave up would be started again
/// a few times, and then no more.
async fn lock_once_looked_at(state_dir: &Path) -> Result<Lock, OpenError> {
    let (mut start, mut is_told) = (Start::default(), false);
    loop {
        match lock(state_dir) {
            Err(looked_at @ OpenError::LookedAt(_)) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!("{looked_at}: snagd starts then");
                }
                start.goes_on_with("waits until `snagd verify` has looked at what is stored");
            }
            done => return done,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Compiles the patterns now, so that the first event does not wait for them.
fn warm_up() {
    compile_rules();
    let _ = fingerprint("");
}

/// What is kept in memory is gone with it, however often it was synced.
fn warn_of_memory(dir: &Path) {
    if statfs(dir).is_ok_and(|stat| stat.f_type == TMPFS) {
        tracing::warn!(dir = %dir.display(), "the state directory is on a tmpfs: what is recorded is gone when the machine stops; name another with `--state-dir`");
    }
}

/// The directory of the journal, and how far it is known to have gone.
pub(super) fn existing_journal(state_dir: &Path) -> Result<(PathBuf, u64), OpenError> {
    let (dir, known) = (state_dir.join("journal"), Index::noted(&state_dir.join("index")));
    match known {
        _ if dir.try_exists().map_err(unusable(&dir))? => Ok((dir, known)),
        0 => Err(OpenError::Nothing(state_dir.to_owned())),
        records => Err(OpenError::Gone { dir: state_dir.to_owned(), records }),
    }
}

/// Makes a directory for its owner alone, unless it is there.
pub(super) fn make_dir(dir: &Path) -> Result<(), OpenError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable(dir))
}

pub(super) fn unusable(path: &Path) -> impl Fn(io::Error) -> OpenError + Copy {
    move |source| OpenError::Unusable { path: path.to_owned(), source }
}

/// A state directory that nobody else has. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// The directory itself, since anybody may remove the file. Not every file system locks one.
    dir: File,
}

impl Lock {
    /// Whether it is the one of the directory that is there now.
    fn is_of(&self, state_dir: &Path) -> bool {
        let same = |held: &Metadata, found: &Metadata| {
            (held.dev(), held.ino()) == (found.dev(), found.ino())
        };
        let there = fs::metadata(state_dir);
        self.dir.metadata().is_ok_and(|held| there.is_ok_and(|there| same(&held, &there)))
    }
}

impl Deref for Lock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

pub(super) fn lock(state_dir: &Path) -> Result<Lock, OpenError> {
    let path = state_dir.join("lock");
    let unusable = unusable(&path);
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(unusable)?;
    let dir = File::open(state_dir).map_err(unusable)?;
    let is_held = |tried| matches!(tried, Err(TryLockError::WouldBlock));
    // The second only with the first: of two who begin at once, each would have one.
    let is_taken = match file.try_lock() {
        Err(TryLockError::Error(source)) => return Err(unusable(source)),
        tried => is_held(tried) || is_held(dir.try_lock()),
    };
    if is_taken {
        let is_looked_at = [&file, &dir].into_iter().all(|it| !is_held(it.try_lock_shared()));
        let state_dir = state_dir.to_owned();
        return Err(if is_looked_at {
            OpenError::LookedAt(state_dir)
        } else {
            OpenError::Taken(state_dir)
        });
    }
    // A restore that was refused takes its own away again.
    if file.metadata().map_err(unusable)?.nlink() == 0 {
        return Err(OpenError::Taken(state_dir.to_owned()));
    }
    Ok(Lock { file, dir })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_state_directory_is_taken_whatever_becomes_of_the_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        let is_taken = || matches!(lock(dir.path()), Err(OpenError::Taken(_)));
        let held = lock(dir.path()).unwrap();
        assert!(is_taken());
        std::fs::remove_file(dir.path().join("lock")).unwrap();
        assert!(is_taken());
        drop(held);
        assert!(!is_taken());
    }

    #[test]
    fn of_several_who_begin_at_once_one_has_it() {
        const SEVERAL: usize = 4;
        let dir = tempfile::tempdir().unwrap();
        for round in 0..1000 {
            let together = Barrier::new(SEVERAL);
            let begins = || {
                together.wait();
                let lock = lock(dir.path());
                together.wait();
                lock.is_ok()
            };
            let having = thread::scope(|scope| {
                let all: Vec<_> = (0..SEVERAL).map(|_| scope.spawn(begins)).collect();
                all.into_iter().map(|one| one.join().unwrap()).filter(|has| *has).count()
            });
            assert_eq!(having, 1, "round {round}");
        }
    }

    #[tokio::test]
    async fn one_that_starts_anew_keeps_what_it_has_unless_it_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
        let held = take(&one, None).await.unwrap();
        fs::remove_file(one.join("lock")).unwrap();
        let held = take(&one, Some(held)).await.unwrap();
        assert!(!one.join("lock").exists(), "nothing was taken anew");
        assert!(matches!(lock(&one), Err(OpenError::Taken(_))));
        let other_held = take(&other, Some(held)).await.unwrap();
        assert!(lock(&one).is_ok(), "nobody has it any more");
        // Another took its place.
        fs::rename(&other, dir.path().join("moved")).unwrap();
        assert!(!other_held.is_of(&other));
        take(&other, Some(other_held)).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_only_looks_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        drop(lock(dir.path()).unwrap());
        let look = File::open(dir.path().join("lock")).unwrap();
        look.lock_shared().unwrap();
        assert!(matches!(lock(dir.path()), Err(OpenError::LookedAt(_))));
        let (taken, ()) = tokio::join!(take(dir.path(), None), async { drop(look) });
        taken.unwrap();
    }
}
