//! Many concurrent requests on one socket, answered by several workers in the order in which they
//! finish: `cargo run --example requests`, or with an endpoint,
//! `cargo run --example requests tcp://127.0.0.1:5555`.

use std::error::Error;
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use futures::stream::{FuturesUnordered, StreamExt};
use zmq_channels::error::RequestTimeoutError;
use zmq_channels::{Context, Message, Rep, Req, Request};

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1);
    let context = Context::new();

    let server = context.socket::<Rep>()?;
    let endpoint = server.bind(endpoint.as_deref().unwrap_or("inproc://squares"))?;
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let requests = server.requests();
            thread::spawn(move || {
                // Ends when the socket is closed.
                for request in requests {
                    let answer = square(&request, worker);
                    if let Err(error) = request.reply(answer) {
                        eprintln!("too late to answer: {error}");
                    }
                }
            })
        })
        .collect();

    let client = context.socket::<Req>()?;
    client.connect(&endpoint)?;
    let mut answers: FuturesUnordered<_> = (1..=12)
        .map(|number: u64| {
            let client = &client;
            async move {
                let patience = Duration::from_secs(5);
                let reply = client.request_timeout(number.to_string(), patience).await;
                (number, reply)
            }
        })
        .collect();
    while let Some((number, reply)) = block_on(answers.next()) {
        match reply {
            Ok(reply) => println!("{number}² = {reply:?}"),
            Err(RequestTimeoutError::Timeout(_)) => println!("{number}²: no answer"),
            Err(error) => return Err(error.into()),
        }
    }
    drop(answers);

    server.close_blocking();
    for worker in workers {
        let _ = worker.join();
    }
    Ok(())
}

/// The square of what was asked, and which worker says so. A large number takes its worker longer.
fn square(request: &Request, worker: usize) -> Message {
    match request.as_str().map(str::parse::<u64>) {
        Some(Ok(number)) => {
            thread::sleep(Duration::from_millis(10 * (number % 4)));
            [(number * number).to_string(), format!("worker {worker}")].into()
        }
        _ => "not a number".into(),
    }
}
