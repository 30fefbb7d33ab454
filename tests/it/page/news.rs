//! What the page tells of that happens while it is read, and what it keeps to itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::let_in;
use super::views::is_sound;
use crate::harness::{Snagd, until};

#[test]
fn news_is_told_and_nothing_moves() {
    let snagd = Snagd::start();
    for at in 0..40 {
        snagd.post(&format!(r#"{{"place":"web/p{at}","note":"it hurts"}}"#)).is(201);
    }
    let (_chromium, page, base) = let_in(&snagd);
    page.resize(360, false);
    page.go(&format!("{base}/page"));
    let before = page.run("scrollTo(0, 900); document.querySelector('main').innerHTML");
    snagd.post(r#"{"place":"web/p0","note":"again"}"#).is(201);
    let news = "document.getElementById('news')?.innerText";
    page.until(&format!("{news}?.startsWith('1 new event,')"));
    snagd.post(r#"{"place":"web/p0","note":"and again"}"#).is(201);
    page.until(&format!("{news}?.startsWith('2 new events,')"));
    let after = page.run("document.querySelector('main').innerHTML");
    assert!(before == after && page.run("scrollY") == 900, "something moved");
    is_sound(&page, "the list with news");
    page.run("document.querySelector('#news a').click()");
    page.until(&format!("{news} === ''"));
}

#[test]
fn what_is_no_news_is_not_told_as_such() {
    let snagd = Snagd::start();
    let tell = |place: &str| {
        let event = format!(r#"{{"place":"{place}","note":"it hurts"}}"#);
        snagd.post(&event).is(201).json()["id"].as_str().unwrap().to_owned()
    };
    let id = tell("java/x");
    let (_chromium, page, base) = let_in(&snagd);
    // Whoever writes would lose it, and one event stays as it is.
    for path in ["/page/record".to_owned(), format!("/page/event/{id}")] {
        page.go(&format!("{base}{path}"));
        assert_eq!(page.run("document.getElementById('news')"), Value::Null, "{path}");
    }
    let news = "document.getElementById('news').innerText";
    page.go(&format!("{base}/page/why?under=java&place=java/x"));
    tell("java/y");
    snagd.post(r#"{"place":"java/x","class":"use"}"#).is(201);
    tell("java/x");
    page.until(&format!("{news} !== ''"));
    assert_eq!(page.run(news), "1 new event, show");
    page.go(&format!("{base}/page"));
    snagd.snag(&["undo", &id]).ok();
    page.until(&format!("{news} === 'An event was taken back, show'"));
}

#[test]
fn a_page_that_found_too_many_streams_comes_back() {
    let snagd = Snagd::start();
    let (_chromium, page, base) = let_in(&snagd);
    let ask = format!(
        "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        snagd.token()
    );
    let open = || {
        let mut stream = TcpStream::connect(snagd.address()).unwrap();
        stream.write_all(ask.as_bytes()).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        stream
    };
    page.go("about:blank");
    let streams: Vec<_> = (0..64).map(|_| open()).collect();
    // Its clock is faster than ours.
    let fast = "const wait = setTimeout; window.setTimeout = (act, ms) => wait(act, ms / 50)";
    page.ask("Page.addScriptToEvaluateOnNewDocument", &serde_json::json!({"source": fast}));
    page.go(&format!("{base}/page"));
    until("it is refused", || page.complaints().iter().any(|said| said.contains("503")));
    drop(streams);
    until("it tells of news", || {
        snagd.post(r#"{"place":"web/pay","note":"it hurts"}"#).is(201);
        page.run("document.getElementById('news').innerText") != ""
    });
}
