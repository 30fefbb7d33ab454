//! Where it happened: from a transaction, a route, a function, to a place.
//!
//! What stands for one of many (`:id`, `<id>`, `[slug]`, numbers, tokens) becomes `_`, what a place
//! cannot hold becomes `-`, and what looks like a secret is left out. Whatever comes in, a place that
//! is admitted comes out.

use serde_json::Value;

use super::read::{at, frames, text};
use crate::event::{Place, scrub};

/// The most segments of a place.
const MOST_SEGMENTS: usize = 8;
/// The longest segment.
const LONGEST: usize = 64;

/// The place of an event or of feedback, below `base`: the first of these that says something.
///
/// Tag `place` or `snag.place`, `place` in the context `friction`, transaction, route of the request,
/// the function on top of the stack, logger, culprit.
pub(super) fn of(event: &Value, base: &str) -> String {
    let said = [
        tag(event, "place"),
        tag(event, "snag.place"),
        text(at(event, "/contexts/friction/place")),
        text(at(event, "/transaction")),
        text(at(event, "/request/url")).and_then(route),
        text(at(event, "/contexts/feedback/url")).and_then(route),
    ];
    let segments = said.into_iter().flatten().map(segments).next();
    let segments = segments.unwrap_or_else(|| {
        let top = top_function(event);
        let rest = [text(at(event, "/logger")), text(at(event, "/culprit"))];
        let rest = rest.into_iter().flatten().map(segments_of_code);
        top.into_iter().chain(rest).find(|segments| !segments.is_empty()).unwrap_or_default()
    });
    join(base, segments)
}

/// Something in the name of which there are segments, below `base`.
pub(super) fn join(base: &str, segments: Vec<String>) -> String {
    let all: Vec<String> = base.split('/').map(str::to_owned).chain(segments).collect();
    let place = all[..all.len().min(MOST_SEGMENTS)].join("/");
    if scrub(&place).is_some() { base.to_owned() } else { place }
}

/// A word in the form of a first segment; none where nothing is left of it.
pub(super) fn first_segment(word: &str) -> Option<String> {
    segment(word).filter(|segment| segment != "_").filter(|segment| Place::parse(segment).is_ok())
}

fn tag<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let tags = event.get("tags")?;
    if let Some(pairs) = tags.as_array() {
        let pair = pairs.iter().find(|pair| pair.get(0).and_then(Value::as_str) == Some(name))?;
        return text(pair.get(1));
    }
    text(tags.get(name))
}

/// The path of a web address, or a path.
pub(super) fn route(url: &str) -> Option<&str> {
    let path = match url.split_once("://") {
        None => url,
        Some(("http" | "https", rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        Some(_) => return None,
    };
    path.split(['?', '#']).next().filter(|path| path.starts_with('/'))
}

/// The same path with `_` for what stands for one of many, or may name somebody: as its place hides it.
pub(super) fn hidden(path: &str) -> String {
    let is_hidden = |place: String| Place::parse(&place).is_ok_and(|place| place.as_str() == "_");
    let hide = |part| if segment(part).is_some_and(is_hidden) { "_" } else { part };
    path.split('/').map(hide).collect::<Vec<_>>().join("/")
}

/// `GET /users/:id`, `/users/42?tab=1`, `https://host/users/42`, `shop.views.pay`
fn segments(said: &str) -> Vec<String> {
    let said = said.trim();
    let path = match said.split_once(' ') {
        Some((method, path)) if method.bytes().all(|b| b.is_ascii_uppercase()) => path.trim(),
        _ => said,
    };
    let path = if path.contains("://") { route(path).unwrap_or_default() } else { path };
    let path = if path.starts_with('/') {
        path.split(['?', '#']).next().unwrap_or_default()
    } else {
        path
    };
    path.split('/').filter_map(segment).collect()
}

/// `shop::cart::pay`, `shop.cart:pay`, `shop.cart in pay`
fn segments_of_code(said: &str) -> Vec<String> {
    let parts = said.split("::").flat_map(|part| part.split([':', '/'])).filter(|part| {
        // What has no name of its own: `<module>`, `<anonymous>`, `?`, `{{closure}}`.
        !part.contains(['<', '?', '{'])
    });
    parts.filter_map(segment).collect()
}

/// Module and function of the topmost frame of one's own code.
fn top_function(event: &Value) -> Option<Vec<String>> {
    let frame = super::read::top_frame(frames(event)?)?;
    let function = text(frame.get("function")).unwrap_or_default();
    // `Timeout.explode [as _onTimeout]`
    let function = function.split(" [as ").next().unwrap_or_default();
    let module = text(frame.get("module")).filter(|module| *module != "__main__");
    let module = module.map(str::to_owned);
    let module = module.or_else(|| {
        let name = super::read::file_name(text(frame.get("filename"))?);
        Some(name.split('.').next().unwrap_or_default().to_owned())
    });
    let mut found = segments_of_code(&module.unwrap_or_default());
    for segment in segments_of_code(function) {
        if !found.contains(&segment) {
            found.push(segment);
        }
    }
    Some(found)
}

fn segment(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if matches!(raw, "" | "." | "..") {
        return None;
    }
    if is_variable(raw) {
        return Some("_".to_owned());
    }
    let mut kept = String::new();
    for letter in raw.chars().take(LONGEST) {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9' | '.' | '_') => kept.push(letter),
            _ if kept.ends_with('-') => {}
            _ => kept.push('-'),
        }
    }
    let kept = kept.trim_matches('-');
    let is_name = kept.contains(|letter: char| letter.is_ascii_alphanumeric());
    Some(if is_name { kept.to_owned() } else { "_".to_owned() })
}

/// Whether a segment stands for one of many, or may name somebody.
fn is_variable(segment: &str) -> bool {
    let is_hex = segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    segment.starts_with([':', '<', '{', '[', '$', '*'])
        || segment.contains('@')
        || segment.contains("%40")
        || (is_hex && 8 <= segment.len() && 0 < digits)
        || (20 <= segment.len() && 4 <= digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn routes_become_places() {
        for (said, place) in [
            ("/users/:id/orders", "web/users/_/orders"),
            ("GET /users/<int:id>/", "web/users/_"),
            ("/blog/[...slug]", "web/blog/_"),
            ("https://acme.example/cart/42?token=x#top", "web/cart/42"),
            ("/search?q=a/b", "web/search"),
            ("shop.views.pay", "web/shop.views.pay"),
            ("/", "web"),
            ("/a/b/c/d/e/f/g/h/i", "web/a/b/c/d/e/f/g"),
            ("/mail/ana@acme.example", "web/mail/_"),
            ("/reset/9f86d081884c7d659a2feaa0", "web/reset/_"),
            ("/Über uns/é", "web/ber-uns/_"),
            ("/../x/./-", "web/x/_"),
        ] {
            let found = of(&json!({ "transaction": said }), "web");
            assert_eq!(found, place, "{said}");
            Place::parse(&found).unwrap();
        }
    }

    #[test]
    fn a_path_is_hidden_as_its_place_is() {
        let path = "/order/42/42-/ana%40acme.example/Über uns/:id/é";
        assert_eq!(hidden(path), "/order/_/_/_/Über uns/_/_");
        let place = Place::parse(&of(&json!({ "transaction": path }), "web")).unwrap();
        assert_eq!(place.as_str(), "web/order/_/_/_/ber-uns/_/_");
    }

    #[test]
    fn the_first_that_says_something_wins() {
        let mut event = json!({
            "tags": {"place": "checkout/pay"}, "contexts": {"friction": {"place": "from/context"}},
            "transaction": "/from/transaction", "request": {"url": "http://h/from/url"},
            "exception": {"values": [{"stacktrace": {"frames": [
                {"module": "shop.cart", "function": "add", "in_app": true},
                {"module": "lib.deep", "function": "x", "in_app": false}]}}]},
            "logger": "shop.jobs", "culprit": "old.culprit",
        });
        let mut expect = |gone: &str, place: &str| {
            if !gone.is_empty() {
                event.as_object_mut().unwrap().remove(gone);
            }
            assert_eq!(of(&event, "shop"), place, "{gone}");
        };
        expect("", "shop/checkout/pay");
        expect("tags", "shop/from/context");
        expect("contexts", "shop/from/transaction");
        expect("transaction", "shop/from/url");
        expect("request", "shop/shop.cart/add");
        expect("exception", "shop/shop.jobs");
        expect("logger", "shop/old.culprit");
        expect("culprit", "shop");
    }

    #[test]
    fn frames_of_every_language() {
        let place = |frame: Value| {
            of(&json!({"exception": {"values": [{"stacktrace": {"frames": [frame]}}]}}), "x")
        };
        assert_eq!(
            place(json!({"module": "shop::cart", "function": "shop::cart::pay"})),
            "x/shop/cart/pay"
        );
        assert_eq!(
            place(json!({"filename": "http://h/static/app.js?v=1", "function": "?"})),
            "x/app"
        );
        assert_eq!(
            place(json!({"filename": "/srv/shop/server.mjs", "function": "Object.<anonymous>"})),
            "x/server"
        );
        assert_eq!(
            place(
                json!({"module": "__main__", "function": "<module>", "filename": "jobs/send.py"})
            ),
            "x/send"
        );
    }
}
