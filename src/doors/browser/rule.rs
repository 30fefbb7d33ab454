//! The rules of the snippet in words, as they are stored with each signal, and the kind it is of.
//!
//! The page tells the numbers it went by; the words are ours.

use crate::event::{Kind, SignalName};

/// What stood in the way, as the signal's name has it.
pub(super) const fn kind(name: SignalName) -> Kind {
    match name {
        SignalName::DeadClick => Kind::NoResponse,
        SignalName::ErrorClick => Kind::Error,
        _ => Kind::Unexpected,
    }
}

/// The rule that a signal of a page went by, in words; none where pages give no such signal. What is
/// no number is the usual one, here as in the page.
pub(super) fn in_words(name: SignalName, numbers: &str) -> Option<String> {
    let said: Vec<&str> = numbers.split(' ').collect();
    let number = |at: usize, usual: u32| {
        said.get(at).and_then(|number| number.parse().ok()).unwrap_or(usual)
    };
    Some(match name {
        SignalName::RageClick => {
            let (clicks, time, span) = (number(0, 4), seconds(number(1, 1000)), number(2, 30));
            format!(
                "{clicks} clicks within {time} s on the same target (or <= {span} px), cancelled by selection, scroll, input; not in text fields or steppers"
            )
        }
        SignalName::DeadClick => {
            let time = seconds(number(0, 2500));
            format!(
                "an interactive element, no mutation, navigation, request, focus, scroll or visibility change within {time} s; anchors with href, downloads, canvas and video excluded"
            )
        }
        SignalName::ErrorClick => {
            let time = number(0, 100);
            format!(
                "uncaught error or failed request within the click's activity or {time} ms after"
            )
        }
        _ => return None,
    })
}

/// `2500` as `2.5`.
fn seconds(milliseconds: u32) -> f64 {
    f64::from(milliseconds) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use SignalName::{DeadClick, ErrorClick, RageClick};

    #[test]
    fn the_numbers_are_the_pages_and_the_words_ours() {
        let words = |name, numbers| in_words(name, numbers).unwrap();
        assert_eq!(
            words(RageClick, "4 1000 30"),
            "4 clicks within 1 s on the same target (or <= 30 px), cancelled by selection, scroll, input; not in text fields or steppers"
        );
        assert_eq!(
            words(DeadClick, "2500"),
            "an interactive element, no mutation, navigation, request, focus, scroll or visibility change within 2.5 s; anchors with href, downloads, canvas and video excluded"
        );
        assert_eq!(
            words(ErrorClick, "100"),
            "uncaught error or failed request within the click's activity or 100 ms after"
        );
        assert!(words(RageClick, "5 800 20").starts_with("5 clicks within 0.8 s"));
        assert!(words(RageClick, "5").starts_with("5 clicks within 1 s"));
        for nonsense in ["", "ten", "-1", "99999999999"] {
            assert_eq!(words(DeadClick, nonsense), words(DeadClick, "2500"), "{nonsense}");
        }
        assert_eq!(in_words(SignalName::Crash, ""), None);
    }
}
