//! What cannot be tried on a machine: the tests never pass it over in silence.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Says that something cannot be tried on this machine, past the capture of test output, and notes it
/// down: `.ci/run` shows all of it at its end.
pub(crate) fn not_tried(what: &str, why: &str) {
    let line = format!("NOT TRIED on this machine: {what}: {}\n", why.replace('\n', "; "));
    let _ = io::stderr().write_all(line.as_bytes());
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::create_dir_all(&target).unwrap();
    let noted = OpenOptions::new().create(true).append(true).open(target.join("not-tried"));
    noted.unwrap().write_all(line.as_bytes()).unwrap();
}
