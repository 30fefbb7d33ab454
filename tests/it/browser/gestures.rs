//! A scripted session with planted truth: each gesture of `gestures.txt`, by real mouse and keys, and
//! the signals it must give; no other.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::site::{Shop, all_sent};
use crate::chromium::{Chromium, Page};

/// Waits in the page, behind its own timers: longer than the longest rule, dead-click's 2.5 s.
const SETTLE: &str = "new Promise(then => setTimeout(then, 2800))";
/// Windows that are used at the same time.
const HANDS: usize = 4;

struct Gesture<'a> {
    name: &'a str,
    acts: Vec<&'a str>,
    expected: Vec<&'a str>,
}

fn gestures() -> Vec<Gesture<'static>> {
    let lines = include_str!("gestures.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.splitn(3, " |").map(str::trim).collect();
            let acts = parts[1].split("; ").collect();
            let mut expected: Vec<_> = parts[2].split_whitespace().collect();
            expected.sort_unstable();
            Gesture { name: parts[0], acts, expected }
        })
        .collect()
}

/// Does one thing of a gesture. The clock tells the browser when: a busy machine is no slow hand.
fn act(page: &Page, act: &str, clock: &mut Timestamp) {
    let (verb, what) = act.split_once(' ').unwrap();
    match verb {
        "click" => {
            let (selector, times) = what.split_once(" x").unwrap_or((what, "1"));
            let (times, every) = times.split_once(" every ").unwrap_or((times, "60"));
            let every = Duration::from_millis(every.parse().unwrap());
            click(page, page.middle(selector), times.parse().unwrap(), every, clock);
        }
        // The upper arrow at the right end of a number field.
        "spin" => {
            let (selector, times) = what.split_once(" x").unwrap();
            let (x, y) = page.middle(selector);
            let width = page.run(&format!("document.querySelector({selector:?}).offsetWidth"));
            let arrow = (x + width.as_f64().unwrap() / 2.0 - 8.0, y - 4.0);
            click(page, arrow, times.parse().unwrap(), Duration::from_millis(60), clock);
        }
        "hover" => page.hover(page.middle(what)),
        "drag" => {
            let (from, to) = what.split_once(' ').unwrap();
            page.drag(page.middle(from), page.middle(to));
        }
        "wheel" => page.wheel(what.parse().unwrap()),
        "focus" => drop(page.run(&format!("document.querySelector({what:?}).focus()"))),
        "key" => page.key(what),
        "wait" => {
            let time = Duration::from_millis(what.parse().unwrap());
            thread::sleep(time);
            *clock += time;
        }
        "run" => drop(page.run(&format!("{{ {what} }}; 0"))),
        other => panic!("nobody can {other}"),
    }
}

/// Clicks so many times, one so long after the other.
fn click(page: &Page, at: (f64, f64), times: u32, every: Duration, clock: &mut Timestamp) {
    for nth in 1..=times {
        page.click_again(at, nth, *clock);
        thread::sleep(every);
        *clock += every;
    }
}

#[test]
fn it_fires_where_it_must_and_is_silent_where_it_must_be() {
    let shop = Shop::open("");
    let chromium = Chromium::start();
    let gestures = gestures();
    let left = Mutex::new(gestures.iter());
    thread::scope(|scope| {
        for _ in 0..HANDS {
            scope.spawn(|| {
                let page = chromium.open("about:blank");
                loop {
                    let Some(gesture) = left.lock().unwrap().next() else { break };
                    page.go(&format!("{}/g/{}", shop.origin, gesture.name));
                    let mut clock = snag::doors::now();
                    for acting in &gesture.acts {
                        act(&page, acting, &mut clock);
                    }
                    page.run(SETTLE);
                }
                // Leaving a page sends what it has to tell.
                page.go("about:blank");
            });
        }
    });
    all_sent(&chromium.open(&shop.origin));
    judge(&gestures, &by_place(&shop.events()));
}

/// The names of the signals at each gesture's place.
fn by_place(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for event in events {
        let place = event["place"].as_str().unwrap().trim_start_matches("shop/g/").to_owned();
        found.entry(place).or_default().push(event["signal"]["name"].as_str().unwrap().to_owned());
    }
    found
}

/// Compares gesture by gesture, prints precision and recall, and fails unless both are whole.
fn judge(gestures: &[Gesture], found: &BTreeMap<String, Vec<String>>) {
    let none = Vec::new();
    let (mut right, mut told, mut meant, mut wrong) = (0_u32, 0_u32, 0_u32, Vec::new());
    for gesture in gestures {
        let mut heard: Vec<&str> =
            found.get(gesture.name).unwrap_or(&none).iter().map(String::as_str).collect();
        heard.sort_unstable();
        told += u32::try_from(heard.len()).unwrap();
        meant += u32::try_from(gesture.expected.len()).unwrap();
        let mut rest = heard.clone();
        for name in &gesture.expected {
            if let Some(at) = rest.iter().position(|heard| heard == name) {
                rest.remove(at);
                right += 1;
            }
        }
        if heard != gesture.expected {
            wrong.push(format!("{}: {heard:?}, not {:?}", gesture.name, gesture.expected));
        }
    }
    let silent = gestures.iter().filter(|gesture| gesture.expected.is_empty()).count();
    eprintln!(
        "{} gestures, {silent} of them silent; {meant} signals meant, {told} told, {right} right: precision {:.3}, recall {:.3}",
        gestures.len(),
        f64::from(right) / f64::from(told),
        f64::from(right) / f64::from(meant),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
