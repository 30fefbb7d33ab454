//! What a daemon did to its files and said to its clients, read from a log of strace.

use std::fs;
use std::path::{Path, PathBuf};

/// The calls that are watched: everything that changes a file, its name or its durability, and what
/// is sent to clients.
const CALLS: &str = "openat,write,writev,pwrite64,sendto,ftruncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,unlinkat,mkdir,close";

/// The command that watches a daemon from its first call on; the log is whole once it has told the
/// daemon's end.
pub(super) fn watching(log: &Path) -> Vec<String> {
    let trace = format!("trace={CALLS}");
    let log = log.display().to_string();
    // Data whole, and the path of each descriptor beside its number.
    let words = ["strace", "-D", "-f", "-y", "-s", "67108864", "-o", &log, "-e", &trace];
    words.iter().map(|&word| word.to_owned()).collect()
}

/// One call. It took effect at some time from `began` to `ended`, which are lines of the log.
#[derive(Clone, Debug)]
pub(super) struct Op {
    pub(super) began: usize,
    /// `usize::MAX` if it never did.
    pub(super) ended: usize,
    pub(super) what: What,
}

/// What a call did, or tried to.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A file was opened, made if there was none, and emptied if so wanted.
    Open {
        path: PathBuf,
        makes: bool,
        empties: bool,
    },
    /// Written at an offset, or where the last write ended.
    Write {
        path: PathBuf,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    /// Given a length.
    Cut {
        path: PathBuf,
        length: u64,
    },
    /// Made at least so long.
    Grow {
        path: PathBuf,
        length: u64,
    },
    /// Put on disk, a file or the names in a directory.
    Sync {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    MakeDir {
        path: PathBuf,
    },
    /// Said to a client.
    Say {
        text: String,
    },
}

/// Reads a log.
pub(super) fn read(log: &Path) -> Vec<Op> {
    let bytes = fs::read(log).unwrap();
    let mut ops: Vec<Op> = Vec::new();
    // By thread: the line where a call has begun, and how it begins.
    let mut unfinished: Vec<(&[u8], usize, Vec<u8>)> = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else { continue };
        let (thread, rest) = (&line[..space], line[space..].trim_ascii());
        if let Some(start) = rest.strip_suffix(b" <unfinished ...>") {
            unfinished.push((thread, number, start.to_vec()));
        } else if let Some(resumed) = rest.strip_prefix(b"<... ") {
            let Some(at) = unfinished.iter().position(|(other, ..)| *other == thread) else {
                continue;
            };
            let (_, start, mut call) = unfinished.swap_remove(at);
            let end = find(resumed, b" resumed>").unwrap() + b" resumed>".len();
            call.extend_from_slice(&resumed[end..]);
            ops.extend(parse(&call, true).map(|what| Op { began: start, ended: number, what }));
        } else {
            ops.extend(parse(rest, true).map(|what| Op { began: number, ended: number, what }));
        }
    }
    for (_, began, call) in unfinished {
        ops.extend(parse(&call, false).map(|what| Op { began, ended: usize::MAX, what }));
    }
    ops.sort_by_key(|op| op.began);
    ops
}

/// What a call did; none if it failed or does not matter.
fn parse(call: &[u8], has_ended: bool) -> Option<What> {
    let open = call.iter().position(|byte| *byte == b'(')?;
    let (name, rest) = (std::str::from_utf8(&call[..open]).ok()?, &call[open + 1..]);
    // No string comes behind the result.
    let result = rest.windows(3).rposition(|window| window == b" = ").map(|at| &rest[at + 3..]);
    let has_failed = result.is_some_and(|it| it.starts_with(b"-") || it.starts_with(b"?"));
    if has_ended && has_failed {
        return None;
    }
    let args = Args::split(rest);
    Some(match name {
        "openat" => {
            let flags = args.text(2);
            let (makes, empties) = (flags.contains("O_CREAT"), flags.contains("O_TRUNC"));
            What::Open { path: args.path_at(0), makes, empties }
        }
        "pwrite64" => What::Write {
            path: args.file(0)?,
            at: Some(args.number(3)?),
            bytes: args.strings.first()?.clone(),
        },
        "write" | "writev" | "sendto" => match args.file(0) {
            Some(path) => What::Write { path, at: None, bytes: args.strings.concat() },
            None => What::Say { text: String::from_utf8_lossy(&args.strings.concat()).into() },
        },
        "ftruncate" => What::Cut { path: args.file(0)?, length: args.number(1)? },
        "fallocate" => {
            What::Grow { path: args.file(0)?, length: args.number(2)? + args.number(3)? }
        }
        // A sync that never ended proves nothing; sync_file_range never does.
        "fsync" | "fdatasync" if has_ended => What::Sync { path: args.file(0)? },
        "rename" => What::Rename { from: args.string_path(0), to: args.string_path(1) },
        "renameat" | "renameat2" => {
            What::Rename { from: args.path_at(0), to: args.path_between(2) }
        }
        "unlink" => What::Remove { path: args.string_path(0) },
        "unlinkat" => What::Remove { path: args.path_at(0) },
        "mkdir" => What::MakeDir { path: args.string_path(0) },
        _ => return None,
    })
}

/// The arguments of a call: as they are told, and the strings among them with their bytes.
struct Args {
    told: Vec<String>,
    strings: Vec<Vec<u8>>,
}

impl Args {
    /// Splits at commas outside of strings; strings are taken out.
    fn split(bytes: &[u8]) -> Self {
        let (mut told, mut strings) = (vec![String::new()], Vec::new());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    let (string, length) = unescape(&bytes[at + 1..]);
                    strings.push(string);
                    at += length + 1;
                }
                b',' => told.push(String::new()),
                _ => told.last_mut().unwrap().push(char::from(*byte)),
            }
            at += 1;
        }
        Self { told, strings }
    }

    fn text(&self, nth: usize) -> &str {
        self.told.get(nth).map_or("", |told| told.trim())
    }

    fn number(&self, nth: usize) -> Option<u64> {
        self.text(nth).split(')').next()?.trim().parse().ok()
    }

    /// The path of a descriptor, like `12</var/lib/snag/lock>`; none of a socket or a pipe.
    fn file(&self, nth: usize) -> Option<PathBuf> {
        let path = self.text(nth).split_once('<')?.1.split('>').next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    }

    fn string_path(&self, nth: usize) -> PathBuf {
        let bytes = self.strings.get(nth).cloned().unwrap_or_default();
        PathBuf::from(String::from_utf8(bytes).unwrap())
    }

    /// A name in the directory that the argument before it tells.
    fn path_at(&self, nth: usize) -> PathBuf {
        self.file(nth).unwrap_or_default().join(self.string_path(0))
    }

    /// The same of the second name of a renaming.
    fn path_between(&self, nth: usize) -> PathBuf {
        self.file(nth).unwrap_or_default().join(self.string_path(1))
    }
}

/// The bytes of a string up to its closing quote, and how long it was with that.
fn unescape(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut plain = Vec::new();
    let mut at = 0;
    loop {
        match bytes.get(at) {
            None | Some(b'"') => return (plain, at),
            Some(b'\\') => {
                let (byte, length) = escaped(&bytes[at + 1..]);
                plain.push(byte);
                at += 1 + length;
            }
            Some(byte) => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
}

/// The byte behind a backslash, and how many characters tell it.
fn escaped(bytes: &[u8]) -> (u8, usize) {
    let named = match bytes[0] {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'v' => Some(0x0b),
        b'f' => Some(0x0c),
        b'0'..=b'7' => None,
        other => Some(other),
    };
    if let Some(byte) = named {
        return (byte, 1);
    }
    let digits = bytes.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let value =
        bytes[..digits].iter().fold(0, |value: u32, digit| value * 8 + u32::from(digit - b'0'));
    (u8::try_from(value).unwrap(), digits)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
