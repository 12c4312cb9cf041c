//! Blocking calls are the futures' own polls, driven by a parked thread.

#[cfg(not(loom))]
use std::cell::Cell;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::habit;
use super::lookout::{Called, Crowd, Keeping, Watch};
use super::sync::{current, AtomicU8, Mutex, Ordering, Thread};

/// Polls until there is a result, parking the thread in between; `None` once the deadline has
/// passed. The last thing done before giving up is one more poll.
pub(crate) fn block_on<R>(
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    spin_on(&Spin::NEVER, Awaits::Items, deadline, poll)
}

/// How a thread may spin before it is parked.
#[derive(Clone, Debug)]
pub(crate) struct Spin {
    /// For how long at most.
    pub(crate) limit: Duration,
    /// The pump it waits for, if its lookout can be kept meanwhile.
    pub(crate) watch: Option<Weak<dyn Watch>>,
    /// Who else waits for that pump.
    pub(crate) crowd: Option<Arc<Crowd>>,
}

impl Spin {
    pub(crate) const NEVER: Spin = Spin {
        limit: Duration::ZERO,
        watch: None,
        crowd: None,
    };
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// Something to take.
    Items,
    /// The reply to its request.
    Reply,
    /// Room for what it has.
    Room,
}

/// As [`block_on`], but the thread may spin before it is parked, where that has [paid off](habit).
pub(crate) fn spin_on<R>(
    spin: &Spin,
    awaits: Awaits,
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    with_parker(|parker, waker| drive(parker, waker, (spin, awaits, deadline), poll))
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
    (spin, awaits, deadline): (&Spin, Awaits, Option<Instant>),
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
        parker.wait(spin, awaits, deadline);
    }
}

/// The wait of a thread that may keep the lookout meanwhile, or a moment of a task's.
pub(crate) struct Vigil<'a> {
    waits: Waits<'a>,
    spins_until: Instant,
    /// Whom this thread had called before.
    called: Called,
}

#[derive(Clone, Copy)]
enum Waits<'a> {
    Thread {
        parker: &'a Parker,
        awaits: Awaits,
        deadline: Option<Instant>,
    },
    /// In its poll.
    Task(&'a Waker),
}

impl<'a> Vigil<'a> {
    /// Of a task that is polled: until whoever it is calls anybody, or has kept the lookout for
    /// so long.
    pub(super) fn of_task(waker: &'a Waker, end: Instant) -> Self {
        Vigil {
            waits: Waits::Task(waker),
            spins_until: end,
            called: Called::so_far(),
        }
    }

    /// Whether the turns that this thread did had something for others who waited.
    pub(crate) fn has_rivals(&self) -> bool {
        let own = match self.waits {
            Waits::Thread { parker, awaits, .. } => parker.is_called() && awaits != Awaits::Room,
            Waits::Task(waker) => Called::last_is(waker),
        };
        let (_, served) = self.called.since();
        served > u32::from(own)
    }

    /// Whether the thread is to keep the lookout no longer.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        match self.waits {
            Waits::Thread {
                parker, deadline, ..
            } => parker.is_called() || deadline.is_some_and(|deadline| now >= deadline),
            Waits::Task(_) => self.called.since().0 || !self.spins(now),
        }
    }

    /// Whether it is too early to fall asleep.
    pub(crate) fn spins(&self, now: Instant) -> bool {
        now < self.spins_until
    }

    /// How long the thread may sleep, in whole milliseconds; `None` if that is not at all.
    pub(crate) fn longest_sleep(&self, now: Instant) -> Option<Duration> {
        const FOR_EVER: Duration = Duration::from_secs(3600);
        let Waits::Thread { deadline, .. } = self.waits else {
            return None;
        };
        let left = deadline.map_or(FOR_EVER, |deadline| {
            deadline.saturating_duration_since(now).min(FOR_EVER)
        });
        let millis = left.as_millis() as u64;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Falls asleep, to be [kicked](Watch::kick) when it is called; false if it has been called.
    pub(crate) fn doze(&self, watch: Weak<dyn Watch>) -> bool {
        let Waits::Thread { parker, .. } = self.waits else {
            return false;
        };
        *parker.watch.lock() = Some(watch);
        let dozes = parker
            .state
            .compare_exchange(IDLE, DOZES, Ordering::SeqCst, Ordering::SeqCst);
        dozes.is_ok()
    }

    /// Wakes up.
    pub(crate) fn rouse(&self) {
        if let Waits::Thread { parker, .. } = self.waits {
            let _ = parker
                .state
                .compare_exchange(DOZES, IDLE, Ordering::SeqCst, Ordering::SeqCst);
        }
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
        watch: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&parker));
    (parker, waker)
}

const IDLE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;
/// Asleep on the lookout of a pump.
const DOZES: u8 = 3;

/// One thread that can be put to sleep. The state spares the wake-up of a thread still awake.
struct Parker {
    state: AtomicU8,
    thread: Thread,
    /// The pump whose lookout it was the last to fall asleep on.
    watch: Mutex<Option<Weak<dyn Watch>>>,
}

impl Parker {
    fn is_called(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTIFIED
    }

    /// Looks out, spins or sleeps until woken or until the deadline; swallows one wake-up.
    fn wait(&self, spin: &Spin, awaits: Awaits, deadline: Option<Instant>) {
        super::helm::rest();
        if spin.limit.is_zero() || cfg!(loom) {
            let watch = spin.watch.as_ref().and_then(Weak::upgrade);
            watch.inspect(|watch| watch.leave());
            return self.park(deadline);
        }
        if !self.spin(spin, awaits, deadline) {
            let crowd = spin.crowd.as_ref().filter(|_| awaits != Awaits::Items);
            crowd.inspect(|crowd| crowd.parks());
            self.park(deadline);
            crowd.inspect(|crowd| crowd.unparks());
        }
        habit::end();
    }

    /// Whether the wake-up came before the thread had to be parked.
    fn spin(&self, spin: &Spin, awaits: Awaits, deadline: Option<Instant>) -> bool {
        let plan = habit::begin(spin.limit);
        let watch = spin.watch.as_ref().and_then(Weak::upgrade);
        let looks_out = watch.as_ref().filter(|_| plan.looks_out);
        let vigil = Vigil {
            waits: Waits::Thread {
                parker: self,
                awaits,
                deadline,
            },
            spins_until: plan.spins_until,
            called: Called::so_far(),
        };
        // While awake it can keep the lookout, should nobody else.
        let crowd = spin.crowd.as_ref().filter(|_| awaits == Awaits::Items);
        crowd.inspect(|crowd| crowd.shrink(1));
        loop {
            let kept = looks_out.map(|watch| watch.keep(&vigil));
            if kept == Some(Keeping::Crowded) {
                habit::has_rivals();
            }
            let now = Instant::now();
            if vigil.is_over(now) || !vigil.spins(now) {
                break;
            }
            habit::pause();
        }
        crowd.inspect(|crowd| crowd.grow());
        let is_called = self.is_called();
        habit::learn(&plan, is_called);
        if let (Some(watch), false) = (&watch, is_called) {
            // Who is about to be parked cannot see anything.
            watch.leave();
        }
        is_called && self.state.swap(IDLE, Ordering::SeqCst) == NOTIFIED
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
        match self.state.swap(NOTIFIED, Ordering::SeqCst) {
            PARKED => self.thread.unpark(),
            DOZES => {
                let watch = self.watch.lock().clone();
                if let Some(watch) = watch.and_then(|watch| watch.upgrade()) {
                    watch.kick();
                }
            }
            _ => {}
        }
    }
}

/// Whether there is a reason to sleep on: the deadline has not passed.
#[cfg(not(loom))]
pub(super) fn sleep(deadline: Option<Instant>) -> bool {
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
pub(super) fn sleep(_deadline: Option<Instant>) -> bool {
    loom::thread::park();
    true
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::testing::in_time;
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// A lookout that is always to be had: it sleeps on its own thread's behalf until it is kicked.
    #[derive(Default)]
    struct Lookout {
        keeper: Mutex<Option<Thread>>,
        dozes: Mutex<Option<mpsc::Sender<()>>>,
    }

    impl Watch for Arc<Lookout> {
        fn keep(&self, vigil: &Vigil<'_>) -> Keeping {
            *self.keeper.lock() = Some(current());
            let this: Arc<dyn Watch> = Arc::new(Arc::clone(self));
            while !vigil.is_over(Instant::now()) {
                let Some(longest) = vigil.longest_sleep(Instant::now()) else {
                    break;
                };
                if vigil.doze(Arc::downgrade(&this)) {
                    self.dozes.lock().take();
                    thread::park_timeout(longest);
                    vigil.rouse();
                }
            }
            Keeping::Peaceful
        }

        fn kick(&self) {
            let keeper = self.keeper.lock();
            keeper.as_ref().inspect(|keeper| keeper.unpark());
        }

        fn leave(&self) {}

        fn decline(&self) {}
    }

    fn looking_out(lookout: &Arc<Lookout>) -> (Spin, Arc<dyn Watch>) {
        let watch: Arc<dyn Watch> = Arc::new(Arc::clone(lookout));
        let spin = Spin {
            limit: Duration::from_micros(50),
            watch: Some(Arc::downgrade(&watch)),
            crowd: None,
        };
        (spin, watch)
    }

    /// Waits that end at once, until the thread looks out.
    fn grow_steady(spin: &Spin) {
        for _ in 0..16 {
            let mut is_called = false;
            let waited = spin_on(spin, Awaits::Items, None, |context| {
                if std::mem::replace(&mut is_called, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            });
            assert_eq!(waited, Some(()));
        }
    }

    #[test]
    fn who_sleeps_on_the_lookout_is_kicked_by_the_call() {
        in_time(|| {
            let lookout = Arc::new(Lookout::default());
            let (spin, _watch) = looking_out(&lookout);
            let (tell, told) = mpsc::channel();
            let (dozes, dozed) = mpsc::channel();
            *lookout.dozes.lock() = Some(dozes);
            let caller = thread::spawn(move || {
                let waker: Waker = told.recv().unwrap();
                // Ends when the other thread is asleep on the lookout.
                assert!(dozed.recv().is_err());
                waker.wake();
            });
            grow_steady(&spin);
            let mut told_already = false;
            let waited = spin_on(&spin, Awaits::Items, None, |context| {
                if std::mem::replace(&mut told_already, true) {
                    return Poll::Ready(());
                }
                tell.send(context.waker().clone()).unwrap();
                Poll::Pending
            });
            assert_eq!(waited, Some(()));
            caller.join().unwrap();
        });
    }

    #[test]
    fn who_is_parked_counts_as_one_who_waits() {
        in_time(|| {
            let crowd = Arc::new(Crowd::default());
            let lookout = Arc::new(Lookout::default());
            let (mut spin, _watch) = looking_out(&lookout);
            spin.crowd = Some(Arc::clone(&crowd));
            let (tell, told) = mpsc::channel();
            let parked = thread::spawn(move || {
                let mut told_already = false;
                spin_on(&spin, Awaits::Room, None, |context| {
                    if std::mem::replace(&mut told_already, true) {
                        return Poll::Ready(());
                    }
                    tell.send(context.waker().clone()).unwrap();
                    Poll::Pending
                })
            });
            let waker: Waker = told.recv().unwrap();
            while !crowd.has_parked() {
                thread::yield_now();
            }
            waker.wake();
            assert_eq!(parked.join().unwrap(), Some(()));
            assert!(!crowd.has_parked());
        });
    }

    #[test]
    fn deadlines_pass_on_the_lookout_as_elsewhere() {
        in_time(|| {
            let lookout = Arc::new(Lookout::default());
            let (spin, _watch) = looking_out(&lookout);
            for micros in [0, 30, 300, 1_000, 1_700, 5_300] {
                grow_steady(&spin);
                let deadline = Instant::now() + Duration::from_micros(micros);
                let waited: Option<()> =
                    spin_on(&spin, Awaits::Items, Some(deadline), |_| Poll::Pending);
                assert!(waited.is_none() && Instant::now() >= deadline);
            }
        });
    }

    #[test]
    fn a_limit_of_zero_never_looks_out() {
        in_time(|| {
            let lookout = Arc::new(Lookout::default());
            let (spin, _watch) = looking_out(&lookout);
            let never = Spin {
                limit: Duration::ZERO,
                ..spin
            };
            grow_steady(&never);
            assert!(lookout.keeper.lock().is_none());
        });
    }
}
