//! The numbers by which the driver decides, each with what chose it. None is part of the protocol: with
//! other numbers it is slower, not wrong.
//!
//! Measured with 64-byte messages on two virtual cores, between two processes unless said otherwise.

use std::time::Duration;

use crate::sync::trials::Rates;

// ---- how long the poller may be vacant

/// How long at most while no others wait: what arrives or is sent then waits for up to this long. Enough
/// for a thread that takes what it got, a thousand messages of some KiB, and comes back for more. With
/// 0.1 ms everything from 64 bytes to 8 KiB carries half as much; with 0.25 ms messages of 1 KiB, a
/// thousand of which take 0.35 ms, carry three quarters; 4 ms carry nothing more.
pub(super) const VACANCY: Duration = Duration::from_millis(1);

// ---- when a thread assists: a quarter and four times of each of these four numbers changed no row (streams
// and round trips of 64 bytes and 256 KiB, processor time at 10 000 and 50 000 messages/s) beyond its spread

/// A thread that has given a sleeping pump nothing for this long is not streaming: about what it
/// costs to wake the pump's thread on another core.
pub(super) const PAUSE: Duration = Duration::from_micros(20);

/// A turn that takes longer than this is better done by the pump's thread, beside the sender's: it is
/// several times what it costs to wake that thread.
pub(super) const LONG_TURN: Duration = PAUSE.saturating_mul(5);

/// Notifications after a long turn for which a thread does not assist: of turns that are all long it does
/// one in 65.
pub(super) const RELIEF: u32 = 64;

/// Turns that a thread does which assists: what they bring about may take another one, or two.
pub(super) const ASSISTING_TURNS: usize = 4;

// ---- when a wait spins, and when it leads

/// When a thread tries to spin.
pub(super) const THREADS: Rates = Rates {
    // As many as two threads that answer each other need to find out together.
    trial: 8,
    short_rest: 16,
    // 8 in 4096 cost a program that never gains 0.2 % of what spinning in each of its waits would.
    long_rest: 4096,
    // The thread that woke it late was held up once, and resting would make many waits long for it. Without
    // that, one late wait in eight hundred made two round trips in a hundred take 100 µs (p50 of REQ to REP
    // over tcp 20 to 104 µs, with it 20 to 37).
    streak: 32,
};

/// When tasks do, which lose more where it is not seen for long that trying is worth it again: there are
/// always two wake-ups more. It is seen after 512 waits, 50 ms at 100 µs each; 8 in 512 cost 1.6 %.
pub(super) const TASKS: Rates = Rates {
    long_rest: 512,
    ..THREADS
};

/// Waits in a row that came soon after the one before, until a thread would rather lead.
pub(super) const STEADY: u32 = THREADS.trial / 2;

/// The same after it turned out that others wait for the same pump.
pub(super) const CROWDED: u32 = THREADS.long_rest;

/// A task stops leading after this many times what one of its polls may last: where none leads at the
/// other end, two threads have to be woken there, one after the other, before there can be an answer. For
/// as long tasks may stay on a thread without leaving it to others. (Round trips of two tasks over tcp, with
/// polls of 25 µs: p50 104 to 12 µs.)
pub(super) const POLLS: u32 = 4;
