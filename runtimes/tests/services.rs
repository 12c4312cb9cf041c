//! The examples of services and workers, run.

use crate::common;

#[path = "../examples/service.rs"]
#[allow(dead_code)]
mod service;
#[path = "../examples/smol_worker.rs"]
#[allow(dead_code)]
mod smol_worker;
#[path = "../examples/web_handler.rs"]
#[allow(dead_code)]
mod web_handler;

use std::future::Future;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use common::{alone, eventually, text, within, Transport, LIMIT, PATIENCE};
use futures::future::{join, try_join_all};
use futures::{try_join, FutureExt};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, Semaphore};
use zmq_channels::{Context, Frame, Rep, Req, Router};

/// The test itself may block: the runtime has two more threads.
fn in_tokio(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(test);
}

/// The work of a service that goes on while the gate is shut.
struct Gate {
    open: Semaphore,
    begun: AtomicUsize,
}

impl Gate {
    fn shut() -> Arc<Gate> {
        Arc::new(Gate {
            open: Semaphore::new(0),
            begun: AtomicUsize::new(0),
        })
    }

    fn open(&self) {
        self.open.add_permits(Semaphore::MAX_PERMITS);
    }

    async fn echo(gate: Arc<Gate>, body: Frame) -> Frame {
        gate.begun.fetch_add(1, Ordering::Relaxed);
        let _permit = gate.open.acquire().await;
        body
    }
}

#[test]
fn ctrl_c_ends_a_tokio_service_that_answers_what_it_received() {
    alone(LIMIT, || in_tokio(ended_by("INT")));
}

#[test]
fn sigterm_ends_a_tokio_service_that_answers_what_it_received() {
    alone(LIMIT, || in_tokio(ended_by("TERM")));
}

/// Some requests are being answered when the signal comes, and others arrive before those are done.
async fn ended_by(signal: &str) {
    const REQUESTS: u64 = 50;
    let (context, there) = (Context::new(), Context::new());
    let router = context.socket::<Router>().unwrap();
    let endpoint = router.bind(Transport::Tcp.endpoint()).unwrap();
    let (gate, noticed) = (Gate::shut(), Arc::new(Semaphore::new(0)));
    let serving = {
        let (router, gate, noticed) = (router.clone(), gate.clone(), noticed.clone());
        let shutdown = service::shutdown_signal().unwrap();
        let shutdown = shutdown.map(move |()| noticed.add_permits(1));
        let answer = move |body| Gate::echo(gate.clone(), body);
        tokio::spawn(async move { service::serve(&router, shutdown, answer).await.unwrap() })
    };
    let ask = |first: u64| {
        let (there, endpoint) = (there.clone(), endpoint.clone());
        tokio::spawn(async move {
            let bodies = first..first + REQUESTS;
            service::ask(&there, endpoint.as_str(), bodies)
                .await
                .unwrap()
        })
    };
    let early = ask(0);
    eventually("begun", || {
        gate.begun.load(Ordering::Relaxed) == REQUESTS as usize
    });
    let kill = Command::new("kill")
        .args([format!("-{signal}"), process::id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    noticed.acquire().await.unwrap().forget();
    let late = ask(REQUESTS);
    eventually("received", || {
        router.statistics().unwrap().queued_in == REQUESTS as usize
    });
    gate.open();
    for (first, replies) in [(0, early.await.unwrap()), (REQUESTS, late.await.unwrap())] {
        let expected = (0..).zip((first..first + REQUESTS).map(|body| body.to_string()));
        assert_eq!(replies, expected.collect());
    }
    let (statistics, undelivered) = serving.await.unwrap();
    assert_eq!((statistics.messages_in, undelivered), (2 * REQUESTS, 0));
    assert_eq!(statistics.dropped.total(), 0);
    assert!(router.is_closed());
}

#[test]
fn a_tokio_service_begins_a_limited_number_of_requests() {
    within(LIMIT, || in_tokio(limited()));
}

async fn limited() {
    const REQUESTS: usize = service::AT_ONCE + 7;
    let context = Context::new();
    let router = context.socket::<Router>().unwrap();
    let endpoint = router.bind(Transport::Inproc.endpoint()).unwrap();
    let (gate, (stop, stopped)) = (Gate::shut(), oneshot::channel::<()>());
    let serving = {
        let (router, gate) = (router.clone(), gate.clone());
        let answer = move |body: Frame| {
            let echo = Gate::echo(gate.clone(), body);
            async {
                let body = echo.await;
                assert_ne!(body, "13", "a task that is to panic");
                body
            }
        };
        tokio::spawn(async move { service::serve(&router, stopped, answer).await.unwrap() })
    };
    let asking = tokio::spawn(async move {
        service::ask(&context, endpoint.as_str(), 0..REQUESTS as u64)
            .await
            .unwrap()
    });
    eventually("a limited number is begun", || {
        let waiting = router.statistics().unwrap().queued_in;
        (gate.begun.load(Ordering::Relaxed), waiting) == (service::AT_ONCE, 7)
    });
    gate.open();
    let replies = asking.await.unwrap();
    assert_eq!((replies.len(), &replies[&13][..]), (REQUESTS, "failed"));
    assert_eq!(replies[&(REQUESTS as u32 - 1)], (REQUESTS - 1).to_string());
    drop(stop);
    assert_eq!(serving.await.unwrap().1, 0);
}

#[test]
fn handlers_of_a_web_server_share_one_req() {
    within(LIMIT, || in_tokio(visited()));
}

/// The service answers once it has all requests, in the reverse order.
async fn visited() {
    const VISITORS: usize = 20;
    let context = Context::new();
    let (service, backend) = (
        context.socket::<Rep>().unwrap(),
        context.socket::<Req>().unwrap(),
    );
    backend
        .connect(service.bind(Transport::Tcp.endpoint()).unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(web_handler::serve(listener, backend, PATIENCE));
    let visits = (0..VISITORS).map(|number| web_handler::visit(address, format!("path/{number}")));
    let visiting = tokio::spawn(try_join_all(visits));
    let requests = service.requests();
    let mut asked = Vec::new();
    for _ in 0..VISITORS {
        asked.push(requests.recv_timeout(PATIENCE).await.unwrap());
    }
    for request in asked.into_iter().rev() {
        let answer = format!("{} it is", request.as_str().unwrap());
        request.reply(answer).unwrap();
    }
    for (number, visit) in visiting.await.unwrap().unwrap().into_iter().enumerate() {
        let expected = ("HTTP/1.0 200 OK".to_owned(), format!("path/{number} it is"));
        assert_eq!(visit, expected);
    }
}

#[test]
fn handlers_of_a_web_server_tell_how_a_request_failed() {
    within(LIMIT, || in_tokio(failing()));
}

async fn failing() {
    let (here, there) = (Context::new(), Context::new());
    let backend = here.socket::<Req>().unwrap();
    let service = there.socket::<Rep>().unwrap();
    backend
        .connect(service.bind(Transport::Tcp.endpoint()).unwrap())
        .unwrap();
    let requests = service.requests();
    let timed_out = web_handler::handler(&backend, "unanswered", Duration::from_millis(1)).await;
    assert_eq!(timed_out.0, "504 Gateway Timeout");
    let lose = async {
        // The first may have been sent before its time was over.
        let mut request = requests.recv_timeout(PATIENCE).await.unwrap();
        while request[0] != "lost" {
            request = requests.recv_timeout(PATIENCE).await.unwrap();
        }
        there.shutdown();
    };
    let (lost, ()) = join(web_handler::handler(&backend, "lost", PATIENCE), lose).await;
    assert_eq!(lost.0, "502 Bad Gateway");
    backend.close().await;
    let closed = web_handler::handler(&backend, "closed", PATIENCE).await;
    assert_eq!(closed.0, "503 Service Unavailable");
}

#[test]
fn workers_in_smol_do_every_task_once() {
    within(LIMIT, || {
        const WORKERS: usize = 3;
        let (context, limits) = (Context::new(), 10..110);
        let places = [(); 3].map(|()| Transport::Tcp.endpoint());
        let places = places.each_ref().map(String::as_str);
        let (done, (), mut results) = smol::block_on(async {
            try_join!(
                try_join_all((0..WORKERS).map(|_| smol_worker::work(&context, places))),
                smol_worker::ventilate(&context, places, WORKERS, limits.clone()),
                smol_worker::collect(&context, places, WORKERS, limits.len()),
            )
        })
        .unwrap();
        // A task that was done twice would be in the place of another.
        let solve = |limit: u32| text(&smol_worker::solve(&limit.to_string().into()));
        let mut expected: Vec<String> = limits.clone().map(solve).collect();
        results.sort();
        expected.sort();
        assert_eq!(results, expected);
        assert_eq!(done.iter().sum::<usize>(), limits.len());
        assert!(done.iter().all(|&tasks| tasks > 0), "{done:?}");
        let primes = smol_worker::solve(&"100".into());
        assert_eq!(primes, "25 primes below 100".into());
    });
}
