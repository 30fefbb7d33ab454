//! Addresses: where a view lies and what it is asked, so that a view can be shared and its links
//! keep what was asked.

use form_urlencoded::Serializer;

/// What is asked of every view, by the names that the API and the flags of `snag` have.
const FILTERS: [&str; 8] =
    ["since", "until", "under", "kind", "version", "person", "actor", "class"];

/// A path and what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Address {
    /// Reads a path and its query; a field that was left empty asks for nothing.
    #[must_use]
    pub fn read(path: &str, query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        Self {
            path: path.to_owned(),
            pairs: pairs.filter(|(_, value)| !value.is_empty()).collect(),
        }
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The query, as it is sent.
    #[must_use]
    pub fn query(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }

    /// The same question to another view.
    #[must_use]
    pub(super) fn at(&self, path: &str) -> Self {
        let kept = self.pairs.iter().filter(|(name, _)| FILTERS.contains(&name.as_str()));
        Self { path: path.to_owned(), pairs: kept.cloned().collect() }
    }

    /// The same, with one parameter said.
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.without(name);
        with.pairs.push((name.to_owned(), value.to_owned()));
        with
    }

    /// The same, with one parameter left out.
    pub(super) fn without(&self, name: &str) -> Self {
        let mut without = self.clone();
        without.pairs.retain(|(key, _)| key != name);
        without
    }

    /// What is asked, in the order in which it is said.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The path alone.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

/// As a link has it; a place stays readable.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if !self.pairs.is_empty() {
            write!(f, "?{}", self.query().replace("%2F", "/"))?;
        }
        Ok(())
    }
}

impl maud::Render for Address {
    fn render_to(&self, into: &mut String) {
        self.to_string().as_str().render_to(into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_the_question_and_not_its_shape() {
        let asked = Address::read("/page", "since=7d&kind=&under=web/a&by=kind&top=5");
        assert_eq!(asked.to_string(), "/page?since=7d&under=web/a&by=kind&top=5");
        let why = asked.at("/page/why").with("place", "web/a/b c");
        assert_eq!(why.to_string(), "/page/why?since=7d&under=web/a&place=web/a/b+c");
        assert_eq!(why.without("under").with("since", "1d").get("since"), Some("1d"));
    }

    proptest::proptest! {
        #[test]
        fn what_was_asked_is_read_back(value in "\\PC{1,20}|[&=%+/?#\"<>]{1,9}") {
            let link = Address::read("/page", "").with("version", &value).to_string();
            let (_, query) = link.split_once('?').unwrap();
            let read = Address::read("/page", query);
            proptest::prop_assert_eq!(read.get("version"), Some(&*value));
        }
    }
}
