//! Sending: messages from the command line, from files or from standard input, at some rate.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use zmq_channels::error::{Refusal, SendTimeoutError};
use zmq_channels::{Message, Sender};

use crate::args::Sending;
use crate::exit::{say, Failure, Outcome};
use crate::formats::{escape, Input, Shape};
use crate::progress::Tally;
use crate::sockets::timed_out;

/// Bytes that are read at once.
const BUFFER: usize = 64 * 1024;

/// Messages to send, in order, and how many.
pub(crate) struct Source {
    kind: Kind,
    left: Option<u64>,
    pace: Pace,
}

enum Kind {
    /// The same message again and again.
    Repeated(Message),
    /// What is read from files, one after the other.
    Read {
        files: std::vec::IntoIter<PathBuf>,
        current: Option<(PathBuf, Input<Box<dyn BufRead + Send>>)>,
        shape: Shape,
    },
}

impl Source {
    /// `count` limits what comes from it.
    pub(crate) fn new(
        sending: &Sending,
        shape: Shape,
        count: Option<u64>,
    ) -> Result<Source, Failure> {
        let interval = sending.rate.or(sending.interval);
        let kind = match &sending.message[..] {
            [] => Kind::Read {
                files: match sending.file.is_empty() {
                    true => vec![PathBuf::from("-")].into_iter(),
                    false => sending.file.clone().into_iter(),
                },
                current: None,
                shape,
            },
            frames => Kind::Repeated(shape.read_frames(frames).map_err(Failure::Usage)?),
        };
        let once = matches!(kind, Kind::Repeated(_)) && interval.is_none();
        Ok(Source {
            kind,
            left: count.or(once.then_some(1)),
            pace: Pace::new(interval),
        })
    }

    /// Whether it ends by itself, and without a person at a keyboard who ends it.
    pub(crate) fn is_finite(&self) -> bool {
        match &self.kind {
            Kind::Repeated(_) => self.left.is_some(),
            Kind::Read { files, .. } => {
                let from_keyboard = || files.as_slice().iter().any(|file| is_stdin(file));
                !(from_keyboard() && io::stdin().is_terminal())
            }
        }
    }

    /// Whether it goes on until it is interrupted.
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self.kind, Kind::Repeated(_)) && self.left.is_none()
    }

    /// The next message, when it is due; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, Failure> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None => {}
        }
        let message = match &mut self.kind {
            Kind::Repeated(message) => Some(message.clone()),
            Kind::Read {
                files,
                current,
                shape,
            } => read(files, current, *shape)?,
        };
        if message.is_some() {
            self.pace.wait();
        }
        Ok(message)
    }
}

fn read(
    files: &mut std::vec::IntoIter<PathBuf>,
    current: &mut Option<(PathBuf, Input<Box<dyn BufRead + Send>>)>,
    shape: Shape,
) -> Result<Option<Message>, Failure> {
    loop {
        if let Some((path, input)) = current {
            let about = |error| match is_stdin(path) {
                true => Failure::about("standard input", &error),
                false => Failure::about(&path.display().to_string(), &error),
            };
            if let Some(message) = input.next().map_err(about)? {
                return Ok(Some(message));
            }
        }
        let Some(path) = files.next() else {
            return Ok(None);
        };
        let reader: Box<dyn BufRead + Send> = match is_stdin(&path) {
            true => Box::new(BufReader::with_capacity(BUFFER, io::stdin())),
            false => match File::open(&path) {
                Ok(file) => Box::new(BufReader::with_capacity(BUFFER, file)),
                Err(error) => return Err(Failure::about(&path.display().to_string(), &error)),
            },
        };
        *current = Some((path, Input::new(reader, shape)));
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Keeps a distance between messages, without drift.
struct Pace {
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl Pace {
    fn new(interval: Option<Duration>) -> Pace {
        Pace {
            interval,
            due: None,
        }
    }

    fn wait(&mut self) {
        let Some(interval) = self.interval else {
            return;
        };
        let due = self.due.unwrap_or_else(Instant::now);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        self.due = due.checked_add(interval);
    }
}

/// Sends all that `source` gives. A peer that has gone, or never was, is told of and no reason to end:
/// there may be others.
pub(crate) fn send_all(
    mut source: Source,
    sender: &Sender,
    timeout: Option<Duration>,
    tally: &Tally,
) -> Outcome {
    while let Some(message) = source.next()? {
        match try_to_send(sender, message, timeout) {
            Ok(()) => tally.sent(),
            Err(SendTimeoutError::Refused(why @ Refusal::Unroutable, message)) => {
                let mut peer = Vec::new();
                escape::escape(message.first().map_or(&[], |frame| &frame[..]), &mut peer);
                say(&format!("{}: {why}", String::from_utf8_lossy(&peer)));
                tally.refused();
            }
            Err(error) => return Err(failure(&error)),
        }
    }
    Ok(())
}

/// Sends one message, waiting for room for as long as `timeout` says.
pub(crate) fn send(sender: &Sender, message: Message, timeout: Option<Duration>) -> Outcome {
    try_to_send(sender, message, timeout).map_err(|error| failure(&error))
}

fn try_to_send(
    sender: &Sender,
    message: Message,
    timeout: Option<Duration>,
) -> Result<(), SendTimeoutError> {
    match timeout {
        None => Ok(sender.send_blocking(message)?),
        Some(timeout) => sender.send_timeout_blocking(message, timeout),
    }
}

fn failure(error: &SendTimeoutError) -> Failure {
    match error {
        SendTimeoutError::Timeout(_) => timed_out("no room for a message"),
        error => Failure::because(error),
    }
}
