//! What Sentry's Rust SDK sends, driven through everything that snag keeps of it.

use std::env;

use sentry::protocol::{Event, User};
use sentry::{Breadcrumb, ClientOptions, Level, SessionMode};

fn main() {
    let dsn = env::var("SNAG_DSN").expect("SNAG_DSN");
    let needle = env::var("NEEDLE").expect("NEEDLE");
    let options = ClientOptions::new()
        .release("shop@1.4.3")
        .environment("staging")
        .server_name(format!("{needle}-host"))
        .session_mode(SessionMode::Application)
        .auto_session_tracking(true);
    let _guard = sentry::init((dsn.as_str(), options));
    sentry::configure_scope(|scope| {
        let user = User { username: Some("rosa".into()), ip_address: None, ..User::default() };
        scope.set_user(Some(user));
        scope.set_extra("argv", needle.clone().into());
        scope.set_transaction(Some("GET /orders/:id"));
    });
    let error = "x".parse::<u8>().expect_err("no number");
    sentry::capture_error(&error);
    sentry::capture_message("queue is stuck", Level::Error);
    for step in 0..3 {
        sentry::add_breadcrumb(Breadcrumb {
            category: Some("ui.click".into()),
            message: Some(format!("button#step{step}")),
            data: [("token".to_owned(), needle.clone().into())].into(),
            ..Breadcrumb::default()
        });
    }
    sentry::capture_event(Event {
        message: Some("rich in breadcrumbs".into()),
        level: Level::Error,
        ..Event::default()
    });
    // The SDK has no feedback of its own yet; it sends what a program writes.
    let feedback = r#"{"type":"feedback","release":"shop@1.4.3","environment":"staging","contexts":{"feedback":{"message":"the total is wrong","contact_email":"bob@acme.example"},"friction":{"place":"cart","expected":"the sum","did":"worked-around","felt":"confused"}}}"#;
    let envelope = format!("{{}}\n{{\"type\":\"feedback\"}}\n{feedback}\n");
    let envelope = sentry::Envelope::from_bytes_raw(envelope.into_bytes()).expect("an envelope");
    sentry::Hub::current().client().expect("a client").send_envelope(envelope);
    let _ = std::thread::spawn(|| panic!("nobody caught this")).join();
}
