//! Trend: is it getting worse? With an honest "unclear" for the small numbers of a small team.
//!
//! The conditional test of two Poisson rates (Przyborowski and Wilenski 1940): of all the
//! person-days with points, did more fall into the last week than the team's presence explains?
//!
//! # Promises
//!
//! - Only `+ - * /` on floats, in a fixed order: the same counts give the same bits anywhere.
//! - No overflow and no loss for tens of thousands of person-days.

use serde::{Deserialize, Serialize};

use super::Window;
use crate::event::Day;

/// The days that count as recent.
pub(super) const RECENT_DAYS: i32 = 7;
/// The days before them that they are compared with.
pub(super) const BEFORE_DAYS: i32 = 56;
/// A tail below this is called a change.
const ALPHA: f64 = 0.005;
/// Fewer people than this in the last week make nothing worse.
const PEOPLE: u32 = 2;

/// What the last week says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrendWord {
    /// Nobody did anything in one of the two spans.
    Unknown,
    /// First ever seen in the last week.
    New,
    /// More than presence explains, and more than one person says so.
    Worse,
    /// Less than presence explains.
    Better,
    /// Nothing can be said: show when it was last met.
    Unclear,
}

impl TrendWord {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::New => "new",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Unclear => "unclear",
        }
    }
}

/// The counts a trend is judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weeks {
    /// Person-days with points in the last 7 days.
    pub x1: u32,
    /// Person-days with any event anywhere in the last 7 days.
    pub e1: u32,
    /// Person-days with points in the 56 days before.
    pub x0: u32,
    /// Person-days with any event anywhere in the 56 days before.
    pub e0: u32,
    /// People with points in the last 7 days.
    pub people: u32,
    /// First ever seen in the last 7 days.
    pub is_new: bool,
}

/// The word, and the figures behind it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// What the last week says.
    pub word: TrendWord,
    /// Person-days with points in the last 7 days.
    pub x1: u32,
    /// Person-days with any event anywhere in the last 7 days.
    pub e1: u32,
    /// Person-days with points in the 56 days before.
    pub x0: u32,
    /// Person-days with any event anywhere in the 56 days before.
    pub e0: u32,
    /// The chance of so many or more if nothing had changed; none when unknown.
    pub p_worse: Option<f64>,
    /// The chance of so few or fewer if nothing had changed; none when unknown.
    pub p_better: Option<f64>,
}

impl Trend {
    /// Judges two spans of time.
    #[must_use]
    pub fn of(weeks: &Weeks) -> Self {
        let &Weeks { x1, e1, x0, e0, people, is_new } = weeks;
        let unknown =
            Self { word: TrendWord::Unknown, x1, e1, x0, e0, p_worse: None, p_better: None };
        if e0 == 0 || e1 == 0 {
            return unknown;
        }
        let (hits, n, all) =
            (x1.into(), u64::from(x0) + u64::from(x1), u64::from(e0) + u64::from(e1));
        let p_worse = binomial_tail(hits, n, e1.into(), all);
        // So few or fewer recent ones are as many or more earlier ones.
        let p_better = binomial_tail(x0.into(), n, e0.into(), all);
        let word = match () {
            () if is_new => TrendWord::New,
            () if p_worse < ALPHA && PEOPLE <= people => TrendWord::Worse,
            () if p_better < ALPHA => TrendWord::Better,
            () => TrendWord::Unclear,
        };
        Self { word, p_worse: Some(p_worse), p_better: Some(p_better), ..unknown }
    }
}

/// The last 7 days up to `until`.
pub(super) fn recent(until: Day) -> Window {
    Window::ending(until, RECENT_DAYS)
}

/// The 56 days before the last 7.
pub(super) fn before(until: Day) -> Window {
    Window::ending(until.plus(-RECENT_DAYS), BEFORE_DAYS)
}

/// P(X >= k) where X ~ Binomial(n, num / den).
///
/// Each weight is made from its neighbour, starting with 1 at the mode and going outwards, so
/// every weight is at most 1 and nothing overflows; the tail is then its share of the whole. Weights
/// fall on the way: once one is too small to change the last bit of its sum, so are those behind it.
#[must_use]
pub fn binomial_tail(k: u64, n: u64, num: u64, den: u64) -> f64 {
    let certain = |holds: bool| if holds { 1.0 } else { 0.0 };
    if k == 0 || n < k || num == 0 || den <= num {
        return certain(k == 0 || (den <= num && k <= n));
    }
    let mode = u128::from(n + 1) * u128::from(num) / u128::from(den);
    let mode = u64::try_from(mode).map_or(n, |mode| mode.min(n));
    let odds = float(num) / float(den - num);
    let (mut tail, mut rest) = (0.0, 0.0);
    let mut add = |at: u64, weight: f64| {
        let sum = if k <= at { &mut tail } else { &mut rest };
        let is_lost = weight <= *sum * (f64::EPSILON / 4.0);
        *sum += weight;
        is_lost
    };
    let mut weight = 1.0;
    for at in mode..=n {
        if add(at, weight) && k <= at {
            break;
        }
        weight = weight * (float(n - at) / float(at + 1)) * odds;
    }
    weight = 1.0;
    for at in (1..=mode).rev() {
        weight = weight * (float(at) / float(n - at + 1)) / odds;
        if add(at - 1, weight) && at <= k {
            break;
        }
    }
    tail / (tail + rest)
}

#[expect(clippy::cast_precision_loss, reason = "counts of person-days are far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "what is certain is so to the last bit")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_edges_are_certain() {
        assert_eq!(binomial_tail(0, 0, 1, 2), 1.0);
        assert_eq!(binomial_tail(1, 0, 1, 2), 0.0);
        assert_eq!(binomial_tail(4, 3, 1, 2), 0.0);
        assert_eq!(binomial_tail(1, 3, 0, 2), 0.0);
        assert_eq!(binomial_tail(3, 3, 2, 2), 1.0);
    }

    #[test]
    fn tens_of_thousands_of_person_days_do_not_overflow() {
        let half = binomial_tail(30_000, 60_000, 1, 2);
        assert!((0.5..0.502).contains(&half), "{half}");
        assert_eq!(binomial_tail(60_000, 60_000, 1, 2), 0.0);
        assert!(1.0 - 1e-12 < binomial_tail(1, 60_000, 1, 2));
    }

    #[test]
    fn better_is_said_only_of_plenty() {
        let weeks = Weeks { x1: 0, e1: 60, x0: 50, e0: 480, people: 0, is_new: false };
        assert_eq!(Trend::of(&weeks).word, TrendWord::Better);
    }

    /// All weights, to the last.
    fn in_full(k: u64, n: u64, num: u64, den: u64) -> f64 {
        let mode = ((n + 1) * num / den).min(n);
        let odds = float(num) / float(den - num);
        let (mut tail, mut rest) = (0.0, 0.0);
        let mut add = |at: u64, weight: f64| if k <= at { tail += weight } else { rest += weight };
        let mut weight = 1.0;
        for at in mode..=n {
            add(at, weight);
            weight = weight * (float(n - at) / float(at + 1)) * odds;
        }
        weight = 1.0;
        for at in (1..=mode).rev() {
            weight = weight * (float(at) / float(n - at + 1)) / odds;
            add(at - 1, weight);
        }
        tail / (tail + rest)
    }

    proptest! {
        #[test]
        fn weights_that_are_left_out_change_no_bit(
            n in 1..4000_u64, share in 0.0..1.0_f64, num in 1..500_u64, more in 1..500_u64,
        ) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most n")]
            let k = (float(n) * share) as u64;
            prop_assume!(k != 0);
            for k in [k, n * num / (num + more) + 1] {
                let (tail, full) =
                    (binomial_tail(k, n, num, num + more), in_full(k, n, num, num + more));
                prop_assert_eq!(tail.to_bits(), full.to_bits(), "{} and {}", tail, full);
            }
        }

        #[test]
        fn the_tail_falls_and_its_complement_is_the_rest(
            n in 0..400_u64, k in 0..400_u64, num in 1..50_u64, more in 1..50_u64,
        ) {
            let den = num + more;
            let tail = binomial_tail(k, n, num, den);
            prop_assert!((0.0..=1.0).contains(&tail));
            prop_assert!(binomial_tail(k + 1, n, num, den) <= tail + 1e-12);
            if 0 < k && k <= n {
                // P(X < k) is P(n - X > n - k).
                let below = binomial_tail(n - k + 1, n, more, den);
                prop_assert!((tail + below - 1.0).abs() < 1e-12, "{} + {}", tail, below);
            }
        }

        #[test]
        fn a_trend_has_figures_unless_it_is_unknown(
            x1 in 0..60_u32, e1 in 0..60_u32, x0 in 0..200_u32, e0 in 0..400_u32, people in 0..5_u32,
        ) {
            let trend = Trend::of(&Weeks { x1, e1, x0, e0, people, is_new: false });
            prop_assert_eq!(trend.word == TrendWord::Unknown, trend.p_worse.is_none());
            prop_assert_eq!(trend.p_worse.is_none(), trend.p_better.is_none());
            prop_assert!(trend.word != TrendWord::Worse || 2 <= people);
        }
    }
}
