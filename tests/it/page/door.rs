//! Who may see the page, what it takes, and that an evil page gets nothing out of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::let_in;
use crate::chromium::Page;
use crate::harness::{Answer, Dir, Snagd};

/// Every kind of view.
const PATHS: [&str; 9] = [
    "/page",
    "/page/map",
    "/page/why?place=web/pay",
    "/page/calendar",
    "/page/record",
    "/page/hotspots.json",
    "/page/hotspots.csv",
    "/page/hotspots.md",
    "/page/event/00000000",
];

/// A request over TCP with these header lines.
fn ask(snagd: &Snagd, line: &str, headers: &[&str], body: &str) -> Answer {
    let head = headers.iter().fold(String::new(), |all, header| all + header + "\r\n");
    let (host, length) = (snagd.address(), body.len());
    snagd.ask_tcp(&format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
    ))
}

fn get(snagd: &Snagd, path: &str, headers: &[&str]) -> Answer {
    ask(snagd, &format!("GET {path}"), headers, "")
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn post(snagd: &Snagd, headers: &[&str], body: &str) -> Answer {
    ask(snagd, "POST /page/record", &[&[FORM], headers].concat(), body)
}

/// The path of a link that `snag open` prints.
fn link(snagd: &Snagd) -> String {
    let url = snagd.snag(&["open"]).ok().stdout.trim().to_owned();
    let base = format!("http://{}", snagd.address());
    url.strip_prefix(&base).unwrap_or_else(|| panic!("{url} is not at {base}")).to_owned()
}

/// The header line of a cookie that a link left.
fn cookie(snagd: &Snagd) -> String {
    let answer = get(snagd, &link(snagd), &["Sec-Fetch-Site: none"]).is(303);
    let set = answer.header("set-cookie").unwrap();
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/page;"] {
        assert!(set.contains(attribute), "{set}");
    }
    format!("Cookie: {}", set.split(';').next().unwrap())
}

/// A form's hidden fields, as they are sent.
fn hidden(snagd: &Snagd, cookie: &str) -> String {
    let form = get(snagd, "/page/record", &[cookie]).is(200).text();
    let value = |name: &str| {
        let (_, rest) = form.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    format!("token={}&id={}", value("token"), value("id"))
}

#[test]
fn without_a_cookie_it_is_locked() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"a secret of ours"}"#).is(201);
    for path in PATHS {
        for headers in
            [&[][..], &["Cookie: snag-1=x"], &["Cookie: a=b; snag-7624=1.token.cm9vdA.x; c"]]
        {
            let answer = get(&snagd, path, headers).is(401);
            let text = answer.text();
            assert!(text.contains("snag open") && !text.contains("secret"), "{path}: {text}");
            let policy = answer.header("content-security-policy").unwrap();
            for rule in [
                "default-src 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            ] {
                assert!(policy.contains(rule) && !policy.contains("unsafe"), "{policy}");
            }
        }
    }
    get(&snagd, "/page/live", &[]).tells(401, "token");
    post(&snagd, &[], "place=web/pay&note=x").is(401);
    assert_eq!(get(&snagd, "/", &[]).is(303).header("location"), Some("/page"));
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn a_link_lets_in_once_and_its_cookie_sees_the_page_alone() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"slow"}"#).is(201);
    let link = link(&snagd);
    // A preview looks at a link with HEAD, a page of another site sends somebody there.
    ask(&snagd, &format!("HEAD {link}"), &[], "").is(204);
    get(&snagd, &link, &["Sec-Fetch-Site: cross-site"]).is(403);
    get(&snagd, &link, &[]).is(303);
    let spent = get(&snagd, &link, &[]).is(410).text();
    assert!(spent.contains("used before") && spent.contains("snag open"), "{spent}");
    let cookie = cookie(&snagd);
    assert_eq!(get(&snagd, &link, &[&cookie]).is(303).header("location"), Some("/page"));
    get(&snagd, "/page/open/%ff", &[]).is(410);
    for path in &PATHS[..8] {
        get(&snagd, path, &[&cookie]).is(200);
    }
    for path in ["/v1/hotspots", "/v1/events", "/v1/status", "/v1/stream", "/metrics"] {
        get(&snagd, path, &[&cookie]).tells(401, "token");
    }
    let json = ["Content-Type: application/json", &cookie];
    ask(&snagd, "POST /v1/page-link", &json, "{}").tells(401, "token");
    ask(&snagd, "POST /v1/forget", &json, "{}").is(403);
    let forged = cookie.replace(".token.", ".owner.");
    get(&snagd, "/page", &[&forged]).is(401);
    get(&snagd, "/page", &[cookie.strip_suffix(char::is_alphanumeric).unwrap_or(&cookie[..60])])
        .is(401);
}

#[test]
fn a_cookie_outlives_a_restart_and_not_the_token() {
    let mut snagd = Snagd::start();
    let cookie = cookie(&snagd);
    // On the same port: a cookie is for one daemon.
    snagd.listen = snagd.address();
    snagd.stop();
    snagd.restart();
    get(&snagd, "/page", &[&cookie]).is(200);
    snagd.stop();
    std::fs::remove_file(snagd.state().join("token")).unwrap();
    snagd.restart();
    get(&snagd, "/page", &[&cookie]).is(401);
}

#[test]
fn a_link_on_another_site_leads_to_the_page_and_nothing_else_of_it_does() {
    let snagd = Snagd::start();
    let cookie = cookie(&snagd);
    let elsewhere = "Sec-Fetch-Site: cross-site";
    let follows = [elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    let locked = get(&snagd, "/page?since=7d", &follows).is(401).text();
    assert!(locked.contains("snag open") && locked.contains("href=\"\">look again"), "{locked}");
    // From a site of this machine the browser sends our cookie along.
    let with_cookie = [&follows[..], &[&cookie]].concat();
    get(&snagd, "/page?since=7d", &with_cookie).is(200);
    get(&snagd, &link(&snagd), &follows).is(303);
    let framed = [elsewhere, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe", &cookie];
    get(&snagd, "/page", &framed).is(403);
    get(&snagd, "/page", &[elsewhere, "Sec-Fetch-Mode: cors", &cookie]).is(403);
    get(&snagd, "/page", &[&with_cookie[..], &["Origin: https://evil.example"]].concat()).is(403);
    get(&snagd, "/v1/hotspots", &with_cookie).is(403);
    post(&snagd, &with_cookie, "place=web/pay&note=x").is(403);
}

#[test]
fn with_the_token_and_over_the_socket_no_cookie_is_needed() {
    let snagd = Snagd::start();
    let token = format!("Authorization: Bearer {}", snagd.token());
    get(&snagd, "/page", &[&token]).is(200);
    snagd.get("/page").is(200);
    snagd.get("/page?since=7x").is(400);
    assert_eq!(
        snagd.get("/page?since=&under=web").is(303).header("location"),
        Some("/page?under=web")
    );
    let said = snagd.get("/page/why?place=web/nowhere").is(404).text();
    assert!(
        said.contains("Nothing was ever recorded")
            && said.contains("<code>snag hotspots --flat</code> lists"),
        "{said}"
    );
}

#[test]
fn the_form_records_as_every_door() {
    let snagd = Snagd::start();
    let cookie = cookie(&snagd);
    let hidden = hidden(&snagd, &cookie);
    let said = "place=Web%2FPay&note=the+form%0D%0Acleared+itself&kind=&feeling=frustrated&outcome=worked-around&lost_minutes=5";
    let headers = [&cookie[..], &format!("Origin: http://{}", snagd.address())];
    for _ in 0..2 {
        let answer = post(&snagd, &headers, &format!("{hidden}&{said}")).is(303);
        let done = get(&snagd, answer.header("location").unwrap(), &[&cookie]).is(200).text();
        assert!(done.contains("Recorded at") && done.contains("snag undo "), "{done}");
    }
    let events = snagd.events();
    assert_eq!(events.len(), 1, "a form sent twice records once: {events:#?}");
    let event = &events[0];
    assert_eq!(event["place"], "web/pay");
    assert_eq!(event["note"], "the form\ncleared itself");
    assert_eq!((&event["severity"], &event["kind"]), (&"minor".into(), &"unexpected".into()));
    assert_eq!((&event["lost_minutes"], &event["person_verified"]), (&5.into(), &true.into()));
}

#[test]
fn what_is_wrong_stands_beside_its_field_and_nothing_is_lost() {
    let snagd = Snagd::start();
    let cookie = cookie(&snagd);
    let hidden = hidden(&snagd, &cookie);
    let said = "place=..%2Fx&note=%3Cb%3Ekept%3C%2Fb%3E&kind=awful&lost_minutes=soon&person=eve";
    let answer = post(&snagd, &[&cookie], &format!("{hidden}&{said}")).is(422).text();
    for fault in [
        "id=\"place-fault\"",
        "id=\"kind-fault\"",
        "id=\"lost_minutes-fault\"",
        "&lt;b&gt;kept&lt;/b&gt;",
    ] {
        assert!(answer.contains(fault), "{fault}: {answer}");
    }
    assert!(snagd.events().is_empty());
}

#[test]
fn a_fault_of_the_form_is_told_to_a_person() {
    let snagd = Snagd::start();
    let cookie = cookie(&snagd);
    let hidden = hidden(&snagd, &cookie);
    let long = "v".repeat(65);
    for (said, field, told) in [
        ("place=&note=x", "place", "Say where it happened, like web/checkout/pay."),
        (
            "place=..%2Fx&note=x",
            "place",
            "The place contains “..”: write the place from its first segment, like “web/checkout/pay”.</",
        ),
        ("place=web/pay&note=+", "note", "Say what happened; or, under “More, if you like”,"),
        (
            "place=web/pay&note=x&lost_minutes=abc",
            "lost_minutes",
            "Write a whole number of minutes",
        ),
        ("place=web/pay&note=x&kind=awful", "kind", "Choose one of the list."),
        (
            &format!("place=web/pay&note=x&version={long}"),
            "version",
            "The version is 1 character too long: shorten it.",
        ),
        (
            &format!("place=web/pay&note={}", "%C3%A9".repeat(3000)),
            "note",
            "This text is about 952 characters too long: shorten it.",
        ),
        (
            &format!("place=web/pay&note={}", "a%0D%0A".repeat(3000)),
            "note",
            "This text is 1,903 characters too long: shorten it.",
        ),
    ] {
        let answer = post(&snagd, &[&cookie], &format!("{hidden}&{said}")).is(422).text();
        let fault = format!("id=\"{field}-fault\" role=\"alert\"><bdi>{told}");
        assert!(answer.contains(&fault), "{said}: no {fault} in {answer}");
        let marked = format!("aria-invalid=\"true\" aria-describedby=\"{field}-fault\" autofocus");
        assert_eq!(answer.matches(&marked).count(), 1, "{said}: {answer}");
        assert!(!answer.split_once("<main").unwrap().1.contains('`'), "{said}: {answer}");
        for (name, value) in [("minutes", "abc"), ("version", &long)] {
            let kept = format!("value=\"{value}\"");
            assert_eq!(answer.contains(&kept), said.contains(value), "{name} is lost: {answer}");
        }
    }
    let event = format!(r#"{{"place":"web/pay","note":"x","version":"{long}"}}"#);
    snagd.post(&event).tells(422, "`version` has 65 bytes, at most 64 are kept: shorten it");
    assert!(snagd.events().is_empty());
}

#[test]
fn only_our_own_form_is_taken() {
    let snagd = Snagd::start();
    let cookie = cookie(&snagd);
    let hidden = hidden(&snagd, &cookie);
    let said = format!("{hidden}&place=web/pay&note=x");
    post(&snagd, &[&cookie], "place=web/pay&note=x").is(403);
    post(&snagd, &[&cookie], "token=&place=web/pay&note=x").is(403);
    post(&snagd, &[&cookie, "Origin: http://localhost:1"], &said).is(403);
    post(&snagd, &[&cookie, "Origin: null"], &said).is(403);
    post(&snagd, &[&cookie, "Sec-Fetch-Site: same-site"], &said).is(403);
    post(&snagd, &[], &said).is(401);
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/json"] {
        let kind = format!("Content-Type: {kind}");
        ask(&snagd, "POST /page/record", &[&kind, &cookie], &said).is(415);
    }
    assert!(snagd.events().is_empty());
    post(&snagd, &[&cookie], &said).is(303);
    assert_eq!(snagd.events().len(), 1);
}

#[test]
fn without_an_address_there_is_no_link() {
    let snagd = Snagd::start_with(Dir::new(), &["--listen", "none"]);
    let said = snagd.snag(&["open"]);
    assert!(said.code != 0 && said.stderr.contains("`listen`"), "{said:?}");
}

/// A page of another site, which does whatever it can to ours.
fn evil(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let page = EVIL.replace("TARGET", target);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, page) = (stream.unwrap(), page.clone());
            // A browser opens connections that it may need, and says nothing on them.
            thread::spawn(move || serve(stream, &page));
        }
    });
    address
}

fn serve(mut stream: TcpStream, page: &str) {
    let _ = stream.read(&mut [0; 4096]);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    let _ = stream.write_all(answer.as_bytes());
}

const EVIL: &str = r#"<!doctype html><title>evil</title>
<iframe name="sink" src="TARGET/page"></iframe>
<form id="plain" method="post" action="TARGET/v1/events" enctype="text/plain" target="sink">
<input name='{"place":"evil/form","person":"eve","note":"x","tags":{"a":"' value='"}}'></form>
<form id="coded" method="post" action="TARGET/page/record" target="sink">
<input name="place" value="evil/form"><input name="note" value="x"></form>
<script>
const body = '{"place":"evil/fetch","person":"eve","note":"x"}';
const ways = [
  ['/v1/events', {method: 'POST', mode: 'no-cors', body}],
  ['/v1/events', {method: 'POST', headers: {'Content-Type': 'application/json'}, body}],
  ['/page/record', {method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'Content-Type': 'application/x-www-form-urlencoded'}, body: 'place=evil/form&note=x'}],
  ['/v1/page-link', {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'}],
  ['/v1/hotspots', {credentials: 'include'}],
  ['/page', {credentials: 'include'}],
  ['/page/live', {credentials: 'include'}],
];
window.tried = (async () => {
  const read = [];
  for (const [path, how] of ways) {
    try { read.push((await (await fetch('TARGET' + path, how)).text()).length); } catch { read.push('refused'); }
  }
  for (const id of ['plain', 'coded']) {
    const loaded = new Promise(done => document.querySelector('iframe').onload = done);
    document.getElementById(id).submit();
    await loaded;
  }
  let framed = 'refused';
  try { framed = frames[0].document.body.innerText; } catch {}
  return [read, framed];
})();
</script>"#;

#[test]
fn an_evil_page_on_another_port_gets_nothing() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"a secret of ours"}"#).is(201);
    // The browser is one that may see the page.
    let (_chromium, page, base) = let_in(&snagd);
    page.run("document.body.innerText.includes('secret')");
    for target in [base.clone(), base.replace("127.0.0.1", "localhost")] {
        let address = evil(&target);
        for host in ["127.0.0.1", "localhost"] {
            page.go(&format!("http://{}", address.replace("127.0.0.1", host)));
            let tried = page.run("window.tried");
            let read = tried[0].as_array().unwrap();
            // An opaque answer has no text.
            assert!(read.iter().all(|read| *read == "refused" || *read == 0), "{tried}");
            assert_eq!(tried[1], "refused", "{tried}");
        }
    }
    let events = snagd.events();
    assert_eq!(events.len(), 1, "{events:#?}");
    still_lets_in(&page, &base);
}

/// The browser was not locked out by what was tried.
fn still_lets_in(page: &Page, base: &str) {
    page.go(&format!("{base}/page"));
    assert_eq!(page.run("document.body.innerText.includes('a secret of ours')"), true);
}

#[test]
fn the_list_is_taken_along_as_a_table_that_does_nothing() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","person":"ana","note":"a | b\n<b>@ana</b>"}"#).is(201);
    let answer = snagd.get("/page/hotspots.md").is(200);
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
    let table = answer.text();
    let row = r"| 1 | `web/pay` | 3 | 1 | unknown |  | a \| b \<b\>@";
    assert!(table.contains(row) && !table.contains("@ana"), "{table}");
    assert!(snagd.get("/page").text().contains("/page/hotspots.md"));

    // What was noticed without anybody saying so has a column of its own, as in the terminal.
    snagd.post(r#"{"place":"web/buy","person":"ana","class":"signal","signal":{"name":"crash","rule":"it crashed"}}"#).is(201);
    let table = snagd.get("/page/hotspots.md?sort=signals").text();
    assert!(table.contains("| people | signals | trend |"), "{table}");
    assert!(table.contains("| 1 | `web/buy` | 10 | 1 | 1 | unknown |"), "{table}");
    assert!(table.contains("| 2 | `web/pay` | 3 | 1 | 0 | unknown |"), "{table}");
    let table = snagd.get("/page/hotspots.md?sort=last").text();
    assert!(table.contains("| trend | last met | worst outcome |"), "{table}");
    let day = snagd.events()[0]["at"].as_str().unwrap()[..10].to_owned();
    assert!(table.contains(&format!("| unknown | {day} |")), "{table}");
}

#[test]
fn an_address_with_nothing_at_it_leads_a_browser_on() {
    let snagd = Snagd::start();
    for path in ["/page/nothing", "/nothing"] {
        let page = get(&snagd, path, &["Accept: text/html,*/*;q=0.8"]).is(404);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains("href=\"/page\""), "{}", page.text());
        get(&snagd, path, &["Accept: */*"]).tells(404, "/v1/events");
    }
}
