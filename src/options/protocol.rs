//! What is announced to peers, and limits on what they may send.

use std::time::Duration;

use super::{OptionFault, Options, ZmtpVersion};

/// RFC 37 limits an identity to 255 bytes.
const MAX_ROUTING_ID: usize = 255;

/// Peers may limit the size of a handshake. Those that use this library accept 64 KiB and 128
/// properties.
const MAX_METADATA: usize = 32 * 1024;
const MAX_PROPERTIES: usize = 100;

/// If frames are limited and messages are not, a message may have this many frames of full size, or
/// in any case the number of bytes below, for messages of many small frames.
const DERIVED_FRAMES: u64 = 256;
const DERIVED_AT_LEAST: u64 = 16 << 20;

/// The range of both batch sizes, in bytes.
const BATCH_SIZES: std::ops::RangeInclusive<usize> = 1024..=16 * 1024 * 1024;

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) routing_id: Vec<u8>,
    pub(crate) oldest_zmtp: ZmtpVersion,
    pub(crate) max_frame_size: Option<u64>,
    pub(crate) max_message_size: Option<u64>,
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) in_batch_size: usize,
    pub(crate) out_batch_size: usize,
}

impl Default for Protocol {
    fn default() -> Self {
        Protocol {
            routing_id: Vec::new(),
            oldest_zmtp: ZmtpVersion::V1_0,
            max_frame_size: None,
            max_message_size: None,
            metadata: Vec::new(),
            handshake_timeout: Some(Options::DEFAULT_HANDSHAKE_TIMEOUT),
            in_batch_size: Options::DEFAULT_IN_BATCH_SIZE,
            out_batch_size: Options::DEFAULT_BATCH_SIZE,
        }
    }
}

impl Protocol {
    /// Whether every value is in range.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.routing_id.len() > MAX_ROUTING_ID {
            return fault("routing_id", "longer than 255 bytes");
        }
        if self.routing_id.first() == Some(&0) {
            return fault(
                "routing_id",
                "starts with a zero byte, which ROUTER keeps for itself",
            );
        }
        for (name, _) in &self.metadata {
            // RFC 37, Metadata: names of properties defined by applications begin with "X-".
            let begins = name
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("X-"));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
            if !begins || name.len() < 3 || name.len() > 255 || !name.bytes().all(is_name) {
                return fault(
                    "metadata",
                    "a name is not X- and 1 to 253 letters, digits, or any of - _ . +",
                );
            }
        }
        let bytes = |(name, value): &(String, Vec<u8>)| name.len() + value.len();
        if self.metadata.len() > MAX_PROPERTIES
            || self.metadata.iter().map(bytes).sum::<usize>() > MAX_METADATA
        {
            return fault("metadata", "more than 100 properties, or more than 32 KiB");
        }
        for size in [self.in_batch_size, self.out_batch_size] {
            if !BATCH_SIZES.contains(&size) {
                return fault(
                    "in_batch_size, out_batch_size",
                    "not within 1 KiB and 16 MiB",
                );
            }
        }
        Ok(())
    }
}

/// # Protocol
impl Options {
    /// The routing id by which ROUTER peers address this socket: 1 to 255 bytes, the first of which
    /// is not zero; empty for none (`ZMQ_ROUTING_ID`, default empty).
    #[doc(alias = "ZMQ_ROUTING_ID")]
    #[doc(alias = "ROUTING_ID")]
    #[doc(alias = "ZMQ_IDENTITY")]
    #[doc(alias = "IDENTITY")]
    #[must_use]
    pub fn routing_id(mut self, routing_id: impl Into<Vec<u8>>) -> Self {
        self.protocol.routing_id = routing_id.into();
        self
    }

    /// Returns the value of [`routing_id`](Options::routing_id).
    #[must_use]
    pub fn get_routing_id(&self) -> &[u8] {
        &self.protocol.routing_id
    }

    /// The oldest version of ZMTP that a peer may use; default [`ZmtpVersion::V1_0`], as with
    /// libzmq. A peer with an older version is disconnected, which monitors report as
    /// [`DisconnectReason::OldVersion`](crate::monitor::DisconnectReason::OldVersion). Nothing that
    /// a ZMTP 1.0 peer sends distinguishes it from a client of another protocol: the first bytes of
    /// RDP, Minecraft or DNS clients may be received as messages, unless this is
    /// [`V2_0`](ZmtpVersion::V2_0) or later. Not available for STREAM. (libzmq has no such option.)
    #[must_use]
    pub fn oldest_zmtp(mut self, oldest_zmtp: ZmtpVersion) -> Self {
        self.protocol.oldest_zmtp = oldest_zmtp;
        self
    }

    /// Returns the value of [`oldest_zmtp`](Options::oldest_zmtp).
    #[must_use]
    pub fn get_oldest_zmtp(&self) -> ZmtpVersion {
        self.protocol.oldest_zmtp
    }

    /// Maximum size of a frame from a peer, in bytes; `None`, the default, means no limit
    /// (`ZMQ_MAXMSGSIZE`). A peer that announces a larger one is disconnected.
    #[doc(alias = "ZMQ_MAXMSGSIZE")]
    #[doc(alias = "MAXMSGSIZE")]
    #[must_use]
    pub fn max_frame_size(mut self, max_frame_size: impl Into<Option<u64>>) -> Self {
        self.protocol.max_frame_size = max_frame_size.into();
        self
    }

    /// Returns the value of [`max_frame_size`](Options::max_frame_size).
    #[must_use]
    pub fn get_max_frame_size(&self) -> Option<u64> {
        self.protocol.max_frame_size
    }

    /// Maximum size of a message from a peer, all frames together, in bytes. A peer that exceeds it
    /// is disconnected as soon as it does, even in the middle of a message. `None`, the default,
    /// derives it from [`max_frame_size`](Options::max_frame_size): 256 times that, and at least 16
    /// MiB; no limit if that has none. inproc has neither limit. (libzmq has no such option.)
    #[must_use]
    pub fn max_message_size(mut self, max_message_size: impl Into<Option<u64>>) -> Self {
        self.protocol.max_message_size = max_message_size.into();
        self
    }

    /// Returns the value of [`max_message_size`](Options::max_message_size).
    #[must_use]
    pub fn get_max_message_size(&self) -> Option<u64> {
        self.protocol.max_message_size
    }

    /// Adds a property that is sent to each peer during the handshake (`ZMQ_METADATA`). Names begin
    /// with `X-`. At most 100 properties, with a total size of 32 KiB. Default none.
    #[doc(alias = "ZMQ_METADATA")]
    #[doc(alias = "METADATA")]
    #[doc(alias = "metadata")]
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.protocol.metadata.push((name.into(), value.into()));
        self
    }

    /// Returns the properties added with [`property`](Options::property).
    #[must_use]
    pub fn get_metadata(&self) -> &[(String, Vec<u8>)] {
        &self.protocol.metadata
    }

    /// Removes all [properties](Options::property).
    #[must_use]
    pub fn without_metadata(mut self) -> Self {
        self.protocol.metadata.clear();
        self
    }

    /// Time limit for greeting and handshake together (`ZMQ_HANDSHAKE_IVL`, default 30 s); `None`
    /// means no limit.
    #[doc(alias = "ZMQ_HANDSHAKE_IVL")]
    #[doc(alias = "HANDSHAKE_IVL")]
    #[must_use]
    pub fn handshake_timeout(mut self, handshake_timeout: impl Into<Option<Duration>>) -> Self {
        self.protocol.handshake_timeout = handshake_timeout.into();
        self
    }

    /// Returns the value of [`handshake_timeout`](Options::handshake_timeout).
    #[must_use]
    pub fn get_handshake_timeout(&self) -> Option<Duration> {
        self.protocol.handshake_timeout
    }

    /// Maximum number of bytes read from a peer in one call, from 1 KiB to 16 MiB
    /// (`ZMQ_IN_BATCH_SIZE`; default 128 KiB, where libzmq has 8 KiB). A buffer grows to this size
    /// only if that much arrives. A frame larger than a quarter of it is read directly into its own
    /// buffer, as much as has arrived.
    #[doc(alias = "ZMQ_IN_BATCH_SIZE")]
    #[doc(alias = "IN_BATCH_SIZE")]
    #[must_use]
    pub fn in_batch_size(mut self, in_batch_size: usize) -> Self {
        self.protocol.in_batch_size = in_batch_size;
        self
    }

    /// Returns the value of [`in_batch_size`](Options::in_batch_size).
    #[must_use]
    pub fn get_in_batch_size(&self) -> usize {
        self.protocol.in_batch_size
    }

    /// Number of bytes of small messages collected into one buffer, from 1 KiB to 16 MiB
    /// (`ZMQ_OUT_BATCH_SIZE`; default 64 KiB, where libzmq has 8 KiB). One write sends several
    /// buffers if there are several.
    #[doc(alias = "ZMQ_OUT_BATCH_SIZE")]
    #[doc(alias = "OUT_BATCH_SIZE")]
    #[must_use]
    pub fn out_batch_size(mut self, out_batch_size: usize) -> Self {
        self.protocol.out_batch_size = out_batch_size;
        self
    }

    /// Returns the value of [`out_batch_size`](Options::out_batch_size).
    #[must_use]
    pub fn get_out_batch_size(&self) -> usize {
        self.protocol.out_batch_size
    }

    /// Maximum size of a message from a peer, in bytes.
    pub(crate) fn message_limit(&self) -> Option<u64> {
        let derived = |frame: u64| frame.saturating_mul(DERIVED_FRAMES).max(DERIVED_AT_LEAST);
        self.protocol
            .max_message_size
            .or_else(|| self.protocol.max_frame_size.map(derived))
    }
}
