//! Threads that signal each other over PAIR sockets and inproc (the Guide's mtrelay): step 1 signals
//! step 2, and step 2 signals step 3. No thread sleeps to wait for another.
//!
//! ```text
//! mtrelay
//! ```

use std::error::Error;
use std::thread;

use zmq_channels::{Context, Message, Pair};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    println!("step 3 got {:?}", relay(&Context::new())?);
    Ok(())
}

/// Runs all three steps, and returns what has reached the last.
pub(crate) fn relay(context: &Context) -> Result<Message, Failure> {
    thread::scope(|scope| {
        // In any order: `connect` does not wait for `bind`.
        scope.spawn(|| report(step_1(context)));
        scope.spawn(|| report(step_2(context)));
        let from_step_2 = context.socket::<Pair>()?;
        from_step_2.bind("inproc://step-3")?;
        Ok(from_step_2.recv_blocking()?)
    })
}

fn step_1(context: &Context) -> Result<(), Failure> {
    let to_step_2 = context.socket::<Pair>()?;
    to_step_2.connect("inproc://step-2")?;
    // The socket may be dropped: what it has accepted arrives.
    Ok(to_step_2.send_blocking("READY")?)
}

fn step_2(context: &Context) -> Result<(), Failure> {
    let from_step_1 = context.socket::<Pair>()?;
    from_step_1.bind("inproc://step-2")?;
    let signal = from_step_1.recv_blocking()?;
    let to_step_3 = context.socket::<Pair>()?;
    to_step_3.connect("inproc://step-3")?;
    Ok(to_step_3.send_blocking(signal)?)
}

fn report(step: Result<(), Failure>) {
    if let Err(error) = step {
        eprintln!("{error}");
    }
}
