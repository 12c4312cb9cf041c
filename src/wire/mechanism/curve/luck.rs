//! The luck a handshake takes: drawn before it starts, wiped when it is used up.

use zeroize::Zeroizing;

/// What the server's end of one connection makes up.
#[derive(Default)]
pub(crate) struct ServerLuck {
    /// s', the secret key of this connection.
    pub(super) transient: Zeroizing<[u8; 32]>,
    /// K, which the cookie is sealed with.
    pub(super) cookie_key: Zeroizing<[u8; 32]>,
    pub(super) cookie_nonce: [u8; 16],
    pub(super) welcome_nonce: [u8; 16],
}

impl ServerLuck {
    pub(crate) fn draw<E>(
        mut luck: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Box<Self>, E> {
        let mut drawn = Box::<ServerLuck>::default();
        luck(&mut drawn.transient[..])?;
        luck(&mut drawn.cookie_key[..])?;
        luck(&mut drawn.cookie_nonce)?;
        luck(&mut drawn.welcome_nonce)?;
        Ok(drawn)
    }
}

impl std::fmt::Debug for ServerLuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerLuck(..)")
    }
}

/// What the client's end of one connection makes up.
#[derive(Default)]
pub(crate) struct ClientLuck {
    /// c', the secret key of this connection.
    pub(super) transient: Zeroizing<[u8; 32]>,
    pub(super) vouch_nonce: [u8; 16],
}

impl ClientLuck {
    pub(crate) fn draw<E>(
        mut luck: impl FnMut(&mut [u8]) -> Result<(), E>,
    ) -> Result<Box<Self>, E> {
        let mut drawn = Box::<ClientLuck>::default();
        luck(&mut drawn.transient[..])?;
        luck(&mut drawn.vouch_nonce)?;
        Ok(drawn)
    }
}

impl std::fmt::Debug for ClientLuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientLuck(..)")
    }
}
