//! Terminal safety: what other people wrote is shown, never obeyed.
//!
//! A terminal obeys C0, DEL and C1; a reader is deceived by characters that change direction or
//! break lines. They appear as `\u{1b}`: visible, and of a width that can be computed.

use std::fmt::Write as _;

use snag::event::is_unprintable;
use unicode_width::UnicodeWidthChar;

use super::Look;

/// The most combining marks shown on one letter: more paint over the lines around.
const MOST_MARKS: usize = 8;

/// One line of text that a terminal shows and never obeys. Only [`Look::safe`] makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Safe(String);

impl Safe {
    /// The text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A part of it is as safe as the whole.
    pub(super) fn part(&self, range: std::ops::Range<usize>) -> Self {
        Self(self.0.get(range).unwrap_or_default().to_owned())
    }

    /// Two safe texts, one after the other.
    pub(super) fn join(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }
}

impl AsRef<str> for Safe {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Look {
    /// One safe line: line breaks and tabs become blanks.
    pub(super) fn safe(&self, text: impl AsRef<str>) -> Safe {
        let text = text.as_ref();
        let mut safe = String::with_capacity(text.len());
        let mut marks = 0;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            marks = if is_mark(letter) { marks + 1 } else { 0 };
            match letter {
                '\r' if letters.peek() == Some(&'\n') => {}
                '\n' | '\t' => safe.push(' '),
                _ if is_unprintable(letter) || MOST_MARKS < marks => {
                    safe.extend(letter.escape_unicode());
                }
                _ if self.ascii && !letter.is_ascii() => push_ascii(letter, &mut safe),
                _ => safe.push(letter),
            }
        }
        Safe(safe)
    }

    /// Safe lines, broken where the text breaks.
    pub(super) fn safe_lines(&self, text: &str) -> Vec<Safe> {
        text.lines().map(|line| self.safe(line)).collect()
    }
}

/// JSON for a terminal: what it would obey becomes `\u009b`, so that it stays the same JSON.
///
/// `serde_json` escapes C0 in strings, but neither DEL nor C1 nor what changes direction.
pub(crate) fn json_for_terminal(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '\n' => safe.push('\n'),
            // Between values they are white space like any other; within strings they cannot be.
            '\r' | '\t' => safe.push(' '),
            _ if is_unprintable(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(safe, "\\u{unit:04x}");
                }
            }
            _ => safe.push(letter),
        }
    }
    safe
}

/// Text for a terminal, its line breaks kept: for messages that quote what somebody wrote.
pub(crate) fn text_for_terminal(text: &str, look: &Look) -> String {
    let lines: Vec<_> = text.split('\n').map(|line| look.safe(line).0).collect();
    lines.join("\n")
}

fn is_mark(letter: char) -> bool {
    letter != '\u{200d}' && !letter.is_ascii() && letter.width() == Some(0)
}

/// The signs that this module's neighbours draw with have a stand-in; the rest is shown by number.
fn push_ascii(letter: char, safe: &mut String) {
    let stand_in = match letter {
        '…' => "...",
        '·' | '–' | '—' | '─' | '▃' => "-",
        '“' | '”' | '„' => "\"",
        '‘' | '’' => "'",
        '×' | '✗' => "x",
        '▲' => "^",
        '▼' => "v",
        '✓' | '✚' | '▅' => "+",
        '█' | '▇' => "#",
        '▆' => "*",
        '▄' => "=",
        '▂' => ".",
        '▁' => "_",
        _ => return safe.extend(letter.escape_unicode()),
    };
    safe.push_str(stand_in);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample::look;

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        let safe = |text: &str| look(80).safe(text).0;
        assert_eq!(safe("\x1b]0;gotcha\x07"), r"\u{1b}]0;gotcha\u{7}");
        assert_eq!(safe("a\u{9b}2Jb\x7f"), r"a\u{9b}2Jb\u{7f}");
        assert_eq!(safe("pay\u{202e}gnp.exe\u{2066}\u{61c}"), r"pay\u{202e}gnp.exe\u{2066}\u{61c}");
        assert_eq!(safe("one\r\ntwo\tthree\rfour"), r"one two three\u{d}four");
        assert_eq!(safe("naïve 中文 👩‍👩‍👧"), "naïve 中文 👩‍👩‍👧");
        assert_eq!(safe("\u{feff}x\u{2028}"), r"\u{feff}x\u{2028}");
    }

    #[test]
    fn messages_keep_their_lines() {
        let shown = text_for_terminal("no such place:\n\u{9b}2J\n", &look(80));
        assert_eq!(shown, "no such place:\n\\u{9b}2J\n");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let piled = format!("e{}", "\u{301}".repeat(20));
        assert_eq!(look(80).safe(&piled).0.matches(r"\u{301}").count(), 12);
    }

    #[test]
    fn ascii_is_ascii() {
        let look = Look { ascii: true, ..look(80) };
        assert_eq!(look.safe("“naïve” · 中… ▲").0, r#""na\u{ef}ve" - \u{4e2d}... ^"#);
    }

    #[test]
    fn json_says_the_same_after_it_was_made_safe() {
        let value = serde_json::json!({"a\u{7f}": "\x1b[2J \u{9b}2J \u{202e} \u{feff} \n 👩‍👩‍👧 中"});
        let safe = json_for_terminal(&serde_json::to_string_pretty(&value).unwrap());
        assert!(safe.contains(r"\u009b2J \u202e \ufeff"), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_obeyed_is_left(text in any::<String>(), ascii in any::<bool>()) {
            let look = Look { ascii, ..look(80) };
            let safe = look.safe(&text);
            prop_assert!(!safe.as_str().chars().any(is_unprintable));
            prop_assert!(!ascii || safe.as_str().is_ascii());
            prop_assert_eq!(&look.safe(&safe), &safe);
        }

        #[test]
        fn json_stays_json(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let safe = json_for_terminal(&json);
            prop_assert!(!safe.chars().any(|letter| is_unprintable(letter) && letter != '\n'));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
