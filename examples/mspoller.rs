//! Receives from two sockets in one thread: tasks from a PULL, weather from a SUB (the Guide's msreader and
//! mspoller). A task `END` ends it.
//!
//! ```text
//! mspoller                                  tasks from tcp://127.0.0.1:5557, weather from 5556
//! mspoller tcp://10.0.0.7:5557 ipc:///tmp/weather
//! mspoller read                             without `Select`: tasks first, weather when idle
//! ```

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

use zmq_channels::error::RecvTimeoutError;
use zmq_channels::select::Selected;
use zmq_channels::{Context, Message, Pull, Select, Socket, Sub};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let by_hand = arguments.first() == Some(&"read");
    arguments.drain(..usize::from(by_hand));
    let (tasks_from, weather_from) = match arguments[..] {
        [] => ("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5556"),
        [tasks, weather] => (tasks, weather),
        _ => return Err("usage: mspoller [read] [TASKS WEATHER]".into()),
    };
    let context = Context::new();
    let (tasks, weather) = (context.socket::<Pull>()?, context.socket::<Sub>()?);
    tasks.connect(tasks_from)?;
    weather.connect(weather_from)?;
    weather.subscribe("10001 ")?;
    let handle = |came: Came| {
        println!("{came:?}");
        match came {
            Came::Task(task) if task.as_str() == Some("END") => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    match by_hand {
        true => read(&tasks, &weather, handle),
        false => poll(&tasks, &weather, handle),
    }
}

/// What came, and from where.
#[derive(Debug, PartialEq)]
pub(crate) enum Came {
    Task(Message),
    Weather(Message),
}

/// mspoller: whatever comes first, from either; both take turns when there is much of both.
pub(crate) fn poll(
    tasks: &Socket<Pull>,
    weather: &Socket<Sub>,
    mut handle: impl FnMut(Came) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let mut select = Select::new();
    let from_tasks = select.receiver(tasks.receiver());
    let from_weather = select.receiver(weather.receiver());
    loop {
        let came = match select.wait()? {
            Selected::Received(token, message) if token == from_tasks => Came::Task(message),
            Selected::Received(token, message) if token == from_weather => Came::Weather(message),
            Selected::Ended(_, why) => return Err(why.into()),
            _ => continue,
        };
        if handle(came).is_break() {
            return Ok(());
        }
    }
}

/// msreader: all the tasks there are, then all the weather there is; waits a little for a task
/// when there was neither, so weather may be as late as that.
pub(crate) fn read(
    tasks: &Socket<Pull>,
    weather: &Socket<Sub>,
    mut handle: impl FnMut(Came) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let (tasks, weather) = (tasks.receiver(), weather.receiver());
    loop {
        while let Ok(task) = tasks.try_recv() {
            if handle(Came::Task(task)).is_break() {
                return Ok(());
            }
        }
        while let Ok(message) = weather.try_recv() {
            if handle(Came::Weather(message)).is_break() {
                return Ok(());
            }
        }
        match tasks.recv_timeout_blocking(Duration::from_millis(1)) {
            Ok(task) => {
                if handle(Came::Task(task)).is_break() {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
