//! A poller and a pump for the models, the threads around them, and what a test does to them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake};
use std::time::{Duration, Instant};

use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::driver::spin::of_thread;
use crate::driver::spin::Estimator;
use crate::driver::wait::{wait, Awaits, TaskWait, WaitContext, WaitSetup};
use crate::driver::*;
use crate::options::Overflow;
use crate::sync::bounded::{Channel, Nothing, Waiting};
use crate::sync::oneshot::{answer, Reply};
use crate::sync::parker::block_on;
use crate::sync::primitives::model_clock;

// ---- the poller of a model

#[derive(Default)]
pub(super) struct Network {
    /// What has arrived and not been polled, and whether the poller was interrupted.
    pub(super) state: Mutex<(VecDeque<u64>, bool)>,
    pub(super) changed: Condvar,
}

impl Network {
    pub(super) fn change(&self, change: impl FnOnce(&mut (VecDeque<u64>, bool))) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    pub(super) fn arrive(&self, event: u64) {
        self.change(|(events, _)| events.push_back(event));
    }
}

pub(super) struct ModelPoller {
    pub(super) network: Arc<Network>,
    pub(super) events: Vec<u64>,
}

impl Poller for ModelPoller {
    type Event = u64;

    /// A sleep has no end but an event and an interruption: none may rest on the clock.
    fn poll(&mut self, timeout: Duration) -> &[u64] {
        let mut state = self.network.state.lock().unwrap();
        while !timeout.is_zero() && state.0.is_empty() && !state.1 {
            state = self.network.changed.wait(state).unwrap();
        }
        self.events = state.0.drain(..).collect();
        state.1 = false;
        &self.events
    }
}

impl Wake for Network {
    fn wake(self: Arc<Self>) {
        self.change(|(_, interrupted)| *interrupted = true);
    }
}

// ---- the pump of a model

/// What a socket's user receives from.
#[derive(Clone)]
pub(super) struct Out(Arc<Channel<u64>>);

impl Out {
    pub(super) fn new() -> Out {
        Out(Arc::new(Channel::new(0, Overflow::Block, None, None)))
    }

    pub(super) fn push(&self, number: u64) {
        self.0.push_batch(&mut VecDeque::from([number]));
    }

    /// Waits, and cannot lead.
    pub(super) fn pop(&self) -> u64 {
        self.pop_with(&WaitContext::new(WaitSetup::PARK))
    }

    pub(super) fn pop_with(&self, context: &WaitContext) -> u64 {
        let mut ticket = None;
        let ticket = &mut ticket;
        let popped = wait(context, Awaits::Items, None, |context| {
            let waker = context.waker();
            match self.0.pop_or_wait(Waiting { ticket, waker }) {
                Err(Nothing::Empty) => Poll::Pending,
                popped => Poll::Ready(popped),
            }
        });
        popped.unwrap().unwrap()
    }
}

/// Waits as a task does that is polled whenever its waker is called.
pub(super) fn pop_as_a_task(out: &Out, wait: &WaitContext) -> u64 {
    let (mut task, mut ticket) = (TaskWait::default(), None);
    let popped = block_on(None, |context| {
        // Polls take time, whichever thread leads.
        model_clock::advance(MOMENT);
        task.poll(wait, Awaits::Items, context, |context| {
            let (ticket, waker) = (&mut ticket, context.waker());
            match out.0.pop_or_wait(Waiting { ticket, waker }) {
                Err(Nothing::Empty) => Poll::Pending,
                popped => Poll::Ready(popped),
            }
        })
    });
    popped.unwrap().unwrap()
}

pub(super) enum Order {
    /// To be answered.
    Answer(Reply<()>),
    /// To be answered by an errand, with the thread that runs it.
    Run(Reply<thread::ThreadId>),
    Finish,
}

/// Hands what arrives, and each token, to one of the `outs`: number 10 · k + i to the one with index i.
pub(super) struct ModelPump {
    pub(super) mailbox: Arc<Mailbox<Order>>,
    pub(super) outs: [Out; 2],
    pub(super) errands: Vec<Errand>,
    /// How long a turn takes.
    pub(super) takes: Duration,
    pub(super) has_turned: bool,
    pub(super) finished: bool,
}

impl ModelPump {
    pub(super) fn deliver(&self, number: u64) {
        self.outs[number as usize % 10].push(number);
    }
}

impl Turn for ModelPump {
    type Event = u64;
    type Command = Order;

    fn turn(&mut self, _now: Instant, events: &[u64]) {
        if !self.takes.is_zero() {
            model_clock::advance(self.takes);
        }
        let (mut orders, mut tokens) = (Vec::new(), Vec::new());
        self.mailbox.collect(&mut orders, &mut tokens);
        for order in orders {
            match order {
                Order::Answer(reply) => reply.send(()),
                Order::Run(reply) => {
                    let runs = move || reply.send(thread::current().id());
                    self.errands.push(Box::new(runs));
                }
                Order::Finish => self.finished = true,
            }
        }
        events.iter().for_each(|&event| self.deliver(event));
        tokens.iter().for_each(|&token| self.deliver(token as u64));
        // As if it had woken that waiter.
        if !std::mem::replace(&mut self.has_turned, true) {
            WakeCount::count();
        }
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.errands
    }

    fn is_pressed(&self) -> bool {
        false
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    fn is_heavy(_read: u64, _within: Duration) -> bool {
        false
    }

    fn orphans(&self) -> Box<dyn FnOnce()> {
        Box::new(|| ())
    }

    fn fail(self, text: &str) {
        panic!("{text}");
    }
}

// ---- a scene

pub(super) const LIMIT: Duration = Duration::from_micros(50);

/// How long a task may lead in one poll: all its polls together take less than the poller may be vacant.
pub(super) const MOMENT: Duration = Duration::from_micros(25);

/// A pump whose thread runs, and all that others reach it by.
pub(super) struct Scene {
    pub(super) network: Arc<Network>,
    pub(super) mailbox: Arc<Mailbox<Order>>,
    pub(super) driver: Arc<Driver<ModelPoller, ModelPump>>,
    pub(super) outs: [Out; 2],
    pub(super) thread: thread::JoinHandle<()>,
}

impl Scene {
    pub(super) fn open() -> Scene {
        Scene::with_turns_of(Duration::ZERO)
    }

    pub(super) fn with_turns_of(takes: Duration) -> Scene {
        let network = Arc::new(Network::default());
        let poller = ModelPoller {
            network: Arc::clone(&network),
            events: Vec::new(),
        };
        let driver = Driver::new(poller, Waker::from(Arc::clone(&network)), LIMIT, true);
        let mailbox = Arc::clone(&driver.mailbox);
        let outs = [(); 2].map(|()| Out::new());
        // A waiter would have led before, so that the pump's thread steps aside after its first turn.
        assert!(driver.handoff.try_lead().is_none());
        let pump = ModelPump {
            mailbox: Arc::clone(&mailbox),
            outs: outs.clone(),
            errands: Vec::new(),
            takes,
            has_turned: false,
            finished: false,
        };
        let runs = Arc::clone(&driver);
        let thread = thread::spawn(move || {
            begin_loop_thread();
            runs.run(pump);
        });
        Scene {
            network,
            mailbox,
            driver,
            outs,
            thread,
        }
    }

    pub(super) fn lead(&self) -> Weak<dyn Lead> {
        let driver = Arc::downgrade(&self.driver);
        driver
    }

    /// Waits as a port does; the wait leads if it can.
    pub(super) fn waiter(&self, out: usize) -> impl FnOnce() -> u64 + 'static {
        let setup = WaitSetup {
            spin: LIMIT,
            leads: true,
            pump: Some(self.lead()),
            ..WaitSetup::PARK
        };
        let out = self.outs[out].clone();
        move || {
            of_thread(assume_steady);
            out.pop_with(&WaitContext::new(setup))
        }
    }

    /// Waits as a task that leads for a moment in each of its polls, some times.
    pub(super) fn task(&self, out: usize) -> impl FnOnce() -> u64 + 'static {
        let wait = WaitContext::new(WaitSetup {
            task_spin: MOMENT,
            pump: Some(self.lead()),
            ..WaitSetup::PARK
        });
        wait.set_remote();
        let out = self.outs[out].clone();
        move || {
            {
                let mut known = wait.receiving.lock();
                assume_steady(&mut known);
                known.trials.assume_on();
            }
            pop_as_a_task(&out, &wait)
        }
    }

    /// Asks the pump, and waits for the answer without leading, as calls do.
    pub(super) fn ask(&self) {
        let (answered, reply) = answer();
        assert!(self.mailbox.post(Order::Answer(reply)).is_ok());
        assert_eq!(answered.wait(), Some(()));
    }

    pub(super) fn close(self) {
        assert!(self.mailbox.post(Order::Finish).is_ok());
        self.thread.join().unwrap();
    }
}

/// The first wait may lead.
pub(super) fn assume_steady(known: &mut Estimator) {
    known.end(now());
    known.not_leading = 0;
}
