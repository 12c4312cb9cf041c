//! The same ports from plain threads and from every runtime, without a timer of the runtime.

use crate::common;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{next_text, text, within, Transport, LIMIT, PATIENCE};
use futures::future::join;
use futures::StreamExt;
use zmq_channels::error::{RecvTimeoutError, SendTimeoutError};
use zmq_channels::{Context, Linger, Message, Options, Pair, Pull, Push, Socket};

/// Two PAIR sockets with sliding buffers of 64, as in the quick start; the client connects first.
fn ping_and_pong() -> (Socket<Pair>, Socket<Pair>) {
    let context = Context::new();
    let options = Options::new().sliding(64);
    let ping = context.socket_with::<Pair>(options.clone()).unwrap();
    let pong = context.socket_with::<Pair>(options).unwrap();
    ping.connect("inproc://ping-pong").unwrap();
    pong.bind("inproc://ping-pong").unwrap();
    (ping, pong)
}

async fn ask(ping: Socket<Pair>) {
    for _ in 0..3 {
        ping.send("ping").await.unwrap();
        assert_eq!(text(&ping.recv().await.unwrap()), "pong");
    }
}

async fn answer(pong: Socket<Pair>) {
    for _ in 0..3 {
        assert_eq!(text(&pong.recv().await.unwrap()), "ping");
        pong.send("pong").await.unwrap();
    }
}

/// Waits with a deadline, without success, for a message and for room.
async fn wait_without_end() {
    let limit = Duration::from_millis(30);
    let options = Options::new()
        .high_water_marks(1)
        .linger(Linger::For(Duration::ZERO));
    let lonely = Context::new().socket_with::<Pair>(options).unwrap();
    lonely.send("full now").await.unwrap();
    let start = Instant::now();
    assert_eq!(
        lonely.recv_timeout(limit).await,
        Err(RecvTimeoutError::Timeout)
    );
    assert!(start.elapsed() >= limit);
    let message = Message::from("no room");
    let sent = lonely.send_timeout(message.clone(), limit).await;
    assert_eq!(sent, Err(SendTimeoutError::Timeout(message)));
    assert!(start.elapsed() >= 2 * limit && start.elapsed() < PATIENCE);
}

/// Everything above, by one way to run futures.
fn works_with(run: impl Fn(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>)) {
    let (ping, pong) = ping_and_pong();
    run(Box::pin(async {
        join(ask(ping), answer(pong)).await;
    }));
    run(Box::pin(wait_without_end()));
}

// ---- plain threads

#[test]
fn plain_threads() {
    within(LIMIT, || {
        let (ping, pong) = ping_and_pong();
        let server = thread::spawn(move || {
            for _ in 0..3 {
                assert_eq!(text(&pong.recv_blocking().unwrap()), "ping");
                pong.send_blocking("pong").unwrap();
            }
        });
        for _ in 0..3 {
            ping.send_blocking("ping").unwrap();
            assert_eq!(text(&ping.recv_blocking().unwrap()), "pong");
        }
        server.join().unwrap();
    });
}

#[test]
fn futures_on_a_plain_thread() {
    within(LIMIT, || works_with(futures::executor::block_on));
}

/// One end blocks its thread, the other is a task.
#[test]
fn a_thread_talks_to_a_task() {
    within(LIMIT, || {
        let (ping, pong) = ping_and_pong();
        let server = thread::spawn(move || smol::block_on(answer(pong)));
        for _ in 0..3 {
            ping.send_blocking("ping").unwrap();
            assert_eq!(next_text(&ping.receiver()), "pong");
        }
        server.join().unwrap();
    });
}

// ---- runtimes

#[test]
fn smol_runs_it() {
    within(LIMIT, || {
        works_with(|future| smol::block_on(smol::spawn(future)))
    });
}

#[test]
fn async_std_runs_it() {
    within(LIMIT, || {
        works_with(|future| async_std::task::block_on(async_std::task::spawn(future)));
    });
}

#[test]
fn tokio_on_one_thread_runs_it() {
    within(LIMIT, || {
        // Without `enable_time`: deadlines are the library's own.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        works_with(|future| runtime.block_on(future));
        works_with(|future| runtime.block_on(runtime.spawn(future)).unwrap());
    });
}

#[test]
fn tokio_on_many_threads_runs_it() {
    within(LIMIT, || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        works_with(|future| runtime.block_on(runtime.spawn(future)).unwrap());
    });
}

#[tokio::test]
async fn tokio_tasks_share_the_ends_of_a_pipeline() {
    let context = Context::new();
    let pull = context
        .socket_with::<Pull>(Options::new().high_water_marks(2))
        .unwrap();
    let push = context
        .socket_with::<Push>(Options::new().high_water_marks(2))
        .unwrap();
    push.connect(pull.bind(Transport::Tcp.endpoint()).unwrap())
        .unwrap();
    let received = Arc::new(AtomicUsize::new(0));
    let receivers = [(); 3].map(|()| {
        let (mut receiver, received) = (pull.receiver(), Arc::clone(&received));
        tokio::spawn(async move {
            while receiver.next().await.is_some() {
                received.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let senders = [(); 3].map(|()| {
        let sender = push.sender();
        tokio::spawn(async move {
            for _ in 0..200 {
                sender.send("x").await.unwrap();
            }
        })
    });
    let all = async {
        for sender in senders {
            sender.await.unwrap();
        }
        assert_eq!(push.close().await.undelivered, 0);
        while received.load(Ordering::Relaxed) < 600 {
            tokio::task::yield_now().await;
        }
        pull.close().await;
        for receiver in receivers {
            receiver.await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    assert_eq!(received.load(Ordering::Relaxed), 600);
}

// ---- many at once

#[test]
fn one_task_waits_for_many_receivers_and_learns_which_has_it() {
    within(LIMIT, || {
        let context = Context::new();
        let (mut pushes, mut streams) = (Vec::new(), Vec::new());
        for number in 0..10 {
            let (push, pull) = (
                context.socket::<Push>().unwrap(),
                context.socket::<Pull>().unwrap(),
            );
            push.connect(pull.bind(Transport::ALL[number % 3].endpoint()).unwrap())
                .unwrap();
            pushes.push(push);
            streams.push(pull.receiver().map(move |message| (number, message)));
        }
        let mut any = futures::stream::select_all(streams);
        smol::block_on(async {
            for number in [7, 2, 2, 0, 9, 5] {
                pushes[number].send(number.to_string()).await.unwrap();
                assert_eq!(any.next().await, Some((number, number.to_string().into())));
            }
        });
    });
}
