//! The dialog by keyboard alone, what is kept while nobody answers, and pages that may not.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::site::{Shop, all_sent, daemon_for, line, listen, serve, serve_as, serve_with_snag};
use crate::chromium::{Chromium, Page};
use crate::harness::{Snagd, until};

/// What has the focus, seen through shadow roots.
pub(super) fn focused(page: &Page) -> String {
    let script = "(() => { let at = document.activeElement; \
        while (at.shadowRoot) at = at.shadowRoot.activeElement || (at.shadowRoot = null, at); \
        return at.name || at.id || at.textContent; })()";
    page.run(script).as_str().unwrap_or_default().to_owned()
}

/// A text in the dialog; none while it is closed.
pub(super) fn said(page: &Page, selector: &str) -> Option<String> {
    let script = format!(
        "document.querySelector('snag-report')?.shadowRoot.querySelector({selector:?})?.textContent"
    );
    page.run(&script).as_str().map(str::to_owned)
}

/// Asks for the dialog by key, and waits until it is there.
pub(super) fn ask(page: &Page) {
    page.key("Alt+Shift+S");
    until("it is open", || said(page, "dialog").is_some());
}

/// Where the dialog's script came from.
fn loaded(page: &Page) -> Value {
    page.run("performance.getEntriesByType('resource').map(entry => entry.name.split('#')[0]).filter(name => name.includes('dialog'))")
}

/// Writes a report by keyboard, from wherever the focus is.
pub(super) fn report(page: &Page, got: &str) {
    ask(page);
    page.key("Tab");
    page.type_text(got);
    for _ in 0..9 {
        if focused(page) == "Send" {
            break;
        }
        page.key("Tab");
    }
    page.key("Enter");
}

#[test]
fn a_report_by_keyboard_alone() {
    let shop = Shop::open("data-version=\"1.4.2\" data-templates=\"/blog/:post\"");
    let chromium = Chromium::start();
    let page = chromium.open(&format!("{}/blog/a-slow-post", shop.origin));
    page.run("document.querySelector('#named').focus(); 0");
    ask(&page);
    assert_eq!(focused(&page), "expected");
    page.type_text("that it stays");
    page.key("Tab");
    assert_eq!(focused(&page), "got");
    page.type_text("it went away <b>");
    for _ in ["feeling", "outcome"] {
        page.key("Tab");
        page.key("ArrowDown");
        page.key("ArrowDown");
    }
    page.key("Tab");
    assert_eq!(focused(&page), "person");
    page.type_text("ana");
    // What is shown is what is sent, and nothing else.
    let shown: Value = serde_json::from_str(&said(&page, "pre").unwrap()).unwrap();
    assert_eq!(
        (&shown["got"], &shown["feeling"], &shown["outcome"], &shown["person"]),
        (&json!("it went away <b>"), &json!("calm"), &json!("retried"), &json!("ana"))
    );
    assert_eq!(shown["place"], json!("shop/checkout/pay"));
    assert!(shop.events().is_empty(), "nothing leaves the page before");
    page.key("Enter");
    until("it is recorded", || !shop.events().is_empty());
    until("it says so", || said(&page, "output").unwrap().contains("Recorded"));
    let event = &shop.events()[0];
    for (field, value) in shown.as_object().unwrap() {
        let [stored, shown] = [&event[field], value].map(|text| text.as_str().unwrap());
        if field == "at" {
            // A browser writes .130 what we write .13.
            assert_eq!(stored.parse::<Timestamp>().unwrap(), shown.parse().unwrap());
        } else {
            assert_eq!(stored.replace('-', ""), shown.replace('-', ""), "{field}");
        }
    }
    assert_eq!(event["version"], "1.4.2");
    assert_eq!(focused(&page), "Close");
    page.key("Escape");
    until("the focus is back", || focused(&page) == "named");
    until("the dialog is gone", || said(&page, "dialog").is_none());

    // Who has said a name once is not asked again, and Escape sends nothing.
    page.run("document.activeElement.blur(); 0");
    ask(&page);
    let shown: Value = serde_json::from_str(&said(&page, "pre").unwrap()).unwrap();
    assert_eq!((&shown["person"], &shown["place"]), (&json!("ana"), &json!("shop/blog/_")));
    page.type_text("nothing");
    page.key("Escape");
    until("it is closed", || said(&page, "dialog").is_none());
    assert_eq!(shop.events().len(), 1);
}

#[test]
fn what_was_expected_is_enough_and_nothing_is_not() {
    let shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    report(&page, "");
    let status = || said(&page, "output").unwrap();
    until("it says what is missing", || status().contains("Say what you expected"));
    assert_eq!(focused(&page), "expected");
    assert!(shop.events().is_empty());
    page.type_text("a total");
    page.click(page.middle("snag-report >> button"));
    until("it is recorded", || !shop.events().is_empty());
    let event = &shop.events()[0];
    assert_eq!((&event["expected"], &event["got"]), (&json!("a total"), &Value::Null));
}

#[test]
fn the_dialog_has_names_for_everything_and_no_style_of_the_page() {
    let shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    page.click(page.middle("[data-snag-open]"));
    until("it is open", || said(&page, "dialog").is_some());
    page.run(
        "document.head.append(Object.assign(document.createElement('style'), \
         {textContent: ':not(html, body) { display: none !important; color: red !important; font-size: 99px !important }'})); 0",
    );
    let tree = page.ask("Accessibility.getFullAXTree", &json!({}));
    let mut named = Vec::new();
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if ["dialog", "textbox", "combobox", "button"].contains(&role) {
            named.push(format!("{role} {}", node["name"]["value"].as_str().unwrap_or_default()));
        }
    }
    for name in [
        "dialog Report friction",
        "textbox What did you expect?",
        "textbox What did you get?",
        "combobox How did that feel?",
        "combobox What did you do?",
        "button Send",
        "button Cancel",
    ] {
        assert!(named.iter().any(|found| found == name), "no {name}: {named:#?}");
    }
    assert!(named.iter().all(|found| found.contains(' ') && !found.ends_with(' ')), "{named:#?}");
    let style = page.run(
        "(() => { const style = getComputedStyle(document.querySelector('snag-report').shadowRoot.querySelector('textarea')); \
         return style.display + ' ' + style.fontSize; })()",
    );
    assert_eq!(style, json!("block 16px"));

    // Clicks in it are no clicks on the page.
    let (middle, now) = (page.middle("snag-report >> pre"), snag::doors::now());
    (1..=4).for_each(|nth| page.click_again(middle, nth, now));
    page.go("about:blank");
    page.go(&shop.origin);
    all_sent(&page);
    assert!(shop.events().is_empty(), "{:#?}", shop.events());
}

/// Waits until the dialog's script is there, which nobody asked for yet.
fn has_form(page: &Page) {
    page.until("!!window.snag.ask");
}

#[test]
fn a_form_is_there_although_snagd_went_away_since_the_page_was_loaded() {
    let mut shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&format!("{}/cart", shop.origin));
    has_form(&page);
    assert_eq!(page.run("!document.querySelector('snag-report')"), true, "the page is as it was");
    let address = shop.snagd.address();
    shop.snagd.stop();
    report(&page, "it froze");
    until("it says so", || said(&page, "output").unwrap().contains("Kept in this browser"));
    shop.restart(&address);
    page.go(&format!("{}/elsewhere", shop.origin));
    all_sent(&page);
    let event = &shop.events()[0];
    assert_eq!((&event["got"], &event["place"]), (&json!("it froze"), &json!("shop/cart")));
}

#[test]
fn a_form_that_cannot_be_loaded_says_so_and_is_loaded_at_the_next_try() {
    let shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.blank();
    let block = |urls: Value| page.ask("Network.setBlockedURLs", &json!({"urls": urls}));
    block(json!(["*snag-dialog*"]));
    page.go(&shop.origin);
    page.key("Alt+Shift+S");
    until("it says so", || {
        page.complaints()
            .iter()
            .any(|said| said.contains("snag is away, or this page forbids its form."))
    });
    assert_eq!(said(&page, "dialog"), None);
    block(json!([]));
    report(&page, "it is back");
    until("it is recorded", || shop.events().len() == 1);
}

#[test]
fn a_report_that_snagd_refuses_says_why_and_is_not_kept() {
    let shop = Shop::open(&format!("data-person=\"{}\"", "a".repeat(999)));
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    report(&page, "it froze");
    until("it says so", || said(&page, "output").unwrap().contains("Not recorded: `person`"));
    let send = "document.querySelector('snag-report').shadowRoot.querySelector('button').disabled";
    assert_eq!((page.run(send), focused(&page)), (false.into(), "Send".to_owned()), "say it anew");
    all_sent(&page);
    assert!(shop.events().is_empty());
}

/// A policy that allows nothing but scripts with the nonce of the snippet's line, and snagd.
#[test]
fn a_page_with_a_strict_policy_has_the_form_by_the_nonce_of_the_snippet() {
    let (site, origin) = listen();
    let snagd = daemon_for(&origin);
    let (line, _) = line(&snagd, "nonce=\"r4nd0m\" data-person=\"ana\"");
    let policy = format!(
        "Content-Security-Policy: default-src 'none'; script-src 'nonce-r4nd0m'; connect-src http://{}; require-trusted-types-for 'script'; trusted-types 'none'\r\n",
        snagd.address()
    );
    serve_as(
        site,
        &policy,
        format!("<!DOCTYPE html><title>Strict</title><button data-snag-open>Report</button>{line}"),
    );
    let chromium = Chromium::start();
    let page = chromium.open(&origin);
    has_form(&page);
    page.click(page.middle("[data-snag-open]"));
    until("it is open", || said(&page, "dialog").is_some());
    page.key("Escape");
    until("it is closed", || said(&page, "dialog").is_none());
    report(&page, "nothing is allowed here");
    until("it is recorded", || snagd.events().len() == 1);
    assert_eq!(page.complaints(), [""; 0], "the policy was broken");
    page.run("try { document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.isLoose = 1'})); } catch {} 0");
    assert_eq!(page.run("window.isLoose"), Value::Null, "the policy is none");
}

#[test]
fn what_cannot_be_sent_is_kept_and_sent_once() {
    let mut shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&format!("{}/cart", shop.origin));
    let address = shop.snagd.address();
    ask(&page);
    page.key("Escape");
    until("it is closed", || said(&page, "dialog").is_none());
    shop.snagd.stop();
    report(&page, "it froze");
    until("it says so", || said(&page, "output").unwrap().contains("Kept in this browser"));
    let kept = "Object.keys(localStorage).filter(name => name.startsWith('snag ')).map(name => localStorage[name]).join('\\n')";
    let kept: Value = serde_json::from_str(page.run(kept).as_str().unwrap()).unwrap();
    assert_eq!(kept["got"], "it froze");
    // No more is kept than fits, and reports longest.
    page.run(
        "for (let n = 0; n < 60; n++) localStorage[Object.keys(localStorage)[0].slice(0, 10) + '0f' + n] = '{\"signal\":{\"name\":\"crash\"}}'; 0",
    );
    page.key("Escape");
    until("it is closed", || said(&page, "dialog").is_none());
    report(&page, "it froze again");
    until("it says so", || said(&page, "output").unwrap().contains("Kept"));
    let names =
        page.run("Object.keys(localStorage).filter(name => name.startsWith('snag ')).length");
    assert!(names.as_u64().unwrap() <= 61, "one more goes for each that comes: {names}");
    assert!(
        page.run("Object.values(localStorage).join()").as_str().unwrap().contains("it froze\"")
    );
    page.run("Object.keys(localStorage).forEach(name => localStorage[name].includes('signal') && delete localStorage[name]); 0");

    // The page is gone, the daemon back: whatever page comes next sends it, twice the same id.
    page.go("about:blank");
    shop.restart(&address);
    page.go(&format!("{}/elsewhere", shop.origin));
    all_sent(&page);
    page.run(&format!("localStorage['snag shop again'] = {:?}; 0", kept.to_string()));
    page.go(&format!("{}/elsewhere", shop.origin));
    all_sent(&page);
    let events = shop.events();
    let got: Vec<&Value> = events.iter().map(|event| &event["got"]).collect();
    assert_eq!(got.len(), 2, "{got:?}");
    let first = events.iter().find(|event| event["got"] == "it froze").unwrap();
    assert_eq!(first["id"].as_str().unwrap().replace('-', ""), kept["id"].as_str().unwrap());
    let at = |event: &Value| event["at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!((first["place"].as_str(), at(first)), (Some("shop/cart"), at(&kept)), "as it was");
}

#[test]
fn a_page_of_another_origin_leaves_nothing_and_reads_nothing() {
    let (good, origin) = listen();
    let (evil, evil_origin) = listen();
    let snagd = daemon_for(&origin);
    let (line, key) = line(&snagd, "data-person=\"eve\"");
    serve(good, &line);
    serve(evil, &line);
    let chromium = Chromium::start();
    let page = chromium.open(&evil_origin);
    report(&page, "planted");
    until("it cannot", || said(&page, "output").unwrap().contains("Kept"));
    // By hand, in every way a page has.
    let address = snagd.address();
    let event = "[{\"place\":\"shop/a\",\"got\":\"planted\",\"person\":\"eve\"}]";
    let tried = page.run(&format!(
        "(async () => {{ const url = 'http://{address}', body = {event:?}, read = []; \
         const ask = async (path, more) => {{ try {{ const a = await fetch(url + path, more); \
           read.push(path + a.status + await a.text()); }} catch {{}} }}; \
         for (const mode of ['cors', 'no-cors']) for (const path of ['/browser/{key}/events', '/v1/events', '/stream']) \
           for (const type of ['text/plain', 'application/json']) \
             await ask(path, {{ method: 'POST', mode, body, headers: {{ 'Content-Type': type }} }}); \
         for (const path of ['/v1/events', '/v1/hotspots', '/v1/status', '/metrics', '/']) await ask(path); \
         navigator.sendBeacon(url + '/browser/{key}/events', body); \
         const form = document.createElement('form'); form.method = 'POST'; form.enctype = 'text/plain'; \
         form.action = url + '/browser/{key}/events'; form.target = 'frame'; \
         const frame = document.createElement('iframe'); frame.name = 'frame'; document.body.append(frame, form); \
         const loaded = new Promise(then => frame.onload = then); form.submit(); await loaded; \
         return read.filter(text => !/^\\S+0$/.test(text)); }})()"
    ));
    assert_eq!(tried, json!([]), "it could read something");
    assert!(snagd.events().is_empty(), "{:#?}", snagd.events());
    // The same page under the name that is known may.
    page.go(&origin);
    report(&page, "told");
    until("it is recorded", || snagd.events().len() == 1);
}

/// Buttons that do nothing when they are clicked.
fn put_dead_buttons(page: &Page) {
    page.run(
        "const row = document.createElement('div'); row.id = 'row'; \
         row.style = 'position: fixed; top: 0; left: 0; z-index: 9'; document.body.append(row); \
         for (let n = 0; n < 23; n++) { const button = document.createElement('button'); \
         button.className = String.fromCharCode(97 + n); button.textContent = '.'; row.append(button); } 0",
    );
}

/// Clicks some of them, each when the one before was found dead.
fn click_dead_buttons(page: &Page, which: std::ops::Range<u8>) {
    for n in which {
        let class = char::from(b'a' + n);
        page.click(page.middle(&format!("#row .{class}")));
        page.run("new Promise(then => setTimeout(then, 100))");
    }
}

/// Whether so many signals were said to be left out.
fn is_beyond(snagd: &Snagd, count: u64) -> bool {
    let counted = format!("snag_browser_beyond_total{{limit=\"load\"}} {count}\n");
    snagd.get("/metrics").text().contains(&counted)
}

#[test]
fn twenty_signals_a_load_and_the_number_of_the_rest() {
    let shop = Shop::open("data-person=\"ana\" data-dead-click=\"50\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    put_dead_buttons(&page);
    click_dead_buttons(&page, 0..23);
    until("the rest is counted", || is_beyond(&shop.snagd, 3));
    // That number may come with a load's first request, before any signal does.
    until("the signals are recorded", || 20 <= shop.events().len());
    all_sent(&page);
    let events = shop.events();
    assert_eq!(events.len(), 20, "{events:#?}");
    assert!(
        events
            .iter()
            .all(|event| event["signal"]["rule"].as_str().unwrap().contains("within 0.05 s"))
    );
}

#[test]
fn what_is_counted_while_a_request_is_under_way_is_told_by_the_next() {
    let (listener, origin) = listen();
    let snagd = daemon_for(&origin);
    let (line, _) = line(&snagd, "data-person=\"ana\" data-dead-click=\"50\"");
    // Answers arrive when they are let go.
    let held = "<script>const asked = fetch, held = new Promise(then => window.release = then); \
        fetch = (...what) => asked(...what).then(answer => held.then(() => answer));</script>";
    serve(listener, &format!("{held}{line}"));
    let chromium = Chromium::start();
    let page = chromium.open(&origin);
    put_dead_buttons(&page);
    click_dead_buttons(&page, 0..21);
    until("the first beyond is counted", || is_beyond(&snagd, 1));
    click_dead_buttons(&page, 21..23);
    // Each click has the page send what it has three seconds later, answered or not.
    page.run("new Promise(then => setTimeout(then, 3500))");
    page.run("release(); 0");
    all_sent(&page);
    until("each is counted once", || is_beyond(&snagd, 3));
    assert_eq!(snagd.events().len(), 20);
}

/// As the README has it for public pages, which may not reach a daemon on this machine themselves.
#[test]
fn a_page_reaches_snagd_through_its_own_server() {
    let (site, origin) = listen();
    let snagd = daemon_for(&origin);
    let (line, _) = line(&snagd, "data-person=\"ana\"");
    let through = line.replace(&format!("http://{}/snag.js", snagd.address()), "snag/snag.js");
    assert!(through.contains("src=\"snag/snag.js\""), "{line}");
    serve_with_snag(site, &through, snagd.address());
    let chromium = Chromium::start();
    let page = chromium.open(&format!("{origin}/cart"));
    // From there the same relative address leads elsewhere.
    page.run("history.pushState({}, '', '/cart/pay/now'); 0");
    report(&page, "it froze");
    until("it says so", || said(&page, "output").is_some_and(|said| said.contains("Recorded")));
    assert_eq!(loaded(&page)[0], json!(format!("{origin}/snag/snag-dialog.js")));
    page.key("Escape");
    page.click(page.middle("#broken"));
    until("the click is noticed", || snagd.events().len() == 2);
    all_sent(&page);
    let places: Vec<_> = snagd.events().iter().map(|event| event["place"].clone()).collect();
    assert_eq!(places, ["shop/cart/pay/now"; 2]);
}
