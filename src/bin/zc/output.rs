//! Standard output: messages, and lines of the tool's own.

use std::io::{self, BufWriter, Stdout, Write};

use zmq_channels::Message;

use crate::exit::{Failure, Outcome};
use crate::formats::Shape;

/// Bytes that are written at once, if that many wait.
const BUFFER: usize = 64 * 1024;

/// Messages on standard output.
pub(crate) struct Output {
    out: BufWriter<Stdout>,
    shape: Shape,
    text: Vec<u8>,
}

impl Output {
    pub(crate) fn new(shape: Shape) -> Output {
        Output {
            out: BufWriter::with_capacity(BUFFER, io::stdout()),
            shape,
            text: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, message: &Message) -> Outcome {
        self.text.clear();
        self.shape.write(message, &mut self.text);
        let written = self.out.write_all(&self.text);
        written.map_err(|error| Failure::writing(&error))
    }

    pub(crate) fn flush(&mut self) -> Outcome {
        self.out.flush().map_err(|error| Failure::writing(&error))
    }
}

/// One line on standard output.
pub(crate) fn print_line(line: &str) -> Outcome {
    let written = writeln!(io::stdout(), "{line}");
    written.map_err(|error| Failure::writing(&error))
}
