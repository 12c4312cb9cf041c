//! Work lists: for a later step of a turn, or for a later turn.

use crate::driver::Errand;
use crate::wire::Judgement;

use super::command::{Command, SocketId};
use super::ready::ReadyList;

/// The work lists of a pump.
#[derive(Default)]
pub(super) struct Queues {
    /// Pipes that have bytes to read and room for messages.
    pub(super) readers: ReadyList,
    /// Sockets whose `in` may have messages that a peer has room for.
    pub(super) senders: ReadyList,
    /// Pipes with something to write.
    pub(super) flushers: ReadyList,
    /// Inproc pipes with something for their twin.
    pub(super) transfers: ReadyList,
    /// Tasks that were woken.
    pub(super) tasks: ReadyList,
    /// Sockets whose `out` may have room for pipes that wait for it.
    pub(super) to_resume: Vec<usize>,
    /// Pipes that patterns asked to end: (slot, serial).
    pub(super) dismissed: Vec<(usize, u64)>,
    /// Replies to ZAP requests.
    pub(super) judged: Vec<Judged>,
    /// Users' code for the pump's own thread.
    pub(super) errands: Vec<Errand>,
    /// Sockets that are closing.
    pub(super) closing: Vec<usize>,
    /// Sockets that have callers waiting for peers.
    pub(super) awaited: Vec<usize>,
    /// Commands and tokens collected in this turn. Kept between turns for their capacity.
    pub(super) commands: Vec<Command>,
    pub(super) tokens: Vec<usize>,
}

/// The reply to a ZAP request.
pub(super) struct Judged {
    pub(super) socket: SocketId,
    pub(super) judgement: Judgement,
}

impl Queues {
    /// Whether there is work left that needs no event from outside.
    pub(super) fn is_busy(&self) -> bool {
        !(self.readers.is_empty()
            && self.senders.is_empty()
            && self.transfers.is_empty()
            && self.to_resume.is_empty())
            || self.has_more_than_slices()
    }

    /// Whether there is work left that cannot wait for a thread that this pump has just woken and
    /// that will be back soon: anything but a slice that may belong to that thread.
    pub(super) fn is_pressed(&self) -> bool {
        let slices =
            self.readers.len() + self.senders.len() + self.transfers.len() + self.to_resume.len();
        slices > 2 || self.has_more_than_slices()
    }

    fn has_more_than_slices(&self) -> bool {
        !(self.flushers.is_empty()
            && self.tasks.is_empty()
            && self.dismissed.is_empty()
            && self.judged.is_empty())
    }

    /// A pipe has ended: the next pipe in its slot is not queued.
    pub(super) fn forget_pipe(&mut self, slot: usize) {
        self.readers.forget(slot);
        self.flushers.forget(slot);
        self.transfers.forget(slot);
    }

    /// A socket has ended: the next socket in its slot is not queued.
    pub(super) fn forget_socket(&mut self, slot: usize) {
        self.senders.forget(slot);
    }
}
