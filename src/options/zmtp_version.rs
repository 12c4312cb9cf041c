//! Versions of ZMTP.

/// A version of ZMTP, the protocol of tcp and ipc connections: see
/// [`Options::oldest_zmtp`](crate::Options::oldest_zmtp).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ZmtpVersion {
    /// 1.0 (RFC 13), of libzmq 2.
    #[default]
    V1_0,
    /// 2.0 (RFC 15), of libzmq 3.
    V2_0,
    /// 3.0 (RFC 23), of libzmq 4.0 and 4.1.
    V3_0,
    /// 3.1 (RFC 37), of libzmq 4.2 and later, and of this library.
    V3_1,
}

impl ZmtpVersion {
    /// Major and minor version.
    pub(crate) fn number(self) -> (u8, u8) {
        match self {
            ZmtpVersion::V1_0 => (1, 0),
            ZmtpVersion::V2_0 => (2, 0),
            ZmtpVersion::V3_0 => (3, 0),
            ZmtpVersion::V3_1 => (3, 1),
        }
    }
}
