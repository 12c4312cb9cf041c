//! The measure of the machine: plain std sockets, frames written by hand, batched as far as a
//! batch goes. No queue, no pattern, no second thread, no high-water mark: what the kernel moves
//! when nothing stands between. In one process, a bounded std channel of vectors.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Mutex, OnceLock};

use super::cell::Terms;
use super::meter::{Echo, Gauge, Load, Trips};
use super::{Contender, Place, Transport};

/// The contender.
pub(crate) struct Raw;

/// A write per so many octets, and a read for as many.
const BATCH: usize = 256 << 10;

impl Contender for Raw {
    fn name(&self) -> &'static str {
        "raw"
    }

    fn version(&self) -> String {
        "std".to_owned()
    }

    fn can(&self, _: &Terms) -> bool {
        true
    }

    fn push(&self, place: &Place, load: Load) {
        match place.transport {
            Transport::Tcp => push(tcp_connect(place), load),
            Transport::Ipc => push(ipc_connect(place), load),
            Transport::Inproc => push_inproc(load),
        }
    }

    fn pull(&self, place: &Place, gauge: Gauge) {
        match place.transport {
            Transport::Tcp => pull(tcp_accept(place), gauge, place.size),
            Transport::Ipc => pull(ipc_accept(place), gauge, place.size),
            Transport::Inproc => pull_inproc(place, gauge),
        }
    }

    fn req(&self, place: &Place, trips: Trips) {
        match place.transport {
            Transport::Tcp => req(tcp_connect(place), trips),
            Transport::Ipc => req(ipc_connect(place), trips),
            Transport::Inproc => req_inproc(trips),
        }
    }

    fn rep(&self, place: &Place, _: Echo) {
        match place.transport {
            Transport::Tcp => rep(tcp_accept(place)),
            Transport::Ipc => rep(ipc_accept(place)),
            Transport::Inproc => rep_inproc(place),
        }
    }
}

fn push(mut stream: impl Write, mut load: Load) {
    let mut batch = Vec::with_capacity(2 * BATCH);
    loop {
        while batch.len() < BATCH {
            frame(&mut batch, load.next());
        }
        if stream.write_all(&batch).is_err() {
            return;
        }
        batch.clear();
    }
}

fn pull(mut stream: impl Read, mut gauge: Gauge, size: usize) {
    let mut buffer = vec![0; BATCH.max(size + 9 + (64 << 10))];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return,
            Ok(more) => filled += more,
        }
        let mut at = 0;
        while let Some((begin, end)) = unframe(&buffer[at..filled]) {
            if !gauge.take(&buffer[at + begin..at + end]) {
                return;
            }
            at += end;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
}

fn req(mut stream: impl Read + Write, mut trips: Trips) {
    let mut out = Vec::new();
    let mut reply = Vec::new();
    loop {
        out.clear();
        frame(&mut out, trips.request());
        if stream.write_all(&out).is_err() {
            return;
        }
        let Some((begin, end)) = read_frame(&mut stream, &mut reply) else {
            return;
        };
        if !trips.reply(&reply[begin..end]) {
            return;
        }
    }
}

fn rep(mut stream: impl Read + Write) {
    let mut request = Vec::new();
    while let Some((_, end)) = read_frame(&mut stream, &mut request) {
        if stream.write_all(&request[..end]).is_err() {
            return;
        }
    }
}

/// One octet of flags, then the length in one octet or in eight, then the payload.
#[inline]
fn frame(out: &mut Vec<u8>, payload: &[u8]) {
    match u8::try_from(payload.len()) {
        Ok(length) => out.extend_from_slice(&[0, length]),
        Err(_) => {
            out.push(2);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Where the payload of the first whole frame begins and ends.
#[inline]
fn unframe(octets: &[u8]) -> Option<(usize, usize)> {
    let (begin, length) = match octets {
        [0, length, ..] => (2, usize::from(*length)),
        [2, rest @ ..] => (9, u64::from_be_bytes(*rest.first_chunk()?) as usize),
        [] | [_, ..] => return None,
    };
    (octets.len() >= begin + length).then_some((begin, begin + length))
}

/// Reads exactly one frame: nobody sends a second one before its turn.
fn read_frame(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<(usize, usize)> {
    let mut filled = 0;
    loop {
        if buffer.len() < filled + (16 << 10) {
            buffer.resize((2 * buffer.len()).max(64 << 10), 0);
        }
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return None,
            Ok(more) => filled += more,
        }
        if let Some(found) = unframe(&buffer[..filled]) {
            return Some(found);
        }
    }
}

fn address(place: &Place) -> &str {
    place
        .endpoint
        .split_once("://")
        .map_or(place.endpoint.as_str(), |(_, rest)| rest)
}

fn tcp_connect(place: &Place) -> TcpStream {
    let stream = TcpStream::connect(address(place)).expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    stream
}

fn tcp_accept(place: &Place) -> TcpStream {
    let listener = TcpListener::bind(address(place)).expect("bind");
    place.bound();
    let (stream, _) = listener.accept().expect("accept");
    stream.set_nodelay(true).expect("nodelay");
    stream
}

fn ipc_connect(place: &Place) -> UnixStream {
    UnixStream::connect(address(place)).expect("connect")
}

fn ipc_accept(place: &Place) -> UnixStream {
    let listener = UnixListener::bind(address(place)).expect("bind");
    place.bound();
    listener.accept().expect("accept").0
}

type Line = (SyncSender<Vec<u8>>, Receiver<Vec<u8>>);

/// What the binder leaves for the connector: where to send, and where to listen.
static INPROC: OnceLock<Mutex<Option<Line>>> = OnceLock::new();

/// The binder's ends of two channels; the connector's ends wait in `INPROC`.
fn inproc_bind(place: &Place) -> Line {
    // As much as a sender's and a receiver's high-water mark together.
    let bound = 2 * place.high_water_mark;
    let (to_binder, from_connector) = sync_channel(bound);
    let (to_connector, from_binder) = sync_channel(bound);
    INPROC.get_or_init(|| Mutex::new(Some((to_binder, from_binder))));
    place.bound();
    (to_connector, from_connector)
}

fn inproc_connect() -> Line {
    let waiting = INPROC.get().expect("a binder");
    let mut waiting = waiting.lock().expect("a sound lock");
    waiting.take().expect("one connector")
}

fn push_inproc(mut load: Load) {
    let (out, _in) = inproc_connect();
    while out.send(load.next().to_vec()).is_ok() {}
}

fn pull_inproc(place: &Place, mut gauge: Gauge) {
    let (_out, input) = inproc_bind(place);
    while let Ok(message) = input.recv() {
        if !gauge.take(&message) {
            return;
        }
    }
}

fn req_inproc(mut trips: Trips) {
    let (out, input) = inproc_connect();
    while out.send(trips.request().to_vec()).is_ok() {
        match input.recv() {
            Ok(reply) if trips.reply(&reply) => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn rep_inproc(place: &Place) {
    let (out, input) = inproc_bind(place);
    while let Ok(request) = input.recv() {
        if out.send(request).is_err() {
            return;
        }
    }
}
