//! What a browser may load and run: the one style and the one script that are inside, by their
//! hashes, and nothing else.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The one style, without the white space that only its writers need.
pub(super) static STYLE: LazyLock<String> = LazyLock::new(|| tight(include_str!("page.css")));
/// The one script, without what only its readers need.
pub(super) static SCRIPT: LazyLock<String> = LazyLock::new(|| bare(include_str!("page.js")));

/// The `Content-Security-Policy` of every page.
pub static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        base64(&Sha256::digest(STYLE.as_bytes())),
        base64(&Sha256::digest(SCRIPT.as_bytes())),
    )
});

/// A script without its comments, which have lines of their own, and indents.
fn bare(script: &str) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// A style without line breaks, indents and the blanks around its punctuation.
fn tight(style: &str) -> String {
    let mut tight = style.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    for mark in ["{", "}", ";", ",", ": "] {
        let (loose, mark) = (format!(" {mark}"), mark.trim_end());
        if mark != ":" {
            tight = tight.replace(&loose, mark);
        }
        tight = tight.replace(&format!("{mark} "), mark);
    }
    tight.replace(";}", "}")
}

/// base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let letter = group >> (18 - 6 * position) & 0x3f;
            text.push(if position <= chunk.len() {
                char::from(LETTERS[letter as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn style_and_script_are_small_and_load_nothing() {
        assert!(include_str!("page.js").lines().count() <= 150);
        assert!(!SCRIPT.contains("//") && SCRIPT.starts_with("'use strict';"));
        for foreign in ["url(", "@import", "http:", "https:", "</"] {
            assert!(!STYLE.contains(foreign) && !SCRIPT.contains(foreign), "{foreign}");
        }
    }
}
