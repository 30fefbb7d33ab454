//! A real browser, driven as a person would: clicks and keys come in through its input queue.
//!
//! Chromium speaks its `DevTools` protocol over two pipes (`--remote-debugging-pipe`): JSON, each
//! message ended by a zero byte. Nothing is needed for that but two files. What a page complains of
//! is kept until somebody asks.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use jiff::Timestamp;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::harness::{Dir, PATIENCE, until};

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
    /// What each session told without being asked and nobody looked at yet.
    told: Arc<Mutex<HashMap<String, Vec<Value>>>>,
}

/// One window of it.
pub(crate) struct Page {
    wire: Wire,
    session: String,
}

/// Tests run as root, in containers without namespaces; what is shown here is our own. Timers run as
/// in a window that somebody looks at, however many there are.
const ARGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
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
        let [to, from] = ["to", "from"].map(|name| dir.path().join(name));
        for pipe in [&to, &from] {
            mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        let child = launch(dir.path(), &to, &from);
        // In the order in which the shell opens them: each waits for the other side.
        let to = Arc::new(Mutex::new(OpenOptions::new().write(true).open(to).unwrap()));
        let from = File::open(from).unwrap();
        let (next, waiting, told) = Default::default();
        let wire = Wire { to, next, waiting, told };
        let hears = wire.clone();
        thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                hears.hear(serde_json::from_slice(&message).unwrap());
            }
        });
        Self { child, wire, _dir: dir, _alone: alone }
    }

    /// Opens a window of its own, with nothing in it.
    pub(crate) fn blank(&self) -> Page {
        let target = json!({"url": "about:blank", "newWindow": true});
        let target = self.wire.ask("", "Target.createTarget", &target)["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = self.wire.ask("", "Target.attachToTarget", &attach);
        let session = session["sessionId"].as_str().unwrap().to_owned();
        let page = Page { wire: self.wire.clone(), session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.ask(&format!("{domain}.enable"), &json!({}));
        }
        for what in ["Page.setLifecycleEventsEnabled", "Emulation.setFocusEmulationEnabled"] {
            page.ask(what, &json!({"enabled": true}));
        }
        page
    }

    /// Opens a window of its own and goes to a page.
    pub(crate) fn open(&self, url: &str) -> Page {
        let page = self.blank();
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

fn launch(dir: &Path, to: &Path, from: &Path) -> Child {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|dir| dir.join("chromium").exists());
    assert!(is_there, "there is no chromium: `.ci/run` installs it");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec chromium \"$@\" 3<\"$TO\" 4>\"$FROM\"", "chromium"])
        .args(ARGS)
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .env("TO", to)
        .env("FROM", from)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("log")).unwrap());
    command.spawn().unwrap()
}

impl Wire {
    /// Hands an answer to who waits for it, and keeps what was told unasked; says yes to whatever
    /// dialog a page opens.
    fn hear(&self, message: Value) {
        let session = message["sessionId"].as_str().unwrap_or_default();
        if message["method"] == "Page.javascriptDialogOpening" {
            self.say(session, "Page.handleJavaScriptDialog", &json!({"accept": true}));
        }
        let Some(id) = message["id"].as_u64() else {
            self.told.lock().unwrap().entry(session.to_owned()).or_default().push(message);
            return;
        };
        if let Some(asked) = self.waiting.lock().unwrap().remove(&id) {
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
        let asked = || format!("{method} {:.200}", params.to_string());
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {}", asked()));
        assert!(answer["error"].is_null(), "{}: {answer}", asked());
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
        // By its number: what loaded before, by a click for one, may be told late.
        let is_it = |told: &Value| {
            told["params"]["name"] == "load" && told["params"]["loaderId"] == gone["loaderId"]
        };
        until(url, || self.told(|told| told.iter().any(is_it)));
    }

    /// Looks at what the page told without being asked.
    fn told<T>(&self, look: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        look(self.wire.told.lock().unwrap().entry(self.session.clone()).or_default())
    }

    /// What went wrong since this was last asked: errors on the console, breaches of the policy,
    /// failed requests, dialogs.
    pub(crate) fn complaints(&self) -> Vec<String> {
        // An answer comes after whatever was told before.
        self.run("1");
        let complaint = |told: Value| {
            let params = &told["params"];
            let is_one = match told["method"].as_str()? {
                "Log.entryAdded" => {
                    matches!(params["entry"]["level"].as_str()?, "error" | "warning")
                }
                "Runtime.consoleAPICalled" => params["type"] == "error",
                "Runtime.exceptionThrown"
                | "Network.loadingFailed"
                | "Page.javascriptDialogOpening" => true,
                _ => false,
            };
            is_one.then(|| params.to_string())
        };
        self.told(std::mem::take).into_iter().filter_map(complaint).collect()
    }

    /// Makes the view as wide as a phone's or a desk's, by day or by night.
    pub(crate) fn resize(&self, width: u32, is_dark: bool) {
        let height = if width < 800 { 780 } else { 1000 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask("Emulation.setEmulatedMedia", &media);
    }

    /// A picture of what is in view, as PNG; of a wide view a smaller one.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let view = self.run("[innerWidth, innerHeight]");
        let scale = if view[0] == 360 { 1.0 } else { 0.6 };
        let clip = json!({"x": 0, "y": 0, "width": view[0], "height": view[1], "scale": scale});
        let shot = self.ask("Page.captureScreenshot", &json!({"format": "png", "clip": clip}));
        from_base64(shot["data"].as_str().unwrap())
    }

    /// Prints on sheets of that many inches; how many there are.
    pub(crate) fn print(&self, width: f64, height: f64) -> usize {
        let paper = json!({"paperWidth": width, "paperHeight": height});
        let printed = self.ask("Page.printToPDF", &paper);
        let pdf = from_base64(printed["data"].as_str().unwrap());
        String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count()
    }

    /// Waits until a script comes to true.
    pub(crate) fn until(&self, script: &str) {
        until(script, || self.run(script) == true);
    }

    /// Runs a script in the page; what it comes to, or what its promise comes to.
    pub(crate) fn run(&self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{script:.200}: {answer:#}");
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

fn from_base64(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').map(value).collect();
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, value| bits << 6 | u32::from(*value));
        let bits = bits << (6 * (4 - group.len()));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    letters.chunks(4).flat_map(group).collect()
}
