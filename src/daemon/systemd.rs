//! What systemd, or whoever set `NOTIFY_SOCKET`, is told; where nobody listens, nothing is said.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::recorder::Progress;

/// How long a start may take from one sign of progress to the next, once the unit's own
/// `TimeoutStartSec=` is over: one that hangs is killed.
const PATIENCE: Duration = Duration::from_mins(1);
/// Signs of progress are this far apart.
const EVERY: Duration = Duration::from_secs(1);

/// Tells that the daemon is ready.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Tells that the daemon finishes what it accepted.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what was accepted")]);
}

/// Tells that the configuration is being read again.
pub(super) fn reloading() {
    // Only a clock that does not exist could not be read.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// Tells that the configuration was read again.
pub(super) fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// Tells that the daemon lives.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// Tells what the daemon is doing.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

fn tell(states: &[NotifyState<'_>]) {
    // Whoever does not listen any more does not need to know.
    let _ = sd_notify::notify(states);
}

/// How often the watchdog wants to hear that the daemon lives; none where there is no watchdog.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|watchdog| !watchdog.is_zero())
}

/// A start that takes long, told of as it goes on.
#[derive(Default)]
pub(super) struct Start {
    told: Option<Instant>,
}

impl Start {
    /// Asks for more time, and says what for.
    pub(super) fn goes_on(&mut self, doing: &str, Progress { done, of }: Progress) {
        self.tell(|| format!("{doing}: {} %", done.saturating_mul(100) / of.max(1)));
    }

    /// The same, where nobody knows how far it is.
    pub(super) fn goes_on_with(&mut self, doing: &str) {
        self.tell(|| doing.to_owned());
    }

    fn tell(&mut self, status: impl FnOnce() -> String) {
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let more = u32::try_from(PATIENCE.as_micros()).unwrap_or(u32::MAX);
        // One that starts anew has a watchdog already.
        tell(&[
            NotifyState::ExtendTimeoutUsec(more),
            NotifyState::Watchdog,
            NotifyState::Status(&status()),
        ]);
    }
}
