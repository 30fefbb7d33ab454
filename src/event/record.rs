//! What the journal keeps: events, and what people decided about them.
//!
//! # Format
//!
//! One format byte, then JSON. Formats are read for ever; a new one gets a new byte.
//!
//! | byte | JSON |
//! |---|---|
//! | `1` | an [`Event`] |
//! | `2` | a [`Retraction`]: `{"id","at","by"}` |
//! | `3` | a [`Decided`]: `{"id","place","person","at","verdict","by","severity","note"}` |
//! | `4` | a [`Muting`]: `{"place","signal","at","is_muted","by"}` |

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fact::ROOM;
use super::{Decided, Event, Muting, json};

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Something happened.
    Event(Box<Event>),
    /// An event was taken back; its id stays spent.
    Retraction(Retraction),
    /// Somebody decided about a signal.
    Decided(Box<Decided>),
    /// A rule was muted at a place, or is heard again.
    Muting(Muting),
}

/// An event was taken back by whom it happened to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retraction {
    /// The event.
    pub id: Uuid,
    /// When it was taken back.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// Bytes that are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A newer snag wrote it, or it is no record at all.
    #[error(
        "record format {0:?} is unknown here: it was written by a newer snag, or it is damaged"
    )]
    Format(Option<u8>),
    /// The JSON behind the format byte does not fit.
    #[error("the record's JSON cannot be read")]
    Json(#[source] serde_json::Error),
}

const EVENT: u8 = 1;
const RETRACTION: u8 = 2;
const DECIDED: u8 = 3;
const MUTING: u8 = 4;

impl Record {
    /// The bytes of an event's record: behind the first, what [`Event::to_json`] makes.
    #[must_use]
    pub fn of_event(event: &Event) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROOM);
        bytes.push(EVENT);
        json::write(event, &mut bytes);
        bytes
    }

    /// The bytes of a record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Event(event) => Self::of_event(event),
            Self::Retraction(retraction) => bytes(RETRACTION, retraction),
            Self::Decided(decided) => bytes(DECIDED, decided),
            Self::Muting(muting) => bytes(MUTING, muting),
        }
    }

    /// Reads the bytes of a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        match bytes.split_first() {
            Some((&EVENT, json)) => serde_json::from_slice(json).map(Box::new).map(Self::Event),
            Some((&RETRACTION, json)) => serde_json::from_slice(json).map(Self::Retraction),
            Some((&DECIDED, json)) => serde_json::from_slice(json).map(Box::new).map(Self::Decided),
            Some((&MUTING, json)) => serde_json::from_slice(json).map(Self::Muting),
            other => return Err(RecordError::Format(other.map(|(byte, _)| *byte))),
        }
        .map_err(RecordError::Json)
    }
}

fn bytes(format: u8, record: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.push(format);
    // Writing to memory cannot fail, and every key is a string.
    let _ = serde_json::to_writer(&mut bytes, record);
    bytes
}
