//! The peer that a message was received from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Frame, Message};
use crate::endpoint::Endpoint;
use crate::event::PeerIdentity;

/// The peer that a message was received from, and the connection it came over
/// (`zmq_msg_gets`, `ZMQ_SRCFD`).
///
/// [`Message::peer`] returns it for messages received by a socket with the option
/// [`message_peers`](crate::Options::message_peers). All messages of one connection share one
/// value, which does not change when the connection ends.
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
/// println!("{} sends {message}", peer.remote.as_ref().expect("a tcp address"));
/// assert_eq!(peer.identity.property("x-role"), Some(&b"sensor"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "zmq_msg_gets")]
#[doc(alias = "ZMQ_SRCFD")]
pub struct PeerInfo {
    /// The connection's number, the same as in
    /// [`Event::connection`](crate::monitor::Event#structfield.connection) and
    /// [`PeerStatistics::connection`](crate::statistics::PeerStatistics#structfield.connection): a new
    /// one each time the peer connects, never reused for the same socket.
    pub connection: u64,
    /// The endpoint of the connection: as returned by [`bind`](crate::Socket::bind), or as given to
    /// [`connect`](crate::Socket::connect).
    pub endpoint: Option<Endpoint>,
    /// The local address. Over ipc and inproc both addresses are the endpoint.
    pub local: Option<Endpoint>,
    /// The peer's address (libzmq's property `Peer-Address` lacks the port).
    pub remote: Option<Endpoint>,
    /// What the peer announced, and what the authenticator reported about it. Over
    /// [`Stream`](crate::Stream) it is empty, with the version (0, 0).
    pub identity: PeerIdentity,
}

impl Message {
    /// Returns the peer that this message was received from, if the socket that received it has the option
    /// [`message_peers`](crate::Options::message_peers); `None` otherwise, and for messages that were
    /// not received.
    ///
    /// The message and its clones keep the peer when frames are added or removed; equality ignores it.
    /// It is never sent: a received message has the peer at the other end of its last connection, not
    /// one behind a [`Proxy`](crate::Proxy). A message returned by a failed call keeps its peer.
    /// [`into_frames`](Message::into_frames) and iteration by value return frames only.
    ///
    /// The call takes a process-wide lock for the time of a lookup.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let pull = context.socket_with::<Pull>(Options::new().message_peers(true))?;
    /// let push = context.socket::<Push>()?;
    /// push.connect(pull.bind("inproc://readings")?)?;
    /// push.send_blocking("21 degrees")?;
    ///
    /// let message = pull.recv_blocking()?;
    /// let connection = message.peer().map(|peer| peer.connection);
    /// assert_eq!(connection, Some(pull.statistics()?.peers[0].connection));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    #[doc(alias = "zmq_msg_gets")]
    #[doc(alias = "zmq_msg_get")]
    #[doc(alias = "ZMQ_SRCFD")]
    pub fn peer(&self) -> Option<Arc<PeerInfo>> {
        self.body.peer().and_then(known)
    }

    pub(super) fn peer_frame(&self) -> Option<PeerFrame> {
        self.body.peer().cloned().map(PeerFrame)
    }

    /// Sets the peer that this was received from.
    pub(crate) fn set_peer(&mut self, peer: &PeerFrame) {
        self.body.set_peer(peer);
    }

    /// Returns the size of the payload in bytes, and whether there is a peer to
    /// [remove](Self::forget_peer).
    #[inline]
    pub(crate) fn payload(&self) -> (u64, bool) {
        self.body.payload()
    }

    /// Removes the peer, before the message is passed to another socket.
    #[inline]
    pub(crate) fn forget_peer(&mut self) {
        self.body.forget_peer();
    }
}

/// The frame that represents a peer in its messages. It holds the peer's number in [`PEERS`], where the
/// entry lasts until the last clone of the frame is dropped.
#[derive(Clone, Debug)]
pub(crate) struct PeerFrame(Frame);

impl PeerFrame {
    pub(crate) fn new(info: PeerInfo) -> Self {
        let mut peers = peers();
        peers.last += 1;
        let number = peers.last;
        peers.known.insert(number, Arc::new(info));
        let number = Number(number.to_ne_bytes());
        PeerFrame(Frame::shared_as_is(Bytes::from_owner(number)))
    }

    pub(super) fn frame(&self) -> Frame {
        self.0.clone()
    }
}

/// The peers of messages and open connections of sockets with the option. The lock is held for one
/// operation on the map, and no other lock is taken meanwhile.
static PEERS: Mutex<Peers> = Mutex::new(Peers {
    last: 0,
    known: BTreeMap::new(),
});

struct Peers {
    /// The number assigned last; numbers are not reused.
    last: u64,
    known: BTreeMap<u64, Arc<PeerInfo>>,
}

fn peers() -> MutexGuard<'static, Peers> {
    // The map is consistent after every statement.
    PEERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The peer that a frame stands for.
fn known(frame: &Frame) -> Option<Arc<PeerInfo>> {
    let number = u64::from_ne_bytes(frame[..].try_into().ok()?);
    peers().known.get(&number).cloned()
}

/// The number of a peer, which is known as long as this lives.
struct Number([u8; 8]);

impl AsRef<[u8]> for Number {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let forgotten = peers().known.remove(&u64::from_ne_bytes(self.0));
        // The lock is free again.
        drop(forgotten);
    }
}
