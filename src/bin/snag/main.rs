//! The companion.
fn main(){}
