//! Who sent a message: what is kept of a connection for the messages that came over it.

use crate::endpoint::Endpoint;
use crate::event::PeerIdentity;

/// The peer that a message was received from, and the connection it came over
/// (`zmq_msg_gets`, `ZMQ_SRCFD`).
///
/// [`Message::peer`](crate::Message::peer) gives it for what was received by a socket with the option
/// [`message_peers`](crate::Options::message_peers). All messages of one connection share
/// one value, which stays as it was when the connection has ended.
///
/// ```
/// use zmq_channels::{Context, Options, Pull, Push};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = context.socket_with::<Pull>(Options::new().message_peers(true))?;
/// let push = context.socket_with::<Push>(Options::new().property("X-Role", "sensor"))?;
/// push.connect(pull.bind("tcp://127.0.0.1:*")?)?;
/// push.send_blocking("21 degrees")?;
///
/// let message = pull.recv_blocking()?;
/// let peer = message.peer().expect("the option is set");
/// println!("{} says {:?}", peer.remote.as_ref().expect("a tcp address"), message);
/// assert_eq!(peer.identity.property("x-role"), Some(&b"sensor"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The connection's number, the same as in
    /// [`Event::connection`](crate::monitor::Event#structfield.connection) and
    /// [`PeerStatistics::connection`](crate::statistics::PeerStatistics#structfield.connection): another
    /// one each
    /// time the peer connects, never used again for the same socket.
    pub connection: u64,
    /// The endpoint it was made through: as [`bind`](crate::Socket::bind) returned it, or as it was
    /// connected to.
    pub endpoint: Option<Endpoint>,
    /// Our end. Both ends of an ipc or inproc connection go by the endpoint.
    pub local: Option<Endpoint>,
    /// The peer's end (the property `Peer-Address` of libzmq, which leaves the port out).
    pub remote: Option<Endpoint>,
    /// Who the peer said it is, and who it is according to those that authenticated it. Over
    /// [`Stream`](crate::Stream) that is nothing but the version (0, 0).
    pub identity: PeerIdentity,
}
