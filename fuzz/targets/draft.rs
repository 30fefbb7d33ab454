//! A draft of any bytes, from any sender: it is admitted or every fault is named; what is admitted
//! reads back as it was, and can be sent again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snag::event::{Arrival, Draft, Event, Sender, Source};
use uuid::Uuid;

fuzz_target!(|input: &[u8]| {
    let senders = [
        Sender::Owner { name: "ana".to_owned() },
        Sender::Peer { login: "ben".to_owned() },
        Sender::Token { name: "eve".to_owned() },
        Sender::Anonymous,
    ];
    for sender in senders {
        let Ok(draft) = Draft::parse(input) else { return };
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: Uuid::from_u128(7),
            sender,
            source: Source::Http,
            original: None,
        };
        match draft.admit(&arrival) {
            Ok(event) => stays_the_same(&event, &arrival),
            Err(rejection) => assert!(!rejection.faults.is_empty()),
        }
    }
});

fn stays_the_same(event: &Event, arrival: &Arrival) {
    let json = event.to_json();
    let read: Event = serde_json::from_slice(&json).unwrap();
    assert_eq!(read.to_json(), json);
    let again = Draft::parse(&json).unwrap().admit(arrival);
    let again =
        again.unwrap_or_else(|rejection| panic!("{rejection}: {}", String::from_utf8_lossy(&json)));
    assert!(event.tells_the_same_as(&again), "{event:?} {again:?}");
}
