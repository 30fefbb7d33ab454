//! Questions: what to rank, over which days, by what, in which order, and what counts.

use super::trend::{BEFORE_DAYS, RECENT_DAYS};
use super::{CellKey, Sort, Window};
use crate::event::{Actor, Class, Day, Kind, Place, words};

/// A question about hotspots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The days whose pain is ranked.
    pub window: Window,
    /// Only this place and what lies below it.
    pub under: Option<Place>,
    /// What a row stands for.
    pub by: By,
    /// Only this kind. Uses have no kind and always pass.
    pub kind: Option<Kind>,
    /// Only reports (and confirmed signals), or only open signals; both, where none is said.
    pub class: Option<Class>,
    /// Only events of this version of the product.
    pub version: Option<String>,
    /// Only what this person met.
    pub person: Option<String>,
    /// Humans or agents, never both.
    pub actor: Actor,
    /// How the tree of places becomes rows; of no effect unless by place.
    pub shape: Shape,
    /// The figure that rows are sorted by.
    pub sort: Sort,
}

words! {
    /// What a row of the ranking stands for.
    #[derive(Default)]
    By {
        /// A place: the question this is all about.
        #[default]
        Place = "place",
        /// A person.
        Person = "person",
        /// A version of the product.
        Version = "version",
        /// What stood in the way.
        Kind = "kind",
    }
}

/// How the tree of places becomes rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One pain in one row: see [`super::rank`].
    #[default]
    Folded,
    /// Every place on its own.
    Flat,
    /// Places cut to their first segments, so many of them (at least one).
    Depth(usize),
}

impl Question {
    /// The ranking of places over a window, nothing left out but agents.
    #[must_use]
    pub fn over(window: Window) -> Self {
        Self {
            window,
            under: None,
            by: By::default(),
            kind: None,
            class: None,
            version: None,
            person: None,
            actor: Actor::Human,
            shape: Shape::default(),
            sort: Sort::default(),
        }
    }

    /// The days whose cells must be read: those of the window and those of the trend.
    #[must_use]
    pub fn horizon(&self) -> Window {
        let Window { since, until } = self.window;
        Window { since: since.min(self.presence_since()), until }
    }

    /// The first day on which somebody's presence matters to a trend.
    pub(super) fn presence_since(&self) -> Day {
        self.window.until.plus(1 - RECENT_DAYS - BEFORE_DAYS)
    }

    /// Whether a cell counts as presence: somebody of those asked about did something somewhere.
    pub(super) fn met(&self, key: &CellKey) -> bool {
        key.actor == self.actor
            && self.person.as_deref().is_none_or(|person| *person == *key.person)
    }

    /// Whether a cell lies where and in what the question looks; its kind apart.
    #[must_use]
    pub fn covers(&self, key: &CellKey) -> bool {
        self.met(key)
            && self.under.as_ref().is_none_or(|under| key.place.is_under(under))
            && self.version.as_deref().is_none_or(|version| Some(version) == key.version.as_deref())
    }

    /// Whether what a cell says besides uses counts.
    #[must_use]
    pub fn wants(&self, kind: Option<Kind>) -> bool {
        self.kind.is_none() || self.kind == kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_holds_the_window_and_nine_weeks() {
        let horizon = |days| Question::over(Window::ending(Day(1000), days)).horizon();
        assert_eq!(horizon(28), Window { since: Day(938), until: Day(1000) });
        assert_eq!(horizon(63), Window { since: Day(938), until: Day(1000) });
        assert_eq!(horizon(100), Window { since: Day(901), until: Day(1000) });
    }
}
