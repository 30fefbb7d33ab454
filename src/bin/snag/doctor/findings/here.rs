//! What lies on this machine: files, what waits for other daemons, configuration, environment.

use std::path::Path;

use snag::client::Target;
use snag::event::nearest;

use super::{fine, warning, wrong};
use crate::doctor::Finding;
use crate::doctor::facts::{ConfigFile, Facts, Files, Found, Kind, Outcome};
use crate::outbox::Held;
use crate::render::{plural, shell};

/// The variables that snag reads.
const VARIABLES: [&str; 4] = ["SNAG_URL", "SNAG_TOKEN", "SNAG_PERSON", "SNAG_DROP"];
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) fn state(files: &Files, runs: bool, own: u32) -> Finding {
    let (dir, found) = &files.state_dir;
    match *found {
        // Whoever runs a daemon on it is its owner.
        Found::Here { uid, kind: Kind::Dir, .. } if !runs && uid != own => wrong(
            "state",
            format!("{} belongs to user {uid}, so yours cannot run snagd on it", dir.display()),
            format!("sudo chown -R {own} {}", quoted(dir)),
        ),
        Found::Here { mode, kind: Kind::Dir, .. } if mode & OTHERS == 0 => {
            fine("state", format!("{} is its owner's alone", dir.display()))
        }
        Found::Here { mode, kind: Kind::Dir, .. } => wrong(
            "state",
            format!("{} is open to others (mode {mode:04o})", dir.display()),
            format!("chmod 700 {}", quoted(dir)),
        ),
        Found::Missing if !runs => fine("state", "none yet: snagd makes it when it first starts"),
        Found::Unseen(_) => fine("state", format!("{} cannot be seen from here", dir.display())),
        Found::Missing | Found::Here { .. } => wrong(
            "state",
            format!("{} is no directory", dir.display()),
            "find out who moved it: stop snagd, put it back, and start snagd again",
        ),
    }
}

/// They take room for ever, and tell of a disk that breaks what is on it.
pub(super) fn set_aside(files: &Files) -> Option<Finding> {
    let names = quoted(&files.state_dir.0.join("index.set-aside-"));
    let found = plural(files.set_aside as u64, "index was", "indexes were");
    (0 < files.set_aside).then(|| {
        warning(
            "index",
            format!("{found} set aside as damaged, and built anew from the journal"),
            format!("look into the disk if you do not know why, then `rm -r {names}*`"),
        )
    })
}

pub(super) fn token(files: &Files, runs: bool) -> Finding {
    let (file, found) = &files.token;
    let anew = format!("rm {} and start snagd again: it makes a new one", quoted(file));
    let file = file.display();
    match *found {
        Found::Here { mode, .. } if mode & OTHERS != 0 => {
            wrong("token", format!("{file} can be read by others (mode {mode:04o})"), anew)
        }
        Found::Here { .. } if files.is_token == Some(false) => {
            wrong("token", format!("{file} holds no token"), anew)
        }
        Found::Here { .. } => fine("token", format!("{file} is its owner's alone")),
        Found::Unseen(_) => fine("token", "cannot be seen from here, as it should be"),
        Found::Missing if runs => {
            wrong("token", format!("{file} is gone"), "start snagd again: it makes a new one")
        }
        Found::Missing => fine("token", "none yet: snagd makes it when it first starts"),
    }
}

pub(super) fn socket(files: &Files) -> Option<Finding> {
    let (socket, found) = files.socket.as_ref()?;
    match *found {
        Found::Here { kind: Kind::Socket, mode, .. } if mode & 0o666 == 0o666 => {
            Some(fine("socket", "everybody here may connect, and the kernel says who they are"))
        }
        Found::Here { kind: Kind::Socket, mode, .. } => Some(warning(
            "socket",
            format!("{} is not for everybody here (mode {mode:04o})", socket.display()),
            format!("if others should tell and read too: chmod 666 {}", quoted(socket)),
        )),
        Found::Here { .. } => Some(wrong(
            "socket",
            format!("{} is no socket", socket.display()),
            format!("move it away and start snagd again: mv {} elsewhere", quoted(socket)),
        )),
        Found::Missing | Found::Unseen(_) => None,
    }
}

/// Whether what is told while no daemon takes it is safe.
pub(super) fn keeping(facts: &Facts) -> Option<Finding> {
    let why = facts.keeps_nothing.as_ref()?;
    let advice = if facts.asked.target.is_local() {
        "name a directory that you may write to with SNAG_DROP, the one that snagd takes files from"
    } else {
        "name a directory that you may write to with XDG_STATE_HOME"
    };
    Some(match facts.asked.outcome {
        Outcome::Answers(_) => {
            warning("keeping", format!("what is told while snagd is away is lost: {why}"), advice)
        }
        _ => wrong("keeping", format!("what is told now is lost: {why}"), advice),
    })
}

pub(super) fn drops(files: &Files, runs: bool, is_made: bool) -> Finding {
    let (dir, found) = &files.drop_dir;
    let (waiting, rejected) = files.dropped;
    let shown = dir.display();
    let waits = plural(waiting as u64, "file waits", "files wait");
    let them = if waiting == 1 { "it" } else { "them" };
    match *found {
        Found::Here { kind: Kind::Dir, mode, .. } if is_open(mode) => wrong(
            "drop",
            format!("others can list or change what waits in {shown} (mode {mode:04o})"),
            format!("chmod 700 {}", quoted(dir)),
        ),
        Found::Missing if !runs && is_made => {
            fine("drop", format!("{shown} is made when it is needed"))
        }
        Found::Missing if !runs => fine("drop", format!("there is no {shown} yet")),
        Found::Missing | Found::Here { kind: Kind::File | Kind::Socket | Kind::Other, .. } => {
            wrong(
                "drop",
                format!("{shown} is no directory"),
                format!("mkdir -m 700 {}", quoted(dir)),
            )
        }
        _ if rejected != 0 => wrong(
            "drop",
            if rejected == 1 {
                "1 file was not recorded as it was".to_owned()
            } else {
                format!("{rejected} files were not recorded as they were")
            },
            format!(
                "see why in {shown}/rejected/*.why, move what you put right back to {shown}, and delete the rest",
            ),
        ),
        _ if waiting != 0 && runs => warning(
            "drop",
            format!("{waits} in {shown} and snagd does not take {them}"),
            "see in its log why; a name that begins with a dot or ends in .tmp is not complete yet",
        ),
        _ if waiting != 0 => {
            warning("drop", format!("{waits} in {shown}"), format!("start snagd: it takes {them}"))
        }
        Found::Here { .. } | Found::Unseen(_) => fine("drop", format!("nothing waits in {shown}")),
    }
}

/// Whether others can list it, or change what is not theirs.
fn is_open(mode: u32) -> bool {
    let is_sticky = mode & 0o1000 != 0;
    mode & 0o004 != 0 || (mode & 0o022 != 0 && !is_sticky)
}

pub(super) fn outbox(held: &Held) -> Vec<Finding> {
    let Held { target, waiting, rejected, dir, .. } = held;
    let mut found = Vec::new();
    if *waiting != 0 {
        let events = plural(*waiting as u64, "event waits", "events wait");
        let them = if *waiting == 1 { "it" } else { "them" };
        found.push(warning(
            "outbox",
            format!("{events} for {target}"),
            format!("once it answers, this sends {them}: snag status --url {}", shell(target)),
        ));
    }
    if *rejected != 0 {
        let events = plural(*rejected as u64, "event was", "events were");
        let (again, files) = match rejected {
            1 => ("it again as it is", "the file"),
            _ => ("them again as they are", "the files"),
        };
        found.push(wrong(
            "outbox",
            format!("{events} refused by {target}"),
            format!(
                "see why in {}/rejected/*.why, tell {again} wanted, and delete {files}",
                dir.display()
            ),
        ));
    }
    found
}

pub(super) fn config(facts: &Facts) -> Finding {
    match &facts.config {
        ConfigFile::Missing => {
            fine("config", "no file of yours: a snagd of yours goes by its defaults")
        }
        ConfigFile::Broken(why) => {
            wrong("config", why.clone(), "put that right: a snagd of yours does not start with it")
        }
        ConfigFile::Fine { path, socket: Some(socket) }
            if !facts.asked.is_named && facts.asked.target != Target::Unix(socket.clone()) =>
        {
            warning(
                "config",
                format!("{} names a socket of its own, where snag does not look", path.display()),
                format!("export SNAG_URL=unix:{}", quoted(socket)),
            )
        }
        ConfigFile::Fine { path, .. } => fine("config", format!("{} is valid", path.display())),
    }
}

pub(super) fn environment(facts: &Facts) -> Vec<Finding> {
    let value = |name: &str| {
        let found = facts.variables.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let mut found = Vec::new();
    for (name, _) in &facts.variables {
        if !VARIABLES.contains(&name.as_str()) {
            // It looks for words, which are small.
            let known = VARIABLES.map(str::to_lowercase);
            let near = nearest(name, known.iter().map(String::as_str));
            let near = near.map(|near| format!("did you mean {}? ", near.to_uppercase()));
            found.push(warning(
                "environment",
                format!("{name} is set, and snag does not know it"),
                format!("{}unset {}", near.unwrap_or_default(), shell(name)),
            ));
        }
    }
    if let Some(dir) = value("SNAG_DROP") {
        found.extend(drop_elsewhere(facts, dir));
    }
    if let (Some(person), Outcome::Answers(status)) = (value("SNAG_PERSON"), &facts.asked.outcome)
        && !status.you.may_name_others
        && person != status.you.person
    {
        found.push(warning(
            "environment",
            format!("SNAG_PERSON is {person}, but snagd knows you as {}", status.you.person),
            "unset SNAG_PERSON: the name is kept as a claim only",
        ));
    }
    if found.is_empty() {
        let names: Vec<_> = VARIABLES.into_iter().filter(|name| value(name).is_some()).collect();
        let says =
            if names.is_empty() { "no SNAG_ variable is set".to_owned() } else { names.join(", ") };
        found.push(fine("environment", says));
    }
    found
}

/// Whether what is kept in `SNAG_DROP` reaches another daemon than the one that is asked.
fn drop_elsewhere(facts: &Facts, dir: &str) -> Option<Finding> {
    let target = &facts.asked.target;
    let watched = &facts.files.as_ref()?.drop_dir.0;
    if !matches!(facts.asked.outcome, Outcome::Answers(_)) || watched == Path::new(dir) {
        return None;
    }
    Some(wrong(
        "environment",
        format!(
            "SNAG_DROP is {dir}, but the snagd at {target} takes files from {}",
            watched.display()
        ),
        "unset SNAG_DROP, or set it to that directory",
    ))
}

fn quoted(path: &Path) -> String {
    shell(&path.to_string_lossy())
}
