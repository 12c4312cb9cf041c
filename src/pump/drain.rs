//! Reading from pipes without a socket until the peer closes: pipes that were released, and peers
//! that were refused.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use crate::statistics::DropReason;

use super::env::Env;
use super::ingress::{DECODE_BURST, READ_BUDGET};
use super::pipe::{Loss, Path};
use super::{Pump, SocketId};

impl<E: Env> Pump<E> {
    /// Reads and discards what a released pipe still receives, until the peer closes.
    pub(super) fn discard(&mut self, slot: usize) {
        let mut scratch = [0; 16 * 1024];
        let mut budget = READ_BUDGET;
        loop {
            let Some(pipe) = self.pipes.get_mut(slot) else {
                return;
            };
            let Path::Wire(wire) = &mut pipe.path else {
                return;
            };
            match wire.stream.read(&mut scratch) {
                Ok(0) => return self.lose(slot, Loss::PeerClosed),
                Ok(read) => {
                    budget = budget.saturating_sub(read);
                    wire.connection.hear(self.now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wire.readable = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.lose(slot, Loss::PeerClosed),
            }
            if budget == 0 {
                return self.read_later(slot);
            }
        }
    }

    /// Reads and counts the messages that a refused peer has sent, until the peer closes.
    pub(super) fn count_refused(&mut self, slot: usize, by: SocketId) {
        let now = self.now;
        let Some(Path::Wire(wire)) = self.pipes.get_mut(slot).map(|pipe| &mut pipe.path) else {
            return;
        };
        let (mut refused, mut bytes) = (0, 0);
        let mut batch = VecDeque::new();
        let over = loop {
            // Commands do not matter, nor does the reason for closing.
            while wire
                .connection
                .poll_messages(&mut batch, DECODE_BURST)
                .is_some()
                || !batch.is_empty()
            {
                refused += batch.len() as u64;
                batch.clear();
            }
            if wire.connection.is_closed() {
                break Some(true);
            }
            if bytes >= READ_BUDGET as u64 {
                break None;
            }
            match wire.fill(now) {
                Ok(0) => break Some(true),
                Ok(read) => bytes += read as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Some(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break Some(true),
            }
        };
        if over == Some(false) {
            wire.readable = false;
        }
        if let Some(found) = self
            .find(by)
            .and_then(|socket| self.sockets.get_mut(socket))
        {
            found.observers.tally.ended.messages_in += refused;
            found.observers.tally.ended.bytes_in += bytes;
            let dropped = &mut found.io.credits.dropped;
            dropped.count(DropReason::PeerRefused, refused);
        }
        match over {
            Some(true) => self.lose(slot, Loss::PeerClosed),
            Some(false) => {}
            None => self.read_later(slot),
        }
    }
}
