//! One end of a conversation: a socket of the library or one of libzmq, used the same way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use zmq_channels::error::{BindError, RecvTimeoutError, SendTimeoutError};
use zmq_channels::{Any, Context, Message, Options, Receiver, Sender, Socket, SocketType};

use crate::bench::{Outcome, PATIENCE};
use crate::frames::{message, pattern, show, Frames};
use crate::peer::{read_frames, write_frames, Peer};

/// A socket, of whatever library.
pub trait Side {
    /// The resolved endpoint.
    fn bind(&self, endpoint: &str) -> Outcome<String>;
    fn connect(&self, endpoint: &str) -> Outcome;
    fn unbind(&self, endpoint: &str) -> Outcome;
    fn disconnect(&self, endpoint: &str) -> Outcome;
    fn subscribe(&self, topic: &[u8]) -> Outcome;
    fn unsubscribe(&self, topic: &[u8]) -> Outcome;
    /// Whether the message was accepted in time.
    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool>;
    /// A message, if one came in time.
    fn poll(&self, within: Duration) -> Outcome<Option<Frames>>;

    fn send(&self, frames: &Frames) -> Outcome {
        match self.offer(frames, PATIENCE)? {
            true => Ok(()),
            false => Err(format!("could not send {} in {PATIENCE:?}", show(frames)).into()),
        }
    }

    fn recv(&self) -> Outcome<Frames> {
        self.poll(PATIENCE)?
            .ok_or_else(|| format!("nothing came in {PATIENCE:?}").into())
    }

    /// Receives one message, which must be this one, byte for byte.
    fn expect(&self, expected: &Frames) -> Outcome {
        match self.poll(PATIENCE)? {
            Some(seen) if seen == *expected => Ok(()),
            Some(seen) => Err(format!("expected {}, seen {}", show(expected), show(&seen)).into()),
            None => {
                Err(format!("expected {}, nothing came in {PATIENCE:?}", show(expected)).into())
            }
        }
    }

    /// Nothing may come for this long.
    fn expect_nothing(&self, during: Duration) -> Outcome {
        match self.poll(during)? {
            None => Ok(()),
            Some(seen) => Err(format!("expected nothing, seen {}", show(&seen)).into()),
        }
    }
}

/// A socket of the library, used as [`Theirs`] are.
pub struct Ours {
    pub socket: Socket<Any>,
    sender: Option<Sender>,
    receiver: Option<Receiver>,
    envelope: Envelope,
}

impl Ours {
    pub fn open(context: &Context, kind: SocketType) -> Outcome<Ours> {
        Ours::open_with(context, kind, Options::new())
    }

    pub fn open_with(context: &Context, kind: SocketType, options: Options) -> Outcome<Ours> {
        let socket = context.socket_of(kind, options)?;
        let (sender, receiver) = (socket.sender(), socket.receiver());
        Ok(Ours {
            socket,
            sender,
            receiver,
            envelope: Envelope::of(kind.name()),
        })
    }

    /// A socket without envelopes put on or taken off: messages are what its user sees.
    pub fn plain(context: &Context, kind: SocketType, options: Options) -> Outcome<Ours> {
        let envelope = Envelope::of("");
        Ok(Ours {
            envelope,
            ..Ours::open_with(context, kind, options)?
        })
    }

    /// Waits until exactly that many peers are connected.
    pub fn wait_peers(&self, count: usize) -> Outcome {
        let start = Instant::now();
        while self.socket.statistics()?.peers.len() != count {
            if start.elapsed() > PATIENCE {
                return Err(format!("never exactly {count} peers").into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    pub fn sender(&self) -> Outcome<&Sender> {
        self.sender
            .as_ref()
            .ok_or_else(|| "our socket does not send".into())
    }

    pub fn receiver(&self) -> Outcome<&Receiver> {
        self.receiver
            .as_ref()
            .ok_or_else(|| "our socket does not receive".into())
    }

    /// Sends the numbered messages `first..first + count`; stops at the first that is not
    /// accepted within `patience` and says how many were.
    pub fn send_many(
        &self,
        first: u32,
        count: u32,
        size: usize,
        patience: Duration,
    ) -> Outcome<u32> {
        let sender = self.sender()?;
        for index in 0..count {
            match sender.send_timeout_blocking(pattern(first + index, size), patience) {
                Ok(()) => {}
                Err(SendTimeoutError::Timeout(_)) => return Ok(index),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    /// Receives the numbered messages `first..first + count` and checks every byte; `pause`
    /// is called after each.
    pub fn recv_many(&self, first: u32, count: u32, size: usize, pause: impl Fn(u32)) -> Outcome {
        let receiver = self.receiver()?;
        for index in 0..count {
            let seen = receiver
                .recv_timeout_blocking(PATIENCE)
                .map_err(|error| format!("message {index} of {count}: {error}"))?;
            if seen.len() != 1 || seen[0] != pattern(first + index, size) {
                return Err(format!("message {index} of {count} is wrong: {seen:?}").into());
            }
            pause(index);
        }
        Ok(())
    }
}

impl Side for Ours {
    fn bind(&self, endpoint: &str) -> Outcome<String> {
        // A peer process that is just being started holds our descriptors, listeners included,
        // until it has become another program: an address may be free a moment later.
        let start = Instant::now();
        loop {
            match self.socket.bind(endpoint) {
                Err(BindError::InUse(_)) if start.elapsed() < Duration::from_secs(1) => {
                    std::thread::yield_now();
                }
                bound => return Ok(bound?.to_string()),
            }
        }
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        if self.envelope.kind == "PEER" {
            let id = self.socket.connect_peer(endpoint)?;
            *self.envelope.requester.borrow_mut() = id.as_bytes().to_vec();
            return Ok(());
        }
        self.socket.connect(endpoint)?;
        Ok(())
    }

    fn unbind(&self, endpoint: &str) -> Outcome {
        Ok(self.socket.unbind(endpoint)?)
    }

    fn disconnect(&self, endpoint: &str) -> Outcome {
        Ok(self.socket.disconnect(endpoint)?)
    }

    fn subscribe(&self, topic: &[u8]) -> Outcome {
        Ok(self.socket.subscribe(topic)?)
    }

    fn unsubscribe(&self, topic: &[u8]) -> Outcome {
        Ok(self.socket.unsubscribe(topic)?)
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let frames = self.envelope.wrap(frames);
        let message: Message = frames.iter().map(Vec::as_slice).collect();
        match self.sender()?.send_timeout_blocking(message, within) {
            Ok(()) => Ok(true),
            Err(SendTimeoutError::Timeout(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = match self.receiver()?.recv_timeout_blocking(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let frames = message.iter().map(|frame| frame.to_vec()).collect();
            if !self.envelope.is_notice(&frames) {
                return self.envelope.unwrap(frames).map(Some);
            }
        }
    }
}

/// A socket of libzmq.
pub struct Theirs {
    pub peer: Rc<Peer>,
    name: String,
    kind: String,
    envelope: Envelope,
}

impl Theirs {
    pub fn open(peer: &Rc<Peer>, kind: &str) -> Outcome<Theirs> {
        Theirs::open_named(peer, kind, kind)
    }

    /// For several sockets of one type in one peer.
    pub fn open_named(peer: &Rc<Peer>, kind: &str, name: &str) -> Outcome<Theirs> {
        peer.ask(json!({"do": "open", "socket": name, "type": kind}))?;
        Ok(Theirs {
            peer: Rc::clone(peer),
            name: name.to_string(),
            kind: kind.to_string(),
            envelope: Envelope::of(kind),
        })
    }

    /// A socket without envelopes put on or taken off: messages are what its user sees.
    pub fn plain(peer: &Rc<Peer>, kind: &str, name: &str) -> Outcome<Theirs> {
        let envelope = Envelope::of("");
        Ok(Theirs {
            envelope,
            ..Theirs::open_named(peer, kind, name)?
        })
    }

    /// Gives a command of `peer.py` about this socket.
    pub fn ask(&self, command: &str, rest: Value) -> Outcome<Value> {
        self.peer.ask(self.command(command, rest))
    }

    /// The same without waiting; [`Peer::answer`] fetches the answer.
    pub fn post(&self, command: &str, rest: Value) -> Outcome {
        self.peer.post(self.command(command, rest))
    }

    fn command(&self, command: &str, mut rest: Value) -> Value {
        rest["do"] = command.into();
        rest["socket"] = self.name.as_str().into();
        rest
    }

    pub fn set(&self, option: &str, value: impl Into<Value>) -> Outcome {
        self.ask("set", json!({"option": option, "value": value.into()}))?;
        Ok(())
    }

    /// Sets an option whose value is bytes.
    pub fn set_bytes(&self, option: &str, value: &[u8]) -> Outcome {
        let frame = crate::frames::write_frame(value);
        self.ask("set_bytes", json!({"option": option, "frame": frame}))?;
        Ok(())
    }

    /// Waits for one of these events of the socket's monitor, skipping others.
    pub fn wait_event(&self, names: &[&str]) -> Outcome<String> {
        let timeout = PATIENCE.as_millis() as u64;
        let seen = self.ask("event", json!({"names": names, "timeout": timeout}))?;
        match seen.as_str() {
            Some(name) => Ok(name.to_string()),
            None => Err(format!("{}: no event {names:?} in {PATIENCE:?}", self.name).into()),
        }
    }

    /// Waits until a connection is ready for messages. libzmq tells since 4.3.
    pub fn wait_connected(&self) -> Outcome {
        self.wait_event(&["handshake_succeeded"]).map(drop)
    }

    /// Waits until libzmq has given up a connection.
    pub fn wait_refused(&self) -> Outcome {
        self.wait_event(&[
            "disconnected",
            "handshake_failed",
            "handshake_failed_protocol",
            "handshake_failed_auth",
        ])
        .map(drop)
    }

    /// All events since the last look.
    pub fn events(&self) -> Outcome<Vec<String>> {
        let events = self.ask("events", json!({}))?;
        Ok(events
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| name.as_str().map(str::to_string))
            .collect())
    }

    pub fn close(self) -> Outcome {
        self.ask("close", json!({})).map(drop)
    }

    /// The routing id of the peer the last message came from (ROUTER).
    pub fn requester(&self) -> Vec<u8> {
        self.envelope.requester.borrow().clone()
    }

    /// Receives a message as libzmq gives it, envelope included.
    pub fn poll_raw(&self, within: Duration) -> Outcome<Option<Frames>> {
        let timeout = within.as_millis() as u64;
        read_frames(&self.ask("recv", json!({"timeout": timeout}))?)
    }

    /// Sends a message as it is, without any envelope.
    pub fn send_raw(&self, frames: &Frames) -> Outcome {
        let timeout = PATIENCE.as_millis() as u64;
        let sent = self.ask(
            "send",
            json!({"frames": write_frames(frames), "timeout": timeout}),
        )?;
        match sent == true {
            true => Ok(()),
            false => Err(format!("libzmq did not take {}", show(frames)).into()),
        }
    }
}

impl Side for Theirs {
    fn bind(&self, endpoint: &str) -> Outcome<String> {
        let resolved = self.ask("bind", json!({"endpoint": endpoint}))?;
        Ok(resolved.as_str().ok_or("no endpoint")?.to_string())
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        if self.envelope.kind == "PEER" {
            let id = self.ask("connect_peer", json!({"endpoint": endpoint}))?;
            let id = crate::frames::read_frame(id.as_str().ok_or("no routing id")?)?;
            *self.envelope.requester.borrow_mut() = id;
            return Ok(());
        }
        self.ask("connect", json!({"endpoint": endpoint})).map(drop)
    }

    fn unbind(&self, endpoint: &str) -> Outcome {
        self.ask("unbind", json!({"endpoint": endpoint})).map(drop)
    }

    fn disconnect(&self, endpoint: &str) -> Outcome {
        self.ask("disconnect", json!({"endpoint": endpoint}))
            .map(drop)
    }

    fn subscribe(&self, topic: &[u8]) -> Outcome {
        match self.kind.as_str() {
            "XSUB" => self.send(&vec![[b"\x01", topic].concat()]),
            _ => {
                let topic = crate::frames::write_frame(topic);
                self.ask("subscribe", json!({"topic": topic})).map(drop)
            }
        }
    }

    fn unsubscribe(&self, topic: &[u8]) -> Outcome {
        match self.kind.as_str() {
            "XSUB" => self.send(&vec![[b"\x00", topic].concat()]),
            _ => {
                let topic = crate::frames::write_frame(topic);
                self.ask("unsubscribe", json!({"topic": topic})).map(drop)
            }
        }
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let timeout = within.as_millis() as u64;
        let frames = write_frames(&self.envelope.wrap(frames));
        Ok(self.ask("send", json!({"frames": frames, "timeout": timeout}))? == true)
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.poll_raw(left)? {
                None => return Ok(None),
                Some(frames) if self.envelope.is_notice(&frames) => {}
                Some(frames) => return self.envelope.unwrap(frames).map(Some),
            }
        }
    }
}

/// What a socket type has in front of what is said.
///
/// A DEALER or ROUTER is used as if it were a REQ or REP, so that the same conversation runs with
/// both: the envelope of RFC 28 is put on and checked here. A SERVER and a PEER answer the peer that
/// asked last; a PEER that connects speaks first, to whom it connected.
struct Envelope {
    kind: String,
    /// Whom the next message goes to.
    requester: RefCell<Vec<u8>>,
}

impl Envelope {
    fn of(kind: &str) -> Self {
        Envelope {
            kind: kind.to_string(),
            requester: RefCell::default(),
        }
    }

    fn wrap(&self, frames: &Frames) -> Frames {
        let requester = self.requester.borrow();
        let envelope = match self.kind.as_str() {
            "DEALER" => message([b""]),
            "ROUTER" => message([requester.as_slice(), b""]),
            "SERVER" | "PEER" => message([requester.as_slice()]),
            _ => return frames.clone(),
        };
        [envelope.as_slice(), frames.as_slice()].concat()
    }

    fn unwrap(&self, frames: Frames) -> Outcome<Frames> {
        let (envelope, delimited, addressed) = match self.kind.as_str() {
            "DEALER" => (1, true, false),
            "ROUTER" => (2, true, true),
            "SERVER" | "PEER" => (1, false, true),
            _ => return Ok(frames),
        };
        if frames.len() <= envelope || (delimited && !frames[envelope - 1].is_empty()) {
            return Err(format!("no envelope where it belongs: {}", show(&frames)).into());
        }
        if addressed {
            *self.requester.borrow_mut() = frames[0].clone();
        }
        Ok(frames[envelope..].to_vec())
    }

    /// What an XPUB reports of its subscribers is not part of a conversation.
    fn is_notice(&self, frames: &Frames) -> bool {
        self.kind == "XPUB" && frames.len() == 1 && matches!(frames[0].first(), Some(0 | 1))
    }
}
