//! Side doors: beside the API, on the same sockets, for those who write with a key or from here.
//!
//! SDKs and web pages can neither send a token nor declare their bodies as JSON, so a side door has
//! rules of its own for who may come in. The check of the host stands before it all the same, and it
//! answers other pages' requests only where the configuration names their origin.

use axum::Router;
use axum::response::Response;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::Rules;
use super::counts::{BrowserCounts, SentryCounts};
use super::keys::Keys;
use super::limits::Limits;
use super::strangers::Strangers;

/// A door beside the API.
#[derive(Clone)]
pub struct SideDoor {
    /// Whether a path is one of its own.
    pub takes: fn(&str) -> bool,
    /// What answers there.
    pub answers: Router,
}

/// What side doors have at hand.
pub struct Side {
    /// The keys that SDKs and pages post with.
    pub keys: Keys,
    /// How much may come of one key and of one person's signals.
    pub limits: Limits,
    /// What the Sentry door did since the start.
    pub sentry: SentryCounts,
    /// What the browser door did since the start.
    pub browser: BrowserCounts,
    /// The pages that the owner was told of.
    pub strangers: Strangers,
}

impl Side {
    /// With these keys, and nothing used up or counted yet.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            keys,
            limits: Limits::default(),
            sentry: SentryCounts::default(),
            browser: BrowserCounts::default(),
            strangers: Strangers::default(),
        }
    }
}

/// How a request came in.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// From this machine, with no proxy between.
    pub is_here: bool,
}

/// The route that answered, as requests are counted by it: there are as many as routes.
#[derive(Clone, Debug)]
pub struct RouteName(pub &'static str);

/// Somebody of whom an SDK or a page says nothing. All of them are one person: what cannot be told
/// apart is not counted as many.
pub const ANONYMOUS: &str = "anonymous";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin of the page that sends a request, if the configuration names it.
#[must_use]
pub fn known_origin(headers: &HeaderMap, rules: &Rules) -> Option<HeaderValue> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
    let is_known = rules.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
    is_known.then(|| origin.clone())
}

/// Whether a page that the configuration does not name sends the request.
#[must_use]
pub fn is_of_strange_page(headers: &HeaderMap, rules: &Rules) -> bool {
    if headers.contains_key(header::ORIGIN) {
        return known_origin(headers, rules).is_none();
    }
    headers.get_all(FETCH_SITE).iter().any(|site| site != "same-origin" && site != "none")
}

/// Lets a page of a named origin read the answer, and these headers of it.
pub fn allow(response: &mut Response, origin: Option<HeaderValue>, shown: &'static str) {
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(shown));
    }
}

/// Answers what a browser asks before it sends such a request.
pub fn preflight(response: &mut Response, methods: &'static str, taken: &'static str) {
    let headers = response.headers_mut();
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(taken));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
}
