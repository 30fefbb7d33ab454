//! The floor: the least that any server must do that keeps the same promise. It appends to a
//! preallocated file with one `fdatasync` for all that waits. No index, nothing to ask it afterwards.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::Context;

use crate::beside::{Job, Write};

/// How large the file is; then it begins again at its start.
const BYTES: u64 = 128 * 1024 * 1024;

/// Makes the file, and what appends to it.
pub(crate) fn open(path: &Path) -> anyhow::Result<Write> {
    let file = preallocate(path).context("the floor's file cannot be made")?;
    let (mut buffer, mut end) = (Vec::new(), 0);
    Ok(Box::new(move |jobs: &[Job]| {
        buffer.clear();
        for job in jobs {
            buffer.extend_from_slice(&job.body);
        }
        if BYTES < end + buffer.len() as u64 {
            end = 0;
        }
        file.write_all_at(&buffer, end)?;
        file.sync_data()?;
        end += buffer.len() as u64;
        Ok(())
    }))
}

fn preallocate(path: &Path) -> std::io::Result<File> {
    let file = File::create_new(path)?;
    let zeros = vec![0; 1024 * 1024];
    for at in (0..BYTES).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    Ok(file)
}
