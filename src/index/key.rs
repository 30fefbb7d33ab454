//! Keys and small values of the tree; the table in the parent module says which there are.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{FORMAT, Fresh, IndexError, Position};
use crate::event::{Actor, Class, Day, Event, Kind, Muting, Place, SignalName, Verdict, Word};
use crate::hotspot::{Cell, CellKey};

pub(super) const POSITION: &[u8] = b"mposition";
pub(super) const EVENTS: &[u8] = b"mevents";
pub(super) const EVENT: u8 = b'e';
pub(super) const ID: u8 = b'i';
pub(super) const AT_PLACE: u8 = b'p';
pub(super) const NAME: u8 = b'n';
pub(super) const CELL: u8 = b'c';
pub(super) const DECISION: u8 = b'd';
pub(super) const MUTING: u8 = b'u';

/// An instant in milliseconds, as the index sorts it.
pub(super) type Millis = i64;

pub(super) fn millis(at: Timestamp) -> Millis {
    at.as_millisecond()
}

fn sortable(at: Millis) -> [u8; 8] {
    (at.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn unsortable(bytes: [u8; 8]) -> Millis {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> Result<[u8; N], IndexError> {
    let slice =
        bytes.get(from..from + N).ok_or(IndexError::Damaged("a key or value is too short"))?;
    slice.try_into().map_err(|_| IndexError::Damaged("a key or value is too short"))
}

pub(super) fn event(sequence: u64, part: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(10);
    key.push(EVENT);
    key.extend(sequence.to_be_bytes());
    key.push(part);
    key
}

/// The sequence of an event's part.
pub(super) fn read_event(key: &[u8]) -> Result<u64, IndexError> {
    Ok(u64::from_be_bytes(array(key, 1)?))
}

pub(super) fn id(id: Uuid) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.push(ID);
    key.extend(id.as_bytes());
    key
}

pub(super) fn read_id(key: &[u8]) -> Result<Uuid, IndexError> {
    Ok(Uuid::from_bytes(array(key, 1)?))
}

/// What a key is about, in words.
pub(super) fn describe(key: &[u8]) -> String {
    match key.first() {
        Some(&EVENT) => match array(key, 1).map(u64::from_be_bytes) {
            Ok(sequence) => format!("the event of record {sequence}"),
            Err(_) => "an event".to_owned(),
        },
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

pub(super) fn id_value(at: Millis, sequence: u64) -> Vec<u8> {
    let mut value = vec![FORMAT];
    value.extend(sortable(at));
    value.extend(sequence.to_be_bytes());
    value
}

/// When the event happened, and its journal sequence.
pub(super) fn read_id_value(value: &[u8]) -> Result<(Millis, u64), IndexError> {
    Ok((unsortable(array(value, 1)?), u64::from_be_bytes(array(value, 9)?)))
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
const DISMISSED: u8 = 6;
pub(super) const BANDS: u8 = 7;

/// The beginning of the keys of one band of a place.
pub(super) fn at_place_band(place: &Place, band: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(place.as_str().len() + 27);
    key.push(AT_PLACE);
    key.extend(place.as_str().as_bytes());
    key.extend([0, band]);
    key
}

/// Where the entries of a band that happened at or before `at` begin: the latest comes first.
pub(super) fn at_place_from(place: &Place, band: u8, at: Millis) -> Vec<u8> {
    let mut key = at_place_band(place, band);
    key.extend(sortable(!at));
    key
}

pub(super) fn at_place(event: &Event) -> Vec<u8> {
    let mut key = at_place_from(&event.place, band(event), millis(event.at));
    key.extend(event.id.as_bytes().map(|byte| !byte));
    key
}

pub(super) fn read_at_place(key: &[u8]) -> Result<(Millis, Uuid), IndexError> {
    let from = key.len().checked_sub(24).ok_or(IndexError::Damaged("a place key is too short"))?;
    let id: [u8; 16] = array(key, from + 8)?;
    Ok((!unsortable(array(key, from)?), Uuid::from_bytes(id.map(|byte| !byte))))
}

/// What can be told of an event without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) actor: Actor,
    pub(super) kind: Option<Kind>,
    /// What was noticed, of a signal.
    pub(super) signal: Option<SignalName>,
    pub(super) has_words: bool,
    pub(super) fingerprint: u64,
    /// Where the event is.
    pub(super) sequence: u64,
}

impl Glance {
    pub(super) fn of(fresh: &Fresh<'_>) -> Self {
        let Fresh { sequence, event, fingerprint, .. } = *fresh;
        let signal = event.signal.as_ref().map(|signal| signal.name);
        let (actor, kind, has_words) = (event.actor, event.kind, event.words().is_some());
        Self { actor, kind, signal, has_words, fingerprint, sequence }
    }

    pub(super) fn encode(self) -> Vec<u8> {
        let codes = [self.actor as u8, code(self.kind), code(self.signal), self.has_words.into()];
        let mut value = [&[FORMAT], codes.as_slice()].concat();
        value.extend(self.fingerprint.to_be_bytes());
        value.extend(self.sequence.to_be_bytes());
        value
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, IndexError> {
        let [_, actor, kind, signal, has_words] = array(value, 0)?;
        Ok(Self {
            actor: nth(actor)?,
            kind: read_code(kind)?,
            signal: read_code(signal)?,
            has_words: has_words != 0,
            fingerprint: u64::from_be_bytes(array(value, 5)?),
            sequence: u64::from_be_bytes(array(value, 13)?),
        })
    }
}

/// A word that may be absent: its position from 1, or 0.
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

pub(super) fn name(place: &Place) -> Vec<u8> {
    let mut key = vec![NAME];
    key.extend(place.as_str().as_bytes());
    key
}

pub(super) fn decision(id: Uuid) -> Vec<u8> {
    [&[DECISION], id.as_bytes().as_slice()].concat()
}

pub(super) fn muting(muting: &Muting) -> Vec<u8> {
    let mut key = vec![MUTING];
    key.extend(muting.place.as_str().as_bytes());
    key.extend([0, muting.signal as u8]);
    key
}

/// What somebody decided, as JSON.
pub(super) fn decided_value(decided: &impl Serialize) -> Vec<u8> {
    let mut value = vec![FORMAT];
    // Writing to memory cannot fail.
    value.extend(serde_json::to_vec(decided).unwrap_or_default());
    value
}

pub(super) fn read_decided<T: DeserializeOwned>(value: &[u8]) -> Result<T, IndexError> {
    let json = value.get(1..).unwrap_or_default();
    serde_json::from_slice(json).map_err(|_| IndexError::Damaged("a decision does not read"))
}

pub(super) fn day_value(day: Day) -> Vec<u8> {
    let mut value = vec![FORMAT];
    value.extend(day.0.to_be_bytes());
    value
}

pub(super) fn read_place(
    (key, value): &(sled::IVec, sled::IVec),
) -> Result<(Place, Day), IndexError> {
    let place = text(&key[1..])?;
    let place = Place::parse(place).map_err(|_| IndexError::Damaged("a place is no place"))?;
    Ok((place, Day(i32::from_be_bytes(array(value, 1)?))))
}

pub(super) fn number(number: u64) -> Vec<u8> {
    let mut value = vec![FORMAT];
    value.extend(number.to_be_bytes());
    value
}

pub(super) fn read_number(value: &[u8]) -> Result<u64, IndexError> {
    if value.first() != Some(&FORMAT) {
        return Err(IndexError::Damaged("it is of another format"));
    }
    Ok(u64::from_be_bytes(array(value, 1)?))
}

pub(super) fn position(position: Position) -> Vec<u8> {
    let mut value = number(position.sequence);
    value.extend(position.batch.to_be_bytes());
    value
}

pub(super) fn read_position(value: &[u8]) -> Result<Position, IndexError> {
    Ok(Position { sequence: read_number(value)?, batch: u64::from_be_bytes(array(value, 9)?) })
}

fn text(bytes: &[u8]) -> Result<&str, IndexError> {
    std::str::from_utf8(bytes).map_err(|_| IndexError::Damaged("a text is no UTF-8"))
}

/// The beginning of the keys of a day's cells.
pub(super) fn cells_of(day: Day) -> Vec<u8> {
    let mut key = vec![CELL];
    key.extend((day.0.cast_unsigned() ^ (1 << 31)).to_be_bytes());
    key
}

/// The day of a cell's key.
pub(super) fn read_day(key: &[u8]) -> Result<Day, IndexError> {
    Ok(Day((u32::from_be_bytes(array(key, 1)?) ^ (1 << 31)).cast_signed()))
}

pub(super) fn cell(cell: &CellKey) -> Vec<u8> {
    let mut key = cells_of(cell.day);
    key.extend(cell.place.as_str().as_bytes());
    key.push(0);
    key.extend(cell.person.as_bytes());
    key.extend([0, cell.actor as u8, code(cell.kind)]);
    key.extend(cell.version.as_deref().unwrap_or_default().as_bytes());
    key
}

pub(super) fn read_cell(key: &[u8]) -> Result<CellKey, IndexError> {
    let day = read_day(key)?;
    let mut parts = key[5..].splitn(3, |byte| *byte == 0);
    let mut part = || parts.next().ok_or(IndexError::Damaged("a cell's key is too short"));
    let place = Place::parse(text(part()?)?);
    let place = place.map_err(|_| IndexError::Damaged("a cell's place is no place"))?;
    let person: Arc<str> = text(part()?)?.into();
    let rest = part()?;
    let [actor, kind] = array(rest, 0)?;
    let version = text(&rest[2..])?;
    Ok(CellKey {
        day,
        place,
        person,
        actor: nth(actor)?,
        kind: read_code(kind)?,
        version: (!version.is_empty()).then(|| version.into()),
    })
}

/// The counts of a cell: format byte, then varints, zeros at the end left out.
pub(super) fn cell_value(cell: &Cell) -> Vec<u8> {
    let mut value = vec![FORMAT];
    let mut end = 1;
    for count in counts(cell) {
        push_varint(count, &mut value);
        if count != 0 {
            end = value.len();
        }
    }
    value.truncate(end);
    value
}

pub(super) fn read_cell_value(value: &[u8]) -> Result<Cell, IndexError> {
    let mut rest = value.get(1..).unwrap_or_default();
    let mut next = || read_varint(&mut rest);
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

fn push_varint(mut number: u64, to: &mut Vec<u8>) {
    while 0x80 <= number {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// The next number; past the end there are only zeros.
fn read_varint(from: &mut &[u8]) -> Result<u64, IndexError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = from.split_first() else { break };
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    if number == 0 { Ok(0) } else { Err(IndexError::Damaged("a count is cut off")) }
}
