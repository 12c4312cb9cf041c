//! Releasing the buffers of idle pipes and sockets.

use std::time::Duration;

use crate::sync::bounded::give_back;

use super::env::Env;
use super::pipe::Path;
use super::Pump;

/// Idle time after which pipes and sockets release their buffers. Once they have, no thread is
/// woken for them.
const SHRINK_AFTER: Duration = Duration::from_secs(5);

impl<E: Env> Pump<E> {
    /// Sets the timer that releases the buffers of pipes and sockets when they become idle.
    pub(super) fn shrink_later(&mut self) {
        self.timers.set_shrink(self.now + SHRINK_AFTER);
    }

    /// Releases the buffers of pipes and sockets that were idle since the last check. Those that
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
