//! Everything that is tested from outside: the real `snagd`, the real `snag`, real sockets.
//!
//! | module | what it holds true |
//! |---|---|
//! | `architecture` | floors, file lengths, module docs, what may name what |
//! | `readme` | every command and output the README shows |
//! | `backup` | backups while events are recorded, killed, damaged, restored |
//! | `care` | forgetting, retention, verify and repair |
//! | `cli` | transcripts of `snag`, compared as text |
//! | `documents` | `--csv`, `--markdown` and `--utc`, as scripts and issues get them |
//! | `completions` | what bash, zsh and fish complete, with and without a daemon |
//! | `recording` | 201, 200, 409, batches, limits, what bad input is told |
//! | `api` | health, metrics, entity tags, packed bodies and answers |
//! | `gate` | hosts, origins, tokens, content types; raw sockets, so that nothing is rewritten |
//! | `life` | ready, lock, SIGTERM in flight, exit codes |
//! | `sentry` | the Sentry door: keys, packing, framing, limits, pages |
//! | `service` | what systemd hands over and is told: sockets, readiness, watchdog |
//! | `configuration` | mistakes, check-config, changes while it runs |
//! | `logging` | levels, formats, what a log line never contains |
//! | `crash` | SIGKILL under load, rebuild equals incremental, damaged indexes |
//! | `faults` | whatever fails, nothing acknowledged is lost: full disks, power cuts, broken files |
//! | `dropped` | the drop directory, from outside |
//! | `outbox` | events for a daemon that is away: kept, sent once, taken back |
//! | `manual` | the man pages are whole and well formed |
//! | `session` | a friction log from the first step to another store |
//! | `signals` | what people decide about what was noticed |
//! | `stream` | `/v1/stream`: in order, resumable, filtered, bounded |
//! | `tail` | `snag tail` through kills and restarts, in a pipe, told to stop |
//! | `run` | `snag run`: the command untouched, what is noticed, what a terminal is asked |
//! | `question` | what people are asked on a terminal, and what they type instead of an answer |
//! | `hook` | the hook of bash, zsh and fish: what it notices, and that it leaves the rest alone |
//! | `imports` | sheets of other programs |
//! | `formats` | files written by each released version are read for ever |
//! | `page` | the page: who may see it, and what a real browser makes of it |
//! | `doctor` | what `snag doctor` finds on machines with something wrong |
//! | `browser` | the snippet in a real Chromium: what it fires at, what it says, what it keeps |
//! | `dogfood` | the friction met while building snag |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says why"
)]

mod harness;
#[path = "../../src/not_tried.rs"]
mod not_tried;
mod programs;
mod terminal;

mod api;
mod architecture;
mod backup;
mod browser;
mod care;
mod chromium;
mod cli;
mod completions;
mod configuration;
mod crash;
mod doctor;
mod documents;
mod dogfood;
mod dropped;
mod faults;
mod formats;
mod gate;
mod hook;
mod imports;
mod life;
mod logging;
mod manual;
mod outbox;
mod page;
mod question;
mod readme;
mod recording;
mod run;
mod sentry;
mod service;
mod session;
mod signals;
mod stream;
mod tail;
