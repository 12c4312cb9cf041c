//! A worker in smol: tasks come from a PULL as a stream, some are done at a time on smol's threads for work
//! that blocks, results go to a PUSH, and a message on a SUB ends the worker (the Guide's taskwork2).
//!
//! ```text
//! smol_worker                        three workers, a ventilator and a sink, over inproc
//! smol_worker work                   a worker for `pipeline ventilator 1` and `pipeline sink 1`
//! ```

use std::error::Error;
use std::pin::pin;

use futures::future::try_join_all;
use futures::{try_join, StreamExt};
use smol::unblock;
use zmq_channels::{Context, Message, Pub, Pull, Push, Sub};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Tasks that one worker does at the same time.
const AT_ONCE: usize = 4;

/// Where tasks, results and the signal to stop are.
pub(crate) type Endpoints<'a> = [&'a str; 3];

const INPROC: Endpoints = ["inproc://tasks", "inproc://results", "inproc://stop"];
const TCP: Endpoints = [
    "tcp://127.0.0.1:5557",
    "tcp://127.0.0.1:5558",
    "tcp://127.0.0.1:5559",
];

fn main() -> Result<(), Failure> {
    let context = Context::new();
    smol::block_on(async {
        if std::env::args().nth(1).as_deref() == Some("work") {
            println!("{} tasks done", work(&context, TCP).await?);
            return Ok(());
        }
        let (done, (), results) = try_join!(
            try_join_all((0..3).map(|_| work(&context, INPROC))),
            ventilate(&context, INPROC, 3, (1..=60).map(|number| 100 * number)),
            collect(&context, INPROC, 3, 60),
        )?;
        results.iter().for_each(|result| println!("{result}"));
        println!("tasks done by each worker: {done:?}");
        Ok(())
    })
}

/// Does tasks until it is told to stop, finishes those it has begun, and returns how many it did.
pub(crate) async fn work(
    context: &Context,
    [tasks_from, results_to, stop_from]: Endpoints<'_>,
) -> Result<usize, Failure> {
    let (tasks, results) = (context.socket::<Pull>()?, context.socket::<Push>()?);
    let stop = context.socket::<Sub>()?;
    stop.subscribe("")?;
    stop.connect(stop_from)?;
    results.connect(results_to)?;
    tasks.connect(tasks_from)?;
    let until_stopped = tasks.receiver().take_until(stop.recv());
    let begun = until_stopped.map(|task| unblock(move || solve(&task)));
    let mut finished = pin!(begun.buffer_unordered(AT_ONCE));
    let mut done = 0;
    while let Some(result) = finished.next().await {
        results.send(result).await?;
        done += 1;
    }
    results.close().await;
    Ok(done)
}

/// The work, which keeps a processor busy: counts the primes below a number.
pub(crate) fn solve(task: &Message) -> Message {
    let limit: u32 = task.as_str().unwrap_or_default().parse().unwrap_or(0);
    let is_prime = |n: &u32| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0);
    format!(
        "{} primes below {limit}",
        (2..limit).filter(is_prime).count()
    )
    .into()
}

/// Sends the tasks when all workers are connected, so that each gets its share.
pub(crate) async fn ventilate(
    context: &Context,
    [endpoint, ..]: Endpoints<'_>,
    workers: usize,
    limits: impl IntoIterator<Item = u32>,
) -> Result<(), Failure> {
    let tasks = context.socket::<Push>()?;
    tasks.bind(endpoint)?;
    tasks.wait_connected(workers).await?;
    for limit in limits {
        tasks.send(limit.to_string()).await?;
    }
    tasks.close().await;
    Ok(())
}

/// Returns that many results, after it has told the workers to stop.
pub(crate) async fn collect(
    context: &Context,
    [_, endpoint, stop_at]: Endpoints<'_>,
    workers: usize,
    tasks: usize,
) -> Result<Vec<String>, Failure> {
    let (results, stop) = (context.socket::<Pull>()?, context.socket::<Pub>()?);
    results.bind(endpoint)?;
    stop.bind(stop_at)?;
    // A worker that has not subscribed yet would not be stopped.
    stop.wait_subscribed(workers).await?;
    let received = results.receiver().take(tasks);
    let received = received.map(|result| result.to_string()).collect().await;
    stop.send("KILL").await?;
    stop.close().await;
    Ok(received)
}
