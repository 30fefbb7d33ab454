//! What happened: one moment at one place, told by or noticed about one person.
//!
//! A [`Draft`] is an unchecked claim, as a door received it. [`Draft::admit`] checks it, fills in
//! what was left out and takes secrets out of it; what comes back is an [`Event`], a checked fact.
//! An `Event` is the stored value, the API's answer and the line of an export: there is no third
//! struct. A [`Record`] is what the journal keeps: an event, or a decision about one.
//!
//! # Promises
//!
//! - No clock, no chance, no disk: what a draft becomes depends on the draft and its [`Arrival`].
//! - Every fault of a draft is found in one go, and each says which field and what to write.
//! - No secret of the listed patterns is left in an admitted event; each removal is listed in
//!   `scrubbed`.

mod admit;
mod arrival;
mod claim;
mod day;
mod decision;
mod draft;
mod fact;
mod fault;
mod forget;
mod json;
mod place;
mod record;
mod scrub;
#[cfg(test)]
mod tests;
mod word;

pub use arrival::{Arrival, Original, Sender};
pub use claim::{is_unprintable, without_hidden};
pub use day::{Day, DayError};
pub use decision::{Decided, Decision, Muting, next_instant};
pub use draft::{Draft, DraftError};
pub use fact::{Event, Scrubbed, Signal};
pub use fault::{Fault, Rejection, nearest, nearest_places};
pub use forget::{Forget, Remains};
pub use place::{MAX_SEGMENT, MAX_SEGMENTS, Place, PlaceError};
pub use record::{Record, RecordError, Retraction};
pub use scrub::{compile_rules, scrub, scrub_key};
pub(crate) use word::words;
pub use word::{
    Actor, Class, Feeling, Field, Kind, Outcome, Severity, SignalName, Source, Verdict, Word,
};

/// The longest `note`, `expected`, `got` or `workaround`, in bytes.
pub const MAX_TEXT: usize = 4 * 1024;
/// The longest `task` or tag value, in bytes.
pub const MAX_LINE: usize = 512;
/// The longest name: a person, a version, the key of a tag; in bytes.
pub const MAX_NAME: usize = 64;
/// The most tags an event carries.
pub const MAX_TAGS: usize = 16;
/// The largest `evidence`, as JSON, in bytes.
pub const MAX_EVIDENCE: usize = 32 * 1024;
/// The largest event, as JSON, in bytes.
pub const MAX_EVENT: usize = 64 * 1024;
