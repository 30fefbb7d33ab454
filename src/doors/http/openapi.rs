//! `GET /openapi.json`: what this API speaks, for machines and for people, kept by hand.

use axum::response::{IntoResponse, Response};
use hyper::header;

/// The description, as it lies in the repository.
const OPENAPI: &str = include_str!("../../../openapi.json");

/// `GET /openapi.json` is for whoever has no token yet, too: it holds nothing that was recorded.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::Value;

    use super::*;
    use crate::event::{
        Actor, Arrival, Class, Draft, Event, Feeling, Kind, Outcome, Sender, Severity, SignalName,
        Source, Verdict, Word,
    };
    use crate::index::{HotspotsAnswer, Known};

    fn api() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    fn schema(name: &str) -> Value {
        let schema = api()["components"]["schemas"][name].clone();
        assert!(schema.is_object(), "there is no schema {name}");
        schema
    }

    #[test]
    fn every_route_is_described_and_no_other() {
        let served: BTreeSet<(String, String)> = super::super::routes()
            .iter()
            .map(|route| (route.path.to_owned(), route.method.as_str().to_lowercase()))
            .collect();
        let api = api();
        let paths = api["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.clone()))
        });
        assert_eq!(operations.collect::<BTreeSet<_>>(), served);
        assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let (api, mut found) = (api(), Vec::new());
        references(&api, &mut found);
        assert!(100 < found.len(), "{}", found.len());
        for reference in found {
            assert!(api.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }

    #[test]
    fn lists_of_words_are_whole() {
        fn check<W: Word>(name: &str) {
            assert_eq!(schema(name)["enum"], serde_json::json!(W::WORDS), "{name}");
        }
        check::<Class>("Class");
        check::<Actor>("Actor");
        check::<Feeling>("Feeling");
        check::<Outcome>("Outcome");
        check::<Kind>("Kind");
        check::<Severity>("Severity");
        check::<Source>("Source");
        check::<SignalName>("SignalName");
        check::<Verdict>("Verdict");
    }

    #[test]
    fn examples_of_requests_are_admitted() {
        let admit = |json: &[u8]| {
            let arrival = Arrival {
                now: "2026-11-20T15:00:00Z".parse().unwrap(),
                fresh_id: uuid::Uuid::from_u128(1),
                sender: Sender::Anonymous,
                source: Source::Http,
                original: None,
            };
            Draft::parse(json).unwrap().admit(&arrival).unwrap()
        };
        let content = api()["paths"]["/v1/events"]["post"]["requestBody"]["content"].clone();
        let examples = |content_type: &str| -> Vec<Value> {
            let examples = content[content_type]["examples"].as_object().unwrap();
            examples.values().map(|example| example["value"].clone()).collect()
        };
        let mut admitted = 0;
        for example in examples("application/json") {
            let drafts = example.as_array().cloned().unwrap_or_else(|| vec![example]);
            for draft in drafts {
                admit(draft.to_string().as_bytes());
                admitted += 1;
            }
        }
        for example in examples("application/x-ndjson") {
            for line in example.as_str().unwrap().lines() {
                admit(line.as_bytes());
                admitted += 1;
            }
        }
        assert_eq!(admitted, 8);
    }

    #[test]
    fn examples_of_answers_are_what_is_answered() {
        fn check<T: Serialize + DeserializeOwned>(name: &str) {
            for example in schema(name)["examples"].as_array().unwrap() {
                let read: T = serde_json::from_value(example.clone()).unwrap();
                assert_eq!(serde_json::to_value(read).unwrap(), *example, "{name}");
            }
        }
        check::<Event>("Event");
        check::<HotspotsAnswer>("Hotspots");
        check::<Known>("Known");
        check::<super::super::KeyList>("Keys");
        check::<super::super::Made>("MadeKey");
    }
}
