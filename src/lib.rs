//! snag records the friction a product team runs into while it uses its own product, and says
//! which places hurt most.
//!
//! The path of an event, and what belongs where, stand in `ARCHITECTURE.md`.
//!
//! # Floors
//!
//! Imports go downwards only; `tests/it/architecture.rs` checks it.
//!
//! | floor | modules | what it may touch |
//! |---|---|---|
//! | 0 pure | [`event`], [`hotspot`], [`words`] | no clock, no chance, no disk, no async |
//! | 1 durable | `journal`, `index` | files; no clock |
//! | 2 concurrent | `recorder` | one writer thread, a bounded queue |
//! | | `backup` | files of its own beside the journal's; no clock |
//! | 2 pure | [`page`], [`sheet`] | rows in, HTML or CSV out |
//! | 3 doors | `doors`, `client` | sockets, the wall clock, chance |
//! | 4 the whole | `daemon` | configuration, life and death |

#[cfg(not(target_os = "linux"))]
compile_error!("snag runs on Linux only: it relies on fdatasync, SO_PEERCRED and inotify");

pub mod backup;
#[cfg(test)]
mod cases;
pub mod client;
pub mod daemon;
pub mod doors;
pub mod event;
pub mod hotspot;
pub mod index;
pub mod journal;
#[cfg(test)]
mod not_tried;
pub mod page;
pub mod recorder;
pub mod sheet;
pub mod words;
