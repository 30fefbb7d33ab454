//! The page: what hurts, to look at rather than to read.
//!
//! # Promises
//!
//! - Pure: rows in, one HTML document out. No clock, no disk, no chance.
//! - One request paints it: the one style and the one script are inside, and their hashes are in
//!   [`POLICY`]; nothing else is ever loaded or run.
//! - Nothing that somebody wrote is taken for markup, changes the direction of what stands around
//!   it, or moves anything: see `text`.
//! - It works without the script, which only tells that there is news.
//! - A colour never says anything alone: a word, a sign or a pattern says the same.

mod address;
mod calendar;
mod chart;
mod event;
mod filters;
mod frame;
mod list;
mod map;
mod notice;
mod place;
mod policy;
mod record;
mod tell;
mod text;

pub use address::Address;
pub use calendar::calendar;
pub use event::event;
pub use frame::Visit;
pub use list::list;
pub use map::map;
pub use notice::{Notice, locked, notice};
pub use place::place;
pub use policy::POLICY;
pub use record::{FIELDS, Form, Recorded, record};

/// Where the page begins, and the path that its cookie is for.
pub const HOME: &str = "/page";
/// The map.
pub const MAP: &str = "/page/map";
/// Why a place ranks where it does.
pub const WHY: &str = "/page/why";
/// Friction and use by day.
pub const CALENDAR: &str = "/page/calendar";
/// One event; its id follows.
pub const EVENT: &str = "/page/event/";
/// The form.
pub const RECORD: &str = "/page/record";
/// What is recorded, while it is recorded.
pub const LIVE: &str = "/page/live";
/// A link that lets somebody in, once; its key follows.
pub const OPEN: &str = "/page/open/";
/// The list as a file; its kind follows.
pub const EXPORT: &str = "/page/hotspots.";
