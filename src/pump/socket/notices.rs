//! Messages that the socket itself sends or delivers at the beginning and at the end of a
//! connection.

use crate::message::{Frame, Message};
use crate::pattern::{Admission, Outlet, PeerId};

use crate::pump::env::Env;
use crate::pump::pipe::{Loss, Origin, Path};
use crate::pump::Pump;

impl<E: Env> Pump<E> {
    /// Sends a new peer an empty message, so that a ROUTER there learns this socket's routing id
    /// (`ZMQ_PROBE_ROUTER`). It is not a user's message, and is not counted.
    pub(in crate::pump) fn send_probe(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot).filter(|pipe| pipe.attached) else {
            return;
        };
        let Some(socket) = pipe.socket.and_then(|socket| self.sockets.get(socket)) else {
            return;
        };
        if !socket.kind.probes() || !socket.options.routing.probe_router {
            return;
        }
        let mut probe = Message::from(Frame::empty());
        match &mut pipe.path {
            Path::Wire(wire) => {
                wire.connection.greet(&probe);
                self.flush_later(slot);
            }
            Path::Inproc(inproc) => {
                let (far, Some(twin)) = (inproc.twin_socket, inproc.twin) else {
                    return;
                };
                let twin = PeerId(twin as u32);
                self.pattern_call(far, |pattern, outlet| {
                    if pattern.admit(twin, &mut probe) == Ok(Admission::Deliver) {
                        outlet.receiving_from(twin).deliver(probe);
                    }
                });
            }
            Path::Cross(cross) => {
                cross.greet(probe);
                self.transfer_across_later(slot);
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "an attached peer has a wire or a twin");
            }
        }
    }

    /// Sends the hello message to a new peer. It does not count against the high-water mark.
    pub(in crate::pump) fn send_hello(&mut self, slot: usize) {
        let Some(pipe) = self.pipes.get_mut(slot) else {
            return;
        };
        let Some(socket) = pipe
            .socket
            .and_then(|socket| self.sockets.get(socket))
            .filter(|socket| socket.kind.says_hello())
        else {
            return;
        };
        let Some(hello) = socket
            .options
            .notices
            .hello
            .as_ref()
            .filter(|hello| !hello.is_empty())
        else {
            return;
        };
        match &mut pipe.path {
            Path::Wire(wire) => {
                wire.connection.greet(hello);
                wire.counts.messages_out += 1;
                self.flush_later(slot);
            }
            Path::Inproc(inproc) => {
                inproc.hello = Some(hello.clone());
                self.transfer_later(slot);
            }
            Path::Cross(cross) => {
                cross.greet(hello.clone());
                cross.counts.messages_out += 1;
                self.transfer_across_later(slot);
            }
            Path::Dialing { .. } | Path::Lent => {
                debug_assert!(false, "an attached peer has a wire or a twin");
            }
        }
    }

    /// An attached peer is about to be lost: delivers the notice as if it were a last message of
    /// the peer.
    pub(in crate::pump) fn send_notice(&mut self, slot: usize, loss: &Loss) {
        let Some(pipe) = self.pipes.get(slot).filter(|pipe| pipe.attached) else {
            return;
        };
        let (Some(socket), origin) = (pipe.socket, pipe.origin) else {
            return;
        };
        let Some(found) = self.sockets.get(socket) else {
            return;
        };
        let local = matches!(loss, Loss::Asked) || found.closing.is_some();
        if local || !found.kind.hears_of_losses() {
            return;
        }
        let notice = match origin {
            Origin::Accepted(_) => &found.options.notices.disconnect_notice,
            Origin::Dialed(_) => &found.options.notices.hiccup_notice,
        };
        let Some(notice) = notice.as_ref().filter(|notice| !notice.is_empty()) else {
            return;
        };
        let mut notice: Message = notice.clone();
        let peer = PeerId(slot as u32);
        self.pattern_call(socket, |pattern, outlet| {
            if let Ok(Admission::Deliver) = pattern.admit(peer, &mut notice) {
                outlet.receiving_from(peer).deliver(notice);
            }
        });
    }
}
