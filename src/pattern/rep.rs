//! REP, for the time being.
use super::*;
use std::collections::HashMap;
#[derive(Default)]
pub(super) struct Rep {
    next: u64,
    open: HashMap<u64, (PeerId, Vec<Frame>)>,
}
impl Pattern for Rep {
    fn attach(&mut self, _: PeerId, _: &PeerIntro, _: &mut dyn Outlet) -> Result<(), Rejected> {
        Ok(())
    }
    fn detach(&mut self, peer: PeerId, _: &mut dyn Outlet) {
        self.open.retain(|_, open| open.0 != peer);
    }
    fn deliver(
        &mut self,
        peer: PeerId,
        inbound: Inbound,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Violation> {
        let Inbound::Message(message) = inbound else {
            return Ok(());
        };
        let mut envelope = message.into_frames();
        match envelope.iter().position(|frame| frame.is_empty()) {
            Some(at) if at + 1 < envelope.len() => {
                let body = envelope.split_off(at + 1);
                self.next += 1;
                self.open.insert(self.next, (peer, envelope));
                let mut message = Message::from(body);
                message.set_tag(self.next);
                outlet.deliver(message);
            }
            _ => outlet.dropped(Drop::Malformed, 1),
        }
        Ok(())
    }
    fn submit(&mut self, message: Message, outlet: &mut dyn Outlet) -> Verdict {
        if message.tag() == 0 {
            return Verdict::Refused(message, Refusal::NoRequest);
        }
        match self.open.remove(&message.tag()) {
            Some((peer, mut envelope)) => {
                envelope.extend(message);
                match outlet.send(peer, Message::from(envelope)) {
                    Ok(()) => Verdict::Sent,
                    Err(_) => Verdict::Dropped(Drop::PeerFull),
                }
            }
            None => Verdict::Dropped(Drop::PeerGone),
        }
    }
}
