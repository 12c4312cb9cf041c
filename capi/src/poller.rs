//! Pollers (zmq_poller(3)): sets of sockets and descriptors that are waited for repeatedly.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::RawFd;
use std::sync::Mutex;

use crate::errno::{self, answer, done, Errno, Outcome, EAGAIN, EFAULT, EINVAL, EMFILE};
use crate::handle::{Entered, Handles};
use crate::poll::{wait_for, Item, Source, ERR, IN, OUT, PRI};
use crate::socket::{self, lock, Socket};
use crate::wait::Deadline;

const EBADF: Errno = Errno(libc::EBADF);

static POLLERS: Handles<Poller> = Handles::new();

#[derive(Default)]
struct Poller(Mutex<Vec<Registered>>);

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

impl Poller {
    fn add(&self, what: What, data: *mut c_void, events: c_short) -> Outcome {
        check_events(events)?;
        let mut all = lock(&self.0);
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
        let mut all = lock(&self.0);
        let known = all.iter_mut().find(|known| known.what == what);
        known.ok_or(EINVAL)?.events = events;
        Ok(())
    }

    fn remove(&self, what: What) -> Outcome {
        let mut all = lock(&self.0);
        let place = all.iter().position(|known| known.what == what);
        all.remove(place.ok_or(EINVAL)?);
        Ok(())
    }

    /// Waits, and fills in the events; returns how many there are.
    fn wait(&self, events: &mut [PollerEvent], timeout: c_long) -> Outcome<usize> {
        let all = lock(&self.0).clone();
        // Without a source, a wait without limit would never end.
        if all.is_empty() && timeout < 0 {
            return Err(EFAULT);
        }
        let mut sockets: Vec<Option<Entered<Socket>>> = Vec::with_capacity(all.len());
        for known in &all {
            sockets.push(match known.what {
                What::Socket(handle) => Some(socket::enter(handle as *mut c_void)?),
                What::Fd(_) => None,
            });
        }
        let items = all.iter().zip(&sockets).map(|(known, socket)| Item {
            source: match (socket, known.what) {
                (Some(socket), _) => Source::Socket(socket),
                (None, What::Fd(fd)) => Source::Fd(fd),
                (None, What::Socket(_)) => unreachable!("every socket was entered"),
            },
            wanted: known.events,
            ready: 0,
        });
        let mut items: Vec<Item<'_>> = items.collect();
        wait_for(&mut items, Deadline::after(timeout), None)?;
        let ready = all.iter().zip(&items).filter(|(_, item)| item.ready != 0);
        let mut count = 0;
        for (event, (known, item)) in events.iter_mut().zip(ready) {
            *event = event_of(known, item.ready);
            count += 1;
        }
        match count {
            0 => Err(EAGAIN),
            count => Ok(count),
        }
    }
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
    answer(enter(poller).map(|poller| lock(&poller.0).len().try_into().unwrap_or(c_int::MAX)))
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
        let none = Registered {
            what: What::Fd(-1),
            data: 0,
            events: 0,
        };
        // SAFETY: the caller gives room for an event.
        unsafe { *event = event_of(&none, 0) };
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

/// zmq_poller_fd(3): with libzmq, a descriptor of pollers that have thread-safe sockets only. Here
/// those sockets have no descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut RawFd) -> c_int {
    done(enter(poller).and_then(|_| match fd.is_null() {
        true => Err(EFAULT),
        false => Err(EINVAL),
    }))
}
