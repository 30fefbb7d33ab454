//! What is said on the command line and in the environment.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use snag::daemon::{Config, ConfigFile, Listen, Sources};

use crate::log::{Filter, Format};

/// Takes friction events, keeps them, and ranks what hurts most.
///
/// Needs no configuration: alone, it listens on `$XDG_RUNTIME_DIR/snag.sock` and 127.0.0.1:7624 and
/// stores in `$XDG_STATE_HOME/snag`. A flag wins over the environment, that over the file.
#[derive(Parser)]
#[command(name = "snagd", version, after_help = SIGNALS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Where journal, index and token lie [default: `$XDG_STATE_HOME/snag`]
    #[arg(long, global = true, value_name = "DIR", env = "SNAGD_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// The unix socket [default: `$XDG_RUNTIME_DIR/snag.sock`; snag.sock in the state directory where that is said, or there is no other]
    #[arg(long, global = true, value_name = "PATH", env = "SNAGD_SOCKET")]
    socket: Option<PathBuf>,
    /// The TCP address, or `none` [default: 127.0.0.1:7624]
    #[arg(long, global = true, value_name = "ADDR", env = "SNAGD_LISTEN")]
    listen: Option<Listen>,
    /// Where files are dropped [default: drop/ in the state directory]
    #[arg(long, global = true, value_name = "DIR", env = "SNAGD_DROP_DIR")]
    drop_dir: Option<PathBuf>,
    /// The configuration file [default: `$XDG_CONFIG_HOME/snag/snagd.toml`, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "SNAGD_CONFIG")]
    config: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug; for a module, like `info,snag::doors=debug`
    #[arg(long, global = true, value_name = "LEVEL", env = "SNAGD_LOG", default_value = "info")]
    pub(crate) log: Filter,
    /// How to log; auto is the journal where stderr goes there, else text
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        env = "SNAGD_LOG_FORMAT",
        default_value = "auto"
    )]
    pub(crate) log_format: Format,
}

const SIGNALS: &str = "\
SIGHUP reads the configuration again, as does a change of the file; where snagd runs in a terminal \
it stops it. SIGTERM and Ctrl-C stop it once what was accepted is finished; a second one, at once.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check the configuration, and print what would be in force and who says so
    CheckConfig {
        /// The configuration file; without it, the one that snagd would read
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Read the journal whole and, where snagd is stopped, compare the index with one built anew, which takes
    /// twice its room in `TMPDIR`. Changes nothing; exits with 1 where something is wrong
    Verify,
    /// Set the index aside and build it anew from the journal; snagd must not run
    Repair,
    /// Print snagd(8), for whoever packages snag
    #[command(hide = true)]
    Man,
}

/// The arguments, and who says how the daemon is to be. Ends the process where they make no sense.
pub(crate) fn read() -> (Args, Sources) {
    let matches = Args::command().get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let sources = args.sources(&matches);
    (args, sources)
}

impl Args {
    fn sources(&self, matches: &ArgMatches) -> Sources {
        let checked = match &self.command {
            Some(Command::CheckConfig { file }) => file.as_ref(),
            Some(Command::Verify | Command::Repair | Command::Man) | None => None,
        };
        let named = checked.or(self.config.as_ref()).cloned().map(absolute).map(ConfigFile::named);
        Sources {
            flags: self.said(matches, ValueSource::CommandLine),
            environment: self.said(matches, ValueSource::EnvVariable),
            file: named.or_else(ConfigFile::of_user),
        }
    }

    fn said(&self, matches: &ArgMatches, source: ValueSource) -> Config {
        let is_said = |id| matches.value_source(id) == Some(source);
        let path = |id, path: &Option<PathBuf>| path.clone().filter(|_| is_said(id)).map(absolute);
        Config {
            state_dir: path("state_dir", &self.state_dir),
            socket: path("socket", &self.socket),
            listen: self.listen.filter(|_| is_said("listen")),
            drop_dir: path("drop_dir", &self.drop_dir),
            ..Config::default()
        }
    }
}

/// What is typed is meant from where it is typed.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
