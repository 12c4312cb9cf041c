//! What a task that waits does with its polls. The clock is the real one, and a thread that was
//! held up begins anew: so each test waits for what it is about to happen.

#![allow(clippy::unwrap_used)] // These are tests, helpers included.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::super::alarm::Alarms;
use super::super::driver::spin::has_company;
use super::super::driver::Until;
use super::super::health::Health;
use super::super::ports::{FrameRule, Holder, PortsSetup};
use super::super::testing::{in_time, Count, Woken};
use super::*;
use crate::message::Message;
use crate::options::Overflow;

const LIMIT: Duration = Duration::from_micros(50);

/// A pump that is led until the wait is over, or as the test has it.
#[derive(Default)]
struct Pump {
    is_denied: bool,
    is_crowded: bool,
    /// Have a message brought by the task that leads.
    brings: OnceLock<Arc<Ports>>,
    asked: AtomicUsize,
    declined: AtomicUsize,
}

impl Pump {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn declined(&self) -> usize {
        self.declined.load(Ordering::SeqCst)
    }
}

impl Lead for Pump {
    fn lead(&self, wait: &dyn Until) -> Led {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_denied {
            return Led::Denied;
        }
        self.brings.get().inspect(|ports| deliver(ports));
        while !wait.is_over(Instant::now()) {
            std::hint::spin_loop();
        }
        match self.is_crowded {
            true => Led::Contended,
            false => Led::Alone,
        }
    }

    fn interrupt(&self) {}

    fn about_to_park(&self) {}

    fn decline(&self) {
        self.declined.fetch_add(1, Ordering::SeqCst);
    }
}

fn open(limit: Duration, pump: &Arc<Pump>) -> Holder {
    let lead = Arc::clone(pump) as Arc<dyn Lead>;
    let (_, holder) = Ports::open(PortsSetup {
        inward: Some((1, Overflow::Block)),
        outward: Some((10, Overflow::Block)),
        alternating: false,
        relaxed: None,
        recalling: false,
        frames: FrameRule::AtMost(Message::MAX_FRAMES),
        routes: None,
        spin: Spin {
            limit,
            pump: Some(Arc::downgrade(&lead)),
            demand: None,
        },
        alarms: Arc::new(Alarms::new(Arc::new(Count::default()))),
        health: Health::new(),
        keepalive: Arc::new(()),
        errand: Arc::new(Count::default()),
        hook: Arc::new(Count::default()),
    });
    holder
}

fn afar(pump: &Arc<Pump>) -> Holder {
    let holder = open(LIMIT, pump);
    holder.ports().reach_afar();
    holder
}

fn deliver(ports: &Ports) {
    let mut batch = [Message::from("here it is")].into_iter().collect();
    ports.outward().unwrap().push_batch(&mut batch);
}

#[derive(Debug)]
struct Wait {
    /// How often the task asked to be polled again.
    again: usize,
    /// Whether its own polls brought the message.
    served: bool,
}

/// A task waits for a message, and is polled as long as it asks for that. If this brings none, it
/// gets one as the pump's thread brings it.
fn wait(holder: &Holder) -> Wait {
    let receiver = holder.receiver().unwrap();
    let woken = Woken::new();
    let waker = woken.waker();
    let mut context = Context::from_waker(&waker);
    let mut recv = pin!(receiver.recv());
    let mut again = 0;
    while recv.as_mut().poll(&mut context).is_pending() {
        if woken.get() == again {
            deliver(receiver.ports());
            assert_eq!(woken.get(), again + 1, "the pump wakes it");
            assert!(recv.as_mut().poll(&mut context).is_ready());
            let served = false;
            return Wait { again, served };
        }
        again = woken.get();
    }
    let served = true;
    Wait { again, served }
}

/// Waits until one is like this. False on a single processor, where none ever is.
fn until(holder: &Holder, is_it: impl Fn(&Wait) -> bool) -> bool {
    if has_company() {
        while !is_it(&wait(holder)) {}
        return true;
    }
    for _ in 0..1000 {
        let Wait { again, served } = wait(holder);
        assert!(again == 0 && !served);
    }
    false
}

#[test]
fn a_task_served_soon_each_time_leads_and_is_served_by_that() {
    in_time(|| {
        let pump = Arc::new(Pump::default());
        let holder = afar(&pump);
        let _ = pump.brings.set(Arc::clone(holder.ports()));
        until(&holder, |wait| wait.served);
    });
}

#[test]
fn a_task_that_waits_for_this_process_only_or_may_not_spin_never_leads() {
    let pump = Arc::new(Pump::default());
    let holder = open(Duration::ZERO, &pump);
    holder.ports().reach_afar();
    for holder in [holder, open(LIMIT, &pump)] {
        for _ in 0..1000 {
            let Wait { again, served } = wait(&holder);
            assert!(again == 0 && !served);
        }
    }
    assert_eq!((pump.asked(), pump.declined()), (0, 0));
}

#[test]
fn a_task_that_leads_in_vain_declines_and_is_woken_as_ever() {
    for is_denied in [false, true] {
        in_time(move || {
            let pump = Arc::new(Pump {
                is_denied,
                ..Pump::default()
            });
            let holder = afar(&pump);
            // Each wait that does not look out, or no longer, is told.
            for waits in 1..2000 {
                wait(&holder);
                assert_eq!(pump.declined(), waits);
            }
            assert_eq!(pump.asked() > 0, has_company());
        });
    }
}

#[test]
fn a_task_that_finds_others_there_leaves_polling_to_the_pumps_thread() {
    in_time(|| {
        let pump = Arc::new(Pump {
            is_crowded: true,
            ..Pump::default()
        });
        let holder = afar(&pump);
        if until(&holder, |_| pump.asked() > 0) {
            for _ in 0..1000 {
                assert_eq!(wait(&holder).again, 0);
            }
            assert_eq!(pump.asked(), 1);
        }
    });
}

#[test]
fn who_is_served_at_once_each_time_leaves_the_thread_to_others_now_and_then() {
    in_time(|| {
        let pump = Arc::new(Pump::default());
        let holder = afar(&pump);
        let _ = pump.brings.set(Arc::clone(holder.ports()));
        if !until(&holder, |wait| wait.served) {
            return;
        }
        // Whoever looks out is served: only who leaves the thread asks to be polled again.
        for _ in 0..10 {
            let start = Instant::now();
            until(&holder, |wait| wait.again > 0);
            // All that time it had the thread for itself.
            assert!(start.elapsed() < Duration::from_secs(1));
        }
    });
}
