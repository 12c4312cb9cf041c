//! What a pump is told to look at: the tokens in its mailbox, and the numbers they travel as.
//!
//! The slot may have been used again since: a token is a reason to look, no more.

use std::sync::Arc;

use crate::driver::Mailbox;
use crate::sync::Hook;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Socket(usize),
    /// A pipe to another pump.
    Pipe(usize),
    Task(usize),
}

/// Kinds of tokens there may be.
const KINDS: usize = 4;

impl Token {
    pub(super) fn number(self) -> usize {
        match self {
            Token::Socket(slot) => slot * KINDS,
            Token::Pipe(slot) => slot * KINDS + 1,
            Token::Task(slot) => slot * KINDS + 2,
        }
    }

    pub(super) fn from_number(number: usize) -> Self {
        let slot = number / KINDS;
        match number % KINDS {
            0 => Token::Socket(slot),
            1 => Token::Pipe(slot),
            _ => Token::Task(slot),
        }
    }

    /// Posts this token for something that takes one turn.
    pub(super) fn prompt_hook<C>(self, mailbox: &Arc<Mailbox<C>>) -> Arc<dyn Hook>
    where
        C: Send + 'static,
    {
        let mailbox = Arc::clone(mailbox);
        Arc::new(move || mailbox.deposit_for_assist(self.number()))
    }

    /// Posts this token.
    pub(super) fn hook<C>(self, mailbox: &Arc<Mailbox<C>>) -> Arc<dyn Hook>
    where
        C: Send + 'static,
    {
        let mailbox = Arc::clone(mailbox);
        Arc::new(move || mailbox.deposit(self.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_encoding() {
        for slot in [0, 1, 2, 1_000_000] {
            for token in [Token::Socket(slot), Token::Pipe(slot), Token::Task(slot)] {
                assert_eq!(Token::from_number(token.number()), token);
            }
        }
    }
}
