//! How far a publisher may run ahead of its subscribers.
//!
//! A publisher that floods measures how it drops: the one that drops fastest leaves most time to
//! the others. Here it stays within half a high-water mark of the slowest subscriber (libzmq hears
//! of room by the half), so that no library has to drop anything, and what counts is how fast
//! messages get through. The
//! subscribers' side says how far they are, over a connection beside the one that is measured.

use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;

use super::Place;

/// How far ahead where there is no high-water mark.
const UNLIMITED: u64 = 500;

/// After so long without a word the last messages must have been lost, and others are sent.
const SILENCE: Duration = Duration::from_millis(5);

/// The subscribers say something four times per window.
const TELLS: u64 = 4;

fn address(place: &Place) -> SocketAddr {
    let (process, endpoint) = match place.transport {
        super::Transport::Inproc => (std::process::id(), &place.endpoints[0]),
        super::Transport::Tcp | super::Transport::Ipc => (0, &place.endpoints[0]),
    };
    let name = format!("zmq-bench credit {process} {endpoint}");
    SocketAddr::from_abstract_name(name).expect("a short name")
}

fn window(place: &Place) -> u64 {
    match place.high_water_mark {
        0 => UNLIMITED,
        mark => (mark as u64 / 2).max(1),
    }
}

/// The publisher's end.
pub(crate) struct Creditor {
    listener: UnixListener,
    stream: Option<UnixStream>,
    window: u64,
    /// How many messages the slowest subscriber has.
    taken: u64,
}

impl Creditor {
    pub(crate) fn listen(place: &Place) -> Creditor {
        let listener = UnixListener::bind_addr(&address(place)).expect("bind");
        listener.set_nonblocking(true).expect("an option");
        Creditor {
            listener,
            stream: None,
            window: window(place),
            taken: 0,
        }
    }

    /// Whether all subscribers are there, before this message.
    pub(crate) fn has_begun(&mut self, message: u64) -> bool {
        self.taken = message;
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(false).expect("an option");
            stream.set_read_timeout(Some(SILENCE)).expect("an option");
            self.stream = Some(stream);
        }
        self.stream.is_some()
    }

    /// Whether this message, by its number, has to wait.
    #[inline]
    pub(crate) fn is_far(&self, message: u64) -> bool {
        message >= self.taken + self.window
    }

    /// Waits for news, or for one more message to go; false when there will be none.
    pub(crate) fn wait(&mut self) -> bool {
        let mut news = [0; 8];
        let Some(stream) = &mut self.stream else {
            return false;
        };
        match stream.read_exact(&mut news) {
            Ok(()) => {
                // Skipped messages count as taken.
                self.taken = self.taken.max(u64::from_le_bytes(news));
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.taken += 1;
                true
            }
            Err(_) => false,
        }
    }
}

/// The subscribers' end.
pub(crate) struct Debtor {
    stream: UnixStream,
    step: u64,
}

impl Debtor {
    /// All subscribers are there, and have at least that many messages.
    pub(crate) fn connect(place: &Place, taken: u64) -> Debtor {
        let stream = UnixStream::connect_addr(&address(place)).expect("connect");
        let mut debtor = Debtor {
            stream,
            step: (window(place) / TELLS).max(1),
        };
        debtor.tell(taken);
        debtor
    }

    /// How many messages may pass without a word.
    pub(crate) fn step(&self) -> u64 {
        self.step
    }

    pub(crate) fn tell(&mut self, taken: u64) {
        // A publisher that is gone is noticed by the end that watches the window.
        let _ = self.stream.write_all(&taken.to_le_bytes());
    }
}
