//! The measure of the machine: plain std sockets, frames written by hand, batched as far as a
//! batch goes. No queue, no pattern, no second thread, no high-water mark: what the kernel moves
//! when nothing stands between. In one process, a bounded std channel of vectors.
//!
//! Frames are those of ZMTP (RFC 37, "Framing"), without the handshake. What is written waits for
//! a full batch, or until this side would wait for its peer.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Mutex, OnceLock};

use super::cell::Terms;
use super::meter::{Load, Trips};
use super::{run_ready, Kind, Library, Place, Port, Row, Transport};

/// The contender.
#[derive(Clone, Copy)]
pub(crate) struct Raw;

/// Bytes per write, and per read.
const BATCH: usize = 256 << 10;

/// Payloads of this size are not copied into a batch.
const LARGE: usize = 64 << 10;

impl Library for Raw {
    type Port = Hand;

    fn name(&self) -> &'static str {
        "raw"
    }

    fn version(&self) -> String {
        "std".to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        match (terms.row, terms.transport) {
            (Row::Clones, Transport::Tcp | Transport::Ipc) => {
                Some("a plain socket is one thread's")
            }
            (Row::FanOut | Row::Subscriptions, Transport::Inproc) => {
                Some("a std channel has one receiver")
            }
            (Row::Multipart, Transport::Inproc) => Some("a std channel has no parts"),
            (Row::FanIn | Row::Sockets, Transport::Inproc) if terms.count > 1 => {
                Some("one pair of channels only")
            }
            (Row::Subscriptions, _) => Some("subscribes to nothing"),
            _ => None,
        }
    }

    async fn open(self, kind: Kind, place: &Place) -> Hand {
        Hand {
            place: place.clone(),
            kind,
            listener: None,
            links: Vec::new(),
            turn: 0,
            out: Vec::with_capacity(2 * BATCH),
            current: Vec::new(),
            line: None,
            taken: Vec::new(),
        }
    }

    fn run(&self, _: &Place, life: impl Future<Output = ()> + Send + 'static) {
        run_ready(life);
    }

    /// There is nothing about REQ here: frames are frames.
    fn requests(&self, place: &Place, mut trips: Trips) {
        let own = place.clone();
        run_ready(async move {
            let mut port = Raw.open(Kind::Req, &own).await;
            port.connect(&own.endpoints[0]).await;
            loop {
                while trips.under_way() < own.count {
                    port.send(trips.request()).await;
                }
                if !port.recv().await || !trips.reply(port.part(0)) {
                    return;
                }
            }
        });
    }
}

/// One side's sockets, or channels.
pub(crate) struct Hand {
    place: Place,
    kind: Kind,
    listener: Option<Listener>,
    links: Vec<Link>,
    /// Whose frames are taken now.
    turn: usize,
    /// Frames that are not written yet: the same for all links.
    out: Vec<u8>,
    /// The parts of the message received last, in the input of the link whose turn it is.
    current: Vec<Range<usize>>,
    line: Option<Line>,
    /// What came through the channel last.
    taken: Vec<u8>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection and what has been read from it: the bytes from `begin` to `end`.
struct Link {
    stream: Stream,
    input: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Link {
    fn new(stream: Stream) -> Link {
        if let Stream::Tcp(stream) = &stream {
            stream.set_nodelay(true).expect("nodelay");
        }
        Link {
            stream,
            input: vec![0; BATCH],
            begin: 0,
            end: 0,
        }
    }

    /// Finds the parts of the next message, if it is here, and passes it.
    #[inline]
    fn next_message(&mut self, parts: &mut Vec<Range<usize>>) -> bool {
        parts.clear();
        let mut at = self.begin;
        while let Some((begin, end, more)) = unframe(&self.input[at..self.end]) {
            parts.push(at + begin..at + end);
            at += end;
            if !more {
                self.begin = at;
                return true;
            }
        }
        false
    }

    fn read(&mut self) -> bool {
        self.input.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        if self.input.len() - self.end < LARGE {
            self.input.resize(2 * self.input.len(), 0);
        }
        let room = &mut self.input[self.end..];
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(room),
            Stream::Unix(stream) => stream.read(room),
        };
        match read {
            Ok(0) | Err(_) => false,
            Ok(more) => {
                self.end += more;
                true
            }
        }
    }

    fn write(&mut self, head: &[u8], payload: &[u8]) -> io::Result<()> {
        let first = [IoSlice::new(head), IoSlice::new(payload)];
        let written = match &mut self.stream {
            Stream::Tcp(stream) => stream.write_vectored(&first)?,
            Stream::Unix(stream) => stream.write_vectored(&first)?,
        };
        if written < head.len() {
            self.write_all(&head[written..])?;
        }
        self.write_all(&payload[written.saturating_sub(head.len())..])
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }
}

const MORE: u8 = 1;
const LONG: u8 = 2;

/// One byte of flags, then the length in one byte or in eight.
#[inline]
fn head(out: &mut Vec<u8>, length: usize, more: u8) {
    match u8::try_from(length) {
        Ok(length) => out.extend_from_slice(&[more, length]),
        Err(_) => {
            out.push(LONG | more);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Where the payload of the first whole frame begins and ends, and whether more belong to it.
#[inline]
fn unframe(bytes: &[u8]) -> Option<(usize, usize, bool)> {
    let (&flags, rest) = bytes.split_first()?;
    let (begin, length) = match flags & LONG {
        0 => (2, usize::from(*rest.first()?)),
        _ => (9, u64::from_be_bytes(*rest.first_chunk()?) as usize),
    };
    (bytes.len() >= begin + length).then_some((begin, begin + length, flags & MORE != 0))
}

impl Hand {
    fn is_inproc(&self) -> bool {
        self.place.transport == Transport::Inproc
    }

    /// The connections a bound side has been promised.
    fn accept(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        for _ in 0..self.place.peers() {
            let stream = match &listener {
                Listener::Tcp(listener) => Stream::Tcp(listener.accept().expect("accept").0),
                Listener::Unix(listener) => Stream::Unix(listener.accept().expect("accept").0),
            };
            self.links.push(Link::new(stream));
        }
    }

    fn write_out(&mut self) -> bool {
        let out = &self.out;
        let sent = out.is_empty()
            || self
                .links
                .iter_mut()
                .all(|link| link.write_all(out).is_ok());
        self.out.clear();
        sent
    }

    #[inline]
    fn put(&mut self, bytes: &[u8], more: u8) -> bool {
        head(&mut self.out, bytes.len(), more);
        if bytes.len() >= LARGE {
            let out = &self.out;
            let mut links = self.links.iter_mut();
            let sent = links.all(|link| link.write(out, bytes).is_ok());
            self.out.clear();
            return sent;
        }
        self.out.extend_from_slice(bytes);
        self.out.len() < BATCH || self.write_out()
    }
}

impl Port for Hand {
    async fn bind(&mut self, endpoint: &str) {
        let address = address(endpoint);
        match self.place.transport {
            Transport::Tcp => {
                let listener = TcpListener::bind(address).expect("bind");
                self.listener = Some(Listener::Tcp(listener));
            }
            Transport::Ipc => {
                let listener = UnixListener::bind(address).expect("bind");
                self.listener = Some(Listener::Unix(listener));
            }
            Transport::Inproc => self.line = Some(bind_line(&self.place, address)),
        }
    }

    async fn connect(&mut self, endpoint: &str) {
        let address = address(endpoint);
        let stream = match self.place.transport {
            Transport::Tcp => Stream::Tcp(TcpStream::connect(address).expect("connect")),
            Transport::Ipc => Stream::Unix(UnixStream::connect(address).expect("connect")),
            Transport::Inproc => {
                self.line = Some(connect_line(address));
                return;
            }
        };
        self.links.push(Link::new(stream));
    }

    /// It gets everything anyway.
    async fn subscribe(&mut self, _: &[u8]) {}

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        if let Some(line) = &self.line {
            return line.out.send(bytes.to_vec()).is_ok();
        }
        if self.kind == Kind::Pub {
            self.accept();
        }
        self.put(bytes, 0)
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        (1..=parts).all(|part| self.put(load.next(), if part < parts { MORE } else { 0 }))
    }

    fn flush(&mut self) {
        self.write_out();
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        if let Some(Line {
            input: Some(input), ..
        }) = &self.line
        {
            return match input.recv() {
                Ok(message) => {
                    self.taken = message;
                    true
                }
                Err(_) => false,
            };
        }
        if self.listener.is_some() {
            self.accept();
        }
        loop {
            if self.links[self.turn].next_message(&mut self.current) {
                return true;
            }
            if !self.write_out() {
                return false;
            }
            // Half a message is read to its end; then it is the next one's turn.
            let link = &self.links[self.turn];
            if link.begin == link.end {
                self.turn = (self.turn + 1) % self.links.len();
            }
            if !self.links[self.turn].read() {
                return false;
            }
        }
    }

    async fn send_back(&mut self) -> bool {
        if let Some(line) = &self.line {
            return line.out.send(std::mem::take(&mut self.taken)).is_ok();
        }
        let Some(part) = self.current.first().cloned() else {
            return false;
        };
        let link = &self.links[self.turn];
        head(&mut self.out, part.len(), 0);
        self.out.extend_from_slice(&link.input[part]);
        self.out.len() < BATCH || self.write_out()
    }

    #[inline]
    fn parts(&self) -> usize {
        if self.is_inproc() {
            1
        } else {
            self.current.len()
        }
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        if self.is_inproc() {
            &self.taken
        } else {
            &self.links[self.turn].input[self.current[index].clone()]
        }
    }

    fn share(&self) -> Hand {
        let line = self.line.as_ref().map(|line| Line {
            out: line.out.clone(),
            input: None,
        });
        Hand {
            place: self.place.clone(),
            kind: self.kind,
            listener: None,
            links: Vec::new(),
            turn: 0,
            out: Vec::new(),
            current: Vec::new(),
            line,
            taken: Vec::new(),
        }
    }
}

fn address(endpoint: &str) -> &str {
    endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest)
}

/// Both directions of a channel, as one side has them.
struct Line {
    out: SyncSender<Vec<u8>>,
    input: Option<Receiver<Vec<u8>>>,
}

/// What binders leave for connectors: where to send, and where to listen.
fn lines() -> &'static Mutex<HashMap<String, Line>> {
    static LINES: OnceLock<Mutex<HashMap<String, Line>>> = OnceLock::new();
    LINES.get_or_init(Mutex::default)
}

/// The binder's ends of two channels; the connector's ends wait in `lines`.
fn bind_line(place: &Place, address: &str) -> Line {
    // As much as a sender's and a receiver's high-water mark together.
    let bound = 2 * place.high_water_mark;
    let (to_binder, from_connector) = sync_channel(bound);
    let (to_connector, from_binder) = sync_channel(bound);
    let theirs = Line {
        out: to_binder,
        input: Some(from_binder),
    };
    let mut lines = lines().lock().expect("a sound lock");
    lines.insert(address.to_owned(), theirs);
    Line {
        out: to_connector,
        input: Some(from_connector),
    }
}

fn connect_line(address: &str) -> Line {
    let mut lines = lines().lock().expect("a sound lock");
    lines.remove(address).expect("a binder, one connector")
}
