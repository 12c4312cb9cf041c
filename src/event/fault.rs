//! Protocol violations of peers, in words and with libzmq's numbers.

use std::fmt;

/// `ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED`, the smallest of these numbers.
pub(crate) const ZMTP_UNSPECIFIED: i32 = 0x1000_0000;

/// `ZMQ_PROTOCOL_ERROR_ZMTP_INVALID_METADATA`.
pub(crate) const ZMTP_INVALID_METADATA: i32 = 0x1000_0018;

/// A violation of the protocol or the pattern by a peer, in words and as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolFault {
    code: i32,
    text: String,
}

impl ProtocolFault {
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Self {
        let text = text.into();
        ProtocolFault { code, text }
    }

    /// Returns libzmq's number for it: one of `ZMQ_PROTOCOL_ERROR_ZMTP_*`, and
    /// `ZMQ_PROTOCOL_ERROR_ZMTP_UNSPECIFIED` (0x10000000) where libzmq has no more specific one.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.code
    }
}

impl fmt::Display for ProtocolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
