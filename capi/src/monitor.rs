//! Monitors (zmq_socket_monitor(3), zmq_socket_monitor_versioned(3)): a thread that sends the events
//! of a socket's connections to another socket, which the user connects to over inproc.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::Arc;
use std::task::Waker;
use std::thread;

use zmq_channels::monitor::{DisconnectReason, Event, EventKind, Monitor};
use zmq_channels::options::Options;
use zmq_channels::select::Selected;
use zmq_channels::{Any, Endpoint, Frame, Linger, Message, Select, SocketType};

use crate::errno::{done, Errno, Outcome, EAGAIN, EFAULT, EINVAL, EMTHREAD};
use crate::kind;
use crate::socket::{self, lock, Socket};
use crate::wait::BlockedSignals;

const EPROTONOSUPPORT: Errno = Errno(libc::EPROTONOSUPPORT);

/// `ZMQ_EVENT_MONITOR_STOPPED`.
const STOPPED: u64 = 0x0400;

/// `ZMQ_EVENT_PIPES_STATS`.
const PIPES_STATS: u64 = 0x10000;

/// The events that messages of version 1 have room for.
const EVENTS_OF_V1: u64 = 0xFFFF;

/// A running monitor.
pub(crate) struct Reporter {
    outlet: Arc<Outlet>,
    /// Wakes the thread to its end.
    stop: Waker,
}

/// Where events are sent.
struct Outlet {
    socket: zmq_channels::Socket<Any>,
    version: c_int,
    wanted: u64,
}

impl Outlet {
    /// Sends an event if it is wanted. Without room for it, it is lost: the socket that is observed
    /// does not wait.
    fn send(&self, event: u64, values: &[u64], ends: [&str; 3]) {
        if self.wanted & event == 0 {
            return;
        }
        let [endpoint, local, remote] = ends;
        let message = match self.version {
            1 => {
                let mut head = Vec::with_capacity(6);
                head.extend((event as u16).to_ne_bytes());
                let value = values.first().copied().unwrap_or(0);
                head.extend((value as u32).to_ne_bytes());
                Message::from((head, endpoint))
            }
            _ => {
                let mut frames = vec![
                    Frame::from(event.to_ne_bytes()),
                    Frame::from((values.len() as u64).to_ne_bytes()),
                ];
                frames.extend(values.iter().map(|value| Frame::from(value.to_ne_bytes())));
                frames.extend([Frame::from(local), Frame::from(remote)]);
                Message::from(frames)
            }
        };
        let _ = self.socket.try_send(message);
    }

    /// Whether an event is one that libzmq has too.
    fn is_known(event: &Event) -> bool {
        // It has none of inproc connections, nor of those that the user ends.
        let is_local = |reason: &DisconnectReason| *reason == DisconnectReason::Local;
        match &event.kind {
            EventKind::Disconnected { reason } if is_local(reason) => false,
            _ => event.endpoint.as_ref().map(Endpoint::transport) != Some("inproc"),
        }
    }

    fn report(&self, event: &Event, accepted: &mut BTreeSet<u64>) {
        let Some(number) = event.kind.zmq_event() else {
            return;
        };
        let value = match &event.kind {
            EventKind::ConnectDelayed => libc::EINPROGRESS,
            EventKind::HandshakeSucceeded(_) | EventKind::Stopped => 0,
            // Where libzmq has a descriptor, which the library does not give away.
            EventKind::HandshakeFailed { reason } if reason.zmq_value().is_none() => libc::EPIPE,
            EventKind::Disconnected { .. } | EventKind::ConnectFailed { .. } => -1,
            kind => kind.zmq_value().unwrap_or(-1),
        };
        let value = u64::from(value as u32);
        let text = |end: &Option<Endpoint>| end.as_ref().map_or("", Endpoint::as_str).to_owned();
        let (endpoint, mut local, mut remote) = (
            text(&event.endpoint),
            text(&event.local),
            text(&event.remote),
        );
        match (&event.kind, event.connection) {
            (EventKind::Listening, _) => local.clone_from(&endpoint),
            (EventKind::Accepted, Some(connection)) => _ = accepted.insert(connection),
            _ => {}
        }
        // The end of an ipc connection that was not bound has no name.
        if let (true, Some(connection)) = (endpoint.starts_with("ipc:"), event.connection) {
            let unbound = match accepted.contains(&connection) {
                true => &mut remote,
                false => &mut local,
            };
            "ipc://".clone_into(unbound);
        }
        if let (EventKind::Disconnected { .. }, Some(connection)) = (&event.kind, event.connection)
        {
            accepted.remove(&connection);
        }
        if Self::is_known(event) {
            self.send(number.into(), &[value], [&endpoint, &local, &remote]);
        }
    }
}

/// Sends the events until the socket has closed or the thread is told to stop.
fn run(mut select: Select<'_, Event>, outlet: &Outlet) {
    // The numbers of the connections that were accepted.
    let mut accepted = BTreeSet::new();
    loop {
        match select.wait() {
            Ok(Selected::Received(_, event)) => {
                outlet.report(&event, &mut accepted);
                if event.kind == EventKind::Stopped {
                    break;
                }
            }
            Ok(Selected::Woken(_)) => {
                outlet.send(STOPPED, &[0], ["", "", ""]);
                break;
            }
            Ok(_) | Err(_) => break,
        }
    }
    drop(outlet.socket.close());
}

impl Socket {
    fn monitor(&self, address: &str, wanted: u64, version: c_int, number: c_int) -> Outcome {
        if !(1..=2).contains(&version) || (version == 1 && wanted & !EVENTS_OF_V1 != 0) {
            return Err(EINVAL);
        }
        if !address.starts_with("inproc://") {
            return Err(EPROTONOSUPPORT);
        }
        let kind = kind::of_number(number)?;
        if !matches!(kind, SocketType::Pair | SocketType::Pub | SocketType::Push) {
            return Err(EINVAL);
        }
        let opened = self.opened()?;
        let mut reporter = lock(&self.reporter);
        if let Some(old) = reporter.take() {
            old.stop.wake();
        }
        let options = Options::new().linger(Linger::For(std::time::Duration::ZERO));
        let socket = self.context.open_socket(kind, options)?;
        socket.bind(address)?;
        let outlet = Arc::new(Outlet {
            socket,
            version,
            wanted,
        });
        *reporter = Some(start(opened.socket.monitor()?, outlet)?);
        Ok(())
    }

    fn stop_monitor(&self) {
        if let Some(reporter) = lock(&self.reporter).take() {
            reporter.stop.wake();
        }
    }

    fn report_pipes(&self) -> Outcome {
        let reporter = lock(&self.reporter);
        let outlet = &reporter.as_ref().ok_or(EINVAL)?.outlet;
        if outlet.wanted & PIPES_STATS == 0 {
            return Err(EINVAL);
        }
        let peers = self.opened()?.socket.statistics()?.peers;
        if peers.is_empty() {
            return Err(EAGAIN);
        }
        for peer in peers {
            let endpoint = peer.endpoint.as_ref().map_or("", Endpoint::as_str);
            // What was received is in the socket's queue, which its connections share.
            let queued = [peer.queued as u64, 0];
            outlet.send(PIPES_STATS, &queued, [endpoint, endpoint, endpoint]);
        }
        Ok(())
    }
}

fn start(monitor: Monitor, outlet: Arc<Outlet>) -> Outcome<Reporter> {
    let mut select = Select::<Event>::default();
    select.stream(monitor);
    let (_, stop) = select.waker();
    let of_thread = Arc::clone(&outlet);
    let _blocked = BlockedSignals::new();
    let spawned = thread::Builder::new()
        .name("zmq-monitor".to_owned())
        .spawn(move || run(select, &of_thread));
    spawned.map_err(|_| EMTHREAD)?;
    Ok(Reporter { outlet, stop })
}

/// zmq_socket_monitor(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor(
    handle: *mut c_void,
    address: *const c_char,
    events: c_int,
) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { zmq_socket_monitor_versioned(handle, address, events as u32 as u64, 1, 0) }
}

/// zmq_socket_monitor_versioned(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor_versioned(
    handle: *mut c_void,
    address: *const c_char,
    events: u64,
    version: c_int,
    kind: c_int,
) -> c_int {
    done(socket::enter(handle).and_then(|socket| {
        socket.context.check()?;
        if address.is_null() {
            socket.stop_monitor();
            return Ok(());
        }
        // SAFETY: the caller gives a text that ends with NUL.
        let address = unsafe { CStr::from_ptr(address) }
            .to_str()
            .map_err(|_| EFAULT)?;
        socket.monitor(address, events, version, kind)
    }))
}

/// zmq_socket_monitor_pipes_stats(3): an event for each connection, with the messages that wait in
/// its two queues.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_socket_monitor_pipes_stats(handle: *mut c_void) -> c_int {
    done(socket::enter(handle).and_then(|socket| socket.report_pipes()))
}
