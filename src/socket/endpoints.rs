//! `bind`, `connect` and their opposites.

use crate::endpoint::Endpoint;
use crate::error::{BindError, ConnectError, DetachError};
use crate::kind::Kind;
use crate::pump::{transport, BoundListener, SocketCommand};
use crate::socket::Socket;

impl<K: Kind> Socket<K> {
    /// Binds to an endpoint and returns the resolved one, with the port or path the system chose:
    /// `tcp://127.0.0.1:*`, `tcp://*:5555`, `tcp://[::1]:0`, `ipc:///tmp/feed`, `ipc://*`,
    /// `ipc://@name`, `inproc://name`. A socket may be bound to several endpoints.
    ///
    /// A name (`tcp://localhost:*`) is the name of a network interface (on Linux) or otherwise of a
    /// host. It is looked up on the current thread; looking up a host takes as long as the system's
    /// resolver does. The first address is bound, preferably an IPv4 address.
    ///
    /// # Errors
    /// [`BindError::Endpoint`] if the endpoint is malformed, [`BindError::Unsupported`] if this
    /// type of socket cannot use it, [`BindError::InUse`] if another socket is bound there,
    /// [`BindError::Io`] if the system refuses for another reason.
    #[doc(alias = "zmq_bind")]
    #[doc(alias = "ZMQ_LAST_ENDPOINT")]
    #[doc(alias = "bind_to_random_port")]
    pub fn bind(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, BindError> {
        let given = Endpoint::parse_for_bind(endpoint.as_ref())?;
        let ended = || self.ended();
        let endpoint = if transport::is_unsettled(&given) {
            let options = self.options().map_err(|_| ended())?;
            transport::settle(&given, options.network.ipv6)?
        } else {
            given.clone()
        };
        let bound = self.ask(|reply| SocketCommand::Bind { endpoint, reply });
        bound
            .unwrap_or_else(|| Err(ended()))
            .map_err(|error| error.about(&given))
    }

    /// Listens on a socket that was bound elsewhere (`ZMQ_USE_FD`), such as an inherited one or one
    /// whose port had to be known in advance: a [`std::net::TcpListener`] or, on Unix, a
    /// `std::os::unix::net::UnixListener`. Returns its endpoint, to be passed to
    /// [`unbind`](Socket::unbind).
    ///
    /// The listener is closed with the socket, or by `unbind`; the file of an ipc listener is not
    /// removed. Its [`backlog`](crate::Options::backlog) is left as it is.
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let context = Context::new();
    /// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// push.connect(pull.bind_listener(listener)?)?;
    /// push.send_blocking("hello")?;
    /// assert_eq!(pull.recv_blocking()?[0], "hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`BindError::Io`] if it is not listening, has no address that peers could connect to, or the
    /// system refuses to set an option on it.
    #[doc(alias = "ZMQ_USE_FD")]
    pub fn bind_listener(&self, listener: impl Into<BoundListener>) -> Result<Endpoint, BindError> {
        let listener = listener.into();
        self.ask(|reply| SocketCommand::Adopt { listener, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Connects to an endpoint. Returns immediately, even if the endpoint is not bound yet; the
    /// socket connects and reconnects in the background until [`disconnect`](Socket::disconnect).
    /// Connecting twice to the same endpoint makes two connections, for all socket types: a SUB
    /// that is connected twice receives each message twice, and a PUB sends each twice. (libzmq
    /// ignores the second connect of DEALER, SUB, PUB and REQ over tcp and ipc.)
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] if the endpoint is malformed, [`ConnectError::Unsupported`] if
    /// this type of socket cannot use it.
    #[doc(alias = "zmq_connect")]
    pub fn connect(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, ConnectError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        let dialed = endpoint.clone();
        self.ask(|reply| SocketCommand::Connect {
            endpoint: dialed,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))?;
        Ok(endpoint)
    }

    /// Stops listening on an endpoint, as returned by [`bind`](Socket::bind), and closes the
    /// connections accepted on it once their queued messages are sent. The address is free when
    /// this returns. A path that `ipc://*` chose is removed with its directory and is not chosen
    /// again: peers that still connect to it are refused until a socket is bound to that very path.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not bound to the endpoint.
    #[doc(alias = "zmq_unbind")]
    pub fn unbind(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_bind(endpoint.as_ref())?;
        self.ask(|reply| SocketCommand::Unbind { endpoint, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Ends every connection made by connecting to this endpoint, once its queued messages are
    /// sent.
    ///
    /// # Errors
    /// [`DetachError::NotFound`] if the socket is not connected to the endpoint.
    #[doc(alias = "zmq_disconnect")]
    pub fn disconnect(&self, endpoint: impl AsRef<str>) -> Result<(), DetachError> {
        let endpoint = Endpoint::parse_for_connect(endpoint.as_ref())?;
        self.ask(|reply| SocketCommand::Disconnect { endpoint, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }
}
