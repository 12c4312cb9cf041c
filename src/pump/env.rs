//! The environment of a pump: streams, listeners, names, entropy. The real one is
//! [`os`](super::os), the seeded one for tests is `sim`.

use std::io::{self, Read, Write};

use crate::endpoint::Endpoint;
use crate::error::BindError;
use crate::options::Options;

use super::transport::{Begun, BoundListener, Check, Target};

/// A source of readiness, by its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Pipe(usize),
    Listener(usize),
}

/// Readiness of a source. Edge-triggered: reported once, valid until an operation returns
/// `WouldBlock`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) source: Source,
    pub(crate) readable: bool,
    /// The peer will write no more, or the stream is broken.
    pub(crate) read_closed: bool,
    pub(crate) writable: bool,
}

/// The environment as a pump uses it. No method blocks.
pub(crate) trait Env {
    type Stream: Read + Write;
    type Listener;

    /// Starts listening; returns the resolved endpoint. An address in use is reported like any
    /// other error.
    fn bind(
        &mut self,
        endpoint: &Endpoint,
        options: &Options,
        slot: usize,
    ) -> Result<(Self::Listener, Endpoint), BindError>;

    /// Takes over a listener that was bound elsewhere; returns its endpoint.
    fn adopt(
        &mut self,
        listener: BoundListener,
        options: &Options,
        slot: usize,
    ) -> Result<(Self::Listener, Endpoint), BindError>;

    /// Accepts one pending connection. The stream is not registered yet.
    fn accept(&mut self, listener: &Self::Listener) -> io::Result<Self::Stream>;

    /// The check for a connection accepted by this listener, if there is one. It calls users' code.
    fn check(
        &mut self,
        listener: &Self::Listener,
        stream: &Self::Stream,
    ) -> io::Result<Option<Check>>;

    /// Starts connecting. The stream is not registered yet.
    fn connect(&mut self, target: &Target, options: &Options) -> io::Result<Begun<Self::Stream>>;

    /// Whether a stream that was connecting is connected now.
    fn connected(&mut self, stream: &Self::Stream) -> io::Result<bool>;

    /// The local and the remote name of a connected stream, if they have any.
    fn names(&self, stream: &Self::Stream) -> (Option<Endpoint>, Option<Endpoint>);

    /// The address of a connected stream's peer in ZAP's form: the numeric address without the
    /// port; for ipc, `localhost` followed by the ids of its user, group and process, separated by
    /// colons.
    fn address(&self, stream: &Self::Stream) -> String;

    /// Registers a stream for readiness under the slot of its pipe.
    fn register(&mut self, stream: &mut Self::Stream, slot: usize) -> io::Result<()>;

    /// Sets whether a registered or connecting stream is registered for room to write, too.
    /// Initially it is.
    fn register_room(
        &mut self,
        stream: &mut Self::Stream,
        slot: usize,
        wanted: bool,
    ) -> io::Result<()>;

    /// Announces that no more bytes will be written.
    fn finish(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// Deregisters a stream, which the caller then drops.
    fn forget(&mut self, stream: &mut Self::Stream);

    /// Stops listening, even if it returns an error; the error says what could not be removed.
    fn unbind(&mut self, listener: Self::Listener) -> io::Result<()>;

    /// Looks up the host name of an endpoint on another thread; the result arrives as
    /// `Command::Resolved` with `ticket`. With `ipv6` addresses of both families are wanted.
    fn resolve(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64);

    /// The dialer of `ticket` no longer needs the result.
    fn stop_resolving(&mut self, ticket: u64);

    /// A lookup is done.
    fn resolved(&mut self);

    /// Fills bytes with entropy.
    fn entropy(&mut self, bytes: &mut [u8]) -> io::Result<()>;

    /// A random number, for jitter.
    fn random(&mut self) -> u64;
}
