//! A real terminal with a program in it, driven without a person.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::harness::{until, wait};

/// A terminal of 100 columns, and the program it controls.
pub(crate) struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Runs a program as the leader of a session with this terminal on all three streams.
    pub(crate) fn run(command: &Command) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(name).unwrap();
        let mut leader = Command::new("setsid");
        leader.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        leader.env_clear().env("TERM", "xterm");
        leader.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        leader.current_dir(command.get_current_dir().unwrap_or("/".as_ref()));
        let stream = || OwnedFd::from(slave.try_clone().unwrap());
        let child = leader.stdin(stream()).stdout(stream()).stderr(stream()).spawn().unwrap();
        drop((leader, slave));
        let keyboard = File::from(master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, shown) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Ends with an error once nobody has the other side open.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap().extend(&bytes[..read]);
            }
        });
        let terminal = Self { keyboard, screen, child, reader: Some(reader) };
        terminal.resize(100);
        terminal
    }

    pub(crate) fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keyboard, size).unwrap();
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    /// Presses keys of a terminal that is no UTF-8.
    pub(crate) fn press_bytes(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// All that was ever shown.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until something is shown; what is shown from there on.
    #[track_caller]
    pub(crate) fn shows(&self, what: &str) -> String {
        self.shows_after(0, what)
    }

    /// Waits until something is shown behind so many bytes.
    #[track_caller]
    pub(crate) fn shows_after(&self, from: usize, what: &str) -> String {
        let find = || {
            let screen = self.screen();
            let behind = screen.get(from..)?;
            behind.find(what).map(|at| behind[at..].to_owned())
        };
        until(&format!("{what:?} is shown"), || find().is_some());
        find().unwrap()
    }

    /// Waits for its program to end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child).expect("it ends");
        self.reader.take().expect("it waits once").join().unwrap();
        (status, self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the terminal shows:\n{}", self.screen());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
