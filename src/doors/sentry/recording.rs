//! From an envelope to the recorder: every item read, the good ones recorded in one go.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use super::answer::Complaint;
use super::envelope::{Envelope, Item};
use super::item::{self, Context, Kept};
use super::read::{skew, text};
use crate::doors::counts::ItemFate;
use crate::doors::{Desk, beside_sockets, now};
use crate::event::{Class, Draft, Event, Place, Rejection, Sender, Source};

/// How long a request waits for room in the queue.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest item of a kind that is kept.
const MAX_ITEM: usize = 1024 * 1024;

/// Records what can be read of an envelope; its id, once it is on disk.
pub(super) async fn record(
    desk: &Arc<Desk>,
    place: Option<Place>,
    bytes: &Bytes,
) -> Result<Option<Uuid>, Complaint> {
    let (sifting, body) = (desk.clone(), bytes.clone());
    let Sifted { id, events, causes } =
        beside_sockets(bytes, move || sift(&sifting, place.as_ref(), &body)).await?;
    let recorded = events.len();
    if 0 < recorded {
        desk.recorder.record_within(PATIENCE, events).await?;
    }
    if causes.is_empty() { Ok(id) } else { Err(Complaint::malformed(recorded, causes)) }
}

/// What an envelope comes to.
struct Sifted {
    id: Option<Uuid>,
    events: Vec<Event>,
    /// What is wrong with the rest.
    causes: Vec<String>,
}

fn sift(desk: &Desk, place: Option<&Place>, bytes: &[u8]) -> Sifted {
    let envelope = Envelope::parse(bytes);
    let header = &envelope.header;
    let id = text(header.get("event_id")).and_then(|id| id.parse().ok());
    let mut context = Context {
        place,
        sdk: header.get("sdk").and_then(|sdk| text(sdk.get("name"))),
        event_id: id,
        sent_at: text(header.get("sent_at")),
        skew: skew(header.get("sent_at"), now()),
    };
    let mut basket = Basket { desk, events: Vec::new(), causes: Vec::new() };
    for (number, item) in (1..).zip(&envelope.items) {
        let is_event = matches!(&*item.kind, "event" | "feedback");
        basket.add(number, item, &context);
        if is_event {
            // The envelope's id is that of the one event in it.
            context.event_id = None;
        }
    }
    let Basket { events, mut causes, .. } = basket;
    causes.extend(envelope.fault.map(|fault| fault.to_string()));
    let id = id.or(events.first().filter(|event| event.class != Class::Use).map(|event| event.id));
    Sifted { id, events, causes }
}

/// What was found so far.
struct Basket<'a> {
    desk: &'a Desk,
    events: Vec<Event>,
    causes: Vec<String>,
}

impl Basket<'_> {
    /// Adds what an item comes to, and counts it.
    fn add(&mut self, number: usize, item: &Item, context: &Context) {
        let fate = match read(item, context) {
            Ok(kept) => self.admit(number, item, kept, context.place),
            Err(cause) => {
                self.causes.push(format!("item {number} ({}) {cause}", word(&item.kind)));
                ItemFate::Malformed
            }
        };
        self.desk.side.sentry.count(&item.kind, fate);
    }

    fn admit(&mut self, number: usize, item: &Item, kept: Kept, below: Option<&Place>) -> ItemFate {
        self.desk.side.sentry.lose(kept.lost);
        let mut fate = match &*item.kind {
            "client_report" => ItemFate::Kept,
            _ if kept.drafts.is_empty() => ItemFate::Dropped,
            _ => ItemFate::Kept,
        };
        for mut draft in kept.drafts {
            // A key is for its place, whatever happened elsewhere.
            let place = kept.about.and_then(|about| self.place_of(about));
            let place = place.filter(|place| below.is_none_or(|below| place.is_under(below)));
            if let Some(place) = place {
                draft.set("place", place.as_str());
            }
            match self.check(draft) {
                Ok(Some(event)) => self.events.push(event),
                Ok(None) => fate = ItemFate::OverLimit,
                Err(rejection) => {
                    self.causes.push(format!("item {number} ({}): {rejection}", word(&item.kind)));
                    fate = ItemFate::Malformed;
                }
            }
        }
        fate
    }

    /// Checks a draft; none where its person had as many signals in this hour as are kept.
    fn check(&self, draft: Draft) -> Result<Option<Event>, Rejection> {
        let event = self.desk.admit(draft, Sender::Anonymous, Source::Sentry)?;
        Ok(Some(event).filter(|event| !self.desk.is_over_limit(event)))
    }

    /// Where an event happened that came before, in this envelope or another.
    fn place_of(&self, id: Uuid) -> Option<Place> {
        let here = self.events.iter().find(|event| event.id == id).map(|event| event.place.clone());
        here.or_else(|| Some(self.desk.index.event(id).ok()??.event.place))
    }
}

fn read(item: &Item, context: &Context) -> Result<Kept, &'static str> {
    if MAX_ITEM < item.payload.len() && item::is_kept(&item.kind) {
        return Err("has more than 1 MiB");
    }
    item::keep(&item.kind, item.payload, context)
}

/// An item's type as it may be said back: it is a stranger's word.
fn word(kind: &str) -> Value {
    kind.chars().take(40).collect::<String>().into()
}
