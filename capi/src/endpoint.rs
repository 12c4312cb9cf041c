//! Endpoints (zmq_bind(3), zmq_connect(3), zmq_unbind(3), zmq_disconnect(3), zmq_connect_peer(3)).

use std::ffi::{c_char, c_int, c_void, CStr};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use zmq_channels::error::DetachError;
use zmq_channels::socket::BoundListener;
use zmq_channels::{RoutingId, SocketType};

use crate::errno::{done, Errno, Outcome, EFAULT, EINVAL, ENOCOMPATPROTO, ENOTSUP};
use crate::kind;
use crate::socket::{self, lock, Opened, Socket};

/// How long a connect waits for the endpoints before it: connections within a machine take much less.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a socket was bound and connected to.
pub(crate) struct Endpoints {
    /// `ZMQ_LAST_ENDPOINT`.
    pub(crate) last: String,
    /// As they were given.
    connected: Vec<String>,
    /// No wait for them has failed yet.
    is_patient: bool,
}

impl Default for Endpoints {
    fn default() -> Self {
        Endpoints {
            last: String::new(),
            connected: Vec::new(),
            is_patient: true,
        }
    }
}

impl Socket {
    /// Refuses what is no transport of this library as libzmq does: udp is for RADIO, which connects, and
    /// DISH, which binds.
    fn check_transport(&self, address: &str, binds: bool) -> Outcome {
        let fits = match self.kind {
            SocketType::Radio => !binds,
            SocketType::Dish => binds,
            _ => false,
        };
        match address.starts_with("udp://") && !fits {
            true => Err(ENOCOMPATPROTO),
            false => Ok(()),
        }
    }

    pub(crate) fn bind(&self, address: &str) -> Outcome {
        self.check_transport(address, true)?;
        let use_fd = self.settings().use_fd;
        let opened = self.opened()?;
        let bound = match use_fd {
            -1 => opened.socket.bind(address)?,
            fd => {
                // SAFETY: by setting ZMQ_USE_FD the user has given the descriptor to the socket.
                let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                opened.socket.bind_listener(listener(fd))?
            }
        };
        self.attached(bound.as_str(), false);
        Ok(())
    }

    pub(crate) fn connect(&self, address: &str) -> Outcome {
        self.check_transport(address, false)?;
        let is_known = lock(&self.endpoints)
            .connected
            .iter()
            .any(|known| known == address);
        if is_known && kind::connects_once(self.kind) && !address.starts_with("inproc:") {
            self.context.check()?;
            return Ok(());
        }
        let opened = self.opened()?;
        let before = lock(&self.endpoints).connected.len();
        self.wait_in_order(opened, address, before);
        let name = self.settings().connect_routing_id.take();
        match name {
            Some(name) => {
                let name = RoutingId::new(name).map_err(|_| EINVAL)?;
                opened.socket.connect_as(address, name)?;
            }
            None => {
                opened.socket.connect(address)?;
            }
        }
        self.attached(address, true);
        if before > 0 {
            self.wait_in_order(opened, address, before + 1);
        }
        Ok(())
    }

    fn connect_peer(&self, address: &str) -> Outcome<u32> {
        if !kind::numbers_peers(self.kind) {
            return Err(ENOTSUP);
        }
        let id = self.opened()?.socket.connect_peer(address)?;
        self.attached(address, true);
        id.as_u32().ok_or(EINVAL)
    }

    fn attached(&self, address: &str, connected: bool) {
        if address.starts_with("inproc:") {
            self.is_nearby.store(true, Ordering::Relaxed);
            self.acted();
        }
        let mut endpoints = lock(&self.endpoints);
        if connected {
            endpoints.connected.push(address.to_owned());
        }
        endpoints.last = address.to_owned();
    }

    /// Ends a listener or connections; libzmq does not distinguish the two calls.
    fn detach(&self, address: &str) -> Outcome {
        let opened = self.opened()?;
        let detached = match opened.socket.unbind(address) {
            Err(unbound @ (DetachError::NotFound(_) | DetachError::Endpoint(_))) => {
                match (opened.socket.disconnect(address), unbound) {
                    // One that can be bound and cannot be connected to, such as a wildcard.
                    (Err(DetachError::Endpoint(_)), unbound @ DetachError::NotFound(_)) => {
                        Err(unbound)
                    }
                    (disconnected, _) => disconnected,
                }
            }
            unbound => unbound,
        };
        lock(&self.endpoints)
            .connected
            .retain(|known| known != address);
        Ok(detached?)
    }

    /// Waits until the endpoints connected to so far have a peer, before and after another is
    /// connected to: in libzmq messages are assigned to endpoints in the order of these calls, here to
    /// peers in the order in which they are connected. A single endpoint needs no wait, those of other
    /// machines are not waited for, and one that has no listener is waited for once.
    fn wait_in_order(&self, opened: &Opened, address: &str, endpoints: usize) {
        let is_here = ["tcp://127.", "tcp://localhost:", "tcp://[::1]:", "ipc://"];
        let is_here = is_here.iter().any(|here| address.starts_with(here));
        if endpoints == 0 || !is_here || !kind::distributes(self.kind) {
            return;
        }
        if lock(&self.endpoints).is_patient {
            let waited = opened
                .socket
                .wait_connected_timeout_blocking(endpoints, PATIENCE);
            lock(&self.endpoints).is_patient = waited.is_ok();
        }
    }
}

/// A listener that the user has made. What kind it is shows when its address is asked for.
fn listener(fd: OwnedFd) -> BoundListener {
    let tcp = TcpListener::from(fd);
    match tcp.local_addr() {
        Ok(_) => tcp.into(),
        Err(_) => UnixListener::from(OwnedFd::from(tcp)).into(),
    }
}

/// Calls a function with a socket and a text from C.
///
/// # Safety
/// The address is null or a text that ends with NUL.
unsafe fn with<T>(
    handle: *mut c_void,
    address: *const c_char,
    call: impl FnOnce(&Socket, &str) -> Outcome<T>,
) -> Outcome<T> {
    let socket = socket::enter(handle)?;
    socket.context.check()?;
    if address.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: promised by the caller.
    let address = unsafe { CStr::from_ptr(address) };
    call(&socket, address.to_str().map_err(|_| EINVAL)?)
}

/// zmq_bind(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_bind(handle: *mut c_void, address: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { with(handle, address, Socket::bind) })
}

/// zmq_connect(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect(handle: *mut c_void, address: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { with(handle, address, Socket::connect) })
}

/// zmq_unbind(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_unbind(handle: *mut c_void, address: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { with(handle, address, Socket::detach) })
}

/// zmq_disconnect(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_disconnect(handle: *mut c_void, address: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { with(handle, address, Socket::detach) })
}

/// zmq_connect_peer(3): the routing id of the peer, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect_peer(handle: *mut c_void, address: *const c_char) -> u32 {
    // SAFETY: promised by the caller.
    let connected = unsafe { with(handle, address, Socket::connect_peer) };
    connected.unwrap_or_else(|errno| {
        crate::errno::set(errno);
        0
    })
}

/// zmq_disconnect_peer(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_disconnect_peer(handle: *mut c_void, routing_id: u32) -> c_int {
    done(socket::enter(handle).and_then(|socket| {
        if !kind::numbers_peers(socket.kind) {
            return Err(ENOTSUP);
        }
        let opened = socket.opened()?;
        Ok(opened.socket.disconnect_peer(RoutingId::from(routing_id))?)
    }))
}

/// Joins or leaves a group.
///
/// # Safety
/// The group is null or a text that ends with NUL.
unsafe fn with_group(handle: *mut c_void, group: *const c_char, joins: bool) -> c_int {
    // SAFETY: promised by the caller.
    let outcome = unsafe {
        with(handle, group, |socket, group| {
            if socket.kind != SocketType::Dish {
                return Err(ENOTSUP);
            }
            let opened = socket.opened()?;
            match joins {
                true => opened.socket.join(group).map_err(Errno::from),
                false => opened.socket.leave(group).map_err(Errno::from),
            }
        })
    };
    done(outcome)
}

/// zmq_join(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_join(handle: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { with_group(handle, group, true) }
}

/// zmq_leave(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_leave(handle: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { with_group(handle, group, false) }
}

/// zmq_socket_get_peer_state(3): `ZMQ_POLLOUT` if the peer of a ROUTER is known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_get_peer_state(
    handle: *mut c_void,
    routing_id: *const c_void,
    len: usize,
) -> c_int {
    // SAFETY: the caller gives that many bytes.
    let id = unsafe { crate::value::given(routing_id, len) };
    crate::errno::answer(socket::enter(handle).and_then(|socket| {
        if socket.kind != SocketType::Router {
            return Err(ENOTSUP);
        }
        let id = id.ok_or(EFAULT)?;
        let opened = socket.opened()?;
        if !opened.socket.has_peer(id) {
            return Err(crate::errno::EHOSTUNREACH);
        }
        match socket.peer_is_full(opened, id)? {
            true => Ok(0),
            false => Ok(c_int::from(crate::poll::OUT)),
        }
    }))
}
