//! How a draft arrived: what the door knows and the sender cannot decide.

use jiff::Timestamp;
use uuid::Uuid;

use super::word::{Kind, Severity, Source};
use super::{Event, Place};

/// Who sent a draft, as far as the door can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The daemon's own user or root, over the unix socket or by a drop file: may name others.
    Owner {
        /// The name used when the draft names nobody.
        name: String,
    },
    /// Another user of this machine: is who the kernel says.
    Peer {
        /// The login name.
        login: String,
    },
    /// The bearer of a token: is who the token says.
    Token {
        /// The token's name.
        name: String,
    },
    /// Loopback TCP without a token: anybody, so the draft must name the person.
    Anonymous,
}

impl Sender {
    /// Who it is; nobody, of somebody without a name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Owner { name } | Self::Token { name } | Self::Peer { login: name } => name,
            Self::Anonymous => "",
        }
    }

    /// Whether it is the daemon's own user or root, and not by a token.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        matches!(self, Self::Owner { .. })
    }
}

/// What the door adds to a draft.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When it came in.
    pub now: Timestamp,
    /// The id it gets if it has none.
    pub fresh_id: Uuid,
    /// Who sent it.
    pub sender: Sender,
    /// The door's own word; over the native API the draft may say another.
    pub source: Source,
    /// The event a "me too" refers to, where the door found it.
    pub original: Option<Original>,
}

/// What a "me too" copies from the event it refers to.
#[derive(Clone, Debug)]
pub struct Original {
    /// Where.
    pub place: Place,
    /// What stood in the way.
    pub kind: Option<Kind>,
    /// Impact.
    pub severity: Option<Severity>,
}

impl Original {
    /// What is copied from `event`.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        // What a confirmed signal weighs, its decision says.
        let severity = event.reported_severity().or(event.severity);
        Self { place: event.place.clone(), kind: event.kind, severity }
    }
}
