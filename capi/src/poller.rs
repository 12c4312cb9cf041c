//! Pollers (zmq_poller(3)): sets of sockets and descriptors that are waited for repeatedly.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use crate::errno::{self, answer, done, Errno, Outcome, EAGAIN, EFAULT, EINVAL, EMFILE};
use crate::handle::{Entered, Handles};
use crate::kind;
use crate::poll::{wait_for, Item, Source, Watches, ERR, IN, OUT, PRI};
use crate::socket::{self, lock, Socket};
use crate::wait::{Deadline, Wakeup};

const EBADF: Errno = Errno(libc::EBADF);

static POLLERS: Handles<Poller> = Handles::new();

#[derive(Default)]
struct Poller {
    all: Mutex<Vec<Registered>>,
    /// Once the descriptor was asked for.
    signal: Mutex<Option<Signal>>,
}

/// The descriptor of a poller, which becomes readable when one of its sockets that several threads may
/// use may be ready.
struct Signal {
    wakeup: Arc<Wakeup>,
    watches: Watches,
}

#[derive(Clone, Copy)]
struct Registered {
    what: What,
    /// A pointer of the user's, which is given back.
    data: usize,
    events: c_short,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// A handle.
    Socket(usize),
    Fd(RawFd),
}

/// `zmq_poller_event_t`.
#[repr(C)]
pub struct PollerEvent {
    socket: *mut c_void,
    fd: RawFd,
    user_data: *mut c_void,
    events: c_short,
}

impl PollerEvent {
    fn none() -> Self {
        PollerEvent {
            socket: std::ptr::null_mut(),
            fd: -1,
            user_data: std::ptr::null_mut(),
            events: 0,
        }
    }
}

impl Poller {
    fn add(&self, what: What, data: *mut c_void, events: c_short) -> Outcome {
        check_events(events)?;
        let mut all = lock(&self.all);
        if all.iter().any(|known| known.what == what) {
            return Err(EINVAL);
        }
        all.push(Registered {
            what,
            data: data as usize,
            events,
        });
        Ok(())
    }

    fn modify(&self, what: What, events: c_short) -> Outcome {
        check_events(events)?;
        let mut all = lock(&self.all);
        let known = all.iter_mut().find(|known| known.what == what);
        known.ok_or(EINVAL)?.events = events;
        Ok(())
    }

    fn remove(&self, what: What) -> Outcome {
        let mut all = lock(&self.all);
        let place = all.iter().position(|known| known.what == what);
        all.remove(place.ok_or(EINVAL)?);
        Ok(())
    }

    /// Waits, and fills in the events; returns how many there are.
    fn wait(&self, events: &mut [PollerEvent], timeout: c_long) -> Outcome<usize> {
        let all = lock(&self.all).clone();
        // Without anything to wait for, a wait without limit would never end.
        if all.iter().all(|known| known.events == 0) && timeout < 0 {
            return Err(EFAULT);
        }
        let sockets = sockets(&all)?;
        let mut items = items(&all, &sockets);
        if let Some(signal) = &mut *lock(&self.signal) {
            signal.rearm(&items)?;
        }
        wait_for(&mut items, Deadline::after(timeout), None)?;
        let ready = all.iter().zip(&items).filter(|(_, item)| item.ready != 0);
        let mut count = 0;
        for (event, (known, item)) in events.iter_mut().zip(ready) {
            *event = event_of(known, item.ready);
            count += 1;
        }
        events[count..].fill_with(PollerEvent::none);
        match count {
            0 => Err(EAGAIN),
            count => Ok(count),
        }
    }

    /// The descriptor, if there is a socket that several threads may use.
    fn fd(&self) -> Outcome<RawFd> {
        let all = lock(&self.all).clone();
        let sockets = sockets(&all)?;
        let is_thread_safe = |socket: &Entered<Socket>| kind::is_thread_safe(socket.kind);
        if !sockets.iter().flatten().any(is_thread_safe) {
            return Err(EINVAL);
        }
        let mut signal = lock(&self.signal);
        let signal = match &mut *signal {
            Some(signal) => signal,
            none => none.insert(Signal {
                wakeup: Wakeup::new()?,
                watches: Watches::default(),
            }),
        };
        signal.rearm(&items(&all, &sockets))?;
        signal.wakeup.signal();
        Ok(signal.wakeup.fd())
    }
}

impl Signal {
    fn rearm(&mut self, items: &[Item<'_>]) -> Outcome {
        self.wakeup.clear();
        self.watches = Watches::new(items)?;
        let waker = Waker::from(Arc::clone(&self.wakeup));
        self.watches.arm(&mut Context::from_waker(&waker));
        Ok(())
    }
}

/// The sockets of what is registered, all of which must be open.
fn sockets(all: &[Registered]) -> Outcome<Vec<Option<Entered<Socket>>>> {
    let sockets = all.iter().map(|known| match known.what {
        What::Socket(handle) => socket::enter(handle as *mut c_void).map(Some),
        What::Fd(_) => Ok(None),
    });
    sockets.collect()
}

fn items<'a>(all: &[Registered], sockets: &'a [Option<Entered<Socket>>]) -> Vec<Item<'a>> {
    let items = all.iter().zip(sockets).map(|(known, socket)| Item {
        source: match (socket, known.what) {
            (Some(socket), _) => Source::Socket(socket),
            (None, What::Fd(fd)) => Source::Fd(fd),
            (None, What::Socket(_)) => unreachable!("every socket was entered"),
        },
        wanted: known.events,
        ready: 0,
    });
    items.collect()
}

fn check_events(events: c_short) -> Outcome {
    match events & !(IN | OUT | ERR | PRI) {
        0 => Ok(()),
        _ => Err(EINVAL),
    }
}

fn event_of(known: &Registered, ready: c_short) -> PollerEvent {
    let (socket, fd) = match known.what {
        What::Socket(handle) => (handle as *mut c_void, -1),
        What::Fd(fd) => (std::ptr::null_mut(), fd),
    };
    PollerEvent {
        socket,
        fd,
        user_data: known.data as *mut c_void,
        events: ready,
    }
}

fn enter(poller: *mut c_void) -> Outcome<Entered<Poller>> {
    POLLERS.enter(poller).ok_or(EFAULT)
}

/// A socket to be registered; it must be open.
fn a_socket(handle: *mut c_void) -> Outcome<What> {
    drop(socket::enter(handle)?);
    Ok(What::Socket(handle as usize))
}

fn a_descriptor(fd: RawFd) -> Outcome<What> {
    match fd {
        0.. => Ok(What::Fd(fd)),
        _ => Err(EBADF),
    }
}

/// zmq_poller_new(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_new() -> *mut c_void {
    errno::pointer(POLLERS.open(Poller::default()).ok_or(EMFILE))
}

/// zmq_poller_destroy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_destroy(poller: *mut *mut c_void) -> c_int {
    if poller.is_null() {
        return done(Err(EFAULT));
    }
    // SAFETY: the caller gives a pointer to a handle.
    let handle = unsafe { &mut *poller };
    let closed = POLLERS.close(*handle, |_| ());
    if closed {
        *handle = std::ptr::null_mut();
    }
    done(closed.then_some(()).ok_or(EFAULT))
}

/// zmq_poller_size(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    answer(enter(poller).map(|poller| lock(&poller.all).len().try_into().unwrap_or(c_int::MAX)))
}

/// zmq_poller_add(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    data: *mut c_void,
    events: c_short,
) -> c_int {
    done(enter(poller).and_then(|poller| poller.add(a_socket(socket)?, data, events)))
}

/// zmq_poller_modify(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_modify(
    poller: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    done(enter(poller).and_then(|poller| poller.modify(a_socket(socket)?, events)))
}

/// zmq_poller_remove(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_remove(poller: *mut c_void, socket: *mut c_void) -> c_int {
    done(enter(poller).and_then(|poller| poller.remove(a_socket(socket)?)))
}

/// zmq_poller_add_fd(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: RawFd,
    data: *mut c_void,
    events: c_short,
) -> c_int {
    done(enter(poller).and_then(|poller| poller.add(a_descriptor(fd)?, data, events)))
}

/// zmq_poller_modify_fd(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_modify_fd(poller: *mut c_void, fd: RawFd, events: c_short) -> c_int {
    done(enter(poller).and_then(|poller| poller.modify(a_descriptor(fd)?, events)))
}

/// zmq_poller_remove_fd(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_remove_fd(poller: *mut c_void, fd: RawFd) -> c_int {
    done(enter(poller).and_then(|poller| poller.remove(a_descriptor(fd)?)))
}

/// zmq_poller_wait(3): one event.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait(
    poller: *mut c_void,
    event: *mut PollerEvent,
    timeout: c_long,
) -> c_int {
    // SAFETY: promised by the caller.
    let waited = unsafe { wait_all(poller, event, 1, timeout) };
    if waited.is_err() && !event.is_null() {
        // SAFETY: the caller gives room for an event.
        unsafe { *event = PollerEvent::none() };
    }
    done(waited.map(drop))
}

/// zmq_poller_wait_all(3): the number of events.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut PollerEvent,
    count: c_int,
    timeout: c_long,
) -> c_int {
    // SAFETY: promised by the caller.
    answer(unsafe { wait_all(poller, events, count, timeout) })
}

/// # Safety
/// The pointer is null or valid for that many events.
unsafe fn wait_all(
    poller: *mut c_void,
    events: *mut PollerEvent,
    count: c_int,
    timeout: c_long,
) -> Outcome<c_int> {
    let poller = enter(poller)?;
    if events.is_null() {
        return Err(EFAULT);
    }
    let count = usize::try_from(count).map_err(|_| EINVAL)?;
    // SAFETY: promised by the caller.
    let events = unsafe { std::slice::from_raw_parts_mut(events, count) };
    let ready = poller.wait(events, timeout)?;
    Ok(c_int::try_from(ready).unwrap_or(c_int::MAX))
}

/// zmq_poller_fd(3): a descriptor for other event loops, if one of the sockets may be used by several
/// threads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut RawFd) -> c_int {
    done(enter(poller).and_then(|poller| {
        if fd.is_null() {
            return Err(EFAULT);
        }
        let found = poller.fd()?;
        // SAFETY: the caller gives room for a descriptor.
        unsafe { *fd = found };
        Ok(())
    }))
}
