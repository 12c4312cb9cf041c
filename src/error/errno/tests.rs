//! The numbers of errors against those of the system and of libzmq.

use super::*;
use crate::message::Message;
use crate::socket_type::SocketType;

/// The system's own header is the judge.
#[cfg(all(unix, not(loom)))]
#[test]
fn error_numbers_equal_those_of_the_system() {
    for (errno, expected) in [
        (Errno::EAGAIN, libc::EAGAIN),
        (Errno::ENOTSOCK, libc::ENOTSOCK),
        (Errno::EHOSTUNREACH, libc::EHOSTUNREACH),
        (Errno::ECONNRESET, libc::ECONNRESET),
        (Errno::EINVAL, libc::EINVAL),
        (Errno::EADDRINUSE, libc::EADDRINUSE),
        (Errno::EADDRNOTAVAIL, libc::EADDRNOTAVAIL),
        (Errno::ENAMETOOLONG, libc::ENAMETOOLONG),
        (Errno::EPROTONOSUPPORT, libc::EPROTONOSUPPORT),
        (Errno::ENOTSUP, libc::ENOTSUP),
        (Errno::ENOENT, libc::ENOENT),
        (Errno::EINTR, libc::EINTR),
        (Errno::EIO, libc::EIO),
        (Errno::ENOMEM, libc::ENOMEM),
        (Errno::EACCES, libc::EACCES),
        (Errno::EMFILE, libc::EMFILE),
    ] {
        assert_eq!(errno.raw(), expected, "{errno}");
    }
}

#[test]
fn every_error_number_has_a_distinct_name() {
    for (at, (errno, name)) in Errno::NAMES.iter().enumerate() {
        assert_eq!(errno.name(), Some(*name));
        assert_eq!(format!("{errno:?}"), *name);
        assert!(
            Errno::NAMES[..at].iter().all(|(other, _)| other != errno),
            "{name}"
        );
    }
    assert_eq!(Errno(-7).to_string(), "-7");
}

#[test]
fn errors_have_the_numbers_of_libzmq() {
    let message = || Message::from("x");
    let table = [
        (SendError::Closed(Closed::Context, ()).errno(), "ETERM"),
        (SendError::Closed(Closed::Socket, ()).errno(), "ENOTSOCK"),
        (SendError::Refused(Refusal::NoRequest, ()).errno(), "EFSM"),
        (TrySendError::Full(()).errno(), "EAGAIN"),
        (
            TrySendError::Refused(Refusal::Unroutable, ()).errno(),
            "EHOSTUNREACH",
        ),
        (
            TrySendError::Refused(Refusal::NoFrames, ()).errno(),
            "EINVAL",
        ),
        (SendTimeoutError::Timeout(()).errno(), "EAGAIN"),
        (RecvError::Closed(Closed::Context).errno(), "ETERM"),
        (TryRecvError::Empty.errno(), "EAGAIN"),
        (RecvTimeoutError::Timeout.errno(), "EAGAIN"),
        (RequestError::PeerLost.errno(), "ECONNRESET"),
        (
            RequestTimeoutError::Timeout(Some(message())).errno(),
            "EAGAIN",
        ),
        (EndpointFault::UnknownScheme.errno(), "EPROTONOSUPPORT"),
        (EndpointFault::NameTooLong.errno(), "ENAMETOOLONG"),
        (EndpointFault::BadPort.errno(), "EINVAL"),
        (BindError::InUse("tcp://*:1".into()).errno(), "EADDRINUSE"),
        (DetachError::NotFound("tcp://*:1".into()).errno(), "ENOENT"),
        (SubscribeError::Unsupported.errno(), "EINVAL"),
        (GroupError::AlreadyJoined.errno(), "EINVAL"),
        (SocketError::TooManySockets.errno(), "EMFILE"),
        (SocketError::Unsupported(SocketType::Pair).errno(), "EINVAL"),
        (
            ObserveError::PumpFailed(PumpFailure::Forked).errno(),
            "EINTR",
        ),
        (WaitTimeoutError::Timeout.errno(), "EAGAIN"),
        (SelectError::Timeout.errno(), "EAGAIN"),
        (AuthenticatorError::Taken.errno(), "EADDRINUSE"),
        (ProxyError::Ended.errno(), "ETERM"),
        (
            TypedRecvError::<(), TryRecvError>::Recv(TryRecvError::Empty).errno(),
            "EAGAIN",
        ),
        (TypedSendError::<(), ()>::Encode((), ()).errno(), "EINVAL"),
    ];
    for (row, (errno, expected)) in table.into_iter().enumerate() {
        assert_eq!(errno.to_string(), expected, "row {row}");
    }
    let unsupported = BindError::Unsupported {
        socket_type: SocketType::Stream,
        endpoint: "inproc://x".into(),
    };
    assert_eq!(unsupported.errno(), Errno::ENOCOMPATPROTO);
}

#[cfg(unix)]
#[test]
fn a_system_error_keeps_its_number() {
    let refused = SocketError::Io(io::Error::from_raw_os_error(23));
    assert_eq!(refused.errno().raw(), 23);
    let without = RegisterError::Io(io::ErrorKind::PermissionDenied.into());
    assert_eq!(without.errno(), Errno::EACCES);
}
