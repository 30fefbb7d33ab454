//! Arithmetic: from counts to a short list of what to fix next.
//!
//! **Pain in one sentence:** each person adds the points of the worst thing they met at the place
//! on each of the last 28 days (cosmetic 1, minor 3, major 10, blocker 30), but nobody can add
//! more than 20; the rest is adding up.
//!
//! [`Cell`]s come in, [`rank`] makes [`Hotspot`]s of them, [`why()`] explains one place.
//!
//! # Promises
//!
//! - Pure functions of a set of counts: the same events give the same figures in any order of
//!   arrival and on any machine.
//! - People before events: nobody can add more than [`CAP`] to a place.
//! - Nothing is counted in two rows.

mod alike;
mod calendar;
mod cell;
mod coverage;
mod fold;
mod gather;
mod pain;
mod question;
mod rank;
mod rate;
mod sort;
mod standing;
mod trend;
mod version;
mod visits;
mod why;
mod window;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod vectors;

pub use alike::{MOST_ALIKE, Note, NoteGroup, fingerprint, group, mask};
pub use calendar::{DaySum, calendar};
pub use cell::{Cell, CellKey};
pub use coverage::{Coverage, Crowd, PersonCoverage, PlaceCoverage, Quiet, painless};
pub use fold::Child;
pub use pain::{CAP, POINTS, Pain, points, signal_points};
pub use question::{By, Question, Shape};
pub use rank::{Hotspot, Key, Quote, rank};
pub use rate::{FEWEST_USES, Rate};
pub use sort::Sort;
pub use standing::Standing;
pub use trend::{Trend, TrendWord, Weeks, binomial_tail};
pub use version::newest_first;
pub use visits::{Visit, Visits};
pub use why::{DayTerm, PersonTerm, Said, VersionLine, Why, why};
pub use window::{Window, WindowError};
