//! Waiting for earlier messages to leave, although there is room.

use super::{Channel, Overflow, State, Ticket, Waiting};

impl<T> Channel<T> {
    /// Whether a message may have to wait for others to leave.
    pub(crate) fn blocks(&self) -> bool {
        self.policy == Overflow::Block
    }

    /// Waits until no more than `most` messages count. Returns false if there are more and waiting
    /// makes sense: the channel is open, and no sender has just waited for the same without result.
    pub(crate) fn keep_pace(&self, most: u64, waiting: Waiting<'_>) -> bool {
        let (mut head, tail) = self.both();
        let in_vain = tail.state != State::Open || tail.stuck_at == head.released;
        if in_vain || tail.used() <= most {
            if let Some(ticket) = waiting.ticket.take() {
                head.paced.remove(ticket);
            }
            return true;
        }
        head.resume_at = head.resume_at.min(tail.accepted - most);
        head.paced.register(waiting.ticket, waiting.waker);
        false
    }

    /// A sender has waited long enough. Until a message is released, no other sender waits.
    pub(crate) fn leave_pace(&self, ticket: &mut Ticket) {
        let (mut head, mut tail) = self.both();
        tail.stuck_at = head.released;
        if let Some(ticket) = ticket.take() {
            head.paced.remove(ticket);
        }
    }
}
