//! Who may come in: raw sockets, because HTTP libraries rewrite the very headers this is about.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::{fs, thread};

use crate::harness::{Answer, Snagd, Timeout};

/// A request over TCP with these header lines.
fn ask(snagd: &Snagd, line: &str, headers: &[&str]) -> Answer {
    let headers = headers.iter().fold(String::new(), |all, header| all + header + "\r\n");
    snagd.ask_tcp(&format!("{line} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"))
}

const PATHS: [&str; 6] =
    ["/v1/events", "/v1/hotspots", "/v1/status", "/livez", "/", "/../../etc/passwd"];

#[test]
fn a_foreign_host_gets_nowhere() {
    let snagd = Snagd::start();
    for path in PATHS {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            for host in [
                "evil.example",
                "evil.example:7624",
                "localhost.evil.example",
                "10.0.0.1",
                "localhost:1",
            ] {
                let answer = ask(&snagd, &format!("{method} {path}"), &[&format!("Host: {host}")]);
                answer.tells(421, "allowed_hosts");
            }
        }
    }
}

#[test]
fn a_broken_host_is_a_bad_request_and_no_panic() {
    let mut snagd = Snagd::start();
    let long = format!("Host: {}", "x".repeat(10_000));
    let broken: [&[&str]; 7] = [
        &[],
        &["Host: localhost", "Host: localhost"],
        &["Host: ["],
        &["Host: "],
        &["Host: a b"],
        &["Host: user@localhost"],
        &[&long],
    ];
    for headers in broken {
        let status = ask(&snagd, "GET /v1/status", headers).status;
        assert!(status == 400 || status == 421, "{status} for {headers:.40?}");
    }
    ask(&snagd, "GET http://localhost/v1/status", &["Host: 127.0.0.1"]).tells(400, "another host");
    snagd.stop();
}

#[test]
fn localhost_and_the_address_connected_to_are_ours() {
    let snagd = Snagd::start();
    let address = snagd.address();
    let port = address.rsplit(':').next().unwrap();
    for host in [&address, "localhost", "LOCALHOST.", "127.0.0.1", &format!("localhost:{port}")] {
        ask(&snagd, "GET /v1/status", &[&format!("Host: {host}")]).tells(401, "token");
    }
}

#[test]
fn allowed_hosts_come_from_the_configuration() {
    let dir = crate::harness::Dir::new();
    let config = dir.path().join("snagd.toml");
    std::fs::write(&config, "allowed_hosts = [\"snag.acme.example\"]\n").unwrap();
    let config = config.display().to_string();
    let snagd = Snagd::start_with(dir, &["--config", &config]);
    ask(&snagd, "GET /v1/status", &["Host: snag.acme.example"]).tells(401, "token");
    ask(&snagd, "GET /v1/status", &["Host: acme.example"]).tells(421, "allowed_hosts");
}

#[test]
fn pages_of_other_sites_are_turned_away() {
    let snagd = Snagd::start();
    let address = snagd.address();
    let origins = [
        "null",
        "http://evil.example",
        "http://localhost.evil",
        "http://localhost:1",
        "https://",
        "",
    ];
    for origin in origins {
        let origin = format!("Origin: {origin}");
        let answer = ask(&snagd, "GET /v1/status", &[&format!("Host: {address}"), &origin]);
        let answer = answer.tells(403, "web pages");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    for site in ["cross-site", "same-site"] {
        let site = format!("Sec-Fetch-Site: {site}");
        ask(&snagd, "GET /v1/status", &["Host: localhost", &site]).tells(403, "web pages");
    }
    for site in ["none", "same-origin"] {
        let site = format!("Sec-Fetch-Site: {site}");
        ask(&snagd, "GET /v1/status", &["Host: localhost", &site]).tells(401, "token");
    }
    let own = format!("Origin: http://{address}");
    ask(&snagd, "GET /v1/status", &[&format!("Host: {address}"), &own]).tells(401, "token");
}

#[test]
fn what_a_form_can_send_is_not_taken() {
    let snagd = Snagd::start();
    let body = r#"{"place":"web/a","person":"ana","note":"x"}"#;
    let types = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""];
    for content_type in types {
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        snagd.ask_tcp(&request).tells(415, "application/json");
    }
    assert!(snagd.events().is_empty());
    // Wherever a body is taken, and nowhere else.
    let plain = |method: &str, path: &str| {
        snagd.ask(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"))
    };
    let api = snagd.get("/openapi.json").json();
    let paths = api["paths"].as_object().unwrap().iter();
    let posts = paths.filter(|(_, methods)| methods.get("post").is_some());
    let posts: Vec<_> = posts.map(|(path, _)| path.replace("{id}", "4be19c07")).collect();
    assert!(7 < posts.len(), "{posts:?}");
    for path in posts {
        plain("POST", &path).tells(415, "application/json");
    }
    plain("POST", "/nope").tells(404, "the API has");
    plain("POST", "/v1/hotspots").tells(405, "read with GET");
    plain("PUT", "/v1/events").is(405);
}

#[test]
fn reading_over_tcp_needs_the_token() {
    let snagd = Snagd::start();
    let token = snagd.token();
    let get = |path: &str, token: &str| {
        ask(
            &snagd,
            &format!("GET {path}"),
            &["Host: localhost", &format!("Authorization: {token}")],
        )
    };
    for path in
        ["/v1/events", "/v1/events/00000000", "/v1/hotspots", "/v1/why?place=a", "/v1/status"]
    {
        ask(&snagd, &format!("GET {path}"), &["Host: localhost"]).tells(401, "Bearer");
        let long = format!("Bearer {}", "x".repeat(8_000));
        for wrong in
            ["Bearer", "Bearer x", "Basic eDp5", &format!("Bearer {}", &token[..20]), &long]
        {
            let answer = get(path, wrong).tells(401, "token");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"snag\""));
        }
        let status = get(path, &format!("Bearer {token}")).status;
        assert!(status == 200 || status == 404, "{status} for {path}");
    }
    ask(&snagd, "DELETE /v1/events/00000000", &["Host: localhost"]).tells(401, "token");
}

#[test]
fn what_a_proxy_brings_from_elsewhere_is_nobodys_of_this_machine() {
    let snagd = Snagd::start();
    let said = r#"{"place":"web/pay","note":"x","person":"ana"}"#;
    let post = |path: &str, header: &str| {
        let length = said.len();
        snagd.ask_tcp(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{header}Connection: close\r\n\r\n{said}"
        ))
    };
    for header in ["X-Forwarded-For: 203.0.113.9\r\n", "Forwarded: for=203.0.113.9\r\n"] {
        post("/v1/events", header).tells(401, "token");
        post("/web/stream", header).is(403);
        let token = format!("{header}Authorization: Bearer {}\r\n", snagd.token());
        post("/v1/events", &token).is(201);
    }
    post("/v1/events", "").is(201);
}

#[test]
fn limits_of_a_requests_head() {
    let mut snagd = Snagd::start();
    let big = format!("X-Big: {}", "x".repeat(20_000));
    assert_eq!(ask(&snagd, "GET /v1/status", &["Host: localhost", &big]).status, 431);
    let more: Vec<String> = (0..80).map(|n| format!("X-{n}: x")).collect();
    // `Host` and `Connection` are two more.
    for (more, status) in [(&more[..62], 401), (&more[..63], 431), (&more[..], 431)] {
        let mut headers = vec!["Host: localhost"];
        headers.extend(more.iter().map(String::as_str));
        assert_eq!(ask(&snagd, "GET /v1/status", &headers).status, status, "{}", headers.len());
    }
    for nonsense in ["NONSENSE\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        // Turned away with or without a word.
        let status = snagd.ask_tcp(nonsense).status;
        assert!(status == 400 || status == 0, "{status}");
    }
    snagd.stop();
}

#[test]
fn slow_senders_are_let_go_and_others_served() {
    let snagd = Snagd::start();
    let address = snagd.address();
    let begun = [
        "",
        "POST /v1/ev",
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    ];
    let slow: Vec<_> = begun
        .map(|begun| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(begun.as_bytes()).unwrap();
            // Ends when the daemon hangs up.
            thread::spawn(move || {
                stream.patience();
                let mut answer = Vec::new();
                let ended = stream.read_to_end(&mut answer).map_err(|error| error.kind());
                assert_ne!(ended, Err(ErrorKind::WouldBlock), "it does not hang up: {begun}");
                Answer::parse(&answer).status
            })
        })
        .into();
    snagd.post(r#"{"place":"a","note":"a good client"}"#).is(201);
    let ends: Vec<u16> = slow.into_iter().map(|slow| slow.join().unwrap()).collect();
    assert_eq!(ends[2], 408, "a body that does not come");
    assert!(ends[..2].iter().all(|status| matches!(status, 0 | 408)), "{ends:?}");
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn a_path_leads_nowhere_on_the_disk() {
    let snagd = Snagd::start();
    for path in [
        "/../../etc/passwd",
        "/v1/events/../../../etc/passwd",
        "/v1/events/..%2f..%2f..%2fetc%2fpasswd",
        "/v1/events/%2e%2e%2f%2e%2e%2ftoken",
        "/page/..%2f..%2ftoken",
        "/api/..%2f1/envelope/",
        "/%00",
    ] {
        let answer = snagd
            .ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
        assert!([400, 404, 405].contains(&answer.status), "{path}: {answer:?}");
        let text = answer.text();
        assert!(!text.contains("root:") && !text.contains(&snagd.token()), "{path}: {text}");
    }
}

/// What is left of its body would be taken for the next request, so the connection ends; a client that is
/// not told sends that one for nothing.
#[test]
fn a_refusal_before_the_body_says_that_the_connection_ends() {
    let snagd = Snagd::start();
    let say = |line: &str, body: &str| {
        let length = body.len();
        let more = "Host: localhost\r\nContent-Type: application/json\r\nConnection: keep-alive";
        let mut stream = TcpStream::connect(snagd.address()).unwrap();
        let head = format!("{line} HTTP/1.1\r\n{more}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        let mut reader = BufReader::new(&stream);
        while !answer.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut answer).unwrap(), 0, "{answer}");
        }
        answer
    };
    for (line, status) in [
        ("POST /browser/none/events", "403"),
        ("PUT /v1/events", "405"),
        ("POST /v1/nothing", "404"),
    ] {
        let answer = say(line, "[]");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{line}: {answer}");
    }
    let answer = say("GET /v1/nothing", "");
    assert!(answer.starts_with("HTTP/1.1 404") && !answer.contains("connection:"), "{answer}");
}

#[test]
fn a_client_that_leaves_in_mid_body_leaves_nothing() {
    let snagd = Snagd::start();
    let event = r#"{"id":"01900000-0000-7000-8000-000000000029","place":"web/pay","note":"once","person":"ana"}"#;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        snagd.address(),
        event.len()
    );
    for cut in [0, 1, event.len() / 2, event.len() - 1] {
        let mut stream = TcpStream::connect(snagd.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&event.as_bytes()[..cut]).unwrap();
    }
    // Answered after those were read: one writer takes what comes in its turn.
    snagd.post(r#"{"place":"web/pay","note":"another"}"#).is(201);
    assert_eq!(snagd.events().len(), 1, "{:#?}", snagd.events());
    // Left before the answer: recorded or not, sending it again is harmless.
    let mut stream = TcpStream::connect(snagd.address()).unwrap();
    stream.write_all(format!("{head}{event}").as_bytes()).unwrap();
    drop(stream);
    let status = snagd.post(event).status;
    assert!([200, 201].contains(&status), "{status}");
    assert_eq!(snagd.events().len(), 2, "{:#?}", snagd.events());
}

/// `localhost` has two addresses, and 127.0.0.0/8 many: of the same port each may be somebody else's.
#[test]
fn the_token_goes_to_the_own_daemon_alone() {
    let snagd = Snagd::start();
    let port: u16 = snagd.address().rsplit_once(':').unwrap().1.parse().unwrap();
    fs::create_dir(snagd.path("xdg")).unwrap();
    symlink(snagd.state(), snagd.path("xdg/snag")).unwrap();
    let as_user = |command: &mut Command| {
        command.env("XDG_STATE_HOME", snagd.path("xdg"));
        command.env("XDG_RUNTIME_DIR", snagd.dir.path()).env_remove("SNAG_URL");
    };
    let status = |host: &str| {
        snagd.snag_with(&["status", "--url", &format!("http://{host}:{port}")], as_user)
    };
    status("127.0.0.1").ok();
    for (address, host) in [("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")] {
        let foreign = match TcpListener::bind((address, port)) {
            Ok(foreign) => foreign,
            // Not every machine has the second.
            Err(_) if address == "::1" => continue,
            Err(error) => panic!("{address}: {error}"),
        };
        let heard = thread::spawn(move || {
            let mut heard = String::new();
            let (stream, _) = foreign.accept().unwrap();
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            for line in lines.take_while(|line| !line.is_empty()) {
                heard += &line.to_lowercase();
            }
            (foreign, heard)
        });
        let said = status(host);
        // Or it would wait for ever for one that did not come.
        drop(TcpStream::connect((address, port)));
        let (foreign, heard) = heard.join().unwrap();
        let is_asked = heard.contains("get /") && !heard.contains("authorization");
        assert!(is_asked, "{heard}\n{said:#?}");
        // Whatever the name means first, it is the own daemon that is asked.
        status("localhost").ok();
        drop(foreign);
    }
}
