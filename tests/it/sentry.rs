//! The Sentry door over raw sockets: keys, packing, framing, limits, pages. What the real SDKs send is
//! tried by `tests/sdk/run`.

use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{Answer, Dir, Snagd};

/// A key bound to a place; the digits of it and its number.
fn key(snagd: &Snagd, place: &str) -> (String, u64) {
    let made = snagd.snag(&["dsn", place, "--json"]).ok().json();
    let dsn = made["dsn"].as_str().unwrap();
    let digits = dsn.strip_prefix("http://").unwrap().split('@').next().unwrap();
    (digits.to_owned(), made["number"].as_u64().unwrap())
}

/// Posts over TCP.
fn post(snagd: &Snagd, path: &str, headers: &str, body: &[u8]) -> Answer {
    post_to(&snagd.address(), path, headers, body)
}

fn post_to(address: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let request = request(address, path, &format!("Connection: close\r\n{headers}"), body);
    Answer::of(TcpStream::connect(address).unwrap(), &request)
}

fn request(address: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn envelope(items: &[(&str, Value)]) -> Vec<u8> {
    let mut text = "{}\n".to_owned();
    for (kind, payload) in items {
        writeln!(text, "{{\"type\":\"{kind}\"}}\n{payload}").unwrap();
    }
    text.into_bytes()
}

fn failure(note: &str) -> Value {
    json!({"message": note, "level": "error", "user": {"username": "ana"}})
}

fn notes(snagd: &Snagd) -> Vec<String> {
    let note = |event: &Value| event["note"].as_str().unwrap_or_default().to_owned();
    let mut notes: Vec<_> = snagd.events().iter().map(note).collect();
    notes.sort();
    notes
}

/// A figure of `/metrics`.
fn figure(snagd: &Snagd, name: &str) -> u64 {
    let page = snagd.get("/metrics").text();
    let line =
        page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{page}"));
    line.trim().parse().unwrap()
}

#[test]
fn a_key_lets_in_until_it_is_revoked_and_nothing_else_does() {
    let mut snagd = Snagd::start();
    let (digits, number) = key(&snagd, "web");
    let path = format!("/api/{number}/envelope/");
    let body = envelope(&[("event", failure("stuck"))]);
    let auth = |key: &str| format!("X-Sentry-Auth: Sentry sentry_key={key}, sentry_version=7\r\n");
    let refused = |answer: Answer, why: &str| {
        let told = answer.is(403).json();
        assert!(
            told["detail"].as_str().unwrap().contains(why) && told["causes"].is_array(),
            "{told}"
        );
    };
    refused(post(&snagd, &path, "", &body), "no key");
    refused(post(&snagd, &path, &auth(&"0".repeat(32)), &body), "does not know");
    refused(post(&snagd, &format!("{path}?sentry_key=0"), &auth(&digits), &body), "differ");
    let with_dsn = [b"{\"dsn\":\"http://0@h/1\"}\n", &body[3..]].concat();
    refused(post(&snagd, &path, &auth(&digits), &with_dsn), "differ");
    assert!(snagd.events().is_empty());

    let misnamed = post(&snagd, "/api/shop/envelope/", &auth(&digits), &body).is(404).json();
    assert!(misnamed["detail"].as_str().unwrap().contains("a project is a number"), "{misnamed}");
    post(&snagd, &path, &auth(&digits), &body).is(200);
    snagd.stop();
    snagd.restart();
    // From anywhere, the key is enough; a prefix may stand before the path, the last slash be missing.
    post(&snagd, &format!("/sentry/api/7/envelope?sentry_key={digits}"), "", &body).is(200);
    let dsn = format!("{{\"dsn\":\"http://{digits}@h/1\"}}\n");
    post(&snagd, &path, "", &[dsn.as_bytes(), &body[3..]].concat()).is(200);
    assert_eq!(snagd.events().len(), 3);

    let file = snagd.state().join("keys");
    assert!(!fs::read_to_string(&file).unwrap().contains(&digits));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    snagd.snag(&["dsn", "--revoke", &number.to_string()]).ok();
    refused(post(&snagd, &path, &auth(&digits), &body), "revoked");
    snagd.snag(&["dsn", "--revoke", &number.to_string()]).ended(2);
    assert_eq!(snagd.snag(&["dsn", "--list", "--json"]).ok().json()["keys"], json!([]));
}

#[test]
fn only_the_owner_has_keys_made() {
    let snagd = Snagd::start();
    let headers =
        format!("Content-Type: application/json\r\nAuthorization: Bearer {}\r\n", snagd.token());
    post(&snagd, "/v1/keys", &headers, b"{}").tells(403, "over the unix socket");
}

/// Regression: it said that the disk was full.
#[test]
fn a_file_of_keys_that_cannot_be_written_is_no_full_disk() {
    let snagd = Snagd::start();
    fs::create_dir(snagd.state().join("keys.new")).unwrap();
    let said = snagd.snag(&["dsn", "web"]).ended(69);
    assert!(said.stderr.contains("the file of keys cannot be written"), "{said:#?}");
}

#[test]
fn each_item_becomes_what_it_means() {
    let snagd = Snagd::start();
    let (digits, _) = key(&snagd, "web");
    let path = format!("/api/1/envelope/?sentry_key={digits}");
    let id = "9ec79c33ec9942ab8353589fcb2e04dc";
    let crash = json!({"event_id": id, "transaction": "GET /cart/:id", "user": {"id": 7},
        "exception": [{"type": "TypeError", "value": "x", "mechanism": {"handled": false}}]});
    let answer = post(&snagd, &path, "", &envelope(&[("event", crash)])).is(200);
    assert_eq!(answer.json(), json!({"id": id}));
    let limits = answer.header("x-sentry-rate-limits").unwrap();
    assert!(limits.starts_with("3600:transaction;span;"), "{limits}");

    // Reports without a place of their own are where the event was that they are about.
    let report = json!({"event_id": id, "email": "bob@acme.example", "comments": "it hung"});
    let session =
        json!({"sid": "s1", "init": true, "started": "2026-11-20T15:00:00Z", "did": "ana"});
    let ended =
        json!({"sid": "s1", "started": "2026-11-20T15:00:00Z", "did": "ana", "status": "exited"});
    let items = [
        ("user_report", report),
        ("session", session),
        ("session", ended),
        ("transaction", json!({})),
        ("client_report", json!({"discarded_events": [{"category": "error", "quantity": 2}]})),
    ];
    post(&snagd, &path, "", &envelope(&items)).is(200);
    let mut told: Vec<String> = snagd
        .events()
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
            assert_eq!(event["person_verified"], false);
            [text("class"), text("place"), text("person"), text("note"), text("source")].join(" ")
        })
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "report web/cart/_ bob it hung sentry",
            "signal web/cart/_ 7 TypeError: x sentry",
            "use web ana - sentry",
        ]
    );
    assert_eq!(figure(&snagd, "snag_client_lost_events_total"), 2);
    let items = |item, fate| {
        figure(&snagd, &format!("snag_sentry_items_total{{item=\"{item}\",outcome=\"{fate}\"}}"))
    };
    assert_eq!((items("session", "kept"), items("other", "dropped")), (2, 1));
    let page = snagd.get("/metrics").text();
    assert!(
        page.contains("route=\"/api/{project}/envelope/\",method=\"POST\",code=\"200\"} 2"),
        "{page}"
    );
}

#[test]
fn bodies_come_packed_chunked_and_undeclared() {
    let snagd = Snagd::start();
    let (digits, _) = key(&snagd, "web");
    let path = format!("/api/1/envelope/?sentry_key={digits}");
    let body = |note: &str| envelope(&[("event", failure(note))]);
    let packed = |encoding: &str| format!("Content-Encoding: {encoding}\r\n");
    let gzip = |plain: &[u8]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gz.write_all(plain).unwrap();
        gz.finish().unwrap()
    };
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&body("deflate")).unwrap();
    post(&snagd, &path, &packed("gzip"), &gzip(&body("gzip"))).is(200);
    post(&snagd, &path, &packed("deflate"), &zlib.finish().unwrap()).is(200);
    post(&snagd, &path, &packed("zstd"), &zstd::encode_all(&body("zstd")[..], 3).unwrap()).is(200);
    // `{}`, an event and its message `packed`, as Python's brotli packs them.
    let brotli = b"\x1b\x37\x00\x80\x1c\x07\x6e\xac\xc5\x4e\x70\xf8\xa6\x8f\x50\xe9\xa5\xb0\x97\x3a\x2c\x7d\x2d\x42\x56\xd6\xd7\x29\xb7\x80\xb9\x25\x61\x58\x60\x7f\x61\x3e\xb9\xc9\x70\xee\x55\x1f\x8c\x81\x72\xd1\xff\x25\x14\x5c\xc6";
    post(&snagd, &path, &packed("br"), brotli).is(200);
    for plain in ["", "UTF-8", "identity"] {
        post(&snagd, &path, &packed(plain), &body(&format!("as {plain}"))).is(200);
    }
    let address = snagd.address();
    let chunk = body("chunked");
    let mut request = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", chunk.len()).into_bytes();
    request.extend([&chunk[..], b"\r\n0\r\n\r\n"].concat());
    Answer::of(TcpStream::connect(&address).unwrap(), &request).is(200);
    let expected =
        ["as UTF-8", "as identity", "as", "chunked", "deflate", "gzip", "packed", "zstd"];
    let mut expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(notes(&snagd), expected);

    // Bombs cost no more than honest bodies; what is not packed as it says is no envelope.
    let bomb = vec![b' '; 64 * 1024 * 1024];
    post(&snagd, &path, &packed("gzip"), &gzip(&bomb)).is(413);
    post(&snagd, &path, &packed("zstd"), &zstd::encode_all(&bomb[..], 3).unwrap()).is(413);
    post(&snagd, &path, &packed("br"), b"nonsense").is(400);
    post(&snagd, &path, &packed("lzma"), b"x").is(415);
    post(&snagd, &path, &packed("gzip"), &body("plain")).is(400);
    assert_eq!(notes(&snagd), expected);
}

#[test]
fn what_can_be_read_of_an_envelope_is_kept() {
    let snagd = Snagd::start();
    let path = "/shop/stream";
    let told = |body: &[u8], recorded: usize, cause: &str| {
        let told = post(&snagd, path, "", body).is(400).json();
        assert!(
            told["detail"].as_str().unwrap().ends_with(&format!("recorded: {recorded}")),
            "{told}"
        );
        assert!(told["causes"][0].as_str().unwrap().contains(cause), "{told}");
    };
    told(b"", 0, "first line");
    told(b"nonsense", 0, "first line");
    let good = envelope(&[("event", failure("before"))]);
    told(&[&good[..], b"{\"type\":\"event\",\"length\":99}\n{}"].concat(), 1, "item 2 ends");
    let around = envelope(&[
        ("event", failure("left")),
        ("session", json!({"no": "sid"})),
        ("event", failure("right")),
    ]);
    told(&around, 2, "item 2 (\"session\")");
    let large = json!({"message": "x".repeat(1024 * 1024), "level": "error"});
    told(&envelope(&[("event", large)]), 0, "more than 1 MiB");
    let unknown = envelope(&[("made_up", json!(7)), ("attachment", json!("raw"))]);
    post(&snagd, path, "", &unknown).is(200);
    post(&snagd, path, "", b"{}").is(200);
    assert_eq!(notes(&snagd), ["before", "left", "right"]);
    // A text that is too long is cut, not refused.
    let long = envelope(&[("event", failure(&"y".repeat(9000)))]);
    post(&snagd, path, "", &long).is(200);
    assert_eq!(notes(&snagd)[3].len(), 4096);
}

#[test]
fn spotlight_needs_no_key_and_is_for_programs_of_this_machine() {
    let dir = Dir::new();
    let config = dir.path().join("snagd.toml");
    fs::write(&config, "origins = [\"http://shop.example\"]\n").unwrap();
    let snagd = Snagd::start_with(dir, &["--config", &config.display().to_string()]);
    let body = |note: &str| envelope(&[("event", failure(note))]);
    let answer = post(
        &snagd,
        "/stream",
        "Content-Type: application/x-sentry-envelope\r\n",
        &body("program"),
    )
    .is(200);
    assert_eq!(answer.header("x-sentry-rate-limits"), None, "Spotlight has no measure");
    for page in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://shop.example\r\nOrigin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let answer = post(&snagd, "/stream", page, &body("hostile")).is(403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let origin = "Origin: http://shop.example\r\n";
    let answer = post(&snagd, "/stream", origin, &body("page")).is(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://shop.example"));
    let address = snagd.address();
    snagd
        .ask_tcp("POST /stream HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .tells(421, "allowed_hosts");
    let preflight = |origin: &str| {
        snagd.ask_tcp(&format!("OPTIONS /api/1/envelope/ HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n")).is(204)
    };
    let told = preflight("http://shop.example");
    assert_eq!(told.header("access-control-allow-methods"), Some("POST"));
    assert!(told.header("access-control-allow-headers").unwrap().contains("x-sentry-auth"));
    assert_eq!(preflight("http://evil.example").header("access-control-allow-origin"), None);
    assert_eq!(notes(&snagd), ["page", "program"]);

    // Behind a proxy, whoever comes from this machine may come from anywhere.
    fs::write(&config, "behind_proxy = true\n").unwrap();
    crate::harness::until("the configuration is in force", || {
        post(&snagd, "/stream", "", &body("x")).status == 403
    });
}

#[test]
fn the_same_sessions_of_several_processes_are_several() {
    let snagd = Snagd::start();
    let (digits, _) = key(&snagd, "web");
    let path = format!("/api/1/envelope/?sentry_key={digits}");
    let sessions = json!({"attrs": {"release": "shop@1"}, "aggregates": [{"started": "2026-11-20T14:00:00Z", "exited": 3}]});
    // Python's workers say no time of sending, and may count the same in one minute.
    for _ in 0..4 {
        post(&snagd, &path, "", &envelope(&[("sessions", sessions.clone())])).is(200);
    }
    let uses = snagd.events().iter().filter_map(|event| event["count"].as_u64()).sum::<u64>();
    assert_eq!(uses, 12);
}

#[test]
fn a_key_says_nothing_at_a_place_that_is_not_its_own() {
    let snagd = Snagd::start();
    let (digits, _) = key(&snagd, "web");
    let about = |id: &str| json!({"event_id": id, "comments": format!("about {id}")});
    let (secret, own) = ("01a20000000070008000000000000001", "01a20000000070008000000000000002");
    for (id, place) in [(secret, "secret/plan"), (own, "web/cart")] {
        snagd.post(&json!({"id": id, "place": place, "note": "x"}).to_string()).is(201);
        let path = format!("/api/1/envelope/?sentry_key={digits}");
        post(&snagd, &path, "", &envelope(&[("user_report", about(id))])).is(200);
    }
    let place = |id: &str| {
        let events = snagd.events();
        let said = format!("about {id}");
        events.iter().find(|event| event["note"] == said.as_str()).unwrap()["place"].clone()
    };
    assert_eq!((place(secret), place(own)), ("web".into(), "web/cart".into()));
}

#[test]
fn a_flood_of_one_key_leaves_the_others_alone() {
    let snagd = Snagd::start();
    let ((loud, _), (quiet, _)) = (key(&snagd, "loud"), key(&snagd, "quiet"));
    let (address, body) = (snagd.address(), envelope(&[("transaction", json!({}))]));
    let path = |key: &str| format!("/api/1/envelope/?sentry_key={key}");
    // On one connection they come at once, however slow this machine is.
    let send = |key: &str, many: usize| {
        let one = request(&address, &path(key), "", &body).repeat(many - 1);
        let last = request(&address, &path(key), "Connection: close\r\n", &body);
        Answer::of(TcpStream::connect(&address).unwrap(), &[one, last].concat()).text()
    };
    let taken = |answers: &str| answers.matches("HTTP/1.1 200").count();
    let burst = send(&loud, 500);
    assert_eq!(taken(&burst), 500, "a key may send so many at once: {burst}");
    let more = send(&loud, 500);
    let limited = more.find("HTTP/1.1 429").expect("500 more, and none was one too many");
    let (more, limited) = more.split_at(limited);
    let limited = Answer::parse(limited.as_bytes());
    assert_eq!(limited.header("retry-after"), Some("1"), "{}", limited.text());
    assert_eq!(limited.header("x-sentry-rate-limits"), None, "it would hide the other");
    assert_eq!(taken(&send(&quiet, 1)), 1);
    assert_eq!(figure(&snagd, "snag_sentry_limited_total"), 1);
    assert_eq!(snagd.get("/v1/status").json()["beyond"]["requests"], 1);
    let kept = "snag_sentry_items_total{item=\"other\",outcome=\"dropped\"}";
    assert_eq!(figure(&snagd, kept), 501 + taken(more) as u64);
}

#[test]
fn of_a_crash_in_a_loop_sixty_are_kept() {
    let snagd = Snagd::start();
    let crash =
        |person: &str| json!({"message": "again", "level": "error", "user": {"username": person}});
    let many: Vec<_> = (0..70).map(|_| ("event", crash("ana"))).collect();
    // Twice, in case the hour ends between.
    for _ in 0..2 {
        post(&snagd, "/stream", "", &envelope(&many)).is(200);
    }
    post(&snagd, "/stream", "", &envelope(&[("event", crash("bob"))])).is(200);
    let of = |person: &str| snagd.events().iter().filter(|event| event["person"] == person).count();
    assert!([60, 120].contains(&of("ana")), "{}", of("ana"));
    assert_eq!(of("bob"), 1);
    let over = figure(&snagd, "snag_sentry_items_total{item=\"event\",outcome=\"over_limit\"}");
    assert_eq!(over + of("ana") as u64, 140);
}

#[test]
fn a_large_envelope_is_taken_as_a_small_one_is() {
    let snagd = Snagd::start();
    let (digits, number) = key(&snagd, "web");
    let note = "token=( ".repeat(12_000);
    let body = envelope(&[("event", failure(&note)), ("event", failure("stuck"))]);
    let auth = format!("X-Sentry-Auth: Sentry sentry_key={digits}, sentry_version=7\r\n");
    post(&snagd, &format!("/api/{number}/envelope/"), &auth, &body).is(200);
    let notes = notes(&snagd);
    assert_eq!((notes.len(), &*notes[0]), (2, "stuck"));
    assert!(notes[1].starts_with("token=( token=("), "{}", notes[1]);
}
