//! The notes of `tests/data/notes-alike.json`: how many that tell the same are found to.

use std::collections::HashSet;

use serde::Deserialize;

use super::likeness::{Likeness, percent};
use super::link::average;
use super::{CUT, fingerprint};

#[derive(Deserialize)]
struct Notes {
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    half: String,
    groups: Vec<Vec<String>>,
}

/// Notes, and of which thing each is.
type Told = Vec<(String, usize)>;

/// The places of one half, each on its own, and all of them taken for one.
fn told(half: &str) -> [Vec<Told>; 2] {
    let notes: Notes =
        serde_json::from_str(include_str!("../../../tests/data/notes-alike.json")).unwrap();
    let mut thing = 0;
    let mut places = Vec::new();
    for place in notes.places.into_iter().filter(|place| place.half == half) {
        let mut told = Told::new();
        for group in place.groups {
            thing += 1;
            told.extend(group.into_iter().map(|note| (note, thing)));
        }
        // As the groups are made: by fingerprint.
        told.sort_by_key(|(note, _)| fingerprint(note));
        places.push(told);
    }
    let all = vec![places.concat()];
    [places, all]
}

/// What was found of what was to be found, over several places.
#[derive(Default)]
struct Score {
    /// Pairs put together, those that belong together, and those that are both.
    pairs: [f64; 3],
    /// Of each note's group, the share that belongs there; and the other way round.
    cubed: [f64; 2],
    notes: f64,
}

impl Score {
    fn of(places: &[Told], cut: u64) -> Self {
        let mut score = Self::default();
        for told in places {
            let likeness = Likeness::of(told.iter().map(|(note, _)| note.as_str()));
            let mut found = vec![0; told.len()];
            for (group, members) in average(&likeness, cut).into_iter().enumerate() {
                for member in members {
                    found[member] = group;
                }
            }
            score.add(told, &found);
        }
        score
    }

    fn add(&mut self, told: &Told, found: &[usize]) {
        let count = f64::from(u32::try_from(told.len()).unwrap());
        self.notes += count;
        for one in 0..found.len() {
            let mut near = [0.0; 3];
            for other in 0..found.len() {
                let is = [found[one] == found[other], told[one].1 == told[other].1];
                let counts = [is[0], is[1], is[0] && is[1]];
                for (at, counts) in counts.into_iter().enumerate() {
                    near[at] += f64::from(u8::from(counts));
                    self.pairs[at] += f64::from(u8::from(counts && one != other));
                }
            }
            self.cubed[0] += near[2] / near[0];
            self.cubed[1] += near[2] / near[1];
        }
    }

    fn pair_f1(&self) -> f64 {
        2.0 * self.pairs[2] / (self.pairs[0] + self.pairs[1])
    }

    fn cubed_f1(&self) -> f64 {
        2.0 * self.cubed[0] * self.cubed[1] / (self.cubed[0] + self.cubed[1]) / self.notes
    }
}

#[test]
fn the_cut_is_the_best_on_the_half_it_was_chosen_on() {
    let [places, all] = told("tuning");
    let mut best = (0.0, 0);
    for cut in (4..=40).step_by(2) {
        let scores = [&places, &all].map(|told| Score::of(told, percent(cut)));
        let [(a, b), (c, d)] = scores.each_ref().map(|score| (score.pair_f1(), score.cubed_f1()));
        println!("cut 0.{cut:02}: pair F1 {a:.3} {c:.3}, B-cubed F1 {b:.3} {d:.3}");
        if best.0 < a + b + c + d {
            best = (a + b + c + d, cut);
        }
    }
    assert_eq!(percent(best.1), CUT, "the best is 0.{:02}", best.1);
}

#[test]
fn as_good_as_said() {
    // What the module says, less what a changed rule may cost.
    for (half, floors) in
        [("tuning", [(0.50, 0.78), (0.44, 0.73)]), ("held-out", [(0.38, 0.74), (0.29, 0.67)])]
    {
        for (told, (pair, cubed)) in told(half).iter().zip(floors) {
            let score = Score::of(told, CUT);
            let [found, real, both] = score.pairs;
            println!(
                "{half}: pair F1 {:.3} (precision {:.3}, recall {:.3}), B-cubed F1 {:.3}",
                score.pair_f1(),
                both / found,
                both / real,
                score.cubed_f1()
            );
            assert!(pair <= score.pair_f1(), "{half}: pair F1 {}", score.pair_f1());
            assert!(cubed <= score.cubed_f1(), "{half}: B-cubed F1 {}", score.cubed_f1());
        }
    }
}

#[test]
fn each_note_is_told_once() {
    let notes: Vec<_> =
        ["tuning", "held-out"].iter().flat_map(|half| told(half)[0].concat()).collect();
    let fingerprints: HashSet<_> = notes.iter().map(|(note, _)| fingerprint(note)).collect();
    assert_eq!(fingerprints.len(), notes.len());
    assert!(150 <= notes.len());
}
