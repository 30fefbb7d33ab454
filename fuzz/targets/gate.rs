//! Any headers: the gate says yes or no, and yes only to what is addressed to this machine by name
//! and comes from no page of another site.
#![no_main]

use hyper::Request;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use snag::doors::http::fuzzing;

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let method = lines.next().unwrap_or_default();
    let Ok(mut request) = Request::builder().method(method).uri("/v1/events").body(()) else {
        return;
    };
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(parts.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    let local = "127.0.0.1:7624".parse().unwrap();
    if fuzzing::lets_in(&request, local) {
        let host = only(request.headers(), "host").expect("exactly one host");
        let name = host.split(':').next().unwrap().trim_end_matches('.').to_ascii_lowercase();
        assert!(["localhost", "127.0.0.1", "[127.0.0.1]"].contains(&&*name), "{host}");
        if request.headers().contains_key("origin") {
            let origin = only(request.headers(), "origin").expect("exactly one origin");
            let (scheme, of) = origin.split_once("://").unwrap();
            assert!(["http", "https"].contains(&scheme) && of.eq_ignore_ascii_case(host));
        }
    }
});

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
