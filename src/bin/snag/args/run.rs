//! What is said to have commands noticed: `run` and `hook`.

use std::ffi::OsString;

use clap::{Args, ValueHint};
use snag::event::Place;

/// How a shell comes to the hook.
pub(super) const HOOK: &str = "\
In the file your shell reads at its start, after everything else:
  bash  eval \"$(snag hook bash)\"   (from 5.1 on)
  zsh   eval \"$(snag hook zsh)\"
  fish  snag hook fish | source
Which commands it looks at stands in ~/.config/snag/snagd.toml: watch = [\"acme\", \"acme *\"]
A first word is recorded if it is a usual subcommand, like deploy, or named there: \"acme brew *\"";

/// What run takes.
#[derive(Args)]
pub(crate) struct Run {
    /// Where it happens [default: cli/, the program and a usual subcommand, like cli/acme/deploy]
    #[arg(long, value_name = "PLACE", value_parser = place)]
    pub(crate) at: Option<Place>,
    /// The command; of its arguments only a usual subcommand, or one named in `watch`, is recorded
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

fn place(text: &str) -> Result<Place, String> {
    let place = Place::parse(text).map_err(|error| format!("the place {error}"))?;
    place.check_for_secrets().map_err(|rejection| rejection.to_string())?;
    Ok(place)
}
