//! Writing to a peer that may be gone, as an error and nothing else. Left to itself, Unix kills the
//! process for it (`SIGPIPE`) unless that has been told to ignore the signal, as Rust's runtime is
//! where `main` is Rust's, and hosts in other languages and command-line filters are not.

use std::io::{self, IoSlice};

use socket2::SockRef;

/// `MSG_NOSIGNAL`, for one write. Apple's systems have an [option of the socket](prepare) instead.
const NO_SIGNAL: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    0x4000
} else if cfg!(target_os = "freebsd") {
    0x2_0000
} else if cfg!(any(
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd"
)) {
    0x400
} else if cfg!(any(target_os = "illumos", target_os = "solaris")) {
    0x200
} else {
    0
};

/// To be called once for each stream.
#[cfg(target_vendor = "apple")]
pub(super) fn prepare(socket: &SockRef<'_>) {
    // Should it fail, then because the peer is gone again: the first read says so, and nothing is
    // written.
    let _ = socket.set_nosigpipe(true);
}

/// To be called once for each stream.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn prepare(_socket: &SockRef<'_>) {}

pub(super) fn write(socket: &SockRef<'_>, buffer: &[u8]) -> io::Result<usize> {
    socket.send_with_flags(buffer, NO_SIGNAL)
}

pub(super) fn write_vectored(socket: &SockRef<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    socket.send_vectored_with_flags(buffers, NO_SIGNAL)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_flag_equals_that_of_the_system() {
        let flag = rustix::net::SendFlags::NOSIGNAL.bits();
        assert_eq!(super::NO_SIGNAL as u32, flag);
    }
}
