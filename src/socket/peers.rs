//! Addressing peers by their routing ids.

use std::future::Future;

use crate::endpoint::Endpoint;
use crate::error::{ConnectError, DetachError, SendError, TrySendError};
use crate::kind::{Addresses, Kind, Sends, Typed};
use crate::message::{Frame, Message};
use crate::pump::SocketCommand;
use crate::routing_id::RoutingId;
use crate::socket::Socket;

impl<K: Kind> Socket<K> {
    /// Like [`connect`](Socket::connect), but assigns this routing id to the peer, whatever id it
    /// announces (`ZMQ_CONNECT_ROUTING_ID`). Messages can be sent to it immediately: before it
    /// connects, and whenever the connection is lost, up to the send high-water mark of them are
    /// queued for it. The id stays assigned to the endpoint until it is disconnected.
    ///
    /// ```
    /// use zmq_channels::{Context, Message, Options, Router, RoutingId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (here, there) = (context.socket::<Router>()?, context.socket::<Router>()?);
    /// there.bind("inproc://printer")?;
    /// let printer = RoutingId::new("printer")?;
    /// here.connect_as("inproc://printer", printer.clone())?;
    /// here.send_to_blocking(&printer, "a page")?;
    /// assert_eq!(there.recv_blocking()?[1], "a page");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] if the endpoint is malformed, [`ConnectError::RoutingIdInUse`] if
    /// another peer has this id, or if a SERVER or PEER is given an id that is not a number above
    /// zero.
    #[doc(alias = "ZMQ_CONNECT_ROUTING_ID")]
    pub fn connect_as(
        &self,
        endpoint: impl AsRef<str>,
        routing_id: RoutingId,
    ) -> Result<Endpoint, ConnectError>
    where
        K: Addresses,
    {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.dial(endpoint.clone(), Some(routing_id))?;
        Ok(endpoint)
    }

    /// Like [`connect`](Socket::connect), but returns the routing id of the peer
    /// (`zmq_connect_peer`). The id is assigned as by [`connect_as`](Socket::connect_as), but
    /// chosen by the socket.
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] if the endpoint is malformed.
    #[doc(alias = "zmq_connect_peer")]
    pub fn connect_peer(&self, endpoint: impl AsRef<str>) -> Result<RoutingId, ConnectError>
    where
        K: Addresses,
    {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.dial(endpoint, None)
    }

    /// Ends the connection to one peer, once its queued messages are sent (`zmq_disconnect_peer`).
    /// If this socket made the connection, it does not reconnect; if the peer did, the peer may.
    ///
    /// ```
    /// use zmq_channels::{Context, Dealer, Options, Router};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let router = context.socket::<Router>()?;
    /// let anna = context.socket_with::<Dealer>(Options::new().routing_id("anna"))?;
    /// router.connect(anna.bind("inproc://anna")?)?;
    /// router.wait_connected_blocking(1)?;
    /// router.disconnect_peer("anna")?;
    /// assert!(!router.has_peer("anna"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DetachError::NoPeer`] if no peer has this id.
    #[doc(alias = "zmq_disconnect_peer")]
    pub fn disconnect_peer(&self, peer: impl Into<Frame>) -> Result<(), DetachError>
    where
        K: Addresses,
    {
        let peer = peer.into();
        // Bytes that are no routing id are the id of no peer.
        let Ok(peer) = RoutingId::new(peer.clone()) else {
            return Err(DetachError::NoPeer(peer));
        };
        self.ask(|reply| SocketCommand::DisconnectPeer { peer, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Returns whether a peer has this id now, or will have it once it is connected
    /// (`zmq_socket_get_peer_state`).
    #[must_use]
    #[doc(alias = "zmq_socket_get_peer_state")]
    pub fn has_peer(&self, peer: impl Into<Frame>) -> bool
    where
        K: Addresses,
    {
        let known_peers = self.holder.ports().known_peers();
        known_peers.is_some_and(|known_peers| known_peers.contains(&peer.into()))
    }

    /// Returns the ids of all current peers, in no particular order. Includes the ids assigned to
    /// endpoints, whether or not their peers are connected.
    #[must_use]
    pub fn peers(&self) -> Vec<RoutingId>
    where
        K: Addresses,
    {
        let names = self
            .holder
            .ports()
            .known_peers()
            .map(|known_peers| known_peers.names());
        let ids = names.into_iter().flatten().map(RoutingId::new);
        ids.filter_map(Result::ok).collect()
    }

    fn dial(&self, endpoint: Endpoint, name: Option<RoutingId>) -> Result<RoutingId, ConnectError>
    where
        K: Addresses,
    {
        if !self.kind.addresses_peers() {
            return Err(ConnectError::NoRoutingIds);
        }
        self.ask(|reply| SocketCommand::ConnectPeer {
            endpoint,
            name,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Typed> Socket<K> {
    /// Sends to one peer: like [`Sender::send`](crate::Sender::send) with the id as the first
    /// frame. An error returns the message with that frame. `peer` is a [`RoutingId`], or anything
    /// that converts to its bytes.
    ///
    /// ```
    /// use zmq_channels::{Context, Dealer, Options, Router, RoutingId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let router = context.socket::<Router>()?;
    /// let options = Options::new().routing_id("anna");
    /// let anna = context.socket_with::<Dealer>(options)?;
    /// anna.connect(router.bind("inproc://names")?)?;
    /// router.wait_connected_blocking(1)?;
    /// router.send_to_blocking("anna", "hello")?;
    /// router.send_to_blocking(&RoutingId::new("anna")?, ("hello", "again"))?;
    /// assert_eq!(anna.recv_blocking()?, "hello".into());
    /// assert_eq!(anna.recv_blocking()?, ["hello", "again"].into());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "zmq_msg_set_routing_id")]
    pub fn send_to(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + '_
    where
        K: Addresses + Sends,
    {
        self.inward().send(Message::to(peer, payload))
    }

    /// Like [`send_to`](Socket::send_to), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`Sender::send_blocking`](crate::Sender::send_blocking).
    #[doc(alias = "zmq_msg_set_routing_id")]
    pub fn send_to_blocking(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> Result<(), SendError>
    where
        K: Addresses + Sends,
    {
        self.inward().send_blocking(Message::to(peer, payload))
    }

    /// Like [`send_to`](Socket::send_to), but returns immediately.
    ///
    /// # Errors
    /// Same as [`Sender::try_send`](crate::Sender::try_send).
    pub fn try_send_to(
        &self,
        peer: impl Into<Frame>,
        payload: impl Into<Message>,
    ) -> Result<(), TrySendError>
    where
        K: Addresses + Sends,
    {
        self.inward().try_send(Message::to(peer, payload))
    }
}
