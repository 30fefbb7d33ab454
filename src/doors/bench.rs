//! For the tests of the doors: a desk with a real journal, index and recorder behind it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::body::Bodies;
use super::keys::Keys;
use super::side::Side;
use super::{Desk, DropCounts, Facts, Rules, now, person, token};
use crate::journal;
use crate::recorder::{Recorder, Room, Writing, open_index};

/// A desk that keeps everything in `state`, and the writer to run behind it. Its owner is ana.
pub(super) fn desk(state: &Path) -> (Arc<Desk>, Writing) {
    fs::create_dir_all(state).unwrap();
    let opened = journal::open(&state.join("journal"), 0).unwrap();
    let index = Arc::new(open_index(&state.join("index"), &opened.reader).unwrap());
    let room = Arc::new(Room::of(state).unwrap());
    let (recorder, writing) = Recorder::new(opened.writer, index.clone(), room);
    let uid = rustix::process::geteuid().as_raw();
    let rules = Rules {
        owner: person::Owner { uid, name: "ana".to_owned() },
        shows_names: false,
        allowed_hosts: Vec::new(),
        origins: Vec::new(),
        behind_proxy: false,
    };
    let desk = Desk {
        recorder,
        lag: Arc::default(),
        index,
        journal: opened.reader,
        token: token::read_or_make(&state.join("token")).unwrap(),
        rules: watch::Sender::new(Arc::new(rules)),
        facts: Facts {
            started_at: now(),
            state_dir: state.to_owned(),
            drop_dir: state.join("drop"),
            listening: Vec::new(),
            damaged: 0,
            waits_to_forget: false,
        },
        drops: DropCounts::default(),
        wishes: mpsc::channel(1).0,
        doubt: Arc::default(),
        bodies: Bodies::default(),
        side: Side::new(Keys::read(&state.join("keys")).unwrap()),
    };
    (Arc::new(desk), writing)
}
