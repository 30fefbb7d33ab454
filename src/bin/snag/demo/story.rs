//! stub
use snag::event::{Draft, Day};
pub(crate) fn story(_: Day) -> Vec<Draft> { Vec::new() }
