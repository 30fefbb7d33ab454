//! Faults on purpose: whatever fails, what was acknowledged is there, and snagd says what happened.
//!
//! | module | what goes wrong |
//! |---|---|
//! | `injected` | a system call fails, once or for ever, while running and while starting |
//! | `full` | the disk is full, or turns read-only |
//! | `limits` | file sizes, descriptors, memory, a stopped process |
//! | `clock` | the clock jumps by hours and years, both ways |
//! | `doors` | SIGKILL while every door is used at once |
//! | `forget` | SIGKILL while somebody is forgotten |
//! | `load` | a thousand connections, slow senders, floods of nonsense |
//! | `cut` | the power goes: any state a disk may show then |
//! | `corrupt` | files damaged, cut short, emptied, deleted |
//! | `whose` | files are of somebody else, or cannot be written |
//!
//! A bounded part of each runs with the other tests; `SNAG_ROUNDS` makes campaigns of them.

mod acknowledged;
mod clock;
mod corrupt;
mod cut;
mod disk;
mod doors;
mod forget;
mod full;
mod injected;
mod limits;
mod load;
mod mounted;
pub(crate) mod strace;
mod trace;
mod whose;

use std::fs;
use std::path::Path;

use crate::harness::{Dir, Snagd};
use crate::not_tried::not_tried;

/// How many rounds to run where there is no end by itself.
fn rounds(usual: u64) -> u64 {
    let said = std::env::var("SNAG_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    said.unwrap_or(usual)
}

/// Copies a directory, but for the ballast, which is room and nothing else.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_name() != "ballast" {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A daemon on a copy of a state directory.
fn start_on_copy(of: &Path) -> Snagd {
    let dir = Dir::new();
    copy(of, &dir.path().join("state"));
    let mut snagd = Snagd::new(dir);
    snagd.restart();
    snagd
}

/// Numbers without chance, from a seed that a failing test can name.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // The first numbers of seeds that are alike are alike, too.
        for _ in 0..16 {
            dice.below(1);
        }
        dice
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let wide = u128::from(self.0) * end as u128;
        usize::try_from(wide >> 64).unwrap()
    }

    fn one_of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}
