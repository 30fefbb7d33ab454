//! The files that systemd reads: those of this version, and what lies in their places.
//!
//! # Promises
//!
//! - They are what lies in `systemd/`, but for the path of the program and a first line of our own.
//! - That line holds a sum of the rest: a file that somebody edited is known as such, and one that
//!   another version wrote as well.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Scope;

/// Where a package puts the units.
const PACKAGED: &str = "/usr/lib/systemd";

/// One file, as this version has it.
#[derive(Debug)]
pub(super) struct UnitFile {
    pub(super) path: PathBuf,
    text: String,
}

/// What lies where a file belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Found {
    /// Nothing.
    Missing,
    /// The file of this version and this program.
    Current,
    /// That of another version or program, as it was written.
    Other,
    /// Something that somebody wrote or edited.
    Edited,
    /// What a package put there.
    Packaged,
}

/// The files of a service that runs `snagd`, under `/etc` or a user's configuration.
pub(super) fn files(scope: Scope, config: &Path, snagd: &Path) -> Vec<UnitFile> {
    let system: [(&str, &str); 4] = [
        ("systemd/system/snagd.service", include_str!("../../../../systemd/system/snagd.service")),
        ("systemd/system/snagd.socket", include_str!("../../../../systemd/system/snagd.socket")),
        ("sysusers.d/snag.conf", include_str!("../../../../systemd/sysusers.d/snag.conf")),
        ("tmpfiles.d/snag.conf", include_str!("../../../../systemd/tmpfiles.d/snag.conf")),
    ];
    let user: [(&str, &str); 2] = [
        ("systemd/user/snagd.service", include_str!("../../../../systemd/user/snagd.service")),
        ("systemd/user/snagd.socket", include_str!("../../../../systemd/user/snagd.socket")),
    ];
    let shipped = match scope {
        Scope::System => &system[..],
        Scope::User => &user[..],
    };
    let start = format!("ExecStart={}", quoted(snagd));
    let file = |(path, shipped): &(&str, &str)| UnitFile {
        path: config.join(path),
        text: signed(&shipped.replace("ExecStart=snagd", &start)),
    };
    shipped.iter().map(file).collect()
}

/// The service and the socket that a package brought, if one did.
pub(super) fn packaged(scope: Scope) -> Option<[PathBuf; 2]> {
    let dir = Path::new(PACKAGED).join(scope.word());
    let units = ["snagd.service", "snagd.socket"].map(|unit| dir.join(unit));
    units.iter().all(|unit| unit.exists()).then_some(units)
}

impl UnitFile {
    /// What lies in its place.
    pub(super) fn found(&self) -> io::Result<Found> {
        match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
            Err(error) => Err(error),
            Ok(text) if text == self.text => Ok(Found::Current),
            Ok(text) if is_signed(&text) => Ok(Found::Other),
            Ok(_) => Ok(Found::Edited),
        }
    }

    /// Puts it there, for everybody to read whatever the umask is.
    pub(super) fn write(&self) -> io::Result<()> {
        if let Some(dir) = self.path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&self.path, &self.text)?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o644))
    }
}

/// A path as a unit has it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%%");
    let harmless = |letter: char| letter.is_alphanumeric() || "/._-+@%".contains(letter);
    if path.chars().all(harmless) {
        return path;
    }
    format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\""))
}

/// A text under a line that tells whether it is as it was written.
fn signed(text: &str) -> String {
    format!("{}, unless it was edited\n{text}", signature(env!("CARGO_PKG_VERSION"), text))
}

fn signature(version: &str, text: &str) -> String {
    let sum = blake3::hash(text.as_bytes()).to_hex();
    format!("# snag {version} wrote this (sum {}), and another replaces it", &sum[..16])
}

fn is_signed(text: &str) -> bool {
    let signed = || {
        let (first, text) = text.split_once('\n')?;
        let version = first.strip_prefix("# snag ")?.split(' ').next()?;
        Some(first.starts_with(&signature(version, text)))
    };
    signed().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scope: Scope, dir: &Path) -> Vec<UnitFile> {
        files(scope, dir, Path::new("/opt/snag/snagd"))
    }

    #[test]
    fn they_are_what_is_shipped_but_for_the_program() {
        let dir = tempfile::tempdir().unwrap();
        for (scope, starts) in [
            (Scope::User, "ExecStart=/opt/snag/snagd\n"),
            (
                Scope::System,
                "ExecStart=/opt/snag/snagd --state-dir /var/lib/snag --drop-dir /var/spool/snag\n",
            ),
        ] {
            let files = of(scope, dir.path());
            assert!(files[0].text.contains(starts), "{}", files[0].text);
            for file in files {
                let path = file.path.strip_prefix(dir.path()).unwrap();
                let path = path.strip_prefix("systemd").unwrap_or(path);
                let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(path);
                let shipped = fs::read_to_string(shipped).unwrap();
                let ours = file.text.split_once('\n').unwrap().1;
                assert_eq!(ours.replace("=/opt/snag/snagd", "=snagd"), shipped);
            }
        }
    }

    #[test]
    fn what_was_edited_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let file = &of(Scope::User, dir.path())[0];
        assert_eq!(file.found().unwrap(), Found::Missing);
        file.write().unwrap();
        assert_eq!(file.found().unwrap(), Found::Current);
        assert_eq!(fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o644);

        // As another version, or one that lies elsewhere, would have written it.
        files(Scope::User, dir.path(), Path::new("/elsewhere/snagd"))[0].write().unwrap();
        assert_eq!(file.found().unwrap(), Found::Other);
        let older = file.text.replace(env!("CARGO_PKG_VERSION"), "0.0.9");
        fs::write(&file.path, older).unwrap();
        assert_eq!(file.found().unwrap(), Found::Other);

        for edited in [
            file.text.replace("MemoryMax=1G", "MemoryMax=2G"),
            format!("{}\n", file.text),
            file.text.split_once('\n').unwrap().1.to_owned(),
            String::new(),
        ] {
            fs::write(&file.path, edited).unwrap();
            assert_eq!(file.found().unwrap(), Found::Edited);
        }
    }

    #[test]
    fn paths_mean_to_systemd_what_they_are() {
        let quoted = |path: &str| quoted(Path::new(path));
        assert_eq!(quoted("/usr/local/bin/snagd"), "/usr/local/bin/snagd");
        assert_eq!(quoted("/opt/a b/100%/snagd"), "\"/opt/a b/100%%/snagd\"");
        assert_eq!(quoted(r#"/a"b\c/snagd"#), r#""/a\"b\\c/snagd""#);
    }
}
