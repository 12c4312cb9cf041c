//! What a pump needs of its environment: streams, listeners, names, entropy. The real one is
//! [`os`](super::os), the seeded one of the tests `sim`.

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

/// What became possible on a source. Edge-triggered: said once, true until an operation
/// returns `WouldBlock`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) source: Source,
    pub(crate) readable: bool,
    /// The peer will write no more, or the stream is broken.
    pub(crate) read_closed: bool,
    pub(crate) writable: bool,
}

/// The environment as a pump sees it. Nothing here blocks.
pub(crate) trait Env {
    type Stream: Read + Write;
    type Listener;

    /// Starts listening; returns the resolved endpoint. An address in use is an error of the
    /// system's like any other.
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

    /// Takes one connection that is waiting. The stream is not watched yet.
    fn accept(&mut self, listener: &Self::Listener) -> io::Result<Self::Stream>;

    /// The check that a connection must pass which this listener has accepted, if there is any. It is
    /// users' code.
    fn check(
        &mut self,
        listener: &Self::Listener,
        stream: &Self::Stream,
    ) -> io::Result<Option<Check>>;

    /// Starts connecting. The stream is not watched yet.
    fn connect(&mut self, target: &Target, options: &Options) -> io::Result<Begun<Self::Stream>>;

    /// Whether a stream that was connecting is connected by now.
    fn connected(&mut self, stream: &Self::Stream) -> io::Result<bool>;

    /// Our end of a connected stream and the peer's, as far as they have names.
    fn names(&self, stream: &Self::Stream) -> (Option<Endpoint>, Option<Endpoint>);

    /// Where the peer of a connected stream is, as ZAP has it: the numeric address without the
    /// port; for ipc, behind `localhost`, the ids of its user, group and process, with colons.
    fn address(&self, stream: &Self::Stream) -> String;

    /// Watches a stream for readiness under the slot of its pipe.
    fn watch(&mut self, stream: &mut Self::Stream, slot: usize) -> io::Result<()>;

    /// Whether a watched stream, or one that is connecting, is watched for room to write, too. It
    /// is from the start.
    fn watch_room(
        &mut self,
        stream: &mut Self::Stream,
        slot: usize,
        wanted: bool,
    ) -> io::Result<()>;

    /// Says that nothing more will be written.
    fn finish(&mut self, stream: &mut Self::Stream) -> io::Result<()>;

    /// Stops watching a stream, which the caller then drops.
    fn forget(&mut self, stream: &mut Self::Stream);

    /// Stops listening, whatever it returns; an error says what had to be left behind.
    fn unbind(&mut self, listener: Self::Listener) -> io::Result<()>;

    /// Looks the host name of an endpoint up elsewhere; the answer comes as
    /// `Command::Resolved` with `ticket`. With `ipv6` addresses of both families are wanted.
    fn resolve(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64);

    /// No dialer is behind `ticket` any more.
    fn stop_resolving(&mut self, ticket: u64);

    /// A lookup has been answered.
    fn resolved(&mut self);

    /// Fills bytes with entropy.
    fn entropy(&mut self, bytes: &mut [u8]) -> io::Result<()>;

    /// A random number, for jitter.
    fn random(&mut self) -> u64;
}
