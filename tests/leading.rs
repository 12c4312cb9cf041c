//! A thread or task that waits time and again does the pump's work itself. Nobody must notice but for the
//! time it saves: whatever it does next, nothing is lost, late or asleep.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::{alone, next, next_text, put, text, within, Transport, LIMIT, PATIENCE};
use zmq_channels::{
    Context, ContextOptions, Options, Pull, Push, RecvError, RecvTimeoutError, Rep, Req, Socket,
};

/// A REP that echoes, in a context of its own, until that is shut down.
struct Echo {
    context: Context,
    endpoint: String,
}

impl Echo {
    fn new(transport: Transport) -> Self {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind(transport.endpoint()).unwrap().to_string();
        thread::spawn(move || {
            while let Ok(request) = rep.recv_blocking() {
                if rep.send_blocking(request).is_err() {
                    return;
                }
            }
        });
        Echo { context, endpoint }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.context.shutdown();
    }
}

/// Round trips, after which a thread keeps the lookout of its pump while it waits.
fn go_round(req: &Socket<Req>, rounds: usize) {
    for round in 0..rounds {
        put(&req.sender(), round.to_string());
        assert_eq!(next_text(&req.receiver()), round.to_string());
    }
}

fn client(context: &Context, echo: &Echo) -> Socket<Req> {
    let req = context.socket::<Req>().unwrap();
    req.connect(echo.endpoint.as_str()).unwrap();
    go_round(&req, 100);
    req
}

/// How often the thread of that name has given up its processor, of its own will or not.
#[cfg(target_os = "linux")]
fn switches(name: &str) -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let status = threads
        .filter_map(|thread| {
            let status = thread.unwrap().path().join("status");
            std::fs::read_to_string(status).ok()
        })
        .find(|status| status.starts_with(&format!("Name:\t{name}\n")))
        .expect("a thread of that name");
    let lines = status
        .lines()
        .filter(|line| line.contains("_ctxt_switches"));
    lines
        .map(|line| line.split('\t').nth(1).unwrap().parse::<u64>().unwrap())
        .sum()
}

#[cfg(target_os = "linux")]
#[test]
fn round_trips_leave_the_pumps_thread_asleep() {
    alone(LIMIT, || {
        let context = Context::with_options(ContextOptions::new().name("spared")).unwrap();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        // Each takes it one waking at least. On a busy machine a thread may be away for so long
        // that its pump must come back: some rounds will be undisturbed.
        const ROUNDS: u64 = 400;
        let mut fewest = u64::MAX;
        let start = Instant::now();
        while fewest > ROUNDS / 2 {
            assert!(
                start.elapsed() < LIMIT / 2,
                "{fewest} in {ROUNDS} round trips"
            );
            let before = switches("spared-pump-0");
            go_round(&req, ROUNDS as usize);
            fewest = fewest.min(switches("spared-pump-0") - before);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn who_waits_on_the_lookout_for_long_wakes_nobody() {
    alone(LIMIT, || {
        let context = Context::with_options(ContextOptions::new().name("still")).unwrap();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        let before = switches("still-pump-0");
        // Counting took so long that this thread must show anew that it is never away for long.
        go_round(&req, 20);
        let silence = req.recv_timeout_blocking(Duration::from_secs(1));
        assert_eq!(silence, Err(RecvTimeoutError::Timeout));
        let woken = switches("still-pump-0") - before;
        // A few times in each of the round trips. A look now and then would make thousands.
        assert!(woken < 200, "{woken} times in a second");
    });
}

#[test]
fn what_arrives_while_the_keeper_is_away_is_received() {
    within(LIMIT, || {
        let (here, there) = (Context::new(), Context::new());
        let echo = Echo::new(Transport::Tcp);
        let req = client(&here, &echo);
        let pull = here.socket::<Pull>().unwrap();
        let push = there.socket::<Push>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        let start = Instant::now();
        for round in 0..100 {
            go_round(&req, 10);
            // Now this thread is away from the lookout.
            put(&push.sender(), round.to_string());
            while pull.receiver().is_empty() {
                assert!(start.elapsed() < PATIENCE, "round {round}");
                thread::yield_now();
            }
            assert_eq!(next_text(&pull.receiver()), round.to_string());
        }
    });
}

#[test]
fn what_a_keeper_sent_before_it_went_away_is_sent() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, other) = transport.contexts();
            let pull = other.socket::<Pull>().unwrap();
            let push = context.socket::<Push>().unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            let (go, gone) = mpsc::channel();
            let (say, said) = mpsc::channel::<()>();
            let sender = thread::spawn(move || {
                for round in 0..20_u32 {
                    // Waits for room now and then, and stops anywhere.
                    for number in 0..5000 + round * 37 {
                        push.send_blocking(number.to_string()).unwrap();
                    }
                    go.send(5000 + round * 37).unwrap();
                    said.recv().unwrap();
                }
            });
            for _ in 0..20 {
                let (mut received, mut expected) = (0, None);
                loop {
                    if let Ok(count) = gone.try_recv() {
                        expected = Some(count);
                    }
                    if expected == Some(received) {
                        break;
                    }
                    if expected.is_some() || !pull.receiver().is_empty() {
                        assert_eq!(next_text(&pull.receiver()), received.to_string());
                        received += 1;
                    } else {
                        thread::yield_now();
                    }
                }
                say.send(()).unwrap();
            }
            sender.join().unwrap();
        }
    });
}

#[test]
fn who_keeps_the_lookout_hears_what_others_want_of_the_pump() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind("inproc://heard").unwrap();
        let (ready, is_ready) = mpsc::channel();
        let keeper = thread::spawn(move || {
            go_round(&req, 100);
            ready.send(()).unwrap();
            // On the lookout, for as long as it takes.
            let end = req.recv_blocking();
            (end, req)
        });
        is_ready.recv().unwrap();
        for _ in 0..50 {
            let asking = context.socket::<Req>().unwrap();
            asking.connect(&endpoint).unwrap();
            put(&asking.sender(), "anybody?");
            assert_eq!(next_text(&rep.receiver()), "anybody?");
            put(&rep.sender(), "yes");
            assert_eq!(next(&asking.receiver()), "yes".into());
        }
        let start = Instant::now();
        context.shutdown();
        let (end, _req) = keeper.join().unwrap();
        assert_eq!(end, Err(RecvError::Terminated));
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn who_keeps_the_lookout_is_told_that_its_socket_is_closed() {
    within(LIMIT, || {
        for _ in 0..20 {
            let context = Context::new();
            let echo = Echo::new(Transport::Tcp);
            let req = client(&context, &echo);
            let sender = req.sender();
            let (ready, is_ready) = mpsc::channel();
            let keeper = thread::spawn(move || {
                go_round(&req, 20);
                ready.send(()).unwrap();
                req.recv_blocking()
            });
            is_ready.recv().unwrap();
            sender.close();
            assert_eq!(keeper.join().unwrap(), Err(RecvError::Disconnected));
        }
    });
}

#[test]
fn who_keeps_the_lookout_goes_when_its_time_is_up() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        for micros in [0, 30, 400, 1_000, 1_700, 7_300] {
            for _ in 0..5 {
                go_round(&req, 20);
                let (start, limit) = (Instant::now(), Duration::from_micros(micros));
                let silence = req.recv_timeout_blocking(limit);
                assert_eq!(silence, Err(RecvTimeoutError::Timeout));
                let took = start.elapsed();
                assert!(took >= limit && took < Duration::from_secs(1), "{took:?}");
            }
        }
    });
}

#[test]
fn several_keepers_in_turn_all_get_their_replies() {
    within(LIMIT, || {
        let context = Context::new();
        let echoes: Vec<Echo> = Transport::ALL
            .into_iter()
            .filter(|transport| !transport.is_inproc())
            .map(Echo::new)
            .collect();
        let clients: Vec<_> = (0..6)
            .map(|number| {
                let req = client(&context, &echoes[number % echoes.len()]);
                thread::spawn(move || go_round(&req, 2000))
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}

/// As [`go_round`], in a task.
async fn go_round_in_a_task(req: &Socket<Req>, rounds: usize) {
    for round in 0..rounds {
        req.send(round.to_string()).await.unwrap();
        assert_eq!(text(&req.recv().await.unwrap()), round.to_string());
    }
}

/// A task looks out in its polls only, awake: of no use where there is one processor.
fn has_company() -> bool {
    thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

/// Runs a task on a thread that does nothing else, and others it spawns.
fn run<R>(task: impl Future<Output = R>) -> R {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap().block_on(task)
}

#[cfg(target_os = "linux")]
#[test]
fn round_trips_of_tasks_leave_the_pumps_thread_asleep() {
    alone(LIMIT, || {
        let context = Context::with_options(ContextOptions::new().name("easy")).unwrap();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        const ROUNDS: u64 = 400;
        let (mut fewest, start) = (u64::MAX, Instant::now());
        while has_company() && fewest > ROUNDS / 2 {
            assert!(
                start.elapsed() < LIMIT / 2,
                "{fewest} in {ROUNDS} round trips"
            );
            // Counting takes so long that the task must show anew that it waits time and again.
            run(go_round_in_a_task(&req, ROUNDS as usize));
            let before = switches("easy-pump-0");
            run(go_round_in_a_task(&req, ROUNDS as usize));
            fewest = fewest.min(switches("easy-pump-0") - before);
        }
    });
}

#[test]
fn a_task_that_looks_out_leaves_its_thread_to_others() {
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
fn what_arrives_when_a_task_looks_out_no_more_is_received() {
    within(LIMIT, || {
        let (here, there) = (Context::new(), Context::new());
        let echo = Echo::new(Transport::Tcp);
        let req = client(&here, &echo);
        let pull = here.socket::<Pull>().unwrap();
        let push = there.socket::<Push>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        for round in 0..100 {
            run(async {
                go_round_in_a_task(&req, 100).await;
                // Polled some times, and never again.
                let mut waits = pin!(req.recv());
                for _ in 0..round % 4 {
                    assert!(futures::poll!(&mut waits).is_pending());
                }
            });
            put(&push.sender(), round.to_string());
            let start = Instant::now();
            while pull.receiver().is_empty() {
                assert!(start.elapsed() < PATIENCE, "round {round}");
                thread::yield_now();
            }
            assert_eq!(next_text(&pull.receiver()), round.to_string());
        }
    });
}

#[test]
fn a_reply_that_a_task_gave_up_waiting_for_is_there_for_the_next_call() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        run(async {
            for round in 0..2000_u32 {
                req.send(round.to_string()).await.unwrap();
                let mut reply = None;
                while reply.is_none() {
                    let mut waits = pin!(req.recv());
                    for _ in 0..=round % 3 {
                        if let Poll::Ready(received) = futures::poll!(&mut waits) {
                            reply = Some(received.unwrap());
                            break;
                        }
                    }
                }
                assert_eq!(reply.as_ref().map(text), Some(round.to_string()));
            }
        });
    });
}

#[test]
fn a_task_on_the_lookout_is_told_that_its_socket_is_closed() {
    within(LIMIT, || {
        for round in 0..40 {
            let context = Context::new();
            let echo = Echo::new(Transport::Ipc);
            let req = client(&context, &echo);
            let sender = req.sender();
            let (ready, is_ready) = mpsc::channel();
            let waits = thread::spawn(move || {
                run(async move {
                    go_round_in_a_task(&req, 200).await;
                    ready.send(()).unwrap();
                    req.recv().await
                })
            });
            is_ready.recv().unwrap();
            let end = match round % 2 {
                0 => {
                    sender.close();
                    RecvError::Disconnected
                }
                _ => {
                    context.shutdown();
                    RecvError::Terminated
                }
            };
            assert_eq!(waits.join().unwrap(), Err(end));
        }
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

#[test]
fn what_tasks_send_while_they_look_out_for_room_arrives_in_order() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, other) = transport.contexts();
            let options = Options::new().high_water_marks(10);
            let pull = other.socket_with::<Pull>(options.clone()).unwrap();
            let push = context.socket_with::<Push>(options).unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            const COUNT: u32 = 50_000;
            let sends = thread::spawn(move || {
                run(async move {
                    for number in 0..COUNT {
                        push.send(number.to_string()).await.unwrap();
                    }
                })
            });
            run(async {
                for number in 0..COUNT {
                    assert_eq!(text(&pull.recv().await.unwrap()), number.to_string());
                }
            });
            sends.join().unwrap();
        }
    });
}
