//! Tasks of a runtime that do a pump's work while they wait (*lead*), beside others.

use crate::common;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use common::tasks::{client, go_round_in_a_task, Echo};
use common::{within, Transport, LIMIT, PATIENCE};
use zmq_channels::Context;

/// Runs a task on a thread that does nothing else, and others it spawns.
fn run<R>(task: impl Future<Output = R>) -> R {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap().block_on(task)
}

#[test]
fn a_task_that_leads_leaves_its_thread_to_others() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Ipc);
        let req = client(&context, &echo);
        run(async move {
            let turns = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&turns);
            let beside = tokio::spawn(async move {
                loop {
                    counted.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            });
            // Long enough for the task to be served within its polls.
            go_round_in_a_task(&req, 2000).await;
            let before = turns.load(Ordering::SeqCst);
            let start = Instant::now();
            while turns.load(Ordering::SeqCst) < before + 200 {
                assert!(start.elapsed() < PATIENCE);
                go_round_in_a_task(&req, 1).await;
            }
            beside.abort();
        });
    });
}

#[test]
fn tasks_of_one_pump_on_many_threads_all_get_their_replies() {
    within(LIMIT, || {
        let context = Context::new();
        let echoes: Vec<Echo> = Transport::ALL
            .into_iter()
            .filter(|transport| !transport.is_inproc())
            .map(Echo::new)
            .collect();
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).build().unwrap();
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                let req = client(&context, &echoes[number % echoes.len()]);
                runtime.spawn(async move { go_round_in_a_task(&req, 1000).await })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}
