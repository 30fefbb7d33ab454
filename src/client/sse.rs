//! Server-sent events, read as WHATWG defines them.
//!
//! Pure: bytes in, frames out, however the bytes are cut. A frame that is longer than any of ours
//! is an error, not memory. `retry` is not for us: our callers have a patience of their own.

/// The most bytes of one frame.
const MOST: usize = 1024 * 1024;

/// What stood between two empty lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// The last id that was said, here or in an earlier frame.
    pub(super) id: String,
    /// The type of the event; empty where none is said.
    pub(super) event: String,
    /// Its data. A browser dispatches nothing where there is none, and keeps the id all the same.
    pub(super) data: String,
}

/// A frame that is longer than any of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Reads frames from bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// Whether the last byte was CR: then a LF belongs to it.
    after_return: bool,
    /// Whether a line was read: a byte order mark is one only before the first.
    is_begun: bool,
    frame: Frame,
    /// Whether the frame has said anything.
    is_frame: bool,
}

impl Parser {
    /// Takes more bytes, and gives the frames that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLong> {
        let mut frames = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\r' | b'\n' => frames.extend(self.end_line()),
                _ if MOST <= self.line.len() + self.frame.data.len() => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let mut line = line.as_ref();
        if !std::mem::replace(&mut self.is_begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_frame();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => value.clone_into(&mut self.frame.id),
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                self.frame.data.push_str(value);
                self.frame.data.push('\n');
            }
            // A comment, or a field nobody knows.
            _ => return None,
        }
        self.is_frame = true;
        None
    }

    fn end_frame(&mut self) -> Option<Frame> {
        let next = Frame { id: self.frame.id.clone(), ..Frame::default() };
        let mut frame = std::mem::replace(&mut self.frame, next);
        frame.data.pop();
        std::mem::take(&mut self.is_frame).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Frame> {
        Parser::default().push(text.as_bytes()).unwrap()
    }

    fn frame(id: &str, event: &str, data: &str) -> Frame {
        Frame { id: id.to_owned(), event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn frames_end_with_an_empty_line() {
        let text = "id: 7\nevent: event\ndata: {\"a\": 1}\n\nid: 8\n\ndata: half";
        assert_eq!(read(text), [frame("7", "event", "{\"a\": 1}"), frame("8", "", "")]);
        assert_eq!(read("\n\n\n"), []);
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r", "\r\n"] {
            let text = ["data:a", "data: b", "", "data:  c", "data", "", ""].join(end);
            assert_eq!(read(&text), [frame("", "", "a\nb"), frame("", "", " c\n")], "{end:?}");
        }
        assert_eq!(read("data:a\r\r\ndata:b\n\r"), [frame("", "", "a"), frame("", "", "b")]);
    }

    #[test]
    fn comments_and_unknown_fields_say_nothing() {
        assert_eq!(read(": nothing new\n\nretry: 5\nfoo: x\nno colon\n\n"), []);
        assert_eq!(read(":c\ndata:a\n:c\nid\n\n"), [frame("", "", "a")]);
    }

    #[test]
    fn an_id_stays_until_the_next() {
        let text = "id:1\ndata:a\n\ndata:b\n\nid:2\0\ndata:c\n\nid\ndata:d\n\n";
        let ids: Vec<_> = read(text).into_iter().map(|frame| frame.id).collect();
        assert_eq!(ids, ["1", "1", "1", ""]);
    }

    #[test]
    fn a_byte_order_mark_is_one_at_the_start_only() {
        assert_eq!(read("\u{feff}data:a\n\n\u{feff}data:b\n\n"), [frame("", "", "a")]);
    }

    #[test]
    fn what_never_ends_is_no_frame() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(&vec![b'x'; MOST]), Ok(Vec::new()));
        assert_eq!(parser.push(b"x"), Err(TooLong));
        let mut parser = Parser::default();
        let lines = "data: 0123456789\n".repeat(MOST / 10);
        assert_eq!(parser.push(lines.as_bytes()), Err(TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["data", "id", "event", ":", " ", "\r", "\n", "\r\n", "\n\n", "ä", "1"]),
                0..60,
            ),
            size in 1..9_usize,
        ) {
            let text = pieces.concat();
            let mut parser = Parser::default();
            let cut = text.as_bytes().chunks(size).flat_map(|bytes| parser.push(bytes).unwrap());
            prop_assert_eq!(cut.collect::<Vec<_>>(), read(&text));
        }
    }
}
