//! The order of versions: semver and calver by their numbers, others by when they were first met.
//!
//! A team mixes schemes (`1.4.3`, `2026.11`, `nightly`), so the order is total over all of them:
//! numbered versions first, by their numbers, which puts semver before calver; then names, by
//! their first day; then events that name no version.

use crate::event::Day;

/// Where a version stands among others; lesser is earlier. Equal ones are sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Numbers without trailing zeros (`1.4` and `1.4.0` are one), and whether it was out.
    Numbered(Vec<u64>, Stage),
    /// A name without an order of its own: when it was first met.
    Named(Option<Day>),
    /// No version was said.
    Unsaid,
}

/// A pre-release comes before its release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Before(Vec<Part>),
    Release,
}

/// Part of a pre-release, in semver's order: numbers before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Number(u64),
    Text(String),
}

/// Where a version stands that was first met on a day.
pub(super) fn standing(version: Option<&str>, first: Option<Day>) -> Standing {
    match version {
        None => Standing::Unsaid,
        Some(text) => numbered(text).unwrap_or(Standing::Named(first)),
    }
}

/// Versions and the days they were first met, the newest version first.
#[must_use]
pub fn newest_first<'a>(met: impl IntoIterator<Item = (&'a str, Day)>) -> Vec<&'a str> {
    let mut met: Vec<_> = met.into_iter().collect();
    met.sort_by_cached_key(|&(version, first)| (standing(Some(version), Some(first)), version));
    met.into_iter().rev().map(|(version, _)| version).collect()
}

fn numbered(text: &str) -> Option<Standing> {
    let text = text.trim().trim_start_matches(['v', 'V']);
    if let Some(numbers) = calver(text) {
        return Some(Standing::Numbered(numbers, Stage::Release));
    }
    // What follows a plus is the build: it has no say in the order.
    let text = text.split_once('+').map_or(text, |(version, _)| version);
    let (core, stage) = match text.split_once('-') {
        None => (text, Stage::Release),
        Some((core, before)) => (core, Stage::Before(before.split('.').map(part).collect())),
    };
    Some(Standing::Numbered(numbers(core.split('.'))?, stage))
}

/// A date as a version, whatever stands between its numbers: `2026-11-20`, `2026.11_2`.
fn calver(text: &str) -> Option<Vec<u64>> {
    let mut parts = text.split(['.', '-', '_']);
    let is_year = parts.next().is_some_and(|year| year.len() == 4);
    is_year.then(|| numbers(text.split(['.', '-', '_'])))?
}

fn numbers<'a>(parts: impl Iterator<Item = &'a str>) -> Option<Vec<u64>> {
    let mut numbers = parts.map(number).collect::<Option<Vec<_>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

fn number(text: &str) -> Option<u64> {
    // `parse` would take a sign as well.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn part(text: &str) -> Part {
    number(text).map_or_else(|| Part::Text(text.to_owned()), Part::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_versions_come_in_their_own_order() {
        let ordered = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "v1.0.0",
            "1.0.1",
            "1.2.0",
            "1.10.0",
            "24.04",
            "24.04.1",
            "2026.04",
            "2026-11-02",
            "2026.11.20",
            "2026.11.20-1",
            "20261120",
        ];
        for pair in ordered.windows(2) {
            let [earlier, later] = [pair[0], pair[1]].map(|text| standing(Some(text), None));
            assert!(earlier < later, "{pair:?}: {earlier:?} {later:?}");
        }
        assert_eq!(standing(Some("1.4"), None), standing(Some("v1.4.0+b7"), Some(Day(1))));
    }

    #[test]
    fn names_come_after_numbers_by_their_first_day() {
        let name = |text, day| standing(Some(text), Some(Day(day)));
        assert!(name("9.9.9", 9) < name("nightly", 1));
        assert!(name("zebra", 1) < name("antelope", 2));
        assert_eq!(name("4be19c07", 3), Standing::Named(Some(Day(3))));
        assert_eq!(name("+1", 3), Standing::Named(Some(Day(3))));
        assert_eq!(name("", 3), Standing::Named(Some(Day(3))));
        assert!(name("nightly", 9) < standing(None, Some(Day(1))));
    }

    #[test]
    fn the_newest_comes_first() {
        let met = [("1.9.0", Day(3)), ("nightly", Day(1)), ("1.10.0", Day(2)), ("1.9", Day(1))];
        assert_eq!(newest_first(met), ["nightly", "1.10.0", "1.9.0", "1.9"]);
    }
}
