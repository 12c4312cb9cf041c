//! Authentication of peers: requests of ZAP (RFC 27) as typed handles.

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
    /// Starts authenticating the peers of this context's sockets: see [`Authenticator`]. Create it
    /// before the sockets are bound.
    ///
    /// # Errors
    /// [`AuthenticatorError::Taken`] if the context already has one, or a socket is bound to
    /// `inproc://zeromq.zap.01`; [`AuthenticatorError::Socket`] if no socket can be opened.
    pub fn authenticator(&self) -> Result<Authenticator, AuthenticatorError> {
        // Independent of the options of other sockets.
        let socket = self.socket_with::<Rep>(Options::new())?;
        socket
            .bind("inproc://zeromq.zap.01")
            .map_err(|error| match error {
                BindError::Closed(_) => SocketError::Closed(Closed::Context).into(),
                _ => AuthenticatorError::Taken,
            })?;
        // Malformed ZAP requests are forgotten; the others are replied to when they are dropped.
        let requests = socket.requests().when_unanswered(Unanswered::Silence);
        Ok(Authenticator { socket, requests })
    }
}

/// Decides which peers are accepted: a receiver of [`AuthenticationRequest`]s, which may be decided
/// from any thread, in any order. Until then the peer's handshake waits, without blocking anything
/// else, for up to the [`handshake_timeout`](crate::Options::handshake_timeout) of its socket.
///
/// It authenticates the peers of sockets whose [`Security`](crate::Security) is `PlainServer` or
/// `CurveServer`, or that have a [`zap_domain`](crate::Options::zap_domain). It is the ZAP handler
/// (RFC 27) of the context: a REP socket bound to `inproc://zeromq.zap.01`. A handler written for
/// libzmq can bind its own REP or ROUTER there instead.
///
/// Cheap to clone; each request goes to one of the clones. When the last is dropped no peer is
/// authenticated any more, and peers that are still waiting are refused.
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
    /// Receives the next request, waiting until there is one. This method is cancel safe: if the
    /// future is dropped before it is ready, no request has been taken.
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

    /// Like [`recv`](Authenticator::recv), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv`](Authenticator::recv).
    pub fn recv_blocking(&self) -> Result<AuthenticationRequest, RecvError> {
        loop {
            if let Some(request) = AuthenticationRequest::read(self.requests.recv_blocking()?) {
                return Ok(request);
            }
        }
    }

    /// Receives the next request if there is one now.
    ///
    /// # Errors
    /// [`Empty`](TryRecvError::Empty) if there is none, and the errors of [`recv`](Authenticator::recv).
    pub fn try_recv(&self) -> Result<AuthenticationRequest, TryRecvError> {
        loop {
            if let Some(request) = AuthenticationRequest::read(self.requests.try_recv()?) {
                return Ok(request);
            }
        }
    }

    /// Receives the next request, waiting for at most `timeout`.
    ///
    /// # Errors
    /// [`Timeout`](RecvTimeoutError::Timeout) if none arrived, and the errors of
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

    /// Like [`recv_timeout`](Authenticator::recv_timeout), but blocks the current thread.
    ///
    /// # Errors
    /// Same as [`recv_timeout`](Authenticator::recv_timeout).
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

    /// Returns a blocking iterator; it ends when no more requests will arrive.
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

/// A blocking iterator over the requests of an [`Authenticator`]; ends when no more will arrive.
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

/// A peer to be authenticated. If it is dropped without a decision (because its thread panicked,
/// for example), the peer is refused with status 500.
pub struct AuthenticationRequest {
    /// The [`zap_domain`](crate::Options::zap_domain) of the socket that the peer connects to.
    pub domain: String,
    /// The peer's numeric address without the port; over ipc, on Linux, `localhost:` followed by
    /// its user, group and process id, separated by colons.
    pub address: String,
    /// The [`routing_id`](crate::Options::routing_id) of the socket that the peer connects to.
    pub routing_id: Frame,
    /// The peer's credentials.
    pub credentials: Credentials,
    /// The request to reply to; `None` once it is decided. If the peer has disconnected, the reply
    /// has no effect.
    request: Option<Request>,
}

impl AuthenticationRequest {
    /// `None` for a malformed ZAP request: its sender receives no reply.
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

    /// Accepts the peer (status 200) as the user `user_id`, which monitors report as
    /// [`PeerIdentity::user_id`](crate::monitor::PeerIdentity#structfield.user_id); empty for no
    /// user in particular.
    pub fn accept(mut self, user_id: impl AsRef<str>) {
        self.answer("200", "OK", user_id.as_ref(), &[]);
    }

    /// Accepts the peer and adds metadata, which is reported with its user id, in
    /// [`PeerIdentity::authenticated`](crate::monitor::PeerIdentity#structfield.authenticated).
    /// Names are 1 to 255 letters, digits, or any of `-`, `_`, `.`, `+`; with any other name the
    /// peer is refused, as
    /// [`AuthenticatorFault::InvalidMetadata`](crate::error::AuthenticatorFault).
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

    /// Rejects the peer (status 400): it learns that, but not why. `text` is for monitors on this
    /// side.
    pub fn deny(mut self, text: impl AsRef<str>) {
        self.answer("400", text.as_ref(), "", &[]);
    }

    /// Rejects the peer for now (status 300): it is not informed, and may connect again.
    pub fn defer(mut self, text: impl AsRef<str>) {
        self.answer("300", text.as_ref(), "", &[]);
    }

    /// Rejects the peer because no decision was possible (status 500).
    pub fn fail(mut self, text: impl AsRef<str>) {
        self.answer("500", text.as_ref(), "", &[]);
    }

    fn answer(&mut self, status: &str, text: &str, user: &str, properties: &[(String, Vec<u8>)]) {
        if let Some(request) = self.request.take() {
            let reply = authentication_reply(&request.message, status, text, user, properties);
            // If the peer has disconnected in the meantime, it needs no reply.
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
