//! File descriptors as sources of a [`Select`], and the wait for both kinds of
//! sources.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Select, Selected, Token};
use crate::error::SelectError;
use crate::port::deadline_after;
use crate::pump::descriptor::{wait_for, Bell, Wanted};
use crate::readiness::Readiness;
use crate::sync::primitives::now;

/// The descriptors of a `Select`.
#[derive(Default)]
pub(super) struct Descriptors<'a> {
    all: BTreeMap<Token, Descriptor<'a>>,
    /// Wakes the thread while it waits for descriptors. Created with the first descriptor.
    bell: Option<Arc<Bell>>,
    /// The descriptor that was returned last: the next one comes first.
    last: Option<Token>,
    /// Whether the other sources come first the next time.
    others_first: bool,
}

struct Descriptor<'a> {
    fd: Box<dyn AsFd + Send + 'a>,
    interest: Readiness,
}

impl Descriptors<'_> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn remove(&mut self, token: Token) -> bool {
        self.all.remove(&token).is_some()
    }

    /// Waits until one is ready, the bell rings or the deadline passes.
    fn wait(&mut self, deadline: Option<Instant>) -> Option<(Token, Readiness)> {
        let after = self.last.map_or(0, |Token(last)| last + 1);
        let in_turn = self.all.range(Token(after)..);
        let in_turn = in_turn.chain(self.all.range(..Token(after)));
        let in_turn: Vec<_> = in_turn.collect();
        let rung = Readiness::READABLE.wanted();
        let bell = self.bell.as_deref().map(|bell| (bell.as_fd(), rung));
        let fds = in_turn.iter();
        let fds = fds.map(|(_, descriptor)| (descriptor.fd.as_fd(), descriptor.interest.wanted()));
        let fds: Vec<_> = fds.chain(bell).collect();
        let mut found = wait_for(&fds, deadline).into_iter();
        let ready = in_turn.iter().zip(found.by_ref());
        let mut ready = ready.map(|((token, _), found)| (**token, Readiness::found(found)));
        let first = ready.find(|(_, ready)| !ready.is_empty());
        if found.next_back() != Some(Wanted::default()) {
            if let Some(bell) = &self.bell {
                bell.silence();
            }
        }
        self.last = first.map(|(token, _)| token).or(self.last);
        first
    }
}

impl<'a, T> Select<'a, T> {
    /// Adds a file descriptor, such as a socket, pipe, timer or signal of the operating system.
    /// Every wait returns [`Selected::Descriptor`] as long as it is ready for any of `interest`, as
    /// `zmq_poll` does; it stays until it is [removed](Select::remove). Errors and hang-ups are
    /// always reported, even if the system cannot wait for that many descriptors.
    ///
    /// Takes an owned descriptor, or one that is borrowed for as long as the `Select` lives. From
    /// then on a wait costs a `poll` of all descriptors. Only on Unix.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    /// use zmq_channels::select::{Readiness, Selected};
    /// use zmq_channels::{Message, Select};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (mut here, there) = UnixStream::pair()?;
    /// let mut select = Select::<Message>::new();
    /// let token = select.descriptor(&there, Readiness::READABLE)?;
    /// here.write_all(b"x")?;
    /// assert_eq!(select.wait()?, Selected::Descriptor(token, Readiness::READABLE));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// An error if the system has no more descriptors: adding the first one opens two more.
    pub fn descriptor(
        &mut self,
        fd: impl AsFd + Send + 'a,
        interest: Readiness,
    ) -> io::Result<Token> {
        if self.descriptors.bell.is_none() {
            self.descriptors.bell = Some(Bell::new()?);
        }
        let fd = Box::new(fd);
        let token = self.token();
        self.descriptors
            .all
            .insert(token, Descriptor { fd, interest });
        Ok(token)
    }

    /// Returns a descriptor that is ready now.
    pub(super) fn ready_descriptor(&mut self) -> Option<Selected<T>> {
        let now = deadline_after(Duration::ZERO);
        let found = self.descriptors.wait(now);
        found.map(|(token, ready)| Selected::Descriptor(token, ready))
    }

    /// Polls both kinds, in turn.
    pub(super) fn look_at_both(&mut self, listener: Option<&Waker>) -> Option<Selected<T>> {
        let others_first = self.descriptors.others_first;
        let found = match others_first {
            true => self.look(None).or_else(|| self.ready_descriptor()),
            false => self.ready_descriptor(),
        };
        let found = found.or_else(|| self.look(listener));
        let is_descriptor = matches!(found, Some(Selected::Descriptor(..)));
        self.descriptors.others_first = is_descriptor;
        found
    }

    /// Like [`wait_until`](Select::wait_until), if there are descriptors.
    pub(super) fn wait_for_both(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Selected<T>, SelectError> {
        let listener = self.descriptors.bell.clone().map(Waker::from);
        if let Some(found) = self.look_at_both(listener.as_ref()) {
            return Ok(found);
        }
        loop {
            let found = self.descriptors.wait(deadline);
            let is_over = found.is_some() || deadline.is_some_and(|deadline| now() >= deadline);
            // At the deadline it no longer registers a listener, and polls the sources woken until
            // then.
            let listener = listener.as_ref().filter(|_| !is_over);
            let other = self.look(listener);
            self.descriptors.others_first = other.is_none();
            if let Some(other) = other {
                return Ok(other);
            }
            match found {
                Some((token, ready)) => return Ok(Selected::Descriptor(token, ready)),
                None if is_over => return Err(SelectError::Timeout),
                None => {}
            }
        }
    }
}
