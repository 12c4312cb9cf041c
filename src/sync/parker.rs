//! Puts a thread to sleep until a waker is called, and blocking calls on top of that: they are the
//! futures' own polls, with the thread parked in between.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, RawWakerVTable, Wake, Waker};
use std::time::Instant;

use crate::sync::primitives::{current, now, per_thread, sleep, AtomicU8, Mutex, Ordering, Thread};

/// Polls until there is a result, with the thread parked in between; `None` once the deadline has
/// passed. The last thing done before giving up is one more poll.
pub(crate) fn block_on<R>(
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    block_on_with(deadline, |parker| parker.park(deadline), poll)
}

/// The same; `wait` returns when the parker was notified, or the deadline has passed, or earlier.
pub(crate) fn block_on_with<R>(
    deadline: Option<Instant>,
    wait: impl Fn(&Parker),
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    with_parker(|parker, waker| {
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(result) = poll(&mut context) {
                return Some(result);
            }
            if deadline.is_some_and(|deadline| now() >= deadline) {
                return None;
            }
            set_slept();
            wait(parker);
        }
    })
}

const IDLE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;
/// Asleep in something else, which the waker of that ends.
const ELSEWHERE: u8 = 3;

/// One thread that can be put to sleep. The state spares the wake-up of a thread still awake.
pub(crate) struct Parker {
    state: AtomicU8,
    thread: Thread,
    /// Ends a sleep elsewhere.
    elsewhere: Mutex<Option<Waker>>,
}

impl Parker {
    /// Whether its waker was called since the last sleep.
    pub(crate) fn is_notified(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTIFIED
    }

    /// The same; that call is used up.
    pub(crate) fn take_notification(&self) -> bool {
        self.is_notified() && self.state.swap(IDLE, Ordering::SeqCst) == NOTIFIED
    }

    /// Sleeps until notified or until the deadline; uses one notification up.
    pub(crate) fn park(&self, deadline: Option<Instant>) {
        if self.changes(IDLE, PARKED) {
            while self.state.load(Ordering::SeqCst) == PARKED {
                if !sleep(deadline) {
                    break;
                }
            }
        }
        self.state.swap(IDLE, Ordering::SeqCst);
    }

    /// The thread will sleep elsewhere: `wakes` is called when this is notified. False if it has been.
    pub(crate) fn sleeps_elsewhere(&self, wakes: &Waker) -> bool {
        *self.elsewhere.lock() = Some(wakes.clone());
        let sleeps = self.changes(IDLE, ELSEWHERE);
        if !sleeps {
            self.is_back();
        }
        sleeps
    }

    /// That sleep is over. The waker is dropped: what it belongs to may end before the thread does.
    pub(crate) fn is_back(&self) {
        self.changes(ELSEWHERE, IDLE);
        *self.elsewhere.lock() = None;
    }

    fn changes(&self, from: u8, to: u8) -> bool {
        let changed = self
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        changed.is_ok()
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(NOTIFIED, Ordering::SeqCst) {
            PARKED => self.thread.unpark(),
            ELSEWHERE => {
                let wakes = self.elsewhere.lock().clone();
                wakes.inspect(Waker::wake_by_ref);
            }
            _ => {}
        }
    }
}

static VTABLE: OnceLock<&'static RawWakerVTable> = OnceLock::new();

/// Whether a waker is that of a parked thread, which runs no code but this module's. A hint: it may say
/// no of one that is.
#[inline]
pub(crate) fn is_of_a_thread(waker: &Waker) -> bool {
    VTABLE.get().is_some_and(|vtable| *vtable == waker.vtable())
}

per_thread! {
    static PARKER: Cell<Option<(Arc<Parker>, Waker)>> = Cell::new(None);
}

per_thread! {
    /// Whether the thread has slept since it was last asked for that.
    static HAS_SLEPT: Cell<bool> = Cell::new(true);
}

/// The current thread sleeps, or has slept, or left the processor to others.
pub(crate) fn set_slept() {
    let _ = HAS_SLEPT.try_with(|slept| slept.set(true));
}

/// Whether it has, since this was last asked.
pub(crate) fn take_slept() -> bool {
    HAS_SLEPT
        .try_with(|slept| slept.replace(false))
        .unwrap_or(true)
}

fn with_parker<R>(call: impl FnOnce(&Parker, &Waker) -> R) -> R {
    // Taken out while in use: a waker called in here may run code that blocks in turn. Where there is
    // none (that case, or a thread being torn down) a new one does as well.
    let kept = PARKER.try_with(Cell::take).ok().flatten();
    let (parker, waker) = kept.unwrap_or_else(parker);
    let result = call(&parker, &waker);
    // Nowhere to keep it for the next call is no loss.
    let _ = PARKER.try_with(|kept| kept.set(Some((parker, waker))));
    result
}

fn parker() -> (Arc<Parker>, Waker) {
    let parker = Arc::new(Parker {
        state: AtomicU8::new(IDLE),
        thread: current(),
        elsewhere: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&parker));
    let _ = VTABLE.set(waker.vtable());
    (parker, waker)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::testing::{in_time, Woken};
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_blocking_call_ends_by_its_waker_or_its_deadline() {
        in_time(|| {
            let mut polls = 0;
            let ready = block_on(None, |context| {
                polls += 1;
                if polls == 3 {
                    return Poll::Ready(polls);
                }
                let waker = context.waker().clone();
                thread::spawn(move || waker.wake());
                Poll::Pending
            });
            assert_eq!(ready, Some(3));
            let deadline = Instant::now() + Duration::from_millis(2);
            assert_eq!(block_on(Some(deadline), |_| Poll::<()>::Pending), None);
            assert!(Instant::now() >= deadline);
        });
    }

    #[test]
    fn a_sleep_elsewhere_is_ended_by_its_own_waker() {
        let (parker, waker) = parker();
        let elsewhere = Woken::new();
        assert!(parker.sleeps_elsewhere(&elsewhere.waker()));
        waker.wake_by_ref();
        assert_eq!(elsewhere.get(), 1);
        parker.is_back();
        assert!(parker.is_notified());
        assert!(!parker.sleeps_elsewhere(&elsewhere.waker()));
        assert!(parker.take_notification() && !parker.take_notification());
        assert!(parker.sleeps_elsewhere(&elsewhere.waker()));
        parker.is_back();
        waker.wake();
        assert_eq!(elsewhere.get(), 1, "it is awake");
        assert!(!parker.sleeps_elsewhere(&elsewhere.waker()));
        assert!(parker.elsewhere.lock().is_none());
    }

    #[test]
    fn the_wakers_of_threads_are_recognised() {
        block_on(None, |context| {
            assert!(is_of_a_thread(context.waker()));
            assert!(!is_of_a_thread(&Woken::new().waker()));
            assert!(!is_of_a_thread(Waker::noop()));
            Poll::Ready(())
        });
    }

    #[test]
    fn a_waiting_call_counts_as_sleep() {
        take_slept();
        assert_eq!(block_on(None, |_| Poll::Ready(1)), Some(1));
        assert!(!take_slept());
        let now = Instant::now();
        let mut waits = 0;
        let _ = block_on(Some(now + Duration::from_micros(1)), |_| {
            waits += 1;
            Poll::<()>::Pending
        });
        assert_eq!(take_slept(), waits > 1);
    }
}
