//! Blocking calls are the futures' own polls, driven by a parked thread.

#[cfg(not(loom))]
use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::habit;
use super::sync::{current, AtomicU8, Ordering, Thread};

/// Polls until there is a result, parking the thread in between; `None` once the deadline has
/// passed. The last thing done before giving up is one more poll.
pub(crate) fn block_on<R>(
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    spin_on(Duration::ZERO, deadline, poll)
}

/// As [`block_on`], but the thread may spin for up to `limit` before it is parked, where that has
/// [paid off](habit).
pub(crate) fn spin_on<R>(
    limit: Duration,
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    with_parker(|parker, waker| drive(parker, waker, (limit, deadline), poll))
}

/// Lets the senders get ahead by a few microseconds before a receiver that found nothing looks
/// once more and sleeps. A receiver as fast as its sender would otherwise fetch, or sleep
/// through, every single message: a lock and a wake-up each, instead of one for a whole batch.
///
/// The pause touches nothing that is shared. Spinning serves on a single processor too (the
/// receiver gives its time slice up the later); yielding there makes both sides take turns
/// every few messages.
#[cfg(not(loom))]
pub(crate) fn pause() {
    const SPINS: u32 = 100;
    for _ in 0..SPINS {
        std::hint::spin_loop();
    }
}

/// A model has no time to lose.
#[cfg(loom)]
pub(crate) fn pause() {}

fn drive<R>(
    parker: &Parker,
    waker: &Waker,
    (limit, deadline): (Duration, Option<Instant>),
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    let mut context = Context::from_waker(waker);
    loop {
        if let Poll::Ready(result) = poll(&mut context) {
            return Some(result);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        parker.wait(limit, deadline);
    }
}

#[cfg(not(loom))]
fn with_parker<R>(call: impl FnOnce(&Parker, &Waker) -> R) -> R {
    thread_local! {
        static PARKER: Cell<Option<(Arc<Parker>, Waker)>> = const { Cell::new(None) };
    }
    // Taken out while in use: a waker called in here may run code that blocks on its own. Where
    // there is none (that case, or a thread being torn down) a fresh one does as well.
    let kept = PARKER.try_with(Cell::take).ok().flatten();
    let (parker, waker) = kept.unwrap_or_else(parker);
    let result = call(&parker, &waker);
    // Nowhere to keep it for the next call is no loss.
    let _ = PARKER.try_with(|kept| kept.set(Some((parker, waker))));
    result
}

#[cfg(loom)]
fn with_parker<R>(call: impl FnOnce(&Parker, &Waker) -> R) -> R {
    let (parker, waker) = parker();
    call(&parker, &waker)
}

fn parker() -> (Arc<Parker>, Waker) {
    let parker = Arc::new(Parker {
        state: AtomicU8::new(IDLE),
        thread: current(),
    });
    let waker = Waker::from(Arc::clone(&parker));
    (parker, waker)
}

const IDLE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;

/// One thread that can be put to sleep. The state spares the wake-up of a thread still awake.
struct Parker {
    state: AtomicU8,
    thread: Thread,
}

impl Parker {
    /// Spins or sleeps until woken or until the deadline; swallows one wake-up.
    fn wait(&self, limit: Duration, deadline: Option<Instant>) {
        super::helm::rest();
        if limit.is_zero() || !self.spin(limit, deadline) {
            self.park(deadline);
        }
    }

    /// Whether the wake-up came while the thread was spinning.
    fn spin(&self, limit: Duration, deadline: Option<Instant>) -> bool {
        habit::spin(limit, deadline, || {
            self.state.load(Ordering::SeqCst) == NOTIFIED
        }) && self.state.swap(IDLE, Ordering::SeqCst) == NOTIFIED
    }

    /// Sleeps until woken or until the deadline; swallows one wake-up.
    fn park(&self, deadline: Option<Instant>) {
        let parked = self
            .state
            .compare_exchange(IDLE, PARKED, Ordering::SeqCst, Ordering::SeqCst);
        if parked.is_ok() {
            while self.state.load(Ordering::SeqCst) == PARKED {
                if !sleep(deadline) {
                    break;
                }
            }
        }
        self.state.swap(IDLE, Ordering::SeqCst);
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(NOTIFIED, Ordering::SeqCst) == PARKED {
            self.thread.unpark();
        }
    }
}

/// Whether there is a reason to sleep on: the deadline has not passed.
#[cfg(not(loom))]
fn sleep(deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else {
        std::thread::park();
        return true;
    };
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return false;
    }
    std::thread::park_timeout(left);
    true
}

/// Loom knows no clock: a model must not use deadlines.
#[cfg(loom)]
fn sleep(_deadline: Option<Instant>) -> bool {
    loom::thread::park();
    true
}
