//! How a task spends its waits for what comes over a network.
//!
//! A task cannot sleep on the [lookout](super::lookout) of its pump as a thread can: it must give
//! its thread back. But a poll may last for a moment. So where the tasks that wait at one end of a
//! channel are served soon each time, they keep the lookout for a moment in each poll and ask to
//! be polled again at once, which leaves the thread to other tasks in between. What is soon, and
//! whether it is of use at all, is learned as for threads: see [`Habit`].

use std::sync::Weak;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::habit::{has_stayed, yields, Habit, Plan};
use super::lookout::{Keeping, Watch};
use super::park::{Awaits, Spin, Vigil};
use super::ports::Ports;
use super::sync::{Mutex, MutexGuard};
use crate::clock::later;

/// A task gives up after so many times what a thread spins for: where nobody at the other end looks
/// out himself, two threads have to be woken there, one after the other, before there can be an
/// answer. As long may tasks stay on a thread without leaving it to others.
const LONGER: u32 = 2;

/// A poll lasts for such a part of what a thread spins for: little enough for whoever else is to
/// be polled by that thread, and may be the one who is waited for; and long enough for an answer of
/// somebody who is awake, for asking to be polled again may wake another thread of a runtime.
const MOMENT: u32 = 2;

/// What is known of the waits of the tasks that use one socket. Tasks change threads, so nothing
/// could be learned from those.
#[derive(Debug)]
pub(super) struct Habits {
    receiving: Mutex<Habit>,
    sending: Mutex<Habit>,
}

impl Habits {
    pub(super) fn new() -> Self {
        Habits {
            receiving: Mutex::new(Habit::of_tasks()),
            sending: Mutex::new(Habit::of_tasks()),
        }
    }

    fn of(&self, awaits: Awaits) -> MutexGuard<'_, Habit> {
        match awaits {
            Awaits::Items | Awaits::Reply => self.receiving.lock(),
            Awaits::Room => self.sending.lock(),
        }
    }
}

/// The wait of a task, from its first poll in vain to its last.
#[derive(Debug, Default)]
pub(super) struct Patience(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unused,
    /// It is worth looking out.
    Looks(Plan),
    /// Nothing is left to be done but to be woken.
    Waits,
}

impl Patience {
    /// Polls, and if that is in vain, once more after a moment on the lookout, if that is worth it.
    #[inline]
    pub(super) fn poll<R>(
        &mut self,
        ports: &Ports,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let polled = poll(context);
        if polled.is_pending() {
            return self.poll_again(ports, awaits, context, poll);
        }
        self.served(ports, awaits);
        polled
    }

    /// The same for who has polled in vain already.
    pub(super) fn poll_again<R>(
        &mut self,
        ports: &Ports,
        awaits: Awaits,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        if !self.looks_out(ports, awaits, context.waker()) {
            return Poll::Pending;
        }
        let polled = poll(context);
        match polled.is_ready() {
            true => self.served(ports, awaits),
            false => self.go_on(ports, awaits, context.waker()),
        }
        polled
    }

    /// The wait is over.
    #[inline]
    pub(super) fn served(&mut self, ports: &Ports, awaits: Awaits) {
        if !matches!(self.0, State::Unused) {
            let state = std::mem::take(&mut self.0);
            let habit = ports.habits().of(awaits);
            if let State::Looks(plan) = &state {
                habit.learn_from(plan, true);
            }
            habit.end();
        }
    }

    /// Whether it was to keep the lookout for a moment, which is over.
    fn looks_out(&mut self, ports: &Ports, awaits: Awaits, waker: &Waker) -> bool {
        let spin = ports.spin();
        if spin.limit.is_zero() || !ports.is_afar() || cfg!(loom) {
            return false;
        }
        let Some(watch) = spin.watch.as_ref().and_then(Weak::upgrade) else {
            return false;
        };
        if let State::Unused = self.0 {
            self.0 = begin(&*watch, spin, &ports.habits().of(awaits));
        }
        let State::Looks(plan) = &self.0 else {
            return false;
        };
        let now = Instant::now();
        if has_stayed(now, spin.limit * LONGER) {
            waker.wake_by_ref();
            return false;
        }
        // While it is polled it can keep the lookout, should nobody else.
        let crowd = spin.crowd.as_ref().filter(|_| awaits == Awaits::Items);
        crowd.inspect(|crowd| crowd.shrink(1));
        let moment = later(now, spin.limit / MOMENT);
        let end = moment.map_or(plan.spins_until, |end| end.min(plan.spins_until));
        let kept = watch.keep(&Vigil::of_task(waker, end));
        crowd.inspect(|crowd| crowd.grow());
        if kept == Keeping::Crowded {
            ports.habits().of(awaits).has_rivals();
            self.0 = State::Waits;
        }
        true
    }

    /// Looked out in vain. Asks for the next poll, or gives up.
    fn go_on(&mut self, ports: &Ports, awaits: Awaits, waker: &Waker) {
        let State::Looks(plan) = &self.0 else {
            return;
        };
        let now = Instant::now();
        if now < plan.spins_until {
            yields(now);
            return waker.wake_by_ref();
        }
        ports.habits().of(awaits).learn_from(plan, false);
        self.0 = State::Waits;
        let watch = ports.spin().watch.as_ref();
        watch
            .and_then(Weak::upgrade)
            .inspect(|watch| watch.decline());
    }
}

fn begin(watch: &dyn Watch, spin: &Spin, habit: &Habit) -> State {
    let plan = habit.begin(spin.limit * LONGER);
    if plan.spins() && plan.looks_out {
        return State::Looks(plan);
    }
    habit.learn_from(&plan, false);
    watch.decline();
    State::Waits
}

#[cfg(all(test, not(loom)))]
mod tests;
