//! What every view looks like, and what none of them may do.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;
use snag::event::{Event, Retraction, is_unprintable};
use snag::hotspot::{By, Shape};
use unicode_width::UnicodeWidthStr as _;

use super::sample::{
    by, crash, full, hotspots, inbox, look, month, outboxes, report, status, used, why_of,
    why_shaped,
};
use super::{Look, Receipt, event, events, recorded, tail_head, tailed, taken_back};
use crate::cases::cases;
use crate::doctor::{Finding, Grade};
use crate::query::Query;
use crate::service::{Answers, Found, Left, Placed, Report, Scope, State};

/// Every view of some events.
fn views(told: &[Event], look: &Look) -> Vec<String> {
    let mut views = vec![events(told, look)];
    for by in [By::Place, By::Person, By::Version, By::Kind].map(|key| by(told, key)) {
        views.push(super::hotspots(&by, 1, &Query::default(), look));
    }
    for one in told {
        views.push(event(one, true, look));
        views.push(recorded(one, Receipt::Recorded, look));
        views.push(tailed(one, look));
        let (id, at, by) = (one.id, one.at, one.person.clone());
        views.push(taken_back(&Retraction { id, at, by }, look));
        views.push(super::why(&why_of(told, one.place.as_str()), &Query::default(), look));
        views.push(super::why(&why_of(told, "web"), &Query::default(), look));
    }
    let inbox = inbox(told);
    views.push(super::signals(&inbox, &Query::default(), look));
    for group in &inbox.groups {
        views.push(super::signal_group(group, 1, 9, look));
        views.push(super::decided(&group.latest, look));
    }
    views.extend(inbox.muted.iter().map(|muting| super::muted(muting, true, look)));
    let mut status = status();
    if let Some(one) = told.first() {
        status.state_dir = one.person.clone();
        status.listening = one.note.clone().into_iter().collect();
        status.you.person = one.person.clone();
        status.drop.rejected = 2;
    }
    views.push(super::status(&status, &outboxes(), look));
    views
}

#[track_caller]
fn check(view: &str, look: &Look) {
    let mut plain = view.to_owned();
    if look.colour {
        for code in ["0", "1", "2", "31", "32", "35"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
    }
    assert!(!plain.chars().any(|letter| is_unprintable(letter) && letter != '\n'), "{plain:?}");
    assert!(!look.ascii || plain.is_ascii(), "{plain}");
    assert!(plain.ends_with('\n') && !plain.ends_with("\n\n"), "{plain}");
    for line in plain.lines() {
        assert!(line.width() <= look.width, "{} columns:\n{plain}", line.width());
        assert!(look.colour || !line.ends_with(' '), "{line:?}");
    }
}

#[test]
fn hotspots_at_80() {
    assert_snapshot!(super::hotspots(&hotspots(&month()), 45, &Query::default(), &look(80)));
}

#[test]
fn hotspots_at_60() {
    assert_snapshot!(super::hotspots(&hotspots(&month()), 45, &Query::default(), &look(60)));
}

#[test]
fn hotspots_at_40() {
    assert_snapshot!(super::hotspots(&hotspots(&month()), 45, &Query::default(), &look(40)));
}

#[test]
fn hotspots_at_120() {
    assert_snapshot!(super::hotspots(&hotspots(&month()), 45, &Query::default(), &look(120)));
}

#[test]
fn hotspots_in_colour() {
    let coloured = super::hotspots(
        &hotspots(&month()),
        45,
        &Query::default(),
        &Look { colour: true, ..look(80) },
    );
    assert_snapshot!(coloured.replace('\x1b', "␛"));
}

#[test]
fn hotspots_in_ascii() {
    assert_snapshot!(super::hotspots(
        &hotspots(&month()),
        45,
        &Query::default(),
        &Look { ascii: true, ..look(80) }
    ));
}

#[test]
fn hotspots_with_signals_and_more() {
    let mut told = month();
    told.push(crash("11-19", "cli/deploy", "bob"));
    let mut answer = hotspots(&told);
    answer.rows.truncate(2);
    answer.more = 2;
    assert_snapshot!(super::hotspots(&answer, 46, &Query::default(), &look(80)));
}

#[test]
fn hotspots_by_others() {
    let [people, versions, kinds] = [By::Person, By::Version, By::Kind].map(|key| {
        let mut answer = by(&month(), key);
        answer.rows.truncate(3);
        super::hotspots(&answer, 45, &Query::default(), &look(80))
    });
    assert_snapshot!(format!("{people}----\n{versions}----\n{kinds}"));
}

#[test]
fn nothing_to_rank() {
    let empty = super::hotspots(&hotspots(&[]), 0, &Query::default(), &look(80));
    let quiet = super::hotspots(&hotspots(&[]), 1204, &Query::default(), &look(80));
    assert_snapshot!(format!("{empty}----\n{quiet}"));
}

#[test]
fn why_at_80() {
    assert_snapshot!(super::why(
        &why_of(&month(), "web/checkout/pay"),
        &Query::default(),
        &look(80)
    ));
}

#[test]
fn why_at_60() {
    assert_snapshot!(super::why(
        &why_of(&month(), "web/checkout/pay"),
        &Query::default(),
        &look(60)
    ));
}

#[test]
fn why_at_120_in_colour() {
    let look = Look { colour: true, ..look(120) };
    assert_snapshot!(
        super::why(&why_of(&month(), "web/checkout/pay"), &Query::default(), &look)
            .replace('\x1b', "␛")
    );
}

#[test]
fn why_of_a_spread_pain() {
    assert_snapshot!(super::why(&why_of(&month(), "web/search"), &Query::default(), &look(80)));
}

#[test]
fn why_of_places_without_a_row() {
    let told = month();
    let inside = super::why(&why_of(&told, "web/search/suggest"), &Query::default(), &look(80));
    let above = super::why(&why_of(&told, "web"), &Query::default(), &look(80));
    let quiet = super::why(&why_of(&told, "web/home"), &Query::default(), &look(80));
    assert_snapshot!(format!("{inside}----\n{above}----\n{quiet}"));
}

#[test]
fn why_of_what_used_to_hurt() {
    let mut told = vec![crash("11-10", "cli/deploy", "bob"), crash("11-11", "cli/deploy", "ada")];
    for day in 10..30 {
        for person in ["ada", "bob"] {
            let more = json!({"severity": "cosmetic"});
            told.push(report(&format!("10-{day}"), "cli/deploy", person, more));
        }
    }
    for day in 14..21 {
        told.extend(["ada", "bob"].map(|person| used(&format!("11-{day}"), "web/home", person, 1)));
    }
    assert_snapshot!(super::why(
        &why_shaped(&told, "cli/deploy", Shape::Flat),
        &Query::default(),
        &look(80)
    ));
}

#[test]
fn why_of_what_is_new_or_one_persons() {
    let mut told = month();
    told.extend(
        ["11-14", "11-15", "11-16", "11-18", "11-19"]
            .map(|day| report(day, "web/login", "ada", json!({"severity": "cosmetic"}))),
    );
    told.push(report("10-02", "web/login", "ada", json!({"severity": "cosmetic"})));
    let new = super::why(&why_of(&told, "cli/deploy"), &Query::default(), &look(80));
    let lone = super::why(&why_of(&told, "web/login"), &Query::default(), &look(80));
    assert_snapshot!(format!("{new}----\n{lone}"));
}

#[test]
fn what_was_recorded() {
    let first = month().remove(0);
    let lines = [
        recorded(&first, Receipt::Recorded, &look(100)),
        recorded(&month()[1], Receipt::Recorded, &look(90)),
        recorded(&first, Receipt::Known, &look(80)),
        recorded(&first, Receipt::Recorded, &look(60)),
        recorded(&crash("11-20", "cli/deploy", "bob"), Receipt::Recorded, &look(80)),
        recorded(&used("11-20", "cli/deploy", "bob", 1), Receipt::Recorded, &look(80)),
    ];
    assert_snapshot!(lines.concat());
}

#[test]
fn one_event() {
    let signal = event(&crash("11-20", "cli/deploy", "bob"), true, &look(60));
    assert_snapshot!(format!("{}----\n{signal}", event(&full(), false, &look(80))));
}

#[test]
fn a_list_of_events() {
    let mut told = month();
    told.truncate(8);
    told.push(crash("11-20", "cli/deploy", "bob"));
    told.push(used("11-20", "cli/deploy", "bob", 3));
    let lists = [120, 80, 60, 40].map(|width| events(&told, &look(width)));
    assert_snapshot!(format!("{}----\n{}", lists.join("----\n"), events(&[], &look(80))));
}

#[test]
fn one_after_the_other() {
    let mut told = month();
    told.truncate(3);
    told.push(crash("11-20", "cli/deploy", "bob"));
    told.push(used("11-20", "cli/deploy", "bob", 3));
    let taken = Retraction { id: told[0].id, at: look(80).now, by: "ada".to_owned() };
    let wide = [120, 100, 80, 56, 40].map(look);
    let exact = [120, 80, 40].map(|width| Look { utc: true, ..look(width) });
    let views = wide.iter().chain(&exact).map(|look| {
        let lines: String = told.iter().map(|event| tailed(event, look)).collect();
        tail_head(look) + &lines + &taken_back(&taken, look)
    });
    assert_snapshot!(views.collect::<Vec<_>>().join("----\n"));
}

#[test]
fn exact_times() {
    let look = |width| Look { utc: true, ..look(width) };
    let mut told = month();
    told.truncate(4);
    let views = [
        events(&told, &look(100)),
        events(&told, &look(40)),
        super::hotspots(&hotspots(&month()), 45, &Query::default(), &look(100)),
        super::why(&why_of(&month(), "web/checkout/pay"), &Query::default(), &look(80)),
        event(&full(), false, &look(80)),
        super::status(&status(), &[], &look(80)),
    ];
    for ago in ["ago", "yesterday", "today", "just now", "Nov "] {
        assert!(!views.concat().contains(ago), "{ago}: {}", views.concat());
    }
    assert_snapshot!(views.join("----\n"));
}

#[test]
fn the_state_of_things() {
    let mut bad = status();
    bad.disk.as_mut().unwrap().full = true;
    (bad.journal.damaged, bad.journal.missing) = (1, 534);
    bad.drop.rejected = 2;
    bad.drop.waiting = 1;
    (bad.index.position, bad.index.behind) = (1200, 7);
    bad.listening.clear();
    (bad.queue.jobs, bad.queue.bytes) = (3, 12 * 1024);
    bad.journal.last_sync_us = Some(1_912_345);
    (bad.beyond.signals, bad.beyond.requests) = (12, 1);
    let well = super::status(&status(), &[], &look(80));
    let bad = super::status(&bad, &outboxes(), &look(80));
    assert_snapshot!(format!("{well}----\n{bad}"));
}

#[test]
fn what_the_doctor_found() {
    let finding = |about, grade, says: &str, advice: Option<&str>| Finding {
        about,
        grade,
        says: says.to_owned(),
        advice: advice.map(str::to_owned),
    };
    let found = [
        finding("daemon", Grade::Fine, "snagd answers at unix:/r/snag.sock in 0.4 ms", None),
        finding(
            "outbox",
            Grade::Warning,
            "3 events wait for http://hub.example:7624",
            Some("once it answers, this sends them: snag status --url http://hub.example:7624"),
        ),
        finding(
            "token",
            Grade::Wrong,
            "/r/\u{1b}[2J中文 can be read by others (mode 0644)",
            Some("rm it"),
        ),
    ];
    let ascii = Look { ascii: true, ..look(50) };
    for look in [look(40), look(80), look(200), ascii] {
        check(&super::doctor(&found, &look), &look);
    }
    let views = [look(80), ascii].map(|look| super::doctor(&found, &look));
    assert_snapshot!(views.join("----\n"));
}

#[test]
fn hostile_text() {
    let note = "\x1b]0;gotcha\x07\u{9b}2J\x7f \u{202e}desrever\u{2066} \u{feff}👩‍👩‍👧 中文字 ";
    let more = json!({"note": note.repeat(3), "version": note, "tags": {"a\u{85}b": note}, "evidence": {"url": note}});
    let told = [report("11-19", "web/a", "eve\u{9b}31m; \x1b[2J", more)];
    let long =
        json!({"note": "ä".repeat(10_000), "got": "word ".repeat(2_000), "severity": "major"});
    let told = [&told[..], &[report("11-18", "web/a", "ada", long)]].concat();
    let look = look(80);
    for view in views(&told, &look) {
        check(&view, &look);
    }
    let why = super::why(&why_of(&told, "web/a"), &Query::default(), &look);
    let table = super::hotspots(&by(&told, By::Person), 2, &Query::default(), &look);
    assert_snapshot!(format!("{table}----\n{why}----\n{}", event(&told[0], false, &look)));
}

#[test]
fn every_width_fits() {
    let told = month();
    let (ranked, explained) = (hotspots(&told), why_of(&told, "web/checkout/pay"));
    for (width, utc) in (40..=200).step_by(5).flat_map(|width| [(width, false), (width, true)]) {
        let look = Look { utc, ..look(width) };
        check(&super::hotspots(&ranked, 45, &Query::default(), &look), &look);
        check(&super::why(&explained, &Query::default(), &look), &look);
        check(&event(&full(), false, &look), &look);
        check(&events(&told, &look), &look);
        check(&super::signals(&inbox(&told), &Query::default(), &look), &look);
        check(&tail_head(&look), &look);
        check(&tailed(&told[0], &look), &look);
        check(&super::status(&status(), &outboxes(), &look), &look);
        check(&recorded(&told[0], Receipt::Recorded, &look), &look);
    }
}

/// Text as an attacker or a cat on the keyboard writes it.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\x1b[31m",
        "\u{9b}2J",
        "\x07",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "\n",
        "\r\n",
        "\t",
        "👩‍👩‍👧",
        "中文",
        "e\u{301}",
        "\u{301}",
        "word ",
        "لا",
        "🇩🇪",
        "\u{fe0f}",
        "❤",
        "\u{200d}",
        "-",
        "'",
    ]);
    let piece = prop_oneof![nasty.prop_map(str::to_owned), any::<String>(), "[a-z ]{0,40}"];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn no_view_obeys_what_somebody_wrote(
        texts in prop::collection::vec(text(), 6..7),
        places in prop::collection::vec("web/[a-c]{1,30}(/[a-c]{1,64}){0,3}", 3..4),
        width in 20..200_usize,
        colour in any::<bool>(),
        ascii in any::<bool>(),
        utc in any::<bool>(),
    ) {
        let look = Look { colour, ascii, utc, ..look(width) };
        let told: Vec<_> = places.iter().enumerate().map(|(at, place)| {
            let more = json!({
                "note": texts[at], "expected": texts[at + 1], "version": texts[at + 2],
                "tags": {(texts[at].clone()): texts[at + 3]}, "task": texts[at + 1],
                "evidence": {(texts[at + 1].clone()): texts[at], "deep": {"x": texts[at + 2]}},
                "claimed_person": texts[5], "severity": "blocker", "outcome": "asked-for-help",
                "scrubbed": [{"rule": texts[4], "field": texts[5]}],
            });
            report(&format!("11-1{at}"), place, &texts[at + 2], more)
        }).collect();
        for view in views(&told, &look) {
            check(&view, &look);
        }
    }
}

fn service_of(scope: Scope) -> Report {
    let (files, snagd) = match scope {
        Scope::User => (
            vec!["/users/ana/.config/systemd/user/snagd.service"],
            Answers {
                version: "0.1.0".into(),
                listening: vec!["unix:/run/user/1000/snag.sock".into()],
                state_dir: "/users/ana/.local/state/snag".into(),
                drop_dir: "/users/ana/.local/state/snag/drop".into(),
            },
        ),
        Scope::System => (
            vec!["/etc/systemd/system/snagd.service", "/etc/systemd/system/snagd.socket"],
            Answers {
                version: "0.1.0".into(),
                listening: vec!["unix:/run/snag/snag.sock".into(), "http://127.0.0.1:7624".into()],
                state_dir: "/var/lib/snag".into(),
                drop_dir: "/var/spool/snag".into(),
            },
        ),
    };
    let file = |path: &str| Placed { path: path.into(), found: Found::Current };
    Report {
        v: 1,
        scope,
        files: files.into_iter().map(file).collect(),
        systemd: State {
            active: "active".into(),
            is_enabled: true,
            result: "success".into(),
            says: "7 events at 5 places; last recorded 2026-11-20 09:12 UTC".into(),
            restarts: 0,
            program: Some("/usr/local/bin/snagd".into()),
        },
        snagd: Some(snagd),
        config: "/etc/snag/snagd.toml".into(),
    }
}

#[test]
fn a_service() {
    let well = super::service(&service_of(Scope::System), &look(80));
    let own = super::service(&service_of(Scope::User), &look(80));
    let mut failed = service_of(Scope::System);
    failed.files[0].found = Found::Edited;
    failed.files[1].found = Found::Other;
    failed.snagd = None;
    failed.systemd.active = "failed".into();
    failed.systemd.result = "exit-code".into();
    failed.systemd.says = "the disk failed: look at what the kernel says (`dmesg`)".into();
    failed.systemd.restarts = 10;
    failed.systemd.is_enabled = false;
    let failed = super::service(&failed, &look(80));
    let mut missing = service_of(Scope::User);
    missing.systemd = State { active: "inactive".into(), ..State::default() };
    missing.snagd = None;
    let missing = super::service(&missing, &look(80));
    assert_snapshot!([well, own, failed, missing].join("----\n"));
}

#[test]
fn what_is_left_of_a_service() {
    let file = |path: &str, found| Placed { path: path.into(), found };
    let mut left = Left {
        v: 1,
        scope: Scope::System,
        removed: vec!["/etc/systemd/system/snagd.socket".into()],
        kept: vec![file("/etc/systemd/system/snagd.service", Found::Edited)],
        data: vec!["/var/lib/snag".into(), "/var/spool/snag".into()],
    };
    let system = super::uninstalled(&left, &look(80));
    (left.scope, left.data) = (Scope::User, vec!["/users/ana b/.local/state/snag".into()]);
    (left.removed, left.kept) = (vec![], vec![]);
    let user = super::uninstalled(&left, &look(80));
    assert_snapshot!([system, user].join("----\n"));
}
