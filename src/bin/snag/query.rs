//! What a question asks for, said twice: to the daemon as a query string, and to the reader in the
//! commands that a view suggests next. A flag and its parameter have the same name, so both are made
//! of the same pairs.

use form_urlencoded::Serializer;

use crate::args::{About, Asked};
use crate::render;

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
