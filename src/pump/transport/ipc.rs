//! IPC: `ipc://path` over Unix domain sockets, and `ipc://@name` in Linux's abstract namespace.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::path::Path;

use mio::event::Source;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::accept_filter::{Check, ListenerFilter};
use super::ipc_path::{bind_path, bind_wildcard, directory_is_not_text, BoundFile};
use super::{backlog, invalid, is_in_progress, quiet, Begun, KernelBuffers};
use crate::endpoint::IpcAddress;
use crate::options::{Options, PeerAddress};

#[derive(Debug)]
pub(crate) struct Stream {
    socket: mio::net::UnixStream,
    /// The endpoint of the listener.
    name: Box<str>,
}

#[derive(Debug)]
pub(crate) struct Listener {
    // Dropped before the socket: as long as that is open, the file does not count as stale, and no
    // other file can have its inode.
    _file: Option<BoundFile>,
    socket: mio::net::UnixListener,
    name: Box<str>,
    buffers: KernelBuffers,
    filter: ListenerFilter,
}

impl Listener {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self, stream: &Stream) -> io::Result<Option<Check>> {
        self.filter.check(|| Ok(credentials(&stream.socket)))
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        let (socket, _unnamed) = self.socket.accept()?;
        // If this fails, the peer is gone already, and the first read will report it.
        let _ = self.buffers.apply(&SockRef::from(&socket));
        quiet::prepare(&SockRef::from(&socket));
        Ok(Stream {
            socket,
            name: self.name.clone(),
        })
    }

    /// Stops listening; an error says that the file could not be removed.
    pub(super) fn close(self) -> io::Result<()> {
        self._file.as_ref().map_or(Ok(()), BoundFile::remove)
    }

    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }
}

pub(super) fn bind(address: &IpcAddress, options: &Options) -> io::Result<Listener> {
    let (socket, file, name) = match address {
        IpcAddress::Wildcard => {
            let (socket, file) = bind_wildcard(options)?;
            let path = file.path.to_str().ok_or_else(directory_is_not_text)?;
            let name = format!("ipc://{path}");
            (socket, Some(file), name)
        }
        IpcAddress::Path(path) => {
            let (socket, file) = bind_path(Path::new(path), options)?;
            (socket, Some(file), format!("ipc://{path}"))
        }
        IpcAddress::Abstract(name) => {
            let socket = listen(&abstract_address(name)?, options)?;
            (socket, None, format!("ipc://@{name}"))
        }
    };
    Ok(Listener {
        _file: file,
        socket: mio::net::UnixListener::from_std(socket.into()),
        name: name.into(),
        buffers: KernelBuffers::new(options),
        filter: ListenerFilter::new(options),
    })
}

/// Takes over a socket that is bound and listens already. Its file, if it has one, is not removed.
pub(super) fn adopt(
    socket: std::os::unix::net::UnixListener,
    options: &Options,
) -> io::Result<Listener> {
    socket.set_nonblocking(true)?;
    let name = name_of(&socket.local_addr()?)?;
    KernelBuffers::new(options).apply(&SockRef::from(&socket))?;
    Ok(Listener {
        _file: None,
        socket: mio::net::UnixListener::from_std(socket),
        name: name.into(),
        buffers: KernelBuffers::new(options),
        filter: ListenerFilter::new(options),
    })
}

/// The endpoint of a bound address.
fn name_of(address: &std::os::unix::net::SocketAddr) -> io::Result<String> {
    let not_text = || invalid("the socket has a name that is not UTF-8");
    if let Some(path) = address.as_pathname() {
        let path = path.to_str().ok_or_else(not_text)?;
        // A file of that name in this directory, neither an abstract name nor a wildcard.
        let here = if path.starts_with('@') || path == "*" {
            "./"
        } else {
            ""
        };
        return Ok(format!("ipc://{here}{path}"));
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = abstract_name(address) {
        let name = std::str::from_utf8(name).map_err(|_| not_text())?;
        return Ok(format!("ipc://@{name}"));
    }
    Err(invalid("the socket has no name that could be connected to"))
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &std::os::unix::net::SocketAddr) -> Option<&[u8]> {
    std::os::linux::net::SocketAddrExt::as_abstract_name(address)
}

#[cfg(target_os = "android")]
fn abstract_name(address: &std::os::unix::net::SocketAddr) -> Option<&[u8]> {
    std::os::android::net::SocketAddrExt::as_abstract_name(address)
}

/// The peer's process, as the kernel recorded it when it connected.
#[cfg(target_os = "linux")]
fn credentials(socket: &mio::net::UnixStream) -> PeerAddress {
    let known = rustix::net::sockopt::socket_peercred(socket).ok();
    // A process of another PID namespace has no id here: the kernel returns zero, although the type
    // excludes that.
    let pid = known.map(|peer| std::hint::black_box(peer.pid.as_raw_nonzero().get()));
    PeerAddress::Ipc {
        pid: pid.filter(|&pid| pid != 0),
        uid: known.map(|peer| peer.uid.as_raw()),
        gid: known.map(|peer| peer.gid.as_raw()),
    }
}

#[cfg(not(target_os = "linux"))]
fn credentials(_socket: &mio::net::UnixStream) -> PeerAddress {
    PeerAddress::Ipc {
        pid: None,
        uid: None,
        gid: None,
    }
}

pub(super) fn connect(address: &IpcAddress, options: &Options) -> io::Result<Begun<Stream>> {
    let (address, name) = match address {
        IpcAddress::Wildcard => return Err(invalid("ipc://* is for binding")),
        IpcAddress::Path(path) => (SockAddr::unix(path)?, format!("ipc://{path}")),
        IpcAddress::Abstract(name) => (abstract_address(name)?, format!("ipc://@{name}")),
    };
    let socket = non_blocking()?;
    KernelBuffers::new(options).apply(&socket)?;
    quiet::prepare(&SockRef::from(&socket));
    let in_progress = match socket.connect(&address) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            return Err(io::Error::new(
                ErrorKind::ResourceBusy,
                "the backlog of the listener is full",
            ))
        }
        Err(error) if !is_in_progress(&error) => return Err(error),
        outcome => outcome.is_err(),
    };
    let stream = Stream {
        socket: mio::net::UnixStream::from_std(socket.into()),
        name: name.into(),
    };
    Ok(Begun {
        stream,
        in_progress,
    })
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &str) -> io::Result<SockAddr> {
    // The address ends with the name: a NUL after it would be part of it.
    SockAddr::unix(format!("\0{name}"))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_name: &str) -> io::Result<SockAddr> {
    Err(io::Error::new(
        ErrorKind::Unsupported,
        "abstract ipc names exist on Linux only",
    ))
}

pub(super) fn listen(address: &SockAddr, options: &Options) -> io::Result<Socket> {
    let socket = non_blocking()?;
    KernelBuffers::new(options).apply(&socket)?;
    socket.bind(address)?;
    socket.listen(backlog(options))?;
    Ok(socket)
}

pub(super) fn non_blocking() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Stream {
    /// The peer's process, in the form libzmq uses for ZAP.
    pub(super) fn address(&self) -> String {
        let id = |id: Option<i64>| id.map_or_else(String::new, |id| id.to_string());
        match credentials(&self.socket) {
            PeerAddress::Ipc { pid, uid, gid } if uid.is_some() => {
                let (uid, gid) = (id(uid.map(i64::from)), id(gid.map(i64::from)));
                format!("localhost:{uid}:{gid}:{}", id(pid.map(i64::from)))
            }
            PeerAddress::Ipc { .. } | PeerAddress::Tcp(_) => "localhost".to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[cfg(test)]
    pub(super) fn as_socket(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    pub(super) fn connected(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotConnected || is_in_progress(&error) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        &mut self.socket
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.read_vectored(buffers)
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        quiet::write(&SockRef::from(&self.socket), buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        quiet::write_vectored(&SockRef::from(&self.socket), buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
