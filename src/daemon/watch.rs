//! Hears when a file may say something else than before.
//!
//! Editors put a new file in the place of the old one, and a path may lead over symbolic links:
//! so directories are watched, each that decides what the path means, and in them the names that
//! the path goes over. What is not there yet is watched for where it would come to be.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// The most links a path may lead over; the kernel follows no more.
const MOST_LINKS: usize = 40;

/// Rings the bell whenever something else may lie at the path, until it is dropped.
pub(super) fn watch(path: &Path, bell: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    loop {
        let found = spots(path);
        let watcher = listen(&found, bell.clone());
        // What came or went before there was somebody to listen was not told.
        if spots(path) == found {
            return watcher;
        }
    }
}

/// Rings for these, and for the directories that they are in.
fn listen(spots: &BTreeSet<PathBuf>, bell: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let dirs: BTreeSet<PathBuf> =
        spots.iter().filter_map(|spot| spot.parent().map(Path::to_owned)).collect();
    let ours: BTreeSet<PathBuf> = spots.union(&dirs).cloned().collect();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.map_or(true, |event| concerns(&event, &ours)) {
            bell.notify_one();
        }
    })?;
    for dir in &dirs {
        watcher.watch(dir, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Whether an event can have changed what lies at one of these paths.
fn concerns(event: &Event, ours: &BTreeSet<PathBuf>) -> bool {
    let is_change = match event.kind {
        // Whoever wrote is done; before that, half a file could be read.
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Data(_)) => false,
        _ => true,
    };
    event.need_rescan() || (is_change && event.paths.iter().any(|path| ours.contains(path)))
}

/// Every name whose change can change what is read at an absolute path: each symbolic link on the
/// way, and the file at its end, or the first name that is missing.
fn spots(path: &Path) -> BTreeSet<PathBuf> {
    let mut spots = BTreeSet::new();
    let mut at = PathBuf::from("/");
    let mut ahead: VecDeque<OsString> = names(path);
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let here = at.join(name);
        match fs::symlink_metadata(&here) {
            Ok(found) if found.is_symlink() && links < MOST_LINKS => {
                links += 1;
                let target = fs::read_link(&here).unwrap_or_default();
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                let behind = std::mem::replace(&mut ahead, names(&target));
                ahead.extend(behind);
                spots.insert(here);
            }
            Ok(found) if found.is_dir() && !ahead.is_empty() => at = here,
            Ok(_) | Err(_) => {
                spots.insert(here);
                break;
            }
        }
    }
    spots
}

fn names(path: &Path) -> VecDeque<OsString> {
    let parts = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The spots of a path in a directory, named from there.
    fn spots_in(dir: &Path, path: &str) -> Vec<String> {
        let within = |spot: &PathBuf| spot.strip_prefix(dir).unwrap().display().to_string();
        spots(&dir.join(path)).iter().map(within).collect()
    }

    #[test]
    fn each_link_on_the_way_decides() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        fs::create_dir_all(dir.join("etc/snag")).unwrap();
        fs::create_dir_all(dir.join("real/2")).unwrap();
        fs::write(dir.join("etc/snag/plain"), "").unwrap();
        fs::write(dir.join("real/2/file"), "").unwrap();
        assert_eq!(spots_in(&dir, "etc/snag/plain"), ["etc/snag/plain"]);
        assert_eq!(spots_in(&dir, "etc/snag/missing"), ["etc/snag/missing"]);
        assert_eq!(spots_in(&dir, "home/.config/snag/snagd.toml"), ["home"]);

        // As mounted configuration has it: a link to a directory that is exchanged as a whole.
        symlink("2", dir.join("real/now")).unwrap();
        symlink("../../real/now/file", dir.join("etc/snag/link")).unwrap();
        symlink(dir.join("etc/snag/link"), dir.join("absolute")).unwrap();
        let linked = ["etc/snag/link", "real/2/file", "real/now"];
        assert_eq!(spots_in(&dir, "etc/snag/link"), linked);
        let mut all = vec!["absolute"];
        all.extend(linked);
        assert_eq!(spots_in(&dir, "absolute"), all);

        symlink("round", dir.join("round")).unwrap();
        assert_eq!(spots_in(&dir, "round"), ["round"]);
    }
}
