//! A real browser, driven as a person would: clicks and keys come in through its input queue.
//!
//! Chromium speaks its `DevTools` protocol over two pipes (`--remote-debugging-pipe`): JSON, each
//! message ended by a zero byte. Nothing is needed for that but two files.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Dir, PATIENCE};

/// A running Chromium; one at a time, so that none is slow because of the others.
pub(crate) struct Chromium {
    child: Child,
    wire: Wire,
    _dir: Dir,
    _alone: MutexGuard<'static, ()>,
}

/// The way to it, shared by its pages.
#[derive(Clone)]
struct Wire {
    to: Arc<Mutex<File>>,
    next: Arc<AtomicU64>,
    waiting: Arc<Mutex<HashMap<u64, mpsc::Sender<Value>>>>,
}

/// One window of it.
pub(crate) struct Page {
    wire: Wire,
    session: String,
}

/// Timers run as in a window that somebody looks at, however many there are.
const ARGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--remote-debugging-pipe",
];

impl Chromium {
    pub(crate) fn start() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = Dir::new();
        let (to, from) = (pipe(dir.path(), "to"), pipe(dir.path(), "from"));
        let mut command = Command::new("bash");
        command.args(["-c", "exec chromium \"${@:3}\" 3<\"$1\" 4>\"$2\"", "bash", &to, &from]);
        command.args(ARGS).arg(format!("--user-data-dir={}", dir.path().join("profile").display()));
        command.env("HOME", dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let log = File::create(dir.path().join("log")).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        // Each waits for the other side.
        let to = OpenOptions::new().write(true).open(to).unwrap();
        let from = File::open(from).unwrap();
        let wire =
            Wire { to: Arc::new(Mutex::new(to)), next: Arc::default(), waiting: Arc::default() };
        let hears = wire.clone();
        thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                hears.hear(serde_json::from_slice(&message).unwrap());
            }
        });
        Self { child, wire, _dir: dir, _alone: alone }
    }

    /// Opens a window of its own.
    pub(crate) fn open(&self, url: &str) -> Page {
        let target = json!({"url": "about:blank", "newWindow": true});
        let target = self.wire.ask("", "Target.createTarget", &target)["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = self.wire.ask("", "Target.attachToTarget", &attach);
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let page = Page { wire: self.wire.clone(), session };
        page.ask("Page.enable", &json!({}));
        page.ask("Emulation.setFocusEmulationEnabled", &json!({"enabled": true}));
        page.go(url);
        page
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pipe(dir: &Path, name: &str) -> String {
    let path = dir.join(name).display().to_string();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

impl Wire {
    /// Hands an answer to who waits for it; says yes to whatever dialog a page opens.
    fn hear(&self, message: Value) {
        if message["method"] == "Page.javascriptDialogOpening" {
            let session = message["sessionId"].as_str().unwrap_or_default();
            self.say(session, "Page.handleJavaScriptDialog", &json!({"accept": true}));
        }
        let asked = message["id"].as_u64().and_then(|id| self.waiting.lock().unwrap().remove(&id));
        if let Some(asked) = asked {
            let _ = asked.send(message);
        }
    }

    fn say(&self, session: &str, method: &str, params: &Value) -> mpsc::Receiver<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = mpsc::channel();
        self.waiting.lock().unwrap().insert(id, tell);
        let mut message = json!({"id": id, "method": method, "params": params});
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.lock().unwrap().write_all(&bytes).unwrap();
        answer
    }

    fn ask(&self, session: &str, method: &str, params: &Value) -> Value {
        let answer = self.say(session, method, params);
        let answer = answer.recv_timeout(PATIENCE);
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {method} {params}"));
        assert!(answer["error"].is_null(), "{method} {params}: {answer}");
        answer["result"].clone()
    }
}

impl Page {
    /// Says something in the protocol.
    pub(crate) fn ask(&self, method: &str, params: &Value) -> Value {
        self.wire.ask(&self.session, method, params)
    }

    /// Goes to a page and waits until all of it is there.
    pub(crate) fn go(&self, url: &str) {
        let gone = self.ask("Page.navigate", &json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.run(
            "document.readyState == 'complete' || new Promise(then => onload = () => then(true))",
        );
    }

    /// Runs a script in the page; what it comes to, or what its promise comes to.
    pub(crate) fn run(&self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Where an element is: its middle. `host >> inner` looks into a shadow root.
    pub(crate) fn middle(&self, selector: &str) -> (f64, f64) {
        let found = self.run(&format!(
            "(() => {{ const element = {selector:?}.split(' >> ').reduce( \
             (root, selector) => (root.shadowRoot || root).querySelector(selector), document); \
             element.scrollIntoView({{block: 'nearest', behavior: 'instant'}}); \
             const box = element.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        (found[0].as_f64().unwrap(), found[1].as_f64().unwrap())
    }

    /// Moves the mouse.
    pub(crate) fn hover(&self, (x, y): (f64, f64)) {
        self.ask("Input.dispatchMouseEvent", &json!({"type": "mouseMoved", "x": x, "y": y}));
    }

    /// Presses and releases the mouse.
    pub(crate) fn click(&self, at: (f64, f64)) {
        self.click_again(at, 1, snag::doors::now());
    }

    /// Presses and releases the mouse, for the `nth` time in a row, and has the browser believe that
    /// it was at that time: how long a busy machine takes does not matter.
    pub(crate) fn click_again(&self, (x, y): (f64, f64), nth: u32, at: Timestamp) {
        self.hover((x, y));
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": nth,
                "timestamp": at.as_duration().as_secs_f64()});
            self.ask("Input.dispatchMouseEvent", &params);
        }
    }

    /// Presses here and releases there.
    pub(crate) fn drag(&self, from: (f64, f64), to: (f64, f64)) {
        self.hover(from);
        for (kind, (x, y)) in [("mousePressed", from), ("mouseMoved", to), ("mouseReleased", to)] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": 1,
                "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", &params);
        }
    }

    /// Turns the wheel downwards, where the mouse is.
    pub(crate) fn wheel(&self, pixels: f64) {
        let params =
            json!({"type": "mouseWheel", "x": 100, "y": 100, "deltaX": 0, "deltaY": pixels});
        self.ask("Input.dispatchMouseEvent", &params);
    }

    /// Presses a key, like `Tab`, `Shift+Tab`, `Enter`, `Alt+Shift+s`.
    pub(crate) fn key(&self, keys: &str) {
        let mut modifiers = 0;
        let mut key = keys;
        while let Some((modifier, rest)) = key.split_once('+') {
            modifiers |= match modifier {
                "Alt" => 1,
                "Control" => 2,
                "Shift" => 8,
                other => panic!("no modifier {other}"),
            };
            key = rest;
        }
        let (code, number, text) = match key {
            "Enter" => (key.to_owned(), 13, "\r"),
            "Tab" => (key.to_owned(), 9, ""),
            "Escape" => (key.to_owned(), 27, ""),
            "ArrowDown" => (key.to_owned(), 40, ""),
            letter => {
                let upper = letter.to_ascii_uppercase();
                (format!("Key{upper}"), u32::from(upper.as_bytes()[0]), "")
            }
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({"type": kind, "key": key, "code": code, "modifiers": modifiers,
                "windowsVirtualKeyCode": number});
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.ask("Input.dispatchKeyEvent", &params);
        }
    }

    /// Types a text into what has the focus.
    pub(crate) fn type_text(&self, text: &str) {
        self.ask("Input.insertText", &json!({"text": text}));
    }
}
