//! The vocabulary: closed lists of words, the same in Rust, JSON, the CLI and the docs.
//!
//! The order of a list is its ranking where it has one ([`Severity`], [`Outcome`]: the worst
//! last), and the position of a word is its code where the index has one for it, so new words go to the end.

use std::fmt;

/// A closed list of words.
pub trait Word: Copy + Eq + fmt::Debug + 'static {
    /// Every word of the list, in order.
    const ALL: &'static [Self];
    /// How they are written everywhere.
    const WORDS: &'static [&'static str];

    /// The word as it is written everywhere.
    fn word(self) -> &'static str;

    /// The word written `text`, if the list has it.
    fn find(text: &str) -> Option<Self>;
}

/// Makes a closed list of words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $crate::event::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const WORDS: &'static [&'static str] = &[$($text),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            fn find(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::event::Word::word(*self))
            }
        }
    };
}

pub(crate) use words;

words! {
    /// How an event came to be. The three are counted apart and never mixed.
    Class {
        /// A person said so.
        Report = "report",
        /// Inferred from what the product or the person did.
        Signal = "signal",
        /// Somebody used a place: the denominator.
        Use = "use",
    }
}

words! {
    /// Who acted. Agents are counted apart everywhere.
    Actor {
        /// A person.
        Human = "human",
        /// A program acting for a person.
        Agent = "agent",
    }
}

words! {
    /// What a person felt: said by the person or absent, never inferred.
    Feeling {
        /// Better than expected.
        Delighted = "delighted",
        /// At ease.
        Calm = "calm",
        /// Did not see it coming.
        Surprised = "surprised",
        /// Did not know what to make of it.
        Confused = "confused",
        /// Feared to lose something.
        Anxious = "anxious",
        /// Wanted to get on and could not.
        Frustrated = "frustrated",
        /// Stopped expecting better.
        Resigned = "resigned",
    }
}

words! {
    /// What a person did, the worst for the product last.
    Outcome {
        /// Went on as if nothing had been.
        Continued = "continued",
        /// Tried again.
        Retried = "retried",
        /// Found another way inside the product.
        WorkedAround = "worked-around",
        /// Had to ask somebody.
        AskedForHelp = "asked-for-help",
        /// Gave up.
        Abandoned = "abandoned",
        /// Went to another product.
        Switched = "switched",
    }
}

impl Outcome {
    /// The severity of a report that names none: impact read off what the person did.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::Continued => Severity::Cosmetic,
            Self::Retried | Self::WorkedAround => Severity::Minor,
            Self::AskedForHelp => Severity::Major,
            Self::Abandoned | Self::Switched => Severity::Blocker,
        }
    }
}

words! {
    /// What stood in the way.
    Kind {
        /// It said it failed.
        Error = "error",
        /// Nothing happened.
        NoResponse = "no-response",
        /// It took too long.
        Slow = "slow",
        /// It could not be understood.
        Confusing = "confusing",
        /// It did something else than expected.
        Unexpected = "unexpected",
        /// Something needed was not there.
        Missing = "missing",
        /// Too many steps.
        Tedious = "tedious",
        /// The positive baseline; never pain.
        Delight = "delight",
        /// None of these.
        Other = "other",
    }
}

words! {
    /// Impact of one event, and impact only: how often and on whom is computed.
    Severity {
        /// Noticed.
        Cosmetic = "cosmetic",
        /// Cost a moment.
        Minor = "minor",
        /// Cost real time or another person's.
        Major = "major",
        /// Could not go on.
        Blocker = "blocker",
    }
}

words! {
    /// The door an event came in by.
    Source {
        /// `snag log`.
        Cli = "cli",
        /// The native API.
        Http = "http",
        /// The drop directory.
        Drop = "drop",
        /// A Sentry SDK.
        Sentry = "sentry",
        /// The browser snippet.
        Browser = "browser",
        /// `snag run`.
        Run = "run",
        /// The shell hook.
        Hook = "hook",
        /// `snag import`.
        Import = "import",
        /// Another snagd.
        Upstream = "upstream",
    }
}

words! {
    /// What was noticed, for an event of class `signal`.
    SignalName {
        /// Many clicks on one spot.
        RageClick = "rage-click",
        /// A click without any effect.
        DeadClick = "dead-click",
        /// A click answered by an error.
        ErrorClick = "error-click",
        /// The same failing command again and again.
        Rerun = "rerun",
        /// Help asked for right after a failure.
        HelpAfterError = "help-after-error",
        /// A long wait broken off.
        InterruptedWait = "interrupted-wait",
        /// An unhandled error or a death by signal.
        Crash = "crash",
        /// A handled error or a non-zero exit.
        Failure = "failure",
        /// Something taken back at once.
        Undo = "undo",
    }
}

words! {
    /// What a signal turned out to be.
    Verdict {
        /// Not decided, or not any more.
        Open = "open",
        /// Friction: it counts as a report of the person.
        Confirmed = "confirmed",
        /// No friction: it has no points.
        Dismissed = "dismissed",
    }
}

words! {
    /// A field of an event, as a draft may say it.
    Field {
        /// The identity.
        Id = "id",
        /// How it came to be.
        Class = "class",
        /// When it happened.
        At = "at",
        /// When a daemon got it.
        ReceivedAt = "received_at",
        /// Whether that set `at`.
        AtClamped = "at_clamped",
        /// Where.
        Place = "place",
        /// To whom.
        Person = "person",
        /// Whether a door knew so.
        PersonVerified = "person_verified",
        /// Another name, that it could not believe.
        ClaimedPerson = "claimed_person",
        /// Human or agent.
        Actor = "actor",
        /// What happened.
        Note = "note",
        /// What was thought to happen.
        Expected = "expected",
        /// What came instead.
        Got = "got",
        /// The way round it.
        Workaround = "workaround",
        /// What was felt.
        Feeling = "feeling",
        /// What was done.
        Outcome = "outcome",
        /// What it cost.
        LostMinutes = "lost_minutes",
        /// What stood in the way.
        Kind = "kind",
        /// Impact.
        Severity = "severity",
        /// Of the product.
        Version = "version",
        /// The scenario.
        Task = "task",
        /// The door.
        Source = "source",
        /// What was noticed.
        Signal = "signal",
        /// How many uses.
        Count = "count",
        /// The event that says it first.
        SameAs = "same_as",
        /// Free.
        Tags = "tags",
        /// What the machine knew.
        Evidence = "evidence",
        /// What was taken out.
        Scrubbed = "scrubbed",
        /// What a signal turned out to be.
        Decision = "decision",
    }
}
