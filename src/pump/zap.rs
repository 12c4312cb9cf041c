//! Having peers judged: whoever is bound to the inproc name of ZAP in this context is asked, and
//! the handshake waits (RFC 27). The pump does not: each question is a socket of the pump's own,
//! with one link, that lives until there is an answer, nobody is left to give one, or the
//! connection it is about has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::channel::{FrameRule, Holder, Outcome, Ports, PortsSetup, Spin};
use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::options::{Linger, Options};
use crate::pattern::Asker;
use crate::security::{AuthenticatorFault, Credentials, Mechanism};
use crate::wire::{self, Applicant, Judgement};

use super::env::World;
use super::pipe::{Origin, Wire};
use super::socket::Hub;
use super::token::Mark;
use super::{HubId, Pump};

/// Where ZAP handlers are bound (RFC 27, Interoperability).
const NAME: &str = "zeromq.zap.01";

/// What a hub is about that has no user: the link whose peer is to be judged.
pub(super) struct Errand {
    link: usize,
    serial: u64,
    /// Keeps the channels open that nobody uses.
    _holder: Holder,
}

/// What came of an errand.
pub(super) struct Answered {
    hub: HubId,
    judgement: Judgement,
}

impl<W: World> Pump<W> {
    /// Has a peer judged by what it has shown. Answers at once if there is nobody to ask.
    pub(super) fn have_judged(
        &mut self,
        slot: usize,
        wire: &Wire<W::Stream>,
        credentials: &Credentials,
    ) -> Option<Judgement> {
        let config = match self.links.get(slot)?.origin {
            Origin::Dialed(dialer) => &self.dialers.get(dialer)?.wire,
            Origin::Accepted(listener) => &self.listeners.get(listener)?.wire,
        };
        let bound = self.company.names.find(NAME);
        let answers = bound.is_some_and(|bound| Asker::TYPE.accepts(bound.kind));
        let Some(endpoint) = handler().filter(|_| answers && self.shutdown.is_none()) else {
            return Some(without_handler(config, credentials.mechanism()));
        };
        let applicant = Applicant {
            address: self.world.address(&wire.stream),
            domain: config.zap_domain.clone(),
            routing_id: config.routing_id.clone(),
        };
        let question = wire::authentication_request(&applicant, credentials);
        let Some(hub) = self.open_errand(slot, question) else {
            return Some(Judgement::Failed(AuthenticatorFault::Missing));
        };
        if let Some(link) = self.links.get_mut(slot) {
            link.errand = Some(hub);
        }
        if self.dial(hub.slot, endpoint, None).is_err() {
            self.errand_failed(hub.slot);
        }
        None
    }

    fn open_errand(&mut self, link: usize, question: Message) -> Option<HubId> {
        let link_serial = self.links.get(link)?.serial;
        // Nobody asks twice, and nothing is left to be sent at the end.
        let options = Options::new()
            .reconnect_interval(None)
            .linger(Linger::For(Duration::ZERO));
        let serial = self.serial();
        let slot = self.hubs.vacant_key();
        let mark = Mark::Hub(slot);
        let (ports, holder) = Ports::open(PortsSetup {
            inward: None,
            outward: None,
            alternating: false,
            relaxed: None,
            frames: FrameRule::AtMost(usize::MAX),
            routes: None,
            recalling: false,
            alarms: Arc::clone(&self.alarms),
            health: Arc::clone(self.mailbox.health()),
            // The context does not live for its pumps' own business.
            keepalive: Arc::new(()),
            spin: Spin::NEVER,
            errand: mark.errand(&self.mailbox),
            hook: mark.hook(&self.mailbox),
        });
        let pattern = Box::new(Asker::new(question));
        let mut hub = Hub::with_pattern(serial, Asker::TYPE, Arc::new(options), ports, pattern);
        hub.errand = Some(Errand {
            link,
            serial: link_serial,
            _holder: holder,
        });
        let filled = self.install(hub);
        debug_assert_eq!(filled, slot);
        Some(HubId { slot, serial })
    }

    /// Somebody has answered, or given up the hope of an answer.
    pub(super) fn errand_ended(&mut self, hub: usize, outcome: Outcome) {
        let judgement = match outcome {
            Outcome::Replied(reply) => wire::judgement(&reply),
            Outcome::PeerLost | Outcome::Closed(_) | Outcome::Terminated(_) => {
                Judgement::Failed(AuthenticatorFault::Gone)
            }
        };
        if let Some(found) = self.hubs.get(hub).filter(|hub| hub.errand.is_some()) {
            let serial = found.serial;
            let hub = HubId { slot: hub, serial };
            self.answered.push(Answered { hub, judgement });
        }
    }

    /// Nobody will answer.
    pub(super) fn errand_failed(&mut self, hub: usize) {
        self.errand_ended(hub, Outcome::PeerLost);
    }

    /// The handshakes that waited for these answers go on.
    pub(super) fn heed_answers(&mut self) {
        for Answered { hub, judgement } in std::mem::take(&mut self.answered) {
            let Some(slot) = self.find(hub) else {
                continue;
            };
            let errand = self.hubs.get_mut(slot).and_then(|hub| hub.errand.take());
            self.end_hub(slot);
            let Some(Errand { link, serial, .. }) = errand else {
                continue;
            };
            let Some(found) = self.links.get_mut(link) else {
                continue;
            };
            if found.serial == serial && found.errand.take().is_some() {
                if let super::pipe::Path::Wire(wire) = &mut found.path {
                    wire.connection.judged(judgement);
                }
                self.feed(link);
            }
        }
    }

    /// The connection an errand was about has ended.
    pub(super) fn call_off(&mut self, errand: HubId) {
        if let Some(slot) = self.find(errand) {
            self.end_hub(slot);
        }
    }
}

/// What libzmq makes of peers that nobody is there to judge.
fn without_handler(config: &wire::Config, mechanism: Mechanism) -> Judgement {
    match mechanism {
        Mechanism::Null | Mechanism::Curve if !config.zap_enforce_domain => Judgement::Unjudged,
        Mechanism::Null | Mechanism::Curve | Mechanism::Plain => {
            Judgement::Failed(AuthenticatorFault::Missing)
        }
    }
}

fn handler() -> Option<Endpoint> {
    let endpoint = Endpoint::parse_for_connect(&format!("inproc://{NAME}"));
    debug_assert!(endpoint.is_ok(), "a name like any other");
    endpoint.ok()
}
