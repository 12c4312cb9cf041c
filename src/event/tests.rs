//! What events hold, and the numbers libzmq has for them.

use super::*;

#[test]
fn a_system_error_keeps_kind_number_and_text() {
    let numbered = SystemError::from(io::Error::from_raw_os_error(24));
    assert_eq!(numbered.raw_os_error(), Some(24));
    assert_eq!(numbered.kind(), io::Error::from_raw_os_error(24).kind());
    assert_eq!(
        numbered.to_string(),
        io::Error::from_raw_os_error(24).to_string()
    );
    let told = io::Error::new(io::ErrorKind::PermissionDenied, "the proxy says no");
    let told = SystemError::from(told);
    assert_eq!(told.raw_os_error(), None);
    assert_eq!(told.to_string(), "the proxy says no");
    let again = io::Error::from(told.clone());
    assert_eq!(SystemError::from(again), told);
    let kind = SystemError::from(io::ErrorKind::AddrInUse);
    assert_eq!(kind.to_string(), "address in use");
}

#[test]
fn events_and_reasons_have_the_numbers_of_libzmq() {
    use AuthenticatorFault::*;
    let fault = |code| ProtocolFault::new(code, "what it did");
    let denied = |status| DisconnectReason::AuthenticationFailed {
        status,
        text: String::new(),
    };
    let old = DisconnectReason::OldVersion { major: 1, minor: 0 };
    let system = SystemError::from(io::Error::from_raw_os_error(111));
    let told = SystemError::from(io::ErrorKind::Other);
    for (reason, value, failed) in [
        (
            DisconnectReason::Protocol(fault(0x1000_0001)),
            Some(0x1000_0001),
            0x2000,
        ),
        (
            DisconnectReason::Incompatible(fault(0x1100_0002)),
            Some(0x1100_0002),
            0x2000,
        ),
        (
            DisconnectReason::Cryptographic(fault(0x1100_0001)),
            Some(0x1100_0001),
            0x2000,
        ),
        (
            DisconnectReason::IncompatibleSocketType("X".into()),
            Some(0x1000_0018),
            0x2000,
        ),
        (old, Some(0x1000_0000), 0x2000),
        (DisconnectReason::Unjudged(Missing), Some(14), 0x0800),
        (DisconnectReason::Unjudged(Gone), None, 0x0800),
        (
            DisconnectReason::Unjudged(MalformedReply),
            Some(0x2000_0001),
            0x2000,
        ),
        (
            DisconnectReason::Unjudged(BadRequestId),
            Some(0x2000_0002),
            0x2000,
        ),
        (
            DisconnectReason::Unjudged(BadVersion),
            Some(0x2000_0003),
            0x2000,
        ),
        (
            DisconnectReason::Unjudged(InvalidStatusCode),
            Some(0x2000_0004),
            0x2000,
        ),
        (
            DisconnectReason::Unjudged(InvalidMetadata),
            Some(0x2000_0005),
            0x2000,
        ),
        (denied(300), Some(300), 0x4000),
        (denied(400), Some(400), 0x4000),
        (denied(500), Some(500), 0x4000),
        (DisconnectReason::Io(system.clone()), Some(111), 0x0800),
        (DisconnectReason::Io(told), None, 0x0800),
        (DisconnectReason::PeerClosed, Some(32), 0x0800),
        (DisconnectReason::HandshakeTimeout, None, 0x0800),
        (DisconnectReason::RefusedByPeer("no".into()), None, 0x0800),
        (DisconnectReason::Local, None, 0x0800),
    ] {
        assert_eq!(reason.zmq_value(), value, "{reason:?}");
        let kind = EventKind::HandshakeFailed {
            reason: reason.clone(),
        };
        assert_eq!(
            (kind.zmq_event(), kind.zmq_value()),
            (Some(failed), value),
            "{kind:?}"
        );
        let kind = EventKind::Disconnected {
            reason: reason.clone(),
        };
        assert_eq!(
            (kind.zmq_event(), kind.zmq_value()),
            (Some(0x0200), value),
            "{kind:?}"
        );
        let kind = EventKind::ConnectFailed { reason };
        assert_eq!(
            (kind.zmq_event(), kind.zmq_value()),
            (Some(0x0080), value),
            "{kind:?}"
        );
    }
    let nearby = PeerIdentity::nearby(None, Frame::empty());
    let (after, endless) = (Duration::from_millis(250), Duration::MAX);
    let failure = PumpFailure::Forked;
    for (kind, event, value) in [
        (EventKind::Connected, Some(0x0001), None),
        (EventKind::ConnectDelayed, Some(0x0002), None),
        (EventKind::ConnectRetried { after }, Some(0x0004), Some(250)),
        (
            EventKind::ConnectRetried { after: endless },
            Some(0x0004),
            Some(i32::MAX),
        ),
        (EventKind::Listening, Some(0x0008), None),
        (
            EventKind::BindFailed {
                error: system.clone(),
            },
            Some(0x0010),
            Some(111),
        ),
        (EventKind::Accepted, Some(0x0020), None),
        (
            EventKind::AcceptFailed {
                error: system.clone(),
            },
            Some(0x0040),
            Some(111),
        ),
        (EventKind::Closed, Some(0x0080), None),
        (
            EventKind::CloseFailed { error: system },
            Some(0x0100),
            Some(111),
        ),
        (EventKind::Stopped, Some(0x0400), None),
        (EventKind::HandshakeSucceeded(nearby), Some(0x1000), None),
        (EventKind::PumpFailed { failure }, None, None),
    ] {
        assert_eq!(
            (kind.zmq_event(), kind.zmq_value()),
            (event, value),
            "{kind:?}"
        );
    }
}

#[test]
fn every_kind_of_event_has_a_distinct_bit() {
    let mut seen = EventSet::NONE;
    for (set, name) in EventSet::NAMES {
        assert!(!seen.contains(*set), "{name}");
        seen |= *set;
    }
    assert_eq!(format!("{:?}", EventKind::Closed.set()), r#"{"Closed"}"#);
}

#[test]
fn a_property_is_found_ignoring_case() {
    let mut identity = PeerIdentity::nearby(None, Frame::empty());
    assert_eq!(identity.property("User-Id"), None);
    identity.user_id = Some("anna".into());
    identity.properties = vec![
        ("X-Role".into(), b"sensor".to_vec()),
        ("X-Site".into(), b"told".to_vec()),
    ];
    identity.authenticated = vec![("x-site".into(), b"judged".to_vec())];
    assert_eq!(identity.property("user-id"), Some(&b"anna"[..]));
    assert_eq!(identity.property("x-role"), Some(&b"sensor"[..]));
    // What the authenticator says goes before what the peer says.
    assert_eq!(identity.property("X-Site"), Some(&b"judged"[..]));
    assert_eq!(identity.property("X-Other"), None);
}
