//! `snag dsn` and `snag snippet`: keys for Sentry SDKs and for web pages, and the one line that each
//! needs.
//!
//! What is printed is to be copied, so no line of it is cut to the width of a terminal.

use std::fmt::Write;

use bytes::Bytes;
use snag::client::Connection;
use snag::doors::http::{KeyList, Made, Wanted};
use snag::doors::keys::KeyKind;

use crate::args::{Dsn, Global};
use crate::output::Output;
use crate::reach;
use crate::read::read;

/// What a program says to send where the DSN says. `…` stands for it.
const LINES: [(&str, &str); 5] = [
    ("any", "export SENTRY_DSN=…"),
    ("Python", "sentry_sdk.init(dsn=\"…\")"),
    ("Node", "Sentry.init({ dsn: \"…\" })  // @sentry/node"),
    ("browser", "Sentry.init({ dsn: \"…\" })  // @sentry/browser, feedbackIntegration() for words"),
    ("Rust", "let _guard = sentry::init(\"…\");"),
];

/// `snag dsn`.
pub(crate) async fn dsn(said: Dsn, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    if said.list {
        let list: KeyList = read(&connection.get("/v1/keys").await?)?;
        return output.json_or(&list, |_| listed(&list));
    }
    if let Some(number) = said.revoke {
        connection.delete(&format!("/v1/keys/{number}")).await?;
        let revoked = serde_json::json!({"v": 1, "revoked": number});
        return output
            .json_or(&revoked, |_| format!("revoked: key {number} is good for nothing now"));
    }
    let made = make(&mut connection, KeyKind::Sentry, said.place).await?;
    output.json_or(&made, |_| told(&made))
}

/// `snag snippet`.
pub(crate) async fn snippet(
    place: Option<String>,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let mut connection = reach::connect_to_read(global.url.as_ref()).await?;
    let made = make(&mut connection, KeyKind::Browser, place).await?;
    output.json_or(&made, |_| {
        format!(
            "{}\n\nput it into your pages, and add their origin to those in snagd's configuration:\n  \
             origins = [..., \"http://localhost:3000\"]\n\n\
             see what comes in:  snag tail\n\
             if it leaks:  snag dsn --revoke {}",
            made.snippet.as_deref().unwrap_or_default(),
            made.key.number
        )
    })
}

async fn make(
    connection: &mut Connection,
    kind: KeyKind,
    place: Option<String>,
) -> anyhow::Result<Made> {
    let wanted = Bytes::from(serde_json::to_vec(&Wanted { kind, place })?);
    read(&connection.post("/v1/keys", wanted).await?)
}

fn told(made: &Made) -> String {
    let Made { key, .. } = made;
    let dsn = made.dsn.as_deref().unwrap_or_default();
    let spotlight = made.spotlight.as_deref().unwrap_or_default();
    let place = key.place.as_ref().map_or("the product of each release", |place| place.as_str());
    let mut text = format!(
        "With Sentry in your program already, one variable sends snag a copy (Python, Node; on this\n\
         machine, no key, no change of code):\n  export SENTRY_SPOTLIGHT={spotlight}\n\n\
         Without, or from elsewhere, a DSN of snag's own, which is shown this once:\n"
    );
    for (language, line) in LINES {
        // Writing to memory cannot fail.
        let _ = writeln!(text, "  {language:<9}{}", line.replace('…', dsn));
    }
    let _ = write!(
        text,
        "\nEverything lies below {place}. Say who it is, by a name and nothing else, and people are\n\
         told apart: set_user({{\"username\": \"ana\"}})\n\n\
         see what comes in:  snag tail\n\
         if it leaks:  snag dsn --revoke {}",
        key.number
    );
    text
}

fn listed(list: &KeyList) -> String {
    if list.keys.is_empty() {
        return "no keys\n\nmake one:  snag dsn web".to_owned();
    }
    let mut text = String::new();
    for key in &list.keys {
        let place = key.place.as_ref().map_or("-", |place| place.as_str());
        let kind = match key.kind {
            KeyKind::Sentry => "sentry",
            KeyKind::Browser => "browser",
        };
        let _ = writeln!(text, "{:>4}  {}  {kind:<7}  {place}", key.number, key.made_at);
    }
    text.push_str("\nrevoke one:  snag dsn --revoke NUMBER");
    text
}
