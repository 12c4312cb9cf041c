//! Judging peers: the requests of ZAP (RFC 27) as typed handles.

use std::fmt;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::context::Context;
use crate::error::{
    AuthenticatorError, BindError, Closed, RecvError, RecvTimeoutError, SocketError, TryRecvError,
};
use crate::kind::Rep;
use crate::message::Frame;
use crate::options::Options;
use crate::port::deadline_after as after;
use crate::port::{Request, Requests, Unanswered};
use crate::security::Credentials;
use crate::socket::Socket;
use crate::wire::{authentication_reply, read_authentication_request, Applicant};

impl Context {
    /// Judges from now on the peers of this context's sockets: see [`Authenticator`]. Make it
    /// before the sockets are bound.
    ///
    /// # Errors
    /// [`AuthenticatorError::Taken`] if there is one already, or a socket is bound to
    /// `inproc://zeromq.zap.01`; [`AuthenticatorError::Socket`] if no socket can be opened.
    pub fn authenticator(&self) -> Result<Authenticator, AuthenticatorError> {
        // Whatever the options of other sockets are.
        let socket = self.socket_with::<Rep>(Options::new())?;
        socket
            .bind("inproc://zeromq.zap.01")
            .map_err(|error| match error {
                BindError::Closed(_) => SocketError::Closed(Closed::Context).into(),
                _ => AuthenticatorError::Taken,
            })?;
        // What is no request of ZAP is forgotten; the others answer when they are dropped.
        let requests = socket.requests().when_unanswered(Unanswered::Silence);
        Ok(Authenticator { socket, requests })
    }
}

/// Decides which peers get in: a receiver of [`AuthenticationRequest`]s, each to be answered from
/// any thread, in any order. Until then the peer's handshake waits, and nothing else does; the
/// limit is the [`handshake_timeout`](crate::Options::handshake_timeout) of its socket.
///
/// Sockets ask it that have [`Security::PlainServer`](crate::Security::PlainServer),
/// [`Security::CurveServer`](crate::Security::CurveServer), or a
/// [`zap_domain`](crate::Options::zap_domain). It is a ZAP handler (RFC 27) of the
/// context: a socket of type REP, bound to `inproc://zeromq.zap.01`. If you have one written for
/// libzmq binds a REP or ROUTER of his own there instead.
///
/// Cheap to clone; each request goes to one of the clones. When the last is dropped no peer is judged
/// any more, and those who still wait are refused.
///
/// ```
/// use zmq_channels::security::Credentials;
/// use zmq_channels::{Context, Options, Pull, Push, Security};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let authenticator = context.authenticator()?;
/// std::thread::spawn(move || {
///     for request in authenticator {
///         match &request.credentials {
///             Credentials::Plain { username, password }
///                 if *username == "admin" && *password == "secret" =>
///             {
///                 request.accept("admin");
///             }
///             _ => request.deny("who are you?"),
///         }
///     }
/// });
/// let server = context.socket_with::<Pull>(Options::new().security(Security::PlainServer))?;
/// let security = Security::plain_client("admin", "secret");
/// let client = context.socket_with::<Push>(Options::new().security(security))?;
/// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
/// client.send_blocking("hello")?;
/// assert_eq!(server.recv_blocking()?[0], "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Authenticator {
    socket: Socket<Rep>,
    requests: Requests,
}

impl Authenticator {
    /// The next request, waiting until there is one. Dropping the future takes none.
    ///
    /// # Errors
    /// [`Closed`](RecvError::Closed) if the context has been shut down.
    pub async fn recv(&self) -> Result<AuthenticationRequest, RecvError> {
        loop {
            if let Some(request) = AuthenticationRequest::read(self.requests.recv().await?) {
                return Ok(request);
            }
        }
    }

    /// As [`recv`](Authenticator::recv), blocking the thread.
    ///
    /// # Errors
    /// Those of [`recv`](Authenticator::recv).
    pub fn recv_blocking(&self) -> Result<AuthenticationRequest, RecvError> {
        loop {
            if let Some(request) = AuthenticationRequest::read(self.requests.recv_blocking()?) {
                return Ok(request);
            }
        }
    }

    /// The next request if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none, and those of [`recv`](Authenticator::recv).
    pub fn try_recv(&self) -> Result<AuthenticationRequest, TryRecvError> {
        loop {
            if let Some(request) = AuthenticationRequest::read(self.requests.try_recv()?) {
                return Ok(request);
            }
        }
    }

    /// The next request, waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout) if none came, and those of
    /// [`recv`](Authenticator::recv).
    pub async fn recv_timeout(
        &self,
        timeout: Duration,
    ) -> Result<AuthenticationRequest, RecvTimeoutError> {
        let deadline = after(timeout);
        loop {
            let received = self.requests.recv_until(deadline).await?;
            if let Some(request) = AuthenticationRequest::read(received) {
                return Ok(request);
            }
        }
    }

    /// As [`recv_timeout`](Authenticator::recv_timeout), blocking the thread.
    ///
    /// # Errors
    /// Those of [`recv_timeout`](Authenticator::recv_timeout).
    pub fn recv_timeout_blocking(
        &self,
        timeout: Duration,
    ) -> Result<AuthenticationRequest, RecvTimeoutError> {
        let deadline = after(timeout);
        loop {
            let received = self.requests.recv_blocking_until(deadline)?;
            if let Some(request) = AuthenticationRequest::read(received) {
                return Ok(request);
            }
        }
    }

    /// A blocking iterator; ends when no more requests will come.
    pub fn iter(&self) -> impl Iterator<Item = AuthenticationRequest> + '_ {
        std::iter::from_fn(|| self.recv_blocking().ok())
    }
}

impl Stream for Authenticator {
    type Item = AuthenticationRequest;

    fn poll_next(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let requests = &mut self.get_mut().requests;
        loop {
            match Pin::new(&mut *requests).poll_next(context) {
                Poll::Ready(Some(request)) => {
                    if let Some(request) = AuthenticationRequest::read(request) {
                        return Poll::Ready(Some(request));
                    }
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("len", &self.requests.len())
            .field("type", &self.socket.socket_type())
            .finish_non_exhaustive()
    }
}

/// A blocking iterator over the requests of an [`Authenticator`]; ends when no more will come.
#[derive(Debug)]
pub struct AuthenticationRequests(Authenticator);

impl Iterator for AuthenticationRequests {
    type Item = AuthenticationRequest;

    fn next(&mut self) -> Option<AuthenticationRequest> {
        self.0.recv_blocking().ok()
    }
}

impl IntoIterator for Authenticator {
    type Item = AuthenticationRequest;
    type IntoIter = AuthenticationRequests;

    fn into_iter(self) -> AuthenticationRequests {
        AuthenticationRequests(self)
    }
}

/// A peer that wants to get in. Dropped without an answer (its thread panicked, say), it refuses
/// the peer with status 500.
pub struct AuthenticationRequest {
    /// The [`zap_domain`](crate::Options::zap_domain) of the socket the peer wants to
    /// talk to.
    pub domain: String,
    /// Where the peer is: its numeric address without the port; over ipc, on Linux,
    /// `localhost:` and its user, group and process id, with colons.
    pub address: String,
    /// The [`routing_id`](crate::Options::routing_id) of the socket the peer wants to
    /// talk to.
    pub routing_id: Frame,
    /// What the peer has shown.
    pub credentials: Credentials,
    /// The way back, until it is taken. Nothing comes of the answer if the peer has left.
    request: Option<Request>,
}

impl AuthenticationRequest {
    /// `None` for what is no request of ZAP: its sender gets no answer.
    fn read(request: Request) -> Option<Self> {
        let (applicant, credentials) = read_authentication_request(&request.message)?;
        let Applicant {
            address,
            domain,
            routing_id,
        } = applicant;
        Some(AuthenticationRequest {
            domain,
            address,
            routing_id: routing_id.into(),
            credentials,
            request: Some(request),
        })
    }

    /// Lets the peer in (status 200). Who it is stands in
    /// [`PeerIdentity::user_id`](crate::monitor::PeerIdentity#structfield.user_id); empty for none in
    /// particular.
    pub fn accept(mut self, user_id: impl AsRef<str>) {
        self.answer("200", "OK", user_id.as_ref(), &[]);
    }

    /// Lets the peer in with properties that are told with its name, in
    /// [`PeerIdentity::authenticated`](crate::monitor::PeerIdentity#structfield.authenticated). Their names
    /// are 1 to 255 letters, digits, or any of `-`, `_`, `.`, `+`: with another one the peer is
    /// refused, as [`AuthenticatorFault::InvalidMetadata`](crate::error::AuthenticatorFault).
    pub fn accept_with<N: Into<String>, V: Into<Vec<u8>>>(
        mut self,
        user_id: impl AsRef<str>,
        properties: impl IntoIterator<Item = (N, V)>,
    ) {
        let properties = properties.into_iter();
        let properties: Vec<(String, Vec<u8>)> = properties
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self.answer("200", "OK", user_id.as_ref(), &properties);
    }

    /// Turns the peer away (status 400): it is told so, but not why. `text` is for the monitors of
    /// this side.
    pub fn deny(mut self, text: impl AsRef<str>) {
        self.answer("400", text.as_ref(), "", &[]);
    }

    /// Turns the peer away for now (status 300): it is told nothing, and may come again.
    pub fn defer(mut self, text: impl AsRef<str>) {
        self.answer("300", text.as_ref(), "", &[]);
    }

    /// Turns the peer away because no decision was possible (status 500).
    pub fn fail(mut self, text: impl AsRef<str>) {
        self.answer("500", text.as_ref(), "", &[]);
    }

    fn answer(&mut self, status: &str, text: &str, user: &str, properties: &[(String, Vec<u8>)]) {
        if let Some(request) = self.request.take() {
            let reply = authentication_reply(&request.message, status, text, user, properties);
            // A peer that has left meanwhile needs no answer.
            let _ = request.reply(reply);
        }
    }
}

impl Drop for AuthenticationRequest {
    fn drop(&mut self) {
        self.answer("500", "no answer", "", &[]);
    }
}

impl fmt::Debug for AuthenticationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticationRequest")
            .field("domain", &self.domain)
            .field("address", &self.address)
            .field("routing_id", &self.routing_id)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
