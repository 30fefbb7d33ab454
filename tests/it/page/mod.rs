//! The page: who may see it, and what a real browser makes of it.

mod axe;
mod door;
mod news;
mod print;
mod views;

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::chromium::{Chromium, Page};
use crate::harness::{Dir, Snagd, snag, wait};

/// A browser that was let in by `snag open`.
fn let_in(snagd: &Snagd) -> (Chromium, Page, String) {
    let chromium = Chromium::start();
    let page = chromium.blank();
    page.resize(1600, false);
    let link = snagd.snag(&["open"]).ok().stdout.trim().to_owned();
    page.go(&link);
    let base = format!("http://{}", snagd.address());
    (chromium, page, base)
}

/// `snag demo`: a month of a made-up team, with a daemon of its own.
struct Demo {
    child: Child,
    dir: Dir,
}

impl Demo {
    fn start() -> Self {
        let dir = Dir::new();
        let mut command = snag(dir.path());
        command.arg("demo").arg("--dir").arg(dir.path()).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("Ctrl-C ends")), "the demo ended early");
        Self { child, dir }
    }

    fn link(&self) -> String {
        let mut command = snag(self.dir.path());
        command.arg("--url").arg(format!("unix:{}", self.dir.path().join("snag.sock").display()));
        let output = command.arg("open").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        wait(&mut self.child);
    }
}
