//! Error numbers (zmq_errno(3), zmq_strerror(3)): how functions fail towards C.

use std::ffi::{c_char, c_int};

use zmq_channels::error as lib;

/// An error number, as C finds it in `errno` after a function has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

/// The base of the numbers that only ZeroMQ has.
const HAUSNUMERO: c_int = 156_384_712;

pub(crate) const EAGAIN: Errno = Errno(libc::EAGAIN);
pub(crate) const EFAULT: Errno = Errno(libc::EFAULT);
pub(crate) const EHOSTUNREACH: Errno = Errno(libc::EHOSTUNREACH);
pub(crate) const EINTR: Errno = Errno(libc::EINTR);
pub(crate) const EINVAL: Errno = Errno(libc::EINVAL);
pub(crate) const EMFILE: Errno = Errno(libc::EMFILE);
pub(crate) const ENOMEM: Errno = Errno(libc::ENOMEM);
pub(crate) const ENOTSOCK: Errno = Errno(libc::ENOTSOCK);
pub(crate) const ENOTSUP: Errno = Errno(libc::ENOTSUP);
pub(crate) const EFSM: Errno = Errno(HAUSNUMERO + 51);
pub(crate) const ENOCOMPATPROTO: Errno = Errno(HAUSNUMERO + 52);
pub(crate) const ETERM: Errno = Errno(HAUSNUMERO + 53);
pub(crate) const EMTHREAD: Errno = Errno(HAUSNUMERO + 54);

pub(crate) type Outcome<T = ()> = Result<T, Errno>;

impl From<lib::Errno> for Errno {
    fn from(errno: lib::Errno) -> Self {
        Errno(errno.raw())
    }
}

macro_rules! from_errors {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Errno {
            fn from(error: $error) -> Self {
                error.errno().into()
            }
        }
    )*};
}

from_errors!(
    lib::BindError,
    lib::ConfigureError,
    lib::ConnectError,
    lib::ContextError,
    lib::DetachError,
    lib::GroupError,
    lib::ObserveError,
    lib::SocketError,
    lib::SubscribeError,
);

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        Errno(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as location;
#[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "hurd"))]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as location;

pub(crate) fn set(errno: Errno) {
    // SAFETY: the pointer is that of the current thread's errno, which lasts as long as the thread.
    unsafe { *location() = errno.0 };
}

/// What a function returns in C: the value, or -1 with `errno` set.
pub(crate) fn answer(outcome: Outcome<c_int>) -> c_int {
    match outcome {
        Ok(value) => value,
        Err(errno) => {
            set(errno);
            -1
        }
    }
}

/// Like [`answer`], for functions that return 0 if they succeed.
pub(crate) fn done(outcome: Outcome) -> c_int {
    answer(outcome.map(|()| 0))
}

/// Like [`answer`], for functions that return a pointer.
pub(crate) fn pointer<T>(outcome: Outcome<*mut T>) -> *mut T {
    outcome.unwrap_or_else(|errno| {
        set(errno);
        std::ptr::null_mut()
    })
}

/// zmq_errno(3): the error of the last function that failed in this thread.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_errno() -> c_int {
    // SAFETY: as in `set`.
    unsafe { *location() }
}

/// zmq_strerror(3): the text of an error number, valid as long as the process runs.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_strerror(number: c_int) -> *const c_char {
    let text = match Errno(number) {
        EFSM => c"Operation cannot be accomplished in current state",
        ENOCOMPATPROTO => c"The protocol is not compatible with the socket type",
        ETERM => c"Context was terminated",
        EMTHREAD => c"No thread available",
        EHOSTUNREACH => c"Host unreachable",
        // SAFETY: any number may be given, and the text that is returned is not written to.
        _ => return unsafe { libc::strerror(number) },
    };
    text.as_ptr()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn a_failure_is_read_from_errno() {
        assert_eq!(answer(Err(EFSM)), -1);
        assert_eq!(zmq_errno(), 156_384_763);
        assert_eq!(answer(Ok(7)), 7);
        assert_eq!(done(Ok(())), 0);
    }

    #[test]
    fn numbers_of_zeromq_and_of_the_system_have_texts() {
        let text = |number| {
            // SAFETY: the text ends with NUL and lasts.
            unsafe { CStr::from_ptr(zmq_strerror(number)) }.to_str()
        };
        assert_eq!(text(ETERM.0), Ok("Context was terminated"));
        assert_eq!(text(libc::EINVAL), Ok("Invalid argument"));
    }
}
