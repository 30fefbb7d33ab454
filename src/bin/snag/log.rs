//! `snag log` and `snag me-too`: recording in five seconds, daemon or not.
//!
//! Recording never waits for the daemon longer than [`PATIENCE`]: past that, or without one, the
//! event becomes a file, which the daemon takes at its next start or a later `snag` sends. The id
//! is made here, so an event that went both ways is still one event.

use std::io::{self, IsTerminal, Read};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use hyper::StatusCode;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Map, Value};
use snag::client::{Answer, ClientError, Connection, Target};
use snag::doors::http::{NEAR_PLACES, NEW_PLACE, RETRACTED};
use snag::doors::{now, person, today};
use snag::event::{
    Arrival, Class, Day, Draft, Event, Kind, Original, Place, Rejection, Sender, Source, Word,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::args::{Global, Log, MeToo};
use crate::outbox::Outbox;
use crate::output::{Format, Output};
use crate::reach::Keep;
use crate::read::{Page, read};
use crate::render::Receipt;
use crate::stop::{Code, is_broken_pipe, stop};
use crate::{last, prompt, reach, render};

/// How long the daemon may take: connecting, sending and answering together.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);
/// Clocks may differ so much.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// The longest note read from stdin; longer ones are refused by the event's own limit.
const MOST_STDIN: u64 = 1024 * 1024;

/// `snag log`.
pub(crate) async fn log(mut log: Log, global: &Global, output: &Output) -> anyhow::Result<()> {
    if log.note.as_deref() == Some("-") {
        let mut note = String::new();
        io::stdin()
            .take(MOST_STDIN)
            .read_to_string(&mut note)
            .map_err(|error| stop(Code::Usage, format!("stdin cannot be read as text: {error}")))?;
        log.note = Some(note);
    }
    let says_nothing = log.note.is_none() && log.told.expected.is_none() && log.told.got.is_none();
    if (log.place.is_none() || says_nothing) && io::stdin().is_terminal() {
        prompt::ask(&mut log)?;
    }
    let is_note = log.place.as_ref().is_some_and(|place| place.contains(' '));
    if is_note && log.note.is_none() && log.told.expected.is_none() && log.told.got.is_none() {
        return Err(stop(
            Code::Usage,
            "say where it happened first: snag log web/checkout/pay \"what happened\"",
        ));
    }
    record(draft(log)?, global, output).await
}

/// The draft that the arguments say.
pub(crate) fn draft(log: Log) -> anyhow::Result<Draft> {
    let mut draft = Draft::default();
    let told = log.told;
    let said = [
        ("place", log.place),
        ("note", log.note),
        ("kind", told.kind),
        ("severity", told.severity),
        ("feeling", told.felt),
        ("outcome", told.did),
        ("expected", told.expected),
        ("got", told.got),
        ("workaround", told.workaround),
        ("version", log.version),
        ("task", log.task),
        ("person", log.person),
    ];
    for (field, text) in said {
        if let Some(text) = text {
            draft.set(field, text);
        }
    }
    if let Some(lost) = told.lost {
        draft.set("lost_minutes", read_lost(&lost)?);
    }
    if let Some(at) = log.at {
        draft.set("at", read_at(&at)?);
    }
    if log.agent {
        draft.set("actor", "agent");
    }
    if !log.tags.is_empty() {
        draft.set("tags", read_tags(&log.tags)?);
    }
    Ok(draft)
}

fn read_lost(text: &str) -> anyhow::Result<u32> {
    let lost = text.parse::<SignedDuration>().ok().filter(|lost| !lost.is_negative());
    let minutes = lost.and_then(|lost| u32::try_from(lost.as_secs().saturating_add(59) / 60).ok());
    minutes.ok_or_else(|| {
        stop(Code::Usage, format!("`--lost {text}` is no time: write it like 15m, 2h or 1h30m"))
    })
}

/// An instant, a day (its noon), or how long ago it was.
fn read_at(text: &str) -> anyhow::Result<String> {
    let written = text.trim();
    let day = match written {
        "today" => Some(today()),
        "yesterday" => Some(today().plus(-1)),
        written => Day::parse(written).ok(),
    };
    let ago = written.strip_suffix("ago").unwrap_or(written).trim();
    let ago = ago.parse::<Span>().ok().filter(|ago| !ago.is_negative());
    let ago = ago.and_then(|ago| ago.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let at = if let Some(day) = day {
        let noon = format!("{day}T12:00:00Z").parse::<Timestamp>()?;
        if day == today() { noon.min(now()) } else { noon }
    } else if let Some(at) = ago.and_then(|ago| now().checked_sub(ago).ok()) {
        at
    } else if let Ok(at) = written.parse::<Timestamp>() {
        at
    } else {
        return Err(stop(
            Code::Usage,
            format!(
                "`--at {text}` is no time: write an instant with its zone, like 2026-11-20T14:30:00Z, a day like 2026-11-20 or yesterday, or how long ago it was, like 2h or 3d"
            ),
        ));
    };
    if now() + AHEAD < at {
        return Err(stop(Code::Usage, format!("`--at {text}` lies ahead: say when it happened")));
    }
    Ok(at.to_string())
}

fn read_tags(tags: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut read = Map::new();
    for tag in tags {
        let (key, value) = tag.split_once('=').ok_or_else(|| {
            stop(Code::Usage, format!("`--tag {tag}` has no value: write it like browser=firefox"))
        })?;
        if read.insert(key.to_owned(), value.into()).is_some_and(|before| before != value) {
            let message = format!("the tag `{key}` is said twice: say which of them is meant");
            return Err(stop(Code::Usage, message));
        }
    }
    Ok(read)
}

/// The event that a draft will be, as far as this side can tell: bad input is found before
/// anything leaves this process. Secrets are still in it: the daemon takes them out, or we do
/// before the event leaves this machine or touches its disk.
pub(crate) fn check(draft: Draft) -> anyhow::Result<Event> {
    let sender = Sender::Owner { name: person::Owner::of_process(None).name };
    let arrival = Arrival {
        now: now(),
        fresh_id: Uuid::now_v7(),
        sender,
        source: Source::Cli,
        original: None,
    };
    draft.check(&arrival).map_err(rejected)
}

/// The same words as the API's, with the flags people typed.
#[expect(clippy::needless_pass_by_value, reason = "fits map_err")]
pub(crate) fn rejected(rejection: Rejection) -> anyhow::Error {
    let text = rejection.to_string();
    let text = text.replace("`feeling`", "`feeling` (--felt)");
    stop(Code::Usage, text.replace("`outcome`", "`outcome` (--did)"))
}

/// Records a draft and says what became of it.
async fn record(draft: Draft, global: &Global, output: &Output) -> anyhow::Result<()> {
    deliver(draft, global, output).await?.tell(output);
    Ok(())
}

/// An event that is safe.
pub(crate) struct Delivered {
    /// As it is where it went.
    pub(crate) event: Event,
    receipt: Receipt,
    json: Vec<u8>,
}

impl Delivered {
    /// Says what became of it; it is so, whether anybody reads it or not.
    pub(crate) fn tell(&self, output: &Output) {
        let told = match output.format {
            Format::Json => output.json(&self.json),
            _ => output.line(&render::recorded(&self.event, self.receipt, output.look())),
        };
        if let Err(error) = told
            && !is_broken_pipe(&error)
        {
            output.note(&format!("the event is safe, but {error:#}"));
        }
        if let (Receipt::Recorded, Some(claimed)) = (self.receipt, &self.event.claimed_person) {
            let known = &self.event.person;
            output.note(&format!(
                "it counts as {known}'s, as whom snagd knows you; that you said {claimed} is kept with it"
            ));
        }
    }

    fn recorded(stored: Event, answer: &Answer, url: Option<&Target>, output: &Output) -> Self {
        last::remember(url, stored.id, None, false);
        note_new_place(answer, output);
        let is_known = answer.status == StatusCode::OK;
        let receipt = if is_known { Receipt::Known } else { Receipt::Recorded };
        Self { json: stored.to_json(), event: stored, receipt }
    }

    /// Nobody has received it yet, nor said whose it is.
    fn kept(event: Event, body: &[u8]) -> anyhow::Result<Self> {
        let mut fields: Value = serde_json::from_slice(body)?;
        fields["kept"] = true.into();
        Ok(Self { event, receipt: Receipt::Kept, json: serde_json::to_vec(&fields)? })
    }
}

/// Sends a draft to the daemon, or keeps it.
pub(crate) async fn deliver(
    draft: Draft,
    global: &Global,
    output: &Output,
) -> anyhow::Result<Delivered> {
    let url = global.url.as_ref();
    let deadline = Instant::now() + PATIENCE;
    let names_person = reach::names_person(std::slice::from_ref(&draft), url);
    let mut event = check(draft)?;
    if !url.is_none_or(Target::is_local) {
        event = event.without_secrets().map_err(rejected)?;
    }
    let sent = body(&event, names_person);
    let mut posting = pin!(post(&sent, url));
    let answered = timeout_at(deadline, posting.as_mut()).await;
    let is_pending = answered.is_err();
    let why = match &answered {
        Err(_) => Unanswered::InTime,
        Ok(Err(error)) if is_unwelcome(error) => Unanswered::Unwelcome,
        Ok(Err(ClientError::Told(_))) => Unanswered::Busy,
        Ok(_) => Unanswered::AtAll,
    };
    match answered {
        Ok(Ok((stored, answer, mut connection))) => {
            let delivered = Delivered::recorded(stored, &answer, url, output);
            if let Some(outbox) = url.and_then(Outbox::of) {
                // What is left of the time goes to what waited; the rest is sent by whoever asks.
                let _ = timeout_at(deadline, outbox.send(&mut connection, output)).await;
            }
            return Ok(delivered);
        }
        Ok(Err(error)) if is_final(&error) => return Err(error.into()),
        // Away, busy, too slow, or not to be had without a token: a file is as good.
        Ok(Err(_)) | Err(_) => {}
    }
    let event = event.without_secrets().map_err(rejected)?;
    let body = body(&event, names_person);
    if let Err(error) = keep(&event, &body, url, why, output) {
        // Where it cannot be kept, the daemon that is slow is worth waiting for: it may record the
        // event yet.
        let late = if is_pending { posting.await.ok() } else { None };
        let (stored, answer, _) = late.ok_or(error)?;
        return Ok(Delivered::recorded(stored, &answer, url, output));
    }
    Delivered::kept(event, &body)
}

/// Why there is no answer that an event is recorded.
#[derive(Clone, Copy)]
enum Unanswered {
    AtAll,
    InTime,
    Busy,
    /// Without its token it takes nothing.
    Unwelcome,
}

impl Unanswered {
    /// Said of whoever did not answer.
    fn by(self, name: &str) -> String {
        match self {
            Self::AtAll => format!("{name} does not answer"),
            Self::InTime => format!("{name} does not answer in time"),
            Self::Busy => format!("{name} takes nothing at the moment"),
            Self::Unwelcome => format!(
                "{name} does not know you (set SNAG_TOKEN to what the file `token` in its state directory holds)"
            ),
        }
    }

    /// Said where it has no name.
    fn by_nobody(self) -> &'static str {
        match self {
            Self::AtAll => "no snagd answers",
            Self::InTime => "no snagd answers in time",
            Self::Busy => "snagd takes nothing at the moment",
            Self::Unwelcome => "snagd does not know you",
        }
    }
}

/// Leaves an event where its daemon will get it.
fn keep(
    event: &Event,
    body: &[u8],
    url: Option<&Target>,
    why: Unanswered,
    output: &Output,
) -> anyhow::Result<()> {
    let keep = reach::keep(url)?;
    let path = keep.put(event.id, body).with_context(|| {
        format!(
            "no snagd answers, and the event cannot be kept in {keep}: it is NOT recorded; start snagd and say it again"
        )
    })?;
    let may_come = matches!(why, Unanswered::InTime);
    match keep {
        Keep::Drop(dir) => {
            last::remember(url, event.id, Some(&path), may_come);
            output.note(&format!(
                "{}: kept in {}, and recorded when it is back",
                why.by_nobody(),
                dir.display()
            ));
        }
        Keep::Outbox(_, target) => {
            last::remember(url, event.id, None, may_come);
            output.note(&format!(
                "{}: kept, and sent by the next snag that reaches it (`snag status`)",
                why.by(&target.to_string())
            ));
        }
    }
    Ok(())
}

/// Whether the same would be refused again, by whomever it is sent.
pub(crate) fn is_final(error: &ClientError) -> bool {
    matches!(error, ClientError::Told(told) if !matches!(told.status, 401 | 403 | 408 | 429 | 500..))
}

/// Whether it is the sender that is refused: with another token the same is taken.
fn is_unwelcome(error: &ClientError) -> bool {
    matches!(error, ClientError::Told(told) if matches!(told.status, 401 | 403))
}

/// The event as it was recorded; whoever answers anything else has not recorded it.
async fn post(
    body: &[u8],
    url: Option<&Target>,
) -> Result<(Event, Answer, Connection), ClientError> {
    let mut connection = reach::connect_to_post(url).await?;
    let body = Bytes::copy_from_slice(body);
    let answer = connection.post("/v1/events", body).await?;
    let stored = serde_json::from_slice(&answer.body);
    let stored = stored.map_err(|_| ClientError::Strange(connection.target().clone()))?;
    Ok((stored, answer, connection))
}

/// The event as a draft: what the daemon decides is left to it.
pub(crate) fn body(event: &Event, names_person: bool) -> Vec<u8> {
    let mut fields = match serde_json::to_value(event) {
        Ok(Value::Object(fields)) => fields,
        // An event is an object.
        _ => Map::new(),
    };
    for ours in ["received_at", "at_clamped", "person_verified"] {
        fields.remove(ours);
    }
    if !names_person {
        fields.remove("person");
    }
    serde_json::to_vec(&fields).unwrap_or_default()
}

fn note_new_place(answer: &Answer, output: &Output) {
    if let Some(near) = new_place(answer) {
        output.note(&format!("new place{near}"));
    }
}

/// Where the place was new: which known ones are near, as it is said behind that.
pub(crate) fn new_place(answer: &Answer) -> Option<String> {
    answer.headers.get(NEW_PLACE)?;
    let near = answer.headers.get(NEAR_PLACES).and_then(|near| near.to_str().ok());
    Some(near.map(|near| format!("; near: {near}")).unwrap_or_default())
}

/// `snag me-too`.
pub(crate) async fn me_too(me_too: MeToo, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let original = find_original(&mut connection, &me_too.of).await?;
    let mut draft = Draft::default();
    draft.set("same_as", original.id.to_string());
    // As snagd would, who may be away by then.
    let Original { place, kind, severity } = Original::of(&original);
    draft.set("place", place.as_str());
    let copied = [
        ("kind", kind.map(|kind| kind.to_string())),
        ("severity", severity.map(|severity| severity.to_string())),
        ("note", me_too.note),
        ("person", me_too.person),
    ];
    for (field, text) in copied {
        if let Some(text) = text {
            draft.set(field, text);
        }
    }
    record(draft, global, output).await
}

/// The event of an id, or the latest at a place.
async fn find_original(connection: &mut Connection, of: &str) -> anyhow::Result<Event> {
    let digits = of.trim_start_matches('…');
    // Shorter ones may be words: `feed`, `cafe`.
    let is_long = 8 <= digits.len() || digits.len() < of.len();
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let may_be_id = is_long && is_hex;
    if may_be_id {
        match connection.get(&event_path(digits)?).await {
            Ok(answer) if answer.headers.contains_key(RETRACTED) => {
                let message = "that event was taken back: say what you met with `snag log`";
                return Err(stop(Code::Usage, message));
            }
            Ok(answer) => return read(&answer),
            Err(ClientError::Told(told)) if told.status == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    let place =
        Place::parse(of).map_err(|error| stop(Code::Usage, format!("the place {error}")))?;
    for class in [Class::Report, Class::Signal] {
        if let Some(latest) = latest_at(connection, &place, class).await? {
            return Ok(latest);
        }
    }
    if may_be_id {
        let message = format!(
            "no event's id ends with {digits}, and nobody met anything at a place of that name: `snag events` lists both"
        );
        return Err(stop(Code::Usage, message));
    }
    let place = render::shell(place.as_str());
    let id = if is_hex { "; an event is named by its last 8 digits" } else { "" };
    let message = format!(
        "nobody met anything at {place} itself: log it with `snag log {place} \"what happened\"`; what lies below it lists `snag events --under {place}`{id}"
    );
    Err(stop(Code::Usage, message))
}

/// The latest event of a class at a place that stood in the way, else the latest; of the last few hundred
/// there and below it.
async fn latest_at(
    connection: &mut Connection,
    place: &Place,
    class: Class,
) -> anyhow::Result<Option<Event>> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("under", place.as_str()).append_pair("class", class.word());
    let answer = connection.get(&format!("/v1/events?{}&limit=500", query.finish())).await?;
    let page: Page = read(&answer)?;
    let mut there: Vec<Event> =
        page.events.into_iter().filter(|event| event.place == *place).collect();
    let hurts = there.iter().position(|event| event.kind != Some(Kind::Delight));
    Ok((!there.is_empty()).then(|| there.swap_remove(hurts.unwrap_or(0))))
}

/// The id of the event whose last digits these are.
pub(crate) async fn whole_id(connection: &mut Connection, digits: &str) -> anyhow::Result<String> {
    let answer = connection.get(&event_path(digits)?).await?;
    let event: Event = read(&answer)?;
    Ok(event.id.to_string())
}

/// Where the API has the event of an id, or of its last digits.
pub(crate) fn event_path(id: &str) -> anyhow::Result<String> {
    if id.trim().is_empty() {
        return Err(stop(Code::Usage, "the id is empty: `snag events` lists them"));
    }
    let encoded = form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
    Ok(format!("/v1/events/{}", encoded.replace('+', "%20")))
}

#[cfg(test)]
mod tests;
