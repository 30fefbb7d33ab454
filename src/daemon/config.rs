//! The configuration file: one TOML file, few keys, none unknown.
//!
//! Flag > environment > file > default. `config/snagd.toml` shows every key with its default.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::listen::Listen;
use super::paths::Paths;
use crate::event::nearest;

/// Every key, as it is suggested to somebody who mistyped one.
pub const KEYS: [&str; 8] = [
    "state_dir",
    "socket",
    "listen",
    "drop_dir",
    "person",
    "names",
    "allowed_hosts",
    "behind_proxy",
];

/// What the file says; what it leaves out has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where journal, index and token lie.
    pub state_dir: Option<PathBuf>,
    /// The unix socket.
    pub socket: Option<PathBuf>,
    /// The TCP address, or `none`; on the default one, a port that is taken is no error.
    pub listen: Option<Listen>,
    /// Where files are dropped.
    pub drop_dir: Option<PathBuf>,
    /// The name of events that name nobody; the login name unless said.
    pub person: Option<String>,
    /// Who appears by name.
    pub names: Names,
    /// Host names that requests may be addressed to, beside localhost.
    pub allowed_hosts: Vec<String>,
    /// A proxy that speaks TLS stands in front.
    pub behind_proxy: bool,
}

/// Who appears by name in `--by person` and `why`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Names {
    /// Each reader to themselves only.
    #[default]
    Own,
    /// Everybody to everybody.
    Team,
}

/// Why a configuration cannot be used. The daemon exits with 78.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file says something that cannot be meant.
    #[error("{path}:{line}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what to write.
        reason: String,
    },
    /// A path that depends on where the daemon happens to be started.
    #[error("{path}: `{key}` is `{value}`: write an absolute path, from the first slash on")]
    Relative {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What it says.
        value: PathBuf,
    },
    /// There is no home directory and nothing else says where to store.
    #[error("there is no home directory: say where to store with `--state-dir`")]
    Homeless,
    /// The address reaches beyond this machine without what that needs.
    #[error(
        "{0} can be reached from other machines: set `allowed_hosts` to the name snagd has there, and `behind_proxy = true` once a proxy with TLS stands in front; or listen on 127.0.0.1"
    )]
    Exposed(std::net::SocketAddr),
}

impl Config {
    /// Reads a file that somebody named.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let config = Self::parse(&text, path)?;
        let paths = [
            ("state_dir", &config.state_dir),
            ("socket", &config.socket),
            ("drop_dir", &config.drop_dir),
        ];
        for (key, value) in paths {
            if let Some(value) = value.as_ref().filter(|value| !value.is_absolute()) {
                let (path, value) = (path.to_owned(), value.clone());
                return Err(ConfigError::Relative { path, key, value });
            }
        }
        Ok(config)
    }

    /// Reads the user's file, if there is one.
    pub fn read_user() -> Result<Self, ConfigError> {
        match Paths::user_config() {
            Some(path) if path.exists() => Self::read(&path),
            _ => Ok(Self::default()),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text[..start.min(text.len())].matches('\n').count() + 1;
            let key = text.lines().nth(line - 1).and_then(|line| line.split_once('='));
            let reason = explain(error.message(), key.map_or("", |(key, _)| key.trim()));
            ConfigError::Invalid { path: path.to_owned(), line, reason }
        })
    }

    /// Where everything lies, as the file has it.
    pub fn paths(&self) -> Result<Paths, ConfigError> {
        let mut paths = match &self.state_dir {
            Some(state_dir) => Paths::in_state_dir(state_dir),
            None => Paths::of_user().ok_or(ConfigError::Homeless)?,
        };
        if let Some(socket) = &self.socket {
            paths.socket.clone_from(socket);
        }
        if let Some(drop_dir) = &self.drop_dir {
            paths.drop_dir.clone_from(drop_dir);
        }
        Ok(paths)
    }

    /// Refuses to listen beyond this machine without what that needs.
    pub fn check_exposure(&self) -> Result<(), ConfigError> {
        match self.listen {
            Some(Listen::Tcp(address))
                if !address.ip().is_loopback()
                    && (self.allowed_hosts.is_empty() || !self.behind_proxy) =>
            {
                Err(ConfigError::Exposed(address))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with a line: a key nobody knows, with the nearest right one, or serde's words for
/// its value.
fn explain(message: &str, key: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match unknown {
        None => format!("`{key}`: {}", message.trim().replace('\n', " ")),
        Some(key) => {
            let hint = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are {}", KEYS.join(", ")),
            };
            format!("there is no key `{key}`: {hint}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("snagd.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let shipped = include_str!("../../config/snagd.toml");
        assert_eq!(parse(shipped).unwrap(), Config::default(), "as shipped, it changes nothing");
        let shown: Vec<&str> = shipped
            .lines()
            .filter_map(|line| line.strip_prefix("# ").unwrap_or(line).split_once(" = "))
            .map(|(key, _)| key)
            .filter(|key| !key.contains(' '))
            .collect();
        assert_eq!(shown, KEYS);
        // And each line is one that could be taken as it stands.
        let all: String = shipped
            .lines()
            .filter(|line| line.contains(" = "))
            .fold(String::new(), |all, line| all + line.trim_start_matches("# ") + "\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("snagd.toml");
        fs::write(&file, all).unwrap();
        let config = Config::read(&file).unwrap();
        assert_eq!(config.names, Names::default());
        assert_eq!(config.listen, Some(Listen::default_address()));
        assert!(config.allowed_hosts.is_empty() && !config.behind_proxy);
    }

    #[test]
    fn a_mistake_names_file_line_and_nearest_key() {
        let error = parse("names = \"team\"\nsokcet = \"/tmp/x\"\n").unwrap_err();
        assert_eq!(error, "snagd.toml:2: there is no key `sokcet`: did you mean `socket`?");
        let error = parse("colour = true\n").unwrap_err();
        assert!(error.contains("the keys are state_dir"), "{error}");
        let error = parse("\nnames = \"all\"\n").unwrap_err();
        assert!(error.starts_with("snagd.toml:2: `names`:") && error.contains("own"), "{error}");
        let error = parse("listen = \"localhost\"\n").unwrap_err();
        assert!(error.contains("127.0.0.1:7624"), "{error}");
    }

    #[test]
    fn beyond_this_machine_needs_a_name_and_a_proxy() {
        let config = |text| parse(text).unwrap().check_exposure();
        assert!(config("listen = \"0.0.0.0:7624\"").is_err());
        assert!(config("listen = \"0.0.0.0:7624\"\nbehind_proxy = true").is_err());
        assert!(config("listen = \"[::]:7624\"\nallowed_hosts = [\"snag.acme.example\"]").is_err());
        assert!(config("listen = \"127.0.0.1:0\"").is_ok());
        let safe =
            "listen = \"0.0.0.0:80\"\nbehind_proxy = true\nallowed_hosts = [\"snag.acme.example\"]";
        assert!(config(safe).is_ok());
    }
}
