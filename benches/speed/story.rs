//! What is posted: believable events of 50 people at 200 places over a year or two, or of a company
//! that is larger than one hub should have.
//!
//! A pure function of the seed, apart from the ids and the time of what happens now. People keep to the
//! places they work with and places have a trouble of their own, so that cells repeat as they do in a
//! real team.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use snag::doors::now;
use snag::event::{Day, Kind, Outcome, Word};
use uuid::Uuid;

use crate::prose;

/// Who tells, of what, over how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) people: u64,
    pub(crate) places: u64,
    pub(crate) days: u64,
    /// Everybody is at the same places on the same days, however many events there are; so there are
    /// no more cells once there is an event for each.
    pub(crate) is_steady: bool,
}

impl Shape {
    /// Whether it is the one for which there are goals.
    pub(crate) fn is_team(self) -> bool {
        self == TEAM
    }
}

/// A team over two years.
pub(crate) const TEAM: Shape = Shape { people: 50, places: 200, days: 730, is_steady: false };
/// The same team, more and more of it at the same places on the same days.
pub(crate) const STEADY: Shape = Shape { is_steady: true, ..TEAM };
/// More of everything than one hub is made for.
pub(crate) const HOSTILE: Shape = Shape { people: 2000, places: 5000, ..TEAM };

/// The places that have names without a number.
const NAMED: u64 = 200;
/// A version a week, for so many days.
const VERSIONED: u64 = 730;
/// Where somebody is on each day when everything is steady: two places.
const SPOTS: u64 = 2;
/// The days that a ranking of the default window reads.
const HORIZON: u64 = 63;

const SURFACES: [&str; 4] = ["web", "cli", "mobile", "admin"];
const AREAS: [&str; 10] = [
    "checkout",
    "search",
    "account",
    "invoices",
    "reports",
    "settings",
    "import",
    "onboarding",
    "editor",
    "share",
];
const SCREENS: [&str; 5] = ["list", "detail", "form", "confirm", "export"];
const FEELINGS: [&str; 4] = ["frustrated", "confused", "surprised", "resigned"];
const TROUBLES: [&str; 8] = [
    "the form cleared itself after a typo and I had to fill in all of it again, twice",
    "waited for the list to load, then it came up empty until I opened it a second time",
    "the button says saved but the old value is back as soon as the page is opened again",
    "it asks for a format that it does not describe, and refuses the one it shows as example",
    "cannot tell which of the two entries is mine, they have the same name and no date",
    "the confirmation covers what it asks about, so I had to cancel to read it",
    "jumps to the top whenever a row changes, which makes it hard to keep my place",
    "the export has other columns than the table on the screen, and nobody knows why",
];

/// Makes events, one after the other.
pub(crate) struct Story {
    state: u64,
    today: Day,
    shape: Shape,
    /// How many events there were so far.
    told: u64,
    cells: HashSet<u64>,
}

/// What one event is counted by.
#[derive(Hash)]
struct Met {
    days_ago: u64,
    place: u64,
    person: u64,
    kind: &'static str,
    version: u64,
}

impl Story {
    /// A team's last year.
    pub(crate) fn new(seed: u64, today: Day) -> Self {
        Self::shaped(seed, today, Shape { days: 365, ..TEAM })
    }

    pub(crate) fn shaped(seed: u64, today: Day, shape: Shape) -> Self {
        Self { state: seed, today, shape, told: 0, cells: HashSet::new() }
    }

    /// The next event as JSON, of one of its days before today.
    pub(crate) fn event(&mut self) -> String {
        let days_ago = 1 + self.below(self.shape.days - 1);
        self.event_of(days_ago)
    }

    /// The name of one of its places, another one for each of the first numbers.
    pub(crate) fn a_place(&self, nth: u64) -> String {
        name(nth * 7 % self.shape.places)
    }

    /// An event of this moment.
    pub(crate) fn event_of_today(&mut self) -> String {
        self.event_of(0)
    }

    /// A batch as NDJSON.
    pub(crate) fn batch(&mut self, events: usize) -> String {
        let mut lines = String::with_capacity(events * 400);
        for _ in 0..events {
            lines.push_str(&self.event());
            lines.push('\n');
        }
        lines
    }

    /// How many cells the events so far make within the days that a ranking reads.
    pub(crate) fn cells(&self) -> usize {
        self.cells.len()
    }

    /// As many events of its days as are asked for, one after the other in time, each with words of
    /// its own.
    pub(crate) fn history(&mut self, events: usize) -> impl Iterator<Item = String> {
        let (events, days) = (events as u64, self.shape.days);
        (0..events).map(move |nth| {
            let note = prose::note(|end| self.below(end));
            self.event_with(days - nth * days / events, &note)
        })
    }

    fn event_of(&mut self, days_ago: u64) -> String {
        let trouble = TROUBLES[usize::try_from(self.below(8)).unwrap_or(0)];
        let note = format!("{trouble} (row {})", self.below(10_000));
        self.event_with(days_ago, &note)
    }

    fn event_with(&mut self, days_ago: u64, note: &str) -> String {
        let (met, outcome) = self.met(days_ago);
        self.told += 1;
        if days_ago < HORIZON {
            let mut hasher = DefaultHasher::new();
            met.hash(&mut hasher);
            self.cells.insert(hasher.finish());
        }
        let Met { place, person, kind, version, .. } = met;
        let at = self.at(days_ago);
        let feeling = FEELINGS[self.skewed(4)];
        let mut json = String::with_capacity(400);
        // Writing to a string does not fail.
        let _ = write!(
            json,
            r#"{{"id":"{}","at":"{at}","place":"{}","person":"person-{person:02}","note":"{note}","feeling":"{feeling}","outcome":"{}","kind":"{}","version":"1.{version}.0","tags":{{"browser":"firefox","plan":"team"}}}}"#,
            Uuid::now_v7(),
            name(place),
            outcome.word(),
            kind,
        );
        json
    }

    /// Now, or some time of an earlier day.
    fn at(&mut self, days_ago: u64) -> String {
        if days_ago == 0 {
            return format!("{:.3}", now());
        }
        let day = self.today.plus(-i32::try_from(days_ago).unwrap_or(0));
        let (hour, minute) = (8 + self.below(10), self.below(60));
        let (second, milliseconds) = (self.below(60), self.below(1000));
        format!("{day}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }

    /// Who met what, where, and what they did then.
    fn met(&mut self, days_ago: u64) -> (Met, Outcome) {
        let Shape { people, is_steady, .. } = self.shape;
        let week = VERSIONED.saturating_sub(days_ago) / 7;
        let kinds = Kind::ALL.len() as u64;
        let usual = |place: u64| usize::try_from(place % kinds).unwrap_or(0);
        if is_steady {
            let (person, spot) = (self.told % people, self.told / people % SPOTS);
            let place = self.place(person, days_ago % 10 * SPOTS + spot);
            let outcome = Outcome::ALL[self.skewed(Outcome::ALL.len() as u64)];
            let kind = Kind::ALL[usual(place)].word();
            return (Met { days_ago, place, person, kind, version: week }, outcome);
        }
        let person = self.below(people);
        let own = self.skewed(25) as u64;
        let place = self.place(person, own);
        let outcome = Outcome::ALL[self.skewed(Outcome::ALL.len() as u64)];
        let kind = if self.below(10) < 8 { usual(place) } else { self.skewed(kinds) };
        let version = week - u64::from(self.below(10) == 0).min(week);
        (Met { days_ago, place, person, kind: Kind::ALL[kind].word(), version }, outcome)
    }

    /// People keep to a few places, and mostly to the first of these.
    fn place(&self, person: u64, own: u64) -> u64 {
        (person * 37 + own * own) % self.shape.places
    }

    fn below(&mut self, end: u64) -> u64 {
        // splitmix64: chance that is the same in every run.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Small numbers more often than large ones.
    fn skewed(&mut self, end: u64) -> usize {
        let (a, b) = (self.below(end), self.below(end));
        usize::try_from(a.min(b)).unwrap_or(0)
    }
}

/// The name of a place; behind the first [`NAMED`] come parts of these.
fn name(place: u64) -> String {
    let nth = usize::try_from(place % NAMED).unwrap_or(0);
    let surface = SURFACES[nth % 4];
    let (area, screen) = (AREAS[nth / 4 % 10], SCREENS[nth / 40]);
    match place / NAMED {
        0 => format!("{surface}/{area}/{screen}"),
        part => format!("{surface}/{area}/{screen}/part-{part}"),
    }
}
