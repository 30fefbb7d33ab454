//! A real browser, driven over a pipe: one JSON message after another, each ended by a zero byte.
//!
//! Chromium reads commands from its descriptor 3 and writes answers to 4. Two FIFOs are enough for
//! that, so nothing speaks websocket here.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::harness::{Dir, PATIENCE};

/// A browser with a profile of its own.
pub(crate) struct Browser {
    child: Child,
    to: File,
    from: Receiver<Value>,
    next: u64,
    /// What it told without being asked and nobody looked at yet.
    told: Vec<Value>,
    _dir: Dir,
}

/// A tab of it, as wide as it was asked to be.
pub(crate) struct Tab {
    session: String,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let dir = Dir::new();
        let [commands, answers] = ["commands", "answers"].map(|name| dir.path().join(name));
        for fifo in [&commands, &answers] {
            mknodat(CWD, fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }
        let child = launch(dir.path(), &commands, &answers);
        // In the order in which the shell opens them: each waits for the other side.
        let to = OpenOptions::new().write(true).open(&commands).unwrap();
        let answers = BufReader::new(File::open(&answers).unwrap());
        let (heard, from) = channel();
        std::thread::spawn(move || {
            for message in answers.split(0) {
                let Ok(message) = message else { return };
                if heard.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, to, from, next: 0, told: Vec::new(), _dir: dir }
    }

    /// A new tab.
    pub(crate) fn tab(&mut self, width: u32, is_dark: bool) -> Tab {
        let target = self.call(None, "Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call(None, "Target.attachToTarget", &attach)["sessionId"].clone();
        let tab = Tab { session: session.as_str().unwrap().to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.ask(&tab, &format!("{domain}.enable"), &json!({}));
        }
        self.resize(&tab, width, is_dark);
        tab
    }

    pub(crate) fn resize(&mut self, tab: &Tab, width: u32, is_dark: bool) {
        let height = if width < 800 { 780 } else { 1000 };
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask(tab, "Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.ask(tab, "Emulation.setEmulatedMedia", &media);
    }

    /// Goes to an address and waits until it is there.
    pub(crate) fn go(&mut self, tab: &Tab, url: &str) {
        // What loaded before, by a click for one, is over.
        self.told.retain(|told| told["method"] != "Page.loadEventFired");
        let went = self.ask(tab, "Page.navigate", &json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.wait_for(tab, "Page.loadEventFired");
    }

    /// Waits for something it tells without being asked.
    pub(crate) fn wait_for(&mut self, tab: &Tab, what: &str) {
        let is_it = |told: &Value| told["method"] == what && told["sessionId"] == *tab.session;
        loop {
            if let Some(at) = self.told.iter().position(is_it) {
                self.told.remove(at);
                return;
            }
            let message = self.hear(what);
            self.told.push(message);
        }
    }

    /// What an expression comes to in the page.
    pub(crate) fn eval(&mut self, tab: &Tab, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask(tab, "Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression:.200}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) fn until(&mut self, tab: &Tab, expression: &str) {
        crate::harness::until(expression, || self.eval(tab, expression) == true);
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, tab: &Tab, key: &str) {
        let (code, text) = if key == "Enter" { (13, "\r") } else { (9, "") };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.ask(tab, "Input.dispatchKeyEvent", &event);
        }
    }

    /// A picture of what is in view, as PNG; of a wide view a smaller one.
    pub(crate) fn picture(&mut self, tab: &Tab) -> Vec<u8> {
        let view = self.eval(tab, "[innerWidth, innerHeight]");
        let scale = if view[0] == 360 { 1.0 } else { 0.6 };
        let clip = json!({"x": 0, "y": 0, "width": view[0], "height": view[1], "scale": scale});
        let shot = self.ask(tab, "Page.captureScreenshot", &json!({"format": "png", "clip": clip}));
        from_base64(shot["data"].as_str().unwrap())
    }

    /// What went wrong in a tab: errors on its console, breaches of the policy, failed requests.
    pub(crate) fn complaints(&mut self, tab: &Tab) -> Vec<String> {
        // An answer comes after whatever was told before.
        self.eval(tab, "1");
        let told = std::mem::take(&mut self.told).into_iter();
        let mine = told.filter(|told| told["sessionId"] == *tab.session);
        let complaint = |told: Value| {
            let params = &told["params"];
            let is_one = match told["method"].as_str()? {
                "Log.entryAdded" => {
                    matches!(params["entry"]["level"].as_str()?, "error" | "warning")
                }
                "Runtime.consoleAPICalled" => params["type"] == "error",
                "Runtime.exceptionThrown" | "Network.loadingFailed" => true,
                _ => false,
            };
            is_one.then(|| params.to_string())
        };
        mine.filter_map(complaint).collect()
    }

    pub(crate) fn ask(&mut self, tab: &Tab, method: &str, params: &Value) -> Value {
        self.call(Some(&tab.session), method, params)
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let message = self.hear(method);
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.told.push(message);
        }
    }

    fn hear(&self, what: &str) -> Value {
        self.from
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|_| panic!("the browser does not answer: {what}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(dir: &Path, commands: &Path, answers: &Path) -> Child {
    let profile = format!("--user-data-dir={}", dir.join("profile").display());
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec chromium \"$@\" 3<\"$COMMANDS\" 4>\"$ANSWERS\"", "chromium"])
        .args(["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"])
        .args(["--hide-scrollbars", "--disable-extensions", "--disable-background-networking"])
        // Tests run as root, in containers without namespaces; what is shown here is our own.
        .args(["--no-sandbox", "--disable-dev-shm-usage", &profile])
        .env("COMMANDS", commands)
        .env("ANSWERS", answers)
        .env("HOME", dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(dir.join("chromium.log")).unwrap());
    assert!(which("chromium"), "there is no chromium: `.ci/run` installs it");
    command.spawn().unwrap()
}

fn which(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

/// axe-core, which looks for faults that people without sight or mouse would meet.
pub(crate) fn axe() -> &'static str {
    static AXE: OnceLock<String> = OnceLock::new();
    AXE.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
        let script = cache.join("node_modules/axe-core/axe.min.js");
        if !script.exists() {
            std::fs::create_dir_all(&cache).unwrap();
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(root.join("tests/page").join(file), cache.join(file)).unwrap();
            }
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
            let status = npm.current_dir(&cache).status().expect("npm: `.ci/run` installs it");
            assert!(status.success(), "npm could not fetch axe-core");
        }
        std::fs::read_to_string(script).unwrap()
    })
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
