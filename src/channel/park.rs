//! Blocking calls are the futures' own polls, driven by a parked thread.

#[cfg(not(loom))]
use std::cell::Cell;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::driver::{has_slept, spin, Demand, Lead, Led, Until, Woken};
use super::sync::{current, now, sleep, AtomicU8, Mutex, Ordering, Thread};

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
    /// The pump it waits for, which it may lead meanwhile.
    pub(crate) pump: Option<Weak<dyn Lead>>,
    /// Which others wait for that pump.
    pub(crate) demand: Option<Arc<Demand>>,
}

impl Spin {
    pub(crate) const NEVER: Spin = Spin {
        limit: Duration::ZERO,
        pump: None,
        demand: None,
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

/// As [`block_on`], but the thread may spin before it is parked, where that has [paid off](spin).
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
        if deadline.is_some_and(|deadline| now() >= deadline) {
            return None;
        }
        parker.wait(spin, awaits, deadline);
    }
}

/// The wait of a thread that may lead meanwhile, or a moment of a task's.
pub(super) struct Vigil<'a> {
    waits: Waits<'a>,
    spins_until: Instant,
    /// Which waiters this thread had woken before.
    woken: Woken,
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
    /// Of a task that is polled: until its thread wakes any waiter, or has led until `end`.
    pub(super) fn of_task(waker: &'a Waker, end: Instant) -> Self {
        Vigil {
            waits: Waits::Task(waker),
            spins_until: end,
            woken: Woken::so_far(),
        }
    }
}

impl Until for Vigil<'_> {
    fn has_rivals(&self) -> bool {
        let own = match self.waits {
            Waits::Thread { parker, awaits, .. } => parker.is_called() && awaits != Awaits::Room,
            Waits::Task(waker) => Woken::last_is(waker),
        };
        let (_, served) = self.woken.since();
        served > u32::from(own)
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.waits {
            Waits::Thread {
                parker, deadline, ..
            } => parker.is_called() || deadline.is_some_and(|deadline| now >= deadline),
            Waits::Task(_) => self.woken.since().0 || !self.spins(now),
        }
    }

    fn spins(&self, now: Instant) -> bool {
        now < self.spins_until
    }

    /// In whole milliseconds.
    fn longest_sleep(&self, now: Instant) -> Option<Duration> {
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

    fn falls_asleep(&self, pump: Weak<dyn Lead>) -> bool {
        let Waits::Thread { parker, .. } = self.waits else {
            return false;
        };
        *parker.pump.lock() = Some(pump);
        let is_asleep =
            parker
                .state
                .compare_exchange(IDLE, POLLING, Ordering::SeqCst, Ordering::SeqCst);
        is_asleep.is_ok()
    }

    fn wakes_up(&self) {
        if let Waits::Thread { parker, .. } = self.waits {
            let _ =
                parker
                    .state
                    .compare_exchange(POLLING, IDLE, Ordering::SeqCst, Ordering::SeqCst);
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
        pump: Mutex::default(),
    });
    let waker = Waker::from(Arc::clone(&parker));
    (parker, waker)
}

const IDLE: u8 = 0;
const PARKED: u8 = 1;
const NOTIFIED: u8 = 2;
/// Asleep in the poller of a pump.
const POLLING: u8 = 3;

/// One thread that can be put to sleep. The state spares the wake-up of a thread still awake.
struct Parker {
    state: AtomicU8,
    thread: Thread,
    /// The pump in whose poller it fell asleep last.
    pump: Mutex<Option<Weak<dyn Lead>>>,
}

impl Parker {
    fn is_called(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTIFIED
    }

    /// Leads, spins or sleeps until woken or until the deadline; swallows one wake-up.
    fn wait(&self, spin: &Spin, awaits: Awaits, deadline: Option<Instant>) {
        has_slept();
        if spin.limit.is_zero() {
            let pump = spin.pump.as_ref().and_then(Weak::upgrade);
            pump.inspect(|pump| pump.about_to_park());
            return self.park(deadline);
        }
        if !self.spin(spin, awaits, deadline) {
            let demand = spin.demand.as_ref();
            let demand = demand.filter(|_| awaits != Awaits::Items);
            demand.inspect(|demand| demand.parks());
            self.park(deadline);
            demand.inspect(|demand| demand.unparks());
        }
        spin::end();
    }

    /// Whether the wake-up came before the thread had to be parked.
    fn spin(&self, spin: &Spin, awaits: Awaits, deadline: Option<Instant>) -> bool {
        let plan = spin::begin(spin.limit);
        let pump = spin.pump.as_ref().and_then(Weak::upgrade);
        let leads = pump.as_ref().filter(|_| plan.leads);
        let vigil = Vigil {
            waits: Waits::Thread {
                parker: self,
                awaits,
                deadline,
            },
            spins_until: plan.spins_until,
            woken: Woken::so_far(),
        };
        // While awake it can lead, should no other.
        let demand = spin.demand.as_ref();
        let demand = demand.filter(|_| awaits == Awaits::Items);
        demand.inspect(|demand| demand.remove(1));
        loop {
            let led = leads.map(|pump| pump.lead(&vigil));
            if led == Some(Led::Contended) {
                spin::has_rivals();
            }
            let now = now();
            if vigil.is_over(now) || !vigil.spins(now) {
                break;
            }
            spin::pause();
        }
        demand.inspect(|demand| demand.add());
        let is_called = self.is_called();
        spin::learn(&plan, is_called);
        if let (Some(pump), false) = (&pump, is_called) {
            // A parked thread sees nothing.
            pump.about_to_park();
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
            POLLING => {
                let pump = self.pump.lock().clone();
                if let Some(pump) = pump.and_then(|pump| pump.upgrade()) {
                    pump.interrupt();
                }
            }
            _ => {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::testing::in_time;
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// A pump that any thread may lead: the leader sleeps until it is interrupted.
    #[derive(Default)]
    struct Pump {
        leader: Mutex<Option<Thread>>,
        sleeps: Mutex<Option<mpsc::Sender<()>>>,
    }

    impl Lead for Arc<Pump> {
        fn lead(&self, wait: &dyn Until) -> Led {
            *self.leader.lock() = Some(current());
            let this: Arc<dyn Lead> = Arc::new(Arc::clone(self));
            while !wait.is_over(Instant::now()) {
                let Some(longest) = wait.longest_sleep(Instant::now()) else {
                    break;
                };
                if wait.falls_asleep(Arc::downgrade(&this)) {
                    self.sleeps.lock().take();
                    thread::park_timeout(longest);
                    wait.wakes_up();
                }
            }
            Led::Alone
        }

        fn interrupt(&self) {
            let leader = self.leader.lock();
            leader.as_ref().inspect(|leader| leader.unpark());
        }

        fn about_to_park(&self) {}

        fn decline(&self) {}
    }

    fn leading(pump: &Arc<Pump>) -> (Spin, Arc<dyn Lead>) {
        let lead: Arc<dyn Lead> = Arc::new(Arc::clone(pump));
        let spin = Spin {
            limit: Duration::from_micros(50),
            pump: Some(Arc::downgrade(&lead)),
            demand: None,
        };
        (spin, lead)
    }

    /// Waits that end at once, until the thread leads.
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
    fn a_leader_that_sleeps_is_interrupted_when_its_wait_is_over() {
        in_time(|| {
            let pump = Arc::new(Pump::default());
            let (spin, _lead) = leading(&pump);
            let (tell, told) = mpsc::channel();
            let (sleeps, slept) = mpsc::channel();
            *pump.sleeps.lock() = Some(sleeps);
            let caller = thread::spawn(move || {
                let waker: Waker = told.recv().unwrap();
                // Ends when the other thread is asleep in the poller.
                assert!(slept.recv().is_err());
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
    fn a_parked_thread_counts_as_demand() {
        in_time(|| {
            let demand = Arc::new(Demand::default());
            let pump = Arc::new(Pump::default());
            let (mut spin, _lead) = leading(&pump);
            spin.demand = Some(Arc::clone(&demand));
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
            while !demand.has_parked() {
                thread::yield_now();
            }
            waker.wake();
            assert_eq!(parked.join().unwrap(), Some(()));
            assert!(!demand.has_parked());
        });
    }

    #[test]
    fn deadlines_pass_while_leading_as_elsewhere() {
        in_time(|| {
            let pump = Arc::new(Pump::default());
            let (spin, _lead) = leading(&pump);
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
    fn a_limit_of_zero_never_leads() {
        in_time(|| {
            let pump = Arc::new(Pump::default());
            let (spin, _lead) = leading(&pump);
            let never = Spin {
                limit: Duration::ZERO,
                ..spin
            };
            grow_steady(&never);
            assert!(pump.leader.lock().is_none());
        });
    }
}
