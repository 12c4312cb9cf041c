//! What a socket is ready for (`ZMQ_EVENTS`), and a descriptor for other event loops (`ZMQ_FD`).
//!
//! As with libzmq, the descriptor becomes readable when that may have changed, and `ZMQ_EVENTS` says
//! what it is; it then stays unreadable until the next change, also if messages are left.

use std::ffi::{c_int, c_short, c_void};
use std::os::fd::RawFd;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::task::{Context, Waker};

use zmq_channels::{Receiver, RoutingId, Sender, SocketType};

use crate::errno::{done, Errno, Outcome, EINVAL};
use crate::kind;
use crate::options::{EVENTS, FD, LAST_ENDPOINT, ROUTING_ID, SUBSCRIBE, TOPICS_COUNT, UNSUBSCRIBE};
use crate::poll::{IN, OUT};
use crate::socket::{self, lock, Opened, Socket, Turn};
use crate::value::{self, Room, Roomy, Text};
use crate::wait::Wakeup;

/// What signals the descriptor of a socket.
pub(crate) struct Watched {
    wakeup: Arc<Wakeup>,
    waker: Waker,
    receiver: Option<Receiver>,
    sender: Option<Sender>,
}

impl Watched {
    fn new(opened: &Opened) -> Outcome<Self> {
        let wakeup = Wakeup::new()?;
        // What the socket is ready for already is a change to a caller that has not asked yet.
        wakeup.signal();
        Ok(Watched {
            waker: Waker::from(Arc::clone(&wakeup)),
            wakeup,
            receiver: opened.receiver.clone(),
            sender: opened.sender.clone(),
        })
    }

    /// Arms the wakeup for the next change of what the socket is not ready for.
    fn arm(&mut self) {
        let mut context = Context::from_waker(&self.waker);
        if let Some(receiver) = &mut self.receiver {
            let _ = receiver.poll_readable(&mut context);
        }
        if let Some(sender) = &mut self.sender {
            let _ = sender.poll_writable(&mut context);
        }
    }
}

impl Socket {
    /// What the socket is ready for, of what is asked for.
    pub(crate) fn ready_for(&self, opened: &Opened, wanted: c_short) -> c_short {
        let turn = match self.kind {
            SocketType::Req | SocketType::Rep => Some(self.exchange.turn()),
            _ => None,
        };
        let (receives, sends) = match (self.kind, turn) {
            (SocketType::Req, Some(Turn::Request)) => (false, true),
            (SocketType::Req, Some(Turn::Reply)) => (true, self.settings().relaxed),
            (SocketType::Rep, Some(Turn::Request)) => (true, false),
            (SocketType::Rep, Some(Turn::Reply)) => (false, true),
            _ => (true, true),
        };
        let mut ready = 0;
        if wanted & IN != 0 {
            let is_readable = |receiver: &Receiver| receives && receiver.is_readable();
            let has_rest = lock(&self.inbound).has_rest();
            if has_rest || opened.receiver.as_ref().is_some_and(is_readable) {
                ready |= IN;
            }
        }
        if wanted & OUT != 0 {
            let has_begun = || !kind::is_thread_safe(self.kind) && lock(&self.outbound).has_begun();
            let is_writable = |sender: &Sender| sends && (has_begun() || sender.is_writable());
            if opened.sender.as_ref().is_some_and(is_writable) {
                ready |= OUT;
            }
        }
        ready
    }

    /// `ZMQ_EVENTS`.
    fn events(&self) -> Outcome<c_int> {
        let opened = self.opened()?;
        if let Some(watched) = &mut *lock(&self.watched) {
            watched.wakeup.clear();
            watched.arm();
        }
        let mut ready = self.ready_for(opened, IN | OUT);
        if ready & IN == 0 && self.settle(opened)? {
            ready = self.ready_for(opened, IN | OUT);
        }
        Ok(c_int::from(ready))
    }

    /// A call found the socket not ready, so that another event loop waits for it next.
    #[inline]
    pub(crate) fn rearm(&self) {
        if self.is_watched.load(Ordering::Relaxed) {
            if let Some(watched) = &mut *lock(&self.watched) {
                watched.arm();
            }
        }
    }

    /// `ZMQ_FD`.
    pub(crate) fn fd(&self) -> Outcome<RawFd> {
        let opened = self.opened()?;
        let mut watched = lock(&self.watched);
        if let Some(watched) = &*watched {
            return Ok(watched.wakeup.fd());
        }
        let new = Watched::new(opened)?;
        let fd = new.wakeup.fd();
        *watched = Some(new);
        self.is_watched.store(true, Ordering::Relaxed);
        Ok(fd)
    }

    fn set_option(&self, option: c_int, bytes: Option<&[u8]>) -> Outcome {
        self.context.check()?;
        let given = bytes.unwrap_or(&[]);
        match (option, self.kind) {
            (SUBSCRIBE, SocketType::Sub | SocketType::XPub) => {
                Ok(self.opened()?.socket.subscribe(given)?)
            }
            (UNSUBSCRIBE, SocketType::Sub | SocketType::XPub) => {
                Ok(self.opened()?.socket.unsubscribe(given)?)
            }
            _ => self.configure(|settings| settings.set(option, bytes)),
        }
    }

    /// The id of a STREAM's newest connection.
    fn last_connection(&self, room: &mut Room<'_>) -> Outcome {
        let peers = self.opened()?.socket.peers();
        // They are numbered, so that the newest is the largest.
        let newest = peers.iter().map(RoutingId::as_bytes).max();
        room.put(value::Bytes(newest.unwrap_or(&[])))
    }

    fn get_option(&self, option: c_int, room: &mut Room<'_>) -> Outcome {
        self.context.check()?;
        let is_thread_safe = kind::is_thread_safe(self.kind);
        if let (Some(more), false) = (self.receives_more(option), is_thread_safe) {
            return room.put(Roomy(more));
        }
        match option {
            FD if is_thread_safe => Err(EINVAL),
            FD => room.put(Roomy(self.fd()?)),
            EVENTS => room.put(Roomy(self.events()?)),
            LAST_ENDPOINT => room.put(Text(lock(&self.endpoints).last.as_bytes())),
            TOPICS_COUNT => {
                let topics = self.opened()?.socket.topics().map_err(Errno::from)?;
                room.put(c_int::try_from(topics).unwrap_or(c_int::MAX))
            }
            ROUTING_ID if self.kind == SocketType::Stream => self.last_connection(room),
            _ => self.settings().get(option, room),
        }
    }
}

/// zmq_setsockopt(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_setsockopt(
    handle: *mut c_void,
    option: c_int,
    data: *const c_void,
    len: usize,
) -> c_int {
    done(socket::enter(handle).and_then(|socket| {
        // SAFETY: the caller gives that many bytes.
        let bytes = match (data.is_null(), unsafe { value::given(data, len) }) {
            (true, Some(_)) => None,
            (_, None) => return Err(EINVAL),
            (false, bytes) => bytes,
        };
        socket.set_option(option, bytes)
    }))
}

/// zmq_getsockopt(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_getsockopt(
    handle: *mut c_void,
    option: c_int,
    data: *mut c_void,
    len: *mut usize,
) -> c_int {
    done(socket::enter(handle).and_then(|socket| {
        // SAFETY: the caller gives room for that many bytes.
        let mut room = unsafe { Room::new(data, len) }?;
        socket.get_option(option, &mut room)
    }))
}
