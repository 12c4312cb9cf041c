//! Sockets (zmq_socket(3), zmq_close(3)): the library's socket behind a handle, and what C's calls
//! need besides it.
//!
//! The library's socket is opened by the first call that needs it. Until then options are only
//! stored, since some of them cannot be changed afterwards.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use zmq_channels::{Any, Receiver, Sender, SocketType};

use crate::context::{self, Context};
use crate::endpoint::Endpoints;
use crate::errno::{self, done, Outcome, EMFILE, ENOTSOCK};
use crate::events::Watched;
use crate::handle::{Entered, Handles};
use crate::kind;
use crate::monitor::Reporter;
use crate::options::Settings;
use crate::receive::Inbound;
use crate::send::Outbound;

static SOCKETS: Handles<Socket> = Handles::new();

/// A socket of the user's.
pub(crate) struct Socket {
    pub(crate) context: Arc<Context>,
    pub(crate) kind: SocketType,
    opened: OnceLock<Opened>,
    opening: Mutex<()>,
    settings: Mutex<Settings>,
    pub(crate) inbound: Mutex<Inbound>,
    pub(crate) outbound: Mutex<Outbound>,
    pub(crate) endpoints: Mutex<Endpoints>,
    /// For other event loops, once they have asked for the descriptor.
    pub(crate) watched: Mutex<Option<Watched>>,
    pub(crate) is_watched: AtomicBool,
    pub(crate) reporter: Mutex<Option<Reporter>>,
    pub(crate) receive_timeout: AtomicI32,
    pub(crate) send_timeout: AtomicI32,
    pub(crate) exchange: Exchange,
    /// It has inproc endpoints, whose messages arrive without delay in libzmq.
    pub(crate) is_nearby: AtomicBool,
    /// The context's activity when the I/O thread was last waited for.
    pub(crate) settled: AtomicU64,
}

/// The library's socket, and its ports.
pub(crate) struct Opened {
    pub(crate) socket: zmq_channels::Socket<Any>,
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) kind: SocketType,
}

/// Whose turn it is between REQ and REP.
pub(crate) struct Exchange(AtomicU8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Turn {
    /// REQ may send, REP may receive.
    Request,
    /// REQ may receive, REP may send.
    Reply,
}

impl Exchange {
    pub(crate) fn turn(&self) -> Turn {
        match self.0.load(Ordering::Relaxed) {
            0 => Turn::Request,
            _ => Turn::Reply,
        }
    }

    pub(crate) fn set(&self, turn: Turn) {
        self.0.store(turn as u8, Ordering::Relaxed);
    }
}

impl Socket {
    fn new(context: Arc<Context>, kind: SocketType) -> Outcome<Self> {
        let (ipv6, lingers) = context.add_socket()?;
        Ok(Socket {
            context,
            kind,
            opened: OnceLock::new(),
            opening: Mutex::new(()),
            settings: Mutex::new(Settings::new(kind, ipv6, lingers)),
            inbound: Mutex::default(),
            outbound: Mutex::default(),
            endpoints: Mutex::default(),
            watched: Mutex::default(),
            is_watched: AtomicBool::new(false),
            reporter: Mutex::default(),
            receive_timeout: AtomicI32::new(-1),
            send_timeout: AtomicI32::new(-1),
            exchange: Exchange(AtomicU8::new(0)),
            is_nearby: AtomicBool::new(false),
            settled: AtomicU64::new(0),
        })
    }

    /// The library's socket, if calls are possible.
    #[inline]
    pub(crate) fn opened(&self) -> Outcome<&Opened> {
        self.context.check()?;
        match self.opened.get() {
            Some(opened) => Ok(opened),
            None => self.open(),
        }
    }

    #[cold]
    fn open(&self) -> Outcome<&Opened> {
        let _opening = lock(&self.opening);
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let (kind, options) = {
            let settings = self.settings();
            (settings.engine_kind(), settings.options())
        };
        let socket = self.context.open_socket(kind, options)?;
        let opened = Opened {
            sender: socket.sender(),
            receiver: socket.receiver(),
            socket,
            kind,
        };
        Ok(self.opened.get_or_init(|| opened))
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// Changes settings, and the options of the library's socket, if it is open.
    pub(crate) fn configure(&self, change: impl FnOnce(&mut Settings) -> Outcome) -> Outcome {
        let mut settings = self.settings();
        let mut changed = settings.clone();
        change(&mut changed)?;
        if let Some(opened) = self.opened.get() {
            let options = changed.options();
            opened.socket.configure(|_| options.clone())?;
        }
        self.receive_timeout
            .store(changed.receive_timeout, Ordering::Relaxed);
        self.send_timeout
            .store(changed.send_timeout, Ordering::Relaxed);
        *settings = changed;
        Ok(())
    }

    /// Begins to close: the rest goes on without the handle.
    fn close(&self) {
        *lock(&self.watched) = None;
        if let Some(opened) = self.opened.get() {
            drop(opened.socket.close());
        }
        drop(lock(&self.reporter).take());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The library's handles first: a context that ends then waits for what they leave only.
        drop(self.opened.take());
        self.context.remove_socket();
    }
}

/// Locks a mutex, also after a panic: what is locked here is replaced as a whole.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket that a handle stands for.
#[inline]
pub(crate) fn enter(handle: *mut c_void) -> Outcome<Entered<Socket>> {
    SOCKETS.enter(handle).ok_or(ENOTSOCK)
}

/// zmq_socket(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_socket(context: *mut c_void, number: c_int) -> *mut c_void {
    let open = || {
        let context = context::enter(context)?;
        let kind = kind::of_number(number)?;
        SOCKETS.open(Socket::new(context, kind)?).ok_or(EMFILE)
    };
    errno::pointer(open())
}

/// zmq_close(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_close(handle: *mut c_void) -> c_int {
    let closed = SOCKETS.close(handle, Socket::close);
    done(closed.then_some(()).ok_or(ENOTSOCK))
}
