//! `snag open`: lets a browser see the page, by a link that is good once.
//!
//! The link goes to stdout; where there is somebody at a screen, a browser is given it as well.

use std::env;
use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};

use bytes::Bytes;
use snag::doors::http::PageLink;

use crate::args::Global;
use crate::output::{Format, Output};
use crate::reach;
use crate::read::read;

/// `snag open`.
pub(crate) async fn open(global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let nothing = Bytes::from_static(b"{}");
    let answer = connection.post("/v1/page-link", nothing).await?;
    if output.format == Format::Json {
        return output.json(&answer.body);
    }
    let link: PageLink = read(&answer)?;
    output.line(&link.url)?;
    let told = format!("it lets one browser in, once, within {} seconds", link.good_for_seconds);
    if has_screen() && browse(&link.url) {
        output.note(&format!("a browser was given this link; {told}"));
    } else {
        output.note(&format!("follow the link in a browser of this machine: {told}"));
    }
    Ok(())
}

/// Whether somebody sits at a screen here, and not behind a pipe.
fn has_screen() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY"))
}

fn browse(url: &str) -> bool {
    let mut command = Command::new("xdg-open");
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
