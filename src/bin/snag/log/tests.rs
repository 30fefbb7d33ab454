//! How long whoever tells is kept waiting, on a clock that jumps.

use std::env;
use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::*;

/// Says that this process has an environment of the test's own.
const ALONE: &str = "SNAG_TEST_ALONE";

/// Where events are kept is said by the environment, which no test may change of its own process: so it is
/// run once more, in another.
#[test]
fn a_daemon_that_never_answers_is_waited_for_as_long_as_it_is_said() {
    if let Some(home) = env::var_os(ALONE) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        return runtime.block_on(tell_nobody(home.as_ref()));
    }
    let home = tempfile::tempdir().unwrap();
    let mut alone = Command::new(env::current_exe().unwrap());
    let test = "log::tests::a_daemon_that_never_answers_is_waited_for_as_long_as_it_is_said";
    alone.args([test, "--exact"]).env_clear().env("HOME", home.path()).env(ALONE, home.path());
    let said = alone.env("SNAG_DROP", home.path().join("drop")).output().unwrap();
    assert!(said.status.success(), "{said:#?}");
    assert!(home.path().join("told").exists(), "it was tried: {said:#?}");
}

async fn tell_nobody(home: &std::path::Path) {
    let socket = home.join("snag.sock");
    // The kernel takes connections for it, and what is sent.
    let _never_answers = UnixListener::bind(&socket).unwrap();
    let global = Global { url: Some(Target::Unix(socket)), ..Global::default() };
    let draft = Draft::parse(br#"{"place":"web/a","note":"x"}"#).unwrap();
    let began = Instant::now();
    let told = deliver(draft, &global, &Output::new(&global)).await.unwrap();
    let took = began.elapsed();
    assert!((PATIENCE..PATIENCE + Duration::from_millis(2)).contains(&took), "{took:?}");
    assert!(matches!(told.receipt, Receipt::Kept));
    assert_eq!(fs::read_dir(home.join("drop")).unwrap().count(), 1, "and it is kept");
    fs::write(home.join("told"), "").unwrap();
}
