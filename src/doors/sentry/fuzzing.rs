//! For the fuzzer alone: envelopes without a daemon behind the door.

use jiff::SignedDuration;

use super::envelope::Envelope;
use super::item::{self, Context};
use crate::event::Draft;

/// The payloads of an envelope, in order.
#[must_use]
pub fn payloads(envelope: &[u8]) -> Vec<&[u8]> {
    Envelope::parse(envelope).items.into_iter().map(|item| item.payload).collect()
}

/// The drafts that its items become, as if it was sent by so many seconds too late.
#[must_use]
pub fn drafts(envelope: &[u8], late: i64) -> Vec<Draft> {
    let envelope = Envelope::parse(envelope);
    let context = Context {
        place: None,
        sdk: None,
        event_id: None,
        sent_at: None,
        skew: SignedDuration::from_secs(late),
    };
    let items = envelope.items.iter();
    let kept = items.filter_map(|item| item::keep(&item.kind, item.payload, &context).ok());
    kept.flat_map(|kept| kept.drafts).collect()
}
