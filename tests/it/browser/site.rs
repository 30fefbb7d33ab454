//! A product of somebody's: pages with the snippet on them, and an API that is slow or fails.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::chromium::Page;
use crate::harness::{Dir, Snagd, until};

/// A daemon that knows the origin of a site, and that site.
pub(super) struct Shop {
    pub(super) snagd: Snagd,
    pub(super) origin: String,
}

impl Shop {
    /// One whose pages say this on the snippet's line, beside the key.
    pub(super) fn open(attributes: &str) -> Self {
        let (listener, origin) = listen();
        let snagd = daemon_for(&origin);
        let (line, _) = line(&snagd, attributes);
        serve(listener, &line);
        Self { snagd, origin }
    }

    /// Has the daemon come back where it was.
    pub(super) fn restart(&mut self, address: &str) {
        let config = self.snagd.path("snagd.toml").display().to_string();
        self.snagd.restart_with(&["--listen", address, "--config", &config]);
    }

    /// The signals and reports that came in.
    pub(super) fn events(&self) -> Vec<Value> {
        self.snagd.events()
    }
}

/// A daemon whose configuration names an origin.
pub(super) fn daemon_for(origin: &str) -> Snagd {
    let dir = Dir::new();
    let config = dir.path().join("snagd.toml");
    fs::write(&config, format!("origins = [{origin:?}]\n")).unwrap();
    Snagd::start_with(dir, &["--config", &config.display().to_string()])
}

/// The line that `snag snippet` says, with more on it, and the key in it.
pub(super) fn line(snagd: &Snagd, attributes: &str) -> (String, String) {
    let made = snagd.snag(&["snippet", "shop", "--json"]).ok().json();
    let line = made["snippet"].as_str().unwrap();
    let key = line.split("data-key=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (line.replace("<script ", &format!("<script {attributes} ")), key)
}

/// Waits until the pages of a site have nothing left to send.
pub(super) fn all_sent(page: &Page) {
    until("everything is sent", || {
        page.run("Object.keys(localStorage).some(name => name.startsWith('snag '))")
            == Value::Bool(false)
    });
}

/// A port of the kernel's choice, and the origin of pages on it.
pub(super) fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Serves the page under every path, with this line in it.
pub(super) fn serve(listener: TcpListener, line: &str) {
    serve_as(listener, "", include_str!("page.html").replace("SNIPPET", line));
}

/// Serves a page under every path, with this header.
pub(super) fn serve_as(listener: TcpListener, header: &str, page: String) {
    let headers = format!("Content-Type: text/html\r\n{header}");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (headers, page) = (headers.clone(), page.clone());
            thread::spawn(move || answer(stream, &headers, &page));
        }
    });
}

/// The same, and passes what lies under `/snag/` on to snagd, as the server of a public page does.
pub(super) fn serve_with_snag(listener: TcpListener, line: &str, snagd: String) {
    let page = include_str!("page.html").replace("SNIPPET", line);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (page, snagd) = (page.clone(), snagd.clone());
            thread::spawn(move || {
                let mut first = [0; 11];
                let read = stream.peek(&mut first).unwrap_or_default();
                let is_ours = String::from_utf8_lossy(&first[..read]).contains(" /snag/");
                if is_ours {
                    pass_on(stream, &snagd)
                } else {
                    answer(stream, "Content-Type: text/html\r\n", &page)
                }
            });
        }
    });
}

/// Passes the one request of a connection on, and its answer back. `Origin` stays, as in any proxy.
fn pass_on(mut stream: TcpStream, snagd: &str) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut head = first.replacen(" /snag/", " /", 1) + "Host: localhost\r\nConnection: close\r\n";
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read != 0)?;
        let name = line.split(':').next()?.to_ascii_lowercase();
        match name.as_str() {
            "host" | "connection" => continue,
            "content-length" => length = line.trim().split(": ").nth(1)?.parse().ok()?,
            _ => {}
        }
        head += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut upstream = TcpStream::connect(snagd).ok()?;
    upstream.write_all(head.as_bytes()).ok()?;
    upstream.write_all(&body).ok()?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).ok()?;
    stream.write_all(&answer).ok()
}

/// Answers the one request of a connection: with the page, unless it asks for something of the API.
fn answer(mut stream: TcpStream, headers: &str, page: &str) -> Option<()> {
    let path = path(&stream)?;
    if path.contains("slow") {
        thread::sleep(Duration::from_millis(400));
    }
    let api = "Content-Type: application/json\r\n";
    let (status, headers, body) = match path.as_str() {
        "/file.zip" => ("200 OK", "Content-Disposition: attachment\r\n", "PK"),
        "/api/slow" => ("200 OK", api, "{}"),
        "/api/refused" | "/api/slow-refused" => ("422 Unprocessable Entity", api, "{}"),
        path if path.starts_with("/api/orders") => ("500 Internal Server Error", api, "{}"),
        path if path.starts_with("/api/") => ("404 Not Found", api, "{}"),
        _ => ("200 OK", headers, page),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()
}

/// Reads a request whole; the path without its query.
fn path(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read != 0)?;
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            None => break,
            Some(_) => {}
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    let target = first.split(' ').nth(1)?;
    Some(target.split('?').next()?.to_owned())
}
