//! What was run a moment ago, from one `snag` to the next.
//!
//! # Promises
//!
//! - A file of the user's own, mode 0600: `$XDG_RUNTIME_DIR/snag.noticed`, or `noticed` in the state
//!   directory. It holds places, times, hashes and the signals that were told, no
//!   argument.
//! - It never holds more than [`MOST`] lines, and none older than the rules look back once it is
//!   written.
//! - Whatever is wrong with it, it is as if nothing had been run.

use std::env;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use jiff::Timestamp;
use rustix::fs::OFlags;
use snag::daemon::Paths;
use snag::event::Draft;

use super::rule::{Fate, Past};

/// The most commands that are remembered; the oldest go.
const MOST: usize = 64;
/// The most that is read: more than so many lines can have.
const MOST_BYTES: u64 = 256 * 1024;

/// Does something with what is remembered, alone, and keeps what it makes of it.
pub(super) fn with<T>(look: impl FnOnce(&mut Vec<Past>) -> T) -> T {
    let mut file = open().ok();
    let mut past = file.as_mut().and_then(|file| read(file).ok()).unwrap_or_default();
    let found = look(&mut past);
    if let Some(mut file) = file {
        // Forgetting costs a signal at worst.
        let _ = write(&mut file, &past);
    }
    found
}

fn path() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let runtime = runtime.filter(|dir| dir.is_dir()).map(|dir| dir.join("snag.noticed"));
    runtime.or_else(|| Some(Paths::of_user()?.state_dir.join("noticed")))
}

/// Locked until it is closed; whoever holds it does so for a moment only.
fn open() -> io::Result<File> {
    let path = path().ok_or(io::ErrorKind::NotFound)?;
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let file = options.custom_flags(no_link).open(path)?;
    file.lock()?;
    Ok(file)
}

fn read(file: &mut File) -> io::Result<Vec<Past>> {
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text.lines().filter_map(parse).collect())
}

fn write(file: &mut File, past: &[Past]) -> io::Result<()> {
    let newest = &past[past.len().saturating_sub(MOST)..];
    let text: String = newest.iter().map(line).collect();
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn line(past: &Past) -> String {
    let Past { at, program, hash, place, fate, session, signal } = past;
    let fate = match fate {
        Fate::Well => "well",
        Fate::Failed => "failed",
        Fate::Counted => "counted",
    };
    let at = at.as_millisecond();
    let signal = signal.as_ref().map(Draft::to_json).unwrap_or_default();
    let signal = String::from_utf8_lossy(&signal);
    format!("{at} {hash:016x} {fate} {program} {place} {session} {signal}\n")
}

fn parse(line: &str) -> Option<Past> {
    let mut words = line.splitn(7, ' ');
    let at = Timestamp::from_millisecond(words.next()?.parse().ok()?).ok()?;
    let hash = u64::from_str_radix(words.next()?, 16).ok()?;
    let fate = match words.next()? {
        "well" => Fate::Well,
        "failed" => Fate::Failed,
        "counted" => Fate::Counted,
        _ => return None,
    };
    let (program, place) = (words.next()?.to_owned(), words.next()?.to_owned());
    let session = words.next()?.parse().ok()?;
    let signal = match words.next()? {
        "" => None,
        signal => Some(Draft::parse(signal.as_bytes()).ok()?),
    };
    Some(Past { at, program, hash, place, fate, session, signal })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(millisecond: i64, fate: Fate) -> Past {
        let at = Timestamp::from_millisecond(millisecond).unwrap();
        let (program, place) = ("acme".to_owned(), "cli/acme/deploy".to_owned());
        let signal = Draft::parse(br#"{"count": 2, "note": "failed\ntwice"}"#).ok();
        let signal = signal.filter(|_| fate != Fate::Well);
        Past { at, program, hash: u64::MAX - 7, place, fate, session: 7, signal }
    }

    #[test]
    fn it_reads_what_it_wrote_and_no_more_than_it_may() {
        let mut file = tempfile::tempfile().unwrap();
        let few = [past(1, Fate::Well), past(2, Fate::Failed), past(3, Fate::Counted)];
        for past in [vec![past(0, Fate::Well); MOST + 9], few.to_vec(), Vec::new()] {
            write(&mut file, &past).unwrap();
            file.rewind().unwrap();
            assert_eq!(read(&mut file).unwrap(), past[past.len().saturating_sub(MOST)..]);
        }
    }

    #[test]
    fn what_makes_no_sense_is_as_if_it_were_not_there() {
        for bad in [
            "",
            "x",
            "1 zz well a b",
            "1 00 odd a b",
            "1 00 well",
            "1 00 well a b",
            "99999999999999999 0 well a b 1 x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"\xff\xfe").unwrap();
        file.rewind().unwrap();
        assert!(read(&mut file).is_err());
    }
}
