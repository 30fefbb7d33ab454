//! What is noticed without being asked: a use for each command that ended, and a signal where a
//! rule fires.
//!
//! # Promises
//!
//! - An event says the program, its subcommand, the exit code and how long it took. No argument
//!   leaves this process.
//! - Sending takes no longer than telling does ([`log::PATIENCE`]); past that the event is kept.

mod call;
mod memory;
mod rule;
mod send;

use std::fs;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use snag::daemon::CommandRules;
use snag::event::{Draft, SignalName, Source};
use uuid::Uuid;

pub(crate) use call::{Aim, Call, Rest};
pub(crate) use rule::{Ended, Fired, How};
pub(crate) use send::{Sent, confirm, send};

/// What a command that ended is to be recorded as.
pub(crate) struct Noticed {
    /// Its use, and its signals.
    pub(crate) drafts: Vec<Draft>,
    /// What there is to ask about, if anything.
    pub(crate) matter: Option<Matter>,
}

/// What stood out about a command.
pub(crate) struct Matter {
    /// The strongest of its signals.
    pub(crate) fired: Fired,
    /// All of them, the strongest first.
    signals: Vec<Draft>,
    /// The signals of the commands before that the strongest is about as well.
    earlier: Vec<Draft>,
}

/// Looks at a command that ended, and remembers it for the next one.
pub(crate) fn notice(rules: &CommandRules, ended: &Ended, source: Source) -> Noticed {
    let (matter, signals) = memory::with(|past| {
        let fired = rule::fired(rules, ended, past);
        let earlier = rule::counted(rules, ended, past);
        let signals: Vec<_> = fired.iter().map(|fired| signal(ended, fired, source)).collect();
        let is_failure =
            |fired: &Fired| matches!(fired.name, SignalName::Crash | SignalName::Failure);
        let failure = fired.iter().position(is_failure).map(|at| signals[at].clone());
        rule::remembered(rules, ended, failure, past);
        let strongest = fired.into_iter().next();
        let matter = strongest.map(|fired| Matter { fired, signals: signals.clone(), earlier });
        (matter, signals)
    });
    let is_use = ended.call.aim != Aim::Manual;
    let mut drafts: Vec<_> = is_use.then(|| used(ended, source)).into_iter().collect();
    drafts.extend(signals);
    Noticed { drafts, matter }
}

/// Which terminal, or whatever else began a session, this process belongs to; 0 where that cannot be
/// seen, as in a container that was entered from outside.
///
/// proc(5), `/proc/pid/stat`: the name of the program stands in brackets and may hold any letter; the
/// session is the fourth word behind it. `rustix::process::getsid` takes 0 for impossible.
pub(crate) fn session() -> i32 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, words)| words);
    behind_name.split_whitespace().nth(3).and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn used(ended: &Ended, source: Source) -> Draft {
    let mut draft = draft(Uuid::now_v7(), "use", &ended.place, ended.at, source);
    draft.set("evidence", evidence(ended));
    draft
}

fn signal(ended: &Ended, fired: &Fired, source: Source) -> Draft {
    let Fired { name, kind, place, count, rule, .. } = fired;
    let mut draft = draft(Uuid::now_v7(), "signal", place, ended.at, source);
    draft.set("kind", kind.to_string());
    draft.set("signal", json!({"name": name, "count": count, "rule": rule}));
    draft.set("evidence", evidence(ended));
    draft
}

fn draft(id: Uuid, class: &str, place: &str, at: Timestamp, source: Source) -> Draft {
    let mut draft = Draft::default();
    draft.set("id", id.to_string());
    draft.set("class", class);
    draft.set("place", place);
    draft.set("at", at.to_string());
    draft.set("source", source.to_string());
    if let Some(person) = std::env::var("SNAG_PERSON").ok().filter(|person| !person.is_empty()) {
        draft.set("person", person);
    }
    draft
}

/// What is told of a command.
fn evidence(ended: &Ended) -> Map<String, Value> {
    let mut evidence = Map::new();
    evidence.insert("command".to_owned(), ended.call.name().into());
    match ended.how {
        How::Exited(code) => evidence.insert("exit_code".to_owned(), code.into()),
        How::Died(signal) => {
            evidence.insert("died_of".to_owned(), rule::signal_name(signal).into())
        }
        How::BrokenOff | How::Unknown => None,
    };
    let millis = u64::try_from(ended.lasted.as_millis()).unwrap_or(u64::MAX);
    evidence.insert("duration_ms".to_owned(), millis.into());
    evidence
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_argument_is_told() {
        let (call, _) = Call::of_line("acme deploy s3cret --token t0ken", &[]).unwrap();
        let ended = Ended {
            place: call.place(),
            call,
            how: How::Died(11),
            session: 1,
            at: Timestamp::UNIX_EPOCH,
            lasted: Duration::from_millis(1234),
        };
        let told = Value::Object(evidence(&ended));
        let expected = json!({"command": "acme deploy", "died_of": "SIGSEGV", "duration_ms": 1234});
        assert_eq!(told, expected);
        let use_of_it = String::from_utf8(used(&ended, Source::Run).to_json()).unwrap();
        assert!(!use_of_it.contains("s3cret") && !use_of_it.contains("t0ken"), "{use_of_it}");
    }
}
