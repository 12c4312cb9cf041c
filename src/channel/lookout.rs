//! Who keeps the lookout of a pump, that is waits for what the world brings: its own thread or a
//! thread of the user's that would otherwise wait for that one (for tasks see
//! [`patience`](super::patience)).
//!
//! A message that arrives passes through two threads, and waking the second one costs more than
//! everything else. So a thread that waits for the pump time and again, and soon after it was
//! served, looks out itself and does the pump's turns: what arrives is in its hands at once, in
//! its own processor's cache. Meanwhile the pump's thread stands aside. It looks up now and then
//! while messages flow, and comes back when nobody has kept the lookout since, when work was left
//! behind, and when it is called for.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::park::{sleep, Vigil};
use super::sync::{current, Mutex, MutexGuard, Thread};
use crate::clock::later;

/// How long the lookout may be without a keeper: what arrives or is sent then waits for so long.
/// Long enough for a thread that takes what it got, a thousand messages of some KiB, and comes back
/// for more.
pub(super) const ABSENCE: Duration = Duration::from_millis(1);

/// The same while others wait. It is at their cost, and the keeper may have to queue up behind them
/// for a processor.
const SHORT_ABSENCE: Duration = Duration::from_micros(250);

thread_local! {
    static CALLED: Cell<Called> = const { Cell::new(Called::NOBODY) };
}

/// Whom a thread has called so far; the counts wrap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    all: u32,
    /// Those who have something to take; who is called again and again counts once.
    served: u32,
    /// The last of those.
    last: usize,
}

impl Called {
    const NOBODY: Called = Called {
        all: 0,
        served: 0,
        last: 0,
    };

    /// By the current thread. From here on everybody counts anew.
    pub(crate) fn so_far() -> Self {
        Called::note(|called| called.last = 0);
        CALLED.try_with(Cell::get).unwrap_or(Called::NOBODY)
    }

    /// Whether the current thread has called anybody since then, and how many who have something
    /// to take.
    pub(crate) fn since(self) -> (bool, u32) {
        let now = CALLED.try_with(Cell::get).unwrap_or(self);
        (now.all != self.all, now.served.wrapping_sub(self.served))
    }

    /// Whether whoever this thread called last, of those who have something to take, is this one.
    pub(super) fn last_is(waker: &Waker) -> bool {
        let last = CALLED.try_with(|cell| cell.get().last);
        last == Ok(waker.data().addr())
    }

    /// The current thread calls somebody.
    pub(super) fn one() {
        Called::note(|called| called.all = called.all.wrapping_add(1));
    }

    /// Of those who are called, `who` has something to take.
    pub(super) fn to_take(who: usize) {
        Called::note(|called| {
            if called.last != who {
                called.last = who;
                called.served = called.served.wrapping_add(1);
            }
        });
    }

    fn note(what: impl FnOnce(&mut Called)) {
        let _ = CALLED.try_with(|cell| {
            let mut called = cell.get();
            what(&mut called);
            cell.set(called);
        });
    }
}

/// How many wait for something from one pump, whatever their socket is, and cannot help
/// themselves. A hint: it is no part of any model, and only speed depends on it.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// For something to take.
    takers: AtomicIsize,
    /// Threads that are parked for something else.
    parked: AtomicIsize,
}

impl Crowd {
    pub(super) fn grow(&self) {
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn shrink(&self, by: usize) {
        self.takers.fetch_sub(by as isize, Ordering::Relaxed);
    }

    pub(super) fn parks(&self) {
        self.parked.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unparks(&self) {
        self.parked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether nobody waits for something to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.takers.load(Ordering::Relaxed) <= 0
    }

    /// How long the lookout may be without a keeper.
    fn absence(&self) -> Duration {
        match self.is_empty() && !self.has_parked() {
            true => ABSENCE,
            false => SHORT_ABSENCE,
        }
    }

    pub(super) fn has_parked(&self) -> bool {
        self.parked.load(Ordering::Relaxed) > 0
    }
}

/// What came of keeping the lookout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// The lookout was not to be had: the pump's thread will leave it as soon as it has called
    /// somebody.
    Denied,
    /// Whatever there was, was for who kept it.
    Peaceful,
    /// Others wait who are served likewise: it is better kept all the time.
    Crowded,
}

/// What a thread that waits for a pump can do for it.
pub(crate) trait Watch: Send + Sync {
    /// Keeps the lookout until the vigil is over.
    fn keep(&self, vigil: &Vigil<'_>) -> Keeping;

    /// Ends the sleep of whoever keeps the lookout.
    fn kick(&self);

    /// The current thread will be parked.
    fn leave(&self);

    /// A task waits, and nobody polls it: it will not keep the lookout.
    fn decline(&self);
}

/// What one thread at a time looks out with, and whose turn that is.
pub(crate) struct Lookout<T> {
    post: Mutex<T>,
    duty: Mutex<Duty>,
}

#[derive(Default)]
struct Duty {
    /// Somebody who waits would rather look out.
    wanted: bool,
    /// The pump's own thread, while it stands aside.
    aside: Option<Thread>,
    /// Nothing is to be expected for a while: that thread sleeps until the keeper leaves.
    sound_asleep: bool,
    /// Somebody keeps the lookout instead, at this moment.
    kept: bool,
    /// And sleeps until there is something to see.
    dozes: bool,
    /// How many times somebody has.
    spells: u64,
}

/// The current thread keeps the lookout, until this is dropped.
pub(crate) struct Spell<'a, T> {
    /// Given back first: whoever sees that nobody keeps the lookout finds the post free.
    post: MutexGuard<'a, T>,
    end: End<'a, T>,
}

struct End<'a, T>(&'a Lookout<T>);

impl<T> Lookout<T> {
    pub(crate) fn new(post: T) -> Self {
        Lookout {
            post: Mutex::new(post),
            duty: Mutex::default(),
        }
    }

    /// The pump's thread looks out. Waits for whoever keeps the lookout: not for long.
    pub(crate) fn take(&self) -> MutexGuard<'_, T> {
        self.post.lock()
    }

    /// The pump's thread has little to do: is it to [stand by](Self::stand_by), because somebody it
    /// has just called would rather look out? From now on it must be [summoned](Self::summon) to
    /// be woken.
    pub(crate) fn step_aside(&self) -> bool {
        let mut duty = self.duty.lock();
        if duty.wanted {
            duty.aside = Some(current());
            duty.sound_asleep = false;
        }
        duty.wanted
    }

    /// The pump's thread does not stand by after all.
    pub(crate) fn step_back(&self) {
        self.duty.lock().aside = None;
    }

    /// Until the pump's thread is summoned, or nobody keeps the lookout any more, which `crowd` waits
    /// for. It must not have the post.
    pub(crate) fn stand_by(&self, crowd: &Crowd) {
        let (mut seen, mut sound_asleep) = (self.duty.lock().spells, false);
        loop {
            let absence = (!sound_asleep).then(|| crowd.absence());
            sleep(absence.and_then(|absence| later(Instant::now(), absence)));
            let mut duty = self.duty.lock();
            if duty.aside.is_none() {
                return;
            }
            if !duty.kept && duty.spells == seen {
                duty.aside = None;
                duty.wanted = false;
                return;
            }
            seen = duty.spells;
            duty.sound_asleep = duty.kept && duty.dozes;
            sound_asleep = duty.sound_asleep;
        }
    }

    /// Somebody must look after the pump now: the pump's thread is woken if it stands aside. False
    /// if somebody looks out, who is to be woken by what can be seen from there.
    pub(crate) fn summon(&self) -> bool {
        let aside = {
            let mut duty = self.duty.lock();
            match duty.kept {
                true => None,
                false => duty.aside.take(),
            }
        };
        aside.map(|thread| thread.unpark()).is_some()
    }

    /// The current thread had better not look out any more.
    pub(crate) fn renounce(&self) {
        self.duty.lock().wanted = false;
    }

    /// Somebody waits who will not look out. Unless somebody else does at this moment, the pump's
    /// thread is to, and is woken if it stands aside.
    pub(crate) fn decline(&self) {
        let aside = {
            let mut duty = self.duty.lock();
            if duty.kept {
                return;
            }
            duty.wanted = false;
            duty.aside.take()
        };
        aside.inspect(Thread::unpark);
    }

    /// The post for a thread that waits, if the pump's thread stands aside; if it does not yet,
    /// it will when it has called somebody.
    pub(crate) fn relieve(&self) -> Option<Spell<'_, T>> {
        let mut duty = self.duty.lock();
        duty.wanted = true;
        if duty.aside.is_none() || duty.kept {
            return None;
        }
        let post = self.post.try_lock()?;
        duty.kept = true;
        duty.dozes = false;
        Some(Spell {
            post,
            end: End(self),
        })
    }

    /// Whether somebody who kept the lookout is about to come back, or else the pump's thread: then
    /// what one turn brings on its way has time until then.
    pub(crate) fn is_awaited(&self) -> bool {
        let duty = self.duty.lock();
        duty.aside.is_some() && !duty.kept
    }
}

impl<T> Spell<'_, T> {
    /// Whether the keeper sleeps until there is something to see.
    pub(crate) fn dozes(&self, dozes: bool) {
        self.end.0.duty.lock().dozes = dozes;
    }
}

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        let mut duty = self.0.duty.lock();
        duty.kept = false;
        duty.spells += 1;
        if std::mem::take(&mut duty.sound_asleep) {
            if let Some(thread) = &duty.aside {
                thread.unpark();
            }
        }
    }
}

impl<T> Deref for Spell<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.post
    }
}

impl<T> DerefMut for Spell<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.post
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::testing::in_time;
    use super::super::waiters::{Waiters, Wakes};
    use super::*;
    use std::sync::{mpsc, Arc};
    use std::task::{Wake, Waker};
    use std::thread;

    /// A pump's thread, which steps aside whenever that is wanted. It adds one to the post each
    /// time it is back, and says what that makes.
    fn pump(lookout: &Arc<Lookout<u32>>) -> mpsc::Receiver<u32> {
        let (tell, told) = mpsc::channel();
        let lookout = Arc::clone(lookout);
        thread::spawn(move || {
            let mut post = lookout.take();
            loop {
                while !lookout.step_aside() {
                    thread::yield_now();
                }
                drop(post);
                lookout.stand_by(&Crowd::default());
                post = lookout.take();
                *post += 1;
                if tell.send(*post).is_err() {
                    return;
                }
            }
        });
        told
    }

    fn spell(lookout: &Lookout<u32>) -> Spell<'_, u32> {
        loop {
            if let Some(spell) = lookout.relieve() {
                return spell;
            }
            thread::yield_now();
        }
    }

    /// Waits until the pump's thread has been back after a spell that left the post like this.
    fn is_back(told: &mpsc::Receiver<u32>, left: u32) {
        while told.recv().is_ok_and(|now| now <= left) {}
    }

    #[test]
    fn the_pumps_thread_leaves_only_when_somebody_wants_the_lookout() {
        let lookout = Lookout::new(0);
        assert!(!lookout.step_aside());
        assert!(lookout.relieve().is_none(), "it has not left");
        assert!(lookout.step_aside() && lookout.is_awaited());
        let spell = lookout.relieve();
        assert!(spell.is_some() && lookout.relieve().is_none());
        assert!(!lookout.is_awaited(), "somebody is there");
        drop(spell);
        assert!(lookout.is_awaited());
        assert!(lookout.summon() && !lookout.is_awaited());
        assert!(!lookout.summon(), "it is on its way already");
        lookout.renounce();
        assert!(!lookout.step_aside());
    }

    #[test]
    fn the_pumps_thread_comes_back_when_nobody_keeps_the_lookout() {
        in_time(|| {
            let lookout = Arc::new(Lookout::new(0));
            let told = pump(&lookout);
            for _ in 0..100 {
                let mut spell = spell(&lookout);
                *spell += 1000;
                let left = *spell;
                drop(spell);
                is_back(&told, left);
            }
        });
    }

    #[test]
    fn the_pumps_thread_stays_aside_while_the_lookout_is_kept() {
        in_time(|| {
            let lookout = Arc::new(Lookout::new(0));
            let told = pump(&lookout);
            let spell = spell(&lookout);
            spell.dozes(true);
            while !lookout.duty.lock().sound_asleep {
                thread::yield_now();
            }
            assert!(!lookout.summon(), "there is somebody on the lookout");
            let left = *spell;
            assert!(told.try_iter().all(|earlier| earlier <= left));
            drop(spell);
            is_back(&told, left);
        });
    }

    #[test]
    fn the_pumps_thread_is_back_when_it_is_summoned() {
        in_time(|| {
            let lookout = Arc::new(Lookout::new(0));
            let told = pump(&lookout);
            for _ in 0..100 {
                let left = *spell(&lookout);
                let _ = lookout.summon();
                is_back(&told, left);
            }
        });
    }

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn who_is_served_twice_counts_once() {
        let (one, other) = (Waker::from(Arc::new(Nobody)), Waker::from(Arc::new(Nobody)));
        let mut waiters = Waiters::default();
        let crowd = Arc::new(Crowd::default());
        waiters.join(Arc::clone(&crowd));
        let mut serve = |waker: &Waker| {
            let mut wakes = Wakes::default();
            waiters.register(&mut None, waker);
            assert!(!crowd.is_empty());
            waiters.serve(7, &mut wakes);
            assert!(crowd.is_empty());
            wakes.carry_out(None, None);
        };
        let called = Called::so_far();
        assert_eq!(called.since(), (false, 0));
        serve(&one);
        serve(&one);
        assert_eq!(called.since(), (true, 1));
        serve(&other);
        assert_eq!(called.since(), (true, 2));
        let called = Called::so_far();
        serve(&other);
        assert_eq!(called.since(), (true, 1));
    }

    #[test]
    fn the_lookout_may_be_without_a_keeper_for_longer_while_nobody_waits() {
        let crowd = Crowd::default();
        assert_eq!(crowd.absence(), ABSENCE);
        crowd.grow();
        assert_eq!(crowd.absence(), SHORT_ABSENCE);
        crowd.shrink(1);
        crowd.parks();
        assert!(crowd.is_empty() && crowd.absence() == SHORT_ABSENCE);
        crowd.unparks();
        assert_eq!(crowd.absence(), ABSENCE);
    }

    #[test]
    fn a_crowd_is_those_who_still_wait() {
        let crowd = Arc::new(Crowd::default());
        let mut waiters = Waiters::default();
        waiters.join(Arc::clone(&crowd));
        let (mut one, mut other, waker) = (None, None, Waker::noop());
        waiters.register(&mut one, waker);
        waiters.register(&mut one, waker);
        waiters.register(&mut other, waker);
        assert!(one.is_some_and(|one| waiters.remove(one) && !waiters.remove(one)));
        assert!(!crowd.is_empty());
        waiters.call_all(&mut Wakes::default());
        assert!(crowd.is_empty());
        waiters.register(&mut one, waker);
        assert!(!crowd.is_empty());
        drop(waiters);
        assert!(crowd.is_empty());
    }
}
