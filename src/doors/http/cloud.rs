//! `CloudEvents` 1.0 on `/v1/events`: one (structured), a list (batch), or headers and a draft (binary).
//!
//! The draft is in `data`; what surrounds it fills in what it leaves out: `source` and `id` together
//! are its identity, `time` is when it happened, `subject` is the place.

use hyper::header::{HeaderMap, HeaderName};
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::problem::Problem;
use crate::event::{Draft, Fault, Rejection};

/// What the `type` says of an event that is for snag.
const TYPE: &str = "dev.snag.event.v1";
/// Attributes come as headers that begin so.
const PREFIX: &str = "ce-";
/// Ids made of a source and an id are of this kind.
const OF_CLOUD_EVENTS: Uuid = Uuid::from_u128(0xc10d_e7e5_7a3b_4f0e_8b52_6d1f_09a4_3c78);

/// Whether the headers are those of an event whose data is the body.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.contains_key(HeaderName::from_static("ce-specversion"))
}

/// The draft of an event that is one JSON object.
pub(super) fn structured(json: &[u8]) -> Result<Draft, Problem> {
    let mut attributes: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|error| Problem::malformed(format!("this is no CloudEvent in JSON: {error}")))?;
    if attributes.contains_key("data_base64") {
        return Err(faulty("/data_base64", "send the draft in `data`, as JSON".to_owned()));
    }
    let data = attributes.remove("data").filter(|data| !data.is_null()).ok_or_else(|| {
        faulty("/data", "`data` is missing: it holds the place and what happened there".to_owned())
    })?;
    draft(&attributes, Draft::parse(data.to_string().as_bytes())?)
}

/// The draft of an event whose attributes are headers.
pub(super) fn binary(headers: &HeaderMap, body: &[u8]) -> Result<Draft, Problem> {
    let attributes = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix(PREFIX)?;
        Some((name.to_owned(), decode(value.to_str().ok()?).into()))
    });
    draft(&attributes.collect(), Draft::parse(body)?)
}

/// Headers hold what is no ASCII as percent and two digits.
fn decode(value: &str) -> String {
    let only_percent = value.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let decoded = form_urlencoded::parse(only_percent.as_bytes()).next();
    decoded.map(|(value, _)| value.into_owned()).unwrap_or_default()
}

/// Fills in what a draft leaves out.
fn draft(attributes: &Map<String, Value>, mut draft: Draft) -> Result<Draft, Problem> {
    let mut faults = Vec::new();
    let mut fault = |name: &str, detail: String| {
        faults.push(Fault::new(format!("/{name}"), detail));
    };
    let mut read = |name: &str| match attributes.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
        Some(_) => {
            fault(name, format!("`{name}` is no text, or empty"));
            Some("")
        }
    };
    let [version, kind, source, id, time, subject, content] =
        ["specversion", "type", "source", "id", "time", "subject", "datacontenttype"]
            .map(&mut read);
    for (name, value) in [("source", source), ("id", id)] {
        if value.is_none() {
            fault(name, format!("`{name}` is missing: a source and an id are an event's identity"));
        }
    }
    if version != Some("1.0") {
        fault("specversion", "write CloudEvents of version `1.0`".to_owned());
    }
    if kind != Some(TYPE) {
        fault("type", format!("snag takes events of type `{TYPE}`, their draft in `data`"));
    }
    if time.is_some_and(|time| time.parse::<Timestamp>().is_err()) {
        fault(
            "time",
            "`time` is no instant with a zone: write it like 2026-11-20T14:30:00Z".to_owned(),
        );
    }
    let is_json =
        |content: &str| content.split(';').next().map(str::trim) == Some("application/json");
    if content.is_some_and(|content| !is_json(content)) {
        fault(
            "datacontenttype",
            "`data` is JSON: leave it out, or say `application/json`".to_owned(),
        );
    }
    if !faults.is_empty() {
        return Err(Rejection { faults }.into());
    }
    let identity = format!("{}\0{}", source.unwrap_or_default(), id.unwrap_or_default());
    let id = Uuid::new_v5(&OF_CLOUD_EVENTS, identity.as_bytes()).to_string();
    for (field, value) in [("id", Some(id.as_str())), ("at", time), ("place", subject)] {
        if let Some(value) = value.filter(|_| !draft.has(field)) {
            draft.set(field, value);
        }
    }
    Ok(draft)
}

fn faulty(pointer: &str, detail: String) -> Problem {
    Rejection { faults: vec![Fault::new(pointer, detail)] }.into()
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "specversion": "1.0", "type": TYPE, "source": "https://ci.acme.example", "id": "run-7",
            "time": "2026-11-20T14:30:00Z", "subject": "ci/deploy", "traceparent": "00-1-2-01",
            "datacontenttype": "application/json", "data": {"note": "it hung", "person": "ana"},
        })
    }

    fn read(event: &Value) -> Draft {
        structured(event.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_surrounds_a_draft_fills_it_in() {
        let draft = read(&event());
        assert_eq!(draft.text("place"), Some("ci/deploy"));
        assert_eq!(draft.text("at"), Some("2026-11-20T14:30:00Z"));
        let id = draft.text("id").unwrap();
        let mut other = event();
        other["data"]["note"] = json!("something else");
        assert_eq!(read(&other).text("id"), Some(id), "the identity is source and id alone");
        other["source"] = json!("https://ci.acme.example/2");
        assert_ne!(read(&other).text("id"), Some(id));
        other["data"]["place"] = json!("own/place");
        assert_eq!(read(&other).text("place"), Some("own/place"));
    }

    #[test]
    fn examples_are_read() {
        let api: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
        let content = &api["paths"]["/v1/events"]["post"]["requestBody"]["content"];
        let of = |kind: &str, name: &str| content[kind]["examples"][name]["value"].clone();
        read(&of("application/cloudevents+json", "structured"));
        read(&of("application/cloudevents-batch+json", "batch")[0]);
    }

    #[test]
    fn headers_say_the_same_as_fields() {
        let headers = ["specversion", "type", "source", "id", "time"].map(|name| {
            let name = HeaderName::from_bytes(format!("ce-{name}").as_bytes()).unwrap();
            let value = event()[&name.as_str()[3..]].as_str().unwrap().to_owned();
            (name, HeaderValue::from_str(&value).unwrap())
        });
        let mut headers: HeaderMap = headers.into_iter().collect();
        assert!(is_binary(&headers) && !is_binary(&HeaderMap::new()));
        headers.insert("ce-subject", HeaderValue::from_static("ci%2Fdeploy"));
        let draft = binary(&headers, event()["data"].to_string().as_bytes()).unwrap();
        assert_eq!(draft, read(&event()));
    }

    #[test]
    fn what_is_no_event_for_snag_says_what_to_change() {
        let told = |name: &str, value: Value| {
            let mut event = event();
            event[name] = value;
            let problem = structured(event.to_string().as_bytes()).unwrap_err();
            let problem = serde_json::to_value(problem).unwrap();
            assert_eq!(problem["status"], 422, "{problem}");
            assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"), "{problem}");
        };
        told("specversion", json!("0.3"));
        told("type", json!("com.example.other"));
        told("source", json!(""));
        told("id", Value::Null);
        told("time", json!("yesterday"));
        told("subject", json!(7));
        told("datacontenttype", json!("text/plain"));
        told("data", Value::Null);
        told("data_base64", json!("e30="));
        assert!(structured(b"[]").is_err());
    }
}
