//! File descriptors: waiting for those of users, and one that others wait for.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Wake;
use std::time::Instant;

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// A descriptor that is readable from when it is rung until it is silenced. Waking it as a waker
/// rings it.
///
/// Each call is a system call that does not block. All state is kept by the system, so two
/// concurrent calls take effect in the system's order.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: UnixStream,
    heard: UnixStream,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Arc<Bell>> {
        let (rung, heard) = UnixStream::pair()?;
        rung.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        Ok(Arc::new(Bell { rung, heard }))
    }

    pub(crate) fn ring(&self) {
        // If there is no room, it has been rung.
        let _ = (&self.rung).write(&[1]);
    }

    pub(crate) fn silence(&self) {
        let mut rings = [0; 64];
        while matches!((&self.heard).read(&mut rings), Ok(read) if read == rings.len()) {}
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

/// The conditions that a descriptor is ready for, or is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) priority: bool,
    /// An error or a hang-up; always waited for.
    pub(crate) failed: bool,
}

impl Wanted {
    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.readable);
        flags.set(PollFlags::OUT, self.writable);
        flags.set(PollFlags::PRI, self.priority);
        flags
    }

    fn of(flags: PollFlags) -> Self {
        let failures = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        Wanted {
            readable: flags.contains(PollFlags::IN),
            writable: flags.contains(PollFlags::OUT),
            priority: flags.contains(PollFlags::PRI),
            failed: flags.intersects(failures),
        }
    }
}

/// Waits until one of the descriptors is ready for a condition it is waited for, or until the
/// deadline; `None` waits for ever, an instant in the past does not wait. Returns the conditions
/// that each is ready for, in their order.
pub(crate) fn wait_for(
    descriptors: &[(BorrowedFd<'_>, Wanted)],
    deadline: Option<Instant>,
) -> Vec<Wanted> {
    let polled = descriptors.iter();
    let polled = polled.map(|&(fd, wanted)| PollFd::from_borrowed_fd(fd, wanted.flags()));
    let mut polled: Vec<PollFd<'_>> = polled.collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, left.as_ref()) {
            Ok(_) => return polled.iter().map(|fd| Wanted::of(fd.revents())).collect(),
            Err(Errno::INTR) => {}
            // There is no memory for that many, or there are more than the process may have.
            Err(_) => {
                let failed = Wanted {
                    failed: true,
                    ..Wanted::default()
                };
                return vec![failed; descriptors.len()];
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bell_is_readable_from_ring_to_silence() {
        let bell = Bell::new().unwrap();
        let wanted = Wanted {
            readable: true,
            ..Wanted::default()
        };
        let past = Some(Instant::now());
        let is_rung = || wait_for(&[(bell.as_fd(), wanted)], past)[0].readable;
        assert!(!is_rung());
        bell.silence();
        for rings in [1, 63, 64, 65, 128, 1_000_000] {
            for _ in 0..rings {
                bell.ring();
            }
            assert!(is_rung() && is_rung(), "{rings}");
            bell.silence();
            assert!(!is_rung(), "{rings}");
        }
        let start = Instant::now();
        let soon = Duration::from_millis(5);
        assert!(!wait_for(&[(bell.as_fd(), wanted)], Some(start + soon))[0].readable);
        assert!(start.elapsed() >= soon);
    }
}
