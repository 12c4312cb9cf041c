//! Applies a socket's options to its channels, its queues, and new connections.

use std::sync::Arc;

use crate::error::{Closed, ConfigureError};
use crate::message::Message;
use crate::options::{Options, Overflow};
use crate::pattern::{waits_for_peers, REPLY_ENVELOPE, REQUEST_ENVELOPE};
use crate::port::FrameRule;
use crate::pump::env::Env;
use crate::pump::Pump;
use crate::security::Mechanism;
use crate::socket_type::SocketType;
use crate::wire;

impl<E: Env> Pump<E> {
    /// Changes a socket's options: high-water marks, linger and the pattern's options take effect
    /// at once, the rest for endpoints bound or connected from now on.
    pub(in crate::pump) fn configure(
        &mut self,
        slot: usize,
        seen: &Arc<Options>,
        options: Arc<Options>,
    ) -> Result<bool, ConfigureError> {
        let Some(socket) = self.sockets.get_mut(slot) else {
            return Err(ConfigureError::Closed(Closed::Socket));
        };
        if !Arc::ptr_eq(seen, &socket.options) {
            return Ok(false);
        }
        if options.queues.send_overflow != socket.options.queues.send_overflow {
            return Err(ConfigureError::Fixed("send_overflow"));
        }
        if options.connections.pump != socket.options.connections.pump {
            return Err(ConfigureError::Fixed("pump"));
        }
        if options.queues.receive_overflow != socket.options.queues.receive_overflow {
            return Err(ConfigureError::Fixed("receive_overflow"));
        }
        socket.wire = Arc::new(wire_config(socket.kind, &options));
        if let Some(known_peers) = socket.ports.known_peers() {
            known_peers.set_mandatory(routes_are_mandatory(socket.kind, &options));
        }
        socket.io.limit = high_water_marks(socket.kind, &options).1;
        socket.io.message_peers = options.connections.message_peers;
        socket.io.near.configure(socket.kind, &options);
        // Only its high-water mark may have changed: the policy is fixed.
        socket.io.slides = slides(&options, socket.io.buffers);
        socket.count_late();
        if let Some(latest) = socket.ports.latest() {
            latest.set_relaxed(options.routing.req_relaxed);
        }
        let before = std::mem::replace(&mut socket.options, Arc::clone(&options));
        socket.fit_capacities();
        let pipes = socket.pipes.clone();
        self.pattern_call(slot, |pattern, outlet| {
            pattern.configure(&options, outlet);
            outlet.interests_changed();
        });
        self.find_near_full(slot);
        if before.publishing.invert_matching != options.publishing.invert_matching {
            self.discard_unwanted(slot, &[]);
        }
        self.refresh_room(slot);
        self.resume(slot);
        for pipe in pipes {
            self.unblock(pipe);
        }
        self.send_later(slot);
        Ok(true)
    }
}

/// The maximum number of messages in `in` for types that have a queue per peer (0 for no limit),
/// and the maximum per peer. If senders wait for peers, messages in `in` for a peer count against
/// its mark, too: so a peer that holds less than half of it cannot exceed it.
pub(in crate::pump) fn high_water_marks(kind: SocketType, options: &Options) -> (usize, usize) {
    match options.queues.send_high_water_mark {
        0 => (0, usize::MAX),
        mark if waits_for_peers(kind, options) => ((mark / 2).max(1), mark),
        mark => (mark, mark),
    }
}

/// The maximum number of messages in a peer's queue under a policy that drops the oldest; `None` if
/// the queue drops none, because there is no such policy, or because all peers share one queue,
/// which is `in`.
pub(in crate::pump) fn slides(options: &Options, buffers: bool) -> Option<usize> {
    match (
        options.queues.send_overflow,
        options.queues.send_high_water_mark,
    ) {
        (Overflow::Block | Overflow::DropNewest, _) => None,
        _ if !buffers => None,
        (Overflow::Latest, _) => Some(1),
        (Overflow::DropOldest, 0) => Some(usize::MAX),
        (Overflow::DropOldest, mark) => Some(mark),
    }
}

/// Whether a message to an unknown peer is refused: by SERVER and PEER always (libzmq's
/// `EHOSTUNREACH`).
pub(in crate::pump) fn routes_are_mandatory(kind: SocketType, options: &Options) -> bool {
    kind != SocketType::Router || options.routing.router_mandatory
}

/// What a socket announces and requires on connections made from now on.
pub(in crate::pump) fn wire_config(kind: SocketType, options: &Options) -> wire::Config {
    wire::Config {
        socket_type: kind,
        oldest_version: options.protocol.oldest_zmtp.number(),
        routing_id: options.protocol.routing_id.clone(),
        max_frame_size: options.protocol.max_frame_size,
        max_message_size: options.message_limit(),
        only_first_subscribe: options.publishing.only_first_subscribe,
        handshake_timeout: options.protocol.handshake_timeout,
        heartbeat: heartbeat(options),
        authenticates: authenticates(options),
        security: options.authentication.security.clone(),
        zap_domain: options.authentication.zap_domain.clone(),
        zap_enforce_domain: options.authentication.zap_enforce_domain,
        metadata: options.protocol.metadata.clone(),
        in_batch_size: options.protocol.in_batch_size,
        out_batch_size: options.protocol.out_batch_size,
    }
}

/// Whether peers are authenticated (RFC 27; where that leaves a choice, as in libzmq).
fn authenticates(options: &Options) -> bool {
    let has_domain = !options.authentication.zap_domain.is_empty();
    match options.authentication.security.mechanism() {
        Mechanism::Null => has_domain,
        Mechanism::Plain => options.authentication.security.is_server(),
        Mechanism::Curve => {
            options.authentication.security.is_server()
                && (has_domain || !options.authentication.zap_enforce_domain)
        }
    }
}

fn heartbeat(options: &Options) -> Option<wire::Heartbeat> {
    let interval = options.heartbeat.heartbeat_interval?;
    let tenths = options
        .heartbeat
        .heartbeat_ttl
        .unwrap_or_default()
        .as_millis()
        / 100;
    Some(wire::Heartbeat {
        interval,
        timeout: options.heartbeat.heartbeat_timeout.unwrap_or(interval),
        // The options have been checked for that.
        time_to_live: u16::try_from(tenths).unwrap_or(u16::MAX),
    })
}

/// The number of frames that a message sent on a socket of this type must have: the thread-safe
/// types have no multipart messages, and the address of a message is a separate frame. No peer
/// accepts more than [`Message::MAX_FRAMES`], including those that the socket prepends.
pub(in crate::pump) fn frame_rule(kind: SocketType) -> FrameRule {
    match kind {
        SocketType::Client | SocketType::Scatter | SocketType::Channel => FrameRule::Exactly(1),
        SocketType::Server | SocketType::Peer => FrameRule::Exactly(2),
        SocketType::Radio => FrameRule::Grouped,
        // One frame is the address of the message.
        SocketType::Router => FrameRule::AtMost(Message::MAX_FRAMES + 1),
        SocketType::Req => FrameRule::AtMost(Message::MAX_FRAMES - REQUEST_ENVELOPE),
        SocketType::Rep => FrameRule::AtMost(Message::MAX_FRAMES - REPLY_ENVELOPE),
        // On the wire there are no frames.
        SocketType::Stream => FrameRule::AtMost(usize::MAX),
        SocketType::Pair
        | SocketType::Pub
        | SocketType::Sub
        | SocketType::Dealer
        | SocketType::Pull
        | SocketType::Push
        | SocketType::XPub
        | SocketType::XSub
        | SocketType::Dish
        | SocketType::Gather => FrameRule::AtMost(Message::MAX_FRAMES),
    }
}
