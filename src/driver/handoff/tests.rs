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
        let mut poller = handoff.poller.lock();
        loop {
            while !handoff.step_aside(|| true) {
                thread::yield_now();
            }
            drop(poller);
            handoff.stand_by(&Demand::default());
            poller = handoff.poller.lock();
            *poller += 1;
            if tell.send(*poller).is_err() {
                return;
            }
        }
    });
    told
}

/// Whether the pump's thread sleeps until the leader leaves.
fn is_unlimited(handoff: &Handoff<u32>) -> bool {
    let state = handoff.state.lock();
    matches!(
        state.owner,
        Owner::Leader {
            unlimited: true,
            ..
        }
    )
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
    assert!(!handoff.step_aside(|| true));
    assert!(handoff.try_lead().is_none(), "it has not left");
    assert!(!handoff.step_aside(|| false), "it has too much to do");
    assert!(!handoff.is_vacant());
    assert!(handoff.step_aside(|| true) && handoff.is_vacant());
    let leadership = handoff.try_lead();
    assert!(leadership.is_some() && handoff.try_lead().is_none());
    assert!(!handoff.is_vacant(), "there is a leader");
    assert!(!handoff.recall(true), "there is a leader");
    let _ = handoff.recall(false);
    drop(leadership);
    assert!(handoff.is_vacant(), "a leader is not declined");
    assert!(handoff.recall(true) && !handoff.is_vacant());
    assert!(!handoff.recall(true), "it is on its way already");
    assert!(!handoff.recall(false), "it polls");
    assert!(!handoff.step_aside(|| true));
    assert!(handoff.try_lead().is_none());
    assert!(handoff.step_aside(|| true));
    let _ = handoff.recall(false);
    assert!(!handoff.is_vacant() && !handoff.step_aside(|| true));
}

#[test]
fn a_waiter_leads_only_once_the_poller_is_given_back() {
    let handoff = Handoff::new(0);
    assert!(handoff.try_lead().is_none());
    let poller = handoff.poller.lock();
    assert!(handoff.step_aside(|| true));
    assert!(handoff.try_lead().is_none(), "the pump's thread has it");
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
            *leadership.poller += 1000;
            let left = *leadership.poller;
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
        handoff.sleeps(true);
        while !is_unlimited(&handoff) {
            thread::yield_now();
        }
        assert!(!handoff.recall(true), "there is a leader");
        handoff.sleeps(false);
        assert!(is_unlimited(&handoff), "it is not woken for that");
        let left = *leadership.poller;
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
            let left = *lead(&handoff).poller;
            let _ = handoff.recall(true);
            is_back(&told, left);
        }
    });
}
