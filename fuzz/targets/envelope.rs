//! Any bytes as a Sentry envelope: payloads lie in it, one behind the other, and whatever an item
//! says, the drafts it becomes are admitted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snag::doors::sentry::fuzzing;
use snag::event::{Arrival, Class, Sender, Source};

fuzz_target!(|input: &[u8]| {
    let mut end = input.as_ptr() as usize;
    for payload in fuzzing::payloads(input) {
        assert!(end <= payload.as_ptr() as usize || payload.is_empty());
        end = payload.as_ptr() as usize + payload.len();
    }
    let late = i64::from(input.first().copied().unwrap_or_default()).pow(4);
    for draft in fuzzing::drafts(input, late - 1_000_000_000) {
        let arrival = Arrival {
            now: "2026-11-20T12:00:00Z".parse().unwrap(),
            fresh_id: uuid::Uuid::from_u128(7),
            sender: Sender::Anonymous,
            source: Source::Sentry,
            original: None,
        };
        let event = draft.admit(&arrival).unwrap();
        assert_eq!(event.source, Source::Sentry);
        assert!(!event.person_verified && event.claimed_person.is_none());
        assert_eq!(event.class == Class::Use, event.count.is_some());
    }
});
