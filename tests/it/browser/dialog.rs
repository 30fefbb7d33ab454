//! The dialog and what it says, with other keyboards, full storage and pages that listen.

use serde_json::{Value, json};

use super::report::{ask, focused, report, said};
use super::site::{Shop, all_sent};
use crate::chromium::{Chromium, Page};
use crate::harness::until;

/// Presses Alt, Shift and a key on which a keyboard writes this.
fn press(page: &Page, code: &str, writes: &str) {
    for kind in ["keyDown", "keyUp"] {
        let mut key = json!({"type": kind, "key": writes, "code": code, "modifiers": 9});
        if kind == "keyDown" {
            key["text"] = writes.into();
        }
        page.ask("Input.dispatchKeyEvent", &key);
    }
}

#[test]
fn a_field_keeps_the_letter_that_a_keyboard_writes_with_these_keys() {
    let shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    page.run("field.value = ''; field.focus(); 0");
    press(&page, "KeyS", "Ś");
    assert_eq!(page.run("field.value"), "Ś");
    assert_eq!(said(&page, "dialog"), None);
    page.run("field.blur(); 0");
    press(&page, "KeyS", "Ś");
    until("it is open", || said(&page, "dialog").is_some());
}

#[test]
fn the_key_may_be_a_digit_or_a_small_letter() {
    for (said_as, code) in [("r", "KeyR"), ("9", "Digit9")] {
        let shop = Shop::open(&format!("data-shortcut=\"{said_as}\""));
        let chromium = Chromium::start();
        let page = chromium.open(&shop.origin);
        press(&page, code, "(");
        until("it is open", || said(&page, "dialog").is_some());
    }
}

#[test]
fn what_is_typed_in_it_is_no_key_of_the_page() {
    let shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    ask(&page);
    page.run(
        "window.heard = []; for (const name of ['keydown', 'keypress', 'keyup', 'beforeinput', 'input']) \
         document.addEventListener(name, event => heard.push(name)); 0",
    );
    assert_eq!(focused(&page), "expected");
    let key = |kind| json!({"type": kind, "key": "h", "code": "KeyH", "text": "h"});
    page.ask("Input.dispatchKeyEvent", &key("keyDown"));
    page.ask("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": "h", "code": "KeyH"}));
    assert!(said(&page, "pre").unwrap().contains("\"expected\": \"h\""));
    assert_eq!(page.run("heard"), json!([]));
}

#[test]
fn where_nothing_more_can_be_stored_it_says_so() {
    let mut shop = Shop::open("data-person=\"ana\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    ask(&page);
    page.key("Escape");
    until("it is closed", || said(&page, "dialog").is_none());
    page.run(
        "for (let size = 1 << 20; 0 < size; size >>= 1) \
         try { for (let n = 0; ; n++) localStorage[size + '-' + n] = 'x'.repeat(size); } catch {} 0",
    );
    let address = shop.snagd.address();
    shop.snagd.stop();
    report(&page, "it froze");
    until("it says so", || said(&page, "output").unwrap().contains("or this page is closed"));
    shop.restart(&address);
    page.run("document.dispatchEvent(new Event('visibilitychange')); 0");
    until("it is recorded", || shop.events().len() == 1);
}

#[test]
fn a_field_by_the_name_of_id_is_none() {
    let shop = Shop::open("data-dead-click=\"50\"");
    let chromium = Chromium::start();
    let page = chromium.open(&shop.origin);
    page.run(
        "document.body.insertAdjacentHTML('afterbegin', \
         '<form><input type=hidden name=id><button type=button class=order>Order</button></form>'); 0",
    );
    page.click(page.middle(".order"));
    until("it is recorded", || shop.events().len() == 1);
    all_sent(&page);
    assert_eq!(shop.events()[0]["note"], Value::from("button.order #"));
}
