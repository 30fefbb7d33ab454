//! Findings of made-up facts: what a real machine seldom shows, and what it must not be blamed for.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use snag::client::{ClientError, Target};
use snag::doors::http::Status;

use super::facts::{Asked, ConfigFile, Facts, Files, Found, Kind, Outcome};
use super::findings;
use super::{Finding, Grade};
use crate::outbox::Held;

fn status() -> Status {
    let status = json!({
        "v": 1, "version": "0.1.0", "started_at": "2026-11-20T08:00:00Z", "now": "2026-11-20T17:00:00Z",
        "state_dir": "/s", "disk": {"free_bytes": 50_000_000_000_u64, "total_bytes": 90_000_000_000_u64, "full": false},
        "listening": ["unix:/r/snag.sock", "http://127.0.0.1:7624"],
        "you": {"person": "ana", "may_name_others": true}, "events": 40, "places": 7,
        "queue": {"jobs": 0, "bytes": 0},
        "journal": {"last": 41, "segments": 1, "bytes": 1, "damaged": 0},
        "index": {"position": 41, "behind": 0, "bytes": 1},
        "drop": {"dir": "/s/drop", "waiting": 0, "rejected": 0, "events": 0},
    });
    serde_json::from_value(status).unwrap()
}

fn here(kind: Kind, mode: u32) -> Found {
    Found::Here { mode, uid: 1000, kind }
}

/// A machine on which all is well.
fn well() -> Facts {
    let tcp: Target = "http://127.0.0.1:7624".parse().unwrap();
    Facts {
        version: "0.1.0".to_owned(),
        uid: 1000,
        now: "2026-11-20T17:00:01Z".parse().unwrap(),
        asked: Asked {
            target: Target::Unix("/r/snag.sock".into()),
            is_named: false,
            outcome: Outcome::Answers(Box::new(status())),
            took: Duration::from_micros(400),
            newest: Some("2026-11-20T16:59:00Z".parse().unwrap()),
            tcp: Some((tcp, Ok(()))),
        },
        files: Some(Files {
            state_dir: ("/s".into(), here(Kind::Dir, 0o700)),
            set_aside: 0,
            token: ("/s/token".into(), here(Kind::File, 0o600)),
            is_token: Some(true),
            socket: Some(("/r/snag.sock".into(), here(Kind::Socket, 0o666))),
            drop_dir: ("/s/drop".into(), here(Kind::Dir, 0o700)),
            dropped: (0, 0),
        }),
        outboxes: Vec::new(),
        keeps_nothing: None,
        config: ConfigFile::Missing,
        variables: Vec::new(),
    }
}

/// What is found on a machine on which all is well but this.
fn found(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = well();
    change(&mut facts);
    findings::of(&facts)
}

fn with_status(change: impl FnOnce(&mut Status)) -> Vec<Finding> {
    found(|facts| {
        let mut status = status();
        change(&mut status);
        facts.asked.outcome = Outcome::Answers(Box::new(status));
    })
}

fn with_files(change: impl FnOnce(&mut Files)) -> Vec<Finding> {
    found(|facts| change(facts.files.as_mut().unwrap()))
}

fn with_error(error: ClientError) -> Vec<Finding> {
    found(|facts| {
        facts.asked.outcome = Outcome::Fails(error);
        facts.asked.tcp = None;
    })
}

/// One finding is of this grade, says this, and says what to do; the others are fine.
#[track_caller]
fn only(found: &[Finding], grade: Grade, says: &str) {
    let bad: Vec<_> = found.iter().filter(|finding| finding.grade != Grade::Fine).collect();
    assert_eq!(bad.len(), 1, "{bad:#?}");
    assert!(bad[0].grade == grade && bad[0].says.contains(says), "{bad:#?}");
    assert!(bad[0].advice.as_ref().is_some_and(|advice| !advice.is_empty()), "{bad:#?}");
}

#[test]
fn a_well_machine_is_told_so() {
    let found = found(|_| ());
    assert!(found.iter().all(|finding| finding.grade == Grade::Fine), "{found:#?}");
    assert!(found.iter().all(|finding| finding.advice.is_none()), "{found:#?}");
    let looked_at: Vec<_> = found.iter().map(|finding| finding.about).collect();
    let expected = [
        "daemon",
        "version",
        "clock",
        "disk",
        "journal",
        "index",
        "tcp",
        "state",
        "token",
        "drop",
        "socket",
        "config",
        "environment",
    ];
    assert_eq!(looked_at, expected);
}

#[test]
fn what_can_be_kept_nowhere_is_not_said_to_be_kept() {
    let nowhere = |facts: &mut Facts| facts.keeps_nothing = Some("there is no home".to_owned());
    only(&found(nowhere), Grade::Warning, "while snagd is away is lost: there is no home");
    let found = found(|facts| {
        nowhere(facts);
        let target = Target::Unix("/r/snag.sock".into());
        facts.asked.outcome = Outcome::Fails(ClientError::Away(target));
        facts.asked.tcp = None;
        facts.files.as_mut().unwrap().drop_dir.1 = Found::Missing;
    });
    let bad: Vec<_> = found.iter().filter(|finding| finding.grade == Grade::Wrong).collect();
    assert_eq!(bad[1].says, "what is told now is lost: there is no home");
    assert!(!format!("{found:?}").contains("is kept"), "{found:#?}");
    assert!(!format!("{found:?}").contains("when it is needed"), "{found:#?}");
}

#[test]
fn a_daemon_that_does_not_answer() {
    let target = || Target::Unix("/r/snag.sock".into());
    only(&with_error(ClientError::Away(target())), Grade::Wrong, "no snagd answers at unix:/r");
    only(&with_error(ClientError::Silent(target())), Grade::Wrong, "does not answer");
    let source = io::ErrorKind::PermissionDenied.into();
    let error = ClientError::Unreachable { target: target(), source };
    only(&with_error(error), Grade::Wrong, "permission denied");
    let told = serde_json::from_value(json!({"status": 401, "detail": "the token is another"}));
    only(&with_error(ClientError::Told(told.unwrap())), Grade::Wrong, "with this token");
}

#[test]
fn indexes_that_were_set_aside() {
    only(&with_files(|files| files.set_aside = 2), Grade::Warning, "2 indexes were set aside");
}

#[test]
fn versions_that_differ() {
    only(
        &with_status(|status| status.version = "0.2.0".into()),
        Grade::Warning,
        "snagd that runs is 0.2.0",
    );
    let strange = found(|facts| {
        facts.asked.outcome = Outcome::Strange { version: Some("9.0.0".to_owned()) };
    });
    only(&strange, Grade::Wrong, "snagd 9.0.0 at unix:/r/snag.sock");
}

#[test]
fn clocks_that_differ() {
    let at = |now: &str| with_status(|status| status.now = now.parse().unwrap());
    assert!(at("2026-11-20T17:00:03Z").iter().all(|finding| finding.grade == Grade::Fine));
    only(&at("2026-11-20T17:01:01Z"), Grade::Warning, "+60 s");
    only(&at("2026-11-20T16:00:01Z"), Grade::Wrong, "-3600 s");
    let ahead = found(|facts| facts.asked.newest = "2027-01-01T00:00:00Z".parse().ok());
    only(&ahead, Grade::Warning, "the newest event is of 2027-01-01");
}

#[test]
fn disks_that_are_full_or_nearly() {
    let free = |free: u64, total: u64| {
        with_status(|status| {
            let disk = status.disk.as_mut().unwrap();
            (disk.free_bytes, disk.total_bytes) = (free << 20, total << 20);
        })
    };
    only(&free(900, 100_000), Grade::Warning, "900 MiB free");
    only(&free(20, 100_000), Grade::Wrong, "20.0 MiB free");
    let full = with_status(|status| status.disk.as_mut().unwrap().full = true);
    only(&full, Grade::Wrong, "free of");
    assert!(free(300, 2_000).iter().all(|finding| finding.grade == Grade::Fine), "a small disk");
    assert!(free(5_000, 100_000).iter().all(|finding| finding.grade == Grade::Fine));
}

#[test]
fn a_store_that_is_behind_or_damaged() {
    let behind = with_status(|status| status.index.behind = 3);
    let index = behind.iter().find(|finding| finding.about == "index").unwrap();
    assert!(index.grade == Grade::Fine && index.says.contains("being built: 3 of 41"), "{index:?}");
    only(
        &with_status(|status| status.journal.damaged = 2),
        Grade::Wrong,
        "2 damaged stretches found since snagd started, and 0 records are missing",
    );
}

#[test]
fn files_that_are_open_to_others_or_gone() {
    let state = |found| with_files(|files| files.state_dir.1 = found);
    only(&state(here(Kind::Dir, 0o750)), Grade::Wrong, "open to others (mode 0750)");
    only(&state(Found::Missing), Grade::Wrong, "/s is no directory");
    let token = |found| with_files(|files| files.token.1 = found);
    only(&token(here(Kind::File, 0o640)), Grade::Wrong, "read by others (mode 0640)");
    only(&token(Found::Missing), Grade::Wrong, "/s/token is gone");
    only(&with_files(|files| files.is_token = Some(false)), Grade::Wrong, "holds no token");
    let socket = |found| with_files(|files| files.socket = Some(("/r/snag.sock".into(), found)));
    only(&socket(here(Kind::Socket, 0o600)), Grade::Warning, "not for everybody");
    only(&socket(here(Kind::File, 0o600)), Grade::Wrong, "is no socket");
    let drop = |mode| with_files(|files| files.drop_dir.1 = here(Kind::Dir, mode));
    only(&drop(0o777), Grade::Wrong, "others can list or change");
    only(&drop(0o755), Grade::Wrong, "others can list or change");
    assert!(drop(0o3730).iter().all(|finding| finding.grade == Grade::Fine), "the system's");
}

#[test]
fn what_is_not_ours_is_not_blamed() {
    let not_ours = with_files(|files| {
        files.state_dir.1 = Found::Here { mode: 0o700, uid: 999, kind: Kind::Dir };
        files.token.1 = Found::Unseen(io::ErrorKind::PermissionDenied);
        files.is_token = None;
    });
    assert!(not_ours.iter().all(|it| it.grade == Grade::Fine), "{not_ours:#?}");
    let told =
        serde_json::from_value(json!({"status": 401, "detail": "a token is needed"})).unwrap();
    let asked_without = found(|facts| {
        facts.files.as_mut().unwrap().is_token = None;
        facts.asked.tcp.as_mut().unwrap().1 = Err(ClientError::Told(told));
    });
    assert!(asked_without.iter().all(|it| it.grade == Grade::Fine), "{asked_without:#?}");
    let stopped = |uid| {
        let mut found = with_error(ClientError::Away(Target::Unix("/r/snag.sock".into())));
        found.clear();
        found.extend(super::findings::of(&Facts { uid, asked: away(), ..well() }));
        found.into_iter().filter(|finding| finding.about == "state").collect::<Vec<_>>()
    };
    assert_eq!(stopped(1000)[0].grade, Grade::Fine);
    only(&stopped(1001), Grade::Wrong, "belongs to user 1000");
}

fn away() -> Asked {
    let target = Target::Unix("/r/snag.sock".into());
    Asked { outcome: Outcome::Fails(ClientError::Away(target)), tcp: None, ..well().asked }
}

#[test]
fn a_tcp_address_that_refuses() {
    let tcp = |error| {
        found(|facts| {
            facts.asked.tcp = Some(("http://127.0.0.1:7624".parse().unwrap(), Err(error)));
        })
    };
    let told = |status| serde_json::from_value(json!({"status": status, "detail": "no"})).unwrap();
    only(&tcp(ClientError::Told(told(401))), Grade::Wrong, "does not take the token in /s/token");
    only(&tcp(ClientError::Told(told(421))), Grade::Wrong, "listens at http://127.0.0.1:7624: no");
}

#[test]
fn files_that_wait_or_were_rejected() {
    only(
        &with_files(|files| files.dropped = (2, 0)),
        Grade::Warning,
        "2 files wait in /s/drop and snagd",
    );
    only(&with_files(|files| files.dropped = (2, 1)), Grade::Wrong, "1 file was not recorded");
}

#[test]
fn events_that_wait_or_were_refused() {
    let held = |waiting, rejected| {
        found(|facts| {
            let target = "http://hub:1".to_owned();
            facts.outboxes =
                vec![Held { target, waiting, rejected, oldest: None, dir: PathBuf::from("/o") }];
        })
    };
    only(&held(3, 0), Grade::Warning, "3 events wait for http://hub:1");
    only(&held(0, 1), Grade::Wrong, "1 event was refused by http://hub:1");
}

#[test]
fn a_configuration_that_is_broken_or_looked_past() {
    let config = |config| found(|facts| facts.config = config);
    let broken = || ConfigFile::Broken("/c/snagd.toml:2: there is no key `sokcet`".to_owned());
    only(&config(broken()), Grade::Wrong, "snagd.toml:2");
    let fine = |socket: Option<&str>| ConfigFile::Fine {
        path: "/c/snagd.toml".into(),
        socket: socket.map(PathBuf::from),
    };
    only(&config(fine(Some("/elsewhere.sock"))), Grade::Warning, "a socket of its own");
    for socket in [None, Some("/r/snag.sock")] {
        assert!(config(fine(socket)).iter().all(|finding| finding.grade == Grade::Fine));
    }
}

#[test]
fn variables_that_contradict() {
    let set = |name: &str, value: &str| {
        found(|facts| facts.variables = vec![(name.to_owned(), value.to_owned())])
    };
    only(&set("SNAG_DROPS", "x"), Grade::Warning, "SNAG_DROPS is set");
    let advice = set("SNAG_DROPS", "x").pop().unwrap().advice.unwrap();
    assert!(advice.contains("did you mean SNAG_DROP?"), "{advice}");
    only(&set("SNAG_DROP", "/elsewhere"), Grade::Wrong, "takes files from /s/drop");
    assert!(set("SNAG_DROP", "/s/drop").iter().all(|finding| finding.grade == Grade::Fine));
    let secret = set("SNAG_TOKEN", "snag_s3cret");
    assert!(!format!("{secret:?}").contains("s3cret"), "{secret:#?}");
    let named = found(|facts| {
        facts.variables = vec![("SNAG_PERSON".to_owned(), "bob".to_owned())];
        let mut status = status();
        status.you.may_name_others = false;
        facts.asked.outcome = Outcome::Answers(Box::new(status));
    });
    only(&named, Grade::Warning, "snagd knows you as ana");
    let far = found(|facts| {
        facts.asked.target = "http://hub.example:1".parse().unwrap();
        facts.asked.is_named = true;
        facts.files = None;
        facts.variables = vec![("SNAG_DROP".to_owned(), "/s/drop".to_owned())];
    });
    assert!(far.iter().all(|finding| finding.grade == Grade::Fine), "it is for this machine alone");
}
