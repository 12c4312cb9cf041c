//! How messages are written and read: the same forms in both directions.

use std::io::{self, BufRead};

use clap::ValueEnum;
use zmq_channels::{Frame, Message, SocketType};

pub(crate) mod escape;
pub(crate) mod hex;
pub(crate) mod json;

#[cfg(test)]
mod tests;

/// How messages look, in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A message a line. Sent, a line is one frame; received, frames are separated by tabs.
    /// Bytes stay as they are.
    #[default]
    Line,
    /// All of the input is one message of one frame; received, the bytes of all frames and nothing
    /// between them.
    Raw,
    /// A message a line, its frames separated by tabs. Within a frame \t, \n, \r, \\ and \xHH stand
    /// for bytes, so that every message comes back as it was.
    Multipart,
    /// A message a line: the frames in hexadecimal, separated by spaces. An empty frame is -.
    Hex,
    /// A message a line: a JSON array of frames, each a string or {"hex": "00ff"}.
    Json,
}

/// A format as it is for one type of socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    format: Format,
    /// Whether the first frame is no payload: a routing id or a group. In the format `line` it is
    /// escaped and stands before a tab.
    has_head: bool,
}

impl Shape {
    pub(crate) fn new(format: Format, socket_type: SocketType) -> Shape {
        use SocketType::{Dish, Peer, Radio, Router, Server, Stream};
        let has_head = matches!(socket_type, Router | Server | Peer | Stream | Radio | Dish);
        Shape { format, has_head }
    }

    /// Appends a message.
    pub(crate) fn write(self, message: &Message, into: &mut Vec<u8>) {
        match self.format {
            Format::Line => {
                self.separated(message, into, |index, frame, into| match index {
                    0 if self.has_head => escape::escape(frame, into),
                    _ => into.extend(frame),
                });
            }
            Format::Raw => message.iter().for_each(|frame| into.extend(&frame[..])),
            Format::Multipart => {
                self.separated(message, into, |_, frame, into| escape::escape(frame, into));
            }
            Format::Hex => self.separated(message, into, |_, frame, into| match frame {
                [] => into.push(b'-'),
                frame => hex::encode(frame, into),
            }),
            Format::Json => json::write(message, into),
        }
    }

    fn separated(
        self,
        message: &Message,
        into: &mut Vec<u8>,
        write: impl Fn(usize, &[u8], &mut Vec<u8>),
    ) {
        let separator = match self.format {
            Format::Hex => b' ',
            _ => b'\t',
        };
        for (index, frame) in message.iter().enumerate() {
            if index > 0 {
                into.push(separator);
            }
            write(index, frame, into);
        }
        into.push(b'\n');
    }

    /// A message from a line without its end.
    fn read(self, line: &[u8]) -> Result<Message, String> {
        match self.format {
            Format::Line | Format::Raw if self.has_head => {
                let tab = line.iter().position(|byte| *byte == b'\t');
                let tab = tab.ok_or("a routing id or group and a tab must come first")?;
                let head = escape::unescape(&line[..tab])?;
                let body = Frame::copy_from_slice(&line[tab + 1..]);
                Ok(Message::from([Frame::from(head), body]))
            }
            Format::Line | Format::Raw => Ok(Message::from(Frame::copy_from_slice(line))),
            Format::Multipart => line
                .split(|byte| *byte == b'\t')
                .map(|frame| escape::unescape(frame).map(Frame::from))
                .collect::<Result<Vec<Frame>, String>>()
                .map(Message::from),
            Format::Hex => line
                .split(|byte| *byte == b' ')
                .map(|frame| self.read_frame(1, frame))
                .collect::<Result<Vec<Frame>, String>>()
                .map(Message::from),
            Format::Json => json::read(line),
        }
    }

    /// A message from a text that holds nothing else; its last line may have an end.
    pub(crate) fn read_whole(self, text: &[u8]) -> Result<Message, String> {
        match text.strip_suffix(b"\n") {
            Some(line) if self.format != Format::Raw => self.read(line),
            _ => self.read(text),
        }
    }

    /// A message from frames that were given one by one, on the command line.
    pub(crate) fn read_frames(self, frames: &[String]) -> Result<Message, String> {
        let frames = frames.iter().enumerate();
        let frames = frames.map(|(index, frame)| self.read_frame(index, frame.as_bytes()));
        frames
            .collect::<Result<Vec<Frame>, String>>()
            .map(Message::from)
    }

    fn read_frame(self, index: usize, text: &[u8]) -> Result<Frame, String> {
        match self.format {
            Format::Hex if text == b"-" => Ok(Frame::default()),
            Format::Hex => hex::decode(text).map(Frame::from),
            Format::Multipart => escape::unescape(text).map(Frame::from),
            Format::Line | Format::Raw | Format::Json if index == 0 && self.has_head => {
                escape::unescape(text).map(Frame::from)
            }
            Format::Line | Format::Raw | Format::Json => Ok(Frame::copy_from_slice(text)),
        }
    }
}

/// Messages, read one after the other.
pub(crate) struct Input<R> {
    reader: R,
    shape: Shape,
    line: Vec<u8>,
    number: u64,
}

/// Why the input gives no message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("line {line}: {fault}")]
    Malformed { line: u64, fault: String },
}

impl<R: BufRead> Input<R> {
    pub(crate) fn new(reader: R, shape: Shape) -> Input<R> {
        Input {
            reader,
            shape,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next message; `None` at the end of the input.
    pub(crate) fn next(&mut self) -> Result<Option<Message>, InputError> {
        self.line.clear();
        self.number += 1;
        match self.shape.format {
            Format::Raw if self.number > 1 => return Ok(None),
            Format::Raw => {
                self.reader.read_to_end(&mut self.line)?;
            }
            _ if self.reader.read_until(b'\n', &mut self.line)? == 0 => return Ok(None),
            _ if self.line.last() == Some(&b'\n') => {
                self.line.pop();
            }
            _ => {} // The last line, without an end.
        }
        let message = self.shape.read(&self.line);
        let malformed = |fault| InputError::Malformed {
            line: self.number,
            fault,
        };
        message.map(Some).map_err(malformed)
    }
}
