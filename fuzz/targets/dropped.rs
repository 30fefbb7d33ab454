//! A dropped file of any bytes: its lines lie in it, one behind the other, and what is said of bad
//! ones is fit for a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snag::doors::drop::fuzzing;

fuzz_target!(|input: &[u8]| {
    let mut end = 0;
    let mut number = 0;
    for (line, span) in fuzzing::lines(input) {
        assert!(number < line && end <= span.start && span.start < span.end);
        assert!(span.end <= input.len());
        (number, end) = (line, span.end);
    }
    let (_, reasons) = fuzzing::confess(input);
    let is_plain = |character: char| character == '\n' || !character.is_control();
    assert!(reasons.chars().all(is_plain), "{reasons:?}");
});
