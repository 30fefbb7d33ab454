//! Reading the configuration again, while the daemon runs.
//!
//! # Promises
//!
//! - A valid change is in force for the next request, and the log says which keys changed.
//! - An invalid file is refused with its line, and the old configuration stays whole.
//! - What cannot change while running is named, and stays as it is until a restart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use notify::RecommendedWatcher;
use tokio::sync::{Notify, watch as latest};
use tokio::time::sleep;

use super::config::ConfigError;
use super::settings::{Change, Settings, Sources};
use super::systemd;
use super::watch;
use crate::doors::{Desk, chain};

/// Keys that are read at the start only.
const FIXED: [&str; 4] = ["state_dir", "socket", "listen", "drop_dir"];
/// How long changes may gather after the first: whoever saves a file makes several.
const GATHER: Duration = Duration::from_millis(100);
/// Where the kernel does not tell of changes, this is how often we look.
const EVERY: Duration = Duration::from_secs(30);

/// Follows the configuration from where the daemon started with it.
pub(super) struct Reload {
    sources: Sources,
    /// What the daemon started with.
    started: Settings,
    /// What was accepted last.
    accepted: latest::Sender<Settings>,
    /// What was refused last, if nothing was accepted since.
    refused: Option<String>,
    /// Where the daemon listens over TCP.
    addresses: Vec<SocketAddr>,
    /// Whether the kernel does not tell of changes.
    is_deaf: bool,
}

impl Reload {
    pub(super) fn new(sources: Sources, started: Settings, addresses: Vec<SocketAddr>) -> Self {
        let accepted = latest::Sender::new(started.clone());
        Self { sources, started, accepted, refused: None, addresses, is_deaf: false }
    }

    /// What was accepted last.
    pub(super) fn accepted(&self) -> latest::Receiver<Settings> {
        self.accepted.subscribe()
    }

    /// Reads again whenever the file changes, and when asked.
    pub(super) async fn follow(mut self, desk: Arc<Desk>, asked: Arc<Notify>) {
        let bell = Arc::new(Notify::new());
        let mut is_asked = false;
        loop {
            // Watched before it is read: what changes while it is read rings.
            let _watcher = self.watch(&bell);
            if is_asked {
                systemd::reloading();
            }
            self.read(&desk, is_asked);
            if is_asked {
                systemd::reloaded();
            }
            is_asked = tokio::select! {
                () = asked.notified() => true,
                () = bell.notified() => {
                    sleep(GATHER).await;
                    false
                }
                () = sleep(EVERY), if self.is_deaf => false,
            };
        }
    }

    fn watch(&mut self, bell: &Arc<Notify>) -> Option<RecommendedWatcher> {
        let watched = watch::watch(&self.sources.file.as_ref()?.path, bell);
        if let (Err(error), false) = (&watched, self.is_deaf) {
            tracing::warn!(%error, "the kernel does not tell when the configuration changes: looking every 30 s instead");
        }
        self.is_deaf = watched.is_err();
        watched.ok()
    }

    fn read(&mut self, desk: &Desk, is_asked: bool) {
        match self.check() {
            Ok(new) => self.accept(desk, new, is_asked),
            Err(error) => {
                let refused = chain(&error);
                if is_asked || self.refused.as_ref() != Some(&refused) {
                    tracing::error!("the configuration stays as it was: {refused}");
                }
                self.refused = Some(refused);
            }
        }
    }

    fn check(&self) -> Result<Settings, ConfigError> {
        let new = self.sources.read()?;
        new.check_exposure()?;
        new.check_exposure_of(&self.addresses)?;
        Ok(new)
    }

    fn accept(&mut self, desk: &Desk, new: Settings, is_asked: bool) {
        let is_fixed = |change: &Change| FIXED.contains(&change.key);
        let (moved, changed): (Vec<_>, Vec<_>) =
            self.accepted.borrow().changes(&new).into_iter().partition(is_fixed);
        if !changed.is_empty() {
            desk.rules.send_replace(Arc::new(new.rules()));
            tracing::info!("the configuration changed: {}", list(&changed));
        }
        let waiting: Vec<_> = self.started.changes(&new).into_iter().filter(is_fixed).collect();
        if !waiting.is_empty() && (is_asked || !moved.is_empty()) {
            tracing::warn!("this needs a restart: {}", list(&waiting));
        }
        if changed.is_empty() && waiting.is_empty() && (is_asked || self.refused.is_some()) {
            tracing::info!("the configuration was read again and is as before");
        }
        self.refused = None;
        self.accepted.send_replace(new);
    }
}

fn list(changes: &[Change]) -> String {
    changes.iter().map(Change::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::KEYS;

    #[test]
    fn what_is_fixed_is_a_key() {
        assert!(FIXED.iter().all(|key| KEYS.contains(key)));
    }
}
