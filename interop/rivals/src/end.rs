//! One end of a conversation: a socket of any of the libraries, and the envelope its type needs.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use zmq_channels::SocketType;

use crate::bench::{Outcome, Setting, PATIENCE};
use crate::frames::{show, Frames};
use crate::libraries::{Library, Role};

/// The group that everything is sent in if a case is not about groups.
const GROUP: &str = "all";

/// A socket of any library, used the same way.
pub trait Side {
    fn bind(&self, endpoint: &str) -> Outcome;
    fn connect(&self, endpoint: &str) -> Outcome;
    /// For RADIO and DISH: a group.
    fn subscribe(&self, topic: &str) -> Outcome;
    fn unsubscribe(&self, topic: &str) -> Outcome;
    /// Whether the message was accepted in time.
    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool>;
    /// A message, if one came in time.
    fn poll(&self, within: Duration) -> Outcome<Option<Frames>>;

    /// Waits until its only peer has gone, where that can be told.
    fn wait_alone(&self) -> Outcome {
        Ok(())
    }

    /// Waits until connecting has failed once, where that can be told.
    fn wait_retried(&self) -> Outcome {
        Ok(())
    }

    /// Waits until a handshake has failed. Only the library can tell.
    fn wait_refused(&self) -> Outcome {
        Ok(())
    }
}

/// A [`Side`] with the envelope of its type, so that the same conversation runs with all types.
///
/// A DEALER or ROUTER is used as if it were a REQ or REP: towards those the envelope of RFC 28 is
/// put on and checked here; between DEALERs and ROUTERs there is no delimiter.
pub struct End {
    pub side: Box<dyn Side>,
    kind: SocketType,
    delimited: bool,
    /// The peer that the next message goes to.
    requester: RefCell<Vec<u8>>,
    /// What a RADIO sends in.
    group: Cell<&'static str>,
}

impl End {
    pub fn open(
        library: Library,
        setting: &Setting,
        kind: SocketType,
        partner: SocketType,
        role: &Role,
    ) -> Outcome<End> {
        Ok(End {
            side: library.open(setting, kind, role)?,
            kind,
            delimited: matches!(partner, SocketType::Req | SocketType::Rep),
            requester: RefCell::default(),
            group: Cell::new(GROUP),
        })
    }

    pub fn bind(&self, endpoint: &str) -> Outcome {
        // An endpoint that was in use a moment ago may not be free at once.
        let start = Instant::now();
        loop {
            match self.side.bind(endpoint) {
                Err(_) if start.elapsed() < PATIENCE / 4 => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                bound => return bound,
            }
        }
    }

    pub fn connect(&self, endpoint: &str) -> Outcome {
        self.side.connect(endpoint)
    }

    /// Subscribes to everything, if this is a subscriber.
    pub fn prepare(&self) -> Outcome {
        match self.kind {
            SocketType::Sub | SocketType::XSub => self.side.subscribe(""),
            SocketType::Dish => self.side.subscribe(GROUP),
            _ => Ok(()),
        }
    }

    /// What [`prepare`](End::prepare) subscribes to.
    pub fn everything(&self) -> &'static str {
        match self.kind {
            SocketType::Radio | SocketType::Dish => GROUP,
            _ => "",
        }
    }

    /// What a RADIO sends from now on is in this group.
    pub fn send_in(&self, group: &'static str) {
        self.group.set(group);
    }

    /// Whether the message was accepted in time.
    pub fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        self.side.offer(&self.wrap(frames), within)
    }

    pub fn send(&self, frames: &Frames) -> Outcome {
        match self.offer(frames, PATIENCE)? {
            true => Ok(()),
            false => Err(format!("could not send {} in {PATIENCE:?}", show(frames)).into()),
        }
    }

    /// A message, if one came in time. What an XPUB is told of its subscribers is skipped.
    pub fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let until = Instant::now() + within;
        loop {
            match self
                .side
                .poll(until.saturating_duration_since(Instant::now()))?
            {
                Some(frames) if self.is_notice(&frames) => {}
                Some(frames) => return self.unwrap(frames).map(Some),
                None => return Ok(None),
            }
        }
    }

    /// Receives one message, which must be this one, byte for byte.
    pub fn expect(&self, expected: &Frames) -> Outcome {
        match self.poll(PATIENCE)? {
            Some(seen) if seen == *expected => Ok(()),
            Some(seen) => Err(format!("expected {}, seen {}", show(expected), show(&seen)).into()),
            None => {
                Err(format!("expected {}, nothing came in {PATIENCE:?}", show(expected)).into())
            }
        }
    }

    /// Lets a publisher take in what its subscribers have told it: some do so only in a call.
    pub fn hear_subscribers(&self) -> Outcome {
        if self.kind == SocketType::XPub {
            while self.side.poll(Duration::from_millis(2))?.is_some() {}
        }
        Ok(())
    }

    fn wrap(&self, frames: &Frames) -> Frames {
        let mut envelope: Frames = match self.kind {
            SocketType::Router | SocketType::Server => vec![self.requester.borrow().clone()],
            SocketType::Radio => vec![self.group.get().into()],
            _ => Vec::new(),
        };
        if self.has_delimiter() {
            envelope.push(Vec::new());
        }
        envelope.extend(frames.iter().cloned());
        envelope
    }

    fn unwrap(&self, mut frames: Frames) -> Outcome<Frames> {
        let addressed = matches!(self.kind, SocketType::Router | SocketType::Server);
        let grouped = self.kind == SocketType::Dish;
        let envelope = usize::from(addressed || grouped) + usize::from(self.has_delimiter());
        let delimiter_missing = self.has_delimiter()
            && frames
                .get(envelope - 1)
                .is_none_or(|frame| !frame.is_empty());
        if frames.len() <= envelope || delimiter_missing {
            return Err(format!("no envelope where it belongs: {}", show(&frames)).into());
        }
        let body = frames.split_off(envelope);
        if addressed {
            *self.requester.borrow_mut() = frames.swap_remove(0);
        }
        Ok(body)
    }

    fn has_delimiter(&self) -> bool {
        self.delimited && matches!(self.kind, SocketType::Dealer | SocketType::Router)
    }

    fn is_notice(&self, frames: &Frames) -> bool {
        self.kind == SocketType::XPub
            && frames.len() == 1
            && matches!(frames[0].first(), Some(0 | 1))
    }
}
