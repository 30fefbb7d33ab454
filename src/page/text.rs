//! What other people wrote: shown, never obeyed.
//!
//! The template escapes markup. What is left to do is what a browser obeys in plain text: letters
//! that turn the direction of what follows appear by their number, each text is isolated in a
//! `<bdi>`, or by the style where there are many, and marks that pile up over other lines end after a few.

use maud::{Markup, html};
use unicode_width::UnicodeWidthChar;

use crate::event::is_unprintable;

/// The most combining marks shown on one letter.
const MOST_MARKS: usize = 8;

/// One line of at most `most` letters, cut behind a word where it has some.
pub(super) fn line(text: &str, most: usize) -> Markup {
    html! { bdi { (short(text, most)) } }
}

/// The same where there is no room for an element.
pub(super) fn short(text: &str, most: usize) -> String {
    let text = text.trim();
    let taken = text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end]);
    // What is shown by its number becomes longer.
    let shown = harmless(&taken.replace(['\n', '\r', '\t'], " "));
    let mut short: String = shown.chars().take(most).collect();
    if short.len() < shown.len() || taken.len() < text.len() {
        let words = short.rfind(char::is_whitespace).filter(|end| short.len() < 2 * end);
        short.truncate(words.unwrap_or(short.len()));
        short.truncate(short.trim_end().len());
        short.push('…');
    }
    short
}

/// All of a text, its line breaks kept by the style.
pub(super) fn whole(text: &str) -> Markup {
    html! { bdi.whole { (harmless(text.trim_end())) } }
}

/// What is left of a text when nothing in it is obeyed.
pub(super) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut marks = 0;
    for letter in text.chars() {
        let is_mark = letter != '\u{200d}' && !letter.is_ascii() && letter.width() == Some(0);
        marks = if is_mark { marks + 1 } else { 0 };
        match letter {
            '\n' | '\t' => safe.push(letter),
            '\r' => {}
            _ if is_unprintable(letter) || MOST_MARKS < marks => {
                safe.extend(letter.escape_unicode());
            }
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_obeys_is_shown_by_its_number() {
        let shown = line("<b>\u{202e}evil\u{7}\n& more", 40).into_string();
        assert_eq!(shown, "<bdi>&lt;b&gt;\\u{202e}evil\\u{7} &amp; more</bdi>");
        assert_eq!(line("abcdef", 3).into_string(), "<bdi>abc…</bdi>");
        assert_eq!(line("one two three", 11).into_string(), "<bdi>one two…</bdi>");
        let piled = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(harmless(&piled).matches('\u{301}').count(), MOST_MARKS);
        assert!(line(&piled, 40).0.chars().count() < 60, "{}", line(&piled, 40).0);
    }

    proptest::proptest! {
        #[test]
        fn nothing_written_becomes_markup(text in "\\PC*|[<>&\"'/a\\u{202e}\\u{0}]{0,40}") {
            for shown in [line(&text, 200), whole(&text)] {
                let shown = shown.into_string();
                let inside = shown.split_once('>').unwrap().1.strip_suffix("</bdi>").unwrap();
                proptest::prop_assert!(!inside.contains(['<', '>', '"']), "{}", inside);
                proptest::prop_assert!(inside.chars().all(|c| c == '\n' || c == '\t' || !is_unprintable(c)));
            }
        }
    }
}
