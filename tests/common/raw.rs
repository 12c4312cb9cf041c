//! A peer that is not this library: a stream, and ZMTP 3 bytes written by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use zmq_channels::Endpoint;

use super::PATIENCE;

/// RFC 37, Greeting: signature, version 3.1, mechanism NULL, as-server 0, filler.
pub(crate) const GREETING: [u8; 64] = greeting(1, b"NULL");

/// A greeting of version 3.`minor` with a mechanism.
pub(crate) const fn greeting(minor: u8, mechanism: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[0] = 0xff;
    bytes[8] = 1;
    bytes[9] = 0x7f;
    bytes[10] = 3;
    bytes[11] = minor;
    let mut at = 0;
    while at < mechanism.len() {
        bytes[12 + at] = mechanism[at];
        at += 1;
    }
    bytes
}

/// RFC 37, The READY Command, as a whole frame.
pub(crate) fn ready(socket_type: &str) -> Vec<u8> {
    let mut body = b"\x0bSocket-Type".to_vec();
    body.extend((socket_type.len() as u32).to_be_bytes());
    body.extend(socket_type.as_bytes());
    command("READY", &body)
}

/// A command frame.
pub(crate) fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(data);
    frame(4, &body)
}

/// A message of several frames.
pub(crate) fn multipart(frames: &[&str]) -> Vec<u8> {
    let last = frames.len() - 1;
    let bytes = frames.iter().enumerate().map(|(index, text)| {
        let more = u8::from(index != last);
        frame(more, text.as_bytes())
    });
    bytes.collect::<Vec<_>>().concat()
}

/// A frame, with a long size where a short one does not do.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(body.len()) {
        Ok(size) => vec![flags, size],
        Err(_) => long_header(flags, body.len() as u64),
    };
    bytes.extend(body);
    bytes
}

/// A frame header that announces `size` bytes, in its eight-byte form.
pub(crate) fn long_header(flags: u8, size: u64) -> Vec<u8> {
    let mut bytes = vec![flags | 2];
    bytes.extend(size.to_be_bytes());
    bytes
}

trait Stream: Read + Write + Send {
    fn patience(&self, limit: Duration) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn patience(&self, limit: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn patience(&self, limit: Duration) -> std::io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}

pub(crate) struct Raw(Box<dyn Stream>);

impl Raw {
    /// Connects, and says nothing yet.
    pub(crate) fn connect(endpoint: &Endpoint) -> Raw {
        let text = endpoint.as_str();
        if let Some(address) = text.strip_prefix("tcp://") {
            return Raw::from_tcp(TcpStream::connect(address).unwrap());
        }
        #[cfg(unix)]
        if let Some(path) = text.strip_prefix("ipc://") {
            return Raw::from_unix(UnixStream::connect(path).unwrap());
        }
        panic!("{text}: neither tcp nor ipc");
    }

    pub(crate) fn from_tcp(stream: TcpStream) -> Raw {
        stream.set_nodelay(true).unwrap();
        stream.patience(PATIENCE).unwrap();
        Raw(Box::new(stream))
    }

    #[cfg(unix)]
    pub(crate) fn from_unix(stream: UnixStream) -> Raw {
        stream.patience(PATIENCE).unwrap();
        Raw(Box::new(stream))
    }

    /// Connects as a peer of `socket_type`, up to and with both READY commands.
    pub(crate) fn peer(endpoint: &Endpoint, socket_type: &str) -> Raw {
        let mut raw = Raw::connect(endpoint);
        raw.shake_hands(GREETING, socket_type);
        raw
    }

    /// Exchanges greetings and READY commands; gives back the other side's READY frame.
    pub(crate) fn shake_hands(&mut self, greeting: [u8; 64], socket_type: &str) -> Vec<u8> {
        self.write(&greeting);
        self.read(64);
        self.write(&ready(socket_type));
        let (flags, body) = self.read_frame();
        assert_eq!(flags, 4, "READY is a short command");
        frame(flags, &body)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Writes what may come too late: the other side may have closed.
    pub(crate) fn write_anyway(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Exactly `length` bytes; they must come.
    pub(crate) fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next frame: its flags without LONG, and its body.
    pub(crate) fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let flags = self.read(1)[0];
        let size = if flags & 2 == 0 {
            u64::from(self.read(1)[0])
        } else {
            u64::from_be_bytes(self.read(8).try_into().unwrap())
        };
        (flags & !2, self.read(size as usize))
    }

    /// Whether the other side closes within `limit`; what it says until then is skipped.
    pub(crate) fn is_closed_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut some = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.0.patience(left).unwrap();
            let read = self.0.read(&mut some);
            self.0.patience(PATIENCE).unwrap();
            match read {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
                Err(_) => {} // Its time is over, or a signal came.
            }
        }
    }

    /// Everything until the other side closes; panics if it does not.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        let (mut said, mut some) = (Vec::new(), [0; 4096]);
        loop {
            assert!(Instant::now() < deadline, "still open after {PATIENCE:?}");
            match self.0.read(&mut some) {
                Ok(0) => return said,
                Ok(length) => said.extend(&some[..length]),
                // Closed with bytes of ours unread: an end as good as the other.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return said,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the connection should have been closed: {error}"),
            }
        }
    }
}
