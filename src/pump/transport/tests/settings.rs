//! The kernel's options, read back from it.

use std::net::{TcpListener, TcpStream};

use super::*;
use crate::options::TcpKeepalive;

/// A listener, and both ends of a connection, made with these options.
#[cfg(unix)]
fn sockets(wildcard: &str, options: &Options) -> (Listener, Stream, Stream) {
    let (mut listener, resolved) = bind_with(wildcard, options).unwrap();
    let mut here = connect(&target_of(&resolved), options).unwrap().stream;
    wait_connected(&mut here).unwrap();
    let (there, _) = wait_accepted(&mut listener);
    (listener, here, there)
}

/// Checks a TCP listener, and both ends of a connection.
#[cfg(unix)]
fn each(wildcard: &str, options: &Options, check: impl Fn(&socket2::Socket)) {
    let (listener, here, there) = sockets(wildcard, options);
    let Listener::Tcp(listener) = &listener else {
        panic!("a tcp listener");
    };
    check(&listener.as_socket());
    for stream in [&here, &there] {
        let Stream::Tcp(stream) = stream else {
            panic!("a tcp stream");
        };
        check(&SockRef::from(stream));
    }
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

// Windows tells no times back.
#[test]
#[cfg(unix)]
fn keepalive_is_on_off_or_unchanged() {
    let default = Options::new();
    // A new socket has the system's settings.
    let system = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    each("tcp://127.0.0.1:*", &default, |socket| {
        assert!(!socket.keepalive().unwrap());
        let idle = system.tcp_keepalive_time().unwrap();
        assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
    });
    let off = Options::new().tcp_keepalive(TcpKeepalive::Off);
    each("tcp://127.0.0.1:*", &off, |socket| {
        assert!(!socket.keepalive().unwrap());
    });
    let on = |idle, interval, count| {
        Options::new().tcp_keepalive(TcpKeepalive::On {
            idle,
            interval,
            count,
        })
    };
    each("tcp://127.0.0.1:*", &on(None, None, None), |socket| {
        assert!(socket.keepalive().unwrap());
        let idle = system.tcp_keepalive_time().unwrap();
        assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
    });
    let seconds = Duration::from_secs;
    let all = on(Some(seconds(77)), Some(seconds(7)), Some(5));
    each("tcp://127.0.0.1:*", &all, |socket| {
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), seconds(77));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), seconds(7));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 5);
    });
    // Each on its own.
    each("tcp://127.0.0.1:*", &on(None, None, Some(3)), |socket| {
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    });
}

/// Keepalive that is turned off is off even if the listener that was taken over had it on.
#[test]
fn keepalive_is_turned_off() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&other).set_keepalive(true).unwrap();
    let off = Options::new().tcp_keepalive(TcpKeepalive::Off);
    let (mut listener, resolved) = adopt(other.into(), &off).unwrap();
    let _here = connect_text(resolved.as_str()).unwrap();
    let (Stream::Tcp(there), _) = wait_accepted(&mut listener) else {
        panic!("a tcp stream");
    };
    assert!(!SockRef::from(&there).keepalive().unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn retransmission_ends_in_time() {
    each("tcp://127.0.0.1:*", &Options::new(), |socket| {
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    });
    let limit = Duration::from_millis(4_321);
    let options = Options::new().tcp_max_retransmit(Some(limit));
    each("tcp://127.0.0.1:*", &options, |socket| {
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(limit));
    });
}

#[test]
#[cfg(unix)]
fn type_of_service_of_both_families() {
    const LOW_DELAY: u8 = 0x28;
    each("tcp://127.0.0.1:*", &Options::new(), |socket| {
        assert_eq!(socket.tos_v4().unwrap(), 0);
    });
    let options = Options::new().type_of_service(LOW_DELAY);
    each("tcp://127.0.0.1:*", &options, |socket| {
        assert_eq!(socket.tos_v4().unwrap(), LOW_DELAY.into());
    });
    if has_ipv6() {
        each("tcp://[::1]:*", &options, |socket| {
            assert_eq!(socket.tclass_v6().unwrap(), LOW_DELAY.into());
        });
        // An IPv4 peer of a listener of both families.
        let both = options.ipv6(true);
        let (mut listener, resolved) = bind_with("tcp://*:*", &both).unwrap();
        let port = resolved.as_str().strip_prefix("tcp://[::]:").unwrap();
        let _here = connect_text(&format!("tcp://127.0.0.1:{port}")).unwrap();
        let (Stream::Tcp(there), _) = wait_accepted(&mut listener) else {
            panic!("a tcp stream");
        };
        let there = SockRef::from(&there);
        assert_eq!(there.tos_v4().unwrap(), LOW_DELAY.into());
    }
}

/// Linux lets every user choose a device for a socket that has none yet.
#[test]
#[cfg(target_os = "linux")]
fn sockets_use_only_the_device_they_are_bound_to() {
    let options = Options::new().bind_to_device("lo");
    each("tcp://127.0.0.1:*", &options, |socket| {
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
    });
    let nowhere = Options::new().bind_to_device("no-such-device");
    match bind_with("tcp://127.0.0.1:*", &nowhere) {
        Err(BindError::Io { source, .. }) => {
            assert!(source.to_string().contains("no-such-device"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    let (_listener, resolved) = bind_text("tcp://127.0.0.1:*").unwrap();
    let error = connect(&target_of(&resolved), &nowhere).unwrap_err();
    assert!(error.to_string().contains("no-such-device"), "{error}");
}

#[test]
fn every_interface_of_one_family_or_of_both() {
    let (_listener, resolved) = bind_with("tcp://*:*", &Options::new()).unwrap();
    let text = resolved.as_str();
    assert!(text.starts_with("tcp://0.0.0.0:"), "{text}");
    let (mut listener, resolved) = bind_with("tcp://*:*", &Options::new().ipv6(true)).unwrap();
    if has_ipv6() {
        let port = resolved.as_str().strip_prefix("tcp://[::]:").unwrap();
        converse(&mut listener, &format!("tcp://127.0.0.1:{port}"));
        converse(&mut listener, &format!("tcp://[::1]:{port}"));
    }
}

#[test]
fn without_ipv6_a_wildcard_binds_ipv4_only() {
    let mut tried = Vec::new();
    let bound = tcp::bind_any(7, |address| {
        tried.push(address.to_string());
        match address.is_ipv6() {
            true => Err(io::Error::from(ErrorKind::Unsupported)),
            false => Ok(address),
        }
    });
    assert_eq!(bound.unwrap().to_string(), "0.0.0.0:7");
    assert_eq!(tried, ["[::]:7", "0.0.0.0:7"]);
    // But an address that is in use stays in use.
    let bound: io::Result<()> = tcp::bind_any(7, |address| {
        assert!(address.is_ipv6());
        Err(ErrorKind::AddrInUse.into())
    });
    assert_eq!(bound.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
#[cfg(target_os = "linux")]
fn an_interface_can_be_bound_by_name() {
    let (mut listener, resolved) = bind_with("tcp://lo:*", &Options::new()).unwrap();
    assert!(resolved.as_str().starts_with("tcp://127.0.0.1:"));
    converse(&mut listener, resolved.as_str());
}

/// The pump's thread never calls the resolver.
#[test]
fn names_are_looked_up_before_they_are_bound() {
    let (name, options) = (for_bind("tcp://localhost:*"), Options::new());
    assert!(is_unsettled(&name) && !is_unsettled(&for_bind("tcp://*:*")));
    match bind(&name, &options) {
        Err(BindError::Io { source, .. }) => {
            assert!(
                source.to_string().contains("not been looked up"),
                "{source}"
            );
        }
        other => panic!("{other:?}"),
    }
    bind(&settle(&name, false).unwrap(), &options).unwrap();
}

#[test]
fn names_resolve_to_ipv4_unless_ipv6_is_on() {
    // Resolvers take this for a name with one IPv6 address, endpoints do not.
    let name = Host::Name("::1".into());
    let error = lookup(&name, 80, None, false).unwrap_err();
    assert!(error.to_string().contains("option ipv6"), "{error}");
    let expected = Target::Tcp {
        addr: "[::1]:80".parse().unwrap(),
        source: None,
    };
    assert_eq!(lookup(&name, 80, None, true).unwrap(), [expected]);
    // An address is not a name.
    for ipv6 in [false, true] {
        let address = Host::V6("::1".parse().unwrap(), None);
        assert_eq!(lookup(&address, 80, None, ipv6).unwrap().len(), 1);
    }
}

#[test]
fn connections_wait_in_the_backlog() {
    // Linux accepts one more than the backlog.
    let (_listener, resolved) = bind_with("tcp://127.0.0.1:*", &Options::new().backlog(3)).unwrap();
    let address = resolved.as_str().strip_prefix("tcp://").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let mut waiting = Vec::new();
    let limit = Duration::from_millis(100);
    while let Ok(stream) = TcpStream::connect_timeout(&address, limit) {
        waiting.push(stream);
        assert!(waiting.len() < 50, "the backlog never fills");
    }
    assert!((3..=8).contains(&waiting.len()), "{}", waiting.len());
}
