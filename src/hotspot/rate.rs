//! Hurt per use: how often using a place hurts, with the interval that small numbers deserve.
//!
//! Shown, never ranked by unless somebody sorts by it: where nobody records uses there is no rate,
//! and a place must not sink for that.

use serde::{Deserialize, Serialize};

/// Below this many uses nothing is said.
pub const FEWEST_USES: u64 = 5;
/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// `hurt` of `uses`, with the Wilson 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Hours in which a person reported or confirmed something, at most `uses`.
    pub hurt: u64,
    /// Uses.
    pub uses: u64,
    /// Their ratio.
    pub rate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// People whom it hurt.
    pub people_hurt: usize,
    /// People who used it or whom it hurt.
    pub people: usize,
}

impl Rate {
    /// The rate of `person_hours` with a report among `uses`; none where fewer than 5 are known.
    /// `people` are those whom it hurt, and all of them.
    #[must_use]
    pub fn of(person_hours: u64, uses: u64, (people_hurt, people): (usize, usize)) -> Option<Self> {
        if uses < FEWEST_USES {
            return None;
        }
        let hurt = person_hours.min(uses);
        let (k, n) = (float(hurt), float(uses));
        let rate = k / n;
        let scale = 1.0 + Z * Z / n;
        let centre = (rate + Z * Z / (2.0 * n)) / scale;
        let half = (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt() * Z / scale;
        // At the ends the interval touches 0 or 1 exactly; rounding must not show beside it.
        let low = if hurt == 0 { 0.0 } else { (centre - half).max(0.0) };
        let high = if hurt == uses { 1.0 } else { (centre + half).min(1.0) };
        Some(Self { hurt, uses, rate, low, high, people_hurt, people })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of uses near 2^53 loses nothing we show")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_below_five_uses() {
        assert_eq!(Rate::of(4, 4, (1, 1)), None);
        assert_eq!(Rate::of(0, 0, (0, 0)), None);
    }

    #[test]
    fn more_hurt_than_uses_is_every_use() {
        assert_eq!(Rate::of(99, 10, (1, 2)), Rate::of(10, 10, (1, 2)));
    }

    proptest::proptest! {
        #[test]
        fn the_rate_lies_in_its_interval(hours in 0..3000_u64, uses in 5..2000_u64) {
            let Rate { rate, low, high, .. } = Rate::of(hours, uses, (1, 2)).unwrap();
            proptest::prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
        }
    }
}
