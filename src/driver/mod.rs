//! Which thread runs a pump's loop: its own, a waiter that leads, or a sender that assists.
//!
//! A message that arrives passes through two threads, and waking the second one costs more than all
//! else. So a thread that waits for a pump time and again, and soon after it was served, polls itself
//! and does the pump's turns: what arrives is in its hands at once, in its own processor's cache. It
//! is the *leader*; the pump's thread stands by meanwhile. And a thread that has something for a pump
//! whose thread sleeps does the next turn itself instead of waking it: it *assists*.
//!
//! # States
//!
//! One thread at a time polls, and [`Handoff`] knows which:
//!
//! - *Dedicated*: the pump's thread, which runs or sleeps in the poller. It steps aside if a waiter would
//!   lead and what is left to do can wait → Vacant.
//! - *Vacant*: none, for a bounded time. A waiter leads → Leader. A command, a waiter about to park, work
//!   left behind, errands, the clock → Dedicated.
//! - *Leader*: a user's thread or task; it polls without sleeping. It falls asleep in the poller →
//!   LeaderAsleep. It leaves → Vacant.
//! - *LeaderAsleep*: a user's thread that sleeps in the poller. It wakes up → Leader. It leaves → Vacant.
//!
//! A leader that sleeps wakes up when the poller has something, when it is interrupted, or by the clock. It
//! is interrupted by a thread that has something for the pump, and by the waker of its wait.
//!
//! # What finds whom
//!
//! Something for the pump is *deposited* in its [`Mailbox`]: a command, or a token. A pump that is awake
//! finds it in its next turn. For one that is not, the deposit ends in [`Driver::notify`], once per sleep:
//!
//! - Dedicated, asleep: the poller is interrupted; or the depositing thread assists.
//! - Vacant: a token waits for the next leader, a command does not: the pump's thread is recalled.
//! - LeaderAsleep: the poller is interrupted.
//!
//! A waiter first looks whether there is anything for it, then leads or parks. It parks only after it
//! has recalled the pump's thread: a parked waiter sees nothing itself. When that thread steps aside
//! again, for another waiter that it has woken, the parked one depends on the clock too.
//!
//! # What rests on a clock alone
//!
//! In the state Vacant what arrives over the network, and a token that was deposited, wait for the next
//! leader. If none comes, the pump's thread is back [`tuning::VACANCY`] after the last leader polled, or
//! a quarter of that while others wait. Nothing else rests on a clock alone but what is due by one:
//! timers and deadlines.
//!
//! # Locks
//!
//! They nest in this order: poller → pump → state of the hand-off → all others, which are held for moments:
//! the mailbox, those of the channels. Under the lock of the state the poller is only tried for, and the
//! mailbox asked whether a thread may stay away. No lock is held while a thread is parked; a leader and the
//! pump's thread hold the poller while they sleep in it, and no other.
//!
//! A turn runs under the first two, and with it the hooks it calls. The wakers of tasks, which are users'
//! code, are called when the pump's lock has been given back ([deferral](crate::sync::deferral)); those
//! of parked threads at once. A thread that calls them still has the right to poll, if it had that: a
//! waker may deposit something, but must not wait for a pump; see [`is_driving`].
//! Users' code that only the pump's own thread may run, such as accept filters, is left by a turn as
//! *errands*: another thread that finds any after its turn wakes that thread, which runs them with the
//! right to poll and without the pump.
//!
//! # Memory order
//!
//! All that is decided on stands under a lock, but for the state of a
//! [parked thread](crate::sync::parker). It is sequentially consistent: a waiter says that it is parked,
//! or asleep in the poller, and then looks once more whether it was woken; the one that wakes it says so
//! and then looks how to end its sleep. Neither may see the other's word too late. What a leader has
//! polled for is published by the poller's lock.

mod assist;
mod handoff;
#[cfg(all(test, loom))]
mod models;
mod roles;
mod spin;
mod tuning;
pub(crate) mod wait;

use std::ops::ControlFlow::{Break, Continue};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::sync::catch::quietly;
pub(crate) use crate::sync::loop_lock::{begin_loop_thread, is_driving};
use crate::sync::loop_lock::{LoopGuard, LoopLock};
pub(crate) use crate::sync::mailbox::{Mailbox, Urgency};
use crate::sync::parker::Parker;
use crate::sync::primitives::now;
use crate::sync::wake_count::WakeCount;
use assist::{has_assisted, has_time};
use handoff::{Demand, Handoff, Leadership};
use spin::Expectation;
use tuning::ASSISTING_TURNS;
use wait::{Lead, Wait};

pub(crate) use roles::{Errand, Poller, Traffic, Turn};

/// A pump, the way to poll for it, and whose turn it is to do that.
pub(crate) struct Driver<P, T: Turn> {
    pump: LoopLock<Option<Box<Driven<T>>>>,
    handoff: Handoff<P>,
    pub(crate) mailbox: Arc<Mailbox<T::Command>>,
    /// The waiters for this pump.
    pub(crate) demand: Arc<Demand>,
    /// Ends a sleep in the poller, or else the next one.
    interrupt: Waker,
    /// How long the pump's thread may spin.
    spin: Duration,
    /// Whether a thread that has something for the pump may do its turn.
    assists: bool,
}

struct Driven<T> {
    pump: T,
    /// What its thread sleeps until at the latest; without a time it sleeps until it is woken.
    asleep_until: Option<Instant>,
}

/// A thread that has the pump in its hands, or what is left when that has ended.
type Driving<'a, T> = LoopGuard<'a, Option<Box<Driven<T>>>>;

impl<P: Poller, T: Turn<Event = P::Event>> Driver<P, T> {
    /// A driver without a pump, which [`run`](Self::run) gives it. It is to be kept by the pump's thread
    /// alone, so that handles that outlive that keep no file descriptor open.
    pub(crate) fn new(poller: P, interrupt: Waker, spin: Duration, assists: bool) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| {
            let this = this.clone();
            let notify = move |urgency| {
                if let Some(driver) = this.upgrade() {
                    driver.notify(urgency);
                }
            };
            Driver {
                pump: LoopLock::new(None),
                handoff: Handoff::new(poller),
                mailbox: Arc::new(Mailbox::new(notify)),
                demand: Arc::default(),
                interrupt,
                spin,
                assists,
            }
        })
    }

    /// The loop of the pump's thread: polls, turns, and polls again, until the pump is finished.
    pub(crate) fn run(&self, pump: T) {
        let asleep_until = None;
        *self.pump.lock().state = Some(Box::new(Driven { pump, asleep_until }));
        let mut poller = self.handoff.poller.lock();
        let mut timeout = Duration::ZERO;
        // Since this thread last slept: whether it has woken any waiter, and never two at once that
        // have something to take.
        let (mut has_woken, mut is_crowded) = (false, false);
        let mut expectation = Expectation::default();
        loop {
            let events = poller.poll(timeout);
            let woken = WakeCount::so_far();
            let mut driving = self.pump.lock();
            let driven = driving.state.as_deref_mut();
            let Some(Some(turned)) = driven.map(|driven| self.turn(driven, events)) else {
                let ended = driving.state.take();
                // Not under the lock: one that is told of an end may come back here.
                drop(driving);
                return drop(ended);
            };
            // Before it can sleep: what the woken tasks have for the pump then interrupts no sleep.
            driving = self.pump.call_wakers(driving);
            let Some(driven) = driving.state.as_deref_mut() else {
                return;
            };
            timeout = Duration::ZERO;
            let (any, to_take) = woken.since();
            (has_woken, is_crowded) = (has_woken | any, is_crowded | (to_take > 1));
            let may_leave = has_woken && (!is_crowded || self.demand.takers.is_zero());
            let traffic = driven.pump.traffic();
            let errands = std::mem::take(driven.pump.errands());
            if !errands.is_empty() {
                drop(driving);
                errands.into_iter().for_each(|errand| errand());
            } else if expectation.lasts(self.spin, traffic.read, traffic.expects_more) {
                // The next piece of a large frame is here sooner than this thread would be asleep.
            } else if may_leave
                && self
                    .handoff
                    .step_aside(|| self.can_wait_a_moment(driven, turned))
            {
                drop(poller);
                drop(driving);
                self.handoff.stand_by(&self.demand);
                (has_woken, is_crowded) = (false, false);
                poller = self.handoff.poller.lock();
            } else if let Some(longest) = self.prepare_sleep(driven) {
                (has_woken, is_crowded) = (false, false);
                timeout = longest;
            }
        }
    }

    /// The pump sleeps, and there is something for it.
    fn notify(&self, urgency: Urgency) {
        if self.is_elsewhere() {
            return;
        }
        let assisted = match urgency {
            Urgency::Assist if self.assists => self.assist(),
            Urgency::Assist | Urgency::Command | Urgency::Token => None,
        };
        let can_wait = || urgency != Urgency::Command && self.handoff.is_vacant();
        if !assisted.unwrap_or_else(can_wait) {
            self.wake(true);
        }
    }

    /// Whether this process was forked from the pump's. Then all sockets are closed, in the memory
    /// of this process: neither connections nor the poller are its own, nor is anything dropped.
    fn is_elsewhere(&self) -> bool {
        let is_elsewhere = self.mailbox.health().is_elsewhere();
        if is_elsewhere {
            let driving = self.pump.try_lock();
            let close = driving.and_then(|driving| Some(driving.state.as_deref()?.pump.orphans()));
            // Not under the lock: one that is told of an end may come back here.
            close.into_iter().for_each(|close| close());
        }
        is_elsewhere
    }

    /// Has the thread that polls, or is to, do a turn. Whether the caller would rather lead the next time.
    fn wake(&self, leads_again: bool) {
        if !self.handoff.recall(leads_again) {
            self.interrupt.wake_by_ref();
        }
    }

    /// Does a turn. The time, unless the pump is finished.
    fn turn(&self, driven: &mut Driven<T>, events: &[T::Event]) -> Option<Instant> {
        let now = now();
        self.mailbox.awake();
        driven.pump.turn(now, events);
        (!driven.pump.is_finished()).then_some(now)
    }

    /// If there is nothing left to do: for how long the thread that drives may sleep in the poller. It must
    /// be interrupted from now on.
    fn prepare_sleep(&self, driven: &mut Driven<T>) -> Option<Duration> {
        if driven.pump.is_busy() || !self.mailbox.prepare_sleep() {
            return None;
        }
        driven.asleep_until = driven.pump.due();
        let left = |until: Instant| until.saturating_duration_since(now());
        Some(driven.asleep_until.map_or(Duration::MAX, left))
    }

    /// Polls and does the pump's turns until the wait is over, awake or asleep in between. Whether much
    /// was read for what this thread got.
    fn lead_on(&self, wait: &Wait<'_>, leadership: &mut Leadership<'_, P>) -> bool {
        let start = now();
        let (mut sleep, mut read_before): (Option<(Duration, &Parker)>, _) = (None, None);
        loop {
            let timeout = sleep.map_or(Duration::ZERO, |(timeout, _)| timeout);
            let events = leadership.poller.poll(timeout);
            if let Some((_, parker)) = sleep {
                parker.is_back();
                leadership.handoff.sleeps(false);
            }
            let polled = &mut leadership.polled;
            let goes_on = self.drive(self.pump.lock(), |driven| {
                let Some(now) = self.turn(driven, events) else {
                    return Break(false);
                };
                *polled = now;
                let pump = &mut driven.pump;
                let read = pump.traffic().read;
                let read = read - *read_before.get_or_insert(read);
                if wait.is_over(now) || !pump.errands().is_empty() {
                    return Break(T::is_heavy(read, now.saturating_duration_since(start)));
                }
                if wait.spins(now) {
                    return Continue(None);
                }
                let Some(longest) = self.prepare_sleep(driven) else {
                    return Continue(None);
                };
                match wait.may_sleep(now) {
                    Some((left, parker)) => Continue(Some((longest.min(left), parker))),
                    None => Break(false),
                }
            });
            sleep = match goes_on {
                Some(Continue(sleep)) => sleep,
                Some(Break(was_heavy)) => return was_heavy,
                None => return false,
            };
            sleep = sleep.filter(|(_, parker)| parker.sleeps_elsewhere(&self.interrupt));
            sleep.inspect(|_| leadership.handoff.sleeps(true));
        }
    }

    /// Does some turns for a pump whose thread sleeps, if the current thread has the time for that and no
    /// other drives. False if there is something left for the pump's thread.
    fn assist(&self) -> Option<bool> {
        let start = now();
        if !has_time(start) || is_driving() {
            return None;
        }
        let driving = self.pump.try_lock()?;
        let is_done = self.drive(driving, |driven| self.turns_to_assist(driven, start));
        has_assisted(start, now());
        Some(is_done.unwrap_or(false))
    }

    /// A leader that is about to come back can do what is left, unless that is writing: then it is better
    /// done beside the thread that has that much to send.
    fn turns_to_assist(&self, driven: &mut Driven<T>, now: Instant) -> bool {
        let (is_vacant, written) = (self.handoff.is_vacant(), driven.pump.traffic().written);
        for _ in 0..ASSISTING_TURNS {
            let pump = &mut driven.pump;
            pump.turn(now, &[]);
            if pump.is_finished() || !pump.errands().is_empty() {
                return false;
            }
            if !pump.is_busy() && self.mailbox.prepare_sleep() {
                // Nothing may be due sooner than its thread means to sleep.
                let (due, until) = (pump.due(), driven.asleep_until);
                return due.is_none_or(|due| until.is_some_and(|until| until <= due));
            }
            if is_vacant && pump.traffic().written == written {
                return self.can_wait_a_moment(driven, now);
            }
        }
        false
    }

    /// Whether what is left after a turn, and what comes now, can be left to a thread that comes in a
    /// moment. It sees to what is due then.
    fn can_wait_a_moment(&self, driven: &mut Driven<T>, turned: Instant) -> bool {
        let pump = &mut driven.pump;
        let can_wait = !(pump.is_finished() || pump.is_pressed())
            && pump.errands().is_empty()
            && self.mailbox.prepare_absence();
        if can_wait {
            driven.asleep_until = Some(turned);
        }
        can_wait
    }

    /// Has a thread of the user's do something with the pump. `None` if that has ended: should it
    /// panic, then the pump fails as it does on its own thread, and the user's thread goes on.
    fn drive<R>(
        &self,
        mut driving: Driving<'_, T>,
        what: impl FnOnce(&mut Driven<T>) -> R,
    ) -> Option<R> {
        let driven = driving.state.as_deref_mut()?;
        let done = quietly(|| what(driven));
        done.map_err(|text| self.fail_with(driving, &text)).ok()
    }

    /// The pump's thread has panicked, perhaps while it drove, or on its way to that.
    pub(crate) fn fail(&self, text: &str) {
        self.fail_with(self.pump.lock(), text);
    }

    /// The pump has panicked: all calls that wait for it are told, and its thread ends.
    fn fail_with(&self, mut driving: Driving<'_, T>, text: &str) {
        let driven = driving.state.take();
        drop(driving);
        driven.into_iter().for_each(|driven| driven.pump.fail(text));
        self.interrupt.wake_by_ref();
    }
}

impl<P: Poller, T: Turn<Event = P::Event>> Lead for Driver<P, T> {
    fn lead(&self, wait: &Wait<'_>) -> bool {
        if is_driving() || self.is_elsewhere() {
            return false;
        }
        let Some(mut leadership) = self.handoff.try_lead() else {
            return false;
        };
        let was_heavy = self.lead_on(wait, &mut leadership);
        let turned = leadership.polled;
        drop(leadership);
        // Only now: a thread that has something for the pump from now on finds it vacant.
        let mut driving = self.pump.lock();
        let driven = driving.state.as_deref_mut();
        let can_wait = driven.is_some_and(|driven| self.can_wait_a_moment(driven, turned));
        drop(driving);
        let is_alone = !was_heavy && (!wait.has_rivals() || self.demand.takers.is_zero());
        if !(can_wait && is_alone) {
            self.wake(is_alone);
        }
        !is_alone
    }

    fn about_to_park(&self, leads_again: bool) {
        if !self.is_elsewhere() {
            self.handoff.recall(leads_again);
        }
    }
}
