//! The states one by one, and with a pump's thread on a real clock. All interleavings are modelled.

use std::sync::{mpsc, Arc};
use std::thread;

use super::*;
use crate::sync::testing::in_time;

/// A pump's thread, which steps aside whenever that is wanted. It adds one to the poller each time it
/// is back, and says what that makes.
fn pump(handoff: &Arc<Handoff<u32>>) -> mpsc::Receiver<u32> {
    let (tell, told) = mpsc::channel();
    let handoff = Arc::clone(handoff);
    thread::spawn(move || {
        let mut poller = handoff.poller();
        loop {
            while !handoff.step_aside() {
                thread::yield_now();
            }
            drop(poller);
            handoff.stand_by(&Demand::default());
            poller = handoff.poller();
            *poller += 1;
            if tell.send(*poller).is_err() {
                return;
            }
        }
    });
    told
}

fn lead(handoff: &Handoff<u32>) -> Leadership<'_, u32> {
    loop {
        if let Some(leadership) = handoff.try_lead() {
            return leadership;
        }
        thread::yield_now();
    }
}

/// Waits until the pump's thread has been back after a leader that left the poller like this.
fn is_back(told: &mpsc::Receiver<u32>, left: u32) {
    while told.recv().is_ok_and(|now| now <= left) {}
}

#[test]
fn the_pumps_thread_steps_aside_only_for_a_waiter_that_would_lead() {
    let handoff = Handoff::new(0);
    assert!(!handoff.step_aside());
    assert!(handoff.try_lead().is_none(), "it has not left");
    assert!(handoff.step_aside() && handoff.is_vacant());
    let leadership = handoff.try_lead();
    assert!(leadership.is_some() && handoff.try_lead().is_none());
    assert!(!handoff.is_vacant(), "there is a leader");
    assert!(!handoff.recall(), "there is a leader");
    handoff.decline();
    drop(leadership);
    assert!(handoff.is_vacant(), "a leader is not declined");
    assert!(handoff.recall() && !handoff.is_vacant());
    assert!(!handoff.recall(), "it is on its way already");
    handoff.renounce();
    assert!(!handoff.step_aside());
    assert!(handoff.try_lead().is_none());
    assert!(handoff.step_aside());
    handoff.decline();
    assert!(!handoff.is_vacant() && !handoff.step_aside());
}

#[test]
fn a_waiter_leads_only_once_the_poller_is_given_back() {
    let handoff = Handoff::new(0);
    assert!(handoff.try_lead().is_none());
    let poller = handoff.poller();
    assert!(handoff.step_aside());
    assert!(handoff.try_lead().is_none(), "the pump's thread has it");
    handoff.step_back();
    assert!(!handoff.is_vacant());
    assert!(handoff.step_aside());
    drop(poller);
    assert!(handoff.try_lead().is_some());
}

#[test]
fn the_pumps_thread_comes_back_when_none_leads() {
    in_time(|| {
        let handoff = Arc::new(Handoff::new(0));
        let told = pump(&handoff);
        for _ in 0..100 {
            let mut leadership = lead(&handoff);
            *leadership += 1000;
            let left = *leadership;
            drop(leadership);
            is_back(&told, left);
        }
    });
}

#[test]
fn the_pumps_thread_sleeps_while_a_leader_sleeps() {
    in_time(|| {
        let handoff = Arc::new(Handoff::new(0));
        let told = pump(&handoff);
        let leadership = lead(&handoff);
        leadership.fall_asleep();
        while !handoff.is_unlimited() {
            thread::yield_now();
        }
        assert!(!handoff.recall(), "there is a leader");
        leadership.wake_up();
        assert!(handoff.is_unlimited(), "it is not woken for that");
        let left = *leadership;
        assert!(told.try_iter().all(|earlier| earlier <= left));
        drop(leadership);
        is_back(&told, left);
    });
}

#[test]
fn the_pumps_thread_is_back_when_it_is_recalled() {
    in_time(|| {
        let handoff = Arc::new(Handoff::new(0));
        let told = pump(&handoff);
        for _ in 0..100 {
            let left = *lead(&handoff);
            let _ = handoff.recall();
            is_back(&told, left);
        }
    });
}
