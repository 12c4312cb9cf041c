//! Limits on what a peer may send, and on the number of peers.

use super::{Connection, Phase, MAX_HANDSHAKE_COMMAND};
use crate::wire::mechanism::OVERHEAD;
use crate::wire::CloseReason;

impl Connection {
    /// Sets whether there is no room for any peer now, before each [`poll_event`](Self::poll_event)
    /// of the handshake. The handshake then ends with [`CloseReason::NoRoom`] before the command
    /// after which the peer considers itself connected. No ERROR tells the peer why: libzmq would
    /// not reconnect, and lose the messages it holds for this socket.
    pub(crate) fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    /// The size in bytes of a message that has not arrived completely.
    pub(crate) fn unfinished_bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| part.len() as u64);
        parts.sum::<u64>() + self.decoder.large_bytes() as u64
    }

    /// Sets the limit for the next frame: the rest of the message's limit, if that is lower than
    /// the limit for frames. A command between the frames of a message always has room.
    pub(super) fn limit_frames(&mut self) {
        const COMMANDS: u64 = MAX_HANDSHAKE_COMMAND;
        let whole = self.config.max_message_size;
        let left = match self.parts_bytes {
            0 => whole,
            bytes => whole.map(|whole| whole.saturating_sub(bytes).max(COMMANDS)),
        };
        let limits = [self.config.max_frame_size, left];
        let limit = limits.into_iter().flatten().min();
        let sealed = matches!(self.phase, Phase::Sealed(_));
        let overhead = if sealed { OVERHEAD as u64 } else { 0 };
        self.decoder
            .limit_frames(limit.map(|limit| limit.saturating_add(overhead)));
    }

    /// The reason for a frame that exceeds the rest of its message's limit, but not the limit for
    /// frames.
    pub(super) fn blamed(&self, reason: CloseReason) -> CloseReason {
        let sealed = matches!(self.phase, Phase::Sealed(_));
        let overhead = if sealed { OVERHEAD as u64 } else { 0 };
        match (&reason, self.config.max_message_size) {
            (CloseReason::FrameTooLarge { announced, .. }, Some(limit))
                if self
                    .config
                    .max_frame_size
                    .is_none_or(|most| *announced <= most.saturating_add(overhead)) =>
            {
                CloseReason::MessageTooLarge { limit }
            }
            _ => reason,
        }
    }

    /// Ends the handshake if there is no room for any peer.
    pub(super) fn check_room(&self) -> Result<(), CloseReason> {
        match self.is_full {
            true => Err(CloseReason::NoRoom),
            false => Ok(()),
        }
    }
}
