//! Authentication: the handshake of a peer waits while the ZAP handler is asked, which is the
//! socket bound to ZAP's inproc name in this context (RFC 27). The pump does not wait: each request
//! is a socket of the pump itself, with one pipe, that lives until there is a reply, there is no
//! handler left, or the connection it is about has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::wait::WaitSetup;
use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::options::{Linger, Options};
use crate::pattern::Asker;
use crate::port::{FrameRule, Outcome, Ports, PortsSetup};
use crate::security::{AuthenticatorFault, Credentials, Mechanism};
use crate::wire::{self, Applicant, Judgement};

use super::env::Env;
use super::pipe::{Origin, Path, Wire};
use super::queues::Judged;
use super::socket::{SocketState, ZapRequest};
use super::token::Token;
use super::{Pump, SocketId};

/// The inproc name that ZAP handlers bind to (RFC 27, Interoperability).
const NAME: &str = "zeromq.zap.01";

impl<E: Env> Pump<E> {
    /// Asks the ZAP handler about a peer and its credentials. Returns at once if there is no
    /// handler.
    pub(super) fn ask_to_judge(
        &mut self,
        slot: usize,
        wire: &Wire<E::Stream>,
        credentials: &Credentials,
    ) -> Option<Judgement> {
        let config = match self.pipes.get(slot)?.origin {
            Origin::Dialed(dialer) => &self.dialers.get(dialer)?.wire,
            Origin::Accepted(listener) => &self.listeners.get(listener)?.wire,
        };
        let answers = self.has_zap_handler();
        if self.ending.has_lost_handler() {
            return Some(Judgement::Failed(AuthenticatorFault::Missing));
        }
        let Some(endpoint) = handler().filter(|_| answers && !self.ending.is_terminated()) else {
            return Some(without_handler(config, credentials.mechanism()));
        };
        let applicant = Applicant {
            address: self.env.address(&wire.stream),
            domain: config.zap_domain.clone(),
            routing_id: config.routing_id.clone(),
        };
        let question = wire::authentication_request(&applicant, credentials);
        let Some(socket) = self.open_zap_request(slot, question) else {
            return Some(Judgement::Failed(AuthenticatorFault::Missing));
        };
        if let Some(pipe) = self.pipes.get_mut(slot) {
            pipe.zap_request = Some(socket);
        }
        if self.dial(socket.slot, endpoint, None).is_err() {
            self.zap_request_failed(socket.slot);
        }
        None
    }

    fn open_zap_request(&mut self, pipe: usize, question: Message) -> Option<SocketId> {
        let pipe_serial = self.pipes.get(pipe)?.serial;
        // The request is made once, and nothing remains to be sent at the end.
        let options = Options::new()
            .reconnect_interval(None)
            .linger(Linger::For(Duration::ZERO));
        let serial = self.serial();
        let slot = self.sockets.vacant_key();
        let token = Token::Socket(slot);
        let (ports, holder) = Ports::open(PortsSetup {
            inward: None,
            outward: None,
            alternating: false,
            relaxed: None,
            frames: FrameRule::AtMost(usize::MAX),
            known_peers: None,
            recalling: false,
            alarms: Arc::clone(&self.alarms),
            health: Arc::clone(self.mailbox.health()),
            // The pump's own sockets do not keep the context alive.
            keepalive: Arc::new(()),
            wait: WaitSetup::PARK,
            on_first: token.prompt_hook(&self.mailbox),
            on_room: token.hook(&self.mailbox),
        });
        let pattern = Box::new(Asker::new(question));
        let mut socket =
            SocketState::with_pattern(serial, Asker::TYPE, Arc::new(options), ports, pattern);
        socket.zap_request = Some(ZapRequest {
            pipe,
            serial: pipe_serial,
            _holder: holder,
        });
        let filled = self.install(socket);
        debug_assert_eq!(filled, slot);
        Some(SocketId { slot, serial })
    }

    /// A request has its reply, or will have none.
    pub(super) fn zap_request_ended(&mut self, socket: usize, outcome: Outcome) {
        let judgement = match outcome {
            Outcome::Replied(reply) => wire::judgement(&reply),
            Outcome::PeerLost | Outcome::Closed(_) | Outcome::Terminated(_) => {
                Judgement::Failed(AuthenticatorFault::Gone)
            }
        };
        if let Some(found) = self
            .sockets
            .get(socket)
            .filter(|socket| socket.zap_request.is_some())
        {
            let serial = found.serial;
            let socket = SocketId {
                slot: socket,
                serial,
            };
            self.queues.judged.push(Judged { socket, judgement });
        }
    }

    /// A request will have no reply.
    pub(super) fn zap_request_failed(&mut self, socket: usize) {
        self.zap_request_ended(socket, Outcome::PeerLost);
    }

    /// The handshakes that waited for these replies continue.
    pub(super) fn apply_judgements(&mut self) {
        for Judged { socket, judgement } in std::mem::take(&mut self.queues.judged) {
            let Some(slot) = self.find(socket) else {
                continue;
            };
            let zap_request = self
                .sockets
                .get_mut(slot)
                .and_then(|socket| socket.zap_request.take());
            self.end_socket(slot);
            let Some(ZapRequest { pipe, serial, .. }) = zap_request else {
                continue;
            };
            let Some(found) = self.pipes.get_mut(pipe) else {
                continue;
            };
            if found.serial == serial && found.zap_request.take().is_some() {
                if let Path::Wire(wire) = &mut found.path {
                    wire.connection.judged(judgement);
                }
                self.read_later(pipe);
            }
        }
    }

    /// The connection that a ZAP request is about has ended.
    pub(super) fn cancel_zap_request(&mut self, zap_request: SocketId) {
        if let Some(slot) = self.find(zap_request) {
            self.end_socket(slot);
        }
    }
}

/// libzmq's decision about peers without a ZAP handler.
fn without_handler(config: &wire::Config, mechanism: Mechanism) -> Judgement {
    match mechanism {
        Mechanism::Null | Mechanism::Curve if !config.zap_enforce_domain => Judgement::Unjudged,
        Mechanism::Null | Mechanism::Curve | Mechanism::Plain => {
            Judgement::Failed(AuthenticatorFault::Missing)
        }
    }
}

impl<E: Env> Pump<E> {
    /// Whether a handler is bound that would be asked.
    pub(super) fn has_zap_handler(&self) -> bool {
        let bound = self.shared.names.find(NAME);
        bound.is_some_and(|bound| Asker::TYPE.accepts(bound.kind))
    }
}

fn handler() -> Option<Endpoint> {
    let endpoint = Endpoint::parse_for_connect(&format!("inproc://{NAME}"));
    debug_assert!(endpoint.is_ok(), "a name like any other");
    endpoint.ok()
}
