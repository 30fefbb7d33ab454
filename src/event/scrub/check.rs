//! What an expression cannot say: check digits, where a block ends, what is only a word.
//!
//! A check sees one match and answers with the span to take out, which may be longer or shorter
//! than what matched, or with none.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::key::{is_directory, lists, scrub_key};

/// One match of one rule.
pub(super) struct Seen<'t> {
    /// The whole text.
    pub(super) text: &'t str,
    /// The name the value was given, where the rule knows one.
    pub(super) key: &'t str,
    /// What would be taken out.
    pub(super) span: Range<usize>,
}

/// Says what to take out.
pub(super) type Check = fn(&Seen<'_>) -> Option<Range<usize>>;

impl Seen<'_> {
    fn secret(&self) -> &str {
        &self.text[self.span.clone()]
    }

    fn before(&self) -> &str {
        &self.text[..self.span.start]
    }

    fn after(&self) -> &str {
        &self.text[self.span.end..]
    }

    fn whole_if(&self, is_secret: bool) -> Option<Range<usize>> {
        is_secret.then(|| self.span.clone())
    }
}

/// The shape says enough.
pub(super) fn any(seen: &Seen<'_>) -> Option<Range<usize>> {
    seen.whole_if(true)
}

/// Capitals and small letters: 43 random characters have both, a long `snake_case` name has not.
pub(super) fn mixed_case(seen: &Seen<'_>) -> Option<Range<usize>> {
    seen.whole_if(has_both_cases(seen.secret()))
}

fn has_both_cases(secret: &str) -> bool {
    let has = |test: fn(&u8) -> bool| secret.bytes().any(|byte| test(&byte));
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

/// No sentence: what follows "Bearer" in prose has no digit.
pub(super) fn random(seen: &Seen<'_>) -> Option<Range<usize>> {
    seen.whole_if(is_random(seen.secret()))
}

fn is_random(secret: &str) -> bool {
    let digit = secret.bytes().any(|byte| byte.is_ascii_digit());
    digit || (32 <= secret.len() && has_both_cases(secret))
}

/// Any value of a header, unless the header is being talked about.
pub(super) fn no_prose(seen: &Seen<'_>) -> Option<Range<usize>> {
    const TALK: &str = "auth authentication authorization credential credentials \
        expected expired failed from header headers invalid is missing \
        realm required scheme string token tokens with xxxx";
    let word = seen.secret().trim_end_matches(['.', ':', '=']);
    seen.whole_if(!lists(TALK, &word.to_ascii_lowercase()) && is_given(word))
}

/// A value, not a blank left for one.
pub(super) fn given(seen: &Seen<'_>) -> Option<Range<usize>> {
    seen.whole_if(is_given(seen.secret()))
}

/// The password of a URL; a container image's digest has the same shape.
pub(super) fn password(seen: &Seen<'_>) -> Option<Range<usize>> {
    let digest = seen.after().starts_with("@sha256:");
    seen.whole_if(!digest && is_given(seen.secret()))
}

/// A query's parameter. `code` and `key` also name harmless things, which are short.
pub(super) fn parameter(seen: &Seen<'_>) -> Option<Range<usize>> {
    let secret = seen.secret();
    let ambiguous = ["code", "key", "sid", "auth"].iter().any(|k| seen.key.eq_ignore_ascii_case(k));
    seen.whole_if(is_given(secret) && (!ambiguous || 6 <= secret.len()))
}

/// A header named like a secret, with a value that is no word.
pub(super) fn header(seen: &Seen<'_>) -> Option<Range<usize>> {
    if scrub_key(seen.key) { random(seen) } else { None }
}

/// A cookie header, to the end of the line or of the string it stands in.
#[expect(clippy::unnecessary_wraps, reason = "one signature for all checks")]
pub(super) fn line(seen: &Seen<'_>) -> Option<Range<usize>> {
    let rest = seen.after();
    let end = rest.match_indices(['\r', '\n', '\\', '"', '\'']).find(|(at, found)| {
        // A cookie's own value may be quoted.
        let inner = rest[..*at].ends_with('=') || *at == 0 || rest[at + 1..].starts_with(';');
        !(inner && matches!(*found, "\"" | "'"))
    });
    Some(seen.span.start..seen.span.end + end.map_or(rest.len(), |(at, _)| at))
}

/// `"password": "…"`, to the closing quote.
pub(super) fn quoted(seen: &Seen<'_>) -> Option<Range<usize>> {
    if !scrub_key(seen.key) {
        return None;
    }
    let opening = seen.before().chars().next_back()?;
    let escapes = trailing_backslashes(&seen.before()[..seen.span.start - opening.len_utf8()]);
    let start = seen.span.start;
    let end = closing_quote(&seen.text[start..], opening, escapes)
        .map_or(seen.text.len(), |at| start + at);
    let value = &seen.text[start..end];
    let is_secret = is_given(value) && !is_directory(seen.key, value);
    // What is not to be looked at again may not be refused.
    (is_secret || LONGEST_CODE < value.len()).then_some(start..end)
}

/// Where a string ends: at its quote, with no more backslashes before it than the opening had.
fn closing_quote(text: &str, quote: char, escapes: usize) -> Option<usize> {
    text.match_indices(quote).find_map(|(at, _)| {
        let backslashes = trailing_backslashes(&text[..at]);
        (backslashes <= escapes).then_some(at - backslashes)
    })
}

fn trailing_backslashes(text: &str) -> usize {
    text.bytes().rev().take_while(|&byte| byte == b'\\').count()
}

/// What is looked at of a value before it is known to be one, in bytes: so a check that refuses
/// looked at no more beyond the match.
const LONGEST_CODE: usize = 512;

/// `PASSWORD=…`, to the end of the word; to the end of the text where that is all there is.
pub(super) fn assigned(seen: &Seen<'_>) -> Option<Range<usize>> {
    let rest = &seen.text[seen.span.start..];
    // A list, a tuple, a template.
    if !scrub_key(seen.key) || rest.starts_with(['(', '[', '{']) {
        return None;
    }
    let head = &rest[..rest.floor_char_boundary(LONGEST_CODE)];
    let alone = seen.before().len() == seen.key.len() + 1 && is_one_value(rest);
    let found = if alone { rest } else { word(head) };
    // In Python, `b'…'` is a string, which another rule reads.
    let prefix = matches!(found, "b" | "f" | "r" | "u") && rest[1..].starts_with(['"', '\'']);
    // A single letter is a type: `Stream<Token=T>`.
    let value = 1 < found.len() && is_given(found) && !is_directory(seen.key, found);
    if prefix || !value || is_setting(found) || is_code(head, found, seen.key) {
        return None;
    }
    let found = if alone { rest } else { word(rest) };
    Some(seen.span.start..seen.span.start + found.len())
}

/// `password = …`, `--token …`: where a word of prose may follow as well, only what looks made up.
pub(super) fn spaced(seen: &Seen<'_>) -> Option<Range<usize>> {
    assigned(seen).filter(|span| is_random(&seen.text[span.clone()]))
}

fn word(text: &str) -> &str {
    let stop = |c: char| c.is_whitespace() || "\"'`\\&;<>".contains(c);
    let word = &text[..text.find(stop).unwrap_or(text.len())];
    word.trim_end_matches([',', ')', ']', '}', '.', ':'])
}

/// Whether a text is one value: no sentence, no form with more fields.
fn is_one_value(text: &str) -> bool {
    let names = |part: &str| part.trim_end_matches('=').contains('=');
    text.len() <= LONGEST_CODE
        && !text.contains(|letter: char| letter.is_whitespace() || "\"'`".contains(letter))
        && !text.split(['&', ';']).skip(1).any(names)
}

/// Whether a value is a program's: a call, an index, a template, or a field of the same name
/// (`token=x.token`).
fn is_code(text: &str, word: &str, key: &str) -> bool {
    if word.rsplit('.').next() == Some(key) || word.contains("${") || word.contains("$(") {
        return true;
    }
    let Some(at) = word.find(['(', '[', '{']) else { return false };
    let (before, rest) = text.split_at(at);
    let (bracket, inside) = rest.split_at(1);
    let close = match bracket {
        "(" => ')',
        "[" => ']',
        _ => '}',
    };
    let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let line = inside.lines().next().unwrap_or_default();
    let closes = match line.split_once(close) {
        Some((_, after)) => !after.starts_with(is_name),
        None => line.trim().is_empty(),
    };
    closes && (bracket == "{" || before.ends_with(is_name))
}

/// Whether there is a value at all: not `***`, `${TOKEN}`, `$TOKEN`, `<token>` or nothing.
fn is_given(value: &str) -> bool {
    const BLANKS: [(&str, &str); 5] =
        [("${", "}"), ("$(", ")"), ("{", "}"), ("<", ">"), ("%(", "s")];
    let blank = |(open, close): &(&str, &str)| value.starts_with(open) && value.ends_with(close);
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let variable = value.strip_prefix('$').is_some_and(|name| name.bytes().all(is_name));
    !variable && !BLANKS.iter().any(blank) && value.chars().any(char::is_alphanumeric)
}

/// Whether a value only says how something is set: `auth=none`, `session=expired`, `token=1`.
fn is_setting(value: &str) -> bool {
    const SETTINGS: &str = "0 anonymous basic bearer default digest disabled empty enabled \
        expired false invalid missing new nil no none null oauth \
        oauth2 off ok on optional redacted required string true \
        undefined yes";
    let short_number = value.len() < 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    short_number || lists(SETTINGS, &value.to_ascii_lowercase())
}

/// A private key, from its head to its foot; where the foot was cut off, as far as it goes on
/// looking like a key.
#[expect(clippy::unnecessary_wraps, reason = "one signature for all checks")]
pub(super) fn block(seen: &Seen<'_>) -> Option<Range<usize>> {
    #[expect(clippy::expect_used, reason = "a constant, and a test compiles it")]
    static FOOT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"-{4,5} ?END(?:[ +]|%20)[A-Z0-9 +%]{0,40}KEY(?:(?:[ +]|%20)BLOCK)? ?-{4,5}")
            .expect("the foot of a key compiles")
    });
    // A foot beyond the next head is not this one's.
    let next = seen.after().find("BEGIN").unwrap_or(seen.after().len());
    let found = FOOT.find(&seen.after()[..next]);
    let end = seen.span.end + found.map_or_else(|| key_like(seen.after()), |foot| foot.end());
    Some(seen.span.start..end)
}

fn key_like(text: &str) -> usize {
    let stop =
        |c: char| !(c.is_ascii_alphanumeric() || c.is_whitespace() || "+/=\\:,.>|%-".contains(c));
    text.find(stop).unwrap_or(text.len())
}

/// The lines above the foot of a key whose head was cut off.
pub(super) fn rest_of_block(seen: &Seen<'_>) -> Option<Range<usize>> {
    let body = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "+/=\\|>".contains(c);
    let before = seen.before();
    let start = before.trim_end_matches(body).len();
    let long = |line: &str| 40 <= line.len();
    let lines = before[start..].split(|c: char| c.is_whitespace() || c == '\\');
    let first = lines.clone().find(|line| long(line))?;
    let start = start + before[start..].find(first)?;
    Some(start..seen.span.end)
}

/// A card's number: an issuer's prefix and length, and the check digit.
pub(super) fn card(seen: &Seen<'_>) -> Option<Range<usize>> {
    if is_part_of_longer(seen) {
        return None;
    }
    let digits = digits(seen.secret());
    // In groups, three digits after a card's number are its CVC, and go with it.
    let grouped = digits.len() < seen.secret().len();
    seen.whole_if(is_card(&digits) || (grouped && digits.len() == 19 && is_card(&digits[..16])))
}

fn digits(text: &str) -> Vec<u32> {
    text.replace("%20", " ").chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Whether the digits go on: a fraction, an IBAN, an id with dashes.
fn is_part_of_longer(seen: &Seen<'_>) -> bool {
    #[expect(clippy::expect_used, reason = "a constant, and a test compiles it")]
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:[0-9][.,]|[0-9A-Fa-f]{4}-|\b[A-Z]{2}[0-9]{2}(?:[ -][A-Z0-9]{4})*[ -])$")
            .expect("what stands before a number compiles")
    });
    let mut tail = seen.span.start.saturating_sub(64);
    while !seen.text.is_char_boundary(tail) {
        tail += 1;
    }
    let mut after = seen.after().chars();
    let fraction =
        matches!(after.next(), Some('.' | ',')) && after.next().is_some_and(|c| c.is_ascii_digit());
    fraction || BEFORE.is_match(&seen.text[tail..seen.span.start])
}

fn is_card(digits: &[u32]) -> bool {
    has_issuer(digits) && luhn(digits)
}

/// Whether an issuer gives out numbers of this prefix and length.
///
/// Not the Visa numbers of 13 digits (there are none any more, and product codes look alike), nor
/// Visa's and Discover's of 19 (hardly any are given out, and many an id looks alike).
fn has_issuer(digits: &[u32]) -> bool {
    let prefix = digits.iter().take(6).fold(0, |number, digit| number * 10 + digit);
    match prefix {
        222_100..=272_099
        | 400_000..=499_999
        | 510_000..=559_999
        | 601_100..=601_199
        | 644_000..=659_999 => digits.len() == 16,
        340_000..=349_999 | 370_000..=379_999 => digits.len() == 15,
        300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
            digits.len() == 14
        }
        220_000..=220_499
        | 352_800..=358_999
        | 620_000..=629_999
        | 501_800..=501_899
        | 502_000..=502_099
        | 503_800..=503_899
        | 589_300..=589_399
        | 630_400..=630_499
        | 675_900..=675_999
        | 676_100..=676_399 => (16..=19).contains(&digits.len()),
        _ => false,
    }
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match digit << (at % 2) {
            doubled @ 10.. => doubled - 9,
            digit => digit,
        })
        .sum();
    sum.is_multiple_of(10)
}
