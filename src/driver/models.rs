//! Every interleaving of a pump's thread, waiters and depositors, model-checked with the types that
//! run: only the poller, the pump and the clock are the model's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Poll, Wake};
use std::time::{Duration, Instant};

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::spin::Estimator;
use super::tuning::{STEADY, VACANCY};
use super::*;
use crate::driver::spin::of_thread;
use crate::driver::wait::{wait, Awaits, TaskWait, WaitContext, WaitSetup, Waiter};
use crate::options::Overflow;
use crate::sync::bounded::{Channel, Nothing, Waiting};
use crate::sync::models::{model, Calls};
use crate::sync::oneshot::{answer, Reply};
use crate::sync::parker::block_on;
use crate::sync::primitives::model_clock;
use crate::sync::Hook;

// ---- the poller of a model

#[derive(Default)]
struct Network {
    /// What has arrived and not been polled, and whether the poller was interrupted.
    state: Mutex<(VecDeque<u64>, bool)>,
    changed: Condvar,
}

impl Network {
    fn change(&self, change: impl FnOnce(&mut (VecDeque<u64>, bool))) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    fn arrive(&self, event: u64) {
        self.change(|(events, _)| events.push_back(event));
    }
}

struct ModelPoller {
    network: Arc<Network>,
    events: Vec<u64>,
}

impl Poller for ModelPoller {
    type Event = u64;

    /// A sleep has no end but an event and an interruption: none may rest on the clock.
    fn poll(&mut self, timeout: Option<Duration>) {
        let mut state = self.network.state.lock().unwrap();
        while timeout != Some(Duration::ZERO) && state.0.is_empty() && !state.1 {
            state = self.network.changed.wait(state).unwrap();
        }
        self.events = state.0.drain(..).collect();
        state.1 = false;
    }

    fn events(&self) -> &[u64] {
        &self.events
    }

    fn clear(&mut self) {
        self.events.clear();
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
struct Out(Arc<Channel<u64>>);

impl Out {
    fn new() -> Out {
        Out(Arc::new(Channel::new(0, Overflow::Block, None, None)))
    }

    fn push(&self, number: u64) {
        self.0.push_batch(&mut VecDeque::from([number]));
    }

    /// Waits, and cannot lead.
    fn pop(&self) -> u64 {
        self.pop_with(&WaitContext::new(WaitSetup::PARK))
    }

    fn pop_with(&self, context: &WaitContext) -> u64 {
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
fn pop_as_a_task(out: &Out, wait: &WaitContext) -> u64 {
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

enum Order {
    /// To be answered.
    Answer(Reply<()>),
    /// To be answered by an errand, with the thread that runs it.
    Run(Reply<thread::ThreadId>),
    Finish,
}

/// Hands what arrives, and each token, to one of the `outs`: number 10 · k + i to the one with index i.
struct ModelPump {
    mailbox: Arc<Mailbox<Order>>,
    outs: [Out; 2],
    errands: Vec<Errand>,
    /// How long a turn takes.
    takes: Duration,
    has_turned: bool,
    finished: bool,
}

impl ModelPump {
    fn deliver(&self, number: u64) {
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

const LIMIT: Duration = Duration::from_micros(50);

/// How long a task may lead in one poll: all its polls together take less than the poller may be vacant.
const MOMENT: Duration = Duration::from_micros(25);

/// A pump whose thread runs, and all that others reach it by.
struct Scene {
    network: Arc<Network>,
    mailbox: Arc<Mailbox<Order>>,
    driver: Arc<Driver<ModelPoller, ModelPump>>,
    outs: [Out; 2],
    thread: thread::JoinHandle<()>,
}

impl Scene {
    fn open() -> Scene {
        Scene::with_turns_of(Duration::ZERO)
    }

    fn with_turns_of(takes: Duration) -> Scene {
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
            begin_pump_thread();
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

    fn lead(&self) -> Weak<dyn Lead> {
        let driver = Arc::downgrade(&self.driver);
        driver
    }

    /// Waits as a port does; the wait leads if it can.
    fn waiter(&self, out: usize) -> impl FnOnce() -> u64 + 'static {
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
    fn task(&self, out: usize) -> impl FnOnce() -> u64 + 'static {
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
    fn ask(&self) {
        let (answered, reply) = answer();
        assert!(self.mailbox.post(Order::Answer(reply)).is_ok());
        assert_eq!(answered.wait(), Some(()));
    }

    fn close(self) {
        assert!(self.mailbox.post(Order::Finish).is_ok());
        self.thread.join().unwrap();
    }
}

/// The first wait may lead.
fn assume_steady(known: &mut Estimator) {
    known.end(now());
    known.steady = STEADY;
}

// ---- the models

#[test]
fn loom_a_command_is_answered_without_a_clock_whichever_thread_polls() {
    model(2, || {
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        scene.ask();
        model_clock::run();
        scene.network.arrive(10);
        assert_eq!(waits.join().unwrap(), 10);
        scene.close();
    });
}

/// Users' code that may be run by the pump's thread only, found by whichever thread does the turn.
#[test]
fn loom_an_errand_is_run_by_the_pumps_thread_without_a_clock() {
    model(2, || {
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        let (answered, reply) = answer();
        assert!(scene.mailbox.post(Order::Run(reply)).is_ok());
        assert_eq!(answered.wait(), Some(scene.thread.thread().id()));
        model_clock::run();
        scene.network.arrive(10);
        assert_eq!(waits.join().unwrap(), 10);
        scene.close();
    });
}

#[test]
fn loom_a_token_is_serviced_whichever_thread_polls() {
    model(2, || {
        model_clock::run();
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        scene.mailbox.deposit(10);
        assert_eq!(waits.join().unwrap(), 10);
        scene.close();
    });
}

#[test]
fn loom_a_token_is_serviced_if_its_thread_assists() {
    model(2, || {
        model_clock::run();
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        scene.mailbox.deposit_for_assist(10);
        assert_eq!(waits.join().unwrap(), 10);
        scene.mailbox.deposit_for_assist(21);
        assert_eq!(scene.outs[1].pop(), 21);
        scene.close();
    });
}

/// Another thread than the pump's brings what a leader waits for: it leaves at once, or is asleep in
/// the poller. What is asked meanwhile is answered by it, or by the thread that it leaves work to.
#[test]
fn loom_a_leader_leaves_when_its_wait_is_over() {
    model(2, || {
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        scene.outs[0].push(30);
        scene.ask();
        assert_eq!(waits.join().unwrap(), 30);
        scene.close();
    });
}

/// The pump's thread sleeps without a limit while a leader does, and is back after it has left.
#[test]
fn loom_the_pumps_thread_comes_back_by_the_clock() {
    model(2, || {
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        scene.outs[0].push(30);
        assert_eq!(waits.join().unwrap(), 30);
        model_clock::run();
        scene.network.arrive(21);
        assert_eq!(scene.outs[1].pop(), 21);
        scene.close();
    });
}

#[test]
fn loom_of_two_waiters_that_would_lead_both_are_served() {
    model(1, || {
        model_clock::run();
        let scene = Scene::open();
        let waits = [0, 1].map(|out| thread::spawn(scene.waiter(out)));
        scene.network.arrive(11);
        scene.network.arrive(10);
        let [zero, one] = waits.map(|waits| waits.join().unwrap());
        assert_eq!((zero, one), (10, 11));
        scene.close();
    });
}

/// A waiter that has led, and is about to park, leaves polling to the pump's thread.
#[test]
fn loom_what_arrives_for_a_waiter_that_led_and_parks_needs_no_clock() {
    model(2, || {
        let scene = Scene::open();
        let (driver, out) = (Arc::clone(&scene.driver), scene.outs[0].clone());
        let waits = thread::spawn(move || {
            // Denied, it would be the thread of the pump that steps aside later.
            (lead_for_a_moment(&driver) != Led::Denied).then(|| {
                driver.about_to_park(true);
                out.pop()
            })
        });
        scene.network.arrive(10);
        let came = waits.join().unwrap();
        assert_eq!(came.unwrap_or(10), 10);
        scene.close();
    });
}

/// The same of a task that is polled no more.
#[test]
fn loom_what_arrives_after_a_task_has_declined_needs_no_clock() {
    model(2, || {
        let scene = Scene::open();
        let driver = Arc::clone(&scene.driver);
        let polled = thread::spawn(move || {
            let _ = lead_for_a_moment(&driver);
            driver.about_to_park(false);
        });
        scene.network.arrive(10);
        polled.join().unwrap();
        assert_eq!(scene.outs[0].pop(), 10);
        scene.close();
    });
}

#[test]
fn loom_a_sleeping_pump_is_woken() {
    model(8, || {
        let wakes = Calls::new();
        let mailbox = {
            let wakes = wakes.clone();
            Arc::new(Mailbox::new(move |_| wakes.notify()))
        };
        let poster = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.post(1).unwrap())
        };
        let asleep = mailbox.prepare_sleep();
        poster.join().unwrap();
        assert_eq!(wakes.get(), u8::from(asleep));
        let (mut commands, mut tokens) = (Vec::new(), Vec::new());
        mailbox.collect(&mut commands, &mut tokens);
        assert_eq!(commands, [1]);
    });
}

/// A task leads in some polls, then waits for nothing but its waker. Whenever what it waits for arrives, it
/// is served, and so is a command meanwhile.
#[test]
fn loom_a_task_that_leads_in_its_polls_is_served_without_a_clock() {
    model(1, || {
        let scene = Scene::with_turns_of(MOMENT);
        let waits = thread::spawn(scene.task(0));
        scene.ask();
        scene.network.arrive(10);
        assert_eq!(waits.join().unwrap(), 10);
        scene.close();
    });
}

/// A leader comes and goes while the poller is vacant. The pump's thread is back no later after that
/// than the poller may be vacant.
#[test]
fn loom_the_poller_is_vacant_for_no_longer_than_it_may_be() {
    model(3, || {
        model_clock::run();
        let begun = now();
        let handoff = Arc::new(Handoff::new(()));
        assert!(handoff.try_lead().is_none());
        let stands_by = {
            let handoff = Arc::clone(&handoff);
            thread::spawn(move || {
                assert!(handoff.step_aside(|| true));
                handoff.stand_by(&Demand::default());
                now()
            })
        };
        let mut left = begun;
        if let Some(mut leadership) = handoff.try_lead() {
            model_clock::advance(VACANCY / 4);
            leadership.tenure.polled = now();
            drop(leadership);
            left = now();
        }
        let back = stands_by.join().unwrap();
        assert!(back <= left + VACANCY, "{:?}", back - left);
    });
}

/// As a task does whose moment is over with its first look.
fn lead_for_a_moment(driver: &Driver<ModelPoller, ModelPump>) -> Led {
    let context = WaitContext::new(WaitSetup::PARK);
    let (waiter, mut stage) = (Waiter::Task(Waker::noop()), TaskWait::default());
    driver.lead(&context.wait(Awaits::Items, waiter, &mut stage))
}
