//! One end of a simulated connection.

use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;

use super::network::{Network, Wire};

/// One end of a simulated connection.
pub(in crate::pump) struct SimStream {
    pub(super) network: Rc<RefCell<Network>>,
    pub(super) wire: usize,
    pub(super) side: usize,
}

impl SimStream {
    /// How many of the `possible` bytes are moved, after faults.
    fn moves(&self, network: &mut Network, possible: usize) -> io::Result<usize> {
        let (faults, wire) = (network.faults, self.wire);
        if network.random.strikes(faults.reset) {
            network.reset(wire);
        }
        if network.random.strikes(faults.halved) {
            let side = network.random.below(2) as usize;
            network.finish(wire, side);
        }
        if network.random.strikes(faults.stalled) {
            let side = network.random.below(2) as usize;
            network.stall(wire, side);
        }
        if network.wires[wire].reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let mut count = possible;
        if possible > 1 && network.random.strikes(faults.short) {
            count = 1 + network.random.below(possible as u64 - 1) as usize;
            // What stopped it is over at once.
            network.wires[wire].changed[self.side] = true;
        }
        let Some(left) = network.wires[wire].bytes_left else {
            return Ok(count);
        };
        if count as u64 >= left {
            network.reset(wire);
            if left == 0 {
                return Err(ErrorKind::ConnectionReset.into());
            }
        }
        let count = count.min(left as usize);
        network.wires[wire].bytes_left = Some(left - count as u64);
        Ok(count)
    }
}

impl Read for SimStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.reads += 1;
        let wire = &network.wires[self.wire];
        if wire.stalled[self.side].is_some_and(|until| until > network.now) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let waiting = wire.pipes[self.side].len();
        if waiting == 0 {
            return match wire {
                Wire { reset: true, .. } => Err(ErrorKind::ConnectionReset.into()),
                _ if wire.finished[1 - self.side] || wire.gone[1 - self.side] => Ok(0),
                _ => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let count = self.moves(network, waiting.min(buffer.len()))?;
        let capacity = network.capacity;
        // A whole slice at a time: that does not go byte by byte.
        let wire = &mut network.wires[self.wire];
        let was_full = waiting >= capacity;
        wire.pipes[self.side].read_exact(&mut buffer[..count])?;
        wire.changed[1 - self.side] |= was_full;
        Ok(count)
    }
}

impl Write for SimStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    /// A write that is shorter than what it was given has filled the buffer, as the kernel's would.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let network = &mut *self.network.borrow_mut();
        network.writes += 1;
        let wire = &network.wires[self.wire];
        if wire.gone[1 - self.side] || wire.reset || wire.finished[self.side] {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = network.capacity - wire.pipes[1 - self.side].len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let count = self.moves(network, room.min(offered))?;
        let wire = &mut network.wires[self.wire];
        let bytes = slices.iter().flat_map(|slice| slice.iter());
        wire.pipes[1 - self.side].extend(bytes.take(count));
        wire.changed[1 - self.side] = true;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.network.borrow_mut().leave(self.wire, self.side);
    }
}
