//! How a figure is told: names, trends, outcomes, as every view has them.

use maud::{Markup, html};

use super::Address;
use super::{HOME, WHY};
use crate::event::{Day, Kind, Place};
use crate::hotspot::{Hotspot, Key, Rate, TrendWord};
use crate::words::{ago, human, number, percent, plural};

/// A trend's class, sign and word.
pub(super) fn trend(word: TrendWord) -> (&'static str, &'static str, &'static str) {
    let (class, sign) = match word {
        TrendWord::Worse => ("worse", "▲"),
        TrendWord::New => ("new", "✚"),
        TrendWord::Better => ("better", "▼"),
        TrendWord::Unclear => ("unclear", "●"),
        TrendWord::Unknown => ("unclear", "○"),
    };
    (class, sign, word.word())
}

/// A trend as a badge, its sign before it by the style; where nothing can be said, when it was
/// last met.
pub(super) fn badge(row: &Hotspot, today: Day) -> Markup {
    let (class, _, word) = trend(row.trend.word);
    let last = row.figures.last_day.filter(|_| row.trend.word == TrendWord::Unclear);
    html! {
        @if let Some(day) = last { small { "last met " (ago(day, today)) } }
        @else if class == "unclear" { small { (word) } }
        @else { span.trend.(class) { (word) } }
    }
}

/// What a row is called, and where it leads.
pub(super) fn name(row: &Hotspot, address: &Address) -> Markup {
    let (shown, link) = match &row.key {
        Key::Place(place) => {
            return html! { a href=(explained(place, address)) { (breakable(place.as_str())) } };
        }
        Key::Person(person) => (person.clone(), Some(address.at(HOME).with("person", person))),
        Key::Version(Some(version)) => {
            (version.clone(), Some(address.at(HOME).with("version", version)))
        }
        Key::Kind(Some(kind)) => {
            (human(*kind), Some(address.at(HOME).with("kind", crate::event::Word::word(*kind))))
        }
        Key::Version(None) => ("(no version)".to_owned(), None),
        Key::Kind(None) => ("(no kind)".to_owned(), None),
    };
    html! {
        a href=[link] { bdi { (super::text::harmless(&shown)) } }
    }
}

/// Where a row by place leads: to what is behind it, or, where it is the sum of all below it, to what that
/// is made of, since there may be nothing at the place itself.
fn explained(place: &Place, address: &Address) -> Address {
    match address.get("depth") {
        None => address.at(WHY).with("place", place.as_str()),
        Some(_) => address.at(HOME).with("under", place.as_str()).with("flat", "true"),
    }
}

/// Letters of a place that has room in one line of a phone and of a sheet of paper, if they are wide.
const SHORT: usize = 16;

/// A place that may break behind its slashes, where it is long enough to need that.
fn breakable(place: &str) -> Markup {
    if place.chars().count() <= SHORT {
        return html! { (place) };
    }
    html! {
        @for (at, part) in place.split('/').enumerate() {
            @if at != 0 { "/" wbr; }
            (part)
        }
    }
}

/// `3 abandoned`: the worst that people did, and how often.
pub(super) fn outcome(row: &Hotspot) -> Option<String> {
    let outcome = row.worst_outcome?;
    let count = row.outcomes.get(&outcome).copied().unwrap_or(1);
    Some(format!("{} {}", number(count.into()), human(outcome)))
}

/// `29 % of 31 uses`.
pub(super) fn rate(rate: &Rate) -> String {
    format!("{} of {}", percent(rate.rate), plural(rate.uses, "use", "uses"))
}

/// A kind, and that delight is no pain.
pub(super) fn kind(kind: Kind) -> String {
    match kind {
        Kind::Delight => format!("{} (no pain)", human(kind)),
        kind => human(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_leads_to_what_it_is_made_of() {
        let leads = |query| explained(&Place::parse("web").unwrap(), &Address::read(HOME, query));
        assert_eq!(leads("since=7d&top=9").to_string(), "/page/why?since=7d&place=web");
        assert_eq!(leads("depth=1&since=7d").to_string(), "/page?since=7d&under=web&flat=true");
    }

    #[test]
    fn a_place_breaks_behind_its_slashes_before_it_breaks_a_word() {
        assert_eq!(breakable("web/checkout/pay").0, "web/checkout/pay");
        assert_eq!(breakable("web/common/summary").0, "web/<wbr>common/<wbr>summary");
    }
}
