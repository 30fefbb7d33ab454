//! Keys that SDKs and web pages post with.
//!
//! A key is publishable: it stands in programs and in pages. It is bound to a place, is good for
//! writing alone, and can be revoked. 128 random bits, 32 hexadecimal digits; a file in the state
//! directory keeps hashes of them, one a line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::Place;
use crate::journal;

/// What a key is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// For Sentry SDKs.
    #[default]
    Sentry,
    /// For web pages.
    Browser,
}

/// A key, without its digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its number, from 1; none is given twice.
    pub number: u32,
    /// What it is for.
    pub kind: KeyKind,
    /// The place that whatever it posts lies below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// A key as it lies in the file.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    key: Key,
    /// In hexadecimal digits.
    hash: String,
}

/// All keys there are.
pub struct Keys {
    path: PathBuf,
    kept: RwLock<Vec<Kept>>,
}

/// The file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the file of keys {path} cannot be used: mend it, or delete it and make new keys with `snag dsn`"
)]
pub struct KeysError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Keys {
    /// Reads the file; none is no keys.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let error = |source| KeysError { path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(error(source)),
        };
        let kept: Result<Vec<Kept>, _> = text.lines().map(serde_json::from_str).collect();
        let kept = kept.map_err(|source| error(source.into()))?;
        Ok(Self { path: path.to_owned(), kept: RwLock::new(kept) })
    }

    /// The key with these digits, if it is good for that.
    #[must_use]
    pub fn find(&self, kind: KeyKind, digits: &str) -> Option<Key> {
        let hash = blake3::hash(digits.as_bytes());
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let is_it = |kept: &&Kept| {
            // Hashes are compared in constant time.
            blake3::Hash::from_hex(&kept.hash).is_ok_and(|known| known == hash)
        };
        let key = kept.iter().find(is_it).map(|kept| &kept.key);
        key.filter(|key| key.kind == kind && key.revoked_at.is_none()).cloned()
    }

    /// The keys that are good.
    #[must_use]
    pub fn list(&self) -> Vec<Key> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|kept| &kept.key).filter(|key| key.revoked_at.is_none()).cloned().collect()
    }

    /// Makes a key and says its digits, this once. It is on disk when this returns.
    pub fn make(
        &self,
        kind: KeyKind,
        place: Option<Place>,
        made_at: Timestamp,
    ) -> io::Result<(Key, String)> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(io::Error::other)?;
        let digits = format!("{:032x}", u128::from_be_bytes(bits));
        let hash = blake3::hash(digits.as_bytes()).to_hex().to_string();
        self.change(|kept| {
            let number = kept.last().map_or(1, |last| last.key.number + 1);
            let key = Key { number, kind, place, made_at, revoked_at: None };
            kept.push(Kept { key: key.clone(), hash });
            key
        })
        .map(|key| (key, digits))
    }

    /// Revokes a key; false where there is none of that number.
    pub fn revoke(&self, number: u32, at: Timestamp) -> io::Result<bool> {
        self.change(|kept| {
            let key = kept.iter_mut().map(|kept| &mut kept.key).find(|key| key.number == number);
            key.filter(|key| key.revoked_at.is_none())
                .map(|key| key.revoked_at = Some(at))
                .is_some()
        })
    }

    /// Changes all of them, on disk and then in memory.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Kept>) -> T) -> io::Result<T> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = kept.clone();
        let answer = change(&mut changed);
        write(&self.path, &changed)?;
        *kept = changed;
        Ok(answer)
    }
}

/// Puts another file into the place of the one that was.
fn write(path: &Path, kept: &[Kept]) -> io::Result<()> {
    let mut lines = Vec::new();
    for kept in kept {
        serde_json::to_writer(&mut lines, kept)?;
        lines.push(b'\n');
    }
    journal::replace(path, &lines)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_known_until_it_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let now: Timestamp = "2026-11-20T15:00:00Z".parse().unwrap();
        let keys = Keys::read(&path).unwrap();
        assert_eq!(keys.list(), []);
        let place = Place::parse("web").unwrap();
        let (first, digits) = keys.make(KeyKind::Sentry, Some(place), now).unwrap();
        let (second, others) = keys.make(KeyKind::Sentry, None, now).unwrap();
        assert_eq!((first.number, second.number, digits.len()), (1, 2, 32));
        assert_eq!(keys.find(KeyKind::Sentry, &digits), Some(first.clone()));
        assert_eq!(keys.find(KeyKind::Sentry, ""), None);

        assert!(keys.revoke(2, now).unwrap());
        assert!(!keys.revoke(2, now).unwrap() && !keys.revoke(7, now).unwrap());
        let again = Keys::read(&path).unwrap();
        assert_eq!(again.list(), [first]);
        assert_eq!(again.find(KeyKind::Sentry, &others), None);
        assert_eq!(again.make(KeyKind::Sentry, None, now).unwrap().0.number, 3);

        let file = fs::read_to_string(&path).unwrap();
        assert!(!file.contains(&digits), "{file}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "nonsense\n").unwrap();
        assert!(Keys::read(&path).is_err());
    }
}
