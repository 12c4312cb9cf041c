//! What a task that waits does with its polls. The clock is the real one, and a thread that was
//! held up begins again: so each test waits for what it is about to happen.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use super::*;
use crate::options::Overflow;
use crate::sync::bounded::{Channel, Nothing, Waiting};
use crate::sync::testing::{in_time, Woken};

const MOMENT: Duration = Duration::from_micros(25);

/// A pump that is led until the wait is over, or as the test has it.
#[derive(Default)]
struct Pump {
    is_denied: bool,
    is_crowded: bool,
    /// Have a message brought by the task that leads.
    brings: OnceLock<Arc<Channel<u8>>>,
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
    fn lead(&self, wait: &Wait<'_>) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_denied {
            return false;
        }
        self.brings.get().inspect(|channel| deliver(channel));
        while !wait.is_over(Instant::now()) {
            std::hint::spin_loop();
        }
        self.is_crowded
    }

    fn about_to_park(&self, leads_again: bool) {
        assert!(!leads_again, "it is a task");
        self.declined.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the tasks of a test receive from.
struct Port {
    context: WaitContext,
    channel: Arc<Channel<u8>>,
}

fn open(task_spin: Duration, pump: &Arc<Pump>) -> Port {
    let lead = Arc::clone(pump) as Arc<dyn Lead>;
    let context = WaitContext::new(WaitSetup {
        task_spin,
        pump: Some(Arc::downgrade(&lead)),
        ..WaitSetup::PARK
    });
    let channel = Arc::new(Channel::new(10, Overflow::Block, None, None));
    Port { context, channel }
}

fn remote(pump: &Arc<Pump>) -> Port {
    let port = open(MOMENT, pump);
    port.context.set_remote();
    port
}

fn deliver(channel: &Channel<u8>) {
    channel.push_batch(&mut VecDeque::from([1]));
}

#[derive(Debug)]
struct Waited {
    /// How often the task asked to be polled again.
    again: usize,
    /// Whether its own polls brought the message.
    served: bool,
}

/// A task waits for a message, and is polled as long as it asks for that. If this brings none, it
/// gets one as the pump's thread brings it.
fn wait(port: &Port) -> Waited {
    let woken = Woken::new();
    let waker = woken.waker();
    let mut context = Context::from_waker(&waker);
    let (mut task, mut ticket, mut again) = (TaskWait::default(), None, 0);
    let mut receive = || {
        let ticket = &mut ticket;
        task.poll(&port.context, Awaits::Items, &mut context, |context| {
            let waker = context.waker();
            match port.channel.pop_or_wait(Waiting { ticket, waker }) {
                Err(Nothing::Empty) => Poll::Pending,
                popped => Poll::Ready(popped),
            }
        })
    };
    while receive().is_pending() {
        if woken.get() == again {
            deliver(&port.channel);
            assert_eq!(woken.get(), again + 1, "the pump wakes it");
            assert!(receive().is_ready());
            let served = false;
            return Waited { again, served };
        }
        again = woken.get();
    }
    let served = true;
    Waited { again, served }
}

/// Waits until one is like this. False on a single processor, where none ever is.
fn until(port: &Port, is_it: impl Fn(&Waited) -> bool) -> bool {
    if has_company() {
        while !is_it(&wait(port)) {}
        return true;
    }
    for _ in 0..1000 {
        let Waited { again, served } = wait(port);
        assert!(again == 0 && !served);
    }
    false
}

#[test]
fn a_task_served_soon_each_time_leads_and_is_served_by_that() {
    in_time(|| {
        let pump = Arc::new(Pump::default());
        let port = remote(&pump);
        let _ = pump.brings.set(Arc::clone(&port.channel));
        until(&port, |wait| wait.served);
    });
}

#[test]
fn a_task_that_waits_for_this_process_only_or_may_not_spin_never_leads() {
    let pump = Arc::new(Pump::default());
    let port = open(Duration::ZERO, &pump);
    port.context.set_remote();
    for port in [port, open(MOMENT, &pump)] {
        for _ in 0..1000 {
            let Waited { again, served } = wait(&port);
            assert!(again == 0 && !served);
        }
    }
    assert_eq!((pump.asked(), pump.declined()), (0, 0));
}

#[test]
fn a_task_that_leads_and_is_not_served_declines_and_is_woken() {
    for is_denied in [false, true] {
        in_time(move || {
            let pump = Arc::new(Pump {
                is_denied,
                ..Pump::default()
            });
            let port = remote(&pump);
            // Each wait that does not lead, or no longer, declines.
            for waits in 1..2000 {
                wait(&port);
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
        let port = remote(&pump);
        if until(&port, |_| pump.asked() > 0) {
            for _ in 0..1000 {
                assert_eq!(wait(&port).again, 0);
            }
            assert_eq!(pump.asked(), 1);
        }
    });
}

#[test]
fn a_task_that_is_served_at_once_each_time_leaves_the_thread_to_others_now_and_then() {
    in_time(|| {
        let pump = Arc::new(Pump::default());
        let port = remote(&pump);
        let _ = pump.brings.set(Arc::clone(&port.channel));
        if !until(&port, |wait| wait.served) {
            return;
        }
        // A task that leads is served: only one that leaves the thread asks to be polled again.
        for _ in 0..10 {
            let start = Instant::now();
            until(&port, |wait| wait.again > 0);
            // All that time it had the thread for itself.
            assert!(start.elapsed() < Duration::from_secs(1));
        }
    });
}
