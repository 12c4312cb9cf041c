//! A pipeline: a ventilator distributes tasks, workers execute them, and a sink collects the results and
//! stops the workers when it has them all (the Guide's taskvent, taskwork2 and tasksink2). Start them in
//! any order.
//!
//! ```text
//! pipeline                    a ventilator, four workers and a sink, over inproc
//! pipeline ventilator 4       waits for four workers; tasks at tcp://127.0.0.1:5557
//! pipeline worker             start as many as the others expect
//! pipeline sink 4             results at tcp://127.0.0.1:5558, the kill signal at 5559
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::select::Selected;
use zmq_channels::{Context, Pub, Pull, Push, Select, Sub};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const TASKS: usize = 100;

/// Where tasks, results and the kill signal are.
pub(crate) type Endpoints<'a> = [&'a str; 3];

const TCP: Endpoints = [
    "tcp://127.0.0.1:5557",
    "tcp://127.0.0.1:5558",
    "tcp://127.0.0.1:5559",
];
const INPROC: Endpoints = ["inproc://tasks", "inproc://results", "inproc://control"];

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next();
    let workers = arguments.next().map_or(Ok(4), |number| number.parse())?;
    let context = Context::new();
    match role.as_deref() {
        None => thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| work(&context, INPROC));
            }
            scope.spawn(|| ventilate(&context, INPROC, workers, workloads()));
            collect(&context, INPROC, workers, TASKS)
        })?,
        Some("ventilator") => ventilate(&context, TCP, workers, workloads())?,
        Some("worker") => println!("{} tasks done", work(&context, TCP)?),
        Some("sink") => collect(&context, TCP, workers, TASKS)?,
        Some(_) => return Err("usage: pipeline [ventilator|worker|sink [WORKERS]]".into()),
    }
    Ok(())
}

/// How long each task takes, in milliseconds.
fn workloads() -> impl Iterator<Item = u64> {
    (0..TASKS as u64).map(|number| number * 37 % 100)
}

/// taskvent: deals the tasks out once all workers are there, so that each gets its share.
pub(crate) fn ventilate(
    context: &Context,
    [endpoint, ..]: Endpoints,
    workers: usize,
    workloads: impl IntoIterator<Item = u64>,
) -> Result<(), Failure> {
    let tasks = context.socket::<Push>()?;
    tasks.bind(endpoint)?;
    tasks.wait_connected_blocking(workers)?;
    for milliseconds in workloads {
        tasks.send_blocking(milliseconds.to_string())?;
    }
    tasks.close_blocking();
    Ok(())
}

/// taskwork2: does tasks until it is told to end; returns how many.
pub(crate) fn work(
    context: &Context,
    [tasks_from, results_to, control_from]: Endpoints,
) -> Result<usize, Failure> {
    let (tasks, results) = (context.socket::<Pull>()?, context.socket::<Push>()?);
    let control = context.socket::<Sub>()?;
    control.subscribe("")?;
    control.connect(control_from)?;
    results.connect(results_to)?;
    tasks.connect(tasks_from)?;
    let mut select = Select::new();
    let task = select.receiver(tasks.receiver());
    let kill = select.receiver(control.receiver());
    let mut done = 0;
    loop {
        match select.wait()? {
            Selected::Received(token, message) if token == task => {
                let milliseconds = message.as_str().unwrap_or_default().parse()?;
                thread::sleep(Duration::from_millis(milliseconds));
                results.send_blocking(message)?;
                done += 1;
            }
            Selected::Received(token, _) if token == kill => return Ok(done),
            Selected::Ended(_, why) => return Err(why.into()),
            _ => {}
        }
    }
}

/// tasksink2: takes that many results, then ends all workers.
pub(crate) fn collect(
    context: &Context,
    [_, endpoint, control_at]: Endpoints,
    workers: usize,
    tasks: usize,
) -> Result<(), Failure> {
    let (results, control) = (context.socket::<Pull>()?, context.socket::<Pub>()?);
    results.bind(endpoint)?;
    control.bind(control_at)?;
    // A worker that is not there yet would never hear the signal.
    control.wait_subscribed_blocking(workers)?;
    for _ in 0..tasks {
        results.recv_blocking()?;
    }
    println!("all {tasks} tasks are done");
    control.send_blocking("KILL")?;
    control.close_blocking();
    Ok(())
}
