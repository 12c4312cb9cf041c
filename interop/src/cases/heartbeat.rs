//! Peers that send PING: answered, and never a reason to lose the connection or a message.
//!
//! Neither side connects again in these cases, so a conversation that goes on proves that it is
//! still the same connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;
use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD};
use crate::conversation::{Flow, Pairing, PAIRINGS};
use crate::side::{Ours, Side, Theirs};

/// A PING each 100 ms; no answer for 500 ms ends the connection, on either side.
pub const HEARTBEAT: [(&str, u32); 3] = [
    ("HEARTBEAT_IVL", 100),
    ("HEARTBEAT_TIMEOUT", 500),
    ("HEARTBEAT_TTL", 500),
];

/// Many intervals, and three times what ends a connection that is not answered.
const IDLE: Duration = Duration::from_millis(1500);

/// A PING each millisecond, also between the parts of a message.
const HASTY: [(&str, u32); 3] = [
    ("HEARTBEAT_IVL", 1),
    ("HEARTBEAT_TIMEOUT", 5000),
    ("HEARTBEAT_TTL", 5000),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD] {
        for transport in Transport::ALL {
            cases.push(case(
                format!("heartbeat/{version}/{transport}/PULL-PUSH/our queue is full"),
                move |bench| full_queue(bench, version, transport),
            ));
        }
        for pairing in PAIRINGS {
            for (we_bind, binds) in [(true, "we bind"), (false, "they bind")] {
                cases.push(case(
                    format!("heartbeat/{version}/tcp/{pairing}/idle, {binds}"),
                    move |bench| idle(bench, version, pairing, we_bind),
                ));
            }
            for transport in Transport::ALL {
                cases.push(case(
                    format!("heartbeat/{version}/{transport}/{pairing}/each millisecond"),
                    move |bench| busy(bench, version, transport, pairing),
                ));
            }
        }
    }
    cases
}

fn connected(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
    we_bind: bool,
    heartbeat: &[(&str, u32)],
) -> Outcome<(Ours, Theirs)> {
    let options = Options::new().reconnect_interval(None);
    let ours = Ours::open_with(&bench.context(), pairing.ours, options)?;
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    theirs.set("RECONNECT_IVL", -1)?;
    for (option, milliseconds) in heartbeat {
        theirs.set(option, *milliseconds)?;
    }
    let wildcard = bench.wildcard(transport);
    if we_bind {
        theirs.connect(&ours.bind(&wildcard)?)?;
    } else {
        ours.connect(&theirs.bind(&wildcard)?)?;
    }
    pairing.flow.prepare(&ours, &theirs)?;
    theirs.wait_connected()?;
    Ok((ours, theirs))
}

fn idle(bench: &Bench, version: &str, pairing: Pairing, we_bind: bool) -> Outcome {
    let (ours, theirs) = connected(bench, version, Transport::Tcp, pairing, we_bind, &HEARTBEAT)?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    thread::sleep(IDLE);
    never_disconnected(&theirs)?;
    pairing.flow.a_few_words(&ours, &theirs)
}

fn busy(bench: &Bench, version: &str, transport: Transport, pairing: Pairing) -> Outcome {
    let (ours, theirs) = connected(bench, version, transport, pairing, true, &HASTY)?;
    pairing.flow.everything(&ours, &theirs)?;
    never_disconnected(&theirs)
}

/// We do not read because no call takes what we have: that is no silence of theirs.
fn full_queue(bench: &Bench, version: &str, transport: Transport) -> Outcome {
    let options = Options::new().high_water_marks(10);
    let pull = Ours::open_with(&bench.context(), SocketType::Pull, options)?;
    let push = Theirs::open(&bench.peer(version)?, "PUSH")?;
    // Their own patience is long: our answers are behind what we do not read.
    push.set("HEARTBEAT_IVL", 100)?;
    push.set("HEARTBEAT_TIMEOUT", 60_000)?;
    push.set("HEARTBEAT_TTL", 500)?;
    push.set("RECONNECT_IVL", -1)?;
    push.set("SNDHWM", 10)?;
    push.connect(&pull.bind(&bench.wildcard(transport))?)?;
    let flood = json!({"first": 0, "count": 30_000, "size": 1000, "timeout": 300});
    let taken = push.ask("send_many", flood)?;
    let taken = taken.as_u64().ok_or("no number")? as u32;
    thread::sleep(IDLE);
    never_disconnected(&push)?;
    pull.recv_many(0, taken, 1000, |_| {})?;
    Flow::TheySend.a_few_words(&pull, &push)?;
    never_disconnected(&push)
}

fn never_disconnected(theirs: &Theirs) -> Outcome {
    let events = theirs.events()?;
    match events.iter().any(|event| event == "disconnected") {
        true => Err(format!("the connection was lost: {events:?}").into()),
        false => Ok(()),
    }
}

/// A connection that says what a handshake needs, by hand, and then nothing more.
pub struct SilentPeer {
    stream: TcpStream,
}

impl SilentPeer {
    pub fn connect(endpoint: &str, kind: &str) -> Outcome<SilentPeer> {
        let address = endpoint.strip_prefix("tcp://").ok_or("no tcp endpoint")?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // RFC 37, "Greeting": signature, version 3.1, mechanism NULL.
        let mut greeting = [0; 64];
        greeting[0] = 0xff;
        greeting[9..12].copy_from_slice(&[0x7f, 3, 1]);
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting)?;
        stream.read_exact(&mut greeting)?;
        // RFC 37, "The READY Command".
        let mut body = b"\x05READY\x0bSocket-Type".to_vec();
        body.extend((kind.len() as u32).to_be_bytes());
        body.extend(kind.as_bytes());
        stream.write_all(&[0x04, body.len() as u8])?;
        stream.write_all(&body)?;
        Ok(SilentPeer { stream })
    }

    /// What the other side says until it closes the connection, which it must.
    pub fn last_words(mut self) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream
            .read_to_end(&mut bytes)
            .map_err(|error| format!("the connection was not closed: {error}"))?;
        Ok(bytes)
    }

    /// Whether the other side keeps the connection for this long.
    pub fn stays_open(mut self, during: Duration) -> Outcome<bool> {
        self.stream.set_read_timeout(Some(during))?;
        let mut bytes = [0; 256];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
