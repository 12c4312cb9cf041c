//! The random bytes of a handshake: generated before it starts, wiped after use.

use zeroize::Zeroizing;

/// Random bytes of the server's end of one connection.
#[derive(Default)]
pub(crate) struct ServerEntropy {
    /// s', the secret key of this connection.
    pub(super) transient: Zeroizing<[u8; 32]>,
    /// K, the key of the cookie.
    pub(super) cookie_key: Zeroizing<[u8; 32]>,
    pub(super) cookie_nonce: [u8; 16],
    pub(super) welcome_nonce: [u8; 16],
}

impl ServerEntropy {
    pub(crate) fn draw<E>(
        mut entropy: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Box<Self>, E> {
        let mut drawn = Box::<ServerEntropy>::default();
        entropy(&mut drawn.transient[..])?;
        entropy(&mut drawn.cookie_key[..])?;
        entropy(&mut drawn.cookie_nonce)?;
        entropy(&mut drawn.welcome_nonce)?;
        Ok(drawn)
    }
}

impl std::fmt::Debug for ServerEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerEntropy(..)")
    }
}

/// Random bytes of the client's end of one connection.
#[derive(Default)]
pub(crate) struct ClientEntropy {
    /// c', the secret key of this connection.
    pub(super) transient: Zeroizing<[u8; 32]>,
    pub(super) vouch_nonce: [u8; 16],
}

impl ClientEntropy {
    pub(crate) fn draw<E>(
        mut entropy: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Box<Self>, E> {
        let mut drawn = Box::<ClientEntropy>::default();
        entropy(&mut drawn.transient[..])?;
        entropy(&mut drawn.vouch_nonce)?;
        Ok(drawn)
    }
}

impl std::fmt::Debug for ClientEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientEntropy(..)")
    }
}
