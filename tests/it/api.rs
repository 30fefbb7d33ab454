//! What the API does beside recording and ranking: health, metrics, tags, packing, limits.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Answer, PATIENCE, Snagd};

fn event(note: &str) -> String {
    json!({"place": "web/checkout/pay", "person": "ana", "note": note}).to_string()
}

#[test]
fn health_needs_no_token_and_tells_nothing() {
    let snagd = Snagd::start();
    for path in ["/livez", "/readyz", "/openapi.json"] {
        let ask = |headers: &str| {
            snagd.ask_tcp(&format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
        };
        ask("Host: localhost\r\n").is(200);
        ask("Host: evil.example\r\n").tells(421, "allowed_hosts");
        ask("Host: localhost\r\nAuthorization: Bearer x\r\n").tells(401, "token");
    }
    assert_eq!(snagd.get("/livez").body, b"alive\n");
    assert_eq!(snagd.get("/readyz").body, b"ready\n");
    let file = include_bytes!("../../openapi.json");
    assert!(snagd.get("/openapi.json").is(200).body == file, "served as it is");
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

/// Asserts that a schema of `openapi.json` names every field of an answer, all the way down.
fn described(api: &Value, schema: &Value, answer: &Value, at: &str) {
    let variants = variants(api, schema);
    match answer {
        Value::Object(fields) => {
            // An object of which nothing is said is free.
            let is_free = |schema: &&Value| {
                schema.get("properties").or(schema.get("additionalProperties")).is_none()
            };
            if variants.iter().all(is_free) {
                return;
            }
            for (name, value) in fields {
                let at = format!("{at}/{name}");
                let named = variants.iter().find_map(|schema| schema["properties"].get(name));
                let other =
                    || variants.iter().find_map(|schema| schema.get("additionalProperties"));
                let schema =
                    named.or_else(other).unwrap_or_else(|| panic!("{at} is not described"));
                described(api, schema, value, &at);
            }
        }
        Value::Array(values) => {
            let items = variants.iter().find_map(|schema| schema.get("items"));
            let items = items.unwrap_or_else(|| panic!("the items of {at} are not described"));
            for value in values {
                described(api, items, value, at);
            }
        }
        _ => {}
    }
}

/// A schema and all that it is made of or may be.
fn variants<'a>(api: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![schema];
    if let Some(reference) = schema["$ref"].as_str() {
        found.extend(variants(api, api.pointer(&reference[1..]).unwrap()));
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        let parts = schema[list].as_array().into_iter().flatten();
        found.extend(parts.flat_map(|part| variants(api, part)));
    }
    found
}

#[test]
fn every_field_that_is_answered_is_described() {
    let snagd = Snagd::start();
    let api = snagd.get("/openapi.json").json();
    let full = &api["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        ["full"]["value"];
    let mut again = full.clone();
    again["note"] = json!("the token ghp_0123456789abcdefghijABCDEFGHIJ012345 was printed");
    snagd.post(&full.to_string()).is(201);
    snagd.post(&again.to_string()).is(201);
    let uses = json!({"class": "use", "place": "cli/deploy", "person": "ana", "count": 9});
    let crash = json!({"class": "signal", "place": "cli/deploy", "signal": {"name": "crash", "count": 2, "rule": "x"}});
    snagd.post(&json!([uses, crash, {}]).to_string()).is(200);
    snagd.post(&json!({"place": "cli/deploy/prod", "note": "slow"}).to_string()).is(201);
    let check = |path: &str, query: &str, answer: &Answer| {
        let responses = &api["paths"][path]["get"]["responses"];
        let content = &responses[&answer.status.to_string()]["content"]["application/json"];
        described(&api, &content["schema"], &answer.json(), &format!("{path}{query}"));
    };
    let since = "?since=2026-11-01&until=today";
    let asked = [
        ("/v1/events", ""),
        ("/v1/events", "?limit=1"),
        ("/v1/hotspots", since),
        ("/v1/hotspots", "?since=2026-11-01&by=version"),
        ("/v1/why", "?since=2026-11-01&place=cli/deploy"),
        ("/v1/signals", "?since=2026-11-01"),
        ("/v1/coverage", "?since=2026-11-01"),
        ("/v1/known", ""),
        ("/v1/status", ""),
    ];
    for (path, query) in asked {
        check(path, query, &snagd.get(&format!("{path}{query}")).is(200));
    }
    let problem = snagd.post(r#"{"place":1}"#).is(422).json();
    described(&api, &api["components"]["schemas"]["Problem"], &problem, "a problem");
}

#[test]
fn status_knows_the_oldest_and_the_newest() {
    let snagd = Snagd::start();
    let status = || snagd.get("/v1/status").is(200).json();
    let none = status();
    for field in ["/oldest", "/newest_at", "/journal/last_sync_us"] {
        assert_eq!(none.pointer(field), Some(&Value::Null), "{none}");
    }
    assert_eq!(none["queue"], json!({"jobs": 0, "bytes": 0}));
    let happened = |at: &str| json!({"place": "a", "note": at, "at": at}).to_string();
    let first = snagd.post(&happened("2026-09-03T23:59:59Z")).is(201).json();
    let late = snagd.post(&happened("2026-10-01T00:00:00Z")).is(201).json();
    let told = status();
    assert_eq!((&told["oldest"], &told["newest_at"]), (&json!("2026-09-03"), &late["received_at"]));
    assert!(told["journal"]["last_sync_us"].as_u64().is_some_and(|took| 0 < took), "{told}");
    // What was taken back does not count, whether it is in sled already or not.
    snagd.delete(&format!("/v1/events/{}", first["id"].as_str().unwrap())).is(204);
    assert_eq!(status()["oldest"], "2026-10-01");
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
            assert_eq!(answer.header("vary"), Some("accept-encoding"));
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

fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut plain = Vec::new();
    match answer.header("content-encoding") {
        Some("gzip") => {
            flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap();
        }
        Some("zstd") => plain = zstd::decode_all(&answer.body[..]).unwrap(),
        Some(other) => panic!("packed as {other}"),
        None => plain.clone_from(&answer.body),
    }
    plain
}

#[test]
fn answers_are_packed_as_the_client_likes_it() {
    let snagd = Snagd::start();
    let lines: Vec<String> = (0..50).map(|n| event(&format!("note {n}"))).collect();
    snagd.post_as("application/x-ndjson", lines.join("\n").as_bytes()).is(200);
    let plain = snagd.get("/v1/events").is(200);
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let cases = [
        ("gzip", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("zstd;q=0.5, gzip;q=0.8", Some("gzip")),
        ("zstd;q=0, *;q=0.1", Some("gzip")),
        ("br, identity;q=0", None),
        ("gzip;q=0", None),
        ("gzip;q=2, zstd;q=-1, ;;;,", None),
    ];
    for (accepts, packing) in cases {
        let accept = format!("Accept-Encoding: {accepts}\r\n");
        let answer = snagd.get_with("/v1/events", &accept).is(200);
        assert_eq!(answer.header("content-encoding"), packing, "{accepts}");
        assert!(unpacked(&answer) == plain.body, "{accepts}");
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        assert_eq!(length, answer.body.len());
        assert_eq!(packing.is_some(), length * 4 < plain.body.len(), "{length}");
    }
    let small = snagd.get_with("/livez", "Accept-Encoding: gzip\r\n");
    assert_eq!((small.header("content-encoding"), &small.body[..]), (None, &b"alive\n"[..]));
    let metrics = snagd.get_with("/metrics", "Accept-Encoding: zstd\r\n").is(200);
    assert!(String::from_utf8(unpacked(&metrics)).unwrap().contains("snag_events 50"));
    let head =
        "HEAD /v1/events HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";
    assert!(snagd.ask(head).is(200).body.is_empty());
}

#[test]
fn packed_bodies_may_come_in_pieces() {
    let snagd = Snagd::start();
    let gzip = |plain: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(plain.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    let zstd = |plain: &str| zstd::encode_all(plain.as_bytes(), 3).unwrap();
    let pieces = [event("one") + "\n", String::new(), event("two")];
    let send = |packing: &str, body: &[u8]| {
        let headers =
            format!("Content-Type: application/x-ndjson\r\nContent-Encoding: {packing}\r\n");
        snagd.post_with(&headers, body)
    };
    let gzipped = pieces.each_ref().map(|piece| gzip(piece)).concat();
    assert_eq!(send("gzip", &gzipped).is(200).json()["accepted"], 2);
    let zstded = pieces.each_ref().map(|piece| zstd(piece)).concat();
    assert_eq!(send("zstd", &zstded).is(200).json()["accepted"], 2);
    send("gzip", &[&gzipped[..], b"rest"].concat()).tells(400, "Content-Encoding");
    send("gzip", &gzipped[..gzipped.len() - 1]).tells(400, "Content-Encoding");
    // A window beyond what RFC 9659 lets a sender choose would cost 128 MiB to look through.
    let mut wide = zstd::Encoder::new(Vec::new(), 3).unwrap();
    wide.window_log(27).unwrap();
    wide.write_all(event("three").as_bytes()).unwrap();
    send("zstd", &wide.finish().unwrap()).tells(400, "Content-Encoding");
    assert_eq!(snagd.events().len(), 4);
}

/// Begins a post of so many bytes and waits until the daemon wants them.
fn begin(snagd: &Snagd, bytes: usize) -> UnixStream {
    let mut stream = UnixStream::connect(snagd.socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go = [0; 25];
    stream.read_exact(&mut go).unwrap();
    assert_eq!(&go[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn large_bodies_wait_for_room_and_small_ones_pass() {
    let snagd = Snagd::start();
    let full: Vec<UnixStream> = (0..16).map(|_| begin(&snagd, 4 * 1024 * 1024)).collect();
    snagd.post(&event("small")).is(201);
    let events: Vec<Value> = (0..100)
        .map(|n| json!({"place": "web/large", "note": "x".repeat(1000), "task": n.to_string()}))
        .collect();
    let large = json!(events).to_string();
    let accepted = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| snagd.post(&large).is(200).json()["accepted"].clone());
        snagd.post(&event("another small")).is(201);
        // Whoever hangs up leaves room.
        drop(full);
        waiting.join().unwrap()
    });
    assert_eq!(accepted, 100);
}

#[test]
fn cloud_events_are_recorded_once_in_all_three_modes() {
    let snagd = Snagd::start();
    let event = |id: &str, note: &str| {
        format!(
            r#"{{"specversion":"1.0","type":"dev.snag.event.v1","source":"https://ci.example","id":"{id}","subject":"ci/deploy","data":{{"note":"{note}"}}}}"#
        )
    };
    let structured = "application/cloudevents+json; charset=UTF-8";
    let made = snagd.post_as(structured, event("1", "hung").as_bytes()).is(201).json();
    assert_eq!((&made["place"], &made["note"]), (&json!("ci/deploy"), &json!("hung")));
    let binary = "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-type: dev.snag.event.v1\r\nce-source: https://ci.example\r\nce-id: 1\r\nce-subject: ci%2Fdeploy\r\n";
    let again = snagd.post_with(binary, br#"{"note":"hung"}"#).is(200).json();
    assert_eq!(again["id"], made["id"]);
    snagd.post_with(binary, br#"{"note":"another"}"#).tells(409, "belongs to another event");
    let batch = format!("[{},{},{{}}]", event("1", "hung"), event("2", "again"));
    let told = snagd.post_as("application/cloudevents-batch+json", batch.as_bytes()).is(200).json();
    assert_eq!((&told["accepted"], &told["duplicate"]), (&json!(1), &json!(1)));
    assert_eq!(told["rejected"][0]["line"], 3);
    let other = event("3", "x").replace("dev.snag.event.v1", "com.example.order");
    snagd.post_as(structured, other.as_bytes()).tells(422, "dev.snag.event.v1");
    assert_eq!(snagd.events().len(), 2);
}
