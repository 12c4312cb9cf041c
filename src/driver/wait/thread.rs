//! How a thread waits: it spins or leads its pump where that has paid off, and is parked otherwise.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{Awaits, WaitContext};
use crate::driver::roles::{Led, Until};
use crate::driver::spin;
use crate::sync::parker::{block_on_with, Parker};
use crate::sync::primitives::now;
use crate::sync::wake_count::WakeCount;

/// Polls until there is a result; `None` once the deadline has passed. The last thing done before giving
/// up is one more poll.
pub(crate) fn wait<R>(
    context: &WaitContext,
    awaits: Awaits,
    deadline: Option<Instant>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
) -> Option<R> {
    block_on_with(
        deadline,
        |parker| sleep(parker, context, awaits, deadline),
        poll,
    )
}

/// Lets the senders get ahead by a few microseconds before a receiver that found nothing looks
/// once more and sleeps. A receiver as fast as its sender would otherwise fetch, or sleep
/// through, every single message: a lock and a wake-up each, instead of one for a whole batch.
///
/// The pause touches nothing that is shared. Spinning serves on a single processor too (the
/// receiver gives its time slice up the later); yielding there makes both sides take turns
/// every few messages.
pub(crate) fn pause() {
    const SPINS: u32 = 100;
    for _ in 0..SPINS {
        std::hint::spin_loop();
    }
}

/// Leads, spins or is parked until notified or until the deadline; uses one notification up.
fn sleep(parker: &Parker, context: &WaitContext, awaits: Awaits, deadline: Option<Instant>) {
    let setup = context.setup();
    if setup.spin.is_zero() && !setup.leads {
        context.pump().inspect(|pump| pump.about_to_park());
        return parker.park(deadline);
    }
    if !stays_awake(parker, context, awaits, deadline) {
        let demand = setup.demand.as_ref();
        let demand = demand.filter(|_| awaits != Awaits::Items);
        demand.inspect(|demand| demand.parks());
        parker.park(deadline);
        demand.inspect(|demand| demand.unparks());
    }
    spin::end();
}

/// Whether the notification came before the thread had to be parked.
fn stays_awake(
    parker: &Parker,
    context: &WaitContext,
    awaits: Awaits,
    deadline: Option<Instant>,
) -> bool {
    let setup = context.setup();
    let plan = spin::begin(setup.spin);
    let pump = context.pump();
    let leads = pump.as_ref().filter(|_| plan.leads && setup.leads);
    let wait = ThreadWait {
        parker,
        awaits,
        deadline,
        spins_until: plan.spins_until,
        woken: WakeCount::so_far(),
    };
    context.without_demand(awaits, || loop {
        let led = leads.map(|pump| pump.lead(&wait));
        if led == Some(Led::Contended) {
            spin::has_rivals();
        }
        let now = now();
        if wait.is_over(now) || !wait.spins(now) {
            break;
        }
        spin::pause();
    });
    let is_notified = parker.is_notified();
    spin::learn(&plan, is_notified);
    if let (Some(pump), false) = (&pump, is_notified) {
        // A parked thread sees nothing.
        pump.about_to_park();
    }
    parker.take_notification()
}

/// The wait of a thread that may lead.
struct ThreadWait<'a> {
    parker: &'a Parker,
    awaits: Awaits,
    deadline: Option<Instant>,
    spins_until: Instant,
    /// Which waiters this thread had woken before.
    woken: WakeCount,
}

impl Until for ThreadWait<'_> {
    fn has_rivals(&self) -> bool {
        let own = self.parker.is_notified() && self.awaits != Awaits::Room;
        let (_, served) = self.woken.since();
        served > u32::from(own)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.parker.is_notified() || self.deadline.is_some_and(|deadline| now >= deadline)
    }

    fn spins(&self, now: Instant) -> bool {
        now < self.spins_until
    }

    /// In whole milliseconds.
    fn longest_sleep(&self, now: Instant) -> Option<Duration> {
        const FOR_EVER: Duration = Duration::from_secs(3600);
        let left = self.deadline.map_or(FOR_EVER, |deadline| {
            deadline.saturating_duration_since(now).min(FOR_EVER)
        });
        let millis = left.as_millis() as u64;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    fn falls_asleep(&self, interrupt: &Waker) -> bool {
        self.parker.sleeps_elsewhere(interrupt)
    }

    fn wakes_up(&self) {
        self.parker.is_back();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::driver::demand::Demand;
    use crate::driver::roles::Lead;
    use crate::driver::wait::WaitSetup;
    use crate::sync::primitives::{current, Mutex, Thread};
    use crate::sync::testing::in_time;
    use std::sync::{mpsc, Arc};
    use std::task::Wake;
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
            let interrupt = Waker::from(Arc::new(Interrupt(Arc::clone(self))));
            while !wait.is_over(Instant::now()) {
                let Some(longest) = wait.longest_sleep(Instant::now()) else {
                    break;
                };
                if wait.falls_asleep(&interrupt) {
                    self.sleeps.lock().take();
                    thread::park_timeout(longest);
                    wait.wakes_up();
                }
            }
            Led::Alone
        }

        fn about_to_park(&self) {}

        fn decline(&self) {}
    }

    struct Interrupt(Arc<Pump>);

    impl Wake for Interrupt {
        fn wake(self: Arc<Self>) {
            let leader = self.0.leader.lock();
            leader.as_ref().inspect(|leader| leader.unpark());
        }
    }

    const SPIN: Duration = Duration::from_micros(50);

    fn setup(pump: &Arc<Pump>, spin: Duration, leads: bool) -> (WaitSetup, Arc<dyn Lead>) {
        let lead: Arc<dyn Lead> = Arc::new(Arc::clone(pump));
        let setup = WaitSetup {
            spin,
            leads,
            pump: Some(Arc::downgrade(&lead)),
            ..WaitSetup::PARK
        };
        (setup, lead)
    }

    fn leading(pump: &Arc<Pump>) -> (WaitContext, Arc<dyn Lead>) {
        let (setup, lead) = setup(pump, SPIN, true);
        (WaitContext::new(setup), lead)
    }

    /// Waits that end at once, until the thread leads.
    fn grow_steady(context: &WaitContext) {
        for _ in 0..16 {
            let mut is_called = false;
            let waited = super::wait(context, Awaits::Items, None, |context| {
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
            let (context, _lead) = leading(&pump);
            let (tell, told) = mpsc::channel();
            let (sleeps, slept) = mpsc::channel();
            *pump.sleeps.lock() = Some(sleeps);
            let caller = thread::spawn(move || {
                let waker: Waker = told.recv().unwrap();
                // Ends when the other thread is asleep in the poller.
                assert!(slept.recv().is_err());
                waker.wake();
            });
            grow_steady(&context);
            let mut told_already = false;
            let waited = super::wait(&context, Awaits::Items, None, |context| {
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
            let (mut setup, _lead) = setup(&pump, SPIN, true);
            setup.demand = Some(Arc::clone(&demand));
            let context = WaitContext::new(setup);
            let (tell, told) = mpsc::channel();
            let parked = thread::spawn(move || {
                let mut told_already = false;
                super::wait(&context, Awaits::Room, None, |context| {
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
            let (context, _lead) = leading(&pump);
            for micros in [0, 30, 300, 1_000, 1_700, 5_300] {
                grow_steady(&context);
                let deadline = Instant::now() + Duration::from_micros(micros);
                let waited: Option<()> =
                    super::wait(&context, Awaits::Items, Some(deadline), |_| Poll::Pending);
                assert!(waited.is_none() && Instant::now() >= deadline);
            }
        });
    }

    #[test]
    fn whether_a_thread_leads_does_not_depend_on_how_long_it_may_spin() {
        for spin in [Duration::ZERO, SPIN] {
            for leads in [false, true] {
                in_time(move || {
                    let pump = Arc::new(Pump::default());
                    let (setup, _lead) = setup(&pump, spin, leads);
                    grow_steady(&WaitContext::new(setup));
                    assert_eq!(pump.leader.lock().is_some(), leads);
                });
            }
        }
    }
}
