//! A server that Ctrl-C and SIGTERM end cleanly (the Guide's interrupt): the request under way is
//! answered, and what was accepted is sent before the process ends. Signals are one more source
//! of a `Select`.
//!
//! ```text
//! interrupt                                 a REP at tcp://127.0.0.1:5555
//! interrupt ipc:///tmp/hello tcp://127.0.0.1:5556
//!                      its requests are also written to a journal, a PULL bound there
//! ```

use std::error::Error;
use std::io;

use async_signal::{Signal, Signals};
use zmq_channels::select::Selected;
use zmq_channels::{Context, Message, Push, Rep, Select, Socket};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    // From here on these signals do not end the process: they are ours to obey.
    let signals = signals()?;
    let mut arguments = std::env::args().skip(1);
    let (endpoint, journal_at) = (arguments.next(), arguments.next());
    let context = Context::new();
    let server = context.socket::<Rep>()?;
    let bound = server.bind(endpoint.as_deref().unwrap_or("tcp://127.0.0.1:5555"))?;
    println!("serving at {bound}");
    let journal = match journal_at {
        Some(endpoint) => {
            let journal = context.socket::<Push>()?;
            journal.connect(endpoint)?;
            Some(journal)
        }
        None => None,
    };
    let signal = serve(&server, journal.as_ref(), signals)?;
    println!("{signal:?}: sending what is left");
    let mut undelivered = server.close_blocking().undelivered;
    if let Some(journal) = journal {
        undelivered += journal.close_blocking().undelivered;
    }
    println!("ended, {undelivered} messages undelivered");
    Ok(())
}

/// Ctrl-C, and what `kill` and service managers send.
pub(crate) fn signals() -> io::Result<Signals> {
    Signals::new([Signal::Int, Signal::Term])
}

/// Answers requests until a signal comes; returns which.
pub(crate) fn serve(
    server: &Socket<Rep>,
    journal: Option<&Socket<Push>>,
    signals: Signals,
) -> Result<Signal, Failure> {
    let mut select = Select::<Event>::default();
    select.receiver(server.receiver());
    select.stream(signals);
    loop {
        match select.wait()? {
            Selected::Received(_, Event::Signal(signal)) => return Ok(signal?),
            Selected::Received(_, Event::Request(request)) => {
                server.send_blocking("World")?;
                if let Some(journal) = journal {
                    journal.send_blocking(request)?;
                }
            }
            Selected::Ended(_, why) => return Err(why.into()),
            _ => {}
        }
    }
}

enum Event {
    Request(Message),
    Signal(io::Result<Signal>),
}

impl From<Message> for Event {
    fn from(request: Message) -> Self {
        Event::Request(request)
    }
}

impl From<io::Result<Signal>> for Event {
    fn from(signal: io::Result<Signal>) -> Self {
        Event::Signal(signal)
    }
}
