//! The page on paper.

use serde_json::{Value, json};

use super::views::record_many;
use super::{Demo, let_in};
use crate::chromium::{Chromium, Page};
use crate::harness::Snagd;

/// Sheets of paper, in inches: A4 and Letter, upright and across.
const SHEETS: [(f64, f64); 4] = [(8.27, 11.69), (8.5, 11.0), (11.69, 8.27), (11.0, 8.5)];

/// How many sheets a page takes of each paper.
fn sheets(page: &Page) -> [usize; 4] {
    SHEETS.map(|(width, height)| page.print(width, height))
}

/// What is shown to a printer, on a sheet that is so many pixels wide.
fn on_paper(page: &Page, width: u32) {
    page.resize(width, false);
    page.ask("Emulation.setEmulatedMedia", &json!({"media": "print"}));
}

/// The strips of a map, of which a sheet holds whole ones, and the labels that are cut by one.
const STRIPS: &str = "[...document.querySelectorAll('.map > svg')].map(strip => { \
    const {top, bottom, height} = strip.getBoundingClientRect(); \
    const labels = [...strip.querySelectorAll('b, b + span')].map(e => [e.innerText, e.getBoundingClientRect()]); \
    const cut = labels.filter(([, box]) => box.height && (box.top < top - 1 || bottom + 1 < box.bottom)); \
    return [getComputedStyle(strip).breakInside, height, cut.map(([name]) => name)]; })";

/// A sheet has room for each strip of a map, and no label is in two of them.
#[track_caller]
fn holds_strips(page: &Page, at_least: usize) {
    for width in [718, 1047] {
        on_paper(page, width);
        let strips = page.run(STRIPS);
        let strips = strips.as_array().unwrap();
        assert!(at_least <= strips.len(), "{strips:#?}");
        for strip in strips {
            assert_eq!(strip[0], "avoid", "a sheet may end within a strip: {strips:#?}");
            assert!(strip[1].as_f64().unwrap() < 480.0, "higher than half a sheet: {strips:#?}");
            assert_eq!(strip[2], Value::Array(Vec::new()), "labels are cut: {strips:#?}");
        }
    }
}

#[test]
fn a_map_is_printed_from_its_first_sheet_on_and_no_label_is_cut() {
    let demo = Demo::start();
    let chromium = Chromium::start();
    let page = chromium.blank();
    let link = demo.link();
    page.go(&link);
    page.go(&link.replace(link.split_once("/page").unwrap().1, "/map"));
    let sheets = sheets(&page);
    assert!(
        sheets.iter().all(|sheets| *sheets <= 2),
        "of A4 and Letter, upright and across: {sheets:?}"
    );
    holds_strips(&page, 4);
    let again = named_again(&page);
    assert!(again.contains("… web"), "{again}");
}

#[test]
fn paper_is_white_by_night_too() {
    let demo = Demo::start();
    let chromium = Chromium::start();
    let page = chromium.blank();
    page.go(&demo.link());
    // A browser that leaves the preference as it is shows a printer the dark one.
    let seen = |media: &str, light: &str| {
        let light = json!([{"name": "prefers-color-scheme", "value": light}]);
        page.ask("Emulation.setEmulatedMedia", &json!({"media": media, "features": light}));
        page.run("getComputedStyle(document.querySelector('.trend.worse')).color")
    };
    let [night, day] = ["dark", "light"].map(|light| seen("print", light));
    assert_eq!(night, day, "a trend is printed in the colour that the page has on white");
    assert_ne!(night, seen("screen", "dark"));
}

/// What a printer is shown the name of again.
fn named_again(page: &Page) -> String {
    let names = "[...document.querySelectorAll('.again b')].map(e => e.checkVisibility() && e.innerText.trim()).join()";
    page.run(names).as_str().unwrap().to_owned()
}

#[test]
fn a_map_higher_than_a_sheet_goes_on_on_the_next_and_is_named_there() {
    let snagd = Snagd::start();
    record_many(&snagd, 300);
    // One row that is higher than a sheet, among two dozen others.
    let hurts = |place: &str, person: usize| {
        let event = json!({"place": place, "person": format!("p{person}"), "note": "it hurts", "severity": "blocker"});
        format!("{event}\n")
    };
    let many = (0..400).map(|person| hurts("one/thing", person));
    let lines: String = many.chain((0..24).map(|at| hurts(&format!("one/{at:b}x"), 0))).collect();
    snagd.post_as("application/x-ndjson", lines.as_bytes()).is(200);
    let (_chromium, page, base) = let_in(&snagd);
    page.go(&format!("{base}/page/map?flat=true&under=area-3"));
    holds_strips(&page, 6);
    assert!(sheets(&page).iter().all(|sheets| (2..=3).contains(sheets)), "{:?}", sheets(&page));
    page.go(&format!("{base}/page/map?flat=true&under=one"));
    holds_strips(&page, 5);
    let again = named_again(&page);
    assert!(again.contains(" thing") && !again.contains('x'), "{again}");
    page.ask("Emulation.setEmulatedMedia", &json!({"media": "screen"}));
    let unseen = "[...document.querySelectorAll('.again')].every(e => !e.checkVisibility() && e.closest('a').ariaHidden === 'true' && e.closest('a').tabIndex === -1)";
    assert_eq!(page.run(unseen), true, "on the screen a cell is one");
}
