//! Any text: what is scrubbed has nothing left to scrub.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snag::event::scrub;

fuzz_target!(|text: &str| {
    if let Some((clean, rules)) = scrub(text) {
        assert!(!rules.is_empty());
        let again = scrub(&clean);
        assert!(again.is_none(), "{clean:?} becomes {again:?}");
    }
});
