//! Users' threads and tasks that do a pump's work: while they wait (*lead*), or with something for a pump
//! whose thread sleeps (*assist*). Whatever they do next, nothing is lost or late; and none does it where
//! the context's options say no.

use crate::common;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::tasks::{client, go_round, go_round_in_a_task, Echo};
use common::{next, next_text, put, text, within, Transport, LIMIT, PATIENCE};
use futures::executor::block_on;
use zmq_channels::error::{Closed, RecvError, RecvTimeoutError};
use zmq_channels::{Context, ContextOptions, Options, Pull, Push, Rep, Req, Socket};

// ---- which threads do the pump's work

/// Runs `wake` each time it is called, with the name of the thread that calls it.
struct OnWake<F: Fn(&str) + Send + Sync>(F);

impl<F: Fn(&str) + Send + Sync> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)(thread::current().name().unwrap_or_default());
    }
}

fn on_wake(wake: impl Fn(&str) + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(OnWake(wake)))
}

const PUMP: &str = "told-pump-0";

fn named(options: ContextOptions) -> Context {
    Context::with_options(options.name("told")).unwrap()
}

/// Waits for a message of `pull` as a task does, which `push` sends. The thread that woke the task, which
/// may also lead itself in its poll and ask for the next one: that is not what is looked for.
fn wakes_for_one(pull: &Socket<Pull>, push: impl FnOnce()) -> String {
    let (tell, told) = mpsc::channel();
    let own = thread::current().id();
    let waker = on_wake(move |thread| {
        if thread::current().id() != own {
            tell.send(thread.to_owned()).unwrap();
        }
    });
    let receiver = pull.receiver();
    let mut waits = pin!(receiver.recv());
    let mut context = std::task::Context::from_waker(&waker);
    assert!(waits.as_mut().poll(&mut context).is_pending());
    push();
    let thread = told.recv_timeout(PATIENCE).unwrap();
    assert!(waits.as_mut().poll(&mut context).is_ready());
    thread
}

/// Has a thread called `leader` make round trips, and another one send to a task of the same pump while it
/// does, until the task is woken by a thread that is `expected`. All others are returned.
fn woken_while_one_leads(
    options: ContextOptions,
    round_trip: fn(&Socket<Req>),
    rounds: usize,
    expected: &str,
) -> Vec<String> {
    let context = named(options);
    let other = Context::new();
    let echo = Echo::new(Transport::Tcp);
    let pull = context.socket::<Pull>().unwrap();
    let push = other.socket::<Push>().unwrap();
    push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
        .unwrap();
    let stop = Arc::new(AtomicUsize::new(0));
    let leader = {
        let (context, stop) = (context.clone(), Arc::clone(&stop));
        let builder = thread::Builder::new().name("leader".into());
        let lead = move || {
            let req = client(&context, &echo);
            while stop.load(Ordering::SeqCst) == 0 {
                round_trip(&req);
            }
        };
        builder.spawn(lead).unwrap()
    };
    let mut others = Vec::new();
    while others.len() < rounds {
        let woken_by = wakes_for_one(&pull, || put(&push.sender(), "for a task"));
        if woken_by == expected {
            break;
        }
        others.push(woken_by);
    }
    stop.store(1, Ordering::SeqCst);
    leader.join().unwrap();
    others
}

fn in_a_thread(req: &Socket<Req>) {
    go_round(req, 1);
}

fn in_a_task(req: &Socket<Req>) {
    block_on(go_round_in_a_task(req, 1));
}

#[test]
fn a_thread_that_waits_repeatedly_leads() {
    within(LIMIT, || {
        let options = ContextOptions::new();
        woken_while_one_leads(options, in_a_thread, usize::MAX, "leader");
        // Even if it must not spin.
        let options = ContextOptions::new().spin(Duration::ZERO);
        woken_while_one_leads(options, in_a_thread, usize::MAX, "leader");
    });
}

#[test]
fn no_thread_leads_with_lead_off() {
    within(LIMIT, || {
        let options = ContextOptions::new().lead(false).assist(false);
        let others = woken_while_one_leads(options, in_a_thread, 300, "none");
        assert_eq!(others, vec![PUMP; 300]);
    });
}

/// A task is woken by a message that a thread sends over inproc while the pump sleeps.
fn woken_by_a_sender(options: ContextOptions, rounds: usize, expected: &str) -> Vec<String> {
    let context = named(options);
    let pull = context.socket::<Pull>().unwrap();
    let push = context.socket::<Push>().unwrap();
    push.connect(pull.bind("inproc://assisted").unwrap())
        .unwrap();
    let mut others = Vec::new();
    while others.len() < rounds {
        let sender = push.sender();
        let send = move || put(&sender, "for a task");
        let woken_by = wakes_for_one(&pull, || {
            // A new thread has not sent before: it has the time to assist.
            let builder = thread::Builder::new().name("sender".into());
            builder.spawn(send).unwrap().join().unwrap();
        });
        if woken_by == expected {
            break;
        }
        others.push(woken_by);
    }
    others
}

#[test]
fn a_thread_that_sends_to_a_sleeping_pump_assists() {
    within(LIMIT, || {
        woken_by_a_sender(ContextOptions::new(), usize::MAX, "sender");
    });
}

#[test]
fn no_thread_assists_with_assist_off() {
    within(LIMIT, || {
        let others = woken_by_a_sender(ContextOptions::new().assist(false), 300, "none");
        assert_eq!(others, vec![PUMP; 300]);
    });
}

#[test]
fn a_task_that_waits_repeatedly_leads() {
    within(LIMIT, || {
        // A task leads awake: of no use where there is one processor.
        if thread::available_parallelism().is_ok_and(|count| count.get() > 1) {
            let options = ContextOptions::new().lead(false);
            woken_while_one_leads(options, in_a_task, usize::MAX, "leader");
        }
    });
}

#[test]
fn no_task_leads_with_task_spin_off() {
    within(LIMIT, || {
        let options = ContextOptions::new()
            .task_spin(Duration::ZERO)
            .lead(false)
            .assist(false);
        let others = woken_while_one_leads(options, in_a_task, 300, "none");
        assert_eq!(others, vec![PUMP; 300]);
    });
}

/// A thread assists, and the waker that it calls waits for another thread, which asks the same pump: that
/// is no promise, but it shows that the pump's own thread can go on meanwhile.
#[test]
fn a_waker_that_an_assisting_thread_calls_holds_no_lock_of_the_pump() {
    within(LIMIT, || {
        let context = named(ContextOptions::new());
        let pull = context.socket::<Pull>().unwrap();
        let push = context.socket::<Push>().unwrap();
        push.connect(pull.bind("inproc://unlocked").unwrap())
            .unwrap();
        let has_assisted = Arc::new(AtomicUsize::new(0));
        while has_assisted.load(Ordering::SeqCst) == 0 {
            let (counts, context) = (Arc::clone(&has_assisted), context.clone());
            let (tell, told) = mpsc::channel();
            let waker = on_wake(move |thread| {
                if thread == "sender" {
                    let context = context.clone();
                    let asks = thread::spawn(move || context.socket::<Pull>().is_ok());
                    assert!(asks.join().unwrap());
                    counts.fetch_add(1, Ordering::SeqCst);
                }
                tell.send(()).unwrap();
            });
            let receiver = pull.receiver();
            let mut waits = pin!(receiver.recv());
            let mut task = std::task::Context::from_waker(&waker);
            assert!(waits.as_mut().poll(&mut task).is_pending());
            let sender = push.sender();
            let builder = thread::Builder::new().name("sender".into());
            let sends = builder.spawn(move || put(&sender, "for a task")).unwrap();
            told.recv_timeout(PATIENCE).unwrap();
            sends.join().unwrap();
            assert!(waits.as_mut().poll(&mut task).is_ready());
        }
    });
}

/// A listener has an accept filter, and a thread leads its pump while peers connect.
#[test]
fn accept_filters_run_on_the_pumps_thread_while_another_one_leads() {
    within(LIMIT, || {
        let context = named(ContextOptions::new());
        let (tell, told) = mpsc::channel();
        let options = Options::new().accept_filter(move |_| {
            let thread = thread::current().name().unwrap_or_default().to_owned();
            tell.send(thread).unwrap();
            true
        });
        let filtered = context.socket_with::<Pull>(options).unwrap();
        let endpoint = filtered.bind("tcp://127.0.0.1:*").unwrap().to_string();
        let stop = Arc::new(AtomicUsize::new(0));
        let leader = {
            let (context, stop) = (context.clone(), Arc::clone(&stop));
            thread::spawn(move || {
                let echo = Echo::new(Transport::Tcp);
                let req = client(&context, &echo);
                while stop.load(Ordering::SeqCst) == 0 {
                    go_round(&req, 10);
                }
            })
        };
        let other = Context::new();
        for number in 0..60 {
            let push = other.socket::<Push>().unwrap();
            push.connect(endpoint.as_str()).unwrap();
            assert_eq!(told.recv_timeout(PATIENCE).unwrap(), PUMP);
            // The connection is taken.
            put(&push.sender(), number.to_string());
            assert_eq!(next_text(&filtered.receiver()), number.to_string());
        }
        stop.store(1, Ordering::SeqCst);
        leader.join().unwrap();
    });
}

// ---- what becomes of what they leave

#[test]
fn messages_that_arrive_while_the_leader_is_away_are_received() {
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
            // Now this thread does something else.
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
fn messages_of_a_leader_that_left_are_sent() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (push, pull) = common::pair::<Push, Pull>(transport);
            let (go, gone) = mpsc::channel();
            let (say, said) = mpsc::channel::<()>();
            let sender = thread::spawn(move || {
                for round in 0..20_u32 {
                    // Waits for room now and then, and stops anywhere.
                    for number in 0..2500 + round * 37 {
                        push.send_blocking(number.to_string()).unwrap();
                    }
                    go.send(2500 + round * 37).unwrap();
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
fn a_leader_executes_commands_of_other_threads() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind("inproc://heard").unwrap();
        let (ready, is_ready) = mpsc::channel();
        let leader = thread::spawn(move || {
            go_round(&req, 100);
            ready.send(()).unwrap();
            // It leads for as long as it takes.
            let end = req.recv_blocking();
            (end, req)
        });
        is_ready.recv().unwrap();
        for _ in 0..50 {
            let asking = context.socket::<Req>().unwrap();
            asking.connect(&endpoint).unwrap();
            put(&asking.sender(), "are you there?");
            assert_eq!(next_text(&rep.receiver()), "are you there?");
            put(&rep.sender(), "yes");
            assert_eq!(next(&asking.receiver()), "yes".into());
        }
        let start = Instant::now();
        context.shutdown();
        let (end, _req) = leader.join().unwrap();
        assert_eq!(end, Err(RecvError::Closed(Closed::Context)));
        assert!(start.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn a_leader_returns_when_its_socket_is_closed() {
    within(LIMIT, || {
        for _ in 0..20 {
            let context = Context::new();
            let echo = Echo::new(Transport::Tcp);
            let req = client(&context, &echo);
            let sender = req.sender();
            let (ready, is_ready) = mpsc::channel();
            let leader = thread::spawn(move || {
                go_round(&req, 20);
                ready.send(()).unwrap();
                req.recv_blocking()
            });
            is_ready.recv().unwrap();
            sender.close();
            assert_eq!(
                leader.join().unwrap(),
                Err(RecvError::Closed(Closed::Socket))
            );
        }
    });
}

#[test]
fn a_leader_returns_at_its_deadline() {
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
fn several_leaders_in_turn_all_get_their_replies() {
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
                thread::spawn(move || go_round(&req, common::rounds(1000)))
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
    });
}

#[test]
fn messages_that_arrive_after_a_task_has_led_are_received() {
    within(LIMIT, || {
        let (here, there) = (Context::new(), Context::new());
        let echo = Echo::new(Transport::Tcp);
        let req = client(&here, &echo);
        let pull = here.socket::<Pull>().unwrap();
        let push = there.socket::<Push>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        for round in 0..common::rounds(40) {
            block_on(async {
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
fn a_reply_to_a_dropped_wait_is_received_by_the_next_call() {
    within(LIMIT, || {
        let context = Context::new();
        let echo = Echo::new(Transport::Tcp);
        let req = client(&context, &echo);
        block_on(async {
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
fn a_leading_task_returns_when_its_socket_is_closed() {
    within(LIMIT, || {
        for round in 0..common::rounds(20) {
            let context = Context::new();
            let echo = Echo::new(Transport::Ipc);
            let req = client(&context, &echo);
            let sender = req.sender();
            let (ready, is_ready) = mpsc::channel();
            let waits = thread::spawn(move || {
                block_on(async move {
                    go_round_in_a_task(&req, 200).await;
                    ready.send(()).unwrap();
                    req.recv().await
                })
            });
            is_ready.recv().unwrap();
            let end = match round % 2 {
                0 => {
                    sender.close();
                    RecvError::Closed(Closed::Socket)
                }
                _ => {
                    context.shutdown();
                    RecvError::Closed(Closed::Context)
                }
            };
            assert_eq!(waits.join().unwrap(), Err(end));
        }
    });
}

#[test]
fn messages_of_leading_senders_arrive_in_order() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, other) = transport.contexts();
            let options = Options::new().high_water_marks(10);
            let pull = other.socket_with::<Pull>(options.clone()).unwrap();
            let push = context.socket_with::<Push>(options).unwrap();
            push.connect(pull.bind(transport.endpoint()).unwrap())
                .unwrap();
            const COUNT: u32 = 10_000;
            let sends = thread::spawn(move || {
                block_on(async move {
                    for number in 0..COUNT {
                        push.send(number.to_string()).await.unwrap();
                    }
                })
            });
            block_on(async {
                for number in 0..COUNT {
                    assert_eq!(text(&pull.recv().await.unwrap()), number.to_string());
                }
            });
            sends.join().unwrap();
        }
    });
}
