//! What admission promises, tried on drafts nobody would write.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

fn arrival(sender: Sender) -> Arrival {
    let now: Timestamp = "2026-11-20T12:00:00.123Z".parse().unwrap();
    Arrival { now, fresh_id: Uuid::from_u128(7), sender, source: Source::Http, original: None }
}

fn owner() -> Arrival {
    arrival(Sender::Owner { name: "ana".to_owned() })
}

fn admit(fields: &Value, arrival: &Arrival) -> Result<Event, Rejection> {
    Draft::parse(fields.to_string().as_bytes()).unwrap().admit(arrival)
}

/// What the owner tells, admitted.
pub(super) fn event(json: &str) -> Event {
    Draft::parse(json.as_bytes()).unwrap().admit(&owner()).unwrap()
}

#[test]
fn every_field_is_written_as_serde_writes_it() {
    let odd = "\"q\" \\ \u{7f}\u{1f}\n\t / é 🎺";
    let report = json!({
        "id": "01938a5e-7c3b-7d4e-9f00-8a1b4be19c07", "at": "2026-11-20T10:00:00.5+02:00",
        "place": "web/a", "person": odd.replace(['\n', '\t', '\u{7f}', '\u{1f}'], ""),
        "claimed_person": "b", "actor": "agent", "note": odd, "expected": odd, "got": odd,
        "workaround": odd, "feeling": "calm", "outcome": "retried", "lost_minutes": 5,
        "kind": "slow", "severity": "major", "version": "1\\2", "task": odd,
        "same_as": "01938a5e-7c3b-7d4e-9f00-8a1b4be19c08", "tags": {"a\"b": odd, "c": "d"},
        "evidence": {"x": [1, null, {"y": odd}]}, "scrubbed": [{"rule": "aws-key", "field": "/note"}],
    });
    let signal = json!({
        "class": "signal", "place": "a", "at": "2030-01-01T00:00:00Z",
        "signal": {"name": "crash", "count": 2, "rule": odd},
        "decision": {"verdict": "confirmed", "by": odd, "at": "2026-11-20T10:00:00Z", "note": odd},
    });
    let used = json!({"class": "use", "place": "a", "count": 7});
    for draft in [report, signal, used] {
        let event = admit(&draft, &owner()).unwrap();
        let serde = serde_json::to_string(&event).unwrap();
        assert_eq!(String::from_utf8(event.to_json()).unwrap(), serde);
        assert_eq!(Record::of_event(&event)[1..], *serde.as_bytes());
    }
}

#[test]
fn severity_follows_the_outcome_unless_said() {
    let severity = |outcome: &str| {
        let draft = json!({"place": "a", "note": "x", "outcome": outcome});
        admit(&draft, &owner()).unwrap().severity.unwrap().word()
    };
    let expected = [
        ("continued", "cosmetic"),
        ("retried", "minor"),
        ("worked-around", "minor"),
        ("asked-for-help", "major"),
        ("abandoned", "blocker"),
        ("switched", "blocker"),
    ];
    for (outcome, word) in expected {
        assert_eq!(severity(outcome), word, "{outcome}");
    }
    let said = json!({"place": "a", "note": "x", "outcome": "switched", "severity": "cosmetic"});
    assert_eq!(admit(&said, &owner()).unwrap().severity, Some(Severity::Cosmetic));
    let bare = admit(&json!({"place": "a", "note": "x"}), &owner()).unwrap();
    assert_eq!((bare.severity, bare.kind), (Some(Severity::Minor), Some(Kind::Unexpected)));
    let used = admit(&json!({"place": "a", "class": "use"}), &owner()).unwrap();
    assert_eq!((used.severity, used.kind, used.count), (None, None, Some(1)));
}

#[test]
fn each_door_decides_who_it_was() {
    let who = |sender: Sender, person: Option<&str>| {
        let mut draft = json!({"place": "a", "note": "x"});
        if let Some(person) = person {
            draft["person"] = person.into();
        }
        let event = admit(&draft, &arrival(sender)).unwrap();
        (event.person, event.person_verified, event.claimed_person)
    };
    let name = |name: &str| name.to_owned();
    let owner = || Sender::Owner { name: name("ana") };
    assert_eq!(who(owner(), None), (name("ana"), true, None));
    assert_eq!(who(owner(), Some("bob")), (name("bob"), true, None));
    let peer = || Sender::Peer { login: name("eve") };
    assert_eq!(who(peer(), None), (name("eve"), true, None));
    assert_eq!(who(peer(), Some("ana")), (name("eve"), true, Some(name("ana"))));
    let token = || Sender::Token { name: name("ana") };
    assert_eq!(who(token(), Some("bob")), (name("ana"), true, Some(name("bob"))));
    assert_eq!(who(Sender::Anonymous, Some("bob")), (name("bob"), false, None));
    assert!(admit(&json!({"place": "a", "note": "x"}), &arrival(Sender::Anonymous)).is_err());
    // Nor is anybody believed that a daemon counted it before.
    let before =
        json!({"place": "a", "note": "x", "person": "x", "received_at": "2026-11-20T14:30:00Z"});
    for (sender, is_believed) in
        [(owner(), true), (token(), true), (peer(), false), (Sender::Anonymous, false)]
    {
        let event = admit(&before, &arrival(sender)).unwrap();
        assert_eq!(event.was_received_before(), is_believed);
    }
}

#[test]
fn the_limits_are_where_they_are_said_to_be() {
    let fits = |field: &str, value: Value| {
        let mut draft = json!({"place": "a", "note": "x"});
        draft[field] = value;
        admit(&draft, &owner()).is_ok()
    };
    for (field, most) in
        [("note", MAX_TEXT), ("task", MAX_LINE), ("version", MAX_NAME), ("person", MAX_NAME)]
    {
        assert!(fits(field, "x".repeat(most).into()), "{field} at its limit");
        assert!(!fits(field, "x".repeat(most + 1).into()), "{field} beyond it");
    }
    let tags =
        |n: usize| (0..n).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    assert!(fits("tags", tags(MAX_TAGS).into()) && !fits("tags", tags(MAX_TAGS + 1).into()));
    let evidence = |n: usize| json!({"log": "x".repeat(n)});
    let frame = evidence(0).to_string().len();
    assert!(fits("evidence", evidence(MAX_EVIDENCE - frame)));
    assert!(!fits("evidence", evidence(MAX_EVIDENCE - frame + 1)));
    assert!(!fits("person", "a\u{202e}b".into()) && !fits("version", "1\n2".into()));
}

#[test]
fn who_looks_the_same_is_the_same() {
    let person = |name: &str| {
        let draft = json!({"place": "a", "note": "x", "person": name});
        admit(&draft, &owner()).map(|event| event.person).map_err(|rejection| rejection.to_string())
    };
    let unseen =
        ["an\u{200b}a", "a\u{ad}na", "ana\u{2060}", "ana\u{200d}", "a\u{200c}na", "\u{200c}ا"];
    for unseen in unseen {
        assert!(person(unseen).unwrap_err().contains("`person`"), "{unseen:?}");
    }
    // A Persian name, one of Sinhala, and somebody's picture.
    for name in ["می\u{200c}نا", "ශ්\u{200d}රී", "👩\u{200d}💻", "José"] {
        assert_eq!(person(name).unwrap(), name);
    }
}

#[test]
fn the_last_days_of_the_calendar_are_ahead_and_nonsense_is_no_day() {
    let at = |at: &str| {
        let draft = json!({"place": "a", "note": "x", "at": at});
        admit(&draft, &owner()).map(|event| (event.at, event.at_clamped)).ok()
    };
    let clamped = Some((owner().now, true));
    for last in ["9999-12-31T23:59:59Z", "9999-12-30T22:00:00.5-08:00", "9999-12-29T00:00:00Z"] {
        assert_eq!(at(last), clamped, "{last}");
    }
    for no in ["9999-12-3 nonsense", "9999-12-31", "9999-12-32T00:00:00Z", "9999-12-3"] {
        assert_eq!(at(no), None, "{no}");
    }
}

#[test]
fn a_decision_that_is_ahead_was_made_now() {
    let decided = |at: &str| {
        let decision = json!({"verdict": "confirmed", "by": "ana", "at": at});
        let signal = json!({"name": "crash"});
        let draft =
            json!({"place": "a", "class": "signal", "signal": signal, "decision": decision});
        admit(&draft, &owner()).unwrap().decision.unwrap().at
    };
    assert_eq!(decided("9999-12-30T22:00:00.999999999Z"), owner().now);
    assert_eq!(decided("2026-11-19T10:00:00Z").to_string(), "2026-11-19T10:00:00Z");
}

#[test]
fn an_event_is_as_large_as_it_may_be_and_no_larger() {
    // Each of them takes two bytes.
    let quotes = "\"".repeat(MAX_TEXT);
    let with_log = |bytes: usize| {
        let mut draft = json!({"place": "a", "evidence": {"log": "x".repeat(bytes)}});
        for field in ["note", "expected", "got", "workaround"] {
            draft[field] = quotes.as_str().into();
        }
        admit(&draft, &owner())
    };
    let room = MAX_EVENT - with_log(0).unwrap().to_json().len();
    assert_eq!(with_log(room).unwrap().to_json().len(), MAX_EVENT);
    let refused = with_log(room + 1).unwrap_err().to_string();
    assert!(refused.contains("the event has 65537 bytes"), "{refused}");
}

#[test]
fn a_clock_that_is_five_minutes_ahead_is_believed_and_no_other() {
    let at = |at: &str| {
        let event = admit(&json!({"place": "a", "note": "x", "at": at}), &owner()).unwrap();
        (event.at.to_string(), event.at_clamped)
    };
    let (now, ahead) = ("2026-11-20T12:00:00.123Z", "2026-11-20T12:05:00.123Z");
    assert_eq!(at(ahead), (ahead.to_owned(), false));
    assert_eq!(at("2026-11-20T12:05:00.124Z"), (now.to_owned(), true));
}

#[test]
fn evidence_is_no_deeper_than_lists_of_events_can_be_read() {
    let deep = |levels: usize| {
        let lists = levels - 1;
        let evidence = format!("{{\"x\":{}{}}}", "[".repeat(lists), "]".repeat(lists));
        let draft = format!(r#"{{"place":"a","note":"x","evidence":{evidence}}}"#);
        Draft::parse(draft.as_bytes()).unwrap().admit(&owner())
    };
    assert!(deep(64).is_ok());
    let said = deep(65).unwrap_err().to_string();
    assert!(said.contains("nested more than 64 levels"), "{said}");
}

#[test]
fn what_is_told_of_unknown_fields_is_short_and_no_secret() {
    let mut draft = json!({"place": "a", "note": "x"});
    for nth in 0..60 {
        draft[format!("{nth}{}", "x".repeat(600))] = json!(1);
    }
    draft["0 github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"] =
        json!(1);
    draft["0 ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"] = json!(1);
    let told = serde_json::to_string(&admit(&draft, &owner()).unwrap_err().faults).unwrap();
    assert!(told.len() < 8000 && told.matches("no field").count() == 32, "{told}");
    assert!(
        told.contains("[scrubbed:") && !told.contains("github_pat_11") && !told.contains("ghp_a1"),
        "{told}"
    );
}

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    let lost = |number: &str| {
        let draft = format!(r#"{{"place":"a","note":"x","lost_minutes":{number}}}"#);
        let event = Draft::parse(draft.as_bytes()).unwrap().admit(&owner());
        event.map(|event| event.lost_minutes).map_err(|rejection| rejection.to_string())
    };
    assert_eq!((lost("5"), lost("5.0"), lost("5e1")), (Ok(Some(5)), Ok(Some(5)), Ok(Some(50))));
    for no in ["5.5", "-1.0", "4294967296.0", "1e300"] {
        assert!(lost(no).unwrap_err().contains("no whole number from 0"), "{no}");
    }
}

/// A draft whose fields hold anything, mostly something near the truth.
fn drafts() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["\\PC{0,20}", "[ -~\\n\u{202e}]{0,40}"];
    let word = prop_oneof![
        Just("report"),
        Just("signal"),
        Just("use"),
        Just("minor"),
        Just("slow"),
        Just("abandoned"),
        Just("calm"),
        Just("agent"),
        Just("cli"),
        Just("import"),
        Just("nonsense"),
    ];
    let value = prop_oneof![
        4 => text.prop_map(Value::from),
        4 => word.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"name": "crash", "count": 2})),
        1 => Just(json!(["x", {"y": 1}])),
        2 => Just(Value::from("2026-11-20T10:00:00.5+02:00")),
        2 => Just(Value::from("01938a5e-7c3b-7d4e-9f00-8a1b4be19c07")),
    ];
    let field = prop_oneof![
        Just("id"),
        Just("class"),
        Just("at"),
        Just("place"),
        Just("person"),
        Just("actor"),
        Just("note"),
        Just("expected"),
        Just("feeling"),
        Just("outcome"),
        Just("lost_minutes"),
        Just("kind"),
        Just("severity"),
        Just("version"),
        Just("source"),
        Just("signal"),
        Just("count"),
        Just("same_as"),
        Just("tags"),
        Just("evidence"),
        Just("scrubbed"),
        Just("claimed_person"),
        Just("nonsense"),
    ];
    proptest::collection::hash_map(field, value, 0..6).prop_map(|fields| {
        let mut draft = json!({"place": "web/a", "note": "it broke"});
        for (field, value) in fields {
            draft[field] = value;
        }
        draft
    })
}

proptest! {
    #[test]
    fn a_draft_becomes_a_whole_event_or_every_fault_is_named(draft in drafts()) {
        match admit(&draft, &owner()) {
            Ok(event) => {
                prop_assert!(event.class != Class::Report || (event.severity.is_some() && event.kind.is_some()));
                prop_assert_eq!(event.class == Class::Signal, event.signal.is_some());
                prop_assert_eq!(event.class == Class::Use, event.count.is_some());
                prop_assert!(event.to_json().len() <= MAX_EVENT);
            }
            Err(rejection) => {
                prop_assert!(!rejection.faults.is_empty());
                for fault in rejection.faults {
                    prop_assert!(fault.pointer.starts_with('/'), "{:?}", fault);
                    prop_assert!(!fault.detail.is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_stored_reads_back_and_can_be_sent_again(draft in drafts()) {
        if let Ok(event) = admit(&draft, &owner()) {
            let json = event.to_json();
            prop_assert_eq!(&json, &serde_json::to_vec(&event).unwrap());
            let Ok(Record::Event(read)) = Record::decode(&[b"\x01", json.as_slice()].concat()) else {
                panic!("{}", String::from_utf8_lossy(&json));
            };
            prop_assert_eq!(read.to_json(), json.clone());
            let again = Draft::parse(&json).unwrap().admit(&owner()).unwrap();
            prop_assert!(read.tells_the_same_as(&again));
            prop_assert_eq!(again.to_json(), json, "scrubbing and normalising twice changes nothing");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(draft) = Draft::parse(&bytes) {
            let _ = draft.admit(&owner());
        }
        let _ = Record::decode(&bytes);
    }
}
