//! Marks: short texts, all searched for at once, in any case.
//!
//! An automaton after Aho and Corasick ("Efficient string matching: an aid to bibliographic search",
//! 1975), with the step for each state and letter worked out beforehand. Bytes that no mark has are one
//! letter, so that the table is small and made in some tens of microseconds, which counts for a command
//! that looks at one note and ends.

/// What is searched for; each mark with the bits that finding it sets.
pub(super) struct Marks {
    /// The letter of each byte; 0 is what no mark has.
    letters: [u8; 256],
    /// How many letters there are.
    width: u8,
    /// For each state and letter the next state, as where its row begins.
    steps: Vec<u16>,
    /// The bits of the marks that end with a state; by where its row begins, so with gaps.
    bits: Vec<u64>,
}

/// Where a text begins: no part of a mark was seen.
const START: u16 = 0;

impl Marks {
    /// Of marks that are not empty, some thousand bytes in all.
    pub(super) fn new(marks: &[(&str, u64)]) -> Self {
        let mut all = Self { letters: [0; 256], width: 1, steps: Vec::new(), bits: Vec::new() };
        for byte in marks.iter().flat_map(|(mark, _)| mark.bytes()) {
            all.add_letter(byte);
        }
        all.add_state();
        for (mark, bits) in marks {
            let mut state = START;
            for byte in mark.bytes() {
                let step = usize::from(state) + usize::from(all.letters[usize::from(byte)]);
                if all.steps[step] == START {
                    all.steps[step] = all.add_state();
                }
                state = all.steps[step];
            }
            all.bits[usize::from(state)] |= bits;
        }
        all.complete();
        all
    }

    fn add_letter(&mut self, byte: u8) {
        let [small, large] = [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()];
        if self.letters[usize::from(small)] == 0 {
            // Of 256 bytes the letters of both cases are one.
            self.letters[usize::from(small)] = self.width;
            self.letters[usize::from(large)] = self.width;
            self.width += 1;
        }
    }

    #[expect(clippy::expect_used, reason = "the marks are constant, and tests search for all")]
    fn add_state(&mut self) -> u16 {
        let state = self.steps.len();
        let end = state + usize::from(self.width);
        self.steps.resize(end, START);
        self.bits.resize(end, 0);
        u16::try_from(state).expect("marks are few")
    }

    /// Fills in where to go from a state by a letter that goes on with no mark: where the longest end of
    /// what was read goes, the nearest states first.
    fn complete(&mut self) {
        let mut falls = vec![START; self.steps.len()];
        let mut reached = vec![START];
        let mut next = 0;
        while let Some(&state) = reached.get(next) {
            next += 1;
            for letter in (0..self.width).map(usize::from) {
                let step = usize::from(state) + letter;
                let fallen = match state {
                    START => START,
                    _ => self.steps[usize::from(falls[usize::from(state)]) + letter],
                };
                let to = self.steps[step];
                if to == START {
                    self.steps[step] = fallen;
                } else {
                    falls[usize::from(to)] = fallen;
                    self.bits[usize::from(to)] |= self.bits[usize::from(fallen)];
                    reached.push(to);
                }
            }
        }
    }

    /// The bits of all marks that a text has.
    pub(super) fn of(&self, text: &str) -> u64 {
        let (mut state, mut found) = (usize::from(START), 0);
        for byte in text.bytes() {
            state = usize::from(self.steps[state + usize::from(self.letters[usize::from(byte)])]);
            found |= self.bits[state];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: [&str; 9] = ["a", "=", "%3d", "key", "keys", "SK", "eyJ", "ey=k", "é!"];

    /// Each mark looked for by itself.
    fn one_by_one(text: &str) -> u64 {
        let text = text.to_ascii_lowercase();
        let has = |mark: &str| text.contains(&mark.to_ascii_lowercase());
        (0..).zip(MARKS).filter(|(_, mark)| has(mark)).fold(0, |found, (at, _)| found | 1 << at)
    }

    proptest! {
        #[test]
        fn all_are_found_wherever_they_stand(text in "([aA=%3dDkKeEyYsSjJé! ]|key|SK|eyJ){0,12}") {
            let marks: Vec<_> = (0..).zip(MARKS).map(|(at, mark)| (mark, 1 << at)).collect();
            prop_assert_eq!(Marks::new(&marks).of(&text), one_by_one(&text), "{}", text);
        }
    }
}
