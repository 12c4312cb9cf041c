//! Waiting that signals interrupt (`EINTR`), as they do in libzmq.
//!
//! The library's own blocking calls are not interrupted, and are faster: a thread that waits may do
//! the work of the I/O thread. So a wait has two parts. In the first, of at most [`FIRST`], signals
//! are blocked and the library waits; in the second, `ppoll` waits for a descriptor that the
//! library's wake-up makes readable, with the signals of the caller: one that came before ends it at
//! once.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::errno::{Errno, Outcome, EINTR};

/// The first part of a wait: long against the time of a round trip, and shorter than what a person
/// notices between pressing Ctrl-C and its effect.
pub(crate) const FIRST: Duration = Duration::from_millis(20);

/// A descriptor that becomes readable when it is signalled, until it is cleared.
pub(crate) struct Wakeup {
    writer: UnixStream,
    reader: UnixStream,
}

impl Wakeup {
    pub(crate) fn new() -> Outcome<Arc<Wakeup>> {
        let (writer, reader) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        reader.set_nonblocking(true)?;
        Ok(Arc::new(Wakeup { writer, reader }))
    }

    pub(crate) fn signal(&self) {
        // Without room it is readable already.
        let _ = (&self.writer).write(&[1]);
    }

    pub(crate) fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(read) if read == bytes.len()) {}
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.signal();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signal();
    }
}

/// The descriptor of this thread, and the waker that signals it. A wake-up that comes late makes the next
/// wait look once more, no more than that.
pub(crate) fn with_wakeup<T>(call: impl FnOnce(&Arc<Wakeup>, &Waker) -> Outcome<T>) -> Outcome<T> {
    thread_local! {
        static WAKEUP: std::cell::OnceCell<(Arc<Wakeup>, Waker)> = const { std::cell::OnceCell::new() };
    }
    let made = || -> Outcome<(Arc<Wakeup>, Waker)> {
        let wakeup = Wakeup::new()?;
        Ok((Arc::clone(&wakeup), Waker::from(wakeup)))
    };
    let called = WAKEUP.try_with(|cell| {
        let kept = match cell.get() {
            Some((wakeup, waker)) => (Arc::clone(wakeup), waker.clone()),
            None => {
                let new = made()?;
                let _ = cell.set((Arc::clone(&new.0), new.1.clone()));
                new
            }
        };
        Ok(kept)
    });
    // At the end of a thread its wakeup may be gone.
    let (wakeup, waker) = called.unwrap_or_else(|_| made())?;
    call(&wakeup, &waker)
}

/// A time to wait for, in milliseconds as C states it: negative means without limit.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(milliseconds: i64) -> Self {
        let time = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        // A time that no clock reaches is no limit.
        Deadline(time.and_then(|time| Instant::now().checked_add(time)))
    }

    pub(crate) fn left(self) -> Option<Duration> {
        self.0
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn is_over(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// The time of the first part of a wait.
    pub(crate) fn first(self) -> Duration {
        self.left().map_or(FIRST, |left| left.min(FIRST))
    }
}

/// Signals that are blocked in this thread until this is dropped.
pub(crate) struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    pub(crate) fn new() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: `sigfillset` initialises the first set, and the call with valid arguments, which
        // does not fail, the second.
        let before = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr());
            before.assume_init()
        };
        BlockedSignals { before }
    }

    /// Waits with the signals that were not blocked before.
    pub(crate) fn poll(
        &self,
        fds: &mut [libc::pollfd],
        timeout: Option<Duration>,
    ) -> Outcome<usize> {
        poll_with(fds, timeout, Some(&self.before))
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was filled in by `new`.
        unsafe {
            libc::pthread_sigmask(
                libc::SIG_SETMASK,
                &raw const self.before,
                std::ptr::null_mut(),
            )
        };
    }
}

/// `poll`, with another mask of signals if one is given. `None` waits without limit.
pub(crate) fn poll_with(
    fds: &mut [libc::pollfd],
    timeout: Option<Duration>,
    signals: Option<&libc::sigset_t>,
) -> Outcome<usize> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        // Below a thousand million, which every type of this field holds.
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let count = fds.len() as libc::nfds_t;
    // SAFETY: the descriptors, the time and the set are valid or null, and outlive the call.
    let ready = unsafe {
        libc::ppoll(
            fds.as_mut_ptr(),
            count,
            timeout
                .as_ref()
                .map_or(std::ptr::null(), std::ptr::from_ref),
            signals.map_or(std::ptr::null(), std::ptr::from_ref),
        )
    };
    match usize::try_from(ready) {
        Ok(ready) => Ok(ready),
        Err(_) => Err(Errno::from(std::io::Error::last_os_error())),
    }
}

/// Waits for one descriptor to become readable.
pub(crate) fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }
}

/// Runs a future to its end, unless a signal interrupts it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Outcome<T> {
    let mut future = std::pin::pin!(future);
    with_wakeup(|wakeup, waker| {
        let mut context = std::task::Context::from_waker(waker);
        loop {
            wakeup.clear();
            if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Ok(value);
            }
            if poll_with(&mut [readable(wakeup.fd())], None, None) == Err(EINTR) {
                return Err(EINTR);
            }
        }
    })
}
