//! The drop directory: files that are events.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Desk;

/// The drop directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// x
    #[error("x")]
    Unusable,
}

/// Takes files until told to stop.
pub async fn watch(_desk: Arc<Desk>, _dir: PathBuf, stop: CancellationToken) -> Result<(), DropError> {
    stop.cancelled().await;
    Ok(())
}

/// Files that wait, and files in `rejected/`.
pub fn count(_dir: &Path) -> (usize, usize) {
    (0, 0)
}
