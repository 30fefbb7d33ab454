//! The browser door over raw sockets: keys, origins, limits, what it serves.

use serde_json::{Value, json};

use super::site::{daemon_for, line};
use crate::harness::{Answer, Snagd};

const ORIGIN: &str = "http://shop.acme.example";

fn post_from(snagd: &Snagd, origin: &str, key: &str, body: &str) -> Answer {
    let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
    snagd.ask_tcp(&format!(
        "POST /browser/{key}/events HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Type: text/plain;charset=UTF-8\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn post(snagd: &Snagd, key: &str, events: &Value) -> Value {
    post_from(snagd, ORIGIN, key, &events.to_string()).is(200).json()
}

fn signal(n: usize) -> Value {
    json!({"id": format!("01a20000-0000-7000-8000-{n:012}"), "class": "signal", "place": "shop/a",
        "signal": {"name": "dead-click", "count": 1, "rule": "2500"}})
}

/// A figure of `/metrics`.
fn figure(snagd: &Snagd, name: &str) -> String {
    let page = snagd.get("/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{page}")).trim().to_owned()
}

/// Each script, as it is served and as it is written, and how many packed bytes of it there may be.
/// `tests/minify/run` holds that the one is made of the other.
const SCRIPTS: [(&str, &str, &str, usize); 2] = [
    (
        "/snag.js",
        include_str!("../../../src/doors/browser/snag.min.js"),
        include_str!("../../../src/doors/browser/snag.js"),
        2730,
    ),
    (
        "/snag-dialog.js",
        include_str!("../../../src/doors/browser/snag-dialog.min.js"),
        include_str!("../../../src/doors/browser/snag-dialog.js"),
        1385,
    ),
];

#[test]
fn the_scripts_are_for_any_page_and_small() {
    let snagd = Snagd::start();
    let get = |path: &str, headers: &str| {
        snagd.ask_tcp(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n"
        ))
    };
    let strange = "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    for (path, minified, source, most) in SCRIPTS {
        let answer = get(path, strange).is(200);
        assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "to be imported");
        let served = String::from_utf8(answer.body).unwrap();
        assert_eq!(served, minified, "{path} is what is in the repository");
        let answer = get(path, "Accept-Encoding: gzip\r\n").is(200);
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        let packed = answer.body.len();
        let sizes =
            format!("{} bytes written, {} served, {packed} packed", source.len(), served.len());
        eprintln!("{path}: {sizes}");
        assert!(packed <= most, "{path}: {sizes}, at most {most}: a page pays for each of them");
        get(path, "Host: evil.example\r\n").is(400);
        let post = "HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        snagd.ask_tcp(&format!("POST {path} {post}")).is(405);
    }
}

#[test]
fn who_may_post_and_who_leaves_nothing() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let body = json!([{"place": "shop/a", "got": "nothing"}]).to_string();
    for origin in [
        "http://evil.example",
        "null",
        "",
        "http://shop.acme.example.evil",
        "HTTP://shop.acme.example",
    ] {
        let answer = post_from(&snagd, origin, &key, &body).tells(403, "`origins`");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
    post_from(&snagd, "http://evil.example", &key, &body).tells(403, "`origins`");
    post_from(&snagd, "http://guesses.example", &"0".repeat(32), &body).tells(403, "`origins`");
    let log = snagd.log();
    assert_eq!(log.matches("origin=\"http://evil.example\"").count(), 1, "{log}");
    assert!(!log.contains("guesses"), "{log}");
    let dsn = snagd.snag(&["dsn", "shop", "--json"]).ok().json();
    let of_sentry = dsn["dsn"].as_str().unwrap()[7..39].to_owned();
    for wrong in [&"0".repeat(32), "", "x/y", &of_sentry] {
        let answer = post_from(&snagd, ORIGIN, wrong, &body).tells(403, "`snag snippet`");
        assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    }
    assert!(snagd.events().is_empty());
    let answer = post_from(&snagd, ORIGIN, &key, &body).is(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(answer.header("vary"), Some("origin"));
    assert_eq!(answer.json(), json!({"accepted": 1, "duplicate": 0, "beyond": 0, "rejected": []}));
    for path in ["/v1/events", "/v1/hotspots"] {
        let origin = format!("Origin: {ORIGIN}");
        let ask = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{origin}\r\nConnection: close\r\n\r\n"
        );
        snagd.ask_tcp(&ask).tells(403, "web pages");
    }
    let list = snagd.snag(&["dsn", "--list", "--json"]).ok().json();
    let number = list["keys"][0]["number"].to_string();
    snagd.snag(&["dsn", "--revoke", &number]).ok();
    post_from(&snagd, ORIGIN, &key, &body).tells(403, "revoked");
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn what_a_page_says_is_believed_within_bounds() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let told = post(
        &snagd,
        &key,
        &json!([
            {"place": "shop/pay", "got": "nothing", "feeling": "confused", "person": "ana", "source": "cli"},
            {"place": "elsewhere/x", "class": "use"},
            {"place": "shop/pay", "class": "signal", "signal": {"name": "crash"}},
            {"place": "shop/pay", "class": "signal", "kind": "no-response",
                "signal": {"name": "rage-click", "count": 5, "rule": "4 1000 30"}},
            {"place": "shop/pay", "got": "x", "feeling": "meh"},
            {"place": "shop/pay", "got": "AKIAIOSFODNN7EXAMPLE is my key", "colour": "red"},
        ]),
    );
    assert_eq!(
        (&told["accepted"], told["rejected"].as_array().unwrap().len()),
        (&json!(3), 3),
        "{told}"
    );
    for (at, line, detail) in [(0, 3, "rage-click"), (1, 5, "feeling"), (2, 6, "colour")] {
        let rejected = &told["rejected"][at];
        assert_eq!(rejected["line"], json!(line));
        assert!(rejected["detail"].as_str().unwrap().contains(detail), "{rejected}");
    }
    let mut events = snagd.events();
    events.sort_by_key(|event| event["class"].to_string());
    let [report, signal, used] = &events[..] else { panic!("{events:#?}") };
    assert_eq!(
        (&report["person"], &report["person_verified"], &report["source"]),
        (&json!("ana"), &json!(false), &json!("browser"))
    );
    assert_eq!(
        (&used["place"], &used["person"]),
        (&json!("shop/elsewhere/x"), &json!("anonymous"))
    );
    assert_eq!(signal["kind"], "unexpected", "as the signal's name has it");
    assert_eq!(
        signal["signal"]["rule"],
        "4 clicks within 1 s on the same target (or <= 30 px), cancelled by selection, scroll, input; not in text fields or steppers"
    );
    // What can never be read is answered with what lets the page forget it.
    for nonsense in ["", "{}", "7", "{\"events\":[]}", "[{\"place\":]"] {
        let answer = post_from(&snagd, ORIGIN, &key, nonsense).tells(400, "a list of events");
        assert_eq!(answer.json()["rejected"], json!([]), "{nonsense}");
    }
    let many = json!(vec![json!({}); 101]).to_string();
    post_from(&snagd, ORIGIN, &key, &many).tells(413, "100");
    let told = post(&snagd, &key, &json!([[], -7, "x", null, {"id": "mine", "class": "use"}]));
    assert_eq!((&told["accepted"], told["rejected"].as_array().unwrap().len()), (&json!(0), 5));
    let last = &told["rejected"][4];
    assert_eq!((&last["line"], &last["id"]), (&json!(5), &json!("mine")), "by which it is known");
    assert_eq!(snagd.events().len(), 3);
}

#[test]
fn the_place_is_a_path_that_loses_what_is_too_deep() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let told = ["shop//a/b/c/d/e/f/g/h/", "/a/b/c/d/e/f/g/h", "shop/", "/", "/pay"]
        .map(|place| json!({"place": place, "signal": {"name": "dead-click"}}));
    assert_eq!(post(&snagd, &key, &json!(told))["accepted"], 5);
    let events = snagd.events();
    assert!(events.iter().all(|event| event["class"] == "signal"), "{events:#?}");
    let mut places: Vec<_> = events.iter().map(|event| event["place"].as_str().unwrap()).collect();
    places.sort_unstable();
    let deep = "shop/a/b/c/d/e/f/g";
    assert_eq!(places, ["shop", "shop", deep, deep, "shop/pay"]);
}

#[test]
fn a_key_agrees_with_nothing_outside_of_its_place() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let id = "01a20000-0000-7000-8000-000000000001";
    snagd.post(&json!({"id": id, "place": "secret/plan", "note": "x"}).to_string()).is(201);
    let told = post_from(&snagd, ORIGIN, &key, &json!([{"same_as": id}]).to_string());
    assert!(told.text().contains("outside of this key's place"));
    assert_eq!(snagd.events().len(), 1);
    let here = json!([{"same_as": id, "place": "cart"}]);
    assert_eq!(post(&snagd, &key, &here)["accepted"], 1);
}

/// What is said around a report is the page's, and whoever writes it can do nothing about that.
#[test]
fn a_place_or_version_that_cannot_be_kept_is_mended() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let (long, deep) = ("é".repeat(40), "x".repeat(70));
    let told = json!([
        {"place": "shop/Zahlung/über Karte", "got": "it froze", "version": long},
        {"place": format!("shop/../{deep}"), "got": "it froze"},
        {"place": "shop/hidden", "got": "it froze", "version": "1.4\u{200b}.2"},
    ]);
    assert_eq!(post(&snagd, &key, &told)["accepted"], 3);
    assert_eq!(post(&snagd, &key, &json!([{"place": "", "got": "x"}]))["accepted"], 1);
    let events = snagd.events();
    let has = |place: &str| events.iter().find(|event| event["place"] == place).unwrap();
    assert_eq!(has("shop/zahlung/_ber-karte")["version"], "é".repeat(32));
    has(&format!("shop/_/{}", &deep[..64]));
    assert_eq!(has("shop/hidden")["version"], "1.4.2");
}

/// Cut in two before that, a secret was none that anybody knows again.
#[test]
fn what_an_error_said_is_cut_when_its_secrets_are_gone() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let note = format!("button: {} ghp_{} end", "no ".repeat(91), "a1B2".repeat(9));
    let told = json!([{"place": "shop", "note": note, "signal": {"name": "error-click"}}]);
    assert_eq!(post(&snagd, &key, &told)["accepted"], 1);
    let event = &snagd.events()[0];
    let kept = event["note"].as_str().unwrap();
    assert!(kept.len() <= 300 && kept.contains("no  [scrubbed:"), "{kept}");
}

#[test]
fn a_version_is_cut_when_its_secrets_are_gone() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let version = format!("{} ghp_{}", "1.2 ".repeat(10), "a1B2".repeat(9));
    let told = json!([{"place": "shop", "got": "it froze", "version": version}]);
    assert_eq!(post(&snagd, &key, &told)["accepted"], 1);
    let event = &snagd.events()[0];
    let kept = event["version"].as_str().unwrap();
    assert!(kept.len() <= 64 && !kept.contains("a1B2"), "{kept}");
}

#[test]
fn a_large_list_is_taken_as_a_small_one_is() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    let long = "it froze ".repeat(440);
    let report = |n| json!({"id": format!("01a20000-0000-7000-8000-0000000001{n:02}"), "place": "shop", "got": long});
    let mut told: Vec<Value> = (10..40).map(report).collect();
    told.push(
        json!({"id": "01a20000-0000-7000-8000-000000000199", "place": "shop", "mood": "bad"}),
    );
    let answer = post(&snagd, &key, &json!(told));
    assert_eq!(answer["accepted"], 30, "{answer}");
    let rejected = &answer["rejected"][0];
    assert_eq!((&rejected["line"], &rejected["id"]), (&json!(31), &told[30]["id"]), "{answer}");
    told[0]["got"] = json!("something else");
    let answer = post(&snagd, &key, &json!(told[..30]));
    assert_eq!(answer["duplicate"], 29, "{answer}");
    assert_eq!(answer["rejected"][0]["id"], told[0]["id"], "{answer}");
}

#[test]
fn sixty_signals_of_a_person_an_hour_and_the_rest_counted() {
    let snagd = daemon_for(ORIGIN);
    let (_, key) = line(&snagd, "");
    // Two batches, and the first of them again: what is known is not counted again.
    let hour = || snag::doors::now().as_second() / 3600;
    let begun = hour();
    let batch = |ids: std::ops::Range<usize>| json!(ids.map(signal).collect::<Vec<_>>());
    assert_eq!(post(&snagd, &key, &batch(0..50))["accepted"], 50);
    assert_eq!(post(&snagd, &key, &batch(0..50))["duplicate"], 50);
    let told = post(&snagd, &key, &batch(50..120));
    let held = told["beyond"].as_u64().unwrap();
    // Whoever passes an hour's end in here has another allowance of sixty.
    assert!(held == 60 || (begun != hour() && held <= 10), "{told}");
    assert_eq!(told["accepted"], 70 - held);
    post_from(&snagd, ORIGIN, &key, "[7]").is(200);
    assert_eq!(figure(&snagd, "snag_browser_beyond_total{limit=\"hour\"}"), held.to_string());
    assert_eq!(figure(&snagd, "snag_browser_beyond_total{limit=\"load\"}"), "7");
    let report = json!([{"place": "shop/a", "got": "still heard"}]);
    assert_eq!(post(&snagd, &key, &report)["accepted"], 1, "reports are not held back");
}
