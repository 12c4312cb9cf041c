//! TCP: `tcp://host:port`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mio::event::Source;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::accept_filter::{Check, ListenerFilter};
#[cfg(unix)]
use super::quiet;
use super::socket_options::SocketOptions;
use super::{backlog, invalid, is_in_progress, Begun};
use crate::endpoint::Host;
use crate::options::{Options, PeerAddress};

/// Maximum number of times that a port chosen by the system may turn out to be taken. With
/// `SO_REUSEADDR` the system may give two binders one port, and only the first to listen keeps it.
const EPHEMERAL_ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(crate) struct Listener {
    socket: mio::net::TcpListener,
    ipv6: bool,
    socket_options: SocketOptions,
    filter: ListenerFilter,
}

impl Listener {
    fn new(socket: mio::net::TcpListener, address: SocketAddr, options: &Options) -> Listener {
        Listener {
            socket,
            ipv6: address.is_ipv6(),
            socket_options: SocketOptions::new(options),
            filter: ListenerFilter::new(options),
        }
    }

    pub(super) fn check(&self, stream: &mio::net::TcpStream) -> io::Result<Option<Check>> {
        self.filter
            .check(|| stream.peer_addr().map(PeerAddress::Tcp))
    }

    pub(super) fn accept(&self) -> io::Result<(mio::net::TcpStream, SocketAddr)> {
        let (stream, peer) = self.socket.accept()?;
        // The listener has all of these already, so they are supported. If this fails, the peer is
        // gone already, and the first read will report it.
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        let _ = self.socket_options.apply_to_connection(&socket, self.ipv6);
        #[cfg(unix)]
        quiet::prepare(&socket);
        Ok((stream, peer))
    }

    #[cfg(all(test, unix))]
    pub(super) fn as_socket(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }
}

/// Listens on an address; names have been looked up before.
pub(super) fn bind(
    host: &Host,
    port: u16,
    options: &Options,
) -> io::Result<(Listener, SocketAddr)> {
    let listen = |address| listen(address, options);
    let socket = match (host, host.socket_addr(port)) {
        (Host::Any, _) if options.network.ipv6 => bind_any(port, listen)?,
        (Host::Any, _) => bind_at((Ipv4Addr::UNSPECIFIED, port).into(), listen)?,
        (_, Some(address)) => bind_at(address, listen)?,
        (_, None) => return Err(invalid("the name has not been looked up")),
    };
    let socket = mio::net::TcpListener::from_std(socket.into());
    let address = socket.local_addr()?;
    Ok((Listener::new(socket, address, options), address))
}

/// On both families, or on IPv4 alone if the system has no IPv6.
pub(super) fn bind_any<T>(
    port: u16,
    mut listen: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    match bind_at((Ipv6Addr::UNSPECIFIED, port).into(), &mut listen) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind_at((Ipv4Addr::UNSPECIFIED, port).into(), listen)
        }
        result => result,
    }
}

fn bind_at<T>(
    address: SocketAddr,
    mut listen: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut attempts = match address.port() {
        0 => EPHEMERAL_ATTEMPTS,
        _ => 1,
    };
    loop {
        attempts -= 1;
        match listen(address) {
            Err(error) if attempts > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
}

/// Takes over a socket that is bound and listens already.
pub(super) fn adopt(
    socket: std::net::TcpListener,
    options: &Options,
) -> io::Result<(Listener, SocketAddr)> {
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    SocketOptions::new(options).apply(&SockRef::from(&socket), address.is_ipv6())?;
    let socket = mio::net::TcpListener::from_std(socket);
    Ok((Listener::new(socket, address, options), address))
}

fn listen(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = non_blocking(address)?;
    // Connections of a previous listener stay in TIME_WAIT and would keep its port. On Windows this
    // option means something else: it would let any process take the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` accepts IPv4 peers too, whatever the system's default, as in libzmq.
        socket.set_only_v6(false)?;
    }
    SocketOptions::new(options).apply(&socket, address.is_ipv6())?;
    socket.bind(&address.into())?;
    socket.listen(backlog(options))?;
    Ok(socket)
}

pub(super) fn connect(
    address: SocketAddr,
    source: Option<SocketAddr>,
    options: &Options,
) -> io::Result<Begun<mio::net::TcpStream>> {
    let socket = non_blocking(address)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(unix)]
    quiet::prepare(&SockRef::from(&socket));
    SocketOptions::new(options).apply(&socket, address.is_ipv6())?;
    if let Some(source) = source {
        // Several destinations may be reached from one source port.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    let in_progress = match socket.connect(&address.into()) {
        Err(error) if !is_in_progress(&error) => return Err(error),
        outcome => outcome.is_err(),
    };
    Ok(Begun {
        stream: mio::net::TcpStream::from_std(socket.into()),
        in_progress,
    })
}

fn non_blocking(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(super) fn connected(stream: &mio::net::TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        // When connecting to a port without a listener, the system may choose that very port as the
        // source, and TCP connects the socket to itself.
        Ok(peer) if stream.local_addr()? == peer => {
            // Reset, or it would keep the port in TIME_WAIT for a socket that wants to listen
            // there.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            Err(io::Error::new(
                io::ErrorKind::ConnectionRefused,
                "connected to itself: no socket listens there",
            ))
        }
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected || is_in_progress(&error) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn name(address: SocketAddr) -> String {
    format!("tcp://{address}")
}
