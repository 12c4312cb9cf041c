//! Which options have an effect on which types of sockets, in one table.
//!
//! An option that can have no effect is refused, so that no program relies on it. Exceptions:
//! options at their default value, options that the context gives to all its sockets, and, for a
//! type that only sends or only receives, an option of the other direction if it has the same value
//! as the option of the direction in use, since limits and policies may be set for both at once.

use super::{OptionFault, Options};
use crate::message::Message;
use crate::socket_type::SocketType;

/// The effect of one option.
struct Row {
    option: &'static str,
    is_alike: fn(&Options, &Options) -> bool,
    /// Sets it as in the second.
    take: fn(&mut Options, &Options),
    means_something: fn(SocketType) -> bool,
}

macro_rules! table {
    ($($group:ident: $kind:ident { $($option:ident: $means_something:expr,)* })*) => {
        const TABLE: &[Row] = &[$($(Row {
            option: stringify!($option),
            is_alike: |these, those| these.$group.$option == those.$group.$option,
            take: |these, those| these.$group.$option = those.$group.$option.clone(),
            means_something: $means_something,
        }),*),*];

        /// Does not compile while an option has no row.
        const _: fn(&Options) = |options| {
            let Options { $($group: _),* } = options;
            $(let super::$group::$kind { $($option: _),* } = &options.$group;)*
        };
    };
}

table! {
    queues: Queues {
        send_high_water_mark: SocketType::sends,
        receive_high_water_mark: SocketType::receives,
        send_overflow: SocketType::sends,
        receive_overflow: SocketType::receives,
        linger: every,
        immediate: sends_to_any_peer,
        require_endpoint: sends_to_any_peer,
    }
    protocol: Protocol {
        // An authenticator is given it, whatever the type (RFC 27).
        routing_id: speaks_zmtp,
        oldest_zmtp: speaks_zmtp,
        max_frame_size: speaks_zmtp,
        max_message_size: speaks_zmtp,
        metadata: speaks_zmtp,
        handshake_timeout: speaks_zmtp,
        in_batch_size: every,
        out_batch_size: every,
    }
    heartbeat: Heartbeat {
        heartbeat_interval: speaks_zmtp,
        heartbeat_timeout: speaks_zmtp,
        heartbeat_ttl: speaks_zmtp,
    }
    connections: Connections {
        reconnect_interval: every,
        reconnect_interval_max: every,
        reconnect_stop: every,
        connect_timeout: every,
        backlog: every,
        accept_filter: every,
        max_peers: has_several_peers,
        message_peers: SocketType::receives,
        pump: every,
    }
    network: Network {
        ipv6: every,
        tcp_keepalive: every,
        tcp_max_retransmit: every,
        type_of_service: every,
        bind_to_device: every,
        socks_proxy: every,
        kernel_send_buffer: every,
        kernel_receive_buffer: every,
    }
    authentication: Authentication {
        security: speaks_zmtp,
        zap_domain: speaks_zmtp,
        zap_enforce_domain: speaks_zmtp,
    }
    publishing: Publishing {
        xpub_verbosity: |kind| kind == SocketType::XPub,
        xpub_manual: |kind| kind == SocketType::XPub,
        xpub_no_drop: |kind| matches!(kind, SocketType::Pub | SocketType::XPub | SocketType::Radio),
        xpub_welcome: |kind| matches!(kind, SocketType::Pub | SocketType::XPub),
        invert_matching: |kind| matches!(kind, SocketType::Pub | SocketType::XPub | SocketType::Sub),
        only_first_subscribe: |kind| {
        matches!(kind, SocketType::Pub | SocketType::XPub | SocketType::XSub)
    },
        xsub_verbose_unsubscribe: |kind| kind == SocketType::XSub,
    }
    routing: Routing {
        router_mandatory: |kind| kind == SocketType::Router,
        router_handover: |kind| kind == SocketType::Router,
        router_notify: |kind| kind == SocketType::Router,
        probe_router: SocketType::probes,
        req_correlate: |kind| kind == SocketType::Req,
        req_relaxed: |kind| kind == SocketType::Req,
        stream_notify: |kind| kind == SocketType::Stream,
    }
    notices: Notices {
        hello: SocketType::says_hello,
        disconnect_notice: SocketType::hears_of_losses,
        hiccup_notice: SocketType::hears_of_losses,
    }
}

fn every(_kind: SocketType) -> bool {
    true
}

/// STREAM has no handshake, no frames and no commands.
fn speaks_zmtp(kind: SocketType) -> bool {
    kind != SocketType::Stream
}

fn has_several_peers(kind: SocketType) -> bool {
    !kind.has_one_peer()
}

/// Whether messages wait for any of the peers: not so where each peer has its own queue.
fn sends_to_any_peer(kind: SocketType) -> bool {
    use SocketType::*;
    matches!(
        kind,
        Pair | Req | Push | Dealer | Client | Scatter | Channel
    )
}

impl Options {
    /// Returns these options without those that have no effect on sockets of this type, which are at
    /// their defaults: for programs that have one set of options for sockets of several types. Without
    /// this, such an option is [refused](crate::error::SocketError::WithoutEffect).
    ///
    /// ```
    /// use zmq_channels::{Context, Options, SocketType};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = Options::new().send_high_water_mark(10).router_mandatory(true);
    /// for socket_type in [SocketType::Router, SocketType::Push] {
    ///     Context::new().socket_of(socket_type, options.clone().effective_for(socket_type))?;
    /// }
    /// let of_pull = options.effective_for(SocketType::Pull);
    /// assert_eq!(of_pull, Options::new());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn effective_for(mut self, socket_type: SocketType) -> Self {
        let defaults = Options::new();
        let without = TABLE
            .iter()
            .filter(|row| !(row.means_something)(socket_type));
        without.for_each(|row| (row.take)(&mut self, &defaults));
        self
    }

    /// Messages held in options must be ones that sockets of this type can send and receive.
    pub(crate) fn check_messages(&self, kind: SocketType) -> Result<(), OptionFault> {
        let messages = [
            ("hello", &self.notices.hello),
            ("disconnect_notice", &self.notices.disconnect_notice),
            ("hiccup_notice", &self.notices.hiccup_notice),
        ];
        for (option, message) in messages {
            let frames = message.as_ref().map_or(0, Message::len);
            if frames > 1 && kind.takes_one_frame() {
                let reason = "several frames, where this type of socket has messages of one";
                return Err(OptionFault { option, reason });
            }
        }
        Ok(())
    }

    /// Returns the first option that is set, has no effect on sockets of this type, and differs
    /// from `given`, which were not chosen for this socket.
    pub(crate) fn without_effect(&self, kind: SocketType, given: &Options) -> Option<&'static str> {
        let defaults = Options::new();
        let rows = TABLE.iter().filter(|row| !(row.means_something)(kind));
        let mut set = rows
            .filter(|row| !(row.is_alike)(self, &defaults) && !(row.is_alike)(self, given))
            .map(|row| row.option);
        set.find(|option| !self.is_for_both_directions(option))
    }

    /// Whether an option of one direction has the same value as its counterpart for the other
    /// direction.
    fn is_for_both_directions(&self, option: &str) -> bool {
        match option {
            "send_high_water_mark" | "receive_high_water_mark" => {
                self.queues.send_high_water_mark == self.queues.receive_high_water_mark
            }
            "send_overflow" | "receive_overflow" => {
                self.queues.send_overflow == self.queues.receive_overflow
            }
            _ => false,
        }
    }
}

/// The names of all options.
#[cfg(test)]
pub(super) fn every_name() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.option)
}

/// The names of the options that differ.
#[cfg(test)]
pub(super) fn different(these: &Options, those: &Options) -> Vec<&'static str> {
    let rows = TABLE.iter().filter(|row| !(row.is_alike)(these, those));
    rows.map(|row| row.option).collect()
}
