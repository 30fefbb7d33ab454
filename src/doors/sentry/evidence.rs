//! What is kept of what the machine knew: a whitelist, because nobody knows what the next SDK sends.
//!
//! Never local variables, cookies, headers, bodies, arguments, host names, modules, or an address with
//! its query; of a file its name, not where it lies.

use serde_json::{Map, Value, json};

use super::place::{hidden, route};
use super::read::{at, file_name, frames, line, list, text, thrown, top_frame};
use super::route::Route;

/// The longest text in it.
const LONGEST: usize = 200;
/// The breadcrumbs that are kept: the last ones.
const MOST_CRUMBS: usize = 10;

/// The evidence of an event or of feedback.
pub(super) fn of(event: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    let mut keep = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            kept.insert(name.to_owned(), value.into());
        }
    };
    keep("error", text(thrown(event).and_then(|thrown| thrown.get("type"))).map(short));
    keep("stack_top", frames(event).and_then(top_frame).and_then(frame));
    let url = text(at(event, "/request/url")).or(text(at(event, "/contexts/feedback/url")));
    keep("url", url.and_then(route).map(|path| short(&hidden(path))));
    let about = text(at(event, "/contexts/feedback/associated_event_id"));
    keep("about", about.map(short));
    let sdk = at(event, "/sdk/name").zip(at(event, "/sdk/version"));
    let sdk =
        sdk.and_then(|(name, version)| Some(format!("{} {}", name.as_str()?, version.as_str()?)));
    keep("sdk", sdk.as_deref().map(short));
    let mut crumbs: Vec<String> = list(event, "breadcrumbs").iter().filter_map(crumb).collect();
    crumbs.drain(..crumbs.len().saturating_sub(MOST_CRUMBS));
    if !crumbs.is_empty() {
        kept.insert("breadcrumbs".to_owned(), json!(crumbs));
    }
    kept
}

/// `add in shop.cart, cart.py:12`
fn frame(frame: &Value) -> Option<String> {
    let file = text(frame.get("filename")).map(file_name);
    let at_line = frame.get("lineno").and_then(Value::as_u64).map(|line| format!(":{line}"));
    let function = text(frame.get("function")).filter(|name| *name != "?").map(|name| {
        match text(frame.get("module")) {
            Some(module) if !name.starts_with(module) => format!("{name} in {module}"),
            _ => name.to_owned(),
        }
    });
    let file = file.map(|file| format!("{file}{}", at_line.unwrap_or_default()));
    let parts: Vec<String> = function.into_iter().chain(file).collect();
    (!parts.is_empty()).then(|| short(&parts.join(", ")))
}

/// What was done before: of clicks the element, of requests method, path and status, of navigation
/// the path; of all else only that it happened, because its text may be anything.
fn crumb(crumb: &Value) -> Option<String> {
    let category = text(crumb.get("category")).or(text(crumb.get("type")))?;
    if category.starts_with("sentry.") {
        return None;
    }
    let data = |name: &str| crumb.get("data").and_then(|data| data.get(name));
    let path = |name: &str| text(data(name)).and_then(route);
    if path("url").is_some_and(|path| Route::of(path).is_some()) {
        // An SDK's own request, to this door.
        return None;
    }
    let status = data("status_code").or(data("http.response.status_code")).and_then(Value::as_u64);
    let method = text(data("method")).or(text(data("http.method")));
    let more = match category {
        "navigation" => path("to").map(hidden),
        _ if category.starts_with("ui.") => text(crumb.get("message")).map(str::to_owned),
        _ => {
            let parts = [
                method.map(str::to_owned),
                path("url").map(hidden),
                status.map(|status| status.to_string()),
                text(crumb.get("level")).filter(|level| *level != "info").map(str::to_owned),
            ];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
    };
    Some(short(format!("{category} {}", more.unwrap_or_default()).trim()))
}

fn short(text: &str) -> String {
    line(text, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_not_kept() {
        let secret = "NEEDLE";
        let event = json!({
            "server_name": secret, "modules": {secret: "1"}, "extra": {"sys.argv": [secret]},
            "user": {"ip_address": secret}, "contexts": {"device": {"name": secret}},
            "request": {
                "url": format!("https://{secret}/cart/ana@acme.example?token={secret}"), "cookies": secret,
                "headers": {"Authorization": secret}, "data": secret, "query_string": secret},
            "exception": {"values": [{"type": "KeyError", "stacktrace": {"frames": [
                {"function": "add", "module": "shop.cart", "filename": "shop/cart.py", "lineno": 12,
                 "abs_path": secret, "vars": {"x": secret}, "context_line": secret}]}}]},
            "sdk": {"name": "sentry.python", "version": "2.75.0", "packages": [secret]},
            "breadcrumbs": {"values": [
                {"category": "query", "message": secret},
                {"category": "http", "data": {"url": "http://127.0.0.1:7624/web/stream"}},
                {"category": "console", "message": secret, "level": "warning"},
                {"category": "http", "data": {"method": "POST", "url": format!("http://{secret}/pay?{secret}"), "status_code": 500}},
                {"category": "navigation", "data": {"from": format!("/{secret}"), "to": format!("/reset/9f86d081884c7d659a2feaa0/7?{secret}")}},
                {"category": "ui.click", "message": "button#pay"}]},
        });
        let kept = Value::Object(of(&event));
        assert!(!kept.to_string().contains(secret), "{kept}");
        assert_eq!(
            kept,
            json!({
                "error": "KeyError", "stack_top": "add in shop.cart, cart.py:12", "url": "/cart/_",
                "sdk": "sentry.python 2.75.0",
                "breadcrumbs": ["query", "console warning", "http POST /pay 500", "navigation /reset/_/_",
                                "ui.click button#pay"],
            })
        );
    }
}
