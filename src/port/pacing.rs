//! Large messages keep pace with the pump.
//!
//! A thread makes messages faster than any connection takes them. Let it run ahead by a whole
//! high-water mark of large ones, and each is written to memory that no cache and no page table
//! entry at hand knows, and read from there when its turn comes: that takes several times as
//! long as all the rest. So before a large message is accepted, those before it are let go first,
//! until few enough bytes are left to lie in a cache. It is a pause and no limit: where nothing
//! moves, what there is room for is accepted.

use std::task::Poll;
use std::time::{Duration, Instant};

use crate::clock::later;
use crate::driver::wait::{wait, Awaits};
use crate::message::Message;
use crate::port::shared::Ports;
use crate::sync::bounded::Waiting;

/// The shortest message that keeps pace, in bytes. Of shorter ones a thousand do little harm.
const BULKY: usize = 256 << 10;

/// What may be on its way before a large message, in bytes: what a processor's cache holds.
const AHEAD: usize = 8 << 20;

/// The longest pause for each byte of the message: several times what it takes to send one.
const NANOSECONDS_PER_BYTE: u64 = 2;

/// Whether a message is to [keep pace](keep_pace).
#[inline]
pub(crate) fn is_bulky(message: &Message) -> bool {
    match message.frames() {
        [one] => one.len() >= BULKY,
        _ => message.byte_len() >= BULKY,
    }
}

/// Pauses before a large message is sent, at most until the deadline.
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
