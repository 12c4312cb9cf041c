//! Security of connections: PLAIN and CURVE, and authentication of peers.
//!
//! [`Options::security`](crate::Options::security) takes a [`Security`]. An [`Authenticator`] decides
//! about each peer.
#![cfg_attr(
    feature = "curve",
    doc = "The keys of CURVE are a [`CurveKeypair`]; [`z85`] is their text format."
)]
//!
//! ```
//! # #[cfg(feature = "curve")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use zmq_channels::{Context, CurveKeypair, Options, Pull, Push, Security};
//!
//! let (server, client) = (CurveKeypair::generate()?, CurveKeypair::generate()?);
//! let server_key = *server.public();
//! let context = Context::new();
//! let pull = context.socket_with::<Pull>(Options::new().security(Security::curve_server(server)))?;
//! let security = Security::curve_client(client, server_key);
//! let push = context.socket_with::<Push>(Options::new().security(security))?;
//! push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
//! push.send_blocking("encrypted")?;
//! assert_eq!(pull.recv_blocking()?.len(), 1);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "curve"))]
//! # fn main() {}
//! ```

pub mod z85;

use std::fmt;

use crate::message::Frame;

pub use crate::authenticator::{AuthenticationRequest, AuthenticationRequests, Authenticator};
#[cfg(feature = "curve")]
pub use crate::curve::{CurveKey, CurveKeyError, CurveKeypair, CurveSecretKey};
pub use crate::error::AuthenticatorError;

/// How the connections of a socket are secured over tcp and ipc; inproc connections are not
/// secured. Both ends must use the same mechanism, one as server and one as client, no matter which
/// of them binds.
///
/// ```
/// use zmq_channels::security::Mechanism;
/// use zmq_channels::{Options, Security};
///
/// let client = Security::plain_client("admin", "secret");
/// assert_eq!(client.mechanism(), Mechanism::Plain);
/// assert!(!format!("{client:?}").contains("secret"));
/// let options = Options::new().security(client);
/// assert!(!options.get_security().is_server());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// No security (RFC 37, NULL). A server that sets [`zap_domain`](crate::Options::zap_domain)
    /// can still reject peers by their address. The default.
    #[default]
    Null,
    /// Accepts clients whose user name and password are accepted by an [`Authenticator`] or a ZAP
    /// handler; without one it accepts no peer (`ZMQ_PLAIN_SERVER`; RFC 24). Messages and
    /// credentials are not encrypted.
    PlainServer,
    /// Authenticates to servers with a user name and a password (`ZMQ_PLAIN_USERNAME`,
    /// `ZMQ_PLAIN_PASSWORD`), of at most 255 bytes each.
    PlainClient {
        /// The user name.
        username: String,
        /// The password; `Debug` does not show it.
        password: String,
    },
    /// Accepts clients that know its public key and, if there is an [`Authenticator`] or a ZAP
    /// handler, are accepted by it (`ZMQ_CURVE_SERVER`, `ZMQ_CURVE_SECRETKEY`; RFC 26). All traffic
    /// is encrypted.
    #[cfg(feature = "curve")]
    CurveServer(CurveKeypair),
    /// Connects only to the server that has the secret key of `server_key` (`ZMQ_CURVE_SERVERKEY`,
    /// `ZMQ_CURVE_PUBLICKEY`, `ZMQ_CURVE_SECRETKEY`).
    #[cfg(feature = "curve")]
    CurveClient {
        /// The key pair of this socket, by which servers identify it.
        keypair: CurveKeypair,
        /// The public key of the server.
        server_key: CurveKey,
    },
}

impl Security {
    /// Creates a [`Security::PlainClient`].
    #[must_use]
    pub fn plain_client(username: impl Into<String>, password: impl Into<String>) -> Self {
        Security::PlainClient {
            username: username.into(),
            password: password.into(),
        }
    }

    /// Creates a [`Security::CurveServer`].
    #[cfg(feature = "curve")]
    #[must_use]
    pub fn curve_server(keypair: CurveKeypair) -> Self {
        Security::CurveServer(keypair)
    }

    /// Creates a [`Security::CurveClient`].
    #[cfg(feature = "curve")]
    #[must_use]
    pub fn curve_client(keypair: CurveKeypair, server_key: CurveKey) -> Self {
        Security::CurveClient {
            keypair,
            server_key,
        }
    }

    /// Returns the mechanism (`ZMQ_MECHANISM`).
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Security::Null => Mechanism::Null,
            Security::PlainServer | Security::PlainClient { .. } => Mechanism::Plain,
            #[cfg(feature = "curve")]
            Security::CurveServer(_) | Security::CurveClient { .. } => Mechanism::Curve,
        }
    }

    /// Returns whether this is the server's side.
    #[must_use]
    pub fn is_server(&self) -> bool {
        match self {
            Security::PlainServer => true,
            #[cfg(feature = "curve")]
            Security::CurveServer(_) => true,
            #[cfg(feature = "curve")]
            Security::CurveClient { .. } => false,
            Security::Null | Security::PlainClient { .. } => false,
        }
    }
}

/// Omits passwords and secret keys.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Security::Null => f.write_str("Null"),
            Security::PlainServer => f.write_str("PlainServer"),
            Security::PlainClient { username, .. } => f
                .debug_struct("PlainClient")
                .field("username", username)
                .finish_non_exhaustive(),
            #[cfg(feature = "curve")]
            Security::CurveServer(keypair) => f.debug_tuple("CurveServer").field(keypair).finish(),
            #[cfg(feature = "curve")]
            Security::CurveClient {
                keypair,
                server_key,
            } => f
                .debug_struct("CurveClient")
                .field("keypair", keypair)
                .field("server_key", server_key)
                .finish(),
        }
    }
}

/// The name of a security mechanism (`ZMQ_MECHANISM`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// No security (`ZMQ_NULL`).
    #[default]
    Null,
    /// User name and password (`ZMQ_PLAIN`).
    Plain,
    /// Keys and encryption (`ZMQ_CURVE`).
    Curve,
}

impl Mechanism {
    /// Returns the name that is used on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Mechanism::Null => "NULL",
            Mechanism::Plain => "PLAIN",
            Mechanism::Curve => "CURVE",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The credentials of a peer (RFC 27, the mechanisms and their credentials).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing.
    Null,
    /// A user name and a password.
    Plain {
        /// The user name, which may be any bytes.
        username: Frame,
        /// The password; `Debug` does not show it.
        password: Frame,
    },
    /// The client's public key. The client has proved that it has the secret key.
    #[cfg(feature = "curve")]
    Curve(CurveKey),
}

impl Credentials {
    /// Returns the mechanism they belong to.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Credentials::Null => Mechanism::Null,
            Credentials::Plain { .. } => Mechanism::Plain,
            #[cfg(feature = "curve")]
            Credentials::Curve(_) => Mechanism::Curve,
        }
    }
}

/// Omits passwords.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Null => f.write_str("Null"),
            Credentials::Plain { username, .. } => f
                .debug_struct("Plain")
                .field("username", username)
                .finish_non_exhaustive(),
            #[cfg(feature = "curve")]
            Credentials::Curve(key) => f.debug_tuple("Curve").field(key).finish(),
        }
    }
}

/// Why the handler of the context did not decide about a peer, which was then refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticatorFault {
    /// There is no handler, and one is required.
    #[error("no authenticator decides on peers")]
    Missing,
    /// The handler ended without a reply.
    #[error("the authenticator was dropped without a decision")]
    Gone,
    /// Its reply does not have the frames of a ZAP reply
    /// (`ZMQ_PROTOCOL_ERROR_ZAP_MALFORMED_REPLY`).
    #[error("a malformed ZAP reply")]
    MalformedReply,
    /// Its reply is not of version 1.0 (`ZMQ_PROTOCOL_ERROR_ZAP_BAD_VERSION`).
    #[error("a ZAP reply of another version")]
    BadVersion,
    /// Its reply is to another request (`ZMQ_PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID`).
    #[error("a ZAP reply to another request")]
    BadRequestId,
    /// Its reply has a status other than 200, 300, 400 or 500
    /// (`ZMQ_PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE`).
    #[error("a ZAP reply with an unknown status")]
    InvalidStatusCode,
    /// Its reply has malformed metadata (`ZMQ_PROTOCOL_ERROR_ZAP_INVALID_METADATA`).
    #[error("a ZAP reply with invalid metadata")]
    InvalidMetadata,
}
