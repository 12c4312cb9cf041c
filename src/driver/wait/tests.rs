//! How threads and tasks wait, with pumps that let them lead.

use super::*;

mod task;
mod thread;
