//! What is in force: flag > environment > file > default, each key on its own.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config::{Config, ConfigError, KEYS, Names};
use super::listen::Listen;
use super::paths::Paths;
use super::retain::Retention;
use crate::doors::{Rules, person};

/// Who says how the daemon is to be: read again whenever the file changes.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What flags say.
    pub flags: Config,
    /// What the environment says.
    pub environment: Config,
    /// The file, if there is a place for one.
    pub file: Option<ConfigFile>,
}

/// The configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether somebody named it: then it has to be there.
    pub is_named: bool,
}

/// Who decided a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// A variable.
    Environment,
    /// The configuration file.
    File,
    /// Nobody.
    Default,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What somebody said; nobody's defaults.
    pub(super) said: Config,
    /// Where everything lies.
    pub(super) paths: Paths,
    origins: [Origin; KEYS.len()],
    /// Who said where to listen, as somebody would look for it.
    listen_said: String,
}

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) key: &'static str,
    old: Value,
    new: Value,
}

impl Sources {
    /// Reads the file, and puts everything together.
    pub fn read(&self) -> Result<Settings, ConfigError> {
        let file = self.file.as_ref().map_or(Ok(Config::default()), ConfigFile::read)?;
        let layers = [
            (Origin::Flag, self.flags.values()),
            (Origin::Environment, self.environment.values()),
            (Origin::File, file.values()),
        ];
        let mut keys = 0..KEYS.len();
        let origins = [(); KEYS.len()].map(|()| {
            let key = keys.next().unwrap_or_default();
            let said = layers.iter().find(|(_, values)| values[key].1.is_some());
            said.map_or(Origin::Default, |(origin, _)| *origin)
        });
        let said = self.flags.clone().or(self.environment.clone()).or(file);
        let listen = KEYS.iter().zip(origins).find(|(key, _)| **key == "listen");
        let listen_said = match listen.map(|(_, origin)| origin) {
            Some(Origin::Flag) => "`--listen`".to_owned(),
            Some(Origin::Environment) => "`SNAGD_LISTEN`".to_owned(),
            _ => self.file.as_ref().map(|file| file.place_of("listen")).unwrap_or_default(),
        };
        Ok(Settings { paths: paths(&said)?, said, origins, listen_said })
    }
}

impl ConfigFile {
    /// A file that somebody named.
    #[must_use]
    pub fn named(path: PathBuf) -> Self {
        Self { path, is_named: true }
    }

    /// The user's file, which need not be there. None without a home directory.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        Paths::user_config().map(|path| Self { path, is_named: false })
    }

    /// Where a key of the outermost table stands, as `file:line`.
    fn place_of(&self, key: &str) -> String {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let is_it = |line: &str| line.split_once('=').is_some_and(|(said, _)| said.trim() == key);
        match text.lines().position(is_it) {
            Some(line) => format!("{}:{}", self.path.display(), line + 1),
            None => self.path.display().to_string(),
        }
    }

    fn read(&self) -> Result<Config, ConfigError> {
        match Config::read(&self.path) {
            Err(ConfigError::Unreadable { source, .. })
                if !self.is_named && source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Config::default())
            }
            read => read,
        }
    }
}

impl Settings {
    /// Every key with its value, as TOML has it, and who decided it.
    #[must_use]
    pub fn in_force(&self) -> Vec<(&'static str, String, Origin)> {
        // A text or a list of texts is written in JSON as it is in TOML.
        let values = self.values().into_iter().zip(self.origins);
        values.map(|((key, value), origin)| (key, value.to_string(), origin)).collect()
    }

    /// Refuses to listen beyond this machine without what that needs.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        match self.said.listen {
            Some(Listen::Tcp(address)) => self.guarded(&[address], &self.listen_said),
            Some(Listen::None) | None => Ok(()),
        }
    }

    /// Refuses these addresses if they reach beyond this machine without what that needs.
    pub(super) fn check_exposure_of(&self, addresses: &[SocketAddr]) -> Result<(), ConfigError> {
        self.guarded(addresses, "a socket that was handed over")
    }

    fn guarded(&self, addresses: &[SocketAddr], said: &str) -> Result<(), ConfigError> {
        let rules = self.rules();
        let is_guarded = !rules.allowed_hosts.is_empty() && rules.behind_proxy;
        match addresses.iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if !is_guarded => {
                Err(ConfigError::Exposed { said: said.to_owned(), address: *address })
            }
            _ => Ok(()),
        }
    }

    /// What the doors go by.
    pub(super) fn rules(&self) -> Rules {
        let Config { person, names, allowed_hosts, origins, behind_proxy, .. } = self.said.clone();
        Rules {
            owner: person::Owner::of_process(person),
            shows_names: names.unwrap_or_default() == Names::Team,
            allowed_hosts: allowed_hosts.unwrap_or_default(),
            origins: origins.unwrap_or_default(),
            behind_proxy: behind_proxy.unwrap_or_default(),
        }
    }

    /// Where the daemon stores.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.paths.state_dir
    }

    /// What is to be kept.
    pub(super) fn retention(&self) -> Retention {
        Retention {
            age: self.said.retention.unwrap_or_default(),
            size: self.said.retention_size.unwrap_or_default(),
        }
    }

    /// What is different in others.
    pub(super) fn changes(&self, new: &Self) -> Vec<Change> {
        let both = self.values().into_iter().zip(new.values());
        both.filter(|((_, old), (_, new))| old != new)
            .map(|((key, old), (_, new))| Change { key, old, new })
            .collect()
    }

    /// Every key with its value, defaults filled in.
    fn values(&self) -> Vec<(&'static str, Value)> {
        let Rules { owner, shows_names, allowed_hosts, origins, behind_proxy } = self.rules();
        let in_force = Config {
            state_dir: Some(self.paths.state_dir.clone()),
            socket: Some(self.paths.socket.clone()),
            listen: self.said.listen.or(Some(Listen::default_address())),
            drop_dir: Some(self.paths.drop_dir.clone()),
            person: Some(owner.name),
            names: Some(if shows_names { Names::Team } else { Names::Own }),
            allowed_hosts: Some(allowed_hosts),
            origins: Some(origins),
            behind_proxy: Some(behind_proxy),
            retention: Some(self.retention().age),
            retention_size: Some(self.retention().size),
            watch: Some(self.said.watch.clone().unwrap_or_default()),
            rules: Some(self.said.rules.unwrap_or_default()),
        };
        in_force.values().map(|(key, value)| (key, value.unwrap_or_default())).into()
    }
}

/// Where everything lies.
fn paths(said: &Config) -> Result<Paths, ConfigError> {
    let mut paths = match &said.state_dir {
        Some(state_dir) => Paths::in_state_dir(state_dir),
        None => Paths::of_user().ok_or(ConfigError::Homeless)?,
    };
    paths.socket = said.socket.clone().unwrap_or(paths.socket);
    paths.drop_dir = said.drop_dir.clone().unwrap_or(paths.drop_dir);
    Ok(paths)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |value: &Value| match value {
            Value::String(text) => text.escape_debug().to_string(),
            value => value.to_string(),
        };
        write!(f, "{}: {} -> {}", self.key, plain(&self.old), plain(&self.new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: Config, environment: Config, file: &str) -> Settings {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snagd.toml");
        std::fs::write(&path, file).unwrap();
        Sources { flags, environment, file: Some(ConfigFile::named(path)) }.read().unwrap()
    }

    fn of_file(file: &str) -> Settings {
        settings(
            Config { state_dir: Some("/s".into()), ..Config::default() },
            Config::default(),
            file,
        )
    }

    #[test]
    fn a_flag_wins_over_the_environment_that_over_the_file() {
        let config =
            |state_dir: &str| Config { state_dir: Some(state_dir.into()), ..Config::default() };
        let environment = Config { listen: Some(Listen::None), ..config("/environment") };
        let file = "state_dir = \"/file\"\nlisten = \"127.0.0.1:1\"\nperson = \"ana\"";
        let settings = settings(config("/flag"), environment, file);
        let said: Vec<String> = (settings.in_force().into_iter())
            .map(|(key, value, origin)| format!("{key} = {value} # {origin}"))
            .collect();
        let expected = [
            "state_dir = \"/flag\" # flag",
            "socket = \"/flag/snag.sock\" # default",
            "listen = \"none\" # environment",
            "drop_dir = \"/flag/drop\" # default",
            "person = \"ana\" # file",
            "names = \"own\" # default",
            "allowed_hosts = [] # default",
            "origins = [] # default",
            "behind_proxy = false # default",
            "retention = \"off\" # default",
            "retention_size = \"off\" # default",
            "watch = [] # default",
            "rules = [] # default",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_is_kept_is_what_the_file_says() {
        let kept = |file: &str| of_file(file).retention();
        let size = kept("retention_size = \"64 MiB\"");
        assert_eq!((size.age.to_string(), size.size.to_string()), ("off".into(), "64 MiB".into()));
        let age = kept("retention = \"90 days\"");
        assert_eq!((age.age.to_string(), age.size.to_string()), ("90d".into(), "off".into()));
    }

    #[test]
    fn only_what_changed_is_told() {
        let old = of_file("names = \"own\"");
        assert_eq!(old.changes(&of_file("")), [], "saying the default changes nothing");
        let new = of_file("names = \"team\"\nallowed_hosts = [\"a\"]\nlisten = \"none\"");
        let told: Vec<String> = old.changes(&new).iter().map(Change::to_string).collect();
        let expected = [
            "listen: 127.0.0.1:7624 -> none",
            "names: own -> team",
            "allowed_hosts: [] -> [\"a\"]",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_file_that_nobody_named_need_not_be_there() {
        let path = PathBuf::from("/nonexistent/snagd.toml");
        let flags = Config { state_dir: Some("/s".into()), ..Config::default() };
        let sources = |is_named| {
            let file = Some(ConfigFile { path: path.clone(), is_named });
            Sources { flags: flags.clone(), file, ..Sources::default() }
        };
        assert!(sources(false).read().is_ok());
        assert!(matches!(sources(true).read(), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn beyond_this_machine_needs_a_name_and_a_proxy() {
        let check = |text: &str| of_file(text).check_exposure();
        assert!(check("listen = \"0.0.0.0:7624\"").is_err());
        assert!(check("listen = \"0.0.0.0:7624\"\nbehind_proxy = true").is_err());
        assert!(check("listen = \"[::]:7624\"\nallowed_hosts = [\"snag.acme.example\"]").is_err());
        assert!(check("listen = \"127.0.0.1:0\"").is_ok());
        let safe =
            "listen = \"0.0.0.0:80\"\nbehind_proxy = true\nallowed_hosts = [\"snag.acme.example\"]";
        assert!(check(safe).is_ok());
    }
}
