//! zmq_getsockopt(3): the values that were set, or libzmq's defaults.

use std::ffi::c_int;

use super::security::{Keys, Mechanism};
use super::*;
use crate::errno::{Outcome, EINVAL};
use crate::kind;
use crate::value::{Bytes, Room, Text};

/// libzmq's `IN_BATCH_SIZE` and `OUT_BATCH_SIZE`. The library's own defaults are larger.
const BATCH: c_int = 8192;

impl Settings {
    pub(crate) fn get(&self, option: c_int, room: &mut Room<'_>) -> Outcome {
        if let Some(number) = self.number(option) {
            return room.put(number);
        }
        match option {
            AFFINITY => room.put(self.affinity),
            MAXMSGSIZE => room.put(self.max_message),
            ROUTING_ID => room.put(Bytes(&self.routing_id)),
            SOCKS_PROXY => room.put(Text(self.socks[0].as_bytes())),
            SOCKS_USERNAME => room.put(Text(self.socks[1].as_bytes())),
            SOCKS_PASSWORD => room.put(Text(self.socks[2].as_bytes())),
            PLAIN_USERNAME => room.put(Text(self.keys.username.as_bytes())),
            PLAIN_PASSWORD => room.put(Text(self.keys.password.as_bytes())),
            ZAP_DOMAIN => room.put(Text(self.zap_domain.as_bytes())),
            BINDTODEVICE => room.put(Text(self.device.as_bytes())),
            CURVE_PUBLICKEY => Keys::put(room, &self.keys.public),
            CURVE_SECRETKEY => Keys::put(room, &self.keys.secret),
            CURVE_SERVERKEY => Keys::put(room, &self.keys.server),
            _ => Err(EINVAL),
        }
    }

    /// The value, if it is an `int`.
    fn number(&self, option: c_int) -> Option<c_int> {
        Some(match option {
            SNDHWM => self.send_mark,
            RCVHWM => self.receive_mark,
            RATE => self.multicast.rate,
            RECOVERY_IVL => self.multicast.recovery,
            MULTICAST_HOPS => self.multicast.hops,
            MULTICAST_MAXTPDU => self.multicast.max_tpdu,
            MULTICAST_LOOP => self.multicast.r#loop.into(),
            LOOPBACK_FASTPATH => self.multicast.fast_loopback.into(),
            SNDBUF => self.send_buffer,
            RCVBUF => self.receive_buffer,
            TOS => self.type_of_service,
            TYPE => kind::number(self.kind),
            THREAD_SAFE => kind::is_thread_safe(self.kind).into(),
            LINGER => self.linger,
            CONNECT_TIMEOUT => self.connect_timeout,
            TCP_MAXRT => self.max_retransmit,
            RECONNECT_STOP => self.reconnect_stop,
            RECONNECT_IVL => self.reconnect,
            RECONNECT_IVL_MAX => self.reconnect_max,
            BACKLOG => self.backlog,
            RCVTIMEO => self.receive_timeout,
            SNDTIMEO => self.send_timeout,
            IPV6 => self.ipv6.into(),
            IPV4ONLY => (!self.ipv6).into(),
            IMMEDIATE => self.immediate.into(),
            TCP_KEEPALIVE => self.keepalive[0],
            TCP_KEEPALIVE_CNT => self.keepalive[1],
            TCP_KEEPALIVE_IDLE => self.keepalive[2],
            TCP_KEEPALIVE_INTVL => self.keepalive[3],
            MECHANISM => self.keys.number(),
            PLAIN_SERVER => self.keys.is_server_of(Mechanism::Plain),
            CURVE_SERVER => self.keys.is_server_of(Mechanism::Curve),
            CONFLATE => self.conflate.into(),
            HANDSHAKE_IVL => self.handshake,
            INVERT_MATCHING => self.invert_matching.into(),
            HEARTBEAT_IVL => self.heartbeat,
            HEARTBEAT_TTL => self.heartbeat_ttl,
            HEARTBEAT_TIMEOUT => self.heartbeat_timeout,
            USE_FD => self.use_fd,
            ZAP_ENFORCE_DOMAIN => self.zap_enforced.into(),
            ROUTER_NOTIFY => self.router_notify,
            IN_BATCH_SIZE => self.in_batch.unwrap_or(BATCH),
            OUT_BATCH_SIZE => self.out_batch.unwrap_or(BATCH),
            _ => return None,
        })
    }
}
