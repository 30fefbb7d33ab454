//! The rules: what is noticed about a command that ended, and in which words.
//!
//! Pure. A rule's words are stored with each signal that it finds, and `snag why` shows them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use snag::daemon::CommandRules;
use snag::event::{Draft, Kind, SignalName};

use super::call::{Aim, Call};

/// The signals by which somebody, or a reader that has gone, ends a program that is well: HUP,
/// INT, QUIT, PIPE, TERM.
const ASKED_TO_END: [i32; 5] = [1, 2, 3, 13, 15];
/// What shells make of a death by SIGINT.
const INTERRUPTED: u8 = 130;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself.
    Exited(u8),
    /// By a signal.
    Died(i32),
    /// By a key of whoever waited for it, whatever it made of that.
    BrokenOff,
    /// Nobody knows.
    Unknown,
}

/// A command that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) call: Call,
    /// Where it happened.
    pub(crate) place: String,
    pub(crate) how: How,
    /// In which session: help read in one terminal is not about a failure in another.
    pub(crate) session: i32,
    /// When it ended,
    pub(crate) at: Timestamp,
    /// and how long it had taken.
    pub(crate) lasted: Duration,
}

/// What is remembered of a command that ended before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) at: Timestamp,
    pub(crate) program: String,
    pub(crate) hash: u64,
    pub(crate) place: String,
    pub(crate) fate: Fate,
    pub(crate) session: i32,
    /// The signal that its failure is recorded as.
    pub(crate) signal: Option<Draft>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It did what it was told.
    Well,
    /// It failed.
    Failed,
    /// It failed, and was counted by a `rerun`.
    Counted,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) name: SignalName,
    pub(crate) kind: Kind,
    /// Where.
    pub(crate) place: String,
    /// How often, where it is about several.
    pub(crate) count: Option<u32>,
    /// The rule, in words.
    pub(crate) rule: String,
    /// What it found, in words: `failed twice`.
    pub(crate) found: String,
}

impl How {
    /// What a shell's `$?` says.
    pub(crate) fn of_status(status: u8) -> Self {
        match status {
            INTERRUPTED => Self::BrokenOff,
            // SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: it was sent away, and has not ended.
            147..=150 => Self::Unknown,
            // Shells add 128; programs that exit with such a code themselves look the same.
            129..=192 => Self::Died(i32::from(status) - 128),
            status => Self::Exited(status),
        }
    }
}

/// What stands out about a command, the strongest first; those before it are in order of time.
pub(crate) fn fired(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Vec<Fired> {
    let found = [
        crash(ended),
        rerun(rules, ended, before),
        failure(rules, ended, before),
        interrupted_wait(rules, ended),
        help_after_error(rules, ended, before),
        undo(rules, ended, before),
    ];
    found.into_iter().flatten().collect()
}

/// What is remembered once a command has ended; nothing of one that tells nothing later.
pub(crate) fn remembered(
    rules: &CommandRules,
    ended: &Ended,
    signal: Option<Draft>,
    before: &mut Vec<Past>,
) {
    let longest = rules.rerun_within.max(rules.help_within).max(rules.undo_within);
    let longest = seconds(longest);
    before.retain(|past| past.at <= ended.at && ended.at.duration_since(past.at) < longest);
    let Ended { call, place, at, session, .. } = ended;
    let is_for_help = matches!(call.aim, Aim::Help | Aim::Manual);
    let fate = if is_rerun(rules, ended, before) {
        let same = before.iter_mut().filter(|past| past.is_same_failure(rules, ended));
        same.for_each(|past| past.fate = Fate::Counted);
        Fate::Counted
    } else if has_failed(ended) {
        Fate::Failed
    } else if ended.how == How::Exited(0) && !is_for_help {
        Fate::Well
    } else {
        return;
    };
    let (program, place) = (call.program.clone(), place.clone());
    before.push(Past { at: *at, program, hash: call.hash, place, fate, session: *session, signal });
}

/// The signals of the failures that a `rerun` counts, but for that of the command itself.
pub(crate) fn counted(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Vec<Draft> {
    let same = before
        .iter()
        .filter(|past| is_rerun(rules, ended, before) && past.is_same_failure(rules, ended));
    same.filter_map(|past| past.signal.clone()).collect()
}

impl Past {
    fn is_within(&self, ended: &Ended, most: SignedDuration) -> bool {
        let gap = ended.at.duration_since(self.at);
        self.program == ended.call.program && !gap.is_negative() && gap <= most
    }

    /// Whether it is what happened last in the same terminal, or may be.
    fn is_there(&self, ended: &Ended, most: SignedDuration) -> bool {
        self.session == ended.session && self.is_within(ended, most)
    }

    fn is_same_failure(&self, rules: &CommandRules, ended: &Ended) -> bool {
        self.is_within(ended, seconds(rules.rerun_within))
            && self.hash == ended.call.hash
            && self.fate == Fate::Failed
    }
}

/// Whether it did not do what it was called for. Help often ends with a code, and is none.
fn has_failed(ended: &Ended) -> bool {
    let is_for_help = matches!(ended.call.aim, Aim::Help | Aim::Manual);
    match ended.how {
        How::Exited(code) => code != 0 && !is_for_help,
        How::Died(signal) => !ASKED_TO_END.contains(&signal),
        How::BrokenOff | How::Unknown => false,
    }
}

fn failures(rules: &CommandRules, ended: &Ended, before: &[Past]) -> usize {
    1 + before.iter().filter(|past| past.is_same_failure(rules, ended)).count()
}

fn is_rerun(rules: &CommandRules, ended: &Ended, before: &[Past]) -> bool {
    has_failed(ended) && usize::from(rules.reruns) <= failures(rules, ended, before)
}

fn crash(ended: &Ended) -> Option<Fired> {
    let How::Died(signal) = ended.how else { return None };
    has_failed(ended).then(|| Fired {
        name: SignalName::Crash,
        kind: Kind::Error,
        place: ended.place.clone(),
        count: None,
        rule: "death by a signal that ends no healthy program".to_owned(),
        found: format!("crashed ({})", signal_name(signal)),
    })
}

fn rerun(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Option<Fired> {
    let times = failures(rules, ended, before);
    is_rerun(rules, ended, before).then(|| Fired {
        name: SignalName::Rerun,
        kind: Kind::Error,
        place: ended.place.clone(),
        count: u32::try_from(times).ok(),
        rule: format!(
            "{} runs of the same failing command within {} s",
            rules.reruns, rules.rerun_within
        ),
        found: format!("failed {times} times within {} s", rules.rerun_within),
    })
}

fn failure(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Option<Fired> {
    let How::Exited(_) = ended.how else { return None };
    let again = if failures(rules, ended, before) == 2 { " twice" } else { "" };
    has_failed(ended).then(|| Fired {
        name: SignalName::Failure,
        kind: Kind::Error,
        place: ended.place.clone(),
        count: None,
        rule: "non-zero exit".to_owned(),
        found: format!("failed{again}"),
    })
}

fn interrupted_wait(rules: &CommandRules, ended: &Ended) -> Option<Fired> {
    let is_interrupted = matches!(ended.how, How::BrokenOff | How::Died(2 | 3));
    (is_interrupted && u64::from(rules.waited) <= ended.lasted.as_secs()).then(|| Fired {
        name: SignalName::InterruptedWait,
        kind: Kind::Slow,
        place: ended.place.clone(),
        count: None,
        rule: format!("SIGINT after at least {} s", rules.waited),
        found: format!("broken off after {} s", ended.lasted.as_secs()),
    })
}

/// At the place of the failure: it is its message that did not help.
fn help_after_error(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Option<Fired> {
    if !matches!(ended.call.aim, Aim::Help | Aim::Manual) {
        return None;
    }
    let last = before.iter().rev().find(|past| past.is_there(ended, seconds(rules.help_within)))?;
    (last.fate != Fate::Well).then(|| Fired {
        name: SignalName::HelpAfterError,
        kind: Kind::Confusing,
        place: last.place.clone(),
        count: None,
        rule: format!("help or man for it within {} s after a non-zero exit", rules.help_within),
        found: "help read after an error".to_owned(),
    })
}

/// At the place of what was undone.
fn undo(rules: &CommandRules, ended: &Ended, before: &[Past]) -> Option<Fired> {
    if ended.call.aim != Aim::Undo || ended.how != How::Exited(0) {
        return None;
    }
    let last = before.iter().rev().find(|past| past.is_there(ended, seconds(rules.undo_within)))?;
    (last.fate == Fate::Well).then(|| Fired {
        name: SignalName::Undo,
        kind: Kind::Unexpected,
        place: last.place.clone(),
        count: None,
        rule: format!("undo, revert or rollback within {} s", rules.undo_within),
        found: "undone at once".to_owned(),
    })
}

fn seconds(number: u16) -> SignedDuration {
    SignedDuration::from_secs(number.into())
}

/// What people call a signal.
pub(crate) fn signal_name(signal: i32) -> String {
    let named = signal_hook::low_level::signal_name(signal);
    named.map_or_else(|| format!("signal {signal}"), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> CommandRules {
        CommandRules::default()
    }

    /// A command that ends so many seconds after some moment.
    fn ended(line: &str, how: How, second: i64) -> Ended {
        let (call, _) = Call::of_line(line, &["acme a", "acme b"].map(str::to_owned)).unwrap();
        let place = call.place();
        let at = Timestamp::from_second(1_795_000_000 + second).unwrap();
        Ended { call, place, how, session: 1, at, lasted: Duration::from_secs(1) }
    }

    /// The signals that a session makes, one list for each command.
    fn session(commands: &[(&str, How, i64)]) -> Vec<Vec<&'static str>> {
        let mut past = Vec::new();
        let mut step = |(line, how, second): &(&str, How, i64)| {
            let ended = ended(line, *how, *second);
            let names =
                fired(&usual(), &ended, &past).iter().map(|fired| name(fired.name)).collect();
            remembered(&usual(), &ended, None, &mut past);
            names
        };
        commands.iter().map(&mut step).collect()
    }

    fn name(name: SignalName) -> &'static str {
        snag::event::Word::word(name)
    }

    const BAD: How = How::Exited(1);
    const WELL: How = How::Exited(0);

    #[test]
    fn three_failures_of_the_same_within_a_minute_are_a_rerun() {
        let three = [("acme a x", BAD, 0), ("acme a x", BAD, 20), ("acme a x", BAD, 60)];
        assert_eq!(session(&three), [vec!["failure"], vec!["failure"], vec!["rerun", "failure"]]);
        let slow = [("acme a x", BAD, 0), ("acme a x", BAD, 20), ("acme a x", BAD, 61)];
        assert_eq!(session(&slow)[2], ["failure"]);
        let others = [("acme a x", BAD, 0), ("acme a y", BAD, 1), ("acme a x", BAD, 2)];
        assert_eq!(session(&others)[2], ["failure"]);
        let mended = [("acme a", BAD, 0), ("acme a", WELL, 1), ("acme a", BAD, 2)];
        assert_eq!(session(&mended), [vec!["failure"], vec![], vec!["failure"]]);
    }

    #[test]
    fn a_rerun_is_told_once_until_there_are_three_more() {
        let six: Vec<_> = (0..6).map(|second| ("acme a", BAD, second)).collect();
        let told: Vec<_> = session(&six).iter().map(|names| names.contains(&"rerun")).collect();
        assert_eq!(told, [false, false, true, false, false, true]);
    }

    #[test]
    fn only_a_death_that_nobody_asked_for_is_a_crash() {
        assert_eq!(session(&[("acme", How::Died(11), 0)]), [["crash"]]);
        assert_eq!(session(&[("acme", How::Died(9), 0)]), [["crash"]]);
        for signal in ASKED_TO_END {
            let told = session(&[("acme", How::Died(signal), 0), ("acme --help", WELL, 1)]);
            assert!(told.iter().all(Vec::is_empty), "{signal}");
        }
    }

    #[test]
    fn a_wait_is_broken_off_after_ten_seconds_or_it_was_none() {
        let after = |how, millis| {
            let lasted = Duration::from_millis(millis);
            let ended = Ended { lasted, ..ended("acme", how, 0) };
            fired(&usual(), &ended, &[]).iter().map(|fired| name(fired.name)).collect::<Vec<_>>()
        };
        assert_eq!(after(How::BrokenOff, 10_000), ["interrupted-wait"]);
        assert_eq!(after(How::Died(2), 10_000), ["interrupted-wait"]);
        assert!(after(How::BrokenOff, 9_999).is_empty());
        // A server that stops as it was told to has kept nobody waiting.
        assert!(after(WELL, 60_000).is_empty());
        assert!(after(How::Unknown, 60_000).is_empty());
    }

    #[test]
    fn help_is_about_the_failure_before_it() {
        let told = |line, second| session(&[("acme a", BAD, 0), (line, BAD, second)])[1].clone();
        for line in ["acme --help", "acme help a", "acme a -h", "man acme", "man acme-a"] {
            assert_eq!(told(line, 30), ["help-after-error"], "{line}");
            assert!(told(line, 31).is_empty(), "{line}");
        }
        assert!(told("man other", 1).is_empty());
        let mended = [("acme a", BAD, 0), ("acme a", WELL, 1), ("acme --help", WELL, 2)];
        assert!(session(&mended)[2].is_empty());
        let past = [("acme a", BAD, 0)].map(|(line, how, second)| {
            let ended = ended(line, how, second);
            let mut past = Vec::new();
            remembered(&usual(), &ended, None, &mut past);
            past.remove(0)
        });
        let fired = fired(&usual(), &ended("acme --help", WELL, 1), &past);
        assert_eq!(fired[0].place, "cli/acme/a", "where it failed");
    }

    #[test]
    fn help_read_in_another_terminal_is_about_something_else() {
        let mut past = Vec::new();
        remembered(&usual(), &ended("acme a", BAD, 0), None, &mut past);
        let there = Ended { session: 2, ..ended("acme --help", WELL, 1) };
        assert!(fired(&usual(), &there, &past).is_empty());
        let again = [1, 2].map(|second| Ended { session: 2, ..ended("acme a", BAD, second) });
        remembered(&usual(), &again[0], None, &mut past);
        assert_eq!(
            fired(&usual(), &again[1], &past)[0].name,
            SignalName::Rerun,
            "wherever it is tried again"
        );
    }

    #[test]
    fn a_rerun_knows_the_failures_it_counts() {
        let mut past = Vec::new();
        let signal = |second: u8| {
            let mut draft = Draft::default();
            draft.set("note", second);
            draft
        };
        for (second, line) in [(0_u8, "acme a"), (1, "acme b"), (2, "acme a")] {
            let failure = ended(line, BAD, second.into());
            assert!(counted(&usual(), &failure, &past).is_empty(), "no rerun yet");
            remembered(&usual(), &failure, Some(signal(second)), &mut past);
        }
        assert_eq!(counted(&usual(), &ended("acme a", BAD, 3), &past), [0, 2].map(signal));
    }

    #[test]
    fn what_is_taken_back_at_once_went_well_before() {
        let told = |how, line| session(&[("acme a", how, 0), (line, WELL, 60)])[1].clone();
        assert_eq!(told(WELL, "acme rollback"), ["undo"]);
        assert!(told(BAD, "acme rollback").is_empty());
        assert!(told(WELL, "other rollback").is_empty());
        assert!(session(&[("acme rollback", WELL, 0)])[0].is_empty());
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_signal() {
        let back = [("acme a", BAD, 100), ("acme a", BAD, 50), ("acme a", BAD, 101)];
        assert_eq!(session(&back), [["failure"], ["failure"], ["failure"]]);
    }
}
