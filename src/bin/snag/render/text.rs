//! Widths, cutting and wrapping, by what a reader sees as one character.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

use super::Look;
use super::safe::Safe;

/// Prose wider than this is hard to read, however wide the terminal is.
const MEASURE: usize = 88;

/// Columns of a text.
pub(super) fn width(text: &Safe) -> usize {
    // Terminals go by letters, the Unicode tables by context; the wider of the two fits in both.
    let letters: usize = text.as_str().graphemes(true).map(UnicodeWidthStr::width).sum();
    letters.max(text.as_str().width())
}

/// Where the longest beginning ends that is no wider than `most`.
fn beginning(text: &Safe, most: usize) -> usize {
    let mut columns = 0;
    let mut end = 0;
    for (at, letter) in text.as_str().grapheme_indices(true) {
        columns += letter.width();
        if most < columns {
            break;
        }
        end = at + letter.len();
    }
    while most < text.as_str()[..end].width() {
        end = text.as_str()[..end].grapheme_indices(true).next_back().map_or(0, |(at, _)| at);
    }
    end
}

/// Where the shortest end begins that leaves no more than `most` columns.
fn ending(text: &Safe, most: usize) -> usize {
    let mut columns = 0;
    let mut start = text.as_str().len();
    for (at, letter) in text.as_str().grapheme_indices(true).rev() {
        columns += letter.width();
        if most < columns {
            break;
        }
        start = at;
    }
    start
}

impl Look {
    /// The width of prose under an indent.
    pub(super) fn measure(&self, indent: usize) -> usize {
        self.width.min(MEASURE).saturating_sub(indent).max(8)
    }

    /// At most `most` columns of a text, with an ellipsis at the end if there was more.
    pub(super) fn cut(&self, text: &Safe, most: usize) -> Safe {
        if width(text) <= most {
            return text.clone();
        }
        let more = self.safe("…");
        let kept = text.part(0..beginning(text, most.saturating_sub(width(&more))));
        let end = kept.as_str().trim_end().len();
        let cut = kept.part(0..end).join(&more);
        if width(&cut) <= most { cut } else { text.part(0..beginning(text, most)) }
    }

    /// The same with the ellipsis at the start: the end of a place says most.
    pub(super) fn cut_start(&self, text: &Safe, most: usize) -> Safe {
        if width(text) <= most {
            return text.clone();
        }
        let more = self.safe("…");
        let start = ending(text, most.saturating_sub(width(&more)));
        let cut = more.join(&text.part(start..text.as_str().len()));
        if width(&cut) <= most { cut } else { self.cut(text, most) }
    }

    /// Lines of at most `most` columns, broken between words, and within those that are too long.
    pub(super) fn wrap(&self, text: &Safe, most: usize) -> Vec<Safe> {
        let words = text.as_str().split(' ').filter(|word| !word.is_empty());
        self.fill(words.map(|word| self.safe(word)), most)
    }

    /// Lines of chunks with blanks between; a chunk is broken only if a line cannot hold it.
    pub(super) fn fill(&self, chunks: impl IntoIterator<Item = Safe>, most: usize) -> Vec<Safe> {
        let blank = self.safe(" ");
        let mut lines: Vec<Safe> = Vec::new();
        let mut room = 0;
        for mut chunk in chunks {
            let needed = width(&chunk);
            if needed < room
                && let Some(line) = lines.pop()
            {
                room -= needed + 1;
                lines.push(line.join(&blank).join(&chunk));
                continue;
            }
            loop {
                let mut end = beginning(&chunk, most);
                if end == chunk.as_str().len() {
                    break;
                }
                if end == 0 {
                    // A letter wider than the line loses its marks, or this would not end.
                    end = chunk.as_str().chars().next().map_or(0, char::len_utf8);
                }
                lines.push(chunk.part(0..end));
                chunk = chunk.part(end..chunk.as_str().len());
            }
            room = most.saturating_sub(width(&chunk));
            lines.push(chunk);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample::look;

    #[test]
    fn cutting_keeps_whole_characters() {
        let cut = |text: &str, most| look(80).cut(&look(80).safe(text), most).as_str().to_owned();
        assert_eq!(cut("checkout", 8), "checkout");
        assert_eq!(cut("checkout", 7), "checko…");
        assert_eq!(cut("check out", 7), "check…");
        assert_eq!(cut("中文字", 4), "中…");
        assert_eq!(cut("👩‍👩‍👧👩‍👩‍👧", 3), "👩‍👩‍👧…");
        assert_eq!(cut("e\u{301}e\u{301}", 1), "…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn places_keep_their_end() {
        let cut = |most| look(80).cut_start(&look(80).safe("web/checkout/pay"), most);
        assert_eq!(cut(16).as_str(), "web/checkout/pay");
        assert_eq!(cut(13).as_str(), "…checkout/pay");
        assert_eq!(cut(4).as_str(), "…pay");
    }

    #[test]
    fn words_wrap_and_long_ones_break() {
        let wrap = |text: &str, most| {
            let lines = look(80).wrap(&look(80).safe(text), most);
            lines.iter().map(|line| line.as_str().to_owned()).collect::<Vec<_>>().join("|")
        };
        assert_eq!(wrap("the form  cleared itself", 9), "the form|cleared|itself");
        assert_eq!(wrap("a abcdefgh b", 3), "a|abc|def|gh|b");
        assert_eq!(wrap("一二三四", 5), "一二|三四");
        assert_eq!(wrap("0ෘᤰ", 2), "0|ෘᤰ");
        assert_eq!(wrap("", 5), "");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in any::<String>(), most in 4..40_usize) {
            let text = look(80).safe(&text);
            prop_assert!(width(&look(80).cut(&text, most)) <= most);
            prop_assert!(width(&look(80).cut_start(&text, most)) <= most);
            let wrapped = look(80).wrap(&text, most);
            for line in &wrapped {
                prop_assert!(width(line) <= most, "{:?}", line);
            }
            let joined: String = wrapped.iter().map(Safe::as_str).collect();
            prop_assert_eq!(joined.replace(' ', ""), text.as_str().replace(' ', ""));
        }
    }
}
