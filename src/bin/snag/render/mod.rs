//! stub
use snag::event::*; use snag::index::*; use snag::doors::http::Status;
pub(crate) struct Look { pub(crate) width: usize, pub(crate) colour: bool, pub(crate) today: Day, pub(crate) now: jiff::Timestamp, pub(crate) ascii: bool }
pub(crate) fn safe_text(t: &str) -> String { t.to_owned() }
pub(crate) fn safe_json(t: &str) -> String { t.to_owned() }
pub(crate) fn recorded(e: &Event, _: &Look) -> String { format!("recorded {} {}", e.place, e.id) }
pub(crate) fn event(e: &Event, _: bool, _: &Look) -> String { format!("{e:?}") }
pub(crate) fn events(e: &[Event], _: &Look) -> String { format!("{e:?}") }
pub(crate) fn hotspots(e: &HotspotsAnswer, _: bool, _: &Look) -> String { format!("{e:?}") }
pub(crate) fn why(e: &WhyAnswer, _: &Look) -> String { format!("{e:?}") }
pub(crate) fn status(e: &Status, _: &Look) -> String { format!("{e:?}") }
