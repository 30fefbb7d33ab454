//! Each view in a real browser: on a phone and on a desk, by day and by night.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::axe::axe;
use super::{Demo, let_in};
use crate::chromium::{Chromium, Page};
use crate::harness::Snagd;

/// The views of the demo, each with a name for its picture.
const VIEWS: [(&str, &str); 6] = [
    ("list", "/page"),
    ("map", "/page/map"),
    ("place", "/page/why?place=web/checkout/pay"),
    ("calendar", "/page/calendar"),
    ("record", "/page/record"),
    ("kinds", "/page?by=kind&since=90d"),
];

/// Nothing is wrong with what a page shows: no complaint, nothing to scroll sideways, no fault that
/// somebody without sight or mouse would meet.
#[track_caller]
pub(super) fn is_sound(page: &Page, what: &str) {
    let complaints = page.complaints();
    assert!(complaints.is_empty(), "{what}: {complaints:#?}");
    let wide = "[...document.querySelectorAll('body *')].filter(e => innerWidth + 1 < e.getBoundingClientRect().right && !e.closest('.scroll,svg,.skip,.hidden,i')).map(e => e.outerHTML.slice(0, 160))";
    let is_scrolled = page.run("innerWidth < document.documentElement.scrollWidth");
    assert_eq!(is_scrolled, false, "{what} is too wide: {:#}", page.run(wide));
    page.run(axe());
    let run = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200) + ' ' + n.failureSummary).slice(0, 3).join(' | ')))";
    let faults = page.run(run);
    assert_eq!(faults, Value::Array(Vec::new()), "{what}: {faults:#}");
    let complaints = page.complaints();
    assert!(complaints.is_empty(), "{what}, while it was looked at: {complaints:#?}");
}

/// What is kept as pictures of the demo: each of them at both widths, in both lights.
const KEPT: [&str; 5] = ["list", "map", "place", "calendar", "record"];

/// With `SNAG_SCREENS` set, keeps a picture beside the tests; the README shows some of them.
fn keep(page: &Page, name: &str) {
    if std::env::var_os("SNAG_SCREENS").is_some() {
        let screens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/screens");
        fs::create_dir_all(&screens).unwrap();
        fs::write(screens.join(format!("{name}.png")), page.picture()).unwrap();
    }
}

#[test]
fn every_view_is_sound_in_every_light() {
    let demo = Demo::start();
    let chromium = Chromium::start();
    let page = chromium.blank();
    page.resize(1600, false);
    let link = demo.link();
    let (base, _) = link.split_once("/page").unwrap();
    page.go(&link);
    for (name, path) in VIEWS {
        for width in [360, 1600] {
            for is_dark in [false, true] {
                page.resize(width, is_dark);
                page.go(&format!("{base}{path}"));
                let light = if is_dark { "dark" } else { "light" };
                if KEPT.contains(&name) {
                    keep(&page, &format!("{name}-{width}-{light}"));
                }
                is_sound(&page, &format!("{path} at {width} in the {light}"));
            }
        }
    }
}

#[test]
fn a_place_that_hurts_nobody_is_on_the_map() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"it hurts"}"#).is(201);
    snagd.post(r#"{"place":"web/home","class":"use","count":9}"#).is(201);
    snagd.post(r#"{"place":"web/old","class":"use","at":"2026-01-01T00:00:00Z"}"#).is(201);
    let (_chromium, page, base) = let_in(&snagd);
    page.go(&format!("{base}/page/map"));
    is_sound(&page, "the map with quiet places");
    let text =
        |class: &str| page.run(&format!("document.querySelector('.painless {class}').innerText"));
    assert_eq!(text(".quiet"), "web/home 9 uses");
    assert_eq!(text(".unused"), "web/old");
}

#[test]
fn a_row_says_where_the_rest_of_its_events_is_listed() {
    let snagd = Snagd::start();
    for (place, severity) in [("web/a/b", "minor"), ("web/a/b/c", "major")] {
        let event = format!(r#"{{"place":"{place}","severity":"{severity}","note":"of {place}"}}"#);
        snagd.post(&event).is(201);
    }
    let shown = snagd.get("/page/why?place=web/a/b/c").is(200).text();
    let listed = &shown[shown.find("Latest events").unwrap()..];
    assert!(listed.contains(">of web/a/b/c<") && !listed.contains(">of web/a/b<"), "{listed}");
    let link = r#"What was filed at <a href="/page/why?place=web/a/b">web/a/b</a>"#;
    assert!(listed.contains(link), "{listed}");
}

#[test]
fn a_heading_sorts_by_its_column() {
    let snagd = Snagd::start();
    for (place, person, severity) in
        [("web/pay", "ana", "blocker"), ("web/find", "ana", "minor"), ("web/find", "ben", "minor")]
    {
        let event = format!(
            r#"{{"place":"{place}","person":"{person}","severity":"{severity}","note":"it hurts"}}"#
        );
        snagd.post(&event).is(201);
    }
    let (_chromium, page, base) = let_in(&snagd);
    page.resize(1600, false);
    let rows = "[...document.querySelectorAll('.list li > a')].map(a => a.innerText).join()";
    let shown =
        "[...document.querySelectorAll('.head [aria-current]')].map(a => a.innerText).join()";
    page.go(&format!("{base}/page?since=7d"));
    assert_eq!((page.run(rows), page.run(shown)), ("web/pay,web/find".into(), "pain".into()));
    page.run("document.querySelector('.head a[href*=\"sort=people\"]').click()");
    page.until("location.search === '?since=7d&sort=people' && document.readyState === 'complete'");
    assert_eq!((page.run(rows), page.run(shown)), ("web/find,web/pay".into(), "people".into()));
    is_sound(&page, "the list sorted by people");
    let high = "new Set([...document.querySelectorAll('.head > *')].map(e => e.offsetHeight)).size";
    assert_eq!(page.run(high), 1, "the sign of what is sorted by takes no line of its own");
    let taken = snagd.get("/page/hotspots.csv?sort=people").text();
    let said = snagd.snag(&["hotspots", "--csv", "--sort", "people"]).ok();
    let table = snagd.get("/page/hotspots.md?sort=people").text();
    assert!(table.contains(", sorted by people\n"), "{table}");
    assert!(
        taken.ends_with(&said.stdout) && taken.find("web/find") < taken.find("web/pay"),
        "{taken}"
    );
}

#[test]
fn nothing_recorded_is_said_well() {
    let snagd = Snagd::start();
    let (_chromium, page, base) = let_in(&snagd);
    for path in ["/page", "/page/map", "/page/calendar", "/page/record"] {
        for width in [360, 1600] {
            page.resize(width, false);
            page.go(&format!("{base}{path}"));
            is_sound(&page, &format!("{path} at {width}"));
        }
    }
    let said = "document.querySelector('.empty').innerText";
    page.go(&format!("{base}/page"));
    keep(&page, "empty");
    let said = page.run(said);
    assert!(said.as_str().unwrap().contains("snag log web/checkout/pay"), "{said}");
}

#[test]
fn where_nothing_hurt_only_what_shows_more_is_offered() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/home","class":"use","count":9}"#).is(201);
    let offers = |path: &str| {
        let shown = snagd.get(path).text();
        ["Look further back", "Leave the filters out"].map(|offer| shown.contains(offer))
    };
    for sort in ["", "&sort=name"] {
        assert_eq!(offers(&format!("/page?since=7d{sort}")), [true, false], "{sort}");
    }
    assert_eq!(offers("/page?since=7d&under=web"), [true, true]);
    assert_eq!(offers("/page?since=2020-01-01&under=web"), [false, true]);
    for view in ["/page/map?", "/page/why?place=web/home&"] {
        assert_eq!(offers(&format!("{view}since=7d")), [true, false], "{view}");
        assert_eq!(offers(&format!("{view}since=2020-01-01")), [false, false], "{view}");
    }
}

#[test]
fn hostile_words_are_only_words() {
    let snagd = Snagd::start();
    let long = "w".repeat(4096);
    let hostile = [
        "<script>document.title = 'caught'</script>",
        "\"><img src=x onerror=\"document.title = 'caught'\">",
        "</style><script>document.title = 'caught'</script>",
        "javascript:document.title='caught'",
        "'\"--></title></textarea><svg onload=document.title='caught'>",
        "right \u{202e}to left\u{2066} and \u{7} bell",
        "🏴‍☠️👩‍👩‍👧‍👧 emoji",
        "\u{e0001} \u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        &long,
    ];
    for (at, note) in hostile.into_iter().enumerate() {
        let event = serde_json::json!({
            "place": format!("web/p{at}"), "note": note, "expected": note, "task": "<b>task</b>",
            "version": "<i>1</i>", "person": "<u>ana</u>", "tags": {"<s>": note.get(..400).unwrap_or(note)},
        });
        snagd.post(&event.to_string()).is(201);
    }
    let (_chromium, page, base) = let_in(&snagd);
    let newest = snagd.get("/v1/events").json()["events"][0]["id"].as_str().unwrap().to_owned();
    let paths = [
        "/page".to_owned(),
        "/page?by=version".to_owned(),
        "/page?version=%3Ci%3E1%3C%2Fi%3E&under=web".to_owned(),
        "/page/map".to_owned(),
        format!("/page/event/{newest}"),
        "/page/calendar?version=%3Ci%3E1%3C/i%3E".to_owned(),
    ];
    let whys = (0..hostile.len()).map(|at| format!("/page/why?place=web/p{at}"));
    for path in paths.into_iter().chain(whys) {
        page.resize(360, false);
        page.go(&format!("{base}{path}"));
        is_sound(&page, &path);
        let title = page.run("document.title");
        assert_ne!(title, "caught", "{path}");
        let foreign = "document.querySelectorAll('img, script ~ script, main script, main style, [onerror], [onload], b b, bdi *:not(wbr)').length";
        assert_eq!(page.run(foreign), 0, "{path}");
        let text = page.run("document.body.innerText");
        assert!(
            !text.as_str().unwrap().contains(['\u{202e}', '\u{2066}', '\u{7}']),
            "{path}: {text}"
        );
    }
    page.go(&format!("{base}/page/why?place=web/p0"));
    let words = page.run("document.querySelector('blockquote').innerText");
    assert_eq!(words, "<script>document.title = 'caught'</script>");
}

/// Places where as much happens as in a real list: several people on several days, with outcomes,
/// uses, and notes of a usual length that are not alike.
pub(super) fn record_many(snagd: &Snagd, places: usize) {
    const WORDS: [&str; 30] = [
        "after", "saving", "the", "form", "loses", "its", "filter", "when", "export", "waits",
        "button", "ignores", "my", "second", "click", "because", "search", "still", "shows", "old",
        "names", "while", "upload", "stops", "at", "half", "without", "telling", "anybody", "why",
    ];
    let now = snag::doors::now();
    let line = |place: usize, nth: usize| {
        let mixed = (place * 31 + nth).wrapping_mul(2_654_435_761) >> 7;
        let note: Vec<_> = (0..9 + mixed % 8)
            .map(|word| WORDS[(place * 7 + mixed / (word + 1) + word * word) % 30])
            .collect();
        let day = (mixed % 5) * (mixed % 6);
        let severity = ["cosmetic", "minor", "major"][(mixed + place) % 3];
        let outcome = ["continued", "retried", "worked-around", "abandoned"][mixed % 4];
        let event = serde_json::json!({
            "place": format!("area-{}/part-{}/view-{place:04}", place % 7, place % 41),
            "person": format!("p{}", mixed % (1 + place % 23)), "note": note.join(" "),
            "severity": severity, "outcome": outcome,
            "at": (now - std::time::Duration::from_hours(24 * day as u64)).to_string(),
        });
        let used = serde_json::json!({"place": event["place"], "class": "use", "count": 9});
        if nth == 3 { format!("{event}\n{used}\n") } else { format!("{event}\n") }
    };
    // Much in few places, little in many.
    let times = |place: usize| 1 + 40 / (1 + place % 37);
    let lines: Vec<_> =
        (0..places).flat_map(|place| (0..times(place)).map(move |nth| line(place, nth))).collect();
    for lines in lines.chunks(400) {
        snagd.post_as("application/x-ndjson", lines.concat().as_bytes()).is(200);
    }
}

#[test]
fn a_name_that_is_wider_than_the_screen_is_broken() {
    let snagd = Snagd::start();
    let place = format!("web/{}/x", "q".repeat(60));
    snagd.post(&serde_json::json!({"place": place, "note": "long"}).to_string()).is(201);
    let quiet = ["z".repeat(60), "y".repeat(60)].join("/");
    snagd.post(&serde_json::json!({"place": quiet, "class": "use"}).to_string()).is(201);
    let (_chromium, page, base) = let_in(&snagd);
    for (path, width) in [("/page", 360), ("/page/map", 360), ("/page/map", 800)] {
        page.resize(width, false);
        page.go(&format!("{base}{path}"));
        is_sound(&page, path);
    }
}

#[test]
fn a_thousand_places_are_no_trouble() {
    let snagd = Snagd::start();
    record_many(&snagd, 1000);
    let (_chromium, page, base) = let_in(&snagd);
    for (name, path) in [
        ("thousand-list", "/page?flat=true&top=1000"),
        ("thousand-map", "/page/map?flat=true"),
        ("thousand-part", "/page/map?flat=true&under=area-3"),
    ] {
        for width in [360, 1600] {
            page.resize(width, false);
            page.go(&format!("{base}{path}"));
            is_sound(&page, path);
        }
        keep(&page, name);
        for width in [600, 1000, 1184, 1344] {
            page.resize(width, false);
            let fits = "document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll('.list li > a')].every(a => a.offsetHeight < 60)";
            assert_eq!(page.run(fits), true, "{path} does not fit {width} pixels");
        }
    }
    page.go(&format!("{base}/page/map?flat=true"));
    let cells = "[...document.querySelectorAll('.map a')].map(a => [a.getAttribute('href'), a.getAttribute('aria-label'), a.textContent])";
    let cells = page.run(cells);
    let cells = cells.as_array().unwrap();
    assert_eq!(cells.len(), 7, "each area is a cell: {cells:#?}");
    for cell in cells {
        let [href, told, shown] = [&cell[0], &cell[1], &cell[2]].map(|text| text.as_str().unwrap());
        assert!(href.contains("under=area-"), "{href} leads nowhere");
        assert!(told.contains(" places") && told.contains(", together: "), "{told}");
        assert!(shown.contains(" people") && shown.contains('Σ'), "{shown}");
    }
}

#[test]
fn a_hundred_places_are_light_whatever_is_said_there() {
    let snagd = Snagd::start();
    let loud = ["<\"&'>", "🏴‍☠️", "\u{202e}", "жд"];
    let lines: String = (0..100)
        .map(|at| {
            // Quotes that differ in more than their numbers are all shown.
            let letters = "ghjklmnpqr".as_bytes();
            let [tens, ones] = [at / 10, at % 10].map(|digit| char::from(letters[digit]));
            let note = format!("{tens}{ones}z {}", loud[at % loud.len()].repeat(300));
            let place = format!("area-{}/part-{}/view-{at:04}", at % 7, at % 41);
            let event = serde_json::json!({"place": place, "note": note, "outcome": "abandoned"});
            event.to_string() + "\n"
        })
        .collect();
    snagd.post_as("application/x-ndjson", lines.as_bytes()).is(200);
    let path = "/page?flat=true&top=100";
    assert_eq!(snagd.get(path).is(200).text().matches("<q>").count(), 100);
    // As a browser asks for it.
    let answer = snagd.get_with(path, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
    let weight = answer.is(200).body.len();
    assert!((5_000..60_000).contains(&weight), "{weight} bytes for 100 places");
}

#[test]
fn a_hundred_places_of_the_usual_kind_are_light_unpacked() {
    let snagd = Snagd::start();
    record_many(&snagd, 100);
    let page = snagd.get("/page?flat=true&top=100").is(200).text();
    let (rows, quotes) = (page.matches("<li>").count(), page.matches("<q>").count());
    assert!(rows == 100 && 60 < quotes, "{rows} rows, {quotes} quotes");
    assert!(page.contains("<path d=\"m") && page.contains(" of ") && page.contains("abandoned"));
    for path in ["/page?flat=true&top=100", "/page/map?flat=true", "/page/calendar?since=365d"] {
        let weight = snagd.get(path).is(200).body.len();
        assert!(weight < 60_000, "{path} has {weight} bytes for 100 places");
    }
}

#[test]
fn the_busiest_year_is_light_unpacked_and_told_of_in_full() {
    let snagd = Snagd::start();
    let now = snag::doors::now();
    let on = |day: u64| (now - std::time::Duration::from_hours(24 * day)).to_string();
    for day in 0..365 {
        let hurt = (0..50).map(|person| {
            serde_json::json!({
                "place": "web/checkout/pay", "person": format!("person-{person}"), "kind": "slow",
                "note": "it hurts", "severity": "blocker", "at": on(day), "actor": "human",
            })
        });
        let used = serde_json::json!({
            "place": "web/checkout/pay", "class": "use", "count": 12_345, "at": on(day),
        });
        let lines: String = hurt.chain([used]).map(|event| event.to_string() + "\n").collect();
        snagd.post_as("application/x-ndjson", lines.as_bytes()).is(200);
    }
    let asked = "under=web/checkout/pay&kind=slow&actor=human";
    for path in [
        "/page/calendar?since=365d".to_owned(),
        format!("/page/calendar?since=365d&{asked}"),
        "/page/calendar".to_owned(),
        format!("/page/calendar?{asked}"),
    ] {
        let page = snagd.get(&path).is(200);
        let weight = page.body.len();
        assert!(weight < 60_000, "{path} has {weight} bytes");
        let told = if path.contains("365d") {
            "1,500 · 1,500 · 1,500"
        } else {
            ": 1,500 points of 50 people, 50 reports, 12,345 uses"
        };
        assert!(page.text().matches(told).count() >= 51, "{path}: {told} is not told");
    }
    let why = snagd.get("/page/why?place=web/checkout/pay&since=365d").is(200);
    let weight = why.body.len();
    assert!(weight < 60_000, "what 50 people met on 365 days has {weight} bytes");
    // One day less where it becomes midnight meanwhile.
    assert_eq!(why.text().matches(" earlier days <b>10,7").count(), 50);
    let (_chromium, page, base) = let_in(&snagd);
    page.go(&format!("{base}/page/calendar?since=365d"));
    is_sound(&page, "the busiest year");
    let links = "[...document.querySelectorAll('.heat a')].map(a => a.href.baseVal)";
    let links = page.run(links);
    let links = links.as_array().unwrap();
    assert!((52..=54).contains(&links.len()), "a link for each week: {links:?}");
    page.go(&format!("{base}{}", links[30].as_str().unwrap()));
    let told = page.run("document.querySelector('.span').innerText");
    assert!(told.as_str().unwrap().starts_with("7 days to "), "{told}");
}

#[test]
fn the_keyboard_goes_everywhere() {
    let snagd = Snagd::start();
    for place in ["web/checkout/pay", "web/search", "cli/deploy"] {
        snagd.post(&format!(r#"{{"place":"{place}","note":"it hurts"}}"#)).is(201);
    }
    let (_chromium, page, base) = let_in(&snagd);
    let focus = "(() => { const e = document.activeElement; const s = getComputedStyle(e); const box = e.querySelector('.box, .heat a > rect'); return [e.getAttribute('href'), s.outlineStyle !== 'none' || (box !== null && getComputedStyle(box).stroke !== 'none')]; })()";
    for path in
        ["/page", "/page/map", "/page/why?place=web/search", "/page/calendar", "/page/record"]
    {
        page.go(&format!("{base}{path}"));
        let all = page.run("[...document.querySelectorAll('a[href]:not([tabindex]), button, input:not([type=hidden]), select, textarea, summary')].filter(e => e.checkVisibility({contentVisibilityAuto: true}) && e.getClientRects().length).length");
        let mut met = Vec::new();
        for _ in 0..all.as_u64().unwrap() {
            page.key("Tab");
            let focused = page.run(focus);
            assert_eq!(focused[1], true, "{path}: focus does not show on {focused}");
            met.push(focused[0].as_str().unwrap_or_default().to_owned());
        }
        assert_eq!(met[0], "#main", "{path}: {met:?}");
        assert!(met.iter().any(|href| href.starts_with("/page/record")), "{path}: {met:?}");
        if let Some(at) = met.iter().position(|href| href.contains("place=web/checkout/pay")) {
            assert!(path != "/page/record");
            page.go(&format!("{base}{path}"));
            (0..=at).for_each(|_| page.key("Tab"));
            page.key("Enter");
            page.until("location.pathname === '/page/why' && document.readyState === 'complete'");
        } else {
            assert!(!["/page", "/page/map"].contains(&path), "{met:?}");
        }
    }
}

/// How far the colours of two things are apart, as WCAG has it.
const CONTRAST: &str = "(one, other) => { const light = colour => { \
    const [r, g, b] = colour.match(/[\\d.]+/g).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); \
    return .2126 * r + .7152 * g + .0722 * b + .05; }; \
    const [a, b] = [light(one), light(other)]; return Math.max(a, b) / Math.min(a, b); }";

#[test]
fn hints_can_be_read_and_the_chosen_window_is_marked_without_colours() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"it hurts"}"#).is(201);
    let (_chromium, page, base) = let_in(&snagd);
    for is_dark in [false, true] {
        page.resize(1600, is_dark);
        page.go(&format!("{base}/page/record"));
        let hint = "getComputedStyle(document.querySelector('#place'), '::placeholder')";
        let field = "getComputedStyle(document.querySelector('#place')).backgroundColor";
        let contrast = page.run(&format!("({CONTRAST})({hint}.color, {field}) * {hint}.opacity"));
        assert!(4.5 <= contrast.as_f64().unwrap(), "{contrast}");
    }
    let media = serde_json::json!({"features": [{"name": "forced-colors", "value": "active"}]});
    page.ask("Emulation.setEmulatedMedia", &media);
    page.go(&format!("{base}/page"));
    let marked = "new Set([...document.querySelectorAll('.windows a')].map(a => getComputedStyle(a).backgroundColor)).size";
    assert_eq!(page.run(marked), 2);
}

#[test]
fn it_works_without_javascript() {
    let snagd = Snagd::start();
    snagd.post(r#"{"place":"web/pay","note":"slow today","kind":"slow"}"#).is(201);
    snagd.post(r#"{"place":"cli/log","note":"odd"}"#).is(201);
    let (_chromium, page, base) = let_in(&snagd);
    page.ask("Emulation.setScriptExecutionDisabled", &serde_json::json!({"value": true}));
    page.go(&format!("{base}/page"));
    let rows = "[...document.querySelectorAll('.list li > a')].map(e => e.innerText).join(' ')";
    assert_eq!(page.run(rows), "cli/log web/pay");
    page.run("document.querySelector('select[name=kind]').value = 'slow'; document.querySelector('.filters form').submit()");
    page.until("location.search === '?kind=slow' && document.readyState === 'complete'");
    assert_eq!(page.run(rows), "web/pay");
}
