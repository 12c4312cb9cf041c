//! What the peers of a cell hold: the sender's load, the receiver's gauge, the requester's clock.
//!
//! Every message (of several parts: every part) carries its number in the first 8 bytes and a
//! function of it in the last one; the receiving side checks length, number and last byte of
//! every single message, so a figure counts what arrived, whole and in order. The window is opened
//! and closed by a sleeping thread through one flag, so that no clock is read per message.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Place, Port, Row};

/// Smaller messages have no room for their number.
pub(crate) const SMALLEST: usize = 8;

/// A number's upper 16 bits say which stream of messages it belongs to.
const STREAM: u32 = 48;

/// A sender's endless supply of numbered messages.
pub(crate) struct Load {
    bytes: Vec<u8>,
    next: u64,
    topics: u64,
}

impl Load {
    pub(crate) fn new(size: usize) -> Self {
        Load::of_stream(size, 0)
    }

    /// The messages of one of many senders.
    pub(crate) fn of_stream(size: usize, stream: usize) -> Self {
        assert!(size >= SMALLEST, "a message must hold its number");
        let bytes = (0..size).map(|at| (at % 251) as u8).collect();
        Load {
            bytes,
            next: (stream as u64) << STREAM,
            topics: 1,
        }
    }

    /// Messages that begin with each of `topics` topics in turn.
    pub(crate) fn of_topics(size: usize, topics: usize) -> Self {
        Load {
            topics: topics as u64,
            ..Load::new(size)
        }
    }

    /// The bytes of the next message. The sender copies them once, into its own message.
    #[inline]
    pub(crate) fn next(&mut self) -> &[u8] {
        let number = self.next;
        self.next += 1;
        if self.topics > 1 {
            stamp(&mut self.bytes, number_of(number, self.topics));
        } else {
            stamp(&mut self.bytes, number);
        }
        &self.bytes
    }
}

impl Load {
    /// A message of the last topic, skipping those before it.
    pub(crate) fn next_of_last_topic(&mut self) -> &[u8] {
        self.next += self.topics - 1 - self.next % self.topics;
        self.next()
    }

    /// Which message comes next.
    pub(crate) fn message(&self) -> u64 {
        self.next
    }
}

/// Bytes of a topic: seven bits in each, so that they are text where text is needed.
const TOPIC: usize = 3;

/// The topic of this number: the first bytes of every message of it.
pub(crate) fn topic(number: usize) -> [u8; TOPIC] {
    [0, 7, 14].map(|shift| ((number >> shift) & 0x7F) as u8)
}

/// The number in the message that is sent as this one: its first bytes are a topic.
#[inline]
fn number_of(message: u64, topics: u64) -> u64 {
    let [a, b, c] = topic((message % topics) as usize);
    (message / topics) << (8 * TOPIC) | u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0])
}

/// The other way round.
#[inline]
fn message_of(number: u64, topics: u64) -> u64 {
    let topic = (0..TOPIC).map(|at| ((number >> (8 * at)) & 0x7F) << (7 * at));
    (number >> (8 * TOPIC)) * topics + topic.sum::<u64>()
}

#[inline]
fn stamp(bytes: &mut [u8], number: u64) {
    if let Some(last) = bytes.last_mut() {
        *last = mark(number);
    }
    bytes[..SMALLEST].copy_from_slice(&number.to_le_bytes());
}

/// The last byte of a message longer than its number.
#[inline]
fn mark(number: u64) -> u8 {
    (number as u8) ^ 0xA5
}

/// The number of a message that has its length and its last byte.
#[inline]
fn number(bytes: &[u8], size: usize) -> Option<u64> {
    let number = u64::from_le_bytes(*bytes.first_chunk::<SMALLEST>()?);
    let is_whole = bytes.len() == size && (size == SMALLEST || bytes[size - 1] == mark(number));
    is_whole.then_some(number)
}

/// Before the window, in it, after it.
struct Window {
    phase: AtomicU8,
}

const WARMING: u8 = 0;
const OPEN: u8 = 1;
const OVER: u8 = 2;

impl Window {
    /// Turns to a phase from a thread that sleeps until then.
    fn turn_after(self: &Arc<Self>, pause: Duration, phase: u8) {
        let hands = Arc::clone(self);
        std::thread::spawn(move || {
            std::thread::sleep(pause);
            hands.phase.store(phase, Ordering::Relaxed);
        });
    }
}

/// The receiver's meter: counts and checks.
pub(crate) struct Gauge {
    place: Place,
    window: Option<Arc<Window>>,
    phase: u8,
    /// The number that comes next, for each stream of messages.
    expected: Vec<u64>,
    topics: u64,
    /// How many streams, the first ones, are known to have begun.
    begun: usize,
    taken: u64,
    lost: u64,
    opened_at: (Instant, u64, u64),
}

impl Gauge {
    /// For messages none of which may be missing; as many streams as the count says.
    pub(crate) fn new(place: &Place) -> Self {
        let streams = match place.row {
            Row::FanIn | Row::Sockets | Row::Clones => place.count,
            _ => 1,
        };
        Gauge::of_streams(place, streams, 1)
    }

    pub(crate) fn of_streams(place: &Place, streams: usize, topics: usize) -> Self {
        Gauge {
            place: place.clone(),
            window: None,
            phase: WARMING,
            expected: (0..streams as u64).map(|stream| stream << STREAM).collect(),
            topics: topics as u64,
            begun: 0,
            taken: 0,
            lost: 0,
            opened_at: (Instant::now(), 0, 0),
        }
    }

    /// Counts one message; false once there is enough.
    #[inline]
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.check(bytes);
        self.count()
    }

    /// Counts one message of `parts` parts.
    #[inline]
    pub(crate) fn take_parts(&mut self, port: &impl Port, parts: usize) -> bool {
        if port.parts() != parts {
            fault(port.part(0), self.place.size, self.expected[0]);
        }
        for part in 0..parts {
            self.check(port.part(part));
        }
        self.count()
    }

    /// The first message of a stream that may have gaps; whether the stream has begun with it.
    pub(crate) fn begin(&mut self, stream: usize, bytes: &[u8]) -> bool {
        let Some(number) = number(bytes, self.place.size) else {
            fault(bytes, self.place.size, 0);
        };
        let message = message_of(number, self.topics);
        let message = if self.topics > 1 { message } else { number };
        self.expected[stream] = message + 1;
        // No thread counts before all of them have.
        self.begun = self.expected.len();
        // Of many topics, the last one that was subscribed to.
        message % self.topics == self.topics - 1
    }

    /// The message that a stream waits for.
    pub(crate) fn expected(&self, stream: usize) -> u64 {
        self.expected[stream]
    }

    /// What the stream waits for that is behind all others.
    pub(crate) fn slowest(&self) -> u64 {
        self.expected.iter().copied().min().unwrap_or(0)
    }

    /// What the stream waits for that is before all others.
    pub(crate) fn furthest(&self) -> u64 {
        self.expected.iter().copied().max().unwrap_or(0)
    }

    /// Counts one message of a stream that may have gaps, but goes forward.
    #[inline]
    pub(crate) fn take_lossy(&mut self, stream: usize, bytes: &[u8]) -> bool {
        let expected = self.expected[stream];
        let message = number(bytes, self.place.size).map(|number| match self.topics {
            1 => number,
            topics => message_of(number, topics),
        });
        match message {
            Some(message) if message >= expected => {
                self.lost += message - expected;
                self.expected[stream] = message + 1;
            }
            Some(_) | None => fault(bytes, self.place.size, expected),
        }
        self.count()
    }

    #[inline]
    fn check(&mut self, bytes: &[u8]) {
        let number = number(bytes, self.place.size).unwrap_or(u64::MAX);
        match self.expected.get_mut((number >> STREAM) as usize) {
            Some(expected) if *expected == number => *expected += 1,
            Some(&mut expected) => fault(bytes, self.place.size, expected),
            None => fault(bytes, self.place.size, self.expected[0]),
        }
    }

    #[inline]
    fn count(&mut self) -> bool {
        self.taken += 1;
        match &self.window {
            Some(window) if window.phase.load(Ordering::Relaxed) == self.phase => true,
            Some(_) | None => self.turn(),
        }
    }

    #[cold]
    fn turn(&mut self) -> bool {
        let Some(window) = &self.window else {
            let first = |stream: usize| (stream as u64) << STREAM;
            while self
                .expected
                .get(self.begun)
                .is_some_and(|next| *next > first(self.begun))
            {
                self.begun += 1;
            }
            // A peer is warm once it has received from all.
            if self.begun == self.expected.len() {
                let phase = AtomicU8::new(WARMING);
                let window = Arc::new(Window { phase });
                window.turn_after(self.place.warm_up, OPEN);
                self.window = Some(window);
            }
            return true;
        };
        let now = Instant::now();
        self.phase = window.phase.load(Ordering::Relaxed);
        if self.phase == OPEN {
            self.opened_at = (now, self.taken, self.lost);
            window.turn_after(self.place.window, OVER);
            say("open");
            return true;
        }
        let (opened, before, lost) = self.opened_at;
        say(&format!(
            "done {} {} 0 0 {}",
            self.taken - before,
            (now - opened).as_nanos(),
            self.lost - lost
        ));
        false
    }
}

/// The requester's meter: sends numbered requests, times each until its reply was checked.
/// Replies come in the order of the requests.
pub(crate) struct Trips {
    place: Place,
    load: Load,
    begun: VecDeque<Instant>,
    replies: u64,
    started: Option<Instant>,
    opened: Option<Instant>,
    nanos: Vec<u64>,
}

impl Trips {
    pub(crate) fn new(place: &Place) -> Self {
        Trips {
            place: place.clone(),
            load: Load::new(place.size),
            begun: VecDeque::with_capacity(place.count),
            replies: 0,
            started: None,
            opened: None,
            nanos: Vec::with_capacity(1 << 20),
        }
    }

    /// How many requests have no reply yet.
    #[inline]
    pub(crate) fn under_way(&self) -> usize {
        self.begun.len()
    }

    /// The next request; its clock starts now.
    #[inline]
    pub(crate) fn request(&mut self) -> &[u8] {
        self.begun.push_back(Instant::now());
        self.load.next()
    }

    /// Takes the reply to the oldest request; false once there are enough.
    #[inline]
    pub(crate) fn reply(&mut self, bytes: &[u8]) -> bool {
        let begun = self.begun.pop_front();
        let begun = match begun {
            Some(begun) if number(bytes, self.place.size) == Some(self.replies) => begun,
            Some(_) | None => fault(bytes, self.place.size, self.replies),
        };
        self.replies += 1;
        let now = Instant::now();
        match self.opened {
            // The trips during which the window opened belong to neither side of it.
            None => {
                let started = *self.started.get_or_insert(now);
                if now - started >= self.place.warm_up {
                    say("open");
                    self.opened = Some(Instant::now());
                }
                true
            }
            Some(opened) => {
                if begun >= opened {
                    self.nanos.push((now - begun).as_nanos() as u64);
                }
                if now - opened < self.place.window {
                    return true;
                }
                self.nanos.sort_unstable();
                say(&format!(
                    "done {} {} {} {} 0",
                    self.nanos.len(),
                    (now - opened).as_nanos(),
                    quantile(&self.nanos, 0.50),
                    quantile(&self.nanos, 0.99)
                ));
                false
            }
        }
    }
}

/// What so large a share of the sorted values does not exceed.
pub(crate) fn quantile(sorted: &[u64], share: f64) -> u64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at).or(sorted.last()).copied().unwrap_or(0)
}

/// One line to the process that runs the cell.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "@{line}");
    let _ = out.flush();
}

/// Checks a message by itself: its length, its number and its last byte.
pub(crate) fn expect(bytes: &[u8], size: usize, expected: u64) {
    if number(bytes, size) != Some(expected) {
        fault(bytes, size, expected);
    }
}

/// A message that is not the one expected spoils the whole run.
#[cold]
fn fault(bytes: &[u8], size: usize, number: u64) -> ! {
    let begin = &bytes[..bytes.len().min(16)];
    say(&format!(
        "fault expected message {number} of {size} bytes, got {} bytes {begin:02x?}",
        bytes.len()
    ));
    std::process::exit(3);
}
