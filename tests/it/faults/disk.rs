//! A disk without power: from what was done to it, any state it may show when it is back.
//!
//! What was synced is there. Of what was not, each write may be there whole, in part (in sectors or
//! pages), or not at all, whatever came before or after it; of the changes to the names in a
//! directory, those up to some moment. Real file systems promise more; this is what may be relied
//! on.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Dice;
use super::trace::{Op, What};

/// A file, whatever it is called.
#[derive(Default)]
struct Inode {
    durable: Vec<u8>,
    /// What was done and not synced, and until which line it may not have been done.
    pending: Vec<(Change, usize)>,
    /// Where a write without an offset goes.
    cursor: u64,
}

#[derive(Clone)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Cut(u64),
    Grow(u64),
}

/// A change to the names in a directory.
struct Naming {
    dir: PathBuf,
    until: usize,
    /// The names it sets, none where it removes one: a renaming does both at once.
    names: Vec<(PathBuf, Option<Thing>)>,
}

#[derive(Clone, Copy)]
enum Thing {
    File(usize),
    Dir,
}

/// A directory and all below it, as a disk has it.
pub(super) struct Disk {
    root: PathBuf,
    inodes: Vec<Inode>,
    /// The names as processes see them, and as they are on disk for sure.
    names: BTreeMap<PathBuf, Thing>,
    durable: BTreeMap<PathBuf, Thing>,
    pending: Vec<Naming>,
}

impl Disk {
    /// A directory after what was done up to a line of the log; empty at first, but for itself.
    pub(super) fn after(root: &Path, ops: &[Op], cut: usize) -> Self {
        let (names, durable) = (BTreeMap::new(), BTreeMap::new());
        let mut disk =
            Self { root: root.to_owned(), inodes: Vec::new(), names, durable, pending: Vec::new() };
        for op in ops.iter().take_while(|op| op.began < cut) {
            disk.happen(op, cut);
        }
        disk
    }

    fn happen(&mut self, op: &Op, cut: usize) {
        match &op.what {
            What::Open { path, makes, empties } => {
                if *makes && self.is_ours(path) && !self.names.contains_key(path) {
                    self.inodes.push(Inode::default());
                    let thing = Thing::File(self.inodes.len() - 1);
                    self.name(op, vec![(path.clone(), Some(thing))]);
                }
                if let Some(inode) = self.inode(path) {
                    inode.cursor = 0;
                    if *empties {
                        inode.pending.push((Change::Cut(0), op.ended));
                    }
                }
            }
            What::Write { path, at, bytes } => {
                let Some(inode) = self.inode(path) else { return };
                let at = at.unwrap_or(inode.cursor);
                inode.cursor = at + bytes.len() as u64;
                inode.pending.push((Change::Write { at, bytes: bytes.clone() }, op.ended));
            }
            What::Cut { path, length } => self.change(path, Change::Cut(*length), op),
            What::Grow { path, length } => self.change(path, Change::Grow(*length), op),
            What::Sync { path } if op.ended < cut => self.sync(path, op.began),
            What::Rename { from, to } if self.is_ours(from) => {
                let thing = self.names.get(from).copied();
                assert!(matches!(thing, Some(Thing::File(_))), "{} is no file", from.display());
                self.name(op, vec![(from.clone(), None), (to.clone(), thing)]);
            }
            What::Remove { path } => self.name(op, vec![(path.clone(), None)]),
            What::MakeDir { path } => self.name(op, vec![(path.clone(), Some(Thing::Dir))]),
            What::Sync { .. } | What::Rename { .. } | What::Say { .. } => {}
        }
    }

    fn is_ours(&self, path: &Path) -> bool {
        path != self.root && path.starts_with(&self.root)
    }

    fn inode(&mut self, path: &Path) -> Option<&mut Inode> {
        match self.names.get(path)? {
            Thing::File(number) => self.inodes.get_mut(*number),
            Thing::Dir => None,
        }
    }

    fn change(&mut self, path: &Path, change: Change, op: &Op) {
        if let Some(inode) = self.inode(path) {
            inode.pending.push((change, op.ended));
        }
    }

    fn name(&mut self, op: &Op, names: Vec<(PathBuf, Option<Thing>)>) {
        let names: Vec<_> = names.into_iter().filter(|(path, _)| self.is_ours(path)).collect();
        let Some((path, _)) = names.first() else { return };
        let dir = path.parent().unwrap().to_owned();
        set(&mut self.names, &names);
        self.pending.push(Naming { dir, until: op.ended, names });
    }

    /// What was done to it before the sync began is on disk.
    fn sync(&mut self, path: &Path, began: usize) {
        if let Some(inode) = self.inode(path) {
            let (done, left) = inode.pending.drain(..).partition(|(_, ended)| *ended < began);
            inode.pending = left;
            let done: Vec<(Change, usize)> = done;
            for (change, _) in done {
                apply(&mut inode.durable, &change);
            }
            return;
        }
        let is_done = |naming: &Naming| naming.dir == path && naming.until < began;
        for naming in self.pending.extract_if(.., |naming| is_done(naming)) {
            set(&mut self.durable, &naming.names);
        }
    }

    /// Makes what the disk may show after the cut in an empty directory.
    pub(super) fn show(&self, dice: &mut Dice, to: &Path) {
        // From all that was not synced to nothing of it.
        let share = *dice.one_of(&[0, 10, 50, 90, 100]);
        let mut names = self.durable.clone();
        let mut reached: BTreeMap<&Path, bool> = BTreeMap::new();
        for naming in &self.pending {
            let goes_on = reached.entry(&naming.dir).or_insert(true);
            *goes_on &= dice.below(100) < share.max(20);
            if *goes_on {
                set(&mut names, &naming.names);
            }
        }
        for (path, thing) in &names {
            let to = to.join(path.strip_prefix(&self.root).unwrap());
            // A name in a directory that did not make it did not make it either.
            if !to.parent().unwrap().exists() {
                continue;
            }
            match thing {
                Thing::Dir => fs::create_dir(to).unwrap(),
                Thing::File(number) => {
                    fs::write(&to, self.inodes[*number].shown(dice, share)).unwrap();
                    fs::set_permissions(to, Permissions::from_mode(0o600)).unwrap();
                }
            }
        }
    }
}

impl Inode {
    fn shown(&self, dice: &mut Dice, share: usize) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (change, _) in &self.pending {
            if dice.below(100) < share {
                apply(&mut bytes, change);
            } else if let Change::Write { at, bytes: written } = change
                && dice.below(100) < share
            {
                tear(dice, &mut bytes, *at, written, share);
            }
        }
        bytes
    }
}

/// Applies some of the sectors or pages of a write.
fn tear(dice: &mut Dice, bytes: &mut Vec<u8>, at: u64, written: &[u8], share: usize) {
    let unit = *dice.one_of(&[512, 4096]);
    let mut start = 0;
    while start < written.len() {
        let offset = usize::try_from(at).unwrap() + start;
        let end = written.len().min(start + unit - offset % unit);
        if dice.below(100) < share {
            let piece = written[start..end].to_vec();
            apply(bytes, &Change::Write { at: offset as u64, bytes: piece });
        }
        start = end;
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let size = |length: &u64| usize::try_from(*length).unwrap();
    match change {
        Change::Cut(length) => bytes.resize(size(length), 0),
        Change::Grow(length) => bytes.resize(bytes.len().max(size(length)), 0),
        Change::Write { at, bytes: written } => {
            let start = size(at);
            bytes.resize(bytes.len().max(start + written.len()), 0);
            bytes[start..start + written.len()].copy_from_slice(written);
        }
    }
}

fn set(names: &mut BTreeMap<PathBuf, Thing>, changes: &[(PathBuf, Option<Thing>)]) {
    for (path, thing) in changes {
        match thing {
            Some(thing) => names.insert(path.clone(), *thing),
            None => names.remove(path),
        };
    }
}
