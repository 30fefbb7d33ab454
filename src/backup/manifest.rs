//! What belongs to a backup, and what can be told of it without reading it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::{Damage, Part};

/// The version of the format that is written.
const FORMAT: u32 = 1;
/// And where there are keys, of which an older snag does not know.
const WITH_KEYS: u32 = 2;
/// How many digits of a checksum a file's name has.
const DIGITS: usize = 16;

/// What belongs to a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format; a newer one is refused.
    pub format: u32,
    /// The snag that made it.
    pub snag: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// BLAKE3 of the manifest as compact JSON, this text left empty.
    pub checksum: String,
    /// The sequence the journal begins with.
    pub begins: u64,
    /// The segments, in order.
    pub parts: Vec<Listed>,
    /// The file of keys beside the journal: hashes of what SDKs and pages post with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
}

/// A part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its file.
    pub file: String,
    /// The bytes of the file.
    pub bytes: u64,
    /// Its BLAKE3 checksum.
    pub blake3: String,
    /// The sequence of its first record.
    pub first: u64,
    /// The sequence of its last.
    pub last: u64,
    /// How many records are in it.
    pub records: u64,
    /// How many places of it were damaged when it was made.
    pub bad_places: usize,
}

/// What a manifest's file turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It is whole.
    Whole(Box<Manifest>),
    /// A later version wrote it.
    Newer(u32),
    /// It cannot be believed.
    Damaged,
}

impl Manifest {
    /// The manifest of these parts and keys.
    pub(super) fn new(
        made_at: Timestamp,
        begins: u64,
        parts: Vec<Listed>,
        keys: Option<String>,
    ) -> Self {
        let snag = env!("CARGO_PKG_VERSION").to_owned();
        let (format, checksum) = (if keys.is_some() { WITH_KEYS } else { FORMAT }, String::new());
        let mut manifest = Self { format, snag, made_at, checksum, begins, parts, keys };
        manifest.checksum = manifest.sum();
        manifest
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.parts.iter().map(|part| part.records).sum()
    }

    /// How large all parts are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// Its file.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Writing to memory cannot fail.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads its file.
    pub(super) fn decode(json: &[u8]) -> Read {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        match serde_json::from_slice(json) {
            Ok(Version { format }) if WITH_KEYS < format => return Read::Newer(format),
            Ok(Version { format: FORMAT | WITH_KEYS }) => {}
            Ok(_) | Err(_) => return Read::Damaged,
        }
        match serde_json::from_slice::<Self>(json) {
            Ok(manifest) if manifest.checksum == manifest.sum() => Read::Whole(Box::new(manifest)),
            Ok(_) | Err(_) => Read::Damaged,
        }
    }

    fn sum(&self) -> String {
        let unsigned = Self { checksum: String::new(), ..self.clone() };
        checksum(&serde_json::to_vec(&unsigned).unwrap_or_default())
    }
}

impl Listed {
    /// What is told of a part, and what is wrong with it.
    pub(super) fn new(part: &Part) -> (Self, Vec<Damage>) {
        let mut records = 0;
        let contents = part.read_records(|_, _| records += 1);
        let blake3 = checksum(&part.bytes);
        let listed = Self {
            file: file_name(part, &blake3),
            bytes: part.bytes.len() as u64,
            blake3,
            first: part.first,
            last: contents.next.saturating_sub(1),
            records,
            bad_places: contents.damage.len(),
        };
        (listed, contents.damage)
    }
}

/// The checksum of bytes, as text.
pub(super) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The file of a part with this checksum.
pub(super) fn file_name(part: &Part, checksum: &str) -> String {
    let ending = if part.is_packed { "pak" } else { "seg" };
    format!("{:020}-{}.{ending}", part.first, &checksum[..DIGITS])
}

/// What the name of a part's file says: its first sequence, how its checksum begins, and whether it
/// is packed.
pub(super) fn read_name(name: &str) -> Option<(u64, &str, bool)> {
    let (stem, ending) = name.split_once('.')?;
    let (first, digits) = stem.split_once('-')?;
    let is_ours = first.len() == 20
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && digits.len() == DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_packed = match ending {
        "pak" => true,
        "seg" => false,
        _ => return None,
    };
    Some((first.parse().ok().filter(|_| is_ours)?, digits, is_packed))
}
