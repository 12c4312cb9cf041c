//! How threads and tasks wait, with pumps that let them lead.

#![allow(clippy::unwrap_used)] // These are tests, helpers included.

use super::*;

mod task;
mod thread;
mod woken;
