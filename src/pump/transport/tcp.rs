//! TCP: `tcp://host:port`.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{backlog, is_in_progress, resolve, KernelBuffers};
use crate::endpoint::Host;
use crate::options::Options;

/// How often a port of the system's choice may turn out taken. With `SO_REUSEADDR` the system
/// may give two binders one port, and only the first to listen keeps it.
const EPHEMERAL_ATTEMPTS: usize = 16;

#[derive(Debug)]
pub(crate) struct Listener {
    socket: mio::net::TcpListener,
    buffers: KernelBuffers,
}

impl Listener {
    pub(super) fn accept(&self) -> io::Result<(mio::net::TcpStream, SocketAddr)> {
        let (stream, peer) = self.socket.accept()?;
        // The buffers are the listener's already, on every system known to us. Should this fail,
        // then because the peer is gone again, and the first read will say so.
        let socket = SockRef::from(&stream);
        let _ = socket.set_tcp_nodelay(true);
        let _ = self.buffers.apply(&socket);
        Ok((stream, peer))
    }

    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }
}

/// Listens on the first address of the host. The names of interfaces are not looked up: neither
/// the standard library nor the sockets below it can list interfaces.
pub(super) fn bind(
    host: &Host,
    port: u16,
    options: &Options,
) -> io::Result<(Listener, SocketAddr)> {
    let addresses = resolve(host, port).map_err(|error| explain_interfaces(host, error))?;
    // `resolve` never returns none, but an error costs less than the proof.
    let address = *addresses.first().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut attempts = if port == 0 { EPHEMERAL_ATTEMPTS } else { 1 };
    let socket = loop {
        attempts -= 1;
        match listen(address, options) {
            Err(error) if attempts > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            result => break result?,
        }
    };
    let socket = mio::net::TcpListener::from_std(socket.into());
    let address = socket.local_addr()?;
    let buffers = KernelBuffers::new(options);
    Ok((Listener { socket, buffers }, address))
}

fn explain_interfaces(host: &Host, error: io::Error) -> io::Error {
    match host {
        Host::Name(_) => io::Error::new(
            error.kind(),
            format!("{error} (to bind to an interface, give its address, not its name)"),
        ),
        Host::Any | Host::V4(_) | Host::V6(..) => error,
    }
}

fn listen(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = non_blocking(address)?;
    // Connections of a listener that is gone stay in TIME_WAIT and would keep its port. Windows
    // means something else by this option: it would let anybody steal the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 peers too, whatever the system's default, as libzmq does it.
        socket.set_only_v6(false)?;
    }
    KernelBuffers::new(options).apply(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(backlog(options))?;
    Ok(socket)
}

pub(super) fn connect(
    address: SocketAddr,
    source: Option<SocketAddr>,
    options: &Options,
) -> io::Result<mio::net::TcpStream> {
    let socket = non_blocking(address)?;
    socket.set_tcp_nodelay(true)?;
    KernelBuffers::new(options).apply(&socket)?;
    if let Some(source) = source {
        // Several destinations may be reached from one source port.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    match socket.connect(&address.into()) {
        Err(error) if !is_in_progress(&error) => Err(error),
        Ok(()) | Err(_) => Ok(mio::net::TcpStream::from_std(socket.into())),
    }
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
        // Connecting to a port nobody listens on, the system may choose that very port to leave
        // from, and TCP connects the socket to itself.
        Ok(peer) if stream.local_addr()? == peer => Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "connected to itself: nobody listens there",
        )),
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
