//! What a mark in a pump's mailbox is about. The slot may have been used again since: a mark is a
//! reason to look, no more.

use std::sync::Arc;

use crate::channel::{Hook, Mailbox};

use super::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Socket(usize),
    /// A pipe that crosses to another pump.
    Pipe(usize),
    Task(usize),
}

/// Kinds of marks there may be.
const KINDS: usize = 4;

impl Token {
    pub(super) fn token(self) -> usize {
        match self {
            Token::Socket(slot) => slot * KINDS,
            Token::Pipe(slot) => slot * KINDS + 1,
            Token::Task(slot) => slot * KINDS + 2,
        }
    }

    pub(super) fn from_token(token: usize) -> Self {
        let slot = token / KINDS;
        match token % KINDS {
            0 => Token::Socket(slot),
            1 => Token::Pipe(slot),
            _ => Token::Task(slot),
        }
    }

    /// What makes this mark for something that one turn brings on its way.
    pub(super) fn errand(self, mailbox: &Arc<Mailbox<Command>>) -> Arc<dyn Hook> {
        let mailbox = Arc::clone(mailbox);
        Arc::new(move || mailbox.errand(self.token()))
    }

    /// What makes this mark.
    pub(super) fn hook(self, mailbox: &Arc<Mailbox<Command>>) -> Arc<dyn Hook> {
        let mailbox = Arc::clone(mailbox);
        Arc::new(move || mailbox.mark(self.token()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_made() {
        for slot in [0, 1, 2, 1_000_000] {
            for mark in [Token::Socket(slot), Token::Pipe(slot), Token::Task(slot)] {
                assert_eq!(Token::from_token(mark.token()), mark);
            }
        }
    }
}
