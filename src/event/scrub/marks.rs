//! Marks: short texts, all searched for at once.
//!
//! Which pairs of bytes marks begin with is a table of bits, and hardly any pair of a text is in it. It
//! is made in a few microseconds, which counts for a command that looks at one note and ends; an
//! automaton takes half a millisecond, and searches no faster.

/// What is searched for; each mark with the bits that finding it sets.
///
/// A mark with capitals is meant as it is written, one without in any case.
pub(super) struct Marks {
    /// What one byte sets by itself.
    single: [u64; 256],
    /// A bit for each pair of bytes, small letters, that longer marks begin with.
    begins: Vec<u64>,
    /// The longer marks, sorted by what they begin with.
    longer: Vec<(u16, &'static str, u64)>,
}

impl Marks {
    /// Of marks that are not empty.
    pub(super) fn new(marks: impl IntoIterator<Item = (&'static str, u64)>) -> Self {
        let mut all = Self { single: [0; 256], begins: vec![0; 1024], longer: Vec::new() };
        for (mark, bits) in marks {
            match *mark.as_bytes() {
                [] => {}
                [byte] => {
                    all.single[usize::from(byte)] |= bits;
                    all.single[usize::from(byte.to_ascii_uppercase())] |= bits;
                }
                [first, second, ..] => {
                    let pair = pair(first, second);
                    all.begins[usize::from(pair / 64)] |= 1 << (pair % 64);
                    all.longer.push((pair, mark, bits));
                }
            }
        }
        all.longer.sort_by_key(|(pair, ..)| *pair);
        all
    }

    /// The bits of all marks that a text has.
    pub(super) fn of(&self, text: &str) -> u64 {
        let text = text.as_bytes();
        let mut found = text.iter().fold(0, |found, byte| found | self.single[usize::from(*byte)]);
        for at in 1..text.len() {
            let pair = pair(text[at - 1], text[at]);
            if self.begins[usize::from(pair / 64)] & 1 << (pair % 64) != 0 {
                found |= self.beginning(pair, &text[at - 1..]);
            }
        }
        found
    }

    fn beginning(&self, pair: u16, text: &[u8]) -> u64 {
        let first = self.longer.partition_point(|(other, ..)| *other < pair);
        let marks = self.longer[first..].iter().take_while(|(other, ..)| *other == pair);
        marks
            .filter(|(_, mark, _)| is_at_start(mark, text))
            .fold(0, |found, (.., bits)| found | bits)
    }
}

/// Two bytes as one number, their letters small.
fn pair(first: u8, second: u8) -> u16 {
    u16::from_be_bytes([first.to_ascii_lowercase(), second.to_ascii_lowercase()])
}

fn is_at_start(mark: &str, text: &[u8]) -> bool {
    let has_capitals = mark.bytes().any(|byte| byte.is_ascii_uppercase());
    text.get(..mark.len()).is_some_and(|start| {
        if has_capitals {
            start == mark.as_bytes()
        } else {
            start.eq_ignore_ascii_case(mark.as_bytes())
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: [&str; 8] = ["a", "=", "%3d", "key", "keys", "SK", "eyJ", "é!"];

    /// Each mark looked for by itself.
    fn one_by_one(text: &str) -> u64 {
        let has = |mark: &str| match mark {
            "SK" | "eyJ" => text.contains(mark),
            _ => text.to_ascii_lowercase().contains(mark),
        };
        (0..).zip(MARKS).filter(|(_, mark)| has(mark)).fold(0, |found, (at, _)| found | 1 << at)
    }

    proptest! {
        #[test]
        fn all_are_found_wherever_they_stand(text in "([aA=%3dDkKeEyYsSjJé! ]|key|SK|eyJ){0,12}") {
            let marks = Marks::new((0..).zip(MARKS).map(|(at, mark)| (mark, 1 << at)));
            prop_assert_eq!(marks.of(&text), one_by_one(&text), "{}", text);
        }
    }
}
