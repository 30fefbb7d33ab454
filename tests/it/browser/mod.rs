//! The browser snippet in a real Chromium: when it speaks, what it says, and what it keeps.

mod dialog;
mod door;
mod gestures;
mod report;
mod site;
