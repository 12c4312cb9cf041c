//! What the peers of a cell hold: the sender's load, the receiver's gauge, the requester's clock.
//!
//! Every message carries its number in the first 8 octets and a function of it in the last one;
//! the receiving side checks length, number and last octet of every single message, so a figure
//! counts what arrived, whole and in order. The window is opened and closed by a sleeping thread
//! through one flag, so that no clock is read per message.

use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Place;

/// Smaller messages have no room for their number.
pub(crate) const SMALLEST: usize = 8;

/// A sender's endless supply of numbered messages.
pub(crate) struct Load {
    octets: Vec<u8>,
    next: u64,
}

impl Load {
    pub(crate) fn new(size: usize) -> Self {
        assert!(size >= SMALLEST, "a message must hold its number");
        let octets = (0..size).map(|at| (at % 251) as u8).collect();
        Load { octets, next: 0 }
    }

    /// The octets of the next message. The sender copies them into a message of its own, once.
    #[inline]
    pub(crate) fn next(&mut self) -> &[u8] {
        stamp(&mut self.octets, self.next);
        self.next += 1;
        &self.octets
    }
}

#[inline]
fn stamp(octets: &mut [u8], number: u64) {
    if let Some(last) = octets.last_mut() {
        *last = mark(number);
    }
    octets[..SMALLEST].copy_from_slice(&number.to_le_bytes());
}

/// The last octet of a message longer than its number.
#[inline]
fn mark(number: u64) -> u8 {
    (number as u8) ^ 0xA5
}

#[inline]
fn is_whole(octets: &[u8], size: usize, number: u64) -> bool {
    octets.len() == size
        && octets.first_chunk::<SMALLEST>() == Some(&number.to_le_bytes())
        && (size == SMALLEST || octets[size - 1] == mark(number))
}

/// Before the window, in it, after it.
struct Window {
    phase: AtomicU8,
}

const WARMING: u8 = 0;
const OPEN: u8 = 1;
const OVER: u8 = 2;

/// Opens and closes the window from a thread that sleeps in between.
fn watch(warm_up: Duration, window: Duration) -> Arc<Window> {
    let shared = Arc::new(Window {
        phase: AtomicU8::new(WARMING),
    });
    let hands = Arc::clone(&shared);
    std::thread::spawn(move || {
        std::thread::sleep(warm_up);
        hands.phase.store(OPEN, Ordering::Relaxed);
        std::thread::sleep(window);
        hands.phase.store(OVER, Ordering::Relaxed);
    });
    shared
}

/// The receiver's meter: counts and checks.
pub(crate) struct Gauge {
    place: Place,
    window: Option<Arc<Window>>,
    phase: u8,
    expected: u64,
    opened_at: (Instant, u64),
}

impl Gauge {
    pub(crate) fn new(place: &Place) -> Self {
        Gauge {
            place: place.clone(),
            window: None,
            phase: WARMING,
            expected: 0,
            opened_at: (Instant::now(), 0),
        }
    }

    /// Counts one message; false once there is enough.
    #[inline]
    pub(crate) fn take(&mut self, octets: &[u8]) -> bool {
        if !is_whole(octets, self.place.size, self.expected) {
            fault(octets, self.place.size, self.expected);
        }
        self.expected += 1;
        match &self.window {
            Some(window) if window.phase.load(Ordering::Relaxed) == self.phase => true,
            Some(_) | None => self.turn(),
        }
    }

    #[cold]
    fn turn(&mut self) -> bool {
        let Some(window) = &self.window else {
            self.window = Some(watch(self.place.warm_up, self.place.window));
            return true;
        };
        let now = Instant::now();
        self.phase = window.phase.load(Ordering::Relaxed);
        if self.phase == OPEN {
            self.opened_at = (now, self.expected);
            say("open");
            return true;
        }
        let (opened, before) = self.opened_at;
        say(&format!(
            "done {} {} 0 0",
            self.expected - before,
            (now - opened).as_nanos()
        ));
        false
    }
}

/// The requester's meter: sends numbered requests, times each until its reply was checked.
pub(crate) struct Trips {
    place: Place,
    load: Load,
    begun: Instant,
    started: Option<Instant>,
    opened: Option<Instant>,
    nanos: Vec<u64>,
}

impl Trips {
    pub(crate) fn new(place: &Place) -> Self {
        Trips {
            place: place.clone(),
            load: Load::new(place.size),
            begun: Instant::now(),
            started: None,
            opened: None,
            nanos: Vec::with_capacity(1 << 20),
        }
    }

    /// The next request; its clock starts now.
    #[inline]
    pub(crate) fn request(&mut self) -> &[u8] {
        self.begun = Instant::now();
        self.load.next()
    }

    /// Takes the reply to the last request; false once there are enough.
    #[inline]
    pub(crate) fn reply(&mut self, octets: &[u8]) -> bool {
        let number = self.load.next - 1;
        if !is_whole(octets, self.place.size, number) {
            fault(octets, self.place.size, number);
        }
        let now = Instant::now();
        match self.opened {
            // The trip during which the window opened belongs to neither side of it.
            None => {
                let started = *self.started.get_or_insert(now);
                if now - started >= self.place.warm_up {
                    say("open");
                    self.opened = Some(Instant::now());
                }
                true
            }
            Some(opened) => {
                self.nanos.push((now - self.begun).as_nanos() as u64);
                if now - opened < self.place.window {
                    return true;
                }
                self.nanos.sort_unstable();
                say(&format!(
                    "done {} {} {} {}",
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

fn quantile(sorted: &[u64], share: f64) -> u64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted[at.min(sorted.len() - 1)]
}

/// The replier needs no meter: it sends back what came, and the requester checks it.
pub(crate) struct Echo;

/// One line to the process that runs the cell.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "@{line}");
    let _ = out.flush();
}

/// A message that is not the one expected spoils the whole run.
#[cold]
fn fault(octets: &[u8], size: usize, number: u64) -> ! {
    let begin = &octets[..octets.len().min(16)];
    say(&format!(
        "fault expected message {number} of {size} octets, got {} octets {begin:02x?}",
        octets.len()
    ));
    std::process::exit(3);
}
