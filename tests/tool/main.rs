//! The command-line tool, run as its users run it.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod ends;
mod messages;
mod run;
mod security;
mod services;
