//! The library with the runtimes and channels people use beside it. Its own package, so that neither
//! the library's tests nor its examples wait for three runtimes to be built:
//! `cargo test --manifest-path runtimes/Cargo.toml`.

#![cfg(any(test, doctest))]
// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

/// The programs of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

#[cfg(test)]
#[path = "../../tests/common/mod.rs"]
mod common;

#[cfg(test)]
mod leading;
#[cfg(test)]
mod register;
#[cfg(test)]
mod select;
#[cfg(test)]
mod services;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod tasks;
