//! Lists of what a client would take, each with a weight (RFC 9110, section 12.4.2).

use hyper::header::{HeaderMap, HeaderName};

/// The entries of a list-valued header.
pub(super) struct Weights(Vec<(String, f32)>);

impl Weights {
    /// Reads a header. An entry whose weight cannot be read is left out: nothing here is a reason
    /// to refuse a request.
    pub(super) fn of(headers: &HeaderMap, name: &HeaderName) -> Self {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        Self(values.flat_map(|value| value.split(',')).filter_map(entry).collect())
    }

    /// The weight of the first of these names that is listed.
    pub(super) fn first_of(&self, names: &[&str]) -> Option<f32> {
        let find = |name: &&str| self.0.iter().find(|(found, _)| found == name);
        names.iter().find_map(find).map(|(_, weight)| *weight)
    }
}

fn entry(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
    (0.0..=1.0).contains(&weight).then_some((name, weight))
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT, HeaderValue};

    use super::*;

    #[test]
    fn weights_are_read_and_nonsense_left_out() {
        let mut headers = HeaderMap::new();
        for value in ["Text/Plain;version=0.0.4;q=0.2, */*;q=0", " gzip ;Q=1.000,, ;q=1", "x;q=2"] {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        for value in ["a;q=nan,b;q=,c;q=-0", "d;q=inf,e;q=0.5;q=1"] {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        headers.append(ACCEPT, HeaderValue::from_bytes(b"\xff").unwrap());
        let weights = Weights::of(&headers, &ACCEPT);
        let found = ["text/plain", "*/*", "gzip", "x", "a", "b", "c", "d", "e"]
            .map(|name| weights.first_of(&[name]));
        let expected =
            [Some(0.2), Some(0.0), Some(1.0), None, None, None, Some(0.0), None, Some(0.5)];
        assert_eq!(found, expected);
        assert_eq!(weights.first_of(&["absent", "gzip"]), Some(1.0));
    }
}
