//! The strongest quote of a row: the note of the worst severity, the most recent of these, that no row
//! above it shows.
//!
//! What a place has to say is kept beside a ranking until more is said there: to look for it takes
//! seeks in sled, and a record of the journal that has to be unpacked.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::ask::{Asked, Lacking, MOST_TRIES, bands, quote};
use super::{Index, IndexError, key};
use crate::event::Place;
use crate::hotspot::{Cell, CellKey, Question, Quote};

/// What was found at places, by band.
#[derive(Debug, Default)]
pub(super) struct Quotes(HashMap<Place, [Option<Latest>; key::REPORTS.end as usize]>);

/// The latest note of one band of a place that was not shown yet.
#[derive(Debug, Default)]
struct Latest {
    /// The fingerprints that were looked at, and whether each was shown already.
    looked_at: BTreeMap<u64, bool>,
    /// Its fingerprint and the note; none where there is none.
    found: Option<(u64, Quote)>,
    /// Some of what was looked at is lost.
    lacks: bool,
}

impl Latest {
    /// Whether it would be found again, where this was shown.
    fn holds(&self, shown: &BTreeSet<u64>) -> bool {
        let same =
            |(fingerprint, was_shown): (&u64, &bool)| shown.contains(fingerprint) == *was_shown;
        !self.lacks && self.looked_at.iter().all(same)
    }
}

impl Quotes {
    /// Forgets what is no longer the latest, once something came to a cell.
    pub(super) fn forget(&mut self, key: &CellKey, came: &Cell) {
        let Some(bands) = self.0.get_mut(&key.place) else { return };
        // Bands begin with the worst severity, counts with the least.
        for (band, _) in bands.iter_mut().rev().zip(came.reports).filter(|(_, count)| *count != 0) {
            *band = None;
        }
    }
}

impl Index {
    /// The strongest quote of these places, which is shown then.
    pub(super) fn strongest_quote(
        &self,
        question: &Question,
        places: &[Place],
        quotes: &mut Quotes,
        shown: &mut BTreeSet<u64>,
        lacking: &mut Lacking,
    ) -> Result<Option<Quote>, IndexError> {
        let wanted = bands(question.class);
        for band in key::REPORTS.filter(|band| wanted.contains(band)) {
            let at = usize::from(band);
            let mut strongest: Option<(Timestamp, &Place)> = None;
            for place in places {
                let bands = match quotes.0.get_mut(place) {
                    Some(bands) => bands,
                    None => quotes.0.entry(place.clone()).or_default(),
                };
                let latest = match &mut bands[at] {
                    Some(latest) if latest.holds(shown) => latest,
                    stale => {
                        stale.insert(self.latest_in_band(question, place, band, shown, lacking)?)
                    }
                };
                if let Some((_, quote)) = &latest.found
                    && strongest.is_none_or(|(strongest, _)| strongest < quote.at)
                {
                    strongest = Some((quote.at, place));
                }
            }
            let found =
                strongest.and_then(|(_, place)| quotes.0.get(place)?[at].as_ref()?.found.as_ref());
            if let Some((fingerprint, quote)) = found {
                shown.insert(*fingerprint);
                return Ok(Some(quote.clone()));
            }
        }
        Ok(None)
    }

    fn latest_in_band(
        &self,
        question: &Question,
        place: &Place,
        band: u8,
        shown: &BTreeSet<u64>,
        lacking: &mut Lacking,
    ) -> Result<Latest, IndexError> {
        let (mut latest, asked, mut tries) = (Latest::default(), Asked::of(question), 0);
        for entry in self.asked(&asked, question.window, place, band) {
            let (_, glance) = entry?;
            if !asked.suits(glance) {
                continue;
            }
            let is_shown = shown.contains(&glance.fingerprint);
            latest.looked_at.insert(glance.fingerprint, is_shown);
            if is_shown {
                continue;
            }
            tries += 1;
            match self.told_of(glance.sequence, lacking)? {
                None => latest.lacks = true,
                Some(event) if asked.filter.matches(&event) => {
                    latest.found = Some((glance.fingerprint, quote(event)));
                    break;
                }
                Some(_) => {}
            }
            if tries == MOST_TRIES {
                break;
            }
        }
        Ok(latest)
    }
}
