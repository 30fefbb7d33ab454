//! A body of many events, cut into its events, each still unread.
//!
//! However many there are, only as many as one request may carry take any room.

use std::fmt;

use bytes::Bytes;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::problem::Problem;

/// The most events one request may carry.
const MOST_EVENTS: usize = 1000;

/// The lines of NDJSON that are not blank, numbered from 1.
pub(super) fn lines(body: &Bytes) -> Result<Vec<(usize, Bytes)>, Problem> {
    let lines = || {
        let lines = (1..).zip(body.split(|byte| *byte == b'\n'));
        lines.filter(|(_, line)| !line.trim_ascii().is_empty())
    };
    // Counted before any is kept, which takes more room than a line of one letter.
    refuse_many(lines().count())?;
    Ok(lines().map(|(number, line)| (number, body.slice_ref(line))).collect())
}

/// The elements of a JSON list, numbered from 1, each still unread.
pub(super) fn elements(body: &Bytes) -> Result<Vec<(usize, Bytes)>, Problem> {
    let First { elements, found } = serde_json::from_slice(body).map_err(|error| {
        Problem::malformed(format!("the list cannot be read as JSON ({error}): close what is open, or send one event a line as application/x-ndjson"))
    })?;
    refuse_many(found)?;
    let elements = elements.into_iter().map(|element| body.slice_ref(element.get().as_bytes()));
    Ok((1..).zip(elements).collect())
}

fn refuse_many(found: usize) -> Result<(), Problem> {
    if MOST_EVENTS < found {
        return Err(Problem::too_large(format!(
            "a request carries at most {MOST_EVENTS} events, this one has {found}: split it"
        )));
    }
    Ok(())
}

/// The first elements of a list, as many as are taken, and how many there are.
struct First<'a> {
    elements: Vec<&'a RawValue>,
    found: usize,
}

impl<'de> Deserialize<'de> for First<'de> {
    fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
        struct Count;
        impl<'de> Visitor<'de> for Count {
            type Value = First<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<'de>, A::Error> {
                let mut first = First { elements: Vec::new(), found: 0 };
                while let Some(element) = list.next_element()? {
                    first.found += 1;
                    if first.found <= MOST_EVENTS {
                        first.elements.push(element);
                    }
                }
                Ok(first)
            }
        }
        list.deserialize_seq(Count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_taken_and_no_more() {
        let few = Bytes::from("1\n".repeat(MOST_EVENTS));
        assert_eq!(lines(&few).unwrap().len(), MOST_EVENTS);
        assert!(lines(&Bytes::from("1\n".repeat(MOST_EVENTS + 1))).is_err());
        let list = |many: usize| Bytes::from(format!("[1{}]", ",1".repeat(many - 1)));
        assert_eq!(elements(&list(MOST_EVENTS)).unwrap().len(), MOST_EVENTS);
        let many = elements(&list(2 * MOST_EVENTS)).unwrap_err();
        assert!(format!("{many:?}").contains("this one has 2000"), "{many:?}");
        assert!(elements(&Bytes::from("[1,")).is_err());
    }
}
