//! zmq_setsockopt(3): checks and stores values.

use std::ffi::c_int;

use zmq_channels::options::{ManualSubscriptions, Verbosity};
use zmq_channels::SocketType;

use super::filter::Credential;
use super::security::{Keys, Mechanism};
use super::*;
use crate::errno::{Outcome, EINVAL};
use crate::value::{self, int, ranged, text};

const MAX: c_int = c_int::MAX;

impl Settings {
    /// Sets an option; `None` is a null pointer.
    pub(crate) fn set(&mut self, option: c_int, bytes: Option<&[u8]>) -> Outcome {
        let given = bytes.unwrap_or(&[]);
        if self.set_of_connections(option, given)?
            || self.set_of_security(option, bytes)?
            || self.set_of_transports(option, bytes)?
            || self.set_of_patterns(option, given)?
        {
            return Ok(());
        }
        Err(EINVAL)
    }

    /// Returns whether it is one of these options.
    fn set_of_connections(&mut self, option: c_int, bytes: &[u8]) -> Outcome<bool> {
        match option {
            SNDHWM => self.send_mark = ranged(bytes, 0..=MAX)?,
            RCVHWM => self.receive_mark = ranged(bytes, 0..=MAX)?,
            AFFINITY => {
                self.affinity = u64::from_ne_bytes(bytes.try_into().map_err(|_| EINVAL)?);
            }
            ROUTING_ID => match bytes.len() {
                1..=255 => self.routing_id = bytes.to_vec(),
                _ => return Err(EINVAL),
            },
            LINGER => self.linger = ranged(bytes, -1..=MAX)?,
            CONNECT_TIMEOUT => self.connect_timeout = ranged(bytes, 0..=MAX)?,
            // The third bit is what the library always does.
            RECONNECT_STOP => self.reconnect_stop = int(bytes)?,
            RECONNECT_IVL => self.reconnect = ranged(bytes, -1..=MAX)?,
            RECONNECT_IVL_MAX => self.reconnect_max = ranged(bytes, 0..=MAX)?,
            BACKLOG => self.backlog = ranged(bytes, 0..=MAX)?,
            MAXMSGSIZE => {
                self.max_message = i64::from_ne_bytes(bytes.try_into().map_err(|_| EINVAL)?);
            }
            RCVTIMEO => self.receive_timeout = ranged(bytes, -1..=MAX)?,
            SNDTIMEO => self.send_timeout = ranged(bytes, -1..=MAX)?,
            IMMEDIATE => self.immediate = ranged(bytes, 0..=1)? == 1,
            CONFLATE => self.conflate = ranged(bytes, 0..=1)? == 1,
            HANDSHAKE_IVL => self.handshake = ranged(bytes, 0..=MAX)?,
            HEARTBEAT_IVL => self.heartbeat = ranged(bytes, 0..=MAX)?,
            HEARTBEAT_TIMEOUT => self.heartbeat_timeout = ranged(bytes, 0..=MAX)?,
            // ZMTP has a time to live of 16 bits, in tenths of a second.
            HEARTBEAT_TTL => self.heartbeat_ttl = ranged(bytes, 0..=6_553_599)? / 100 * 100,
            IN_BATCH_SIZE => self.in_batch = Some(ranged(bytes, 1..=MAX)?),
            OUT_BATCH_SIZE => self.out_batch = Some(ranged(bytes, 1..=MAX)?),
            METADATA => self.add_metadata(bytes)?,
            HELLO_MSG => self.hello = bytes.to_vec(),
            DISCONNECT_MSG => self.disconnect = bytes.to_vec(),
            HICCUP_MSG => self.hiccup = bytes.to_vec(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_of_security(&mut self, option: c_int, bytes: Option<&[u8]>) -> Outcome<bool> {
        let given = bytes.unwrap_or(&[]);
        let keys = &mut self.keys;
        match option {
            PLAIN_SERVER => keys.set_server(given, Mechanism::Plain)?,
            CURVE_SERVER => keys.set_server(given, Mechanism::Curve)?,
            PLAIN_USERNAME => keys.set_plain(bytes, false)?,
            PLAIN_PASSWORD => keys.set_plain(bytes, true)?,
            CURVE_PUBLICKEY | CURVE_SECRETKEY | CURVE_SERVERKEY => {
                let key = Keys::parse(given)?;
                keys.mechanism = Mechanism::Curve;
                match option {
                    CURVE_PUBLICKEY => keys.public = key,
                    CURVE_SECRETKEY => keys.secret = key,
                    _ => {
                        keys.server = key;
                        keys.as_server = false;
                    }
                }
            }
            ZAP_DOMAIN => self.zap_domain = text(given, 1..=255)?,
            ZAP_ENFORCE_DOMAIN => self.zap_enforced = int(given)? != 0,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_of_transports(&mut self, option: c_int, bytes: Option<&[u8]>) -> Outcome<bool> {
        let given = bytes.unwrap_or(&[]);
        match option {
            RATE => self.multicast.rate = ranged(given, 1..=MAX)?,
            RECOVERY_IVL => self.multicast.recovery = ranged(given, 0..=MAX)?,
            MULTICAST_HOPS => self.multicast.hops = ranged(given, 1..=MAX)?,
            MULTICAST_MAXTPDU => self.multicast.max_tpdu = ranged(given, 1..=MAX)?,
            MULTICAST_LOOP => self.multicast.r#loop = int(given)? != 0,
            LOOPBACK_FASTPATH => self.multicast.fast_loopback = int(given)? != 0,
            SNDBUF => self.send_buffer = ranged(given, -1..=MAX)?,
            RCVBUF => self.receive_buffer = ranged(given, -1..=MAX)?,
            // The field of the protocol has eight bits.
            TOS => self.type_of_service = ranged(given, 0..=255)?,
            TCP_MAXRT => self.max_retransmit = ranged(given, 0..=MAX)?,
            IPV6 => self.ipv6 = ranged(given, 0..=1)? == 1,
            IPV4ONLY => self.ipv6 = ranged(given, 0..=1)? == 0,
            SOCKS_PROXY => self.socks[0] = text_or_none(bytes, usize::MAX)?,
            SOCKS_USERNAME => self.socks[1] = text(given, 0..=255)?,
            SOCKS_PASSWORD => self.socks[2] = text(given, 0..=255)?,
            TCP_KEEPALIVE => self.keepalive[0] = ranged(given, -1..=1)?,
            TCP_KEEPALIVE_CNT => self.keepalive[1] = ranged(given, -1..=MAX)?,
            TCP_KEEPALIVE_IDLE => self.keepalive[2] = ranged(given, -1..=MAX)?,
            TCP_KEEPALIVE_INTVL => self.keepalive[3] = ranged(given, -1..=MAX)?,
            TCP_ACCEPT_FILTER => self.filters.add_network(bytes)?,
            IPC_FILTER_PID => self.filters.add_id(bytes, Credential::Pid)?,
            IPC_FILTER_UID => self.filters.add_id(bytes, Credential::Uid)?,
            IPC_FILTER_GID => self.filters.add_id(bytes, Credential::Gid)?,
            USE_FD => self.use_fd = ranged(given, -1..=MAX)?,
            BINDTODEVICE => self.device = text_or_none(bytes, 16)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_of_patterns(&mut self, option: c_int, bytes: &[u8]) -> Outcome<bool> {
        use SocketType::{Dealer, Pub, Rep, Req, Router, Stream, Sub, XPub, XSub};
        let is = |kinds: &[SocketType]| kinds.contains(&self.kind);
        let (publishes, subscribes) = (is(&[XPub, Pub]), is(&[XSub, Sub]));
        // libzmq's REP and REQ have the options of the types that they are made of.
        let (routes, probes) = (is(&[Router, Rep]), is(&[Router, Rep, Dealer, Req]));
        let flag = || -> Outcome<bool> { Ok(ranged(bytes, 0..=MAX)? != 0) };
        match option {
            ROUTER_MANDATORY if routes => self.mandatory = flag()?,
            ROUTER_RAW if routes => self.raw = flag()?,
            ROUTER_HANDOVER if routes => self.handover = flag()?,
            ROUTER_NOTIFY if routes => self.router_notify = ranged(bytes, 0..=3)?,
            PROBE_ROUTER if probes => self.probe = flag()?,
            CONNECT_ROUTING_ID if routes || is(&[Stream]) => match bytes.len() {
                1..=255 => self.connect_routing_id = Some(bytes.to_vec()),
                _ => return Err(EINVAL),
            },
            REQ_CORRELATE if is(&[Req]) => self.correlate = flag()?,
            REQ_RELAXED if is(&[Req]) => self.relaxed = flag()?,
            STREAM_NOTIFY if is(&[Stream]) => self.stream_notify = ranged(bytes, 0..=1)? == 1,
            XPUB_VERBOSE if publishes => self.set_verbosity(flag()?, Verbosity::Subscriptions),
            XPUB_VERBOSER if publishes => self.set_verbosity(flag()?, Verbosity::Everything),
            XPUB_MANUAL if publishes => self.set_manual(flag()?, ManualSubscriptions::On),
            XPUB_MANUAL_LAST_VALUE if publishes => {
                self.set_manual(flag()?, ManualSubscriptions::LastValue);
            }
            XPUB_NODROP if publishes => self.no_drop = flag()?,
            XPUB_WELCOME_MSG if publishes => {
                self.welcome = (!bytes.is_empty()).then(|| bytes.to_vec());
            }
            ONLY_FIRST_SUBSCRIBE if publishes || subscribes => self.only_first = flag()?,
            XSUB_VERBOSE_UNSUBSCRIBE if subscribes => self.verbose_unsubscribe = flag()?,
            INVERT_MATCHING => self.invert_matching = value::int(bytes)? != 0,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_verbosity(&mut self, on: bool, verbosity: Verbosity) {
        self.verbose = match on {
            true => verbosity,
            false => Verbosity::Changes,
        };
    }

    fn set_manual(&mut self, on: bool, manual: ManualSubscriptions) {
        self.manual = match on {
            true => manual,
            false => ManualSubscriptions::Off,
        };
    }

    /// A property of the handshake, `X-name:value`.
    fn add_metadata(&mut self, bytes: &[u8]) -> Outcome {
        let property = text(bytes, 1..=usize::MAX)?;
        let (name, value) = property.split_once(':').ok_or(EINVAL)?;
        let is_name = name.starts_with("X-") && name.len() <= 255;
        // As in libzmq, a property of the size of an `int` is taken for one.
        if !is_name || value.is_empty() || bytes.len() == size_of::<c_int>() {
            return Err(EINVAL);
        }
        if !self.metadata.iter().any(|(known, _)| known == name) {
            self.metadata.push((name.to_owned(), value.to_owned()));
        }
        Ok(())
    }
}

/// A text that a null pointer removes.
fn text_or_none(bytes: Option<&[u8]>, most: usize) -> Outcome<String> {
    match bytes {
        None => Ok(String::new()),
        Some(bytes) => text(bytes, 1..=most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(kind: SocketType) -> Settings {
        Settings::new(kind, false, true)
    }

    #[test]
    fn sizes_must_be_exact_and_values_in_range() {
        let mut push = settings(SocketType::Push);
        let mut set = |option, bytes: &[u8]| push.set(option, Some(bytes));
        assert_eq!(set(SNDHWM, &10_i64.to_ne_bytes()), Err(EINVAL));
        assert_eq!(set(SNDHWM, &(-1_i32).to_ne_bytes()), Err(EINVAL));
        assert_eq!(set(SNDHWM, &10_i32.to_ne_bytes()), Ok(()));
        assert_eq!(set(MAXMSGSIZE, &10_i32.to_ne_bytes()), Err(EINVAL));
        assert_eq!(set(MAXMSGSIZE, &10_i64.to_ne_bytes()), Ok(()));
        assert_eq!(set(IMMEDIATE, &2_i32.to_ne_bytes()), Err(EINVAL));
        assert_eq!(set(9999, &[]), Err(EINVAL));
        assert_eq!(push.options().get_send_high_water_mark(), 10);
        assert_eq!(push.options().get_max_frame_size(), Some(10));
    }

    #[test]
    fn options_of_other_types_are_refused() {
        let one = 1_i32.to_ne_bytes();
        let options = [
            ROUTER_MANDATORY,
            REQ_RELAXED,
            XPUB_VERBOSE,
            STREAM_NOTIFY,
            PROBE_ROUTER,
        ];
        for option in options {
            let set = settings(SocketType::Pull).set(option, Some(&one));
            assert_eq!(set, Err(EINVAL), "{option}");
        }
        let mut router = settings(SocketType::Router);
        router.set(ROUTER_MANDATORY, Some(&one)).unwrap();
        assert!(router.options().get_router_mandatory());
        router.set(ROUTER_RAW, Some(&one)).unwrap();
        assert_eq!(router.engine_kind(), SocketType::Stream);
    }

    #[test]
    fn the_mechanism_is_what_was_set_last() {
        use zmq_channels::security::Mechanism as Named;
        let mut push = settings(SocketType::Push);
        let mechanism = |push: &Settings| push.options().get_security().mechanism();
        push.set(PLAIN_USERNAME, Some(b"anna")).unwrap();
        assert_eq!(mechanism(&push), Named::Plain);
        let key = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\0";
        push.set(CURVE_SERVERKEY, Some(key)).unwrap();
        assert_eq!(mechanism(&push), Named::Curve);
        assert_eq!(push.set(CURVE_SERVERKEY, Some(&key[..39])), Err(EINVAL));
        push.set(PLAIN_PASSWORD, None).unwrap();
        assert_eq!(mechanism(&push), Named::Null);
    }
}
