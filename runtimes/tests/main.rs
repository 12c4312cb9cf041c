//! The library with the runtimes and channels people use beside it. A package of its own, so that neither
//! the library's tests nor its examples wait for three runtimes to be built:
//! `cargo test --manifest-path runtimes/Cargo.toml`.

#![cfg(test)]
// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/common/mod.rs"]
mod common;

mod leading;
mod register;
mod select;
mod signals;
mod tasks;
