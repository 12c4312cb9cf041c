//! What is said to peers, and what they may say.

use std::time::Duration;

use super::{OptionFault, Options, ZmtpVersion};

/// RFC 37 allows an identity 255 bytes.
const MAX_ROUTING_ID: usize = 255;

/// Peers need not listen to a handshake of any length. Those of this library take 64 KiB and 128
/// properties.
const MAX_METADATA: usize = 32 * 1024;
const MAX_PROPERTIES: usize = 100;

/// Frames of full size that a message may have if the user limits frames and says nothing of
/// messages; and the bytes it may have in any case, for messages of many small frames.
const DERIVED_FRAMES: u64 = 256;
const DERIVED_AT_LEAST: u64 = 16 << 20;

/// What both batch sizes may be, in bytes.
const BATCH_SIZES: std::ops::RangeInclusive<usize> = 1024..=16 * 1024 * 1024;

/// Each field is described at its setter.
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
    /// Whether each has a value it can have.
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
            // RFC 37, Metadata: names of the application begin with "X-".
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
    /// The name peers of type ROUTER know this socket by: 1 to 255 bytes, the first not zero;
    /// empty for none (`ZMQ_ROUTING_ID`, default empty).
    #[doc(alias = "ZMQ_ROUTING_ID")]
    #[doc(alias = "ROUTING_ID")]
    #[doc(alias = "ZMQ_IDENTITY")]
    #[doc(alias = "IDENTITY")]
    #[must_use]
    pub fn routing_id(mut self, routing_id: impl Into<Vec<u8>>) -> Self {
        self.protocol.routing_id = routing_id.into();
        self
    }

    /// What [`routing_id`](Options::routing_id) is set to.
    #[must_use]
    pub fn get_routing_id(&self) -> &[u8] {
        &self.protocol.routing_id
    }

    /// The oldest version of ZMTP a peer may speak; default [`ZmtpVersion::V1_0`], as with libzmq.
    /// A peer of an older one is disconnected, and monitors are told
    /// [`DisconnectReason::OldVersion`](crate::monitor::DisconnectReason::OldVersion). A peer of ZMTP 1.0
    /// says nothing by which it can be told from one of another protocol: what clients of RDP,
    /// Minecraft or DNS say first may reach the user as messages, unless this is
    /// [`V2_0`](ZmtpVersion::V2_0) or later. Not for STREAM. (libzmq has no such option.)
    #[must_use]
    pub fn oldest_zmtp(mut self, oldest_zmtp: ZmtpVersion) -> Self {
        self.protocol.oldest_zmtp = oldest_zmtp;
        self
    }

    /// What [`oldest_zmtp`](Options::oldest_zmtp) is set to.
    #[must_use]
    pub fn get_oldest_zmtp(&self) -> ZmtpVersion {
        self.protocol.oldest_zmtp
    }

    /// The largest frame a peer may send, in bytes; `None` for no limit
    /// (`ZMQ_MAXMSGSIZE`, default `None`). A peer that announces more is disconnected.
    #[doc(alias = "ZMQ_MAXMSGSIZE")]
    #[doc(alias = "MAXMSGSIZE")]
    #[must_use]
    pub fn max_frame_size(mut self, max_frame_size: impl Into<Option<u64>>) -> Self {
        self.protocol.max_frame_size = max_frame_size.into();
        self
    }

    /// What [`max_frame_size`](Options::max_frame_size) is set to.
    #[must_use]
    pub fn get_max_frame_size(&self) -> Option<u64> {
        self.protocol.max_frame_size
    }

    /// The most bytes that all frames of one message from a peer may have together. A peer that
    /// sends more is disconnected as soon as that shows, whether the message is whole or not.
    /// `None`, the default, derives it from
    /// [`max_frame_size`](Options::max_frame_size): 256 times that, and no less than
    /// 16 MiB; no limit if that has none. Over inproc, as there, nothing is limited. (libzmq has no
    /// such option.)
    #[must_use]
    pub fn max_message_size(mut self, max_message_size: impl Into<Option<u64>>) -> Self {
        self.protocol.max_message_size = max_message_size.into();
        self
    }

    /// What [`max_message_size`](Options::max_message_size) is set to.
    #[must_use]
    pub fn get_max_message_size(&self) -> Option<u64> {
        self.protocol.max_message_size
    }

    /// Adds a property of our own that each peer is told during the handshake (`ZMQ_METADATA`): names
    /// that begin with `X-`, and values; at most 100 of them, with 32 KiB together. Default none.
    #[doc(alias = "ZMQ_METADATA")]
    #[doc(alias = "METADATA")]
    #[doc(alias = "metadata")]
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.protocol.metadata.push((name.into(), value.into()));
        self
    }

    /// What [`property`](Options::property) has added.
    #[must_use]
    pub fn get_metadata(&self) -> &[(String, Vec<u8>)] {
        &self.protocol.metadata
    }

    /// Takes all [properties](Options::property) back.
    #[must_use]
    pub fn without_metadata(mut self) -> Self {
        self.protocol.metadata.clear();
        self
    }

    /// How long greeting and handshake may take together (`ZMQ_HANDSHAKE_IVL`, default 30 s);
    /// `None` for no limit.
    #[doc(alias = "ZMQ_HANDSHAKE_IVL")]
    #[doc(alias = "HANDSHAKE_IVL")]
    #[must_use]
    pub fn handshake_timeout(mut self, handshake_timeout: impl Into<Option<Duration>>) -> Self {
        self.protocol.handshake_timeout = handshake_timeout.into();
        self
    }

    /// What [`handshake_timeout`](Options::handshake_timeout) is set to.
    #[must_use]
    pub fn get_handshake_timeout(&self) -> Option<Duration> {
        self.protocol.handshake_timeout
    }

    /// Bytes read from a peer at once, from 1 KiB to 16 MiB (`ZMQ_IN_BATCH_SIZE`; default
    /// 128 KiB, where libzmq has 8 KiB). A buffer grows so far only if that much comes. A frame of
    /// more than a quarter of it is read straight into its place, as much as there is.
    #[doc(alias = "ZMQ_IN_BATCH_SIZE")]
    #[doc(alias = "IN_BATCH_SIZE")]
    #[must_use]
    pub fn in_batch_size(mut self, in_batch_size: usize) -> Self {
        self.protocol.in_batch_size = in_batch_size;
        self
    }

    /// What [`in_batch_size`](Options::in_batch_size) is set to.
    #[must_use]
    pub fn get_in_batch_size(&self) -> usize {
        self.protocol.in_batch_size
    }

    /// Bytes of small messages gathered in one piece, from 1 KiB to 16 MiB
    /// (`ZMQ_OUT_BATCH_SIZE`; default 64 KiB, where libzmq has 8 KiB). One write takes many pieces
    /// if they are there.
    #[doc(alias = "ZMQ_OUT_BATCH_SIZE")]
    #[doc(alias = "OUT_BATCH_SIZE")]
    #[must_use]
    pub fn out_batch_size(mut self, out_batch_size: usize) -> Self {
        self.protocol.out_batch_size = out_batch_size;
        self
    }

    /// What [`out_batch_size`](Options::out_batch_size) is set to.
    #[must_use]
    pub fn get_out_batch_size(&self) -> usize {
        self.protocol.out_batch_size
    }

    /// The most bytes a message of a peer may have.
    pub(crate) fn message_limit(&self) -> Option<u64> {
        let derived = |frame: u64| frame.saturating_mul(DERIVED_FRAMES).max(DERIVED_AT_LEAST);
        self.protocol
            .max_message_size
            .or_else(|| self.protocol.max_frame_size.map(derived))
    }
}
