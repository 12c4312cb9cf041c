//! What a pump's thread does when a turn has woken tasks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::task::Wake;

use super::*;
use crate::driver::{Driver, Errand, Mailbox, Poller, Traffic, Turn};
use crate::sync::deferral::wake_or_defer;
use crate::sync::testing::{in_time, Woken};

/// Has no events; keeps for how long it was to sleep.
#[derive(Clone, Default)]
struct Idle(Arc<Mutex<Vec<Duration>>>);

impl Poller for Idle {
    type Event = ();

    fn poll(&mut self, timeout: Duration) -> &[()] {
        self.0.lock().unwrap().push(timeout);
        &[]
    }
}

/// A task that has a token for the pump whenever it is woken.
#[derive(Default)]
struct Sends {
    mailbox: Mutex<Option<Arc<Mailbox<()>>>>,
    woken: AtomicUsize,
}

impl Wake for Sends {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Ordering::SeqCst);
        let mailbox = self.mailbox.lock().unwrap();
        mailbox.iter().for_each(|mailbox| mailbox.deposit(7));
    }
}

/// Wakes the task in its first turn, and ends with the second.
struct TwoTurns {
    task: Arc<Sends>,
    turns: u32,
    errands: Vec<Errand>,
}

impl Turn for TwoTurns {
    type Event = ();
    type Command = ();

    fn turn(&mut self, _: Instant, _: &[()]) {
        self.turns += 1;
        if self.turns == 1 {
            wake_or_defer(Arc::clone(&self.task).into());
            assert_eq!(self.task.woken.load(Ordering::SeqCst), 0, "under the lock");
        }
    }

    fn is_finished(&self) -> bool {
        self.turns == 2
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn is_pressed(&self) -> bool {
        false
    }

    fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.errands
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    fn is_heavy(_: u64, _: Duration) -> bool {
        false
    }

    fn orphans(&self) -> Box<dyn FnOnce()> {
        Box::new(|| {})
    }

    fn fail(self, text: &str) {
        panic!("{text}");
    }
}

#[test]
fn what_a_woken_task_has_for_the_pump_interrupts_no_sleep() {
    in_time(|| {
        let (poller, interrupts, task) = (Idle::default(), Woken::new(), Arc::<Sends>::default());
        let driver = Driver::new(poller.clone(), interrupts.waker(), Duration::ZERO, false);
        *task.mailbox.lock().unwrap() = Some(Arc::clone(&driver.mailbox));
        driver.run(TwoTurns {
            task: Arc::clone(&task),
            turns: 0,
            errands: Vec::new(),
        });
        assert_eq!(task.woken.load(Ordering::SeqCst), 1);
        assert_eq!(interrupts.get(), 0);
        assert_eq!(*poller.0.lock().unwrap(), [Duration::ZERO; 2]);
    });
}
