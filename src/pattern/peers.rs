//! Maps keyed by peers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::PeerId;

/// A map keyed by peer. Slots are shared by all pipes of a pump, so a vector indexed by them would
/// grow with the pipes of other sockets.
pub(super) type PeerMap<T> = HashMap<PeerId, T, BuildHasherDefault<SlotHasher>>;

/// Spreads slot numbers over the table. They are small, dense and assigned here, so peers cannot
/// make them collide, and a keyed hash would only cost time.
#[derive(Default)]
pub(super) struct SlotHasher(u64);

impl Hasher for SlotHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u32(&mut self, slot: u32) {
        // 2⁶⁴ divided by the golden ratio spreads neighbours widely, in the high bits too.
        self.0 = (self.0 ^ u64::from(slot)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }
}
