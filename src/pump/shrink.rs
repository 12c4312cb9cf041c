//! Buffers of idle pipes and sockets are given back.

use std::time::Duration;

use crate::sync::bounded::give_back;

use super::env::Env;
use super::pipe::Path;
use super::Pump;

/// Pipes and sockets that were idle for this long give the memory of their buffers back. No thread
/// is woken for those that have been idle since.
const SHRINK_AFTER: Duration = Duration::from_secs(5);

impl<E: Env> Pump<E> {
    /// Sees to it that the buffers of pipes and sockets are given back when they fall idle.
    pub(super) fn shrink_later(&mut self) {
        self.timers.set_shrink(self.now + SHRINK_AFTER);
    }

    /// Pipes and sockets that were idle since the last check give their buffers back. Those that
    /// still hold much are checked again.
    pub(super) fn shrink_idle(&mut self) {
        let mut busy = false;
        for (_, pipe) in &mut self.pipes {
            match &mut pipe.path {
                Path::Wire(wire) => {
                    if !std::mem::replace(&mut wire.active, false) {
                        wire.connection.shrink_to_fit();
                    } else {
                        busy = true;
                    }
                }
                Path::Inproc(inproc) => busy |= give_back(&mut inproc.queue),
                Path::Cross(cross) => cross.give_back(),
                Path::Dialing { .. } | Path::Lent => {}
            }
        }
        for (_, socket) in &mut self.sockets {
            busy |= socket.shrink();
        }
        if busy {
            self.shrink_later();
        }
    }
}
