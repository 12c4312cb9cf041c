//! REQ and REP: a request and its reply are one step.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use zmq_channels::error::RecvTimeoutError;
use zmq_channels::{Message, Rep, Req, Request, Socket};

use crate::args::{Reply, Sending};
use crate::exit::{say, Failure, Outcome};
use crate::formats::Shape;
use crate::output::Output;
use crate::progress::Tally;
use crate::receive;
use crate::send::{self, Source};
use crate::sockets::timed_out;

/// Asks what `source` gives, and prints each reply before the next request. What is on the wire is what
/// a REQ of libzmq sends: `Socket::request` would number the requests.
pub(crate) fn ask_all(
    mut source: Source,
    socket: &Socket<Req>,
    shape: Shape,
    timeout: Option<Duration>,
    tally: &Tally,
) -> Outcome {
    let (sender, receiver) = (socket.sender(), socket.receiver());
    let mut output = Output::new(shape);
    while let Some(request) = source.next()? {
        send::send(&sender, request, timeout)?;
        tally.sent();
        let reply = receive::receive(&receiver, timeout, "no reply has come")?;
        tally.received();
        output.write(&reply)?;
        output.flush()?;
    }
    Ok(())
}

/// Where replies come from.
pub(crate) enum Answers {
    Fixed(Message),
    Echo,
    Command(String),
    /// Standard input; the requests are printed.
    Input(Box<Source>),
}

impl Answers {
    pub(crate) fn new(reply: &Reply, shape: Shape) -> Result<Answers, Failure> {
        Ok(match reply {
            Reply { echo: true, .. } => Answers::Echo,
            Reply {
                exec: Some(command),
                ..
            } => Answers::Command(command.clone()),
            Reply { reply, .. } if reply.is_empty() => {
                Answers::Input(Box::new(Source::new(&Sending::default(), shape, None)?))
            }
            Reply { reply, .. } => {
                Answers::Fixed(shape.read_frames(reply).map_err(Failure::Usage)?)
            }
        })
    }
}

/// Answers requests, one after the other, until `count` of them are answered.
pub(crate) fn answer_all(
    socket: &Socket<Rep>,
    mut answers: Answers,
    shape: Shape,
    count: Option<u64>,
    timeout: Option<Duration>,
    tally: &Tally,
) -> Outcome {
    let requests = socket.requests();
    let mut output = Output::new(shape);
    let mut left = count;
    while left != Some(0) {
        let request = match timeout {
            None => requests
                .recv_blocking()
                .map_err(|error| Failure::because(&error)),
            Some(timeout) => requests
                .recv_timeout_blocking(timeout)
                .map_err(|error| match error {
                    RecvTimeoutError::Timeout => timed_out("no request has come"),
                    error => Failure::because(&error),
                }),
        }?;
        tally.received();
        let reply = match &mut answers {
            Answers::Fixed(message) => message.clone(),
            Answers::Echo => Message::clone(&request),
            Answers::Command(command) => run(command, &request, shape),
            Answers::Input(source) => {
                output.write(&request)?;
                output.flush()?;
                let Some(reply) = source.next()? else {
                    return Err(Failure::Runtime("no reply is left for this request".into()));
                };
                reply
            }
        };
        reply_to(request, reply, tally);
        left = left.map(|left| left - 1);
    }
    Ok(())
}

/// A client that has gone is no failure of this command's.
fn reply_to(request: Request, reply: Message, tally: &Tally) {
    match request.reply(reply) {
        Ok(()) => tally.sent(),
        Err(error) => {
            tally.refused();
            say(&format!("too late to reply: {error}"));
        }
    }
}

/// What a shell command prints that reads the request. One that fails is told of, and replies with
/// nothing.
fn run(command: &str, request: &Message, shape: Shape) -> Message {
    let mut text = Vec::new();
    shape.write(request, &mut text);
    let printed = shell(command).spawn().and_then(|child| talk(child, text));
    let reply = printed.map_err(|error| error.to_string());
    reply
        .and_then(|printed| shape.read_whole(&printed))
        .unwrap_or_else(|error| {
            say(&format!("{command}: {error}"));
            Message::from("")
        })
}

fn shell(command: &str) -> Command {
    let (shell, option) = match cfg!(windows) {
        true => ("cmd", "/C"),
        false => ("sh", "-c"),
    };
    let mut shell = Command::new(shell);
    shell.args([option, command]);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    shell
}

/// Writes to a process and reads from it at the same time, so that neither has to wait for the other.
fn talk(mut child: Child, text: Vec<u8>) -> io::Result<Vec<u8>> {
    let stdin = child.stdin.take();
    let write = move || {
        if let Some(mut stdin) = stdin {
            // It need not read what it does not want.
            let _ = stdin.write_all(&text);
        }
    };
    let mut printed = Vec::new();
    let read = thread::scope(|scope| {
        thread::Builder::new().spawn_scoped(scope, write)?;
        match &mut child.stdout {
            Some(stdout) => stdout.read_to_end(&mut printed),
            None => Ok(0),
        }
    });
    let status = child.wait()?;
    read?;
    match status.success() {
        true => Ok(printed),
        false => Err(io::Error::other(status.to_string())),
    }
}
