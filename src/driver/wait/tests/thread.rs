//! How a thread waits that may lead: with a pump that any thread may lead.

use std::sync::mpsc;
use std::task::Wake;
use std::thread;

use super::*;
use crate::sync::primitives::{current, Thread};
use crate::sync::testing::in_time;

/// A pump that any thread may lead: the leader sleeps until it is interrupted.
#[derive(Default)]
struct Pump {
    leader: Mutex<Option<Thread>>,
    /// To be told once whether the waiter sleeps as a leader, or is parked.
    sleeps: Mutex<Option<mpsc::Sender<bool>>>,
}

impl Lead for Arc<Pump> {
    fn lead(&self, wait: &Wait<'_>) -> bool {
        *self.leader.lock() = Some(current());
        let interrupt = Waker::from(Arc::new(Interrupt(Arc::clone(self))));
        while !wait.is_over(Instant::now()) {
            let Some((longest, parker)) = wait.may_sleep(Instant::now()) else {
                break;
            };
            if parker.sleeps_elsewhere(&interrupt) {
                self.tell(true);
                thread::park_timeout(longest);
                parker.is_back();
            }
        }
        false
    }

    fn about_to_park(&self, leads_again: bool) {
        assert!(leads_again, "it is a thread");
        self.tell(false);
    }
}

impl Pump {
    fn tell(&self, leads: bool) {
        let sleeps = self.sleeps.lock().take();
        sleeps.inspect(|sleeps| sleeps.send(leads).unwrap());
    }
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
        let waited = super::super::wait(context, Awaits::Items, None, |context| {
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
        // One that was held up before its wait does not lead.
        while !sleeps_and_is_woken() {}
    });
}

/// A thread waits, and is woken once it sleeps. Whether it led then.
fn sleeps_and_is_woken() -> bool {
    let pump = Arc::new(Pump::default());
    let (context, _lead) = leading(&pump);
    grow_steady(&context);
    let (tell, told) = mpsc::channel();
    let (sleeps, slept) = mpsc::channel();
    let caller = thread::spawn(move || {
        let waker: Waker = told.recv().unwrap();
        let leads = slept.recv().unwrap();
        waker.wake();
        leads
    });
    *pump.sleeps.lock() = Some(sleeps);
    let mut told_already = false;
    let waited = super::super::wait(&context, Awaits::Items, None, |context| {
        if std::mem::replace(&mut told_already, true) {
            return Poll::Ready(());
        }
        tell.send(context.waker().clone()).unwrap();
        Poll::Pending
    });
    assert_eq!(waited, Some(()));
    caller.join().unwrap()
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
            super::super::wait(&context, Awaits::Room, None, |context| {
                if std::mem::replace(&mut told_already, true) {
                    return Poll::Ready(());
                }
                tell.send(context.waker().clone()).unwrap();
                Poll::Pending
            })
        });
        let waker: Waker = told.recv().unwrap();
        while demand.parked.is_zero() {
            thread::yield_now();
        }
        waker.wake();
        assert_eq!(parked.join().unwrap(), Some(()));
        assert!(demand.parked.is_zero());
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
                super::super::wait(&context, Awaits::Items, Some(deadline), |_| Poll::Pending);
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
                let context = WaitContext::new(setup);
                grow_steady(&context);
                // One that was held up before its waits does not lead.
                while leads && pump.leader.lock().is_none() {
                    grow_steady(&context);
                }
                assert_eq!(pump.leader.lock().is_some(), leads);
            });
        }
    }
}
