//! Pacing of large messages.
//!
//! A thread produces large messages faster than a connection takes them. If it runs ahead by a
//! whole high-water mark of them, each is written to memory that is neither in a cache nor in the
//! TLB, and read back from there when it is sent, which takes several times as long as everything
//! else. So before a large message is accepted, the sender waits until the bytes queued before it
//! fit into a cache. This is a pause and not a limit: if nothing is sent in that time, the message
//! is accepted as long as there is room.

use std::task::Poll;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::driver::wait::{wait, Awaits};
use crate::message::Message;
use crate::port::shared::Ports;
use crate::sync::bounded::Waiting;

/// Size from which messages are paced, in bytes. A thousand shorter ones do little harm.
const BULKY: usize = 256 << 10;

/// Maximum size of the messages queued before a large one, in bytes: what fits a processor's cache.
const AHEAD: usize = 8 << 20;

/// The longest pause per byte of the message: several times what it takes to send one.
const NANOSECONDS_PER_BYTE: u64 = 2;

/// Whether a message is [paced](keep_pace).
#[inline]
pub(crate) fn is_bulky(message: &Message) -> bool {
    match message.frames() {
        [one] => one.len() >= BULKY,
        _ => message.byte_len() >= BULKY,
    }
}

/// Pauses before a large message is sent, until the deadline at most.
#[cold]
pub(crate) fn keep_pace(ports: &Ports, message: &Message, deadline: Option<Instant>) {
    let Some(inward) = ports.inward().filter(|inward| inward.blocks()) else {
        return;
    };
    let bytes = message.byte_len();
    let most = (AHEAD / bytes.max(1)).max(1) as u64;
    let longest = Duration::from_nanos((bytes as u64).saturating_mul(NANOSECONDS_PER_BYTE));
    let end = later(Instant::now(), longest);
    let end = end.into_iter().chain(deadline).min();
    let mut ticket = None;
    let kept = wait(ports.wait_context(), Awaits::Room, end, |context| {
        let (ticket, waker) = (&mut ticket, context.waker());
        match inward.keep_pace(most, Waiting { ticket, waker }) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    if kept.is_none() {
        inward.leave_pace(&mut ticket);
    }
}
