//! snagd as a service: whether it runs, where things are, and what is left when it goes.

use super::Look;
use super::line::{Page, Tone};
use super::status::field;
use super::words::{plural, shell};
use crate::service::{Answers, Found, Left, Report, Scope};

/// The command that shows the log of a service.
pub(crate) fn log_of(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "journalctl --user -u snagd",
        Scope::System => "journalctl -u snagd",
    }
}

fn name(scope: Scope) -> &'static str {
    match scope {
        Scope::User => "your own service",
        Scope::System => "the system's service",
    }
}

/// How the service is.
pub(crate) fn service(report: &Report, look: &Look) -> String {
    let Report { scope, systemd, .. } = report;
    let mut page = look.page();
    let is_installed = systemd.program.is_some();
    head(report, look, &mut page);
    page.blank();
    if let Some(snagd) = &report.snagd {
        answers(snagd, *scope, look, &mut page);
    }
    if is_installed {
        let config = report.config.display();
        field(&mut page, "config", &format!("{config}, if there is one"), look);
        files(report, look, &mut page);
        if systemd.restarts != 0 {
            let times = plural(systemd.restarts, "time", "times");
            field(&mut page, "", &format!("started anew {times} after it ended"), look);
        }
    }
    page.blank();
    let flag = scope.word();
    match (is_installed, systemd.active.as_str()) {
        (false, _) => page.next("install it:", &format!("snag service install --{flag}")),
        (true, "active") => page.next("what it says:", log_of(*scope)),
        _ => {
            page.next("what it said:", log_of(*scope));
            let systemctl = if *scope == Scope::User { "systemctl --user" } else { "systemctl" };
            page.next("start it:", &format!("{systemctl} start snagd.socket snagd.service"));
        }
    }
    if report.snagd.is_some() && *scope == Scope::User {
        page.next("keep it while you are logged out:", "loginctl enable-linger");
    }
    if is_installed {
        page.next("remove it:", &format!("snag service uninstall --{flag}"));
    }
    page.finish()
}

fn head(report: &Report, look: &Look, page: &mut Page) {
    let Report { scope, systemd, snagd, .. } = report;
    let name = name(*scope);
    let (tone, text) = match (systemd.active.as_str(), snagd) {
        _ if systemd.program.is_none() => {
            (Tone::Fresh, format!("snagd is not installed as {name}"))
        }
        ("active", Some(snagd)) => (Tone::Bold, format!("snagd {} runs as {name}", snagd.version)),
        ("active", None) => (Tone::Bad, format!("snagd runs as {name} and does not answer")),
        ("failed", _) => (Tone::Bad, format!("snagd failed as {name}: {}", systemd.result)),
        (active, _) => (Tone::Fresh, format!("snagd is {active} as {name}")),
    };
    page.push(look.line().tone(tone, text));
    if !systemd.says.is_empty() {
        page.prose(0, Tone::Plain, &systemd.says);
    }
    if systemd.program.is_some() && !systemd.is_enabled {
        page.prose(
            0,
            Tone::Fresh,
            "It does not start by itself: `snag service install` sees to it.",
        );
    }
}

fn answers(snagd: &Answers, scope: Scope, look: &Look, page: &mut Page) {
    for (at, url) in snagd.listening.iter().enumerate() {
        field(page, if at == 0 { "listens" } else { "" }, url, look);
    }
    field(page, "stores", &snagd.state_dir, look);
    field(page, "token", &format!("{}/token, for reading over TCP", snagd.state_dir), look);
    field(page, "drop dir", &snagd.drop_dir, look);
    if scope == Scope::System {
        field(page, "", "for who is in the group snag-post: usermod -aG snag-post NAME", look);
    }
}

fn files(report: &Report, look: &Look, page: &mut Page) {
    for (at, file) in report.files.iter().enumerate() {
        let how = match file.found {
            Found::Current => "",
            Found::Missing => ", missing",
            Found::Other => ", of another snag: install again",
            Found::Edited => ", edited",
            Found::Packaged => ", of a package",
        };
        let text = format!("{}{how}", file.path.display());
        field(page, if at == 0 { "files" } else { "" }, &text, look);
    }
    if let Some(program) = &report.systemd.program {
        field(page, "program", &program.display().to_string(), look);
    }
}

/// What is left of it.
pub(crate) fn uninstalled(left: &Left, look: &Look) -> String {
    let mut page = look.page();
    let name = name(left.scope);
    let title = if left.removed.is_empty() && left.kept.is_empty() {
        format!("snagd was not installed as {name}")
    } else {
        format!("snagd does not run as {name} any more")
    };
    page.push(look.line().bold(title));
    page.blank();
    for (at, path) in left.removed.iter().enumerate() {
        field(&mut page, if at == 0 { "removed" } else { "" }, &path.display().to_string(), look);
    }
    let data: Vec<_> = left.data.iter().map(|dir| dir.display().to_string()).collect();
    let mut kept: Vec<_> = data.iter().map(|dir| format!("{dir}, what was recorded")).collect();
    kept.extend(left.kept.iter().map(|file| {
        let why = match file.found {
            Found::Packaged => "of a package: apt-get remove snag",
            _ => "which was edited",
        };
        format!("{}, {why}", file.path.display())
    }));
    for (at, kept) in kept.iter().enumerate() {
        field(&mut page, if at == 0 { "kept" } else { "" }, kept, look);
    }
    page.blank();
    if !data.is_empty() {
        let data: Vec<_> = data.iter().map(|dir| shell(dir)).collect();
        page.next("delete what was recorded:", &format!("rm -r {}", data.join(" ")));
    }
    page.next("have it again:", &format!("snag service install --{}", left.scope.word()));
    page.finish()
}
