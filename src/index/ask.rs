//! Hotspots and why: cells for the figures, a few events for the words.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use serde::{Deserialize, Serialize};

use super::cells::{DayCells, Span};
use super::key::{self, Glance, Sieve};
use super::list::{Filter, Spot};
use super::order::Order;
use super::quotes::Quotes;
use super::ranking::only;
use super::{Index, IndexError};
use crate::event::{Class, Day, Event, Kind, Place, SignalName};
use crate::hotspot::{
    By, Cell, CellKey, DaySum, Hotspot, MOST_ALIKE, Note, NoteGroup, Question, Quote, Shape, Sort,
    Why, Window, calendar, group, painless, why,
};

/// The ranked rows of a window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HotspotsAnswer {
    /// Version of this shape.
    pub v: u32,
    /// The days counted.
    pub window: Window,
    /// The figure that rows are sorted by.
    #[serde(default)]
    pub sort: Sort,
    /// The rows asked for, the worst first.
    pub rows: Vec<Hotspot>,
    /// How many more there are.
    pub more: usize,
    /// Events looked at for its words that the journal has lost; told beside the answer.
    #[serde(skip)]
    pub lacks: usize,
}

/// What a map shows.
#[derive(Clone, Debug)]
pub struct Land {
    /// The days counted.
    pub window: Window,
    /// The ranked rows.
    pub rows: Vec<Hotspot>,
    /// The same rolled up to the first level that is asked about.
    pub parts: Vec<Hotspot>,
    /// Places that hurt nobody, each with its uses.
    pub painless: BTreeMap<Place, u64>,
}

/// Everything behind one place's rank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhyAnswer {
    /// Version of this shape.
    pub v: u32,
    /// The figures.
    #[serde(flatten)]
    pub why: Why,
    /// What was said, grouped by likeness; of the latest notes.
    pub notes: Vec<NoteGroup>,
    /// Whether there may be older notes that were not read for it.
    #[serde(default)]
    pub older_notes: bool,
    /// The rules of the signals that count here, as they last fired.
    pub rules: BTreeMap<SignalName, String>,
    /// Events looked at for its words that the journal has lost; told beside the answer.
    #[serde(skip)]
    pub lacks: usize,
}

/// The sequences of events that were looked at and are lost.
pub(super) type Lacking = HashSet<u64>;

/// Notes read to explain a place: people repeat each other, and programs much more.
const MOST_NOTES: usize = 2000;
/// Entries of one list taken without reading their events.
pub(super) const MOST_GLANCES: usize = 10_000;
/// Entries of one list looked at to find those taken: what is muted or not asked about hides nothing
/// that is a little older.
const MOST_LOOKED: usize = 50_000;
/// Notes read of one list before a row goes without a quote.
pub(super) const MOST_TRIES: usize = 64;

impl Index {
    /// The first `top` rows of a ranking, each with its strongest quote.
    pub fn hotspots(&self, question: &Question, top: usize) -> Result<HotspotsAnswer, IndexError> {
        self.with_ranking(question, |ranking| {
            let (mut rows, more) = ranking.first(top);
            let (quotes, mut shown) = (&mut ranking.quotes, BTreeSet::new());
            let mut lacking = Lacking::new();
            for row in &mut rows {
                let members = &row.members;
                row.quote =
                    self.strongest_quote(question, members, quotes, &mut shown, &mut lacking)?;
            }
            let (window, sort, lacks) = (question.window, question.sort, lacking.len());
            Ok(HotspotsAnswer { v: 1, window, sort, rows, more, lacks })
        })
    }

    /// All that a map shows of a question by place, without what anybody said.
    pub fn land(&self, question: &Question) -> Result<Land, IndexError> {
        let span = self.span(question)?;
        let ranked = |question: &Question| {
            let rows = self.ranking(question, &span).into_iter();
            rows.map(|row| Hotspot::clone(&row)).collect()
        };
        let above = question.under.as_ref().map_or(0, Place::depth);
        let shape = Shape::Depth(above + 1);
        Ok(Land {
            window: question.window,
            rows: ranked(question),
            parts: ranked(&Question { shape, ..question.clone() }),
            painless: painless(question, pairs(&span.days), self.places()),
        })
    }

    /// Everything behind a place's rank; none if nothing was ever recorded there or below.
    pub fn why(&self, question: &Question, place: &Place) -> Result<Option<WhyAnswer>, IndexError> {
        {
            let known = self.places.read().unwrap_or_else(PoisonError::into_inner);
            if !known.keys().any(|known| known.is_under(place)) {
                return Ok(None);
            }
        }
        let span = self.span(question)?;
        let by_place = Question { by: By::Place, ..question.clone() };
        let cells_at = |place: &Place| at_place(&span.days, place);
        let mut why = why(&by_place, place, cells_at, &self.ranking(&by_place, &span));
        let mut lacking = Lacking::new();
        let (notes, older_notes) = self.latest_notes(question, &why.places, &mut lacking)?;
        if let Some(row) = &mut why.hotspot {
            let (quotes, shown) = (&mut Quotes::default(), &mut BTreeSet::new());
            row.quote =
                self.strongest_quote(question, &row.members, quotes, shown, &mut lacking)?;
        }
        let rules = self.rules(question, &why, &mut lacking)?;
        let (notes, lacks) = (group(notes), lacking.len());
        Ok(Some(WhyAnswer { v: 1, why, notes, older_notes, rules, lacks }))
    }

    /// The rule of each signal that counts, in the words of the latest event that has some.
    fn rules(
        &self,
        question: &Question,
        why: &Why,
        lacking: &mut Lacking,
    ) -> Result<BTreeMap<SignalName, String>, IndexError> {
        let mut rules = BTreeMap::new();
        let lists = why.places.iter();
        let mut tries = MOST_TRIES;
        for entry in lists.flat_map(|place| self.heard(question.window, place, key::SIGNALS)) {
            let (_, glance) = entry?;
            let Some(name) = glance.signal.filter(|name| why.signals.contains_key(name)) else {
                continue;
            };
            if tries == 0 || rules.len() == why.signals.len() {
                break;
            }
            if !rules.contains_key(&name) {
                tries -= 1;
                let signal = self.told_of(glance.sequence, lacking)?.and_then(|event| event.signal);
                rules.extend(signal.and_then(|signal| Some((name, signal.rule?))));
            }
        }
        Ok(rules)
    }

    /// What each day of a question's window comes to.
    pub fn calendar(&self, question: &Question) -> Result<BTreeMap<Day, DaySum>, IndexError> {
        let days = self.cells(question.window.since, question.window.until)?;
        Ok(calendar(question, pairs(&of_class(question.class, days))))
    }

    pub(super) fn span(&self, question: &Question) -> Result<Span, IndexError> {
        let horizon = question.horizon();
        let Span { days, next } = self.cells_and_next(horizon.since, horizon.until)?;
        Ok(Span { days: of_class(question.class, days), next })
    }

    /// The latest notes at these places, of reports and of signals; and whether there may be more.
    fn latest_notes(
        &self,
        question: &Question,
        places: &[Place],
        lacking: &mut Lacking,
    ) -> Result<(Vec<Note>, bool), IndexError> {
        let asked = Asked::of(question);
        let (found, mut is_cut) = self.found_notes(&asked, places)?;
        let mut notes = Vec::new();
        let mut wordings = BTreeSet::new();
        for (Spot { id, .. }, glance) in found {
            let is_new = !wordings.contains(&glance.fingerprint);
            if notes.len() == MOST_NOTES || (is_new && wordings.len() == MOST_ALIKE) {
                is_cut = true;
                break;
            }
            let Some(event) = self.told_of(glance.sequence, lacking)? else { continue };
            if let (true, Some(text)) = (asked.filter.matches(&event), event.words()) {
                wordings.insert(glance.fingerprint);
                notes.push(Note {
                    id,
                    person: event.person.as_str().into(),
                    at: event.at,
                    text: text.to_owned(),
                    severity: event.reported_severity(),
                    fingerprint: glance.fingerprint,
                });
            }
        }
        Ok((notes, is_cut))
    }

    /// Where there may be notes at these places, the latest first; and whether there may be more.
    fn found_notes(
        &self,
        asked: &Asked<'_>,
        places: &[Place],
    ) -> Result<(Vec<(Spot, Glance)>, bool), IndexError> {
        let (mut found, mut is_cut, question) = (Vec::new(), false, asked.question);
        for place in places {
            for band in bands(question.class) {
                let muted = self.muted_in(place, band);
                let mut taken = 0;
                for (looked, entry) in self.glances(question.window, place, band).enumerate() {
                    if looked == MOST_LOOKED || taken == MOST_GLANCES {
                        is_cut = true;
                        break;
                    }
                    let (spot, glance) = entry?;
                    if is_heard(&muted, glance) && asked.is_about(glance) {
                        taken += 1;
                        found.extend(asked.suits(glance).then_some((spot, glance)));
                    }
                }
            }
        }
        found.sort_by_key(|(spot, _)| std::cmp::Reverse((spot.at, spot.id)));
        Ok((found, is_cut))
    }

    /// The event of a sequence; one that is lost is counted, and none.
    pub(super) fn told_of(
        &self,
        sequence: u64,
        lacking: &mut Lacking,
    ) -> Result<Option<Event>, IndexError> {
        let found = self.event_if_left(sequence)?;
        if found.is_none() {
            lacking.insert(sequence);
        }
        Ok(found.map(|(event, _)| event))
    }

    /// The latest of one band of a place, but for signals that are muted there: no figure knows of them.
    fn heard(
        &self,
        window: Window,
        place: &Place,
        band: u8,
    ) -> impl Iterator<Item = Result<(Spot, Glance), IndexError>> + use<> {
        let muted = self.muted_in(place, band);
        let looked = self.glances(window, place, band).take(MOST_LOOKED);
        looked.filter(move |found| {
            found.as_ref().map_or(true, |(_, glance)| is_heard(&muted, *glance))
        })
    }

    /// The latest of one band of a place that are asked about, as far as a glance tells.
    pub(super) fn asked(
        &self,
        asked: &Asked<'_>,
        window: Window,
        place: &Place,
        band: u8,
    ) -> impl Iterator<Item = Result<(Spot, Glance), IndexError>> {
        let looked = self.glances(window, place, band).take(MOST_LOOKED);
        let about = |(_, glance): &(Spot, Glance)| asked.is_about(*glance);
        looked.filter(move |found| found.as_ref().map_or(true, about)).take(MOST_GLANCES)
    }

    /// What is muted in one band of a place: a signal that somebody confirmed is not.
    fn muted_in(&self, place: &Place, band: u8) -> Vec<SignalName> {
        if band == key::SIGNALS { self.muted_at(place) } else { Vec::new() }
    }

    /// One band of a place within a window, the latest first.
    pub(super) fn glances(
        &self,
        window: Window,
        place: &Place,
        band: u8,
    ) -> impl Iterator<Item = Result<(Spot, Glance), IndexError>> + use<> {
        let first = key::millis(window.since.start());
        let last = key::millis(window.until.plus(1).start()) - 1;
        self.band(place, band, Order::Newest, first, last)
    }
}

/// What the class that is asked about counted on these days; all of it, where none is.
fn of_class(class: Option<Class>, days: Vec<DayCells>) -> Vec<DayCells> {
    let Some(class) = class else { return days };
    let of_it = |day: DayCells| Arc::new(day.iter().map(|cell| only(class, cell)).collect());
    days.into_iter().map(of_it).collect()
}

pub(super) fn pairs(span: &[DayCells]) -> impl Iterator<Item = (&CellKey, &Cell)> {
    span.iter().flat_map(|day| day.iter()).map(|(key, cell)| (key, cell))
}

/// What a place has of some days, each of which is sorted by place.
fn at_place<'a>(
    span: &'a [DayCells],
    place: &Place,
) -> impl Iterator<Item = (&'a CellKey, &'a Cell)> + use<'a> {
    let place = place.clone();
    span.iter().flat_map(move |day| {
        let first = day.partition_point(|(key, _)| key.place < place);
        let behind = day[first..].partition_point(|(key, _)| key.place == place);
        day[first..first + behind].iter().map(|(key, cell)| (key, cell))
    })
}

fn is_heard(muted: &[SignalName], glance: Glance) -> bool {
    glance.signal.is_none_or(|signal| !muted.contains(&signal))
}

pub(super) fn quote(event: Event) -> Quote {
    let text = event.words().unwrap_or_default().to_owned();
    let severity = event.reported_severity();
    let Event { id, place, at, .. } = event;
    Quote { id, place, severity, at, text }
}

/// What a question asks of an event, and of its glance.
pub(super) struct Asked<'q> {
    question: &'q Question,
    pub(super) filter: Filter,
    sieve: Sieve,
}

impl<'q> Asked<'q> {
    pub(super) fn of(question: &'q Question) -> Self {
        let filter = Filter::of(question);
        Self { question, sieve: filter.sieve(), filter }
    }

    /// Whether the question is about it, as far as a glance tells.
    pub(super) fn is_about(&self, glance: Glance) -> bool {
        self.sieve.admits(&glance) && self.question.wants(glance.kind)
    }

    /// Whether a note may be quoted, as far as a glance tells: nobody is quoted for being delighted.
    pub(super) fn suits(&self, glance: Glance) -> bool {
        glance.has_words && glance.kind != Some(Kind::Delight) && self.is_about(glance)
    }
}

/// The lists that hold what counts as a class; a confirmed signal counts as a report.
pub(super) fn bands(class: Option<Class>) -> Range<u8> {
    match class {
        // Of what is no friction nothing is told.
        None => key::REPORTS.start..key::SIGNALS + 1,
        Some(Class::Report) => key::REPORTS,
        Some(Class::Signal) => key::SIGNALS..key::SIGNALS + 1,
        Some(Class::Use) => key::USES..key::USES + 1,
    }
}
