//! `snagd check-config`: what would be in force, and who says so.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use snag::daemon::{ConfigError, Settings, Sources};

/// Reads the configuration as a start would.
pub(crate) fn check(sources: &Sources) -> Result<Settings, ConfigError> {
    let settings = sources.read()?;
    settings.check_exposure()?;
    Ok(settings)
}

/// Prints every key as a configuration file that says the same.
pub(crate) fn print(sources: &Sources, settings: &Settings) -> io::Result<()> {
    let mut text = match &sources.file {
        Some(file) if file.path.exists() => format!("# {} can be used.\n", file.path.display()),
        Some(file) => format!("# There is no {}.\n", file.path.display()),
        None => String::new(),
    };
    let in_force: Vec<_> = (settings.in_force().into_iter())
        .map(|(key, value, origin)| (format!("{key} = {value}"), origin))
        .collect();
    let width = in_force.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    for (line, origin) in in_force {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{line:width$}  # {origin}");
    }
    io::stdout().write_all(text.as_bytes())
}
