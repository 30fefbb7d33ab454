//! What people decide about signals: this one is friction, that one is not, and a rule that does not
//! mean friction at a place.
//!
//! # Promises
//!
//! - Of several decisions about one thing the latest counts, whatever the order in which they come.
//! - A decision of a moment later is never outrun by a clock that was set back: whoever decides
//!   takes [`next_instant`].

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::word::{Class, Outcome, Severity, SignalName, Verdict};
use super::{Event, Place};

/// The name of who was forgotten.
pub(super) const SOMEBODY: &str = "somebody";

/// What somebody decided about a signal, as it is shown with its event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decision {
    /// When; the later one counts.
    pub at: Timestamp,
    /// What it turned out to be.
    pub verdict: Verdict,
    /// By whom.
    pub by: String,
    /// Impact, where a confirmation says another than the signal's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What the person had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A decision as the journal keeps it. It names place and person of its event, so that it can be
/// forgotten with them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The event.
    pub id: Uuid,
    /// Where it happened.
    pub place: Place,
    /// To whom.
    pub person: String,
    /// What was decided.
    #[serde(flatten)]
    pub decision: Decision,
}

/// A rule was muted at a place, or is heard again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Muting {
    /// Where: there alone, not below.
    pub place: Place,
    /// The rule, named after its signal.
    pub signal: SignalName,
    /// When; the later one counts.
    pub at: Timestamp,
    /// Whether it is muted from then on, past and future.
    pub is_muted: bool,
    /// By whom.
    pub by: String,
}

/// The instant of a decision made `now` that follows one of `before`.
#[must_use]
pub fn next_instant(now: Timestamp, before: Option<Timestamp>) -> Timestamp {
    // Behind the last instant there is none.
    let later = |before: Timestamp| before.checked_add(SignedDuration::from_millis(1));
    before.map_or(now, |before| now.max(later(before).unwrap_or(before)))
}

impl Event {
    /// The same event as somebody decided it is, or as nobody did.
    #[must_use]
    pub fn decided(self, decision: Option<Decision>) -> Self {
        Self { decision, ..self }
    }

    /// What it turned out to be, where it is a signal.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.decision {
            Some(decision) if self.class == Class::Signal => decision.verdict,
            _ => Verdict::Open,
        }
    }

    /// Impact of what counts as a report: a report, or a confirmed signal.
    ///
    /// Confirming weighs nothing less than before: a crash is major unless somebody said otherwise,
    /// whatever else is minor.
    #[must_use]
    pub fn reported_severity(&self) -> Option<Severity> {
        let said = |decision: &Decision| decision.severity;
        match (self.class, self.verdict()) {
            (Class::Report, _) => Some(self.severity.unwrap_or(Severity::Minor)),
            (Class::Signal, Verdict::Confirmed) => {
                let noticed = || self.severity.or(self.outcome.map(Outcome::severity));
                let is_crash =
                    self.signal.as_ref().is_some_and(|signal| signal.name == SignalName::Crash);
                let weight = if is_crash { Severity::Major } else { Severity::Minor };
                Some(self.decision.as_ref().and_then(said).or_else(noticed).unwrap_or(weight))
            }
            _ => None,
        }
    }
}

impl Decided {
    /// What was decided about an event.
    #[must_use]
    pub fn about(event: &Event, decision: Decision) -> Self {
        let Event { id, place, person, .. } = event;
        Self { id: *id, place: place.clone(), person: person.clone(), decision }
    }

    /// The same without the name and the words of who decided.
    pub(super) fn by_somebody(self) -> Self {
        let decision = Decision { by: SOMEBODY.to_owned(), note: None, ..self.decision };
        Self { decision, ..self }
    }
}

impl Muting {
    /// The same without the name of who decided.
    pub(super) fn by_somebody(self) -> Self {
        Self { by: SOMEBODY.to_owned(), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event as signal;

    fn confirmed(event: Event, severity: Option<Severity>) -> Option<Severity> {
        let (at, by) = (event.at, "ana".to_owned());
        let decision = Decision { at, verdict: Verdict::Confirmed, by, severity, note: None };
        event.decided(Some(decision)).reported_severity()
    }

    #[test]
    fn a_confirmed_signal_has_the_impact_of_whoever_knows_best() {
        let crash = || signal(r#"{"place":"a/b","class":"signal","signal":{"name":"crash"}}"#);
        assert_eq!(crash().reported_severity(), None);
        assert_eq!(confirmed(crash(), None), Some(Severity::Major));
        assert_eq!(confirmed(crash(), Some(Severity::Cosmetic)), Some(Severity::Cosmetic));
        let rerun = r#"{"place":"a/b","class":"signal","signal":{"name":"rerun"}"#;
        assert_eq!(confirmed(signal(&format!("{rerun}}}")), None), Some(Severity::Minor));
        let abandoned = signal(&format!(r#"{rerun},"outcome":"abandoned"}}"#));
        assert_eq!(confirmed(abandoned, None), Some(Severity::Blocker));
    }

    #[test]
    fn a_clock_set_back_outruns_no_decision() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (early, late) = (at("2026-11-20T12:00:00Z"), at("2026-11-20T13:00:00Z"));
        assert_eq!(next_instant(late, Some(early)), late);
        assert!(late < next_instant(early, Some(late)));
        assert_eq!(next_instant(early, None), early);
        assert_eq!(next_instant(early, Some(Timestamp::MAX)), Timestamp::MAX);
    }
}
