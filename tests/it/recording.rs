//! Posting events: what is answered, what is kept, and what bad input is told.

use std::io::Write;

use serde_json::{Value, json};

use crate::harness::Snagd;

const ID: &str = "01938a5e-7c3b-7d4e-9f00-8a1b4be19c07";

fn event(extra: &str) -> String {
    format!(r#"{{"place":"web/checkout/pay","note":"it cleared itself"{extra}}}"#)
}

#[test]
fn a_recorded_event_is_answered_whole_and_visible_at_once() {
    let snagd = Snagd::start();
    let answer =
        snagd.post(&event(r#","outcome":"abandoned","tags":{"browser":"firefox"}"#)).is(201);
    let stored = answer.json();
    assert_eq!(stored["severity"], "blocker", "by outcome");
    assert_eq!(stored["kind"], "unexpected");
    assert_eq!(stored["class"], "report");
    assert_eq!(stored["source"], "http");
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/v1/events/{}", stored["id"].as_str().unwrap()));
    assert_eq!(snagd.get(location).is(200).json(), stored);
    assert_eq!(snagd.events(), std::slice::from_ref(&stored));
    let rows = snagd.get("/v1/hotspots").is(200).json()["rows"].clone();
    assert_eq!(rows[0]["place"], "web/checkout/pay");
    assert_eq!(rows[0]["pain"], 20);
    // The last digits are enough.
    let id = stored["id"].as_str().unwrap();
    assert_eq!(snagd.get(&format!("/v1/events/{}", &id[28..])).is(200).json(), stored);
}

#[test]
fn an_id_is_recorded_once() {
    let snagd = Snagd::start();
    let id = format!(r#","id":"{ID}""#);
    let first = snagd.post(&event(&id)).is(201).json();
    assert_eq!(snagd.post(&event(&id)).is(200).json(), first, "the first record");
    // What we filled in is no contradiction; an export can be sent back.
    assert_eq!(snagd.post(&first.to_string()).is(200).json(), first);
    let messy =
        format!(r#"{{"id":"{ID}","place":"/Web//checkout/pay/","note":" it cleared itself "}}"#);
    assert_eq!(snagd.post(&messy).is(200).json(), first, "compared as normalised");
    for other in [r#","kind":"slow""#, r#","feeling":"calm""#, r#","at":"2026-01-01T00:00:00Z""#] {
        snagd.post(&event(&format!("{id}{other}"))).tells(409, "an id of its own");
    }
    let other = format!(r#"{{"id":"{ID}","place":"web/checkout/pay","note":"another story"}}"#);
    snagd.post(&other).tells(409, "that one stays");
    assert_eq!(snagd.events(), [first]);
}

#[test]
fn the_first_at_a_place_is_told_what_is_near() {
    let snagd = Snagd::start();
    let new = |place: &str| {
        let answer = snagd.post(&json!({"place": place, "note": "x"}).to_string()).is(201);
        let header = |name: &str| answer.header(name).map(str::to_owned);
        (header("snag-new-place").is_some(), header("snag-near-places"))
    };
    assert_eq!(new("web/checkout/pay"), (true, None));
    assert_eq!(new("web/checkout/pay"), (false, None));
    assert_eq!(new("web/chekout/pay"), (true, Some("web/checkout/pay".to_owned())));
}

#[test]
fn a_bad_line_never_sinks_its_batch() {
    let snagd = Snagd::start();
    let lines = [
        event(&format!(r#","id":"{ID}""#)),
        String::new(),
        "{\"place\":".to_owned(),
        event(r#","feeling":"angry""#),
        event(&format!(r#","id":"{ID}""#)),
        event(&format!(r#","id":"{ID}","kind":"slow""#)),
        event(""),
    ];
    let answer = snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200).json();
    assert_eq!((&answer["accepted"], &answer["duplicate"]), (&json!(2), &json!(1)));
    let rejected: Vec<(u64, u64)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["line"].as_u64().unwrap(), line["problem"]["status"].as_u64().unwrap()))
        .collect();
    assert_eq!(rejected, [(3, 400), (4, 422), (6, 409)]);
    assert_eq!(answer["rejected"][1]["problem"]["errors"][0]["pointer"], "/feeling");
    assert_eq!(snagd.events().len(), 2);

    let list = format!("[{},{{}},{}]", event(""), event(""));
    let answer = snagd.post(&list).is(200).json();
    assert_eq!((&answer["accepted"], &answer["rejected"][0]["line"]), (&json!(2), &json!(2)));
    let all_bad = snagd.post("[{},{\"place\":1}]").is(422).json();
    assert_eq!(all_bad["rejected"].as_array().unwrap().len(), 2);
    assert_eq!(snagd.post("[]").is(200).json()["accepted"], 0);
    snagd.post("[{}").tells(400, "close what is open");
}

#[test]
fn faults_name_the_field_and_what_to_write() {
    let snagd = Snagd::start();
    let faults = |body: &str| -> Vec<(String, String)> {
        let answer = snagd.post(body).is(422).json();
        let errors = answer["errors"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        errors.iter().map(|error| (text(&error["pointer"]), text(&error["detail"]))).collect()
    };
    let cases = [
        (r#"{"note":"x"}"#, "/place", "like `web/checkout/pay`"),
        (r#"{"place":"web/../x","note":"x"}"#, "/place", "`..`"),
        (r#"{"place":"a"}"#, "/note", "say what happened"),
        (
            r#"{"place":"a","note":"x","outcome":"abandond"}"#,
            "/outcome",
            "did you mean `abandoned`?",
        ),
        (r#"{"place":"a","note":"x","severety":"minor"}"#, "/severety", "did you mean `severity`?"),
        (r#"{"place":"a","note":"x","browser":"firefox"}"#, "/browser", "goes into `tags`"),
        (
            r#"{"place":"a","note":"x","severity":"P1"}"#,
            "/severity",
            "cosmetic, minor, major, blocker",
        ),
        (r#"{"place":"a","note":7}"#, "/note", "in quotes"),
        (r#"{"place":"a","note":"x","at":"2026-11-20T10:00:00"}"#, "/at", "2026-11-20T14:30:00Z"),
        (r#"{"place":"a","note":"x","id":"7"}"#, "/id", "UUID"),
        (r#"{"place":"a","note":"x","lost_minutes":-1}"#, "/lost_minutes", "whole number"),
        (r#"{"place":"a","note":"x","tags":{"k":1}}"#, "/tags/k", "in quotes"),
        (r#"{"place":"a","note":"x","evidence":[]}"#, "/evidence", "object"),
        (r#"{"place":"a","note":"x","count":2}"#, "/count", "class use"),
        (r#"{"place":"a","class":"signal"}"#, "/signal", "crash"),
        (r#"{"place":"a","class":"signal","signal":{"name":"crsh"}}"#, "/signal/name", "`crash`"),
    ];
    for (body, pointer, detail) in cases {
        let found = faults(body);
        let hit = found.iter().any(|(at, told)| at == pointer && told.contains(detail));
        assert!(hit, "{body}: {found:#?}");
    }
    let all = faults(r#"{"nte":"x","outcome":"gone","lost_minutes":"5"}"#);
    assert!(4 <= all.len(), "every fault in one go: {all:#?}");
    let long = format!(r#"{{"place":"a","note":"{}"}}"#, "x".repeat(4097));
    assert!(faults(&long)[0].1.contains("4096"), "at the limit and one beyond");
    snagd.post(&format!(r#"{{"place":"a","note":"{}"}}"#, "x".repeat(4096))).is(201);
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn what_is_no_json_is_a_bad_request_with_its_position() {
    let snagd = Snagd::start();
    let deep = format!("{{\"place\":\"a\",\"evidence\":{}", "[".repeat(100_000));
    for body in
        ["", "nope", "{\"place\":NaN}", "{\"note\":\"\\ud800\"}", "{\"a\":1,\"a\":2}", &deep]
    {
        let body = if body.len() < 60_000 { body } else { &body[..60_000] };
        snagd.post(body).tells(400, "line 1");
    }
    snagd.post_as("application/json", b"{\"note\":\"\xff\"}").tells(400, "line 1");
    assert!(snagd.events().is_empty());
}

#[test]
fn sizes_are_bounded() {
    let snagd = Snagd::start();
    let tags =
        format!(r#"{{"place":"a","note":"x","evidence":{{"log":"{}"}}}}"#, "y".repeat(66_000));
    snagd.post(&tags).tells(413, "65536");
    let many = vec![event(""); 1001].join("\n");
    snagd.post_as("application/x-ndjson", many.as_bytes()).tells(413, "1000");
    let heavy = " ".repeat(4 * 1024 * 1024 + 1);
    snagd.post(&heavy).tells(413, "4 MiB");
    // Whoever sends all of it before reading learns as much.
    let head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let length = heavy.len();
    snagd
        .ask_tcp(&format!("{head}\r\nContent-Length: {length}\r\n\r\n{heavy}"))
        .tells(413, "4 MiB");
}

#[test]
fn bodies_may_be_packed_but_bombs_go_off_harmlessly() {
    let snagd = Snagd::start();
    let gzip = |plain: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(plain).unwrap();
        packer.finish().unwrap()
    };
    let json = "Content-Type: application/json\r\n";
    let packed = |encoding: &str| format!("{json}Content-Encoding: {encoding}\r\n");
    let body = event("");
    snagd.post_with(&packed("gzip"), &gzip(body.as_bytes())).is(201);
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    snagd.post_with(&packed("zstd"), &zstd).is(201);
    let bomb = vec![b' '; 64 * 1024 * 1024];
    snagd.post_with(&packed("gzip"), &gzip(&bomb)).tells(413, "4 MiB");
    snagd.post_with(&packed("zstd"), &zstd::encode_all(&bomb[..], 3).unwrap()).tells(413, "4 MiB");
    let whole = gzip(body.as_bytes());
    snagd.post_with(&packed("gzip"), &whole[..whole.len() - 6]).tells(400, "Content-Encoding");
    snagd
        .post_with(&packed("gzip"), &[&whole[..], b"more"].concat())
        .tells(400, "Content-Encoding");
    snagd.post_with(&packed("gzip"), &gzip(&whole)).tells(400, "line 1");
    snagd.post_with(&packed("br"), &whole).tells(415, "gzip");
    snagd.post_with(&packed("gzip, gzip"), &whole).tells(415, "gzip");
    assert_eq!(snagd.events().len(), 2);
}

#[test]
fn loopback_tcp_takes_posts_that_name_a_person() {
    let snagd = Snagd::start();
    let post = |body: &str, more: &str| {
        snagd.ask_tcp(&format!(
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    };
    post(&event(""), "").tells(422, "whom it happened to");
    let stored = post(&event(r#","person":"bob""#), "").is(201).json();
    assert_eq!((&stored["person"], &stored["person_verified"]), (&json!("bob"), &json!(false)));
    let token = format!("Authorization: Bearer {}\r\n", snagd.token());
    let stored = post(&event(r#","person":"bob""#), &token).is(201).json();
    assert_eq!(stored["claimed_person"], "bob", "a token says who one is");
    assert_eq!(stored["person_verified"], true);
    post(&event(""), "Authorization: Bearer nonsense\r\n").tells(401, "token");
}

#[test]
fn a_clock_ahead_is_clamped_and_a_late_one_believed() {
    let snagd = Snagd::start();
    let post = |at: &str| snagd.post(&event(&format!(r#","at":"{at}""#))).is(201).json();
    assert_eq!(post("9999-12-31T23:59:59Z")["at_clamped"], true);
    let ahead = post("9999-01-01T00:00:00Z");
    assert_eq!(ahead["at_clamped"], true);
    assert_eq!(ahead["at"], ahead["received_at"]);
    assert_eq!(post("1970-01-01T01:00:00+01:00")["at"], "1970-01-01T00:00:00Z");
    assert_eq!(post("2026-11-20T10:00:00.123456Z")["at"], "2026-11-20T10:00:00.123Z");
}

#[test]
fn secrets_never_touch_the_disk() {
    let mut snagd = Snagd::start();
    // Assembled here, so that nobody takes this file for a leak.
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let body = json!({
        "place": "web/a",
        "note": format!("it printed {token}"),
        "tags": {"header": format!("Authorization: Bearer {token}")},
        "evidence": {"env": [format!("GITHUB_TOKEN={token}")], "password": "hunter2hunter2"},
    });
    let stored = snagd.post(&body.to_string()).is(201).json();
    assert_eq!(stored["note"], "it printed [scrubbed:github-token]");
    assert!(stored["scrubbed"].as_array().unwrap().iter().any(|one| one["field"] == "/note"));
    // Malformed drafts are not kept either, and their text is not logged.
    snagd.post(&format!("{{\"place\":\"a\",\"note\":\"{token}\",\"x\":")).is(400);
    snagd.stop();
    for entry in files(snagd.dir.path()) {
        let bytes = std::fs::read(&entry).unwrap_or_default();
        for secret in [token.as_bytes(), b"hunter2hunter2"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret in {}", entry.display());
        }
    }
}

fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn taking_back_leaves_every_count_and_spends_the_id() {
    let snagd = Snagd::start();
    let id = format!(r#","id":"{ID}","outcome":"abandoned""#);
    snagd.post(&event(&id)).is(201);
    snagd.delete("/v1/events/4be19c07").is(204);
    snagd.delete("/v1/events/4be19c07").is(204);
    assert!(snagd.events().is_empty());
    assert_eq!(snagd.get("/v1/hotspots").json()["rows"], json!([]));
    let shown = snagd.get(&format!("/v1/events/{ID}")).is(200);
    assert_eq!(shown.header("snag-retracted"), Some("yes"));
    snagd.post(&event(&id)).is(200);
    assert!(snagd.events().is_empty(), "an id stays spent");
    snagd.delete("/v1/events/ffffffff").tells(404, "no event's id ends with");
}

#[test]
fn me_too_copies_what_it_refers_to() {
    let snagd = Snagd::start();
    snagd.post(&event(&format!(r#","id":"{ID}","kind":"slow","severity":"major""#))).is(201);
    let me_too = snagd.post(&format!(r#"{{"same_as":"{ID}","person":"bob"}}"#)).is(201).json();
    assert_eq!(me_too["place"], "web/checkout/pay");
    assert_eq!((&me_too["kind"], &me_too["severity"]), (&json!("slow"), &json!("major")));
    assert_eq!(snagd.get("/v1/hotspots").json()["rows"][0]["people"], 2);
    let nobody = "01938a5e-7c3b-7d4e-9f00-8a1b4be19c08";
    snagd.post(&format!(r#"{{"same_as":"{nobody}"}}"#)).tells(422, "is not known here yet");
}

#[test]
fn lists_page_without_gaps_in_both_directions() {
    let snagd = Snagd::start();
    let lines: Vec<String> = (0..25)
        .map(|n| {
            let place = if n % 2 == 0 { "web/a" } else { "web/b/c" };
            // Five share each instant.
            json!({"place": place, "note": format!("n{n}"), "at": format!("2026-11-20T10:00:{:02}Z", n / 5)})
                .to_string()
        })
        .collect();
    snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    let walk = |query: &str| {
        let (mut notes, mut path) = (Vec::new(), format!("/v1/events?limit=4{query}"));
        loop {
            let answer = snagd.get(&path).is(200);
            let page = answer.json();
            let events = page["events"].as_array().unwrap().clone();
            notes.extend(events.iter().map(|event| event["note"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { return notes };
            let link = answer.header("link").unwrap().to_owned();
            path = format!("/v1/events?limit=4{query}&cursor={next}");
            assert!(link.contains(next) && link.ends_with("rel=\"next\""), "{link}");
        }
    };
    let newest = walk("");
    assert_eq!(newest.len(), 25);
    let mut oldest = walk("&order=oldest");
    oldest.reverse();
    assert_eq!(newest, oldest);
    let under = walk("&under=web");
    assert_eq!(newest, under, "by place and by time it is the same order");
    assert_eq!(walk("&under=web/b").len(), 12);
    assert_eq!(walk("&since=2026-11-21&until=2026-11-22").len(), 0);
}

#[test]
fn mistyped_filters_are_not_ignored() {
    let snagd = Snagd::start();
    let bad = [
        ("/v1/hotspots?sicne=7d", "did you mean `since`?"),
        ("/v1/hotspots?since=soon", "`28d`"),
        ("/v1/hotspots?since=2026-11-20&until=2026-11-01", "earlier"),
        ("/v1/hotspots?by=team", "place, person, version, kind"),
        ("/v1/hotspots?top=0", "1 to 1000"),
        ("/v1/hotspots?flat=true&depth=2", "exclude"),
        ("/v1/hotspots?kind=slo", "did you mean `slow`?"),
        ("/v1/hotspots?under=..", "`under` contains `..`"),
        ("/v1/hotspots?top=1&top=2", "twice"),
        ("/v1/events?cursor=7", "`next` of the page before"),
        ("/v1/events?class=reports", "did you mean `report`?"),
        ("/v1/events?version=", "`version` is empty"),
        ("/v1/hotspots?person=%20", "`person` is empty"),
        ("/v1/why", "`place` is missing"),
    ];
    for (path, detail) in bad {
        snagd.get(path).tells(400, detail);
    }
    snagd.get("/v1/why?place=web/nowhere").tells(404, "nothing was ever recorded");
    snagd.get("/v2/events").tells(404, "/v1/events");
    let put = "PUT /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    snagd.ask(put).tells(405, "posted");
}

#[test]
fn an_event_that_grows_while_secrets_are_taken_out_harms_nobody() {
    let mut snagd = Snagd::start();
    let long = "k".repeat(8_000);
    let keys: serde_json::Map<String, Value> =
        (0..1_500).map(|n| (format!("pwd{n}"), json!("x"))).collect();
    let body = json!({"place": "web/a", "note": "x", "evidence": {long: keys}}).to_string();
    let status = snagd.post(&body).status;
    assert!(status == 201 || status == 422, "{status}");
    let events = snagd.events();
    assert!(events.iter().all(|event| event.to_string().len() <= 64 * 1024 + 4_096));
    snagd.post(&event("")).is(201);
    snagd.stop();
}

#[test]
fn what_cannot_be_meant_is_refused_before_it_ranks() {
    let snagd = Snagd::start();
    let at = |at: &str| snagd.post(&event(&format!(r#","at":"{at}""#)));
    at("-005000-01-01T00:00:00Z").tells(422, "before 1970");
    at("1969-12-31T23:59:59Z").tells(422, "before 1970");
    let card = r#"{"place":"web/card/4111-1111-1111-1111","note":"x"}"#;
    snagd.post(card).tells(422, "looks like a secret (card-number)");
    snagd.get("/v1/events/%FF").tells(400, "hexadecimal");
    assert!(snagd.events().is_empty());
}

#[test]
fn floats_are_kept_to_the_last_bit() {
    let snagd = Snagd::start();
    let body = format!(
        r#"{{"id":"{ID}","place":"a","note":"x","evidence":{{"s":8.680453071432968e-08}}}}"#
    );
    let first = snagd.post(&body).is(201).json();
    assert_eq!(snagd.post(&body).is(200).json(), first);
    assert_eq!(snagd.post(&first.to_string()).is(200).json(), first);
}

#[test]
fn people_appear_by_name_to_themselves_only() {
    let snagd = Snagd::start();
    for person in ["ana", "ben", "chi"] {
        snagd.post(&event(&format!(r#","person":"{person}""#))).is(201);
    }
    let why = snagd.get("/v1/why?place=web/checkout/pay").is(200).json();
    let people: Vec<_> =
        why["people"].as_array().unwrap().iter().map(|term| term["person"].clone()).collect();
    assert_eq!(people, ["person 1", "person 2", "person 3"]);
    assert_eq!(snagd.get("/v1/hotspots?by=person").json()["rows"], json!([]), "none of them is us");
    let known = snagd.get("/v1/known").is(200).json();
    assert_eq!(known["people"], json!(["ana", "ben", "chi"]), "the owner has the files anyway");
    assert_eq!((&known["v"], &known["places"]), (&json!(1), &json!(["web/checkout/pay"])));
    let token = format!("Host: localhost\r\nAuthorization: Bearer {}\r\n", snagd.token());
    let ask = |path: &str| {
        snagd.ask_tcp(&format!("GET {path} HTTP/1.1\r\n{token}Connection: close\r\n\r\n"))
    };
    ask("/v1/hotspots?by=person&person=ben").tells(403, "names");
    ask("/v1/hotspots?person=ben").tells(403, "names");
    ask("/v1/why?place=web/checkout/pay&person=ben").tells(403, "names");
    ask("/v1/signals?person=ben").tells(403, "names");
    for view in ["", "/hotspots.json", "/hotspots.csv", "/hotspots.md", "/map", "/calendar"] {
        let refused = ask(&format!("/page{view}?person=ben")).is(403).text();
        assert!(refused.contains("names"), "{view}: {refused}");
    }
    assert_eq!(ask("/v1/known").is(200).json()["people"], json!([]), "none of them is us");
    let nobody = "GET /v1/known HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    snagd.ask_tcp(nobody).tells(401, "token");

    let dir = crate::harness::Dir::new();
    let config = dir.path().join("snagd.toml");
    std::fs::write(&config, "names = \"team\"\n").unwrap();
    let config = config.display().to_string();
    let team = Snagd::start_with(dir, &["--config", &config]);
    for person in ["ana", "ben"] {
        team.post(&event(&format!(r#","person":"{person}""#))).is(201);
    }
    let rows = team.get("/v1/hotspots?by=person").json()["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(team.get("/v1/why?place=web/checkout/pay").json()["people"][0]["person"], "ana");
}
