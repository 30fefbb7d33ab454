//! Keys, from wherever an SDK puts them.
//!
//! Python and Rust say it in `X-Sentry-Auth`, JavaScript in the query, some in `Authorization`, and
//! what goes through a tunnel in the envelope's own header. Where several are given, they agree.

use hyper::header::{self, HeaderMap};
use serde_json::{Map, Value};

const X_SENTRY_AUTH: &str = "x-sentry-auth";

/// Why no key can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the request has no key: use the whole DSN that `snag dsn` printed")]
    Missing,
    #[error("the request has two keys that differ: use one DSN")]
    Differing,
}

/// The key that the request itself names; an envelope may still name one.
pub(super) fn of_request(
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<Option<String>, KeyError> {
    let lines = [X_SENTRY_AUTH, header::AUTHORIZATION.as_str()].into_iter();
    let lines = lines.flat_map(|name| headers.get_all(name)).filter_map(|line| line.to_str().ok());
    let asked = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let asked = asked.filter(|(name, _)| name == "sentry_key").map(|(_, key)| key.into_owned());
    agreed(lines.filter_map(of_line).map(str::to_owned).chain(asked))
}

/// The key of a request and of its envelope.
pub(super) fn of_both(
    request: Option<String>,
    envelope: &Map<String, Value>,
) -> Result<String, KeyError> {
    let dsn = envelope.get("dsn").and_then(Value::as_str).and_then(of_dsn);
    agreed(request.into_iter().chain(dsn.map(str::to_owned)))?.ok_or(KeyError::Missing)
}

fn agreed(keys: impl Iterator<Item = String>) -> Result<Option<String>, KeyError> {
    let mut agreed = None;
    for key in keys {
        if agreed.as_ref().is_some_and(|agreed| *agreed != key) {
            return Err(KeyError::Differing);
        }
        agreed = Some(key);
    }
    Ok(agreed)
}

/// `Sentry sentry_version=7, sentry_key=…`
fn of_line(line: &str) -> Option<&str> {
    let said = line.trim().split_once(char::is_whitespace);
    let (_, said) = said.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("sentry"))?;
    let mut pairs = said.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == "sentry_key").map(|(_, key)| key.trim())
}

/// `http://KEY@host/7`, or `http://KEY:SECRET@host/7` as it once was.
fn of_dsn(dsn: &str) -> Option<&str> {
    let (_, rest) = dsn.split_once("://")?;
    let (user, _) = rest.split_once('@')?;
    user.split(':').next()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn key(
        headers: &[(&'static str, &'static str)],
        query: &str,
        dsn: &str,
    ) -> Result<String, KeyError> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value))
            })
            .collect();
        let mut envelope = Map::new();
        if !dsn.is_empty() {
            envelope.insert("dsn".to_owned(), dsn.into());
        }
        of_both(of_request(&headers, Some(query))?, &envelope)
    }

    #[test]
    fn a_key_is_found_wherever_sdks_put_it() {
        let auth = "Sentry sentry_key=abc, sentry_version=7, sentry_client=sentry.python/2.75.0";
        for found in [
            key(&[("x-sentry-auth", auth)], "", ""),
            key(&[("authorization", "sentry sentry_version=7,sentry_key=abc")], "", ""),
            key(&[], "sentry_version=7&sentry_key=abc", ""),
            key(&[], "", "http://abc@127.0.0.1:7624/1"),
            key(&[], "sentry_key=abc", "https://abc:secret@h/1"),
        ] {
            assert_eq!(found.as_deref(), Ok("abc"));
        }
        assert_eq!(key(&[], "", ""), Err(KeyError::Missing));
        assert_eq!(key(&[("authorization", "Bearer abc")], "", ""), Err(KeyError::Missing));
        assert_eq!(key(&[("x-sentry-auth", auth)], "sentry_key=b", ""), Err(KeyError::Differing));
        assert_eq!(key(&[], "sentry_key=abc", "http://b@h/1"), Err(KeyError::Differing));
    }
}
