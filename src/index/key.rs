//! Keys and small values of the tree; the table in the parent module says which there are.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::{SmallVec, smallvec};
use uuid::Uuid;

use super::{Fresh, IndexError, varint};
use crate::event::{Actor, Class, Day, Event, Kind, Muting, Place, SignalName, Verdict, Word};
use crate::hotspot::{Cell, CellKey, Visit};

pub(super) const POSITION: &[u8] = b"mposition";
pub(super) const EVENTS: &[u8] = b"mevents";
pub(super) const ID: u8 = b'i';
pub(super) const AT_PLACE: u8 = b'p';
pub(super) const NAME: u8 = b'n';
pub(super) const CELL: u8 = b'c';
pub(super) const DECISION: u8 = b'd';
pub(super) const MUTING: u8 = b'u';

/// A key, or a value in the making. Most are so short that they lie where a map holds them: it finds its
/// place for one among tens of thousands a quarter faster than where each lies elsewhere. (Made by
/// `from_slice`: `from` and `clone` go byte by byte.)
pub(super) type Short = SmallVec<[u8; 48]>;

/// An instant in milliseconds, as the index sorts it.
pub(super) type Millis = i64;

pub(super) fn millis(at: Timestamp) -> Millis {
    at.as_millisecond()
}

/// The day an instant falls on, if there is such an instant.
pub(super) fn day(at: Millis) -> Option<Day> {
    Timestamp::from_millisecond(at).ok().map(Day::of)
}

fn sortable(at: Millis) -> [u8; 8] {
    (at.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn unsortable(bytes: [u8; 8]) -> Millis {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> Result<[u8; N], IndexError> {
    match bytes.get(from..).and_then(<[u8]>::first_chunk) {
        Some(found) => Ok(*found),
        None => Err(IndexError::Damaged("a key or value is too short")),
    }
}

pub(super) fn id(id: Uuid) -> Short {
    about(ID, id)
}

fn about(kind: u8, id: Uuid) -> Short {
    let mut key = smallvec![kind];
    key.extend_from_slice(id.as_bytes());
    key
}

pub(super) fn read_id(key: &[u8]) -> Result<Uuid, IndexError> {
    Ok(Uuid::from_bytes(array(key, 1)?))
}

/// Ids that tell a time begin with a smaller byte, until 2039.
pub(super) const TELLING: u8 = 2;

/// The time that the id in a key tells, in milliseconds: ids of version 7 begin with it.
pub(super) fn time(key: &[u8]) -> Option<u64> {
    let [ID | DECISION, id @ ..] = key else { return None };
    let (time, rest) = id.split_first_chunk::<6>()?;
    let tells = time[0] < TELLING && rest.first().is_some_and(|byte| byte >> 4 == 7);
    tells.then(|| time.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
}

/// What a key is about, in words.
pub(super) fn describe(key: &[u8]) -> String {
    match key.first() {
        Some(&ID) => read_id(key).map_or_else(|_| "an id".to_owned(), |id| format!("the id {id}")),
        Some(&AT_PLACE) => "the list of events at a place".to_owned(),
        Some(&NAME) => "the first day of a place".to_owned(),
        Some(&DECISION) => "what was decided about a signal".to_owned(),
        Some(&MUTING) => "what is muted at a place".to_owned(),
        Some(&CELL) => match read_day(key) {
            Ok(day) => format!("the counts of {day}"),
            Err(_) => "the counts of a day".to_owned(),
        },
        _ => "how far it is and how much it holds".to_owned(),
    }
}

/// The last digits of ids, as people type them.
pub(super) struct Ending {
    digits: u128,
    mask: u128,
}

impl Ending {
    /// None for what is no end of an id.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.replace('-', "");
        let mask = match u32::try_from(digits.len()).ok()? {
            1..=31 => (1 << (4 * digits.len())) - 1,
            32 => u128::MAX,
            _ => return None,
        };
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let digits = u128::from_str_radix(&digits, 16).ok().filter(|_| is_hex)?;
        Some(Self { digits, mask })
    }

    pub(super) fn fits(&self, id: Uuid) -> bool {
        id.as_u128() & self.mask == self.digits
    }

    /// The id, where all of it was typed.
    pub(super) fn whole(&self) -> Option<Uuid> {
        (self.mask == u128::MAX).then_some(Uuid::from_u128(self.digits))
    }
}

pub(super) fn id_value(is_retracted: bool, sequence: u64) -> Short {
    let mut value = smallvec![is_retracted.into()];
    varint::push(sequence, |byte| value.push(byte));
    value
}

/// Whether the event was taken back, and its journal sequence.
pub(super) fn read_id_value(value: &[u8]) -> Result<(bool, u64), IndexError> {
    let [flags] = array(value, 0)?;
    Ok((flags != 0, varint::read(&mut &value[1..])?))
}

/// Which of a place's lists an event is in, the worst first.
pub(super) fn band(event: &Event) -> u8 {
    match (event.class, event.reported_severity()) {
        (_, Some(severity)) => 3 - severity as u8,
        (Class::Use, _) => USES,
        _ if event.verdict() == Verdict::Dismissed => DISMISSED,
        _ => SIGNALS,
    }
}

/// Reports and confirmed signals, the worst first.
pub(super) const REPORTS: std::ops::Range<u8> = 0..4;
/// Signals that nobody decided about.
pub(super) const SIGNALS: u8 = 4;
pub(super) const USES: u8 = 5;
pub(super) const DISMISSED: u8 = 6;
pub(super) const BANDS: u8 = 7;

/// The beginning of the keys of one band of a place.
pub(super) fn at_place_band(place: &Place, band: u8) -> Short {
    let mut key = smallvec![AT_PLACE];
    key.extend_from_slice(place.as_str().as_bytes());
    key.extend_from_slice(&[0, band]);
    key
}

/// Where the entries of a band that happened at or before `at` begin: the latest comes first.
pub(super) fn at_place_from(place: &Place, band: u8, at: Millis) -> Short {
    let mut key = at_place_band(place, band);
    key.extend_from_slice(&sortable(!at));
    key
}

pub(super) fn at_place(event: &Event) -> Short {
    let mut key = at_place_from(&event.place, band(event), millis(event.at));
    key.extend_from_slice(&event.id.as_bytes().map(|byte| !byte));
    key
}

pub(super) fn read_at_place(key: &[u8]) -> Result<(Millis, Uuid), IndexError> {
    let from = key.len().checked_sub(24).ok_or(IndexError::Damaged("a place key is too short"))?;
    let id: [u8; 16] = array(key, from + 8)?;
    Ok((!unsortable(array(key, from)?), Uuid::from_bytes(id.map(|byte| !byte))))
}

/// A short hash of a name: names whose tags differ differ.
pub(super) type Tag = [u8; 4];

pub(super) fn tag(name: &str) -> Tag {
    crc32c::crc32c(name.as_bytes()).to_be_bytes()
}

/// What can be told of an event without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) actor: Actor,
    pub(super) kind: Option<Kind>,
    /// What was noticed, of a signal.
    pub(super) signal: Option<SignalName>,
    pub(super) has_words: bool,
    pub(super) person: Tag,
    pub(super) version: Tag,
    pub(super) fingerprint: u64,
    /// Where the event is.
    pub(super) sequence: u64,
}

impl Glance {
    pub(super) fn of(fresh: &Fresh<'_>) -> Self {
        let Fresh { sequence, event, fingerprint, .. } = *fresh;
        Self {
            actor: event.actor,
            kind: event.kind,
            signal: event.signal.as_ref().map(|signal| signal.name),
            has_words: event.words().is_some(),
            person: tag(&event.person),
            version: tag(event.version.as_deref().unwrap_or_default()),
            fingerprint,
            sequence,
        }
    }

    /// At most 22 bytes up to sequence 268 million: so much sled holds without an allocation.
    pub(super) fn encode(self) -> Short {
        let who = self.actor as u8 | u8::from(self.has_words) << 4;
        let mut value = smallvec![who, code(self.kind) | code(self.signal) << 4];
        value.extend_from_slice(&self.person);
        value.extend_from_slice(&self.version);
        value.extend_from_slice(&self.fingerprint.to_be_bytes());
        varint::push(self.sequence, |byte| value.push(byte));
        value
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, IndexError> {
        let [who, what] = array(value, 0)?;
        Ok(Self {
            actor: nth(who & 0xf)?,
            kind: read_code(what & 0xf)?,
            signal: read_code(what >> 4)?,
            has_words: who >> 4 != 0,
            person: array(value, 2)?,
            version: array(value, 6)?,
            fingerprint: u64::from_be_bytes(array(value, 10)?),
            sequence: varint::read(&mut &value[18..])?,
        })
    }
}

/// What is asked of a glance; what is left out admits all. The event itself is asked again: two names
/// may have one tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sieve {
    pub(super) actor: Option<Actor>,
    pub(super) kind: Option<Kind>,
    pub(super) person: Option<Tag>,
    pub(super) version: Option<Tag>,
    /// Only what was noticed, or only what nobody noticed: a confirmed signal lies among the reports.
    pub(super) is_signal: Option<bool>,
}

impl Sieve {
    pub(super) fn admits(&self, glance: &Glance) -> bool {
        self.actor.is_none_or(|actor| glance.actor == actor)
            && self.kind.is_none_or(|kind| glance.kind == Some(kind))
            && self.person.is_none_or(|person| glance.person == person)
            && self.version.is_none_or(|version| glance.version == version)
            && self.is_signal.is_none_or(|is_signal| glance.signal.is_some() == is_signal)
    }
}

/// A word that may be absent: its position from 1, or 0. A list that has codes has less than 16.
fn code<W: Word>(word: Option<W>) -> u8 {
    let position = word.and_then(|word| W::ALL.iter().position(|other| *other == word));
    position.and_then(|position| u8::try_from(position + 1).ok()).unwrap_or(0)
}

fn read_code<W: Word>(code: u8) -> Result<Option<W>, IndexError> {
    code.checked_sub(1).map(nth).transpose()
}

fn nth<W: Word>(code: u8) -> Result<W, IndexError> {
    W::ALL.get(usize::from(code)).copied().ok_or(IndexError::Damaged("a word's code is unknown"))
}

pub(super) fn name(place: &Place) -> Short {
    let mut key = smallvec![NAME];
    key.extend_from_slice(place.as_str().as_bytes());
    key
}

pub(super) fn decision(id: Uuid) -> Short {
    about(DECISION, id)
}

pub(super) fn muting(muting: &Muting) -> Short {
    let mut key = smallvec![MUTING];
    key.extend_from_slice(muting.place.as_str().as_bytes());
    key.extend_from_slice(&[0, muting.signal as u8]);
    key
}

/// What somebody decided, as JSON.
pub(super) fn decided_value(decided: &impl Serialize) -> Vec<u8> {
    // Writing to memory cannot fail.
    serde_json::to_vec(decided).unwrap_or_default()
}

pub(super) fn read_decided<T: DeserializeOwned>(value: &[u8]) -> Result<T, IndexError> {
    serde_json::from_slice(value).map_err(|_| IndexError::Damaged("a decision does not read"))
}

pub(super) fn day_value(day: Day) -> [u8; 4] {
    day.0.to_be_bytes()
}

pub(super) fn read_place(
    (key, value): &(sled::IVec, sled::IVec),
) -> Result<(Place, Day), IndexError> {
    let place = text(&key[1..])?;
    let place = Place::parse(place).map_err(|_| IndexError::Damaged("a place is no place"))?;
    Ok((place, Day(i32::from_be_bytes(array(value, 0)?))))
}

pub(super) fn pair(first: u64, second: u64) -> [u8; 16] {
    ((u128::from(first) << 64) | u128::from(second)).to_be_bytes()
}

pub(super) fn read_pair(value: &[u8]) -> Result<(u64, u64), IndexError> {
    Ok((u64::from_be_bytes(array(value, 0)?), u64::from_be_bytes(array(value, 8)?)))
}

fn text(bytes: &[u8]) -> Result<&str, IndexError> {
    std::str::from_utf8(bytes).map_err(|_| IndexError::Damaged("a text is no UTF-8"))
}

/// The beginning of the keys of a day's cells.
pub(super) fn cells_of(day: Day) -> Short {
    let mut key = smallvec![CELL];
    key.extend_from_slice(&sortable_day(day));
    key
}

fn sortable_day(day: Day) -> [u8; 4] {
    (day.0.cast_unsigned() ^ (1 << 31)).to_be_bytes()
}

/// The day of a cell's key.
pub(super) fn read_day(key: &[u8]) -> Result<Day, IndexError> {
    Ok(Day((u32::from_be_bytes(array(key, 1)?) ^ (1 << 31)).cast_signed()))
}

pub(super) fn cell(cell: &CellKey) -> Short {
    let mut key = cells_of(cell.day);
    key.extend_from_slice(cell.place.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(cell.person.as_bytes());
    key.extend_from_slice(&[0, cell.actor as u8, code(cell.kind)]);
    key.extend_from_slice(cell.version.as_deref().unwrap_or_default().as_bytes());
    key
}

pub(super) fn read_cell(key: &[u8]) -> Result<CellKey, IndexError> {
    let (Visit { day, place, person, actor }, rest) = visit_and_rest(key)?;
    let place = Place::parse(place);
    let place = place.map_err(|_| IndexError::Damaged("a cell's place is no place"))?;
    let [kind] = array(rest, 0)?;
    let version = text(&rest[1..])?;
    Ok(CellKey {
        day,
        place,
        person: person.into(),
        actor,
        kind: read_code(kind)?,
        version: (!version.is_empty()).then(|| version.into()),
    })
}

/// Who was where, of a cell's key.
pub(super) fn read_visit(key: &[u8]) -> Result<Visit<'_>, IndexError> {
    Ok(visit_and_rest(key)?.0)
}

fn visit_and_rest(key: &[u8]) -> Result<(Visit<'_>, &[u8]), IndexError> {
    let day = read_day(key)?;
    let mut parts = key[5..].splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().ok_or(IndexError::Damaged("a cell's key is too short"));
    let (place, person, rest) = (text(part()?)?, text(part()?)?, part()?);
    let [actor] = array(rest, 0)?;
    Ok((Visit { day, place, person, actor: nth(actor)? }, &rest[1..]))
}

/// The counts of a cell: varints, zeros at the end left out.
pub(super) fn cell_value(cell: &Cell) -> Short {
    let (mut value, mut zeros) = (Short::new(), 0);
    for count in counts(cell) {
        if count == 0 {
            zeros += 1;
        } else {
            value.resize(value.len() + std::mem::take(&mut zeros), 0);
            varint::push(count, |byte| value.push(byte));
        }
    }
    value
}

pub(super) fn read_cell_value(value: &[u8]) -> Result<Cell, IndexError> {
    let mut rest = value;
    let mut next = || varint::read(&mut rest);
    let mut cell = Cell { uses: next()?, lost_minutes: next()?, ..Cell::default() };
    let narrow =
        |count: u64| u32::try_from(count).map_err(|_| IndexError::Damaged("a count is too large"));
    cell.thoughts = narrow(next()?)?;
    let lists = [
        cell.reports.as_mut_slice(),
        &mut cell.signals,
        &mut cell.feelings,
        &mut cell.outcomes,
        &mut cell.hours,
    ];
    for count in lists.into_iter().flatten() {
        *count = narrow(next()?)?;
    }
    cell.dismissed = narrow(next()?)?;
    Ok(cell)
}

fn counts(cell: &Cell) -> impl Iterator<Item = u64> + '_ {
    let wide = [cell.uses, cell.lost_minutes, cell.thoughts.into()];
    let narrow =
        [cell.reports.as_slice(), &cell.signals, &cell.feelings, &cell.outcomes, &cell.hours];
    let narrow = narrow.into_iter().flatten().chain([&cell.dismissed]);
    wide.into_iter().chain(narrow.map(|count| u64::from(*count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glance_reads_as_it_was_written_and_is_short() {
        let kinds = Kind::ALL.iter().copied().map(Some).chain([None]);
        let signals = || SignalName::ALL.iter().copied().map(Some).chain([None]);
        for (kind, signal) in kinds.flat_map(|kind| signals().map(move |signal| (kind, signal))) {
            for (actor, has_words) in [(Actor::Human, true), (Actor::Agent, false)] {
                let glance = Glance {
                    actor,
                    kind,
                    signal,
                    has_words,
                    person: tag("ana"),
                    version: tag(""),
                    fingerprint: u64::MAX,
                    sequence: 200_000_000,
                };
                let value = glance.encode();
                assert_eq!(Glance::decode(&value).unwrap(), glance);
                assert!(value.len() <= 22, "{} bytes", value.len());
            }
        }
        let [one, other] = ["ana", "bob"].map(tag);
        assert_ne!(one, other);
    }
}
