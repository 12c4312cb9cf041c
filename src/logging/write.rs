//! The format of a context's log: spans, levels, fields.

use std::collections::HashMap;

use tracing::field::display;
use tracing::{debug, error, info, info_span, trace, warn, Span};

use crate::event::{DisconnectReason, Event, EventKind};
use crate::port::SocketEnd;
use crate::socket_type::SocketType;
use crate::statistics::{Dropped, SocketStatistics};

/// The target of all that is logged.
const TARGET: &str = "zmq_channels";

/// The log of one context: its span, and those of its sockets.
pub(super) struct Log {
    context: Span,
    sockets: HashMap<u64, Known>,
}

/// A socket that has not ended.
struct Known {
    span: Span,
    /// The losses that have been logged.
    logged: Dropped,
}

impl Log {
    pub(super) fn new(name: &str) -> Log {
        Log {
            context: info_span!(target: TARGET, parent: None, "context", name),
            sockets: HashMap::new(),
        }
    }

    pub(super) fn has_sockets(&self) -> bool {
        !self.sockets.is_empty()
    }

    fn socket(&mut self, number: u64, socket_type: SocketType) -> &mut Known {
        let context = &self.context;
        self.sockets.entry(number).or_insert_with(|| Known {
            span: info_span!(target: TARGET, parent: context, "socket", number, r#type = %socket_type),
            logged: Dropped::default(),
        })
    }

    pub(super) fn opened(&mut self, socket: u64, socket_type: SocketType) {
        let known = self.socket(socket, socket_type);
        known.span.in_scope(|| debug!(target: TARGET, "opened"));
    }

    /// Logs an event.
    pub(super) fn event(&mut self, event: &Event) {
        let _in_socket = self
            .socket(event.socket, event.socket_type)
            .span
            .clone()
            .entered();
        let endpoint = event.endpoint.as_ref().map(display);
        let remote = event.remote.as_ref().map(display);
        let connection = event.connection;
        macro_rules! log {
            ($level:ident, $what:literal $(, $field:ident = $value:expr)*) => {
                $level!(target: TARGET, endpoint, connection, remote, $($field = $value,)* $what)
            };
        }
        match &event.kind {
            EventKind::Listening => log!(info, "listening"),
            EventKind::BindFailed { error } => log!(warn, "bind failed", error = display(error)),
            EventKind::ConnectDelayed => log!(trace, "connecting"),
            EventKind::Connected => log!(debug, "connected"),
            EventKind::ConnectFailed { reason } => {
                log!(info, "connect failed", reason = display(reason))
            }
            EventKind::ConnectRetried { after } => {
                log!(
                    debug,
                    "next attempt to connect",
                    after = tracing::field::debug(after)
                )
            }
            EventKind::Accepted => log!(debug, "accepted"),
            EventKind::AcceptFailed { error } => {
                log!(warn, "accept failed", error = display(error))
            }
            EventKind::HandshakeSucceeded(peer) => {
                let user = peer.user_id.as_deref();
                let peer = peer.socket_type.map(display);
                log!(info, "peer connected", peer = peer, user = user);
            }
            EventKind::HandshakeFailed { reason } => {
                log!(warn, "handshake failed", reason = display(reason))
            }
            EventKind::Disconnected { reason } => match reason {
                DisconnectReason::PeerClosed | DisconnectReason::Local => {
                    log!(info, "disconnected", reason = display(reason));
                }
                _ => log!(warn, "disconnected", reason = display(reason)),
            },
            EventKind::Closed => log!(info, "no longer listening"),
            EventKind::CloseFailed { error } => {
                log!(warn, "unbind left a file behind", error = display(error))
            }
            EventKind::PumpFailed { failure } => {
                log!(error, "pump failed", failure = display(failure))
            }
            EventKind::Stopped => log!(debug, "closed"),
        }
    }

    /// Logs the end of a socket: its last losses, and its undelivered messages.
    pub(super) fn ended(&mut self, end: &SocketEnd) {
        self.dropped(end.socket, end.socket_type, &end.dropped);
        let known = self.socket(end.socket, end.socket_type);
        if end.undelivered > 0 {
            let messages = end.undelivered;
            known
                .span
                .in_scope(|| warn!(target: TARGET, messages, "undelivered"));
        }
        self.sockets.remove(&end.socket);
    }

    /// Logs losses since the last call.
    pub(super) fn losses(&mut self, sockets: &[SocketStatistics]) {
        for socket in sockets {
            self.dropped(
                socket.socket,
                socket.socket_type,
                &socket.statistics.dropped,
            );
        }
    }

    fn dropped(&mut self, socket: u64, socket_type: SocketType, dropped: &Dropped) {
        let known = self.socket(socket, socket_type);
        for (reason, total) in dropped.iter() {
            let messages = total.saturating_sub(known.logged.by(reason));
            if messages > 0 {
                let _in_socket = known.span.enter();
                warn!(target: TARGET, messages, total, reason = %reason, "messages dropped");
            }
        }
        known.logged = *dropped;
    }

    /// Logs the number of records that were dropped.
    pub(super) fn missed(&self, records: u64) {
        if records > 0 {
            let _in_context = self.context.enter();
            warn!(target: TARGET, records, "the log was too slow, records are missing");
        }
    }
}
