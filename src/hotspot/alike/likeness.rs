//! How alike texts are: the cosine of TF-IDF on the letters of English stems, in whole numbers.
//!
//! A text is the set of pieces of 3 and 4 letters of its stems, so that `crash`, `crashes` and
//! `crashing` have most in common and a typo costs little. What few of the texts have weighs more:
//! 1 + ln(texts / those that have it), the logarithm being the sum of 1/k between the two. Function
//! words are left out: among the few notes of one place they would be what is alike.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};

/// Three or four letters, 21 bits each: one number is found faster than a list. The first and the
/// last letter of a word have a blank beside them.
type Piece = u128;

/// 1.0, of a cosine and of a weight.
const ONE: u64 = 1 << 14;
/// Words looked at: what a note is about is said early, and the time is bounded.
const MOST_WORDS: usize = 50;
/// English words that say how, not what.
const FUNCTION_WORDS: [&str; 116] = [
    "a", "after", "again", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "but", "by", "can", "can't", "cannot", "could", "did", "didn't", "do", "does",
    "doesn't", "don't", "done", "each", "even", "every", "for", "from", "get", "gets", "got",
    "had", "has", "have", "he", "her", "him", "his", "how", "i", "i'm", "if", "in", "into", "is",
    "isn't", "it", "it's", "its", "just", "me", "more", "most", "my", "no", "nobody", "nor", "not",
    "nothing", "now", "of", "off", "on", "one", "only", "or", "our", "out", "own", "she", "should",
    "so", "some", "still", "such", "than", "that", "that's", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "though", "to", "too", "until", "up", "us", "very",
    "was", "wasn't", "we", "were", "what", "when", "where", "which", "while", "who", "why", "will",
    "with", "without", "won't", "would", "you", "your",
];

/// How alike each two of some texts are.
pub(super) struct Likeness {
    texts: usize,
    cosines: Vec<u64>,
}

/// A share of [`ONE`].
pub(super) const fn percent(percent: u64) -> u64 {
    ONE * percent / 100
}

impl Likeness {
    /// Compares each two texts.
    pub(super) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut pieces = Pieces::new();
        let mut count = 0;
        for text in texts {
            pieces.add(text, count);
            count += 1;
        }
        Self { texts: count, cosines: cosines(products(&pieces.owners, count), count) }
    }

    /// How many texts there are.
    pub(super) fn texts(&self) -> usize {
        self.texts
    }

    /// The cosine of two of them.
    pub(super) fn of_pair(&self, one: usize, other: usize) -> u64 {
        self.cosines[one * self.texts + other]
    }
}

/// Which texts have which pieces.
struct Pieces {
    stemmer: Stemmer,
    /// The pieces of each word by their numbers: whoever writes of one place uses the same words.
    words: HashMap<String, Vec<usize>>,
    /// A number for each piece.
    numbers: HashMap<Piece, usize>,
    /// The texts that have each, in order.
    owners: Vec<Vec<usize>>,
}

impl Pieces {
    fn new() -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        Self { stemmer, words: HashMap::new(), numbers: HashMap::new(), owners: Vec::new() }
    }

    /// Adds the text that comes next, by its number.
    fn add(&mut self, text: &str, nth: usize) {
        let text = text.to_lowercase().replace('’', "'");
        let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
        let words = words.map(|word| word.trim_matches('\'')).filter(|word| says_what(word));
        for word in words.take(MOST_WORDS) {
            if !self.words.contains_key(word) {
                let pieces = self.of_word(word);
                self.words.insert(word.to_owned(), pieces);
            }
            for piece in &self.words[word] {
                let owners = &mut self.owners[*piece];
                if owners.last() != Some(&nth) {
                    owners.push(nth);
                }
            }
        }
    }

    fn of_word(&mut self, word: &str) -> Vec<usize> {
        let letters: Vec<_> = format!(" {} ", self.stemmer.stem(word)).chars().collect();
        let pieces = letters.windows(3).chain(letters.windows(4)).map(piece);
        let number = |piece| {
            *self.numbers.entry(piece).or_insert_with(|| {
                self.owners.push(Vec::new());
                self.owners.len() - 1
            })
        };
        pieces.map(number).collect()
    }
}

fn piece(letters: &[char]) -> Piece {
    letters.iter().fold(0, |piece, letter| piece << 21 | Piece::from(u32::from(*letter)))
}

/// Numbers and ids say of which one, not what.
fn says_what(word: &str) -> bool {
    let is_name = word.bytes().any(|byte| byte.is_ascii_digit());
    !word.is_empty() && !is_name && !FUNCTION_WORDS.contains(&word)
}

/// The scalar product of each of `count` texts with itself and those behind it, from whose each piece is.
fn products(owners: &[Vec<usize>], count: usize) -> Vec<u64> {
    // Of a piece that so many have, from all of them down to one.
    let mut weights = vec![ONE];
    weights.extend((2..=count).rev().scan(ONE, |weight, k| {
        *weight += ONE / k as u64;
        Some(*weight)
    }));
    let mut products = vec![0; count * count];
    for owners in owners {
        let weight = weights[count - owners.len()];
        for (nth, one) in owners.iter().enumerate() {
            let products = &mut products[one * count..][..count];
            for other in &owners[nth..] {
                products[*other] += weight * weight;
            }
        }
    }
    products
}

/// The cosine of each two, either way round.
fn cosines(mut products: Vec<u64>, count: usize) -> Vec<u64> {
    let lengths: Vec<_> = (0..count).map(|at| products[at * count + at].isqrt()).collect();
    for one in 0..count {
        for other in one..count {
            let of_lengths = lengths[one] * lengths[other];
            let cosine = products[one * count + other] * ONE / of_lengths.max(1);
            products[one * count + other] = cosine;
            products[other * count + one] = cosine;
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> u64 {
        // Beside others, so that what the two have in common is not what all have.
        let texts = [one, other, "the price is in another currency", "no sound in the video"];
        Likeness::of(texts).of_pair(0, 1) * 100 / ONE
    }

    #[test]
    fn what_is_alike() {
        for (one, other, least, most) in [
            ("crashes on start", "it crashed when starting", 95, 100),
            ("export is slow", "slow exporting", 95, 100),
            ("voucher refused", "vuocher refused", 45, 80),
            ("order 8812 is lost", "order 17 lost", 95, 100),
            ("don’t see it", "it's not for me", 0, 0),
            ("card form cleared", "bank window hidden", 0, 0),
            ("", "", 0, 0),
        ] {
            let found = alike(one, other);
            assert!((least..=most).contains(&found), "{one:?} and {other:?}: {found} %");
            assert_eq!(found, alike(other, one), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn long_texts_stay_within_64_bits() {
        let letters: String = ('一'..='鿿').collect();
        let likeness = Likeness::of([letters.as_str(), &letters, &"ab".repeat(30_000)]);
        let of_pairs = [(0, 1), (0, 2)].map(|(one, other)| likeness.of_pair(one, other));
        assert_eq!(of_pairs.map(|cosine| cosine * 100 / ONE), [100, 0]);
    }
}
