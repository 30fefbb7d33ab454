//! Marks: short texts, all searched for at once, in any case.
//!
//! An automaton after Aho and Corasick ("Efficient string matching: an aid to bibliographic search",
//! 1975), with the step for each state and letter worked out beforehand, by the compiler: a command that
//! looks at one note and ends has no time for it. Bytes that no mark has are one letter, so that the
//! table is small.

/// There are fewer letters than this in all marks of an automaton.
const LETTERS: usize = 64;

/// Where a text begins: no part of a mark was seen.
const START: u16 = 0;

/// What is searched for; each list of marks has a bit.
pub(super) struct Marks<const STATES: usize> {
    /// The letter of each byte; 0 is what no mark has.
    letters: [u8; 256],
    /// For each state and letter the next state.
    steps: [[u16; LETTERS]; STATES],
    /// The bits of the lists that have a mark which ends with a state.
    bits: [u64; STATES],
}

/// The most states that an automaton of these marks has: one for each of their letters, and the start.
pub(super) const fn states(lists: &[&[&str]]) -> usize {
    let (mut states, mut list) = (1, 0);
    while list < lists.len() {
        let mut nth = 0;
        while nth < lists[list].len() {
            states += lists[list][nth].len();
            nth += 1;
        }
        list += 1;
    }
    states
}

impl<const STATES: usize> Marks<STATES> {
    /// Of up to 64 lists, of marks that are not empty.
    pub(super) const fn new(lists: &[&[&str]]) -> Self {
        assert!(lists.len() <= u64::BITS as usize, "a list has a bit");
        let mut all =
            Self { letters: [0; 256], steps: [[START; LETTERS]; STATES], bits: [0; STATES] };
        let (mut states, mut letters, mut list) = (1, 1, 0);
        while list < lists.len() {
            let mut nth = 0;
            while nth < lists[list].len() {
                let (mark, mut state, mut at) = (lists[list][nth].as_bytes(), START, 0);
                while at < mark.len() {
                    letters = all.add_letter(mark[at], letters);
                    let step =
                        &mut all.steps[state as usize][all.letters[mark[at] as usize] as usize];
                    if *step == START {
                        *step = states;
                        states += 1;
                    }
                    state = *step;
                    at += 1;
                }
                all.bits[state as usize] |= 1 << list;
                nth += 1;
            }
            list += 1;
        }
        all.complete();
        all
    }

    /// Makes a byte a letter, if it is none; says which is the next.
    const fn add_letter(&mut self, byte: u8, next: u8) -> u8 {
        // Of 256 bytes the letters of both cases are one.
        let (small, large) = (byte.to_ascii_lowercase(), byte.to_ascii_uppercase());
        if self.letters[small as usize] != 0 {
            return next;
        }
        self.letters[small as usize] = next;
        self.letters[large as usize] = next;
        next + 1
    }

    /// Fills in where to go from a state by a letter that goes on with no mark: where the longest end of
    /// what was read goes, the nearest states first.
    const fn complete(&mut self) {
        let (mut falls, mut reached) = ([START; STATES], [START; STATES]);
        let (mut next, mut known) = (0, 1);
        while next < known {
            let state = reached[next];
            next += 1;
            let mut letter = 0;
            while letter < LETTERS {
                let fallen = match state {
                    START => START,
                    _ => self.steps[falls[state as usize] as usize][letter],
                };
                let to = self.steps[state as usize][letter];
                if to == START {
                    self.steps[state as usize][letter] = fallen;
                } else {
                    falls[to as usize] = fallen;
                    self.bits[to as usize] |= self.bits[fallen as usize];
                    reached[known] = to;
                    known += 1;
                }
                letter += 1;
            }
        }
    }

    /// The bits of all lists of which a text has a mark.
    pub(super) fn of(&self, text: &str) -> u64 {
        let (mut state, mut found) = (START, 0);
        for byte in text.bytes() {
            let letter = usize::from(self.letters[usize::from(byte)]) % LETTERS;
            state = self.steps[usize::from(state)][letter];
            found |= self.bits[usize::from(state)];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: [&[&str]; 9] = [
        &["a"],
        &["="],
        &["%3d"],
        &["key"],
        &["keys"],
        &["SK", "eyJ"],
        &["eyJ"],
        &["ey=k"],
        &["é!"],
    ];
    static ALL: Marks<{ states(&MARKS) }> = Marks::new(&MARKS);

    /// Each mark looked for by itself.
    fn one_by_one(text: &str) -> u64 {
        let text = text.to_ascii_lowercase();
        let has = |mark: &&str| text.contains(&mark.to_ascii_lowercase());
        let found = (0..).zip(MARKS).filter(|(_, marks)| marks.iter().any(has));
        found.fold(0, |found, (at, _)| found | 1 << at)
    }

    proptest! {
        #[test]
        fn all_are_found_wherever_they_stand(text in "([aA=%3dDkKeEyYsSjJé! ]|key|SK|eyJ){0,12}") {
            prop_assert_eq!(ALL.of(&text), one_by_one(&text), "{}", text);
        }
    }
}
