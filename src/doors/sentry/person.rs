//! To whom: the user an SDK names, as a short name.
//!
//! An address says more than a name has to: of `ana@acme.example` stays `ana`, of an IP address
//! nothing.

use std::net::IpAddr;

use serde_json::Value;

use super::read::{clean_beginning, line};
use crate::event::{MAX_NAME, without_hidden};

/// The user of an event: username, name, id, or what stands in front of the e-mail address.
pub(super) fn of_user(user: Option<&Value>) -> Option<String> {
    let user = user?;
    ["username", "name", "id", "email"].iter().find_map(|field| named(user.get(*field)?))
}

/// A name in a value: a text, or the number of a user.
pub(super) fn named(value: &Value) -> Option<String> {
    let said = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let said = clean_beginning(&said, MAX_NAME);
    let name = said.split('@').next().unwrap_or_default();
    let name = line(&without_hidden(name), MAX_NAME);
    let is_address = name.parse::<IpAddr>().is_ok();
    Some(name).filter(|name| !name.is_empty() && !is_address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_more_than_a_name_needs() {
        let name = |user: Value| of_user(Some(&user));
        assert_eq!(name(json!({"id": 7, "username": "ana"})).as_deref(), Some("ana"));
        assert_eq!(name(json!({"id": 7, "email": "b@x"})).as_deref(), Some("7"));
        assert_eq!(name(json!({"email": "bob@acme.example"})).as_deref(), Some("bob"));
        assert_eq!(name(json!({"username": "eve@acme.example"})).as_deref(), Some("eve"));
        assert_eq!(name(json!({"id": "10.0.0.7", "ip_address": "10.0.0.7"})), None);
        assert_eq!(name(json!({"username": " ", "id": null})), None);
        assert_eq!(name(json!({"username": "a\u{ad}n\u{feff}a\u{200d}"})).as_deref(), Some("ana"));
        assert_eq!(of_user(None), None);
        assert_eq!(name(json!({"username": "x".repeat(99)})).unwrap().len(), MAX_NAME);
    }
}
