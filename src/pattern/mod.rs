//! stub
use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::socket_type::SocketType;
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd, Debug)]
pub(crate) struct PeerId(pub(crate) u32);
pub(crate) struct PeerIntro {
    pub(crate) socket_type: Option<SocketType>,
    pub(crate) routing_id: Frame,
}
pub(crate) enum Inbound {
    Message(Message),
    Subscribe(Frame),
    Cancel(Frame),
}
pub(crate) enum Upstream {
    Subscribe(Frame),
    Cancel(Frame),
}
pub(crate) enum Verdict {
    Sent,
    Dropped(Drop),
    Blocked(Message),
    Refused(Message, Refusal),
}
pub(crate) enum Drop {
    A,
}
pub(crate) struct Rejected;
pub(crate) struct Violation;
pub(crate) trait Outlet {
    fn send(&mut self, peer: PeerId, message: Message) -> Result<(), Message>;
    fn command(&mut self, peer: PeerId, command: Upstream);
    fn deliver(&mut self, message: Message);
    fn dropped(&mut self, why: Drop, messages: usize);
}
pub(crate) trait Pattern: Send {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected>;
    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet);
    fn deliver(
        &mut self,
        peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation>;
    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict;
    fn writable(&mut self, peer: PeerId);
    fn is_blocked(&self) -> bool;
    fn requeues(&self) -> bool;
    fn unsend(&mut self, message: Message) -> Message {
        message
    }
    fn buffers_per_peer(&self) -> bool;
    fn subscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}
    fn unsubscribe(&mut self, _prefix: Frame, _outlet: &mut dyn Outlet) {}
}
pub(crate) fn pattern(_socket_type: SocketType) -> Option<Box<dyn Pattern>> {
    None
}
