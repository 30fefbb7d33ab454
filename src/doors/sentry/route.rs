//! The paths that SDKs post to, read by hand: a prefix may stand before them.

use crate::event::Place;

/// One of this door's paths.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/api/7/envelope/`, after any prefix and with or without the last slash.
    Envelope,
    /// The same with a project that is no number, and so none of ours.
    Misnamed,
    /// `/stream`, or `/web/checkout/stream` for what lies below that place: Spotlight, without a key.
    Spotlight(Option<Place>),
}

impl Route {
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        if let Some(before) = path.strip_suffix("/envelope") {
            let (prefix, project) = before.rsplit_once('/')?;
            let is_api = prefix == "api" || prefix.ends_with("/api");
            let is_project = !project.is_empty() && project.bytes().all(|b| b.is_ascii_digit());
            let route = if is_project { Self::Envelope } else { Self::Misnamed };
            return is_api.then_some(route);
        }
        if path == "stream" {
            return Some(Self::Spotlight(None));
        }
        let place = path.strip_suffix("/stream").filter(|place| *place != "v1")?;
        Place::parse(place).ok().map(|place| Self::Spotlight(Some(place)))
    }

    /// The route as requests are counted by it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Envelope | Self::Misnamed => "/api/{project}/envelope/",
            Self::Spotlight(_) => "/stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_what_may_stand_around_it() {
        for path in [
            "/api/7/envelope/",
            "/api/7/envelope",
            "/sentry/api/7/envelope/",
            "/a/b/api/12/envelope",
        ] {
            assert_eq!(Route::of(path), Some(Route::Envelope), "{path}");
        }
        assert_eq!(Route::of("/stream"), Some(Route::Spotlight(None)));
        let web = Some(Route::Spotlight(Place::parse("web/shop").ok()));
        assert_eq!(Route::of("/web/shop/stream"), web);
        for path in ["/api/x/envelope/", "/api//envelope", "/sentry/api/7x/envelope/"] {
            assert_eq!(Route::of(path), Some(Route::Misnamed), "{path}");
        }
        for path in [
            "",
            "/",
            "/envelope/",
            "/api/envelope/",
            "/xapi/7/envelope/",
            "/v1/stream",
            "/../stream",
            "/v1/events",
            "stream",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
