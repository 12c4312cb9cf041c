//! Waiting for several sockets and descriptors (zmq_poll(3), zmq_ppoll(3)).

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::RawFd;
use std::task::Context;
use std::time::Duration;

use zmq_channels::{Receiver, Sender};

use crate::errno::{answer, Outcome, EFAULT, EINVAL};
use crate::handle::Entered;
use crate::socket::{self, Opened, Socket};
use crate::wait::{self, BlockedSignals, Deadline};

/// `ZMQ_POLLIN`.
pub(crate) const IN: c_short = 1;
/// `ZMQ_POLLOUT`.
pub(crate) const OUT: c_short = 2;
/// `ZMQ_POLLERR`.
pub(crate) const ERR: c_short = 4;
/// `ZMQ_POLLPRI`.
pub(crate) const PRI: c_short = 8;

/// `zmq_pollitem_t`.
#[repr(C)]
pub struct PollItem {
    socket: *mut c_void,
    fd: RawFd,
    events: c_short,
    revents: c_short,
}

/// Something that is waited for.
pub(crate) enum Source<'a> {
    Socket(&'a Socket),
    Fd(RawFd),
}

/// A source, what it is waited for, and what it was found to be ready for.
pub(crate) struct Item<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) wanted: c_short,
    pub(crate) ready: c_short,
}

/// Handles of the library that are waited with, because each has one waker.
#[derive(Default)]
pub(crate) struct Watches(Vec<(Option<Receiver>, Option<Sender>)>);

impl Watches {
    pub(crate) fn new(items: &[Item<'_>]) -> Outcome<Self> {
        let mut watches = Vec::with_capacity(items.len());
        for item in items {
            if let Source::Socket(socket) = item.source {
                let opened = socket.opened()?;
                let receiver = opened.receiver.as_ref().filter(|_| item.wanted & IN != 0);
                let sender = opened.sender.as_ref().filter(|_| item.wanted & OUT != 0);
                watches.push((receiver.cloned(), sender.cloned()));
            }
        }
        Ok(Watches(watches))
    }

    pub(crate) fn arm(&mut self, context: &mut Context<'_>) {
        for (receiver, sender) in &mut self.0 {
            if let Some(receiver) = receiver {
                let _ = receiver.poll_readable(context);
            }
            if let Some(sender) = sender {
                let _ = sender.poll_writable(context);
            }
        }
    }
}

/// Waits until an item is ready, with the signals of `mask` if one is given; returns how many are.
pub(crate) fn wait_for(
    items: &mut [Item<'_>],
    deadline: Deadline,
    mask: Option<&libc::sigset_t>,
) -> Outcome<usize> {
    let ready = look(items)?;
    if ready > 0 {
        return Ok(ready);
    }
    if settle(items)? {
        let ready = look(items)?;
        if ready > 0 {
            return Ok(ready);
        }
    }
    if deadline.is_over() {
        return Ok(0);
    }
    let signals = BlockedSignals::new();
    if let (None, [item]) = (mask, &mut *items) {
        if let Source::Socket(socket) = item.source {
            wait_for_one(socket.opened()?, item.wanted, deadline.first());
        }
    }
    let mut watches = Watches::default();
    wait::with_wakeup(|wakeup, waker| {
        loop {
            let ready = look(items)?;
            if ready > 0 || deadline.is_over() {
                return Ok(ready);
            }
            if watches.0.is_empty() {
                watches = Watches::new(items)?;
            }
            wakeup.clear();
            watches.arm(&mut Context::from_waker(waker));
            // What came before the wakers were registered.
            let pause = match look(items)? {
                0 => deadline.left(),
                ready => return Ok(ready),
            };
            let mut fds = descriptors(items);
            fds.push(wait::readable(wakeup.fd()));
            match mask {
                None => signals.poll(&mut fds, pause)?,
                Some(mask) => wait::poll_with(&mut fds, pause, Some(mask))?,
            };
        }
    })
}

/// The first part of a wait for a single socket.
fn wait_for_one(opened: &Opened, wanted: c_short, time: Duration) {
    let _ = match (wanted & (IN | OUT), &opened.receiver, &opened.sender) {
        (IN, Some(receiver), _) => receiver.readable_timeout_blocking(time),
        (OUT, _, Some(sender)) => sender.writable_timeout_blocking(time),
        _ => false,
    };
}

/// Looks at all items without waiting.
fn look(items: &mut [Item<'_>]) -> Outcome<usize> {
    let mut fds = descriptors(items);
    if !fds.is_empty() {
        wait::poll_with(&mut fds, Some(Duration::ZERO), None)?;
    }
    let mut found = fds.into_iter();
    let mut ready = 0;
    for item in items {
        item.ready = match item.source {
            Source::Socket(socket) => socket.ready_for(socket.opened()?, item.wanted),
            Source::Fd(_) => found.next().map_or(0, |fd| events_of(fd.revents)),
        };
        ready += usize::from(item.ready != 0);
    }
    Ok(ready)
}

/// Has the I/O thread finish what it was given, if a socket has inproc endpoints.
fn settle(items: &[Item<'_>]) -> Outcome<bool> {
    for item in items {
        if let Source::Socket(socket) = item.source {
            if item.wanted & IN != 0 && socket.settle(socket.opened()?)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn descriptors(items: &[Item<'_>]) -> Vec<libc::pollfd> {
    let fds = items.iter().filter_map(|item| match item.source {
        Source::Socket(_) => None,
        Source::Fd(fd) => Some(libc::pollfd {
            fd,
            events: flags_of(item.wanted),
            revents: 0,
        }),
    });
    fds.collect()
}

fn flags_of(events: c_short) -> c_short {
    let pairs = [
        (IN, libc::POLLIN),
        (OUT, libc::POLLOUT),
        (PRI, libc::POLLPRI),
    ];
    let set = pairs.into_iter().filter(|(event, _)| events & event != 0);
    set.fold(0, |flags, (_, flag)| flags | flag)
}

fn events_of(flags: c_short) -> c_short {
    let pairs = [
        (IN, libc::POLLIN),
        (OUT, libc::POLLOUT),
        (PRI, libc::POLLPRI),
    ];
    let known = pairs.iter().fold(0, |all, (_, flag)| all | flag);
    let set = pairs.into_iter().filter(|(_, flag)| flags & flag != 0);
    let events = set.fold(0, |events, (event, _)| events | event);
    match flags & !known {
        0 => events,
        _ => events | ERR,
    }
}

/// # Safety
/// The pointer is null or valid for that many items, which nothing else uses during the call.
unsafe fn poll(
    items: *mut PollItem,
    count: c_int,
    timeout: c_long,
    mask: *const libc::sigset_t,
) -> Outcome<c_int> {
    let count = usize::try_from(count).map_err(|_| EINVAL)?;
    if items.is_null() && count > 0 {
        return Err(EFAULT);
    }
    let items = match count {
        0 => &mut [],
        // SAFETY: promised by the caller.
        _ => unsafe { std::slice::from_raw_parts_mut(items, count) },
    };
    let mut sockets: Vec<Option<Entered<Socket>>> = Vec::with_capacity(count);
    for item in &mut *items {
        let socket = (!item.socket.is_null())
            .then(|| socket::enter(item.socket))
            .transpose()?;
        sockets.push(socket);
    }
    let mut waited: Vec<Item<'_>> = Vec::with_capacity(count);
    for (item, socket) in items.iter().zip(&sockets) {
        waited.push(Item {
            source: match socket {
                Some(socket) => Source::Socket(socket),
                None => Source::Fd(item.fd),
            },
            wanted: item.events,
            ready: 0,
        });
    }
    // SAFETY: promised by the caller.
    let mask = unsafe { mask.as_ref() };
    let ready = wait_for(&mut waited, Deadline::after(timeout), mask)?;
    for (item, waited) in items.iter_mut().zip(&waited) {
        item.revents = waited.ready;
    }
    Ok(c_int::try_from(ready).unwrap_or(c_int::MAX))
}

/// zmq_poll(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poll(items: *mut PollItem, count: c_int, timeout: c_long) -> c_int {
    // SAFETY: promised by the caller.
    answer(unsafe { poll(items, count, timeout, std::ptr::null()) })
}

/// zmq_ppoll(3): with another mask of signals while it waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ppoll(
    items: *mut PollItem,
    count: c_int,
    timeout: c_long,
    mask: *const libc::sigset_t,
) -> c_int {
    // SAFETY: promised by the caller.
    answer(unsafe { poll(items, count, timeout, mask) })
}
