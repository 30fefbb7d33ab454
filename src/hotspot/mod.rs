//! Arithmetic: from counts to a short list of what to fix next.
//!
//! **Pain in one sentence:** each person adds the points of the worst thing they met at the place
//! on each of the last 28 days (cosmetic 1, minor 3, major 10, blocker 30), but nobody can add
//! more than 20; the rest is adding up.
//!
//! # Promises
//!
//! - Pure functions of a set of counts: the same events give the same figures in any order of
//!   arrival and on any machine.
//! - People before events: nobody can add more than [`CAP`] to a place.
//! - Nothing is counted in two rows.

mod cell;

pub use cell::{Cell, CellKey};
