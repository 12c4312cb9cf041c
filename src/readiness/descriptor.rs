//! A file descriptor through which other event loops wait for a socket.

use std::fmt;
use std::io;
use std::ops::{BitOr, BitOrAssign};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::Waker;

use crate::kind::Kind;
use crate::port::{Ports, QueuePlaces};
use crate::pump::descriptor::{Bell, Wanted};
use crate::socket::Socket;

/// A set of conditions that a socket or descriptor can be ready for (`ZMQ_POLLIN`, `ZMQ_POLLOUT`,
/// `ZMQ_POLLPRI`, `ZMQ_POLLERR`). Only on Unix.
///
/// ```
/// use zmq_channels::select::Readiness;
///
/// let both = Readiness::READABLE | Readiness::WRITABLE;
/// assert!(both.contains(Readiness::READABLE));
/// assert!(!both.contains(Readiness::ERROR) && !both.is_empty());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Readiness(u8);

impl Readiness {
    /// The empty set.
    pub const NONE: Readiness = Readiness(0);
    /// A read or receive would not wait.
    pub const READABLE: Readiness = Readiness(1);
    /// A write or send would not wait.
    pub const WRITABLE: Readiness = Readiness(2);
    /// Priority data can be read, such as out-of-band data; for descriptors only.
    pub const PRIORITY: Readiness = Readiness(4);
    /// An error or a hang-up; for descriptors only. It is reported even if it is not part of the
    /// interest.
    pub const ERROR: Readiness = Readiness(8);

    /// Returns whether all conditions of `other` are in this set.
    #[must_use]
    pub fn contains(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether this is the empty set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn wanted(self) -> Wanted {
        Wanted {
            readable: self.contains(Readiness::READABLE),
            writable: self.contains(Readiness::WRITABLE),
            priority: self.contains(Readiness::PRIORITY),
            failed: self.contains(Readiness::ERROR),
        }
    }

    pub(crate) fn found(found: Wanted) -> Self {
        let named = [
            (found.readable, Readiness::READABLE),
            (found.writable, Readiness::WRITABLE),
            (found.priority, Readiness::PRIORITY),
            (found.failed, Readiness::ERROR),
        ];
        let ready = named.into_iter().filter(|(is_ready, _)| *is_ready);
        ready.fold(Readiness::NONE, |all, (_, one)| all | one)
    }
}

impl BitOr for Readiness {
    type Output = Readiness;

    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Readiness) {
        *self = *self | other;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Readiness::READABLE, "READABLE"),
            (Readiness::WRITABLE, "WRITABLE"),
            (Readiness::PRIORITY, "PRIORITY"),
            (Readiness::ERROR, "ERROR"),
        ];
        let mut set = f.debug_set();
        for (one, name) in names {
            if self.contains(one) {
                set.entry(&format_args!("{name}"));
            }
        }
        set.finish()
    }
}

/// A file descriptor by which an event loop of another library (epoll, mio, libuv, glib) waits for
/// a socket: `ZMQ_FD`, with [`check`](ReadinessFd::check) in place of `ZMQ_EVENTS`. Only on Unix.
///
/// Register it with the event loop for *readable*, whatever the interest; when it is, call `check`,
/// which returns what the socket is ready for. The descriptor stays readable until a `check`
/// returns nothing. In a level-triggered loop (poll, epoll by default, libuv, glib), receive as
/// many messages as you like and return to the loop. In an edge-triggered loop (`EPOLLET`, mio),
/// continue until `check` returns nothing, because only then there is another edge. Readability is
/// a hint, as other receivers may be first. Do not read from the descriptor or write to it.
///
/// It does not hold the socket open, and takes neither messages nor room nor wake-ups of waiting
/// calls. A closed socket is ready for all of `interest`.
///
/// It uses two file descriptors of the process; a `check` that finds the socket ready needs no
/// system call if the one before it did too.
///
/// ```
/// use std::os::fd::AsFd;
/// use zmq_channels::select::Readiness;
/// use zmq_channels::{Context, Pull, Push};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
/// push.connect(pull.bind("inproc://loop")?)?;
///
/// let mut ready = pull.readiness_fd(Readiness::READABLE)?;
/// push.send_blocking("hello")?;
/// // Any event loop does; here it is ours.
/// let mut select = zmq_channels::Select::<zmq_channels::Message>::new();
/// select.descriptor(ready.as_fd().try_clone_to_owned()?, Readiness::READABLE)?;
/// select.wait()?;
/// while ready.check().contains(Readiness::READABLE) {
///     assert_eq!(pull.try_recv()?, "hello".into());
/// }
/// # Ok(())
/// # }
/// ```
#[doc(alias = "ZMQ_FD")]
#[doc(alias = "ZMQ_EVENTS")]
pub struct ReadinessFd {
    bell: Arc<Bell>,
    /// Rings the bell.
    waker: Waker,
    ports: Arc<Ports>,
    interest: Readiness,
    /// Whether the last check rang it and it has not been silenced since.
    is_rung: bool,
    items: QueuePlaces,
    room: QueuePlaces,
}

impl<K: Kind> Socket<K> {
    /// Returns a descriptor that is readable while this socket is ready for any of `interest`
    /// ([`READABLE`](Readiness::READABLE), [`WRITABLE`](Readiness::WRITABLE)): see [`ReadinessFd`].
    /// A type that does not receive is never readable, one that does not send never writable.
    ///
    /// # Errors
    /// An error if the system has no more descriptors.
    pub fn readiness_fd(&self, interest: Readiness) -> io::Result<ReadinessFd> {
        let bell = Bell::new()?;
        let mut ready = ReadinessFd {
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            ports: Arc::clone(self.ports()),
            interest,
            is_rung: false,
            items: QueuePlaces::default(),
            room: QueuePlaces::default(),
        };
        ready.check();
        Ok(ready)
    }
}

impl ReadinessFd {
    /// Returns which of `interest` the socket is ready for now. If that is nothing, the descriptor
    /// is not readable until that changes.
    pub fn check(&mut self) -> Readiness {
        let mut ready = self.look();
        if ready.is_empty() {
            self.is_rung = false;
            self.bell.silence();
            // A change in the meantime may have rung the bell before it was silenced.
            ready = self.look();
        }
        if !ready.is_empty() && !self.is_rung {
            self.is_rung = true;
            self.bell.ring();
        }
        ready
    }

    /// Returns the conditions the socket is checked for.
    #[must_use]
    pub fn interest(&self) -> Readiness {
        self.interest
    }

    /// Sets the interest, and checks for it. Include [`WRITABLE`](Readiness::WRITABLE) only while
    /// there is something to send: most of the time a socket is writable.
    pub fn set_interest(&mut self, interest: Readiness) -> Readiness {
        self.stop_watching();
        self.interest = interest;
        self.check()
    }

    /// Checks readiness, and registers for changes if there is none.
    fn look(&mut self) -> Readiness {
        let mut ready = Readiness::NONE;
        let ports = &self.ports;
        if self.interest.contains(Readiness::READABLE) && ports.outward().is_some() {
            let items = ports.poll_items(&mut self.items, &self.waker);
            ready |= if_ready(items.is_ready(), Readiness::READABLE);
        }
        if self.interest.contains(Readiness::WRITABLE) && ports.inward().is_some() {
            let room = ports.poll_any_room(&mut self.room, &self.waker);
            ready |= if_ready(room.is_ready(), Readiness::WRITABLE);
        }
        ready
    }

    fn stop_watching(&mut self) {
        self.ports.stop_watching_items(&mut self.items);
        self.ports.stop_watching_room(&mut self.room);
    }
}

fn if_ready(is_ready: bool, readiness: Readiness) -> Readiness {
    match is_ready {
        true => readiness,
        false => Readiness::NONE,
    }
}

impl Drop for ReadinessFd {
    fn drop(&mut self) {
        self.stop_watching();
    }
}

impl AsFd for ReadinessFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl AsRawFd for ReadinessFd {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl fmt::Debug for ReadinessFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadinessFd")
            .field("fd", &self.as_raw_fd())
            .field("interest", &self.interest)
            .finish_non_exhaustive()
    }
}
