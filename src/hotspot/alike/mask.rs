//! Fingerprints: the same words, whatever number, path or name they were said of.
//!
//! They are kept at ingest, so what it is of a text must not change: [`mask`] is part of the
//! format of what is stored.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What is masked, of a lower-cased text: what comes first wins.
const MASKS: [(&str, &str); 9] = [
    ("<url>", r#"\b(?:[a-z][a-z0-9+.-]*://|www\.)[^\s"'<>`]*[^\s"'<>`.,;:!?)\]}]"#),
    ("<text>", r#""[^"\n]*"|`[^`\n]*`|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»|\B'[^'\n]+'\B"#),
    ("<id>", r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"),
    ("<path>", r"\b[a-z]:\\[^\s,;:]+|\B(?:~|\.\.?)?/[\w@%+.-]*[\w@%+-](?:/[\w@%+.-]*[\w@%+-])*/?"),
    (
        "<path>",
        r"\b[\w@%+-][\w@%+.-]*(?:(?:/[\w@%+.-]*[\w@%+-]){2,}|/[\w@%+.-]*\.[a-z]\w{0,4}\b)/?",
    ),
    ("<hex>", r"\b0x[0-9a-f]+\b|\b[0-9a-f]{7,}\b"),
    ("<id>", r"\b[0-9a-z]{16,}\b"),
    (
        "<version>",
        r"\bv\d+(?:\.\d+)*(?:[-+][0-9a-z.+-]*[0-9a-z])?\b|\b\d+(?:\.\d+){2,}(?:[-+][0-9a-z.+-]*[0-9a-z])?\b",
    ),
    ("<n>", r"\d+(?:[.,:]\d+)*"),
];

/// One alternative per mask, each its own group. Empty if a pattern were wrong, which a test
/// rules out: then nothing is masked.
static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let groups: Vec<_> = MASKS.iter().map(|(_, pattern)| format!("({pattern})")).collect();
    Regex::new(&groups.join("|")).ok()
});

/// A text without what varies from one occurrence to the next.
///
/// Lower-cased, white space made single blanks, and numbers, ids, hex, paths, versions, URLs and
/// quoted text replaced by the name of what they are.
#[must_use]
pub fn mask(text: &str) -> String {
    plain(text).unwrap_or_else(|| {
        let lower = text.to_lowercase();
        masked(&lower).split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

/// The mask of a text in which nothing that is masked spans words, and all of it has a digit: no quote,
/// path or URL. Looking at such words alone takes a tenth of the time, and most notes are such texts.
fn plain(text: &str) -> Option<String> {
    let mut lower = text.to_ascii_lowercase();
    let has = |is: fn(u8) -> bool| lower.bytes().fold(false, |has, byte| has | is(byte));
    let is_special = |byte: u8| matches!(byte, b'"' | b'`' | b'/' | b'\\' | b'\x0b' | 0x80..);
    let quotes = lower.bytes().filter(|byte| *byte == b'\'').count();
    if has(is_special) || 1 < quotes || lower.contains("www.") {
        return None;
    }
    let is_odd_space = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r');
    if has(is_odd_space) || lower.contains("  ") || lower.trim_ascii().len() < lower.len() {
        lower = lower.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    }
    let mut mask = String::with_capacity(lower.len() + 16);
    let mut rest = lower.as_str();
    while let Some(digit) = rest.bytes().position(|byte| byte.is_ascii_digit()) {
        let start = rest[..digit].rfind(' ').map_or(0, |blank| blank + 1);
        let end = rest[digit..].find(' ').map_or(rest.len(), |blank| digit + blank);
        mask.push_str(&rest[..start]);
        add_masked(&mut mask, &rest[start..end], digit - start);
        rest = &rest[end..];
    }
    mask.push_str(rest);
    Some(mask)
}

/// Adds a word whose first digit is there. Most are a short number, between what ends a sentence or
/// begins one.
fn add_masked(mask: &mut String, word: &str, digit: usize) {
    let (before, rest) = word.split_at(digit);
    let after = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let has_more = |part: &str| part.bytes().any(|byte| byte.is_ascii_alphanumeric());
    if rest.len() - after.len() <= 6 && !has_more(before) && !has_more(after) {
        for part in [before, "<n>", after] {
            mask.push_str(part);
        }
    } else {
        mask.push_str(&masked(word));
    }
}

fn masked(lower: &str) -> Cow<'_, str> {
    PATTERN.as_ref().map_or(lower.into(), |pattern| pattern.replace_all(lower, replacement))
}

/// What one match becomes.
fn replacement(found: &Captures<'_>) -> String {
    let which = (1..=MASKS.len()).find(|&group| found.get(group).is_some());
    let name = which.map_or("", |group| MASKS[group - 1].0);
    // Long words are made of the same letters as ids and hex: those have a digit as well.
    let may_be_a_word = matches!(name, "<hex>" | "<id>");
    if may_be_a_word && !found[0].bytes().any(|byte| byte.is_ascii_digit()) {
        return found[0].to_owned();
    }
    name.to_owned()
}

/// A hash of the mask: notes with one fingerprint say the same.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let hash = blake3::hash(mask(text).as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_masked() {
        for (text, expected) in [
            ("Took 31.5s, then  \n 2,000 ms", "took <n>s, then <n> ms"),
            ("Order-1234 of user42 at 10:32:01", "order-<n> of user<n> at <n>"),
            ("see https://x.example/a?b=1. Then www.y.org", "see <url>. then <url>"),
            ("it says \"No such thing\" and 'try again'", "it says <text> and <text>"),
            (
                "didn't load, the users' cart wasn't there",
                "didn't load, the users' cart wasn't there",
            ),
            ("id 7f9c24e8-3b12-4f6a-9d1e-0a4be19c0700", "id <id>"),
            (
                "token 9f86d081884c7d659a2f, commit 4be19c07, at 0xFF",
                "token <hex>, commit <hex>, at <hex>",
            ),
            ("session k7z9q2m4x8w1p5r3t6", "session <id>"),
            ("a facade, defaced, internationalisation", "a facade, defaced, internationalisation"),
            ("in 1.4.3 and v2 but not 2.0.0-rc.1", "in <version> and <version> but not <version>"),
            ("/disk/ada/x.log and src/main.rs and ~/a", "<path> and <path> and <path>"),
            ("in web/checkout/pay. C:\\Temp\\x", "in <path>. <path>"),
            ("yes and/or no, w/o any", "yes and/or no, w/o any"),
            ("", ""),
        ] {
            assert_eq!(mask(text), expected, "{text}");
        }
    }

    #[test]
    fn fingerprints_are_what_they_were() {
        // Kept on disk: a change here needs a rebuild of every index.
        assert_eq!(fingerprint("Took 3 s"), fingerprint("took 45  S"));
        assert_ne!(fingerprint("Took 3 s"), fingerprint("Took a while"));
        assert_eq!(format!("{:016x}", fingerprint("Took 3 s")), "1361bde855456a43");
    }

    proptest::proptest! {
        #[test]
        fn plain_texts_are_masked_like_any(
            text in "[0-9a-f:.,' v()+x-]{0,80}|(row|[0-9]{1,3}|[0-9a-f]{8}-|[a-f0-9]{4,40}|[ .,:'\\n\\t()_%@+~-]|v[0-9.]{1,6}|0x[0-9a-f]|Www.| ){0,12}",
        ) {
            let lower = text.to_lowercase();
            let slow = masked(&lower).split_whitespace().collect::<Vec<_>>().join(" ");
            proptest::prop_assert_eq!(mask(&text), slow);
        }

        #[test]
        fn no_digit_is_left(text in "\\PC{0,80}|[0-9a-f:/.'\"v -]{0,80}") {
            let masked = mask(&text);
            proptest::prop_assert!(!masked.bytes().any(|byte| byte.is_ascii_digit()), "{}", masked);
        }

        #[test]
        fn numbers_do_not_tell_notes_apart(a in 0..100_000_u32, b in 0..100_000_u32) {
            let note = |n: u32| fingerprint(&format!("Row {n} took {n} ms"));
            proptest::prop_assert_eq!(note(a), note(b));
        }
    }
}
