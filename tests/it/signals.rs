//! What people decide about signals, from outside.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use snag::event::{SignalName, Word};

use crate::harness::{Answer, Said, Snagd, bare_shell, redact, until};

const ID: &str = "01938a5e-7c3b-7d4e-9f00-8a1b4be19c07";

fn post_signal(snagd: &Snagd, id: &str, name: &str, person: &str) {
    let signal = json!({"id": id, "class": "signal", "place": "web/cart", "person": person,
        "signal": {"name": name, "rule": "4 clicks within 1 s"}});
    snagd.post(&signal.to_string()).is(201);
}

fn decide(snagd: &Snagd, path: &str, body: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    snagd.ask(&format!("{head}{body}"))
}

/// Pain, reports and signals of the first row.
fn row(snagd: &Snagd) -> Value {
    let rows = snagd.get("/v1/hotspots").is(200).json()["rows"].take();
    json!([rows[0]["pain"], rows[0]["reports"], rows[0]["signals"]])
}

#[test]
fn a_decision_counts_at_once_and_after_a_rebuild() {
    let mut snagd = Snagd::start();
    post_signal(&snagd, ID, "rage-click", "bob");
    assert_eq!(row(&snagd), json!([1, 0, 1]));
    let path = format!("/v1/events/{ID}");
    let said = r#"{"note":"the button does nothing","severity":"major"}"#;
    let event = decide(&snagd, &format!("{path}/confirm"), said).is(200).json();
    assert_eq!(event["decision"]["verdict"], "confirmed");
    assert_eq!(event["class"], "signal", "what was noticed stays what it is");
    assert_eq!(snagd.get(&path).json(), event);
    assert_eq!(row(&snagd), json!([10, 1, 0]));

    // The same again is the first decision, with or without its words.
    assert_eq!(decide(&snagd, &format!("{path}/confirm"), "").is(200).json(), event);
    decide(&snagd, &format!("{path}/dismiss"), "").is(200);
    assert_eq!(snagd.get("/v1/hotspots").json()["rows"], json!([]));
    assert_eq!(snagd.events().len(), 1, "it is still shown");
    decide(&snagd, &format!("{path}/reopen"), "").is(200);
    assert_eq!(row(&snagd), json!([1, 0, 1]));
    decide(&snagd, &format!("{path}/confirm"), said).is(200);

    snagd.kill();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    snagd.restart();
    assert_eq!(row(&snagd), json!([10, 1, 0]));
    snagd.stop();
}

#[test]
fn a_note_that_makes_an_event_too_large_to_import_is_refused() {
    let snagd = Snagd::start();
    let quotes = "\"".repeat(4000);
    let signal = json!({"id": ID, "class": "signal", "place": "web/cart", "signal": {"name": "crash"},
        "note": quotes, "expected": quotes, "got": quotes, "workaround": "x".repeat(4000), "evidence": {"log": "x".repeat(30_000)}});
    snagd.post(&signal.to_string()).is(201);
    let confirm = format!("/v1/events/{ID}/confirm");
    let said = |length: usize| json!({"note": "\"".repeat(length)}).to_string();
    decide(&snagd, &confirm, &said(4000)).tells(400, "`note` has 4000 bytes and makes the event");
    assert_eq!(row(&snagd), json!([10, 0, 1]), "nothing is decided");
    decide(&snagd, &confirm, &said(10)).is(200);
    let exported = snagd.get(&format!("/v1/events/{ID}")).is(200).body.len();
    assert!(exported <= 64 * 1024, "{exported}");
}

#[test]
fn a_muted_rule_is_left_out_there_and_then_heard_again() {
    let mut snagd = Snagd::start();
    post_signal(&snagd, ID, "rage-click", "bob");
    let rule = r#"{"place":"web/cart","signal":"rage-click"}"#;
    decide(&snagd, "/v1/signals/mute", rule).is(200);
    assert_eq!(row(&snagd), json!([null, null, null]));
    post_signal(&snagd, "01938a5e-7c3b-7d4e-9f00-8a1b4be19c08", "rage-click", "ana");
    post_signal(&snagd, "01938a5e-7c3b-7d4e-9f00-8a1b4be19c09", "rerun", "ana");
    assert_eq!(row(&snagd), json!([1, 0, 1]));
    snagd.kill();
    fs::remove_dir_all(snagd.state().join("index")).unwrap();
    snagd.restart();
    assert_eq!(row(&snagd), json!([1, 0, 1]));
    assert_eq!(decide(&snagd, "/v1/signals/unmute", rule).is(200).json()["is_muted"], false);
    assert_eq!(row(&snagd), json!([2, 0, 3]));
    decide(&snagd, "/v1/signals/mute", r#"{"place":"web/cart"}"#).tells(400, "name a rule");
}

#[test]
fn muting_says_what_it_changed_and_where_nothing_was() {
    let snagd = Snagd::start();
    post_signal(&snagd, ID, "rage-click", "bob");
    let snag = |words: &str| {
        let said = snagd.snag(&words.split(' ').collect::<Vec<_>>()).ok();
        format!("{}{}", said.stderr, said.stdout.lines().next().unwrap_or_default())
    };
    assert_eq!(snag("signals unmute web/cart rage-click"), "was not muted  web/cart  rage click");
    assert_eq!(snag("signals mute web/cart rage-click"), "muted  web/cart  rage click");
    assert_eq!(snag("signals mute web/cart rage-click"), "muted already  web/cart  rage click");
    assert_eq!(
        snag("signals mute web/car crash"),
        "snag: nothing was ever recorded at web/car; near: web/cart\nmuted  web/car  crash"
    );
    let inbox = |under: &str| snagd.snag(&["signals", "--under", under]).ok().stdout;
    assert!(inbox("web/cart").contains("muted: rage-click at web/cart"), "{}", inbox("web/cart"));
    assert!(!inbox("web/cart").contains("crash"), "{}", inbox("web/cart"));
    assert!(!inbox("api").contains("muted"), "{}", inbox("api"));
    assert_eq!(snag("signals unmute web/cart rage-click"), "heard again  web/cart  rage click");
}

#[test]
fn what_is_missing_is_shown_for_the_command_that_was_meant() {
    let snagd = Snagd::start();
    for (words, hint) in [
        ("signals confirm", "write it like `snag signals confirm 4be19c07"),
        ("signals mute web/cart", "write it like `snag signals mute web/cart rage-click`"),
        ("signals unmute", "write it like `snag signals unmute web/cart rage-click`"),
        ("signals dismiss --zzz 1", "`snag signals dismiss --help` shows how"),
        ("signals confrim 1", "no command `signals confrim`: did you mean `snag signals confirm`?"),
        ("session nope", "no command `session nope`: did you mean `snag session note`?"),
        ("session zzz", "no command `session zzz`: `snag session --help` shows how"),
    ] {
        let said = snagd.snag(&words.split(' ').collect::<Vec<_>>()).ended(2).stderr;
        assert!(said.contains(hint), "{said}");
    }
    let help = snagd.snag(&["signals", "mute", "--help"]).ok().stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let names = SignalName::ALL.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(help.contains(&names.join(", ")), "{help}");
}

#[test]
fn who_may_decide_and_about_what() {
    let snagd = Snagd::start();
    post_signal(&snagd, ID, "crash", "bob");
    let tcp = |path: &str, more: &str| {
        snagd.ask_tcp(&format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n"))
    };
    let confirm = format!("/v1/events/{ID}/confirm");
    tcp(&confirm, "").tells(401, "token");
    let token = format!("Authorization: Bearer {}\r\n", snagd.token());
    tcp(&confirm, &token).tells(403, "somebody else");
    snagd.post(r#"{"id":"01938a5e-7c3b-7d4e-9f00-8a1b4be19c08","place":"web/cart","note":"x"}"#);
    decide(&snagd, "/v1/events/4be19c08/confirm", "").tells(409, "a person said so already");
    decide(&snagd, "/v1/events/ffff0000/confirm", "").tells(404, "no event's id");
    decide(&snagd, &confirm, r#"{"nope":1}"#).tells(400, "severity");
    snagd.delete(&format!("/v1/events/{ID}")).is(204);
    decide(&snagd, &confirm, "").tells(409, "taken back");
}

#[test]
fn who_may_not_read_hears_no_decision_for_sending_again() {
    let snagd = Snagd::start();
    let signal = format!(
        r#"{{"id":"{ID}","class":"signal","place":"web/cart","person":"eve","signal":{{"name":"crash"}}}}"#
    );
    let post = || {
        let length = signal.len();
        snagd.ask_tcp(&format!("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{signal}"))
    };
    post().is(201);
    decide(&snagd, &format!("/v1/events/{ID}/confirm"), r#"{"note":"between us"}"#).is(200);
    let again = post().is(200).text();
    assert!(!again.contains("between us") && !again.contains("decision"), "{again}");
}

#[test]
fn an_export_carries_decisions_into_another_store() {
    let snagd = Snagd::start();
    post_signal(&snagd, ID, "rage-click", "bob");
    post_signal(&snagd, "01938a5e-7c3b-7d4e-9f00-8a1b4be19c08", "rage-click", "ana");
    let before = snagd.snag(&["export"]).ok().stdout;
    decide(&snagd, &format!("/v1/events/{ID}/confirm"), r#"{"note":"it hurt"}"#).is(200);
    decide(&snagd, "/v1/events/4be19c08/dismiss", "").is(200);
    let after = snagd.snag(&["export"]).ok().stdout;
    let rows = row(&snagd);

    // A store that had the events before they were decided about learns what was decided.
    let other = Snagd::start();
    let file = other.path("export.ndjson").display().to_string();
    for export in [&before, &after, &before] {
        fs::write(&file, export).unwrap();
        other.snag(&["import", &file]).ok();
    }
    assert_eq!(row(&other), rows);
    let decisions = |export: &str| -> Vec<Value> {
        let events = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| json!([event["id"], event["decision"]])).collect()
    };
    assert_eq!(decisions(&other.snag(&["export"]).ok().stdout), decisions(&after));
}

/// Signals of fixed days.
fn with_signals() -> Snagd {
    let snagd = Snagd::start();
    let days =
        [(1, 20, "rage-click", "ana"), (2, 21, "rage-click", "ben"), (3, 19, "crash", "ben")];
    for (n, day, name, person) in days {
        let signal = json!({
            "id": format!("01938a5e-0000-7000-8000-0000{n:08x}"), "class": "signal",
            "place": if n == 3 { "cli/deploy" } else { "web/cart" }, "person": person,
            "at": format!("2026-10-{day}T10:00:00Z"),
            "signal": {"name": name, "rule": if n == 3 { "exit by signal 11" } else { "4 clicks within 1 s" }},
        });
        snagd.post(&signal.to_string()).is(201);
    }
    snagd
}

#[test]
fn a_session_of_deciding() {
    let snagd = with_signals();
    let until = ["--until", "2026-10-25"];
    let mut session = String::new();
    let commands: [&[&str]; 12] = [
        &["hotspots", "--class", "signal"],
        &["hotspots", "--class", "report"],
        &["signals"],
        &["signals", "confirm", "00000003", "--note", "it lost my deploy"],
        &["show", "00000003"],
        &["signals", "dismiss", "00000002", "00000001"],
        &["signals", "reopen", "00000002"],
        &["signals", "mute", "web/cart", "rage-click"],
        &["signals"],
        &["hotspots"],
        &["why", "cli/deploy"],
        &["signals", "mute", "web/cart", "rage-clik"],
    ];
    for command in commands {
        let asks = matches!(command[0], "hotspots" | "why") || command.len() == 1;
        let args = [command, if asks { until.as_slice() } else { &[] }].concat();
        let said = snagd.snag_with(&args, |command| {
            command.env("COLUMNS", "100");
        });
        writeln!(session, "$ snag {}\n{}{}", args.join(" "), said.stdout, said.stderr).unwrap();
    }
    let you = snagd.get("/v1/status").json()["you"]["person"].as_str().unwrap().to_owned();
    insta::assert_snapshot!(redact(&session).replace(&format!("by {you}"), "by <you>"));
}

#[test]
fn on_a_terminal_one_key_decides() {
    let snagd = with_signals();
    let signals = |keys: &str, asked: &str| {
        let mut shell = bare_shell(snagd.dir.path());
        // `script` gives the command a terminal.
        let asked = format!("snag signals --until 2026-10-25{asked}");
        shell.arg(format!("printf {keys} | script -qec '{asked}' /dev/null"));
        shell.env("SNAG_URL", format!("unix:{}", snagd.socket().display()));
        Said::of(asked, &shell.output().unwrap()).ok()
    };
    let said = signals("s", " --top 1");
    let more = "1 more: snag signals --top 2 --until 2026-10-25";
    assert!(said.stdout.contains(more), "{said:#?}");
    let said = signals("xcd", "");
    assert!(said.stdout.contains("confirmed: 2 of 2 at web/cart"), "{said:#?}");
    assert!(said.stdout.contains("dismissed: 1 of 1 at cli/deploy"), "{said:#?}");
    let verdicts: Vec<Value> =
        snagd.events().into_iter().map(|event| event["decision"]["verdict"].clone()).collect();
    assert_eq!(verdicts.iter().filter(|verdict| *verdict == "confirmed").count(), 2);
}

#[test]
fn coverage_tells_good_from_unused_and_first_times_apart() {
    let snagd = Snagd::start();
    let you = snagd.get("/v1/status").json()["you"]["person"].as_str().unwrap().to_owned();
    let tell = |place: &str, person: &str, day: u32, more: Value| {
        let mut event =
            json!({"place": place, "person": person, "at": format!("2026-10-{day:02}T10:00:00Z")});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        snagd.post(&event.to_string()).is(201);
    };
    let uses = |count: u32| json!({"class": "use", "count": count});
    tell("web/pay", &you, 1, uses(3));
    tell("web/pay", &you, 20, uses(20));
    tell("web/pay", "ben", 21, uses(11));
    tell("web/pay", "ben", 21, json!({"note": "where is the total?", "outcome": "retried"}));
    tell("web/home", "chi", 22, uses(40));
    tell("web/rare", "chi", 22, uses(1));
    tell("docs/faq", "chi", 2, uses(1));
    let asked = ["coverage", "--until", "2026-10-25"];
    let said = snagd.snag_with(&asked, |command| {
        command.env("COLUMNS", "100");
    });
    insta::assert_snapshot!(redact(&said.ok().stdout).replace(&format!(" {you} "), " <you> "));

    let answer = snagd.get("/v1/coverage?until=2026-10-25").is(200).json();
    assert_eq!(answer["people"].as_array().unwrap().len(), 1, "people see themselves");
    assert_eq!(answer["crowd"], json!({"met": 3, "used": 3, "told": 1}));
    let why =
        snagd.snag(&["why", "web/pay", "--until", "2026-10-25", "--since", "14d"]).ok().stdout;
    assert!(why.contains("1 of 31 uses hurt (3.2 %"), "{why}");
    let wide = |command: &mut std::process::Command| {
        command.env("COLUMNS", "150");
    };
    let rows = snagd.snag_with(&["hotspots", "--until", "2026-10-25", "--since", "14d"], wide).ok();
    assert!(rows.stdout.contains("1 of 31 (3.2 %, "), "{rows:#?}");
    snagd.get("/v1/coverage?kind=slow").tells(400, "there is no parameter `kind`");

    let first_words =
        || snagd.get("/v1/coverage?until=2026-10-25").is(200).json()["first_words"].clone();
    let once = first_words();
    assert_eq!(once.as_array().unwrap().len(), 1, "{once}");
    tell("web/pay", "ben", 21, json!({"note": "where is the total?", "outcome": "retried"}));
    assert_eq!(first_words().as_array().unwrap().len(), 1, "the same words are quoted once");
    let later = |nth: u32| {
        let note = format!("still looking, {nth}");
        json!({"place": "web/pay", "person": "ben", "at": "2026-10-23T10:00:00Z", "note": note, "outcome": "retried"})
    };
    let much: Vec<_> = (0..80).map(|nth| later(nth).to_string()).collect();
    snagd.post_as("application/x-ndjson", much.join("\n").as_bytes()).is(200);
    let after_much = first_words();
    assert_eq!(
        after_much.as_array().unwrap().len(),
        1,
        "however much was said since: {after_much}"
    );
    assert_eq!(after_much[0]["text"], "where is the total?");

    tell("web/map", "eva", 24, json!({"note": "it shows the sea", "outcome": "retried"}));
    let same = json!({"place": "web/map", "person": "eva", "at": "2026-10-24T11:00:00Z", "note": "it is blank", "outcome": "retried"});
    snagd.post_as("application/x-ndjson", format!("{same}\n").repeat(80).as_bytes()).is(200);
    let of_map = first_words().as_array().unwrap().clone();
    let of_map: Vec<_> = of_map.iter().filter(|quote| quote["place"] == "web/map").collect();
    let texts: Vec<_> = of_map.iter().map(|quote| quote["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["it is blank", "it shows the sea"], "however often one was said");
}

/// How many signals were counted only, whatever their source.
fn over_limit(snagd: &Snagd) -> u64 {
    let page = snagd.get("/metrics").text();
    let counted = page.lines().filter(|line| line.contains("outcome=\"over_limit\"}"));
    let ingested = counted.filter(|line| line.starts_with("snag_events_ingested_total"));
    ingested.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn sixty_of_a_person_an_hour_are_kept_at_every_door() {
    let mut snagd = Snagd::start();
    let hour = || snag::doors::now().as_second() / 3600;
    let begun = hour();
    let signal = |person: &str| json!({"class": "signal", "place": "web/cart", "person": person, "signal": {"name": "failure", "rule": "x"}});
    let lines = |person: &str, many: usize| format!("{}\n", signal(person)).repeat(many);
    let kept = |snagd: &Snagd, person: &str| {
        snagd.events().iter().filter(|event| event["person"] == person).count()
    };
    let first = snagd.post_as("application/x-ndjson", lines("bob", 70).as_bytes()).is(200).json();
    // Whoever passes an hour's end in here has more allowances of sixty.
    let is_one_hour = |snagd: &Snagd| begun == hour() && kept(snagd, "bob") == 60;
    assert!(first["beyond"] == 10 || begun != hour(), "{first}");
    assert_eq!(first["rejected"], json!([]));
    let report = json!({"place": "web/cart", "person": "bob", "note": "still heard"});
    let one = snagd.post(&signal("bob").to_string());
    if is_one_hour(&snagd) {
        one.tells(429, "`bob` had 60 signals in this hour");
    }
    fs::write(snagd.path("dropped.tmp"), lines("bob", 5)).unwrap();
    fs::rename(snagd.path("dropped.tmp"), snagd.drop_dir().join("dropped.json")).unwrap();
    until("the file is gone", || !snagd.drop_dir().join("dropped.json").exists());
    assert!(!snagd.drop_dir().join("rejected").exists(), "there is nothing to mend");
    let all = kept(&snagd, "bob") as u64 + over_limit(&snagd);
    assert_eq!(all, 76, "what is not kept is counted");
    let beyond = &snagd.get("/v1/status").json()["beyond"];
    assert_eq!(beyond, &json!({"signals": over_limit(&snagd), "requests": 0}));
    let said = snagd.snag(&["status"]).ok().stdout;
    assert!(begun != hour() || said.contains("16 signals were counted and not kept"), "{said}");
    snagd.post(&report.to_string()).is(201);
    assert_eq!(
        snagd.post_as("application/x-ndjson", lines("ana", 1).as_bytes()).json()["accepted"],
        1
    );

    let before = snagd.events().len();
    // What was recorded before is no noise, nor is what somebody tells afterwards.
    let file = snagd.path("export.ndjson");
    fs::write(&file, snagd.snag(&["export"]).ok().stdout).unwrap();
    let told = snagd.path("told.ndjson");
    fs::write(&told, lines("bob", 3)).unwrap();
    let other = Snagd::start();
    for (daemon, file) in [(&other, &file), (&other, &file), (&snagd, &told)] {
        let said = daemon.snag(&["import", file.to_str().unwrap()]).ok().stdout;
        assert!(said.contains("rejected 0"), "{said}");
    }
    assert_eq!((other.events().len(), over_limit(&other)), (before, 0));
    assert_eq!(snagd.events().len(), before + 3);
    snagd.stop();
}

#[test]
fn me_too_of_a_signal_weighs_what_was_decided() {
    let snagd = Snagd::start();
    let id = "01938a5e-0000-7000-8000-000000000009";
    let signal =
        json!({"id": id, "class": "signal", "place": "web/a", "signal": {"name": "crash"}});
    snagd.post(&signal.to_string()).is(201);
    let weight = |args: &[&str]| {
        let me_too = snagd.snag(&[&["me-too"], args, &["--json"]].concat()).ok().json();
        me_too["severity"].clone()
    };
    assert_eq!(weight(&["web/a", "--person", "ben"]), "minor");
    snagd.snag(&["signals", "confirm", id, "--severity", "blocker"]).ok();
    assert_eq!(weight(&[id, "--person", "chi"]), "blocker");
    let short = snagd.snag(&["me-too", "0009"]).ended(2);
    assert!(short.stderr.contains("named by its last 8 digits"), "{short:#?}");
    let sent = format!(r#"{{"same_as":"{id}","person":"dan"}}"#);
    assert_eq!(snagd.post(&sent).is(201).json()["severity"], "blocker");
}
