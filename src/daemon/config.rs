//! The configuration file: one TOML file, few keys, none unknown.
//!
//! `config/snagd.toml` shows every key with its default. A file with a mistake is refused whole: the
//! error names its line, its key and the nearest right one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use toml::de::DeTable;

use super::listen::Listen;
use super::retain::{Age, Size};
use super::rule::CommandRules;
use crate::event::{MAX_NAME, is_unprintable, nearest, without_hidden};

/// Every key, as it is suggested to somebody who mistyped one.
pub const KEYS: [&str; 13] = [
    "state_dir",
    "socket",
    "listen",
    "drop_dir",
    "person",
    "names",
    "allowed_hosts",
    "origins",
    "behind_proxy",
    "retention",
    "retention_size",
    "watch",
    "rules",
];

/// What one source says: the file, the flags, or the environment. What it leaves out, the next one
/// decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where journal, index and token lie.
    #[serde(deserialize_with = "absolute_path")]
    pub state_dir: Option<PathBuf>,
    /// The unix socket.
    #[serde(deserialize_with = "absolute_path")]
    pub socket: Option<PathBuf>,
    /// The TCP address, or `none`; on the default one, a port that is taken is no error.
    pub listen: Option<Listen>,
    /// Where files are dropped.
    #[serde(deserialize_with = "absolute_path")]
    pub drop_dir: Option<PathBuf>,
    /// The name of events that name nobody; the login name unless said.
    #[serde(deserialize_with = "plain_name")]
    pub person: Option<String>,
    /// Who appears by name.
    pub names: Option<Names>,
    /// Host names that requests may be addressed to, beside localhost.
    #[serde(deserialize_with = "host_names")]
    pub allowed_hosts: Option<Vec<String>>,
    /// Origins of web pages that may post with the snippet, and to `/stream` without a key, and that may
    /// read what SDKs are answered.
    #[serde(deserialize_with = "page_origins")]
    pub origins: Option<Vec<String>>,
    /// A proxy that speaks TLS stands in front.
    pub behind_proxy: Option<bool>,
    /// How long events are kept.
    pub retention: Option<Age>,
    /// How large the journal may become.
    pub retention_size: Option<Size>,
    /// Commands that the hook of the user's shell looks at, `*` standing for anything.
    #[serde(deserialize_with = "patterns")]
    pub watch: Option<Vec<String>>,
    /// The numbers by which it notices.
    pub rules: Option<CommandRules>,
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
        source: io::Error,
    },
    /// The file has a mistake.
    #[error("{path}:{line}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what to write.
        reason: String,
    },
    /// There is no home directory and nothing else says where to store.
    #[error("there is no home directory: say where to store with `--state-dir`")]
    Homeless,
    /// The address reaches beyond this machine without what that needs.
    #[error(
        "{said}: {address} can be reached from other machines: set `allowed_hosts` to the name snagd has there, and `behind_proxy = true` once a proxy with TLS stands in front; or listen on 127.0.0.1"
    )]
    Exposed {
        /// Who wants to listen there.
        said: String,
        /// Where.
        address: std::net::SocketAddr,
    },
}

impl Config {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(unreadable)?;
        parse(&bytes).map_err(|(before, reason)| {
            let line = breaks(before) + 1;
            ConfigError::Invalid { path: path.to_owned(), line, reason: printable(&reason) }
        })
    }

    /// What this source says, and where it says nothing, what the other one does.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            state_dir: self.state_dir.or(other.state_dir),
            socket: self.socket.or(other.socket),
            listen: self.listen.or(other.listen),
            drop_dir: self.drop_dir.or(other.drop_dir),
            person: self.person.or(other.person),
            names: self.names.or(other.names),
            allowed_hosts: self.allowed_hosts.or(other.allowed_hosts),
            origins: self.origins.or(other.origins),
            behind_proxy: self.behind_proxy.or(other.behind_proxy),
            retention: self.retention.or(other.retention),
            retention_size: self.retention_size.or(other.retention_size),
            watch: self.watch.or(other.watch),
            rules: self.rules.or(other.rules),
        }
    }

    /// Every key with what it is set to, in the order of [`KEYS`].
    pub(super) fn values(&self) -> [(&'static str, Option<Value>); KEYS.len()] {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| json!(path.to_string_lossy()));
        let names = |names| match names {
            Names::Own => json!("own"),
            Names::Team => json!("team"),
        };
        let values = [
            path(&self.state_dir),
            path(&self.socket),
            self.listen.map(|listen| json!(listen.to_string())),
            path(&self.drop_dir),
            self.person.as_ref().map(|person| json!(person)),
            self.names.map(names),
            self.allowed_hosts.as_ref().map(|hosts| json!(hosts)),
            self.origins.as_ref().map(|origins| json!(origins)),
            self.behind_proxy.map(Value::Bool),
            self.retention.map(|age| json!(age.to_string())),
            self.retention_size.map(|size| json!(size.to_string())),
            self.watch.as_ref().map(|watch| json!(watch)),
            self.rules.map(|rules| json!(rules.unusual())),
        ];
        let mut keys = KEYS.into_iter();
        values.map(|value| (keys.next().unwrap_or_default(), value))
    }
}

/// What a file says; else what is in front of the mistake, and what is wrong with it.
fn parse(bytes: &[u8]) -> Result<Config, (&[u8], String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        (&bytes[..error.valid_up_to()], "this is no UTF-8: save the file as UTF-8".to_owned())
    })?;
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let table = DeTable::parse(text).map_err(|error| {
        let before = &bytes[..start(&error)];
        let line = text.lines().nth(breaks(before)).unwrap_or_default();
        (before, format!("{} in `{}`", error.message(), line.trim()))
    })?;
    // A table's header begins in front of its key.
    let line_of = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    let keys: Vec<(usize, String)> = (table.get_ref().iter())
        .map(|(key, _)| (line_of(key.span().start), key.get_ref().to_string()))
        .collect();
    Config::deserialize(toml::Deserializer::from(table)).map_err(|error| {
        let start = start(&error);
        // The last key that begins before the mistake is the one that it is made in.
        let key = keys.iter().filter(|(begin, _)| *begin <= start).max();
        (&bytes[..start], explain(error.message(), key.map_or("", |(_, key)| key)))
    })
}

/// How many line breaks there are.
fn breaks(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// What is wrong with a value, or a key that nobody knows, with the nearest right one.
fn explain(message: &str, key: &str) -> String {
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    match unknown {
        Some(key) => {
            let hint = match nearest(key, KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys are {}", KEYS.join(", ")),
            };
            format!("there is no key `{key}`: {hint}")
        }
        None if message.starts_with("unknown variant") => {
            let mut quoted = message.split('`').skip(1).step_by(2);
            let said = quoted.next().unwrap_or_default();
            let known: Vec<_> = quoted.map(|word| format!("`\"{word}\"`")).collect();
            format!("`{key}` cannot be `{said}`: write {}", known.join(" or "))
        }
        None if message.starts_with("invalid type") || message.starts_with("expected") => {
            format!("`{key}`: {message}: write it like `{}`", example(key))
        }
        None => format!("`{key}`: {message}"),
    }
}

/// The line of the shipped file that shows a key.
fn example(key: &str) -> &'static str {
    let shown = include_str!("../../config/snagd.toml").lines();
    let mut shown = shown.filter_map(|line| line.strip_prefix("# "));
    shown.find(|line| line.split_once(" = ").is_some_and(|(shown, _)| shown == key)).unwrap_or("")
}

/// What a stranger's text says, on one line and without what changes how a reader sees it.
fn printable(text: &str) -> String {
    let show = |letter: char| match letter {
        letter if is_unprintable(letter) => letter.escape_unicode().to_string(),
        letter => letter.to_string(),
    };
    text.trim().chars().map(show).collect()
}

/// A path that does not depend on where the daemon happens to be started.
fn absolute_path<'de, D: Deserializer<'de>>(value: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(value)?;
    if path.is_absolute() {
        return Ok(Some(path));
    }
    let path = path.display();
    Err(D::Error::custom(format!("`{path}`: write an absolute path, from the first slash on")))
}

/// A person's name, as an event can have it.
fn plain_name<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    let said = String::deserialize(value)?;
    let name = said.trim();
    let is_plain =
        !name.is_empty() && !name.contains(is_unprintable) && without_hidden(name) == name;
    if is_plain && name.len() <= MAX_NAME {
        return Ok(Some(name.to_owned()));
    }
    Err(D::Error::custom(format!(
        "`{name}` is no name: write one of 1 to {MAX_NAME} bytes without control characters"
    )))
}

/// Host names as they stand in a `Host` header.
fn host_names<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    let hosts = Vec::<String>::deserialize(value)?;
    let is_host = |host: &str| {
        let mut bytes = host.bytes();
        !host.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    };
    match hosts.iter().find(|host| !is_host(host)) {
        None => Ok(Some(hosts)),
        Some(host) => Err(D::Error::custom(format!(
            "`{host}` is no host name: write it without scheme and path, like snag.acme.example"
        ))),
    }
}

/// Patterns that mean the same in every shell.
fn patterns<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    let patterns = Vec::<String>::deserialize(value)?;
    let is_plain = |pattern: &str| {
        let mut bytes = pattern.bytes();
        pattern.starts_with(|first: char| first.is_ascii_alphanumeric() || "./~_".contains(first))
            && bytes.all(|b| b.is_ascii_alphanumeric() || b" *._-/+:@=,~%".contains(&b))
    };
    match patterns.iter().find(|pattern| !is_plain(pattern)) {
        None => Ok(Some(patterns)),
        Some(pattern) => Err(D::Error::custom(format!(
            "`{pattern}` is no command to watch: begin it with letters, digits and ` ._-/+:@=,~%`, `*` standing for anything, like `acme *`"
        ))),
    }
}

/// Origins as browsers write them: scheme, host in small letters, and a port where it is not the
/// usual one.
fn page_origins<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    let origins = Vec::<String>::deserialize(value)?;
    let is_origin = |origin: &str| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
        host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_plain))
    };
    let usual = |origin: &str| {
        let usual = if origin.starts_with("https://") { ":443" } else { ":80" };
        origin.strip_suffix(usual).map(str::to_owned)
    };
    if let Some((origin, plain)) = origins.iter().find_map(|it| Some((it, usual(it)?))) {
        return Err(D::Error::custom(format!(
            "`{origin}` is no origin that a browser sends: write it without the usual port, like {plain}"
        )));
    }
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(Some(origins)),
        Some(origin) => Err(D::Error::custom(format!(
            "`{origin}` is no origin: write it as browsers do, in small letters and without a path, like https://shop.acme.example"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("snagd.toml");
        fs::write(&file, bytes).unwrap();
        let shown = file.display().to_string();
        Config::read(&file).map_err(|error| error.to_string().replace(&shown, "snagd.toml"))
    }

    /// Each file is refused in these words.
    #[track_caller]
    fn told(mistakes: &[(&[u8], &str)]) {
        for (file, told) in mistakes {
            let error = read(file).unwrap_err();
            let told = format!("snagd.toml:{told}").replace("<keys>", &KEYS.join(", "));
            assert_eq!(error, told, "{}", String::from_utf8_lossy(file));
        }
    }

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let shipped = include_str!("../../config/snagd.toml");
        assert_eq!(read(shipped.as_bytes()).unwrap(), Config::default(), "it changes nothing");
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
        let config = read(all.as_bytes()).unwrap();
        assert_eq!(config.names, Some(Names::default()));
        assert_eq!(config.listen, Some(Listen::default_address()));
        assert_eq!(config.allowed_hosts, Some(Vec::new()));
        assert_eq!(config.origins, Some(Vec::new()));
        assert_eq!(config.behind_proxy, Some(false));
        let values = config.values();
        assert_eq!(values.each_ref().map(|(key, _)| *key), KEYS);
        assert!(values.iter().all(|(_, value)| value.is_some()), "{values:?}");
    }

    #[test]
    fn a_mistake_names_file_line_and_nearest_key() {
        told(&[
            (
                b"names = \"team\"\nsokcet = \"/a\"\n",
                "2: there is no key `sokcet`: did you mean `socket`?",
            ),
            (b"colour = true\n", "1: there is no key `colour`: the keys are <keys>"),
            (
                b"[names]\nown = true\n",
                "2: `names`: expected table, found boolean: write it like `names = \"own\"`",
            ),
            (b"\nnames = \"all\"\n", "2: `names` cannot be `all`: write `\"own\"` or `\"team\"`"),
            (
                b"listen = \"localhost\"\n",
                "1: `listen`: `localhost` is no address to listen on: write it like 127.0.0.1:7624, or `none`",
            ),
            (
                b"listen = 7624\n",
                "1: `listen`: invalid type: integer `7624`, expected a string: write it like `listen = \"127.0.0.1:7624\"`",
            ),
            (
                b"allowed_hosts = \"snag.acme.example\"\n",
                "1: `allowed_hosts`: invalid type: string \"snag.acme.example\", expected a sequence: write it like `allowed_hosts = []`",
            ),
            (
                b"allowed_hosts = [\n  \"a\",\n  \"https://a\",\n]\n",
                "1: `allowed_hosts`: `https://a` is no host name: write it without scheme and path, like snag.acme.example",
            ),
            (
                b"person = \"ana\"\nbehind_proxy = \"yes\"\nnames = \"own\"\n",
                "2: `behind_proxy`: invalid type: string \"yes\", expected a boolean: write it like `behind_proxy = false`",
            ),
            (
                b"person = \"\"\n",
                "1: `person`: `` is no name: write one of 1 to 64 bytes without control characters",
            ),
            (
                b"person = \"a\\u001bb\"\n",
                "1: `person`: `a\\u{1b}b` is no name: write one of 1 to 64 bytes without control characters",
            ),
            (
                b"watch = [\"acme\", \"acme $(x)\"]\n",
                "1: `watch`: `acme $(x)` is no command to watch: begin it with letters, digits and ` ._-/+:@=,~%`, `*` standing for anything, like `acme *`",
            ),
            (
                b"drop_dir = \"spool\"\n",
                "1: `drop_dir`: `spool`: write an absolute path, from the first slash on",
            ),
            (
                b"\"a\\u001b\\u202eb\" = 1\n",
                "1: there is no key `a\\u{1b}\\u{202e}b`: the keys are <keys>",
            ),
        ]);
    }

    #[test]
    fn an_origin_is_what_a_browser_sends_and_a_table_has_its_own_name() {
        told(&[
            (
                b"origins = [\"https://shop.acme.example/\"]\n",
                "1: `origins`: `https://shop.acme.example/` is no origin: write it as browsers do, in small letters and without a path, like https://shop.acme.example",
            ),
            (
                b"origins = [\"http://a:8080\", \"http://a:443\", \"https://a:443\"]\n",
                "1: `origins`: `https://a:443` is no origin that a browser sends: write it without the usual port, like https://a",
            ),
            (
                b"origins = [\"http://a:80\"]\n",
                "1: `origins`: `http://a:80` is no origin that a browser sends: write it without the usual port, like http://a",
            ),
            (
                b"names = \"team\"\n[rules]\nrerun = 1\n",
                "2: `rules`: invalid type: map, expected a sequence: write it like `rules = []`",
            ),
            (
                b"[rules]\n",
                "1: `rules`: invalid type: map, expected a sequence: write it like `rules = []`",
            ),
        ]);
    }

    #[test]
    fn what_is_no_toml_names_its_line() {
        told(&[
            (b"names = \"own\"\n\nnames = \"team\"\n", "3: duplicate key in `names = \"team\"`"),
            (b"names own\n", "1: key with no value, expected `=` in `names own`"),
            (b"names = \"own\n", "1: invalid basic string, expected `\"` in `names = \"own`"),
            (
                b"names = own\n",
                "1: string values must be quoted, expected literal string in `names = own`",
            ),
            (b"\n# caf\xe9\n", "2: this is no UTF-8: save the file as UTF-8"),
        ]);
    }

    #[test]
    fn what_editors_of_other_systems_write_is_taken_and_a_name_without_blanks() {
        let config = read(b"\xef\xbb\xbfnames = \"team\"\r\nperson = \" ana \"\r\n").unwrap();
        assert_eq!((config.names, config.person.as_deref()), (Some(Names::Team), Some("ana")));
    }

    #[test]
    fn a_directory_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = Config::read(dir.path()).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error:?}");
    }
}
