//! Every interleaving of a pump's thread, waiters and depositors, model-checked with the types that
//! run: only the poller, the pump and the clock are the model's.

use std::sync::Arc;

use loom::thread;

use super::tuning::VACANCY;
use super::*;
use crate::driver::wait::{Awaits, TaskWait, WaitContext, WaitSetup, Waiter};
use crate::sync::models::{model, Calls};
use crate::sync::oneshot::answer;
use crate::sync::primitives::model_clock;
use crate::sync::Hook;

mod scene;

use scene::*;

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

/// Users' code that may be run by the pump's thread only, found by whichever thread does the turn. If
/// that is a leader, its wait may be over with that very turn, so that it does not park.
#[test]
fn loom_an_errand_is_run_by_the_pumps_thread_without_a_clock() {
    model(2, || {
        let scene = Scene::open();
        let waits = thread::spawn(scene.waiter(0));
        let (answered, reply) = answer();
        assert!(scene.mailbox.post(Order::Run(reply)).is_ok());
        scene.outs[0].push(30);
        assert_eq!(answered.wait(), Some(scene.thread.thread().id()));
        assert_eq!(waits.join().unwrap(), 30);
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
            let is_vacant = driver.handoff.is_vacant();
            lead_for_a_moment(&driver);
            // Otherwise it would be the thread of the pump that steps aside later.
            is_vacant.then(|| {
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
            lead_for_a_moment(&driver);
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
            leadership.polled = now();
            drop(leadership);
            left = now();
        }
        let back = stands_by.join().unwrap();
        assert!(back <= left + VACANCY, "{:?}", back - left);
    });
}

/// As a task does whose moment is over with its first look.
fn lead_for_a_moment(driver: &Driver<ModelPoller, ModelPump>) {
    let context = WaitContext::new(WaitSetup::PARK);
    let (waiter, mut stage) = (Waiter::Task(Waker::noop()), TaskWait::default());
    driver.lead(&context.wait(Awaits::Items, waiter, &mut stage));
}
