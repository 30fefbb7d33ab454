//! For the fuzzer alone: the gate without a daemon behind it.

use std::net::SocketAddr;

use hyper::Request;

use super::gate;

/// Whether a request over TCP may come in, whoever sends it, where no other host is allowed.
#[must_use]
pub fn lets_in(request: &Request<()>, local: SocketAddr) -> bool {
    gate::check_addressing(request, local, &[]).is_ok()
}
