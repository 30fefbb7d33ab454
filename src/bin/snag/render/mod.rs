//! What the reader sees: from answers to text for a terminal.
//!
//! # Promises
//!
//! - Pure: no clock, no input or output, no environment. What varies is in a [`Look`].
//! - Event text never reaches a terminal raw: a [`line::Page`] is made of [`safe::Safe`] text, and
//!   there is one way to make that.
//! - No line is wider than [`Look::width`], and without [`Look::colour`] there is no escape
//!   sequence at all.
//! - Every view ends in something to do.

mod coverage;
pub(crate) mod csv;
mod doctor;
mod event;
mod hotspots;
mod line;
mod manual;
pub(crate) mod markdown;
mod safe;
mod service;
mod session;
mod signals;
mod spark;
mod status;
mod table;
mod tail;
mod text;
mod why;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use snag::event::Day;

pub(crate) use coverage::coverage;
pub(crate) use doctor::doctor;
pub(crate) use event::{Receipt, event, events, recorded};
pub(crate) use hotspots::{hotspots, more_rows};
pub(crate) use manual::{Section, manual};
pub(crate) use safe::{json_for_terminal, text_for_terminal};
pub(crate) use service::{log_of, service, uninstalled};
pub(crate) use session::{ended_session, session};
pub(crate) use signals::{decided, more_groups, muted, signal_group, signals};
pub(crate) use status::{reach, status, to_go, waits};
pub(crate) use tail::{tail_head, tailed, taken_back};
pub(crate) use why::why;
pub(crate) use words::{bytes, plural, shell};

/// How to write: for which terminal, and what "now" means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Columns of the terminal; 40 or more look well.
    pub(crate) width: usize,
    /// Whether to write bold, dim and colours.
    pub(crate) colour: bool,
    /// The day from which days are counted back.
    pub(crate) today: Day,
    /// The instant from which ages are counted.
    pub(crate) now: Timestamp,
    /// Whether to write nothing but ASCII. Where a terminal does not read UTF-8, the bytes of an
    /// innocent letter may be a control sequence.
    pub(crate) ascii: bool,
    /// Whether times and days are exact: `2026-11-20T16:59:59Z` and `2026-11-20`, no ages.
    pub(crate) utc: bool,
}
