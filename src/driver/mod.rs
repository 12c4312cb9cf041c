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
//! A leader that sleeps wakes up when the poller has something, when it is interrupted, or by the clock.
//! A thread that has something for the pump interrupts it, and so does the waker of the leader's own
//! wait.
//!
//! # What finds whom
//!
//! Something for the pump is *deposited* in its [`Mailbox`]: a command, or a token. A pump that is
//! awake finds it in its next turn. For one that is not, the deposit ends in [`Driver::notify`], once
//! per sleep:
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
//! They nest in this order: poller → pump → all others, which are held for moments: the state of the
//! hand-off, the mailbox, those of the channels. Under the lock of the state the poller is only tried
//! for. No lock is held while a thread is parked; a leader and the pump's thread hold the poller while
//! they sleep in it, and no other.
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
mod demand;
mod driven;
mod handoff;
pub(crate) mod health;
mod mailbox;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod roles;
mod spin;
mod tuning;
pub(crate) mod wait;

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::sync::catch::quietly;
use crate::sync::primitives::now;
use crate::sync::wake_count::WakeCount;
use health::Health;

use assist::PumpGuard;
pub(crate) use assist::PumpLock;
pub(crate) use assist::{begin_pump_thread, is_driving};
use demand::Demand;
use driven::Driven;
use handoff::{Handoff, Leadership};
pub(crate) use mailbox::Mailbox;
use mailbox::Urgency;
pub(crate) use roles::{Errand, Interrupt, Poller, Traffic, Turn};
use roles::{Lead, Led, Until};
use spin::Expectation;

/// A pump, the way to poll for it, and whose turn it is to do that.
pub(crate) struct Driver<P: Poller, T: Turn> {
    this: Weak<dyn Lead>,
    pump: PumpLock<Option<Box<Driven<T>>>>,
    handoff: Handoff<P>,
    /// The waiters for this pump.
    demand: Arc<Demand>,
    interrupt: P::Interrupt,
    /// The same for the waiter that leads.
    interrupt_leader: Waker,
    health: Arc<Health>,
    /// Whether a thread that has something for the pump may do its turn.
    assists: bool,
}

/// A thread that has the pump in its hands.
type Driving<'a, T> = PumpGuard<'a, Option<Box<Driven<T>>>>;

/// What came of an attempt to assist.
enum Assisted {
    /// All is done.
    Done,
    /// There is something left for the pump's thread.
    Begun,
    /// The current thread has no time, or another one drives.
    Not,
}

impl<P, T> Driver<P, T>
where
    P: Poller + 'static,
    T: Turn<Event = P::Event> + 'static,
{
    /// A driver without a pump, which [`launch`](Self::launch) gives it.
    pub(crate) fn new(
        poller: P,
        interrupt: P::Interrupt,
        health: Arc<Health>,
        assists: bool,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| Driver {
            this: this.clone(),
            pump: PumpLock::new(None),
            handoff: Handoff::new(poller),
            demand: Arc::default(),
            interrupt,
            interrupt_leader: Waker::from(Arc::new(InterruptLeader(this.clone()))),
            health,
            assists,
        })
    }

    pub(crate) fn launch(&self, pump: T) {
        let asleep_until = None;
        *self.pump.lock() = Some(Box::new(Driven { pump, asleep_until }));
    }

    pub(crate) fn demand(&self) -> &Arc<Demand> {
        &self.demand
    }

    pub(crate) fn as_lead(&self) -> Weak<dyn Lead> {
        self.this.clone()
    }

    /// The loop of the pump's thread: polls, turns, and polls again, until the pump is finished.
    pub(crate) fn run(&self) {
        let mut poller = self.handoff.poller();
        // Since this thread last slept: whether it has woken any waiter, and never two at once that
        // have something to take.
        let (mut has_woken, mut is_crowded) = (false, false);
        let mut expectation = Expectation::default();
        loop {
            let woken = WakeCount::so_far();
            let mut driving = self.pump.lock();
            let Some(driven) = driving.as_deref_mut() else {
                return;
            };
            let pump = &mut driven.pump;
            pump.mailbox().awake();
            pump.turn(now(), poller.events());
            if pump.is_finished() {
                let finished = driving.take();
                // Not under the lock: one that is told of an end may come back here.
                drop(driving);
                drop(finished);
                return;
            }
            if pump.has_errands() {
                let errands = pump.take_errands();
                drop(driving);
                errands.into_iter().for_each(|errand| errand());
                poller.poll(Some(Duration::ZERO));
                continue;
            }
            let (any, to_take) = woken.since();
            has_woken |= any;
            is_crowded |= to_take > 1;
            // The next piece of a large frame is here sooner than this thread would be asleep.
            let (limit, traffic) = (pump.spin_limit(), pump.traffic());
            if expectation.lasts(limit, traffic.read, traffic.expects_more) {
                drop(driving);
                poller.poll(Some(Duration::ZERO));
                continue;
            }
            // Before sleep is prepared for: from then on this thread may be notified.
            let aside = has_woken
                && (!is_crowded || self.demand.has_no_takers())
                && self.handoff.step_aside();
            if aside {
                if driven.can_wait_a_moment() {
                    drop(poller);
                    drop(driving);
                    self.handoff.stand_by(&self.demand);
                    (has_woken, is_crowded) = (false, false);
                    poller = self.handoff.poller();
                    poller.poll(Some(Duration::ZERO));
                    continue;
                }
                self.handoff.step_back();
            }
            let pump = &mut driven.pump;
            let timeout = if pump.is_busy() || !pump.mailbox().prepare_sleep() {
                Some(Duration::ZERO)
            } else {
                (has_woken, is_crowded) = (false, false);
                driven.asleep_until = pump.due();
                driven
                    .asleep_until
                    .map(|until| until.saturating_duration_since(now()))
            };
            drop(driving);
            poller.poll(timeout);
        }
    }

    /// The pump sleeps, and there is something for it.
    pub(crate) fn notify(&self, urgency: Urgency) {
        // A thread that assists asks by itself.
        if urgency != Urgency::Assist && self.is_elsewhere() {
            return;
        }
        let assisted = match urgency {
            Urgency::Assist if self.assists => self.assist(),
            _ => Assisted::Not,
        };
        let can_wait = match assisted {
            Assisted::Done => true,
            Assisted::Begun => false,
            Assisted::Not => urgency != Urgency::Command && self.handoff.is_vacant(),
        };
        if !can_wait {
            self.wake();
        }
    }

    /// Whether this process was forked from the pump's. Then all sockets are closed, in the memory
    /// of this process: neither connections nor the poller are its own, nor is anything dropped.
    fn is_elsewhere(&self) -> bool {
        let is_elsewhere = self.health.is_elsewhere();
        if is_elsewhere {
            if let Some(driving) = self.pump.try_lock() {
                abandon(driving);
            }
        }
        is_elsewhere
    }

    /// Has the thread that polls, or is to, do a turn.
    fn wake(&self) {
        if !self.handoff.recall() {
            self.interrupt.interrupt();
        }
    }

    /// Polls and does the pump's turns until the wait is over, awake or asleep in between. Whether much
    /// was read for what this thread got.
    fn lead_on(&self, wait: &dyn Until, leadership: &mut Leadership<'_, P>) -> bool {
        let start = now();
        let (mut sleep, mut read_before) = (None, None);
        loop {
            leadership.poll(Some(sleep.unwrap_or_default()));
            if sleep.take().is_some() {
                wait.wakes_up();
                leadership.wake_up();
            }
            let turned = self.drive(self.pump.lock(), |driven| {
                driven.turn_again(leadership.events())
            });
            let Some((Some(now), mut driving)) = turned else {
                return false;
            };
            leadership.polled(now);
            let Some(driven) = driving.as_deref_mut() else {
                return false;
            };
            let pump = &mut driven.pump;
            let read = pump.traffic().read;
            let read = read - *read_before.get_or_insert(read);
            if wait.is_over(now) || pump.has_errands() {
                return T::is_heavy(read, now.saturating_duration_since(start));
            }
            if wait.spins(now) || pump.is_busy() {
                continue;
            }
            let Some(longest) = wait.longest_sleep(now) else {
                return false;
            };
            if !pump.mailbox().prepare_sleep() {
                continue;
            }
            driven.asleep_until = pump.due();
            let until = driven.asleep_until;
            drop(driving);
            if wait.falls_asleep(&self.interrupt_leader) {
                leadership.fall_asleep();
                sleep = Some(until.map_or(longest, |until| {
                    until.saturating_duration_since(now).min(longest)
                }));
            }
        }
    }

    /// Does a turn for a pump whose thread sleeps, if the current thread has the time for that.
    fn assist(&self) -> Assisted {
        let now = now();
        if self.is_elsewhere() {
            return Assisted::Done;
        }
        let Some(driving) = self.pump.lock_to_assist(now) else {
            return Assisted::Not;
        };
        let is_vacant = self.handoff.is_vacant();
        let turned = self.drive(driving, |driven| driven.turn_until_it_rests(now, is_vacant));
        match turned {
            Some((true, _)) => Assisted::Done,
            Some((false, _)) | None => Assisted::Begun,
        }
    }

    /// Has a thread of the user's do something with the pump. `None` if that has ended: should it
    /// panic, then the pump fails as it does on its own thread, and the user's thread goes on.
    fn drive<'a, R>(
        &'a self,
        mut driving: Driving<'a, T>,
        what: impl FnOnce(&mut Driven<T>) -> R,
    ) -> Option<(R, Driving<'a, T>)> {
        let driven = driving.as_deref_mut()?;
        match quietly(|| what(driven)) {
            Ok(result) => Some((result, driving)),
            Err(text) => {
                let driven = driving.take();
                drop(driving);
                self.fail_with(driven, &text);
                None
            }
        }
    }

    /// The pump's thread has panicked, perhaps while it drove, or on its way to that.
    pub(crate) fn fail(&self, text: &str) {
        let driven = self.pump.lock().take();
        self.fail_with(driven, text);
    }

    /// The pump has panicked: all calls that wait for it are told, and its thread ends.
    fn fail_with(&self, driven: Option<Box<Driven<T>>>, text: &str) {
        if let Some(driven) = driven {
            driven.pump.fail(text);
        }
        self.interrupt.interrupt();
    }
}

impl<P, T> Lead for Driver<P, T>
where
    P: Poller + 'static,
    T: Turn<Event = P::Event> + 'static,
{
    fn lead(&self, wait: &dyn Until) -> Led {
        if is_driving() {
            return Led::Denied;
        }
        let Some(mut leadership) = self.handoff.try_lead() else {
            return Led::Denied;
        };
        if self.is_elsewhere() {
            return Led::Denied;
        }
        let was_heavy = self.lead_on(wait, &mut leadership);
        leadership.clear();
        drop(leadership);
        // Only now: a thread that has something for the pump from now on finds it vacant.
        let mut driving = self.pump.lock();
        let can_wait = driving
            .as_deref_mut()
            .is_some_and(Driven::can_wait_a_moment);
        drop(driving);
        let is_alone = !was_heavy && (!wait.has_rivals() || self.demand.has_no_takers());
        if !is_alone {
            self.handoff.renounce();
        }
        if !(can_wait && is_alone) {
            self.wake();
        }
        match is_alone {
            true => Led::Alone,
            false => Led::Contended,
        }
    }

    fn about_to_park(&self) {
        if !self.is_elsewhere() {
            self.handoff.recall();
        }
    }

    fn decline(&self) {
        self.handoff.decline();
    }
}

/// Ends the sleep of a leader in the poller.
struct InterruptLeader<P: Poller, T: Turn>(Weak<Driver<P, T>>);

impl<P, T> Wake for InterruptLeader<P, T>
where
    P: Poller + 'static,
    T: Turn<Event = P::Event> + 'static,
{
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(driver) = self.0.upgrade() {
            driver.interrupt.interrupt();
        }
    }
}

/// Closes the sockets of a pump whose thread has not been forked with this process.
fn abandon<T: Turn>(driving: Driving<'_, T>) {
    let close = driving.as_deref().map(|driven| driven.pump.orphans());
    // Not under the lock: one that is told of an end may come back here.
    drop(driving);
    if let Some(close) = close {
        close();
    }
}
