//! The shape of the code: floors, file lengths, module docs, and who may name what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and its floor; imports go downwards only.
const FLOORS: [(&str, u8); 12] = [
    ("event", 0),
    ("hotspot", 0),
    ("words", 0),
    ("journal", 1),
    ("index", 1),
    ("recorder", 2),
    ("backup", 2),
    ("page", 2),
    ("sheet", 2),
    ("doors", 3),
    ("client", 3),
    ("daemon", 4),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with its text.
fn files(folder: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        (name, fs::read_to_string(&path).unwrap())
    };
    found.into_iter().map(read).collect()
}

/// The code of a file without comments.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The code of a file without comments and without its tests.
fn product(text: &str) -> String {
    let code = code(text);
    code.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

fn is_test(name: &str) -> bool {
    name.contains("/tests") || name.ends_with("properties.rs") || name.ends_with("vectors.rs")
}

fn product_files() -> Vec<(String, String)> {
    let files = files("src").into_iter().filter(|(name, _)| !is_test(name));
    files.map(|(name, text)| (name, product(&text))).collect()
}

/// The module of a library file: `src/doors/http/gate.rs` is of `doors`.
fn module(name: &str) -> Option<&'static str> {
    let rest = name.strip_prefix("src/")?;
    let first = rest.split('/').next()?.trim_end_matches(".rs");
    FLOORS.iter().map(|(module, _)| *module).find(|module| *module == first)
}

#[test]
fn imports_go_downwards() {
    let floors: BTreeMap<_, _> = FLOORS.into_iter().collect();
    let mut checked = 0;
    for (name, code) in product_files() {
        let Some(own) = module(&name) else { continue };
        for (other, floor) in &floors {
            if *other != own && code.contains(&format!("crate::{other}::")) {
                checked += 1;
                let is_fine = *floor < floors[own]
                    // What happened is the vocabulary of the arithmetic, and both are put in words.
                    || matches!((own, *other), ("hotspot" | "words", "event") | ("words", "hotspot"));
                assert!(is_fine, "{name} (floor {}) imports {other} (floor {floor})", floors[own]);
            }
        }
    }
    assert!(10 < checked, "the test looks at {checked} imports only");
}

const DOORS: [&str; 4] = ["browser", "drop", "http", "sentry"];

#[test]
fn no_door_knows_another() {
    for (name, code) in product_files() {
        let knows = |door: &str| {
            code.contains(&format!("doors::{door}")) || code.contains(&format!("super::{door}"))
        };
        for own in DOORS {
            if name.starts_with(&format!("src/doors/{own}/")) {
                for other in DOORS.into_iter().filter(|other| *other != own) {
                    assert!(!knows(other), "{name}");
                }
            }
        }
    }
}

/// What may be named where; everything else may be named nowhere else.
const NAMES: [(&str, &[&str]); 10] = [
    ("sled::", &["src/index/"]),
    ("axum::", &["src/doors/", "src/daemon/"]),
    ("maud::", &["src/page/"]),
    ("clap::", &["src/bin/"]),
    ("anyhow::", &["src/bin/"]),
    ("println!", &[]),
    ("process::exit", &[]),
    ("SystemTime", &[]),
    ("Timestamp::now()", &["src/doors/mod.rs"]),
    ("Uuid::now_v7", &["src/doors/", "src/bin/"]),
];

#[test]
fn only_its_floor_names_a_thing() {
    for (thing, places) in NAMES {
        let users: Vec<_> = product_files()
            .into_iter()
            .filter(|(_, code)| code.contains(thing))
            .map(|(name, _)| name)
            .collect();
        for user in &users {
            let may = places.iter().any(|place| user.starts_with(place));
            assert!(may, "{user} names {thing}, which only {places:?} may");
        }
        assert_eq!(users.is_empty(), places.is_empty(), "nobody names {thing}: is the test stale?");
    }
}

#[test]
fn the_pure_floor_is_pure() {
    for (name, code) in product_files() {
        if matches!(module(&name), Some("event" | "hotspot" | "words" | "page" | "sheet")) {
            for impure in [
                "std::fs",
                "std::net",
                "std::thread",
                "tokio",
                "async ",
                "Instant",
                "getrandom",
                "tracing",
            ] {
                assert!(!code.contains(impure), "{name} names {impure}");
            }
        }
        if matches!(module(&name), Some("journal" | "index" | "backup")) {
            for impure in ["tokio", "async ", "Instant::now"] {
                assert!(!code.contains(impure), "{name} names {impure}");
            }
        }
    }
}

/// What no file contains: what is left to do, and a number of cases that `PROPTEST_CASES` does not
/// change, in place of `crate::cases::cases`.
const LEFT_OUT: [&str; 6] =
    ["todo!(", "unimplemented!(", "FIXME", "#[allow(", "#[ignore]", "with_cases("];

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["src", "tests", "benches"] {
        for (name, text) in files(folder) {
            assert!(text.starts_with("//! "), "{name} does not start with `//!`");
            let lines = text.lines().count();
            assert!(lines <= 500, "{name} has {lines} lines: split it");
            for left in LEFT_OUT {
                let is_here = name.ends_with("architecture.rs");
                assert!(is_here || !text.contains(left), "{name} contains {left}");
            }
        }
    }
}

#[test]
fn no_machine_is_named() {
    let output = std::process::Command::new("git")
        .args(["grep", "-nIE", r"(^|[^[:alnum:]_.])/(home|root|work)/[[:alnum:]_.]"])
        .current_dir(root())
        .output();
    // Without git, or outside of a repository, there is nothing to look through.
    let (true, Ok(output)) = (root().join(".git").exists(), output) else { return };
    // 1 says that there is nothing; anything else, that it did not look.
    let looked = output.status.code().is_some_and(|code| code <= 1);
    assert!(looked, "{output:?}");
    let found: Vec<_> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        // Examples of what is masked or normalised.
        .filter(|line| !line.contains("architecture.rs"))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
