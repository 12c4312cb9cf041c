//! A single request and its reply, inside the library; the socket that is asked sees a DEALER.

use crate::message::Message;
use crate::socket_type::SocketType;

use super::{Admission, Drop, Outlet, Pattern, PeerId, PeerIntro, Rejected, Verdict, Violation};

/// Sends its request to the first peer attached; the reply is tagged as that of a request without a
/// number.
pub(crate) struct Asker {
    question: Option<Message>,
    answered: bool,
}

impl Asker {
    /// The type announced to peers.
    pub(crate) const TYPE: SocketType = SocketType::Dealer;

    pub(crate) fn new(question: Message) -> Self {
        Asker {
            question: Some(question),
            answered: false,
        }
    }
}

impl Pattern for Asker {
    fn attach(
        &mut self,
        peer: PeerId,
        _intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        let mut question = self.question.take().ok_or(Rejected)?;
        match outlet.send(peer, &mut question) {
            Ok(()) => Ok(()),
            // The peer's queue is full before the first message: it is rejected.
            Err(_) => Err(Rejected),
        }
    }

    fn detach(&mut self, _peer: PeerId, _outlet: &mut dyn Outlet) {}

    fn admit(&mut self, _peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        message.set_tag(0);
        if std::mem::replace(&mut self.answered, true) {
            return Ok(Admission::Drop(Drop::Unasked));
        }
        Ok(Admission::Answer)
    }

    /// There is no user that could send.
    fn submit(&mut self, _message: &mut Message, _outlet: &mut dyn Outlet) -> Verdict {
        Verdict::Blocked
    }

    /// The request must not wait for room, as it would not be sent again.
    fn buffers_per_peer(&self) -> bool {
        true
    }
}
