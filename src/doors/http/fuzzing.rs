//! For the fuzzer alone: the gate without a daemon behind it.

use std::net::SocketAddr;

use hyper::Request;

use super::gate;
use crate::doors::Rules;

/// Whether a request over TCP may come in, whoever sends it.
#[must_use]
pub fn lets_in(request: &Request<()>, local: SocketAddr, rules: &Rules) -> bool {
    gate::check_addressing(request, local, rules).is_ok()
}
