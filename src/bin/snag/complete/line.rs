//! What stands on the command line up to the cursor, as words.
//!
//! bash hands over its line, because its own words are broken at `=` and `:`; the line is split
//! here as bash would split it.

/// The words before the cursor, and the one it stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// The words after the program, all complete.
    pub(super) before: Vec<String>,
    /// The word at the cursor.
    pub(super) current: Current,
}

/// The word at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Current {
    /// What it means so far, without quotes and backslashes.
    pub(super) text: String,
    /// Where the part begins that the shell replaces.
    start: usize,
    /// How the rest has to be written.
    quoting: Quoting,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Quoting {
    /// As it is: the shell sees to it.
    #[default]
    Shell,
    /// With backslashes before what the shell would take for its own.
    Backslashes,
    /// Within quotes that are open.
    Open(char),
}

impl Typed {
    /// The words after the program, the unfinished one last.
    pub(super) fn of_words(mut before: Vec<String>) -> Self {
        let text = before.pop().unwrap_or_default();
        Self { before, current: Current { text, ..Current::default() } }
    }

    /// A line up to the cursor, the program first; `breaks` are where the shell breaks words.
    pub(super) fn of_line(line: &str, breaks: &str) -> Self {
        let mut words = Vec::new();
        let mut word = Current { quoting: Quoting::Backslashes, ..Current::default() };
        let mut is_begun = false;
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match (word.quoting, letter) {
                (Quoting::Open(quote), _) if letter == quote => {
                    word.quoting = Quoting::Backslashes;
                }
                (Quoting::Backslashes, '\\') => word.text.extend(letters.next()),
                (Quoting::Open('"'), '\\') => word.push_escaped(letters.next()),
                (Quoting::Backslashes, '"' | '\'') => {
                    word.quoting = Quoting::Open(letter);
                    word.start = word.text.len();
                }
                (Quoting::Backslashes, ' ' | '\t' | '\n') => {
                    if is_begun {
                        words.push(std::mem::take(&mut word).text);
                        word.quoting = Quoting::Backslashes;
                    }
                    is_begun = false;
                    continue;
                }
                _ => word.text.push(letter),
            }
            if word.quoting == Quoting::Backslashes && breaks.contains(letter) {
                word.start = word.text.len();
            }
            is_begun = true;
        }
        let before = words.into_iter().skip(1).collect();
        Self { before, current: word }
    }
}

impl Current {
    /// A backslash between double quotes stands for itself before most letters.
    fn push_escaped(&mut self, letter: Option<char>) {
        if !letter.is_some_and(|letter| "$`\"\\".contains(letter)) {
            self.text.push('\\');
        }
        self.text.extend(letter);
    }

    /// What the shell puts in place of the part it replaces, to make this word of it: what others
    /// wrote is a word, and never code. None where it cannot be written there.
    pub(super) fn rest_of(&self, word: &str) -> Option<String> {
        let rest = word.get(self.start..).unwrap_or(word);
        let means_more = self.text.get(..self.start).is_some_and(|before| before.ends_with('$'));
        match self.quoting {
            Quoting::Shell => Some(rest.to_owned()),
            Quoting::Backslashes => {
                Some(backslashed(rest, |c| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c)))
            }
            // Behind a dollar, quotes take backslashes otherwise.
            Quoting::Open(_) if means_more => None,
            Quoting::Open('\'') => Some(rest.replace('\'', r"'\''")),
            // Between double quotes bash looks for its history, and leaves a backslash before `!`.
            Quoting::Open(_) if rest.contains('!') => None,
            Quoting::Open(_) => Some(backslashed(rest, |c| !r#"$`"\"#.contains(c))),
        }
    }
}

/// With a backslash before each letter of ASCII that is not plain.
fn backslashed(text: &str, is_plain: impl Fn(char) -> bool) -> String {
    let mut written = String::new();
    for letter in text.chars() {
        if letter.is_ascii() && !is_plain(letter) {
            written.push('\\');
        }
        written.push(letter);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'><=;|&(:";

    fn typed(line: &str) -> (Vec<String>, String) {
        let Typed { before, current } = Typed::of_line(line, BREAKS);
        (before, current.text)
    }

    fn rest(line: &str, word: &str) -> String {
        Typed::of_line(line, BREAKS).current.rest_of(word).unwrap()
    }

    #[test]
    fn lines_are_split_as_the_shell_splits_them() {
        let words = |line: &str| {
            let (mut words, current) = typed(line);
            words.push(current);
            words.join("|")
        };
        assert_eq!(words("snag"), "snag");
        assert_eq!(words("snag "), "");
        assert_eq!(words("snag lo"), "lo");
        assert_eq!(words("snag  log web/a "), "log|web/a|");
        assert_eq!(
            words(r#"snag log 'web a' "it's \"b\" \n" --ki"#),
            r#"log|web a|it's "b" \n|--ki"#
        );
        assert_eq!(words(r"snag log my\ no"), "log|my no");
        assert_eq!(words("snag log \"\" "), "log||");
        assert_eq!(words("snag --url=unix:/x lo"), "--url=unix:/x|lo");
    }

    #[test]
    fn the_shell_replaces_from_its_last_break_on() {
        assert_eq!(rest("snag why web/ch", "web/checkout"), "web/checkout");
        assert_eq!(rest("snag log --kind=sl", "--kind=slow"), "slow");
        assert_eq!(rest("snag --url unix:/r", "unix:/run"), "/run");
        assert_eq!(rest("snag log --under=\"web/ch", "--under=web/checkout"), "web/checkout");
        assert_eq!(rest("snag log --person a", "ada b's"), r"ada\ b\'s");
        assert_eq!(rest("snag log --person 'ad", "ada b"), "ada b");
        assert_eq!(rest("snag log --person ada\\ ", "ada b"), r"ada\ b");
    }

    #[test]
    fn what_others_wrote_is_a_word_and_never_code() {
        assert_eq!(rest("snag --person y", "y $(id) `id`"), r"y\ \$\(id\)\ \`id\`");
        assert_eq!(rest("snag --person \"y", "y $(id) `id` \"\\"), r#"y \$(id) \`id\` \"\\"#);
        assert_eq!(rest("snag --person 'zo", "zo'b;$(id)"), r"zo'\''b;$(id)");
        let cannot =
            |line: &str, word| Typed::of_line(line, BREAKS).current.rest_of(word).is_none();
        assert!(cannot("snag --person \"y", "y !!"), "bash would look for its history");
        assert!(cannot("snag --person $'y", r"$y\'$(id)"), "a backslash and a quote are one there");
    }
}
