//! Binding and connecting: the forms an endpoint can have, and what is no endpoint.

use crate::common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;

use common::{ipc_path, next_text, put, within, Folder, Transport, LIMIT};
use zmq_channels::error::{
    BindError, Closed, ConnectError, DetachError, EndpointError, EndpointFault,
};
use zmq_channels::{Context, Pull, Push, Socket};

fn pull() -> Socket<Pull> {
    Context::new().socket::<Pull>().unwrap()
}

/// Proves that something sent to `endpoint` arrives at `pull`, from a separate context, or for
/// inproc from `context`.
fn reaches(context: &Context, endpoint: &str, pull: &Socket<Pull>) {
    let push = match endpoint.starts_with("inproc://") {
        true => context.socket::<Push>().unwrap(),
        false => Context::new().socket::<Push>().unwrap(),
    };
    push.connect(endpoint).unwrap();
    put(&push.sender(), endpoint);
    assert_eq!(next_text(&pull.receiver()), endpoint);
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

// ---- wildcards, and what they come to

#[test]
fn bind_returns_the_port_chosen_by_the_system() {
    within(LIMIT, || {
        let mut forms = vec![
            ("tcp://127.0.0.1:*", "tcp://127.0.0.1:"),
            ("tcp://127.0.0.1:0", "tcp://127.0.0.1:"),
            ("tcp://*:*", "tcp://0.0.0.0:"),
            ("tcp://*:0", "tcp://0.0.0.0:"),
            ("tcp://0.0.0.0:*", "tcp://0.0.0.0:"),
        ];
        if has_ipv6() {
            forms.push(("tcp://[::1]:*", "tcp://[::1]:"));
            forms.push(("tcp://[::1]:0", "tcp://[::1]:"));
            forms.push(("tcp://[::]:*", "tcp://[::]:"));
        }
        for (wildcard, resolved) in forms {
            let pull = pull();
            let endpoint = pull.bind(wildcard).unwrap();
            let port = endpoint.as_str().strip_prefix(resolved);
            let port: u16 = port
                .unwrap_or_else(|| panic!("{endpoint}"))
                .parse()
                .unwrap();
            assert_ne!(port, 0, "{wildcard}");
            reaches(&Context::new(), endpoint.as_str(), &pull);
            // The wildcard was a wish, the resolved endpoint is the fact.
            assert!(
                matches!(pull.unbind(wildcard), Err(DetachError::NotFound(_))),
                "{wildcard}"
            );
            pull.unbind(&endpoint).unwrap();
        }
    });
}

#[test]
fn bind_resolves_names() {
    within(LIMIT, || {
        let pull = pull();
        let endpoint = pull.bind("tcp://localhost:*").unwrap();
        let text = endpoint.as_str();
        let resolved = text.starts_with("tcp://127.0.0.1:") || text.starts_with("tcp://[::1]:");
        assert!(resolved, "{text}");
        reaches(&Context::new(), text, &pull);
        if let Some(port) = text.strip_prefix("tcp://127.0.0.1:") {
            reaches(&Context::new(), &format!("tcp://localhost:{port}"), &pull);
        }
    });
}

#[test]
fn bind_creates_an_ipc_path() {
    within(LIMIT, || {
        let (first, second) = (pull(), pull());
        let endpoint = first.bind("ipc://*").unwrap();
        let other = second.bind("ipc://*").unwrap();
        assert_ne!(endpoint, other);
        assert!(ipc_path(&endpoint).is_absolute() && ipc_path(&endpoint).exists());
        reaches(&Context::new(), endpoint.as_str(), &first);
        reaches(&Context::new(), other.as_str(), &second);
        // Its name goes with it, and comes back only to a peer that asks for it.
        first.unbind(&endpoint).unwrap();
        let folder = ipc_path(&endpoint).parent().unwrap();
        assert!(!ipc_path(&endpoint).exists() && !folder.exists());
        for _ in 0..10 {
            assert_ne!(first.bind("ipc://*").unwrap(), endpoint);
        }
        match first.bind(&endpoint) {
            Err(BindError::Io { source, .. }) => {
                assert_eq!(source.kind(), std::io::ErrorKind::NotFound)
            }
            other => panic!("its directory is gone: {other:?}"),
        }
        fs::create_dir(folder).unwrap();
        first.bind(&endpoint).unwrap();
        reaches(&Context::new(), endpoint.as_str(), &first);
        first.unbind(&endpoint).unwrap();
        fs::remove_dir(folder).unwrap();
    });
}

#[test]
fn an_abstract_ipc_name_needs_no_file() {
    within(LIMIT, || {
        let pull = pull();
        let name = Transport::Inproc.endpoint().replace("inproc://", "");
        let abstract_name = format!("ipc://@zmq-channels-{}-{name}", std::process::id());
        let endpoint = pull.bind(&abstract_name).unwrap();
        assert_eq!(endpoint.as_str(), abstract_name);
        reaches(&Context::new(), &abstract_name, &pull);
        assert!(matches!(
            self::pull().bind(&abstract_name),
            Err(BindError::InUse(_))
        ));
        pull.unbind(&endpoint).unwrap();
        self::pull().bind(&abstract_name).unwrap();
    });
}

#[test]
fn an_endpoint_without_wildcard_is_returned_unchanged() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let context = Context::new();
            let pull = context.socket::<Pull>().unwrap();
            let given = transport.endpoint();
            let endpoint = pull.bind(&given).unwrap();
            assert_eq!(endpoint.as_str(), given);
            assert_eq!(endpoint.to_string(), given);
            reaches(&context, &given, &pull);
        }
    });
}

#[test]
fn one_socket_binds_to_many_endpoints() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        let places = [
            "tcp://127.0.0.1:*",
            "tcp://127.0.0.1:*",
            "tcp://*:*",
            "ipc://*",
            "ipc://*",
            "inproc://one",
            "inproc://another",
        ];
        let bound = places.map(|place| pull.bind(place).unwrap());
        for endpoint in &bound {
            reaches(&context, endpoint.as_str(), &pull);
        }
        // Each goes by itself.
        for (index, endpoint) in bound.iter().enumerate() {
            pull.unbind(endpoint).unwrap();
            assert!(matches!(
                pull.unbind(endpoint),
                Err(DetachError::NotFound(_))
            ));
            if let Some(next) = bound.get(index + 1) {
                reaches(&context, next.as_str(), &pull);
            }
        }
    });
}

// ---- places that are taken

#[test]
fn binding_to_the_same_endpoint_twice_is_an_error() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, elsewhere) = transport.contexts();
            let first = context.socket::<Pull>().unwrap();
            let second = elsewhere.socket::<Pull>().unwrap();
            let endpoint = first.bind(transport.endpoint()).unwrap();
            let in_use = |socket: &Socket<Pull>| match socket.bind(&endpoint) {
                Err(BindError::InUse(place)) => assert_eq!(place, endpoint.as_str()),
                other => panic!("{other:?}"),
            };
            in_use(&first);
            in_use(&second);
            // The failed attempts did the one that is bound no harm.
            reaches(&context, endpoint.as_str(), &first);
            first.unbind(&endpoint).unwrap();
            second.bind(&endpoint).unwrap();
            reaches(&context, endpoint.as_str(), &second);
            in_use(&first);
        }
    });
}

#[test]
fn inproc_names_belong_to_one_context() {
    within(LIMIT, || {
        let (here, there) = (Context::new(), Context::new());
        let (near, far) = (
            here.socket::<Pull>().unwrap(),
            there.socket::<Pull>().unwrap(),
        );
        near.bind("inproc://same-name").unwrap();
        far.bind("inproc://same-name").unwrap();
        reaches(&here, "inproc://same-name", &near);
        reaches(&there, "inproc://same-name", &far);
    });
}

#[test]
fn binding_to_a_port_in_use_is_an_error() {
    within(LIMIT, || {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", other.local_addr().unwrap());
        assert!(matches!(pull().bind(&endpoint), Err(BindError::InUse(_))));
        drop(other);
        pull().bind(&endpoint).unwrap();
    });
}

#[test]
fn a_stale_ipc_file_is_replaced_and_a_live_one_is_not() {
    within(LIMIT, || {
        let folder = Folder::new();
        let path = folder.path().join("feed");
        let endpoint = format!("ipc://{}", path.display());

        let live = UnixListener::bind(&path).unwrap();
        assert!(matches!(pull().bind(&endpoint), Err(BindError::InUse(_))));
        drop(live); // Leaves its file behind, as a process that crashed does.
        assert!(path.exists());
        let pull = pull();
        pull.bind(&endpoint).unwrap();
        reaches(&Context::new(), &endpoint, &pull);
        pull.unbind(&endpoint).unwrap();
        assert_eq!(folder.files(), 0);
    });
}

#[test]
fn binding_to_an_ipc_path_removes_no_other_file() {
    within(LIMIT, || {
        let folder = Folder::new();
        let path = folder.path().join("precious");
        fs::write(&path, "do not touch").unwrap();
        let endpoint = format!("ipc://{}", path.display());
        let refused = pull().bind(&endpoint);
        assert!(
            matches!(refused, Err(BindError::InUse(_) | BindError::Io { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "do not touch");
    });
}

#[test]
fn unbind_frees_the_address_at_once() {
    within(LIMIT, || {
        let pull = pull();
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let address = endpoint.as_str().strip_prefix("tcp://").unwrap();
        reaches(&Context::new(), endpoint.as_str(), &pull);
        pull.unbind(&endpoint).unwrap();
        assert!(TcpStream::connect(address).is_err(), "still listening");
        TcpListener::bind(address).unwrap();

        let folder = Folder::new();
        let path = folder.path().join("feed");
        let endpoint = pull.bind(format!("ipc://{}", path.display())).unwrap();
        assert!(path.exists());
        pull.unbind(&endpoint).unwrap();
        assert_eq!(folder.files(), 0, "unbind removes the file");
    });
}

// ---- what the system refuses

#[test]
fn failed_binds_return_typed_errors() {
    within(LIMIT, || {
        let pull = pull();
        // Of the network for examples (RFC 5737): no interface of ours has it.
        let impossible = [
            "tcp://192.0.2.1:5555",
            "tcp://no-such-host.invalid:5555",
            "ipc:///no/such/folder/feed",
        ];
        for place in impossible {
            match pull.bind(place) {
                Err(BindError::Io { endpoint, .. }) => assert_eq!(endpoint, place),
                other => panic!("{place}: {other:?}"),
            }
        }
        // And the socket is as good as new.
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        reaches(&Context::new(), endpoint.as_str(), &pull);
    });
}

#[test]
fn connecting_without_a_listener_is_not_an_error() {
    within(LIMIT, || {
        let push = Context::new().socket::<Push>().unwrap();
        for place in [
            "tcp://no-such-host.invalid:5555",
            "ipc:///no/such/folder/feed",
        ] {
            let endpoint = push.connect(place).unwrap();
            assert_eq!(endpoint.as_str(), place);
            push.disconnect(&endpoint).unwrap();
            assert!(matches!(
                push.disconnect(place),
                Err(DetachError::NotFound(_))
            ));
        }
    });
}

// ---- what is no endpoint

#[test]
fn malformed_endpoints_are_typed_errors() {
    use EndpointFault::*;
    let too_long = format!("ipc:///{}", "x".repeat(200));
    let long_name = format!("inproc://{}", "x".repeat(5_000));
    let nowhere = [
        ("", NoScheme),
        ("tcp", NoScheme),
        ("127.0.0.1:5555", NoScheme),
        ("://127.0.0.1:5555", NoScheme),
        ("udp://127.0.0.1:5555", UnknownScheme),
        ("TCP://127.0.0.1:5555", UnknownScheme),
        ("http://127.0.0.1:5555", UnknownScheme),
        ("tcp://", EmptyAddress),
        ("ipc://", EmptyAddress),
        ("ipc://@", EmptyAddress),
        ("inproc://", EmptyAddress),
        ("tcp://127.0.0.1", NoPort),
        ("tcp://127.0.0.1:", NoPort),
        ("tcp://127.0.0.1:65536", BadPort),
        ("tcp://127.0.0.1:-1", BadPort),
        ("tcp://127.0.0.1:+1", BadPort),
        ("tcp://127.0.0.1:http", BadPort),
        ("tcp://127.0.0.1:99999999999999999999", BadPort),
        ("tcp://:5555", BadHost),
        ("tcp://a b:5555", BadHost),
        ("tcp://1.2.3.4.5:5555", BadHost),
        ("tcp://127.0.0.256:5555", BadHost),
        ("tcp://::1", BadHost),
        ("tcp://[::1:5555", BadIpv6),
        ("tcp://[::g]:5555", BadIpv6),
        ("tcp://[]:5555", BadIpv6),
        ("tcp://[::1]5555", BadIpv6),
        ("tcp://[::1]", NoPort),
        ("ipc:///tmp/a\0b", NulByte),
        ("inproc://a\0b", NulByte),
        (&too_long, NameTooLong),
        (&long_name, NameTooLong),
    ];
    let only_bind = [("tcp://127.0.0.1:1;127.0.0.1:2", SourceOnBind)];
    let only_connect = [
        ("tcp://*:5555", WildcardConnect),
        ("tcp://127.0.0.1:*", WildcardConnect),
        ("tcp://127.0.0.1:0", WildcardConnect),
        ("ipc://*", WildcardConnect),
    ];
    let pull = pull();
    for (text, reason) in nowhere.iter().chain(&only_bind) {
        let expected = fault(text, reason);
        match pull.bind(text) {
            Err(BindError::Endpoint(error)) => assert_eq!(error, expected),
            other => panic!("bind {text:?}: {other:?}"),
        }
        match pull.unbind(text) {
            Err(DetachError::Endpoint(error)) => assert_eq!(error, expected),
            other => panic!("unbind {text:?}: {other:?}"),
        }
    }
    for (text, reason) in nowhere.iter().chain(&only_connect) {
        let expected = fault(text, reason);
        match pull.connect(text) {
            Err(ConnectError::Endpoint(error)) => assert_eq!(error, expected),
            other => panic!("connect {text:?}: {other:?}"),
        }
        match pull.disconnect(text) {
            Err(DetachError::Endpoint(error)) => assert_eq!(error, expected),
            other => panic!("disconnect {text:?}: {other:?}"),
        }
    }
}

fn fault(text: &str, reason: &EndpointFault) -> EndpointError {
    EndpointError {
        endpoint: text.chars().take(256).collect(),
        reason: reason.clone(),
    }
}

#[test]
fn the_longest_ipc_path_works() {
    within(LIMIT, || {
        let folder = Folder::new();
        let prefix = folder.path().display().to_string();
        let longest = format!("{prefix}/{}", "x".repeat(106 - prefix.len()));
        assert_eq!(longest.len(), 107);
        let pull = pull();
        pull.bind(format!("ipc://{longest}")).unwrap();
        reaches(&Context::new(), &format!("ipc://{longest}"), &pull);
        let refused = pull.bind(format!("ipc://{longest}x"));
        let Err(BindError::Endpoint(error)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(error.reason, EndpointFault::NameTooLong);
    });
}

// ---- sockets that have ended

#[test]
fn a_closed_socket_refuses_bind_and_connect() {
    within(LIMIT, || {
        let context = Context::new();
        let pull = context.socket::<Pull>().unwrap();
        pull.close_blocking();
        assert!(matches!(
            pull.bind("inproc://x"),
            Err(BindError::Closed(Closed::Socket))
        ));
        assert!(matches!(
            pull.connect("inproc://x"),
            Err(ConnectError::Closed(Closed::Socket))
        ));
        assert!(matches!(
            pull.unbind("inproc://x"),
            Err(DetachError::Closed(Closed::Socket))
        ));
        assert!(matches!(
            pull.disconnect("inproc://x"),
            Err(DetachError::Closed(Closed::Socket))
        ));

        let pull = context.socket::<Pull>().unwrap();
        context.shutdown();
        assert!(matches!(
            pull.bind("inproc://x"),
            Err(BindError::Closed(Closed::Context))
        ));
        assert!(matches!(
            pull.connect("inproc://x"),
            Err(ConnectError::Closed(Closed::Context))
        ));
        assert!(matches!(
            pull.unbind("inproc://x"),
            Err(DetachError::Closed(Closed::Context))
        ));
        assert!(matches!(
            pull.disconnect("inproc://x"),
            Err(DetachError::Closed(Closed::Context))
        ));
    });
}

#[test]
fn an_ipv6_address_needs_no_brackets() {
    within(LIMIT, || {
        if !has_ipv6() {
            return;
        }
        let pull = pull();
        let bound = pull.bind("tcp://::1:*").unwrap();
        let port = bound.as_str().strip_prefix("tcp://[::1]:").unwrap();
        let push = Context::new().socket::<Push>().unwrap();
        // It is called what it was called by.
        let plain = format!("tcp://::1:{port}");
        assert_eq!(push.connect(&plain).unwrap().as_str(), plain);
        put(&push.sender(), "hello");
        assert_eq!(next_text(&pull.receiver()), "hello");
        push.disconnect(&plain).unwrap();
        pull.unbind(&bound).unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_source_is_an_interface_or_a_host() {
    use zmq_channels::monitor::{EventKind, EventSet, MonitorOptions};
    within(LIMIT, || {
        let pull = pull();
        let accepted = MonitorOptions::new().events(EventSet::ACCEPTED);
        let monitor = pull.monitor_with(accepted).unwrap();
        let bound = pull.bind("tcp://127.0.0.1:*").unwrap();
        let to = bound.as_str().strip_prefix("tcp://").unwrap();
        for name in ["lo", "localhost"] {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let push = Context::new().socket::<Push>().unwrap();
            push.connect(format!("tcp://{name}:{port};{to}")).unwrap();
            put(&push.sender(), name);
            assert_eq!(next_text(&pull.receiver()), name);
            let event = monitor.recv_timeout_blocking(common::PATIENCE).unwrap();
            let from = event.remote.unwrap();
            assert_eq!(from.as_str(), format!("tcp://127.0.0.1:{port}"));
        }
        // A name may appear later: it is asked for again at each attempt.
        let push = Context::new().socket::<Push>().unwrap();
        let failed = MonitorOptions::new().events(EventSet::CONNECT_FAILED);
        let monitor = push.monitor_with(failed).unwrap();
        push.connect(format!("tcp://no-such-interface:0;{to}"))
            .unwrap();
        for _ in 0..2 {
            let event = monitor.recv_timeout_blocking(common::PATIENCE).unwrap();
            assert!(matches!(event.kind, EventKind::ConnectFailed { .. }));
        }
    });
}
