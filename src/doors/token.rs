//! The token that reading over TCP needs.
//!
//! 256 random bits, written `snag_` and 43 characters of base64url, so that secret scanners know
//! one when they see it. The first one lies in the state directory, readable by its owner alone;
//! the daemon keeps a hash.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The hash of a token. Two hashes are compared in constant time.
#[derive(Clone)]
pub struct Hash(blake3::Hash);

/// What is wrong with a token file.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It could not be read or made.
    #[error("the token file {path} cannot be read or made")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the token file {0} can be read by other users: run `chmod 600` on it, or delete it and a new token is made"
    )]
    Open(PathBuf),
    /// It holds something else.
    #[error("the token file {0} holds no token: delete it and a new one is made")]
    Malformed(PathBuf),
}

const PREFIX: &str = "snag_";
const BITS: usize = 256;

impl Hash {
    fn of(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()))
    }

    /// What only who knows the token could write under a text: good as long as the token is.
    #[must_use]
    pub fn seal(&self, text: &str) -> blake3::Hash {
        blake3::keyed_hash(self.0.as_bytes(), text.as_bytes())
    }

    /// Whether this is the hash of `token`.
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        self.0 == blake3::hash(token.as_bytes())
    }
}

/// Reads the token file, or makes one with a new token.
pub fn read_or_make(path: &Path) -> Result<Hash, TokenError> {
    let io = |source| TokenError::Io { path: path.to_owned(), source };
    match make(path) {
        Ok(token) => return Ok(Hash::of(&token)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // A first start that was killed, or found no room, made it.
        fs::remove_file(path).and_then(|()| make(path)).map_err(io)?;
    }
    if fs::metadata(path).map_err(io)?.mode() & 0o077 != 0 {
        return Err(TokenError::Open(path.to_owned()));
    }
    let token = fs::read_to_string(path).map_err(io)?;
    let token = token.trim();
    if !is_token(token) {
        return Err(TokenError::Malformed(path.to_owned()));
    }
    Ok(Hash::of(token))
}

/// Whether a text can be a token of ours.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.starts_with(PREFIX) && PREFIX.len() + BITS.div_ceil(6) <= text.len()
}

fn make(path: &Path) -> io::Result<String> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let token = format!("{PREFIX}{}", random_key()?);
    let written = writeln!(file, "{token}").and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written.map(|()| token)
}

/// 256 random bits, as text.
pub(super) fn random_key() -> io::Result<String> {
    let mut bits = [0; BITS / 8];
    getrandom::fill(&mut bits).map_err(io::Error::other)?;
    Ok(base64url(&bits))
}

/// base64url without padding (RFC 4648, section 5).
pub(super) fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            let letter = group >> (18 - 6 * position) & 0x3f;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn base64url_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
        {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn a_token_is_made_once_and_kept_from_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let made = read_or_make(&path).unwrap();
        let token = fs::read_to_string(&path).unwrap();
        assert_eq!(token.trim().len(), PREFIX.len() + 43);
        assert!(made.matches(token.trim()));
        assert!(read_or_make(&path).unwrap().matches(token.trim()));
        assert!(!made.matches("snag_"));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_or_make(&path), Err(TokenError::Open(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "hello\n").unwrap();
        assert!(matches!(read_or_make(&path), Err(TokenError::Malformed(_))));
        // As a first start leaves it that is killed or finds no room.
        fs::write(&path, "").unwrap();
        read_or_make(&path).unwrap();
        assert!(is_token(fs::read_to_string(&path).unwrap().trim()));
    }
}
