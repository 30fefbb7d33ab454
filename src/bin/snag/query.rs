//! What a question asks for, said twice: to the daemon as a query string, and to the reader in the
//! commands that a view suggests next. A flag and its parameter have the same name, so both are made
//! of the same pairs.

use form_urlencoded::Serializer;
use snag::hotspot::Window;

use crate::args::{About, Asked};
use crate::render;

/// Days offered where nothing was met within fewer.
const WIDER: [i32; 4] = [28, 90, 365, 3650];

/// Names and values in the order they were said; the daemon checks them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    pub(crate) fn new(asked: &Asked) -> Self {
        let mut query = Self::about(&asked.about);
        query.say("since", asked.since.as_deref()).say("until", asked.until.as_deref());
        query
    }

    pub(crate) fn about(about: &About) -> Self {
        let mut query = Self::default();
        let About { under, kind, version, person, actor } = about;
        query.say("under", under.as_deref()).say("kind", kind.as_deref());
        query.say("version", version.as_deref()).say("person", person.as_deref());
        query.say("actor", actor.as_deref());
        query
    }

    pub(crate) fn say(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        self.0.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    pub(crate) fn says(&self, name: &str) -> bool {
        self.0.iter().any(|(said, _)| *said == name)
    }

    /// The address to ask at.
    pub(crate) fn on(&self, path: &str) -> String {
        format!("{path}?{}", Serializer::new(String::new()).extend_pairs(&self.0).finish())
    }

    /// `command` with the flags that were said, but for those that it says itself or has no use for.
    pub(crate) fn again(&self, command: &str, but: &[&str]) -> String {
        let flags = self.0.iter().filter(|(name, _)| !but.contains(name));
        flags.fold(command.to_owned(), |command, (name, value)| match value.as_str() {
            "true" => format!("{command} --{name}"),
            value => format!("{command} --{name} {}", render::shell(value)),
        })
    }

    /// `command` over more days that end on the same one; none where there are many already.
    pub(crate) fn further_back(
        &self,
        command: &str,
        window: Window,
        but: &[&str],
    ) -> Option<String> {
        let is_wider = |days: &i32| window.until.plus(1 - days) < window.since;
        let days = WIDER.into_iter().find(is_wider)?;
        let first = window.until.plus(1 - days);
        let since = if self.says("until") { first.to_string() } else { format!("{days}d") };
        Some(self.again(&format!("{command} --since {since}"), &[but, &["since"]].concat()))
    }
}

#[cfg(test)]
mod tests {
    use snag::event::Day;

    use super::*;

    #[test]
    fn further_back_ends_on_the_same_day() {
        let until = Day::parse("2026-11-20").unwrap();
        let mut query = Query::default();
        query.say("since", Some("7d")).say("under", Some("web"));
        let further = |query: &Query, days| {
            query.further_back("snag x", Window::ending(until, days), &["under"])
        };
        assert_eq!(further(&query, 28).unwrap(), "snag x --since 90d");
        assert_eq!(further(&query, 3650), None);
        query.say("until", Some("2026-11-20"));
        let dated = "snag x --since 2025-11-21 --until 2026-11-20";
        assert_eq!(further(&query, 90).unwrap(), dated);
    }

    #[test]
    fn what_was_asked_is_asked_again() {
        let mut query = Query::default();
        query.say("since", Some("7d")).say("under", Some("web/it's")).say("top", Some("3"));
        query.say("flat", Some("true")).say("kind", None);
        assert_eq!(query.on("/v1/x"), "/v1/x?since=7d&under=web%2Fit%27s&top=3&flat=true");
        assert_eq!(
            query.again("snag x --top 9", &["top"]),
            r"snag x --top 9 --since 7d --under 'web/it'\''s' --flat"
        );
    }
}
