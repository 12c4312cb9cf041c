//! Byte streams between peers: endpoints as sockets of the operating system.
//!
//! Everything here is non-blocking, except [`lookup`] and [`settle`], which call the system's
//! resolver. inproc endpoints have no bytes and are handled elsewhere.

pub(crate) use accept_filter::Check;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::endpoint::{Address, Endpoint, IpcAddress};
use crate::error::BindError;
use crate::options::Options;

mod accept_filter;
mod interfaces;
#[cfg(unix)]
mod ipc;
#[cfg(unix)]
mod ipc_path;
#[cfg(unix)]
mod quiet;
mod resolve;
mod socket_options;
pub(crate) mod socks;
mod tcp;
#[cfg(test)]
mod tests;

pub(crate) use resolve::{is_unsettled, lookup, settle, targets, Resolution};

/// Whether a read or a write that did less than it was asked to ends the readiness: what comes later
/// is reported. On Windows, mio reports it only after an operation returned `WouldBlock`.
pub(crate) const SHORT_ENDS_READINESS: bool = cfg!(not(windows));

/// One connection, established or in progress.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Ipc(ipc::Stream),
}

/// A listening socket. Dropping it stops listening and removes the file of an ipc endpoint.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(tcp::Listener),
    #[cfg(unix)]
    Ipc(ipc::Listener),
}

/// One address to connect to, without names to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Tcp {
        addr: SocketAddr,
        source: Option<SocketAddr>,
    },
    Ipc(IpcAddress),
}

/// A connection that was started.
#[derive(Debug)]
pub(crate) struct Begun<S> {
    pub(crate) stream: S,
    /// Whether it was not established at once.
    pub(crate) in_progress: bool,
}

impl<S> Begun<S> {
    fn map<T>(self, change: impl FnOnce(S) -> T) -> Begun<T> {
        Begun {
            stream: change(self.stream),
            in_progress: self.in_progress,
        }
    }
}

/// Listens, and returns the resolved endpoint, which has no wildcard left and can be connected to.
/// Names are looked up by [`settle`].
pub(crate) fn bind(
    endpoint: &Endpoint,
    options: &Options,
) -> Result<(Listener, Endpoint), BindError> {
    match endpoint.address() {
        Address::Tcp { host, port, .. } => {
            let (listener, address) =
                tcp::bind(host, *port, options).map_err(|source| bind_error(endpoint, source))?;
            Ok((Listener::Tcp(listener), Endpoint::from_tcp(address)))
        }
        #[cfg(unix)]
        Address::Ipc(address) => {
            let listener =
                ipc::bind(address, options).map_err(|source| bind_error(endpoint, source))?;
            let resolved = Endpoint::parse_for_connect(listener.name())?;
            Ok((Listener::Ipc(listener), resolved))
        }
        #[cfg(not(unix))]
        Address::Ipc(_) => Err(bind_error(endpoint, no_ipc_here())),
        Address::Inproc { .. } => Err(bind_error(endpoint, inproc_has_no_bytes())),
    }
}

/// A listener that was bound elsewhere: made from a [`std::net::TcpListener`] or, on Unix, a
/// `std::os::unix::net::UnixListener`, for [`Socket::bind_listener`](crate::Socket::bind_listener).
#[derive(Debug)]
pub struct BoundListener(Bound);

#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Ipc(std::os::unix::net::UnixListener),
}

impl From<std::net::TcpListener> for BoundListener {
    fn from(listener: std::net::TcpListener) -> Self {
        BoundListener(Bound::Tcp(listener))
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for BoundListener {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        BoundListener(Bound::Ipc(listener))
    }
}

/// Takes over a listener that was bound elsewhere, and returns its endpoint.
pub(crate) fn adopt(
    BoundListener(listener): BoundListener,
    options: &Options,
) -> Result<(Listener, Endpoint), BindError> {
    let error = |source| BindError::Io {
        endpoint: "a listener bound elsewhere".to_owned(),
        source,
    };
    match listener {
        Bound::Tcp(listener) => {
            check_listens(&SockRef::from(&listener)).map_err(error)?;
            let (listener, address) = tcp::adopt(listener, options).map_err(error)?;
            Ok((Listener::Tcp(listener), Endpoint::from_tcp(address)))
        }
        #[cfg(unix)]
        Bound::Ipc(listener) => {
            check_listens(&SockRef::from(&listener)).map_err(error)?;
            let listener = ipc::adopt(listener, options).map_err(error)?;
            let resolved = Endpoint::parse_for_connect(listener.name())?;
            Ok((Listener::Ipc(listener), resolved))
        }
    }
}

/// The descriptor may be bound without listening. Not every system can tell; elsewhere each accept
/// fails.
fn check_listens(socket: &socket2::Socket) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
    if !socket.is_listener()? {
        return Err(invalid("the socket does not listen"));
    }
    let _ = socket;
    Ok(())
}

fn bind_error(endpoint: &Endpoint, source: io::Error) -> BindError {
    let endpoint = endpoint.to_string();
    BindError::Io { endpoint, source }
}

/// Starts to connect. Unless it is established at once, [`Stream::connected`] returns the result
/// when the stream is writable.
///
/// A refusal may be reported at once or later. An ipc listener whose backlog is full returns
/// [`ResourceBusy`](io::ErrorKind::ResourceBusy) at once: worth another try.
pub(crate) fn connect(target: &Target, options: &Options) -> io::Result<Begun<Stream>> {
    match target {
        Target::Tcp { addr, source } => {
            tcp::connect(*addr, *source, options).map(|begun| begun.map(Stream::Tcp))
        }
        #[cfg(unix)]
        Target::Ipc(address) => ipc::connect(address, options).map(|begun| begun.map(Stream::Ipc)),
        #[cfg(not(unix))]
        Target::Ipc(_) => Err(no_ipc_here()),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn inproc_has_no_bytes() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "inproc endpoints have no byte stream",
    )
}

#[cfg(not(unix))]
fn no_ipc_here() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "ipc endpoints need Unix domain sockets",
    )
}

impl Stream {
    /// Whether the connection is established. `false` while it is in progress: call again when the
    /// stream is writable. An error says why it failed.
    pub(crate) fn connected(&self) -> io::Result<bool> {
        match self {
            Stream::Tcp(stream) => tcp::connected(stream),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.connected(),
        }
    }

    /// Whether the system reports that it is writable each time the peer has read, and not only after a
    /// write that found no room.
    pub(crate) fn is_writable_after_each_read(&self) -> bool {
        match self {
            Stream::Tcp(_) => false,
            #[cfg(unix)]
            Stream::Ipc(_) => true,
        }
    }

    /// The peer's name, such as `tcp://127.0.0.1:5555`. Both ends of an ipc stream have the name of
    /// the listener.
    pub(crate) fn peer_name(&self) -> io::Result<String> {
        match self {
            Stream::Tcp(stream) => stream.peer_addr().map(tcp::name),
            #[cfg(unix)]
            Stream::Ipc(stream) => Ok(stream.name().to_owned()),
        }
    }

    /// The peer's address in ZAP's form (RFC 27, The ZAP Request, and libzmq for ipc).
    pub(crate) fn address(&self) -> String {
        match self {
            Stream::Tcp(stream) => {
                let peer = stream.peer_addr();
                peer.map_or_else(
                    |_| String::new(),
                    |peer| peer.ip().to_canonical().to_string(),
                )
            }
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.address(),
        }
    }

    /// The name of this end, in the same form.
    pub(crate) fn local_name(&self) -> io::Result<String> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().map(tcp::name),
            #[cfg(unix)]
            Stream::Ipc(stream) => Ok(stream.name().to_owned()),
        }
    }

    /// Announces that no more bytes will be written; reading continues.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    fn as_source(&mut self) -> &mut dyn Source {
        match self {
            Stream::Tcp(stream) => stream,
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.as_source(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.read(buffer),
        }
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read_vectored(buffers),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.read_vectored(buffers),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Stream::Tcp(stream) => quiet::write(&SockRef::from(&*stream), buffer),
            #[cfg(not(unix))]
            Stream::Tcp(stream) => stream.write(buffer),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.write(buffer),
        }
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Stream::Tcp(stream) => quiet::write_vectored(&SockRef::from(&*stream), buffers),
            #[cfg(not(unix))]
            Stream::Tcp(stream) => stream.write_vectored(buffers),
            #[cfg(unix)]
            Stream::Ipc(stream) => stream.write_vectored(buffers),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Listener {
    /// Accepts the next connection and returns its name, such as `tcp://127.0.0.1:40404`; an ipc
    /// peer has only its listener's name. Accept until `WouldBlock`: readiness is reported once.
    ///
    /// An error concerns that one connection (`ConnectionAborted`) or this process (no more
    /// descriptors), never the listener, which continues to listen. No new readiness is reported
    /// for connections left pending, so try again after a while.
    pub(crate) fn accept(&self) -> io::Result<(Stream, String)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((Stream::Tcp(stream), tcp::name(peer)))
            }
            #[cfg(unix)]
            Listener::Ipc(listener) => {
                let stream = listener.accept()?;
                let name = stream.name().to_owned();
                Ok((Stream::Ipc(stream), name))
            }
        }
    }

    /// The check for a connection accepted by this listener, if it has a filter.
    pub(crate) fn check(&self, stream: &Stream) -> io::Result<Option<Check>> {
        match (self, stream) {
            (Listener::Tcp(listener), Stream::Tcp(stream)) => listener.check(stream),
            #[cfg(unix)]
            (Listener::Ipc(listener), Stream::Ipc(stream)) => listener.check(stream),
            #[cfg(unix)]
            _ => Ok(None),
        }
    }

    /// Stops listening; an error says what could not be removed.
    pub(crate) fn close(self) -> io::Result<()> {
        match self {
            Listener::Tcp(_) => Ok(()),
            #[cfg(unix)]
            Listener::Ipc(listener) => listener.close(),
        }
    }

    fn as_source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => listener.as_source(),
            #[cfg(unix)]
            Listener::Ipc(listener) => listener.as_source(),
        }
    }
}

macro_rules! delegate_source {
    ($($kind:ty),*) => {
        $(impl Source for $kind {
            fn register(&mut self, to: &Registry, token: Token, what: Interest) -> io::Result<()> {
                self.as_source().register(to, token, what)
            }

            fn reregister(&mut self, to: &Registry, token: Token, what: Interest) -> io::Result<()> {
                self.as_source().reregister(to, token, what)
            }

            fn deregister(&mut self, from: &Registry) -> io::Result<()> {
                self.as_source().deregister(from)
            }
        })*
    };
}

delegate_source!(Stream, Listener);

/// The kernel buffers requested in the options. Set before connecting or listening: only then do
/// they affect the TCP window.
#[derive(Clone, Copy, Debug)]
struct KernelBuffers {
    send: Option<usize>,
    receive: Option<usize>,
}

impl KernelBuffers {
    fn new(options: &Options) -> KernelBuffers {
        KernelBuffers {
            send: options.network.kernel_send_buffer,
            receive: options.network.kernel_receive_buffer,
        }
    }

    fn apply(self, socket: &socket2::Socket) -> io::Result<()> {
        if let Some(bytes) = self.send {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        Ok(())
    }
}

/// The backlog in the system's type.
fn backlog(options: &Options) -> i32 {
    options.connections.backlog.try_into().unwrap_or(i32::MAX)
}

/// Whether a non-blocking `connect` is in progress (`EINPROGRESS`, on Windows `WSAEWOULDBLOCK`).
/// The standard library's `ErrorKind` for it is not stable, hence the numbers.
fn is_in_progress(error: &io::Error) -> bool {
    const EINPROGRESS: i32 = if cfg!(any(
        target_os = "solaris",
        target_os = "illumos",
        all(
            target_os = "linux",
            any(
                target_arch = "mips",
                target_arch = "mips64",
                target_arch = "mips32r6",
                target_arch = "mips64r6"
            )
        )
    )) {
        150
    } else if cfg!(all(
        any(target_os = "linux", target_os = "android"),
        not(any(target_arch = "sparc", target_arch = "sparc64"))
    )) {
        115
    } else {
        // The BSDs, Apple's systems, and Linux on SPARC.
        36
    };
    if cfg!(windows) {
        return error.kind() == io::ErrorKind::WouldBlock;
    }
    error.raw_os_error() == Some(EINPROGRESS)
}
