//! The line that a person types below a command that failed. Pure: keys in, steps out.

/// What a key makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is more to come.
    More,
    /// It is done.
    Done,
    /// It is not wanted.
    Left,
}

/// What was typed so far.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
}

impl Line {
    /// Takes a key.
    pub(super) fn press(&mut self, key: u8) -> Step {
        match key {
            b'\r' | b'\n' => return Step::Done,
            // Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\, Escape and what begins with it.
            0x03 | 0x04 | 0x1a | 0x1c | 0x1b => return Step::Left,
            0x08 | 0x7f => self.drop_last(),
            // Ctrl-U, Ctrl-W
            0x15 => self.bytes.clear(),
            0x17 => self.drop_word(),
            0..0x20 => {}
            letter => self.bytes.push(letter),
        }
        Step::More
    }

    /// What it says.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn drop_last(&mut self) {
        let is_continued = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
        while self.bytes.pop().is_some_and(is_continued) {}
    }

    fn drop_word(&mut self) {
        let text = self.text();
        let kept = text.trim_end().rsplit_once(' ').map_or(0, |(before, _)| before.len() + 1);
        self.bytes.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> (String, Step) {
        let mut line = Line::default();
        let step = keys.bytes().map(|key| line.press(key)).last().unwrap_or(Step::More);
        (line.text(), step)
    }

    #[test]
    fn it_edits_as_a_terminal_does() {
        assert_eq!(typed("it hangs\r"), ("it hangs".to_owned(), Step::Done));
        assert_eq!(typed("itü\x7f\x7fs"), ("is".to_owned(), Step::More));
        assert_eq!(typed("it hangs \x17so"), ("it so".to_owned(), Step::More));
        assert_eq!(typed("it hangs\x15x"), ("x".to_owned(), Step::More));
        assert_eq!(typed("\x7f\x17\x01x"), ("x".to_owned(), Step::More));
        for key in ["\x03", "\x04", "\x1a", "\x1b[A"] {
            let first = key.get(..1).unwrap();
            assert_eq!(typed(&format!("it{first}")).1, Step::Left, "{key:?}");
        }
    }
}
