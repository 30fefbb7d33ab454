//! What the API does beside recording and ranking: health, metrics, tags.

use std::process::Command;

use serde_json::json;

use crate::harness::Snagd;

fn event(note: &str) -> String {
    json!({"place": "web/checkout/pay", "person": "ana", "note": note}).to_string()
}

#[test]
fn health_needs_no_token_and_tells_nothing() {
    let snagd = Snagd::start();
    for path in ["/livez", "/readyz"] {
        let ask = |headers: &str| {
            snagd.ask_tcp(&format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
        };
        ask("Host: localhost\r\n").is(200);
        ask("Host: evil.example\r\n").tells(421, "allowed_hosts");
        ask("Host: localhost\r\nAuthorization: Bearer x\r\n").tells(401, "token");
    }
    assert_eq!(snagd.get("/livez").body, b"alive\n");
    assert_eq!(snagd.get("/readyz").body, b"ready\n");
}

#[test]
fn without_room_it_lives_and_is_not_ready_until_there_is_some() {
    let mut snagd = Snagd::start_within(&["--fsize=1000000:unlimited"]);
    snagd.post(&event("x")).tells(507, "disk is full");
    snagd.get("/livez").is(200);
    let answer = snagd.get("/readyz").tells(503, "the disk is full: make room");
    assert_eq!(answer.header("retry-after"), Some("1"));
    snagd.get("/v1/hotspots").is(200);

    let pid = format!("--pid={}", snagd.child.id());
    let lifted = Command::new("prlimit").args([&pid, "--fsize=unlimited"]).status().unwrap();
    assert!(lifted.success());
    snagd.get("/readyz").is(200);
    snagd.post(&event("x")).is(201);
    snagd.stop();
}

/// The samples of a page, each with its number.
fn samples(page: &str) -> Vec<(&str, &str)> {
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| line.rsplit_once(' ').unwrap());
    samples
        .inspect(|(name, value)| assert!(value.parse::<f64>().is_ok(), "{name} {value}"))
        .collect()
}

fn sample<'a>(page: &'a str, name: &str) -> &'a str {
    let found = samples(page).into_iter().find(|(found, _)| *found == name);
    found.unwrap_or_else(|| panic!("no {name} in\n{page}")).1
}

#[test]
fn metrics_count_what_happens_and_name_nobody() {
    let snagd = Snagd::start();
    let first = snagd.post(&event("a secret place")).is(201).json();
    snagd.post(&first.to_string()).is(200);
    let other = json!({"id": first["id"], "place": "web/x", "note": "other"});
    snagd.post(&other.to_string()).is(409);
    snagd.post(r#"{"place":"web/x"}"#).is(422);
    snagd.post_as("application/x-ndjson", format!("{}\n{{\n", event("two")).as_bytes()).is(200);
    snagd.get("/nowhere/web/checkout/pay").is(404);
    snagd.get(&format!("/v1/events/{}", first["id"].as_str().unwrap())).is(200);
    snagd.ask("BREW /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").is(405);

    let answer = snagd.get("/metrics").is(200);
    let kind = answer.header("content-type").unwrap();
    assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
    let page = String::from_utf8(answer.body).unwrap();
    let http = |outcome: &str| {
        sample(
            &page,
            &format!("snag_events_ingested_total{{source=\"http\",outcome=\"{outcome}\"}}"),
        )
    };
    let counts = ["accepted", "duplicate", "conflict", "rejected", "refused"].map(http);
    assert_eq!(counts, ["2", "1", "1", "2", "0"]);
    let requests = |route: &str, method: &str, code: u16| {
        let name = format!(
            "snag_http_requests_total{{route=\"{route}\",method=\"{method}\",code=\"{code}\"}}"
        );
        sample(&page, &name)
    };
    assert_eq!(requests("/v1/events", "POST", 201), "1");
    assert_eq!(requests("/v1/events/{id}", "GET", 200), "1");
    assert_eq!(requests("none", "GET", 404), "1");
    assert_eq!(requests("/livez", "other", 405), "1");
    assert_eq!(sample(&page, "snag_events"), "2");
    assert_eq!(sample(&page, "snag_store_flush_duration_seconds_count"), "2");
    assert_eq!(sample(&page, "snag_ingest_duration_seconds_bucket{le=\"+Inf\"}"), "4");
    assert_eq!(sample(&page, "snag_store_size_bytes{part=\"journal\"}"), "8388608");
    for name in ["snag_spool_files", "snag_dropdir_errors_total", "process_start_time_seconds"] {
        sample(&page, name);
    }
    for word in ["checkout", "ana", "secret", "BREW", "nowhere"] {
        assert!(!page.contains(word), "{word} in\n{page}");
    }
}

#[test]
fn metrics_come_in_two_formats_and_need_the_token() {
    let snagd = Snagd::start();
    snagd
        .ask_tcp("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .tells(401, "Bearer");
    let answer = snagd.get_with("/metrics", "Accept: application/openmetrics-text\r\n").is(200);
    let kind = answer.header("content-type").unwrap();
    assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let page = String::from_utf8(answer.body).unwrap();
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    // Each family stands together, is declared once, and before its samples.
    let families: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut at = 0;
    for (name, _) in samples(&page) {
        let ahead = families[at..].iter().position(|family| name.starts_with(family));
        at += ahead.unwrap_or_else(|| panic!("{name} is of no family, or not where it belongs"));
    }
    assert_eq!(at, families.len() - 1);
    for accept in ["application/json", "text/html;q=x", ",;,", "*/*;q=0"] {
        snagd.get_with("/metrics", &format!("Accept: {accept}\r\n")).is(200);
    }
}

#[test]
fn a_ranking_at_hand_is_not_made_again_until_something_changes_it() {
    let snagd = Snagd::start();
    let id = snagd.post(&event("x")).is(201).json()["id"].as_str().unwrap().to_owned();
    let tag = |path: &str| {
        let answer = snagd.get(path).is(200);
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        answer.header("etag").unwrap().to_owned()
    };
    let status = |path: &str, tag: &str| {
        let answer = snagd.get_with(path, &format!("If-None-Match: {tag}\r\n"));
        if answer.status == 304 {
            assert_eq!(answer.header("etag"), Some(tag));
            assert!(answer.body.is_empty(), "{}", answer.text());
        }
        answer.status
    };
    let paths =
        ["/v1/hotspots", "/v1/hotspots?since=7d", "/v1/hotspots?by=kind", "/v1/hotspots?top=5"];
    let tags = paths.map(tag);
    for (path, own) in paths.iter().zip(&tags) {
        for tag in &tags {
            assert_eq!(status(path, tag) == 304, own == tag, "{path} {tag}");
        }
    }
    // The same question in other words is the same.
    assert_eq!(status("/v1/hotspots?since=28d&until=today", &tags[0]), 304);
    snagd.post(&event("y")).is(201);
    assert_eq!(status(paths[0], &tags[0]), 200, "an event was recorded");
    let fresh = tag(paths[0]);
    assert_eq!(status(paths[0], &fresh), 304);
    snagd.delete(&format!("/v1/events/{id}")).is(204);
    assert_eq!(status(paths[0], &fresh), 200, "an event was taken back");
    let none = snagd.get_with("/v1/hotspots?top=0", "If-None-Match: *\r\n");
    none.tells(400, "`top` is a whole number");
}
