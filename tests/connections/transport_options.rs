//! The options that are about the way to a peer: families, devices, filters, proxies, listeners of
//! others, and when to stop connecting. What they ask of the kernel is asked back in `src/pump`.

use crate::common;

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::raw::{Raw, GREETING};
use common::{
    eventually, holds_within, next_text, put, within, Folder, Transport, ABSENCE, LIMIT, PATIENCE,
};
use zmq_channels::error::{BindError, Closed, ConfigureError, SocketError};
use zmq_channels::options::{PeerAddress, ReconnectStop, SocksProxy, TcpKeepalive};
use zmq_channels::{Context, Endpoint, Options, Pull, Push, Socket};

fn pull(options: Options) -> Socket<Pull> {
    Context::new().socket_with::<Pull>(options).unwrap()
}

fn push(options: Options) -> Socket<Push> {
    Context::new().socket_with::<Push>(options).unwrap()
}

/// Tries again soon.
fn eager() -> Options {
    Options::new()
        .reconnect_interval(Some(Duration::from_millis(5)))
        .reconnect_interval_max(Duration::from_millis(10))
}

/// Proves that something sent to `endpoint` arrives at `pull`.
fn reaches(endpoint: &str, pull: &Socket<Pull>) {
    let push = push(eager());
    push.connect(endpoint).unwrap();
    put(&push.sender(), endpoint);
    assert_eq!(next_text(&pull.receiver()), endpoint);
}

fn address(endpoint: &Endpoint) -> &str {
    endpoint.as_str().strip_prefix("tcp://").unwrap()
}

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

/// The next connection, if one comes within `limit`.
fn accept_within(listener: &TcpListener, limit: Duration) -> Option<TcpStream> {
    listener.set_nonblocking(true).unwrap();
    let mut stream = None;
    holds_within(limit, || match listener.accept() {
        Ok((accepted, _)) => {
            accepted.set_nonblocking(false).unwrap();
            stream = Some(accepted);
            true
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    });
    stream
}

fn accept(listener: &TcpListener) -> TcpStream {
    accept_within(listener, PATIENCE).expect("a connection should have come")
}

// ---- values an option cannot have

#[test]
fn options_unsupported_by_the_system_are_typed_errors() {
    within(LIMIT, || {
        let keepalive = |idle, interval, count| {
            Options::new().tcp_keepalive(TcpKeepalive::On {
                idle,
                interval,
                count,
            })
        };
        let brief = Some(Duration::from_millis(999));
        let long = Some(Duration::from_secs(32_768));
        let proxy = |address: &str| Options::new().socks_proxy(SocksProxy::new(address));
        let known = |user: &str, password: &str| {
            let proxy = SocksProxy::new("127.0.0.1:1080");
            Options::new().socks_proxy(proxy.credentials(user, password))
        };
        let bad = [
            ("tcp_keepalive", keepalive(brief, None, None)),
            ("tcp_keepalive", keepalive(None, long, None)),
            ("tcp_keepalive", keepalive(None, None, Some(0))),
            ("tcp_keepalive", keepalive(None, None, Some(128))),
            (
                "tcp_max_retransmit",
                Options::new().tcp_max_retransmit(Some(Duration::from_micros(999))),
            ),
            ("bind_to_device", Options::new().bind_to_device("")),
            (
                "bind_to_device",
                Options::new().bind_to_device("x".repeat(16)),
            ),
            ("bind_to_device", Options::new().bind_to_device("a\0b")),
            ("socks_proxy", proxy("no-port")),
            ("socks_proxy", proxy("*:1080")),
            ("socks_proxy", proxy("127.0.0.1;127.0.0.1:1080")),
            ("socks_proxy", known("", "secret")),
            ("socks_proxy", known(&"u".repeat(256), "secret")),
            ("socks_proxy", known("user", &"p".repeat(256))),
        ];
        let context = Context::new();
        for (name, options) in bad {
            match context.socket_with::<Push>(options.clone()) {
                Err(SocketError::Option { option, .. }) => assert_eq!(option, name),
                other => panic!("{name}: {other:?}"),
            }
            let open = context.socket::<Push>().unwrap();
            match open.configure(|_| options.clone()) {
                Err(ConfigureError::Option { option, .. }) => assert_eq!(option, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        let good = keepalive(
            Some(Duration::from_secs(1)),
            Some(Duration::from_secs(32_767)),
            Some(127),
        );
        context.socket_with::<Push>(good).unwrap();
    });
}

#[test]
fn debug_output_contains_no_password() {
    let proxy = SocksProxy::new("h:1").credentials("alice", "secret");
    let shown = format!("{:?}", Options::new().socks_proxy(proxy));
    assert!(shown.contains("alice") && !shown.contains("secret"));
}

// ---- families, devices, sources

#[test]
fn with_ipv6_a_wildcard_binds_both_families() {
    within(LIMIT, || {
        let both = pull(Options::new().ipv6(true));
        let endpoint = both.bind("tcp://*:*").unwrap();
        if has_ipv6() {
            let port = endpoint.as_str().strip_prefix("tcp://[::]:").unwrap();
            reaches(&format!("tcp://127.0.0.1:{port}"), &both);
            reaches(&format!("tcp://[::1]:{port}"), &both);
        }
        let one = pull(Options::new());
        let endpoint = one.bind("tcp://*:*").unwrap();
        let port = endpoint.as_str().strip_prefix("tcp://0.0.0.0:").unwrap();
        TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        assert!(TcpStream::connect(format!("[::1]:{port}")).is_err());
    });
}

/// The system may know `localhost` by one address or by two.
#[test]
fn without_ipv6_bound_names_resolve_to_ipv4() {
    within(LIMIT, || {
        let pull = pull(Options::new());
        let endpoint = pull.bind("tcp://localhost:*").unwrap();
        assert!(endpoint.as_str().starts_with("tcp://127."), "{endpoint}");
        reaches(endpoint.as_str(), &pull);
        // Errors are about the endpoint as it was given.
        let port = endpoint.as_str().rsplit_once(':').unwrap().1;
        let named = format!("tcp://localhost:{port}");
        match pull.bind(&named) {
            Err(BindError::InUse(endpoint)) => assert_eq!(endpoint, named),
            other => panic!("{other:?}"),
        }
    });
}

/// Where the system knows `localhost` by two addresses, no socket listens at the first.
#[test]
fn the_next_address_of_a_name_is_tried_in_the_same_attempt() {
    within(LIMIT, || {
        let known: Vec<_> = ("localhost", 1).to_socket_addrs().unwrap().collect();
        let last = match known.iter().any(SocketAddr::is_ipv6) {
            true => "[::1]",
            false => "127.0.0.1",
        };
        let pull = pull(Options::new().ipv6(true));
        let endpoint = pull.bind(format!("tcp://{last}:*")).unwrap();
        let port = endpoint.as_str().rsplit_once(':').unwrap().1;
        let never_again = Options::new().ipv6(true).reconnect_interval(None);
        let push = Context::new().socket_with::<Push>(never_again).unwrap();
        push.connect(format!("tcp://localhost:{port}")).unwrap();
        push.send_blocking("hello").unwrap();
        assert_eq!(next_text(&pull.receiver()), "hello");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_interface_can_be_bound_by_name() {
    within(LIMIT, || {
        let pull = pull(Options::new());
        let endpoint = pull.bind("tcp://lo:*").unwrap();
        assert!(endpoint.as_str().starts_with("tcp://127."), "{endpoint}");
        reaches(endpoint.as_str(), &pull);
        pull.unbind(&endpoint).unwrap();
    });
}

#[test]
fn a_missing_device_is_an_error() {
    within(LIMIT, || {
        let nowhere = || eager().bind_to_device("no-such-device");
        match pull(nowhere()).bind("tcp://127.0.0.1:*") {
            Err(BindError::Io { endpoint, source }) => {
                assert_eq!(endpoint, "tcp://127.0.0.1:*");
                assert!(source.to_string().contains("no-such-device"), "{source}");
            }
            other => panic!("{other:?}"),
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let push = push(nowhere());
        push.connect(&endpoint).unwrap();
        assert!(accept_within(&listener, ABSENCE).is_none());
        // Another device, another connection.
        push.configure(|options| options.bind_to_device("lo"))
            .unwrap();
        push.connect(&endpoint).unwrap();
        accept(&listener);
    });
}

#[test]
fn one_source_port_for_several_destinations() {
    within(LIMIT, || {
        let (first, second) = (pull(Options::new()), pull(Options::new()));
        let one = first.bind("tcp://127.0.0.1:*").unwrap();
        let other = second.bind("tcp://127.0.0.1:*").unwrap();
        let spare = Transport::Tcp.endpoint();
        let source = spare.strip_prefix("tcp://").unwrap();
        let seen = TcpListener::bind("127.0.0.1:0").unwrap();
        let push = push(eager());
        for to in [
            address(&one),
            address(&other),
            &seen.local_addr().unwrap().to_string(),
        ] {
            push.connect(format!("tcp://{source};{to}")).unwrap();
        }
        let peer = accept(&seen).peer_addr().unwrap();
        assert_eq!(peer.to_string(), source);
        // A PUSH deals: both get theirs only if both are connected.
        eventually("both are connected", || {
            let _ = push.try_send("x");
            let mut heard = [&first, &second]
                .into_iter()
                .filter(|pull| pull.receiver().try_recv().is_ok());
            heard.next().is_some() && heard.next().is_some()
        });
    });
}

// ---- when to give up

/// A listener whose backlog is full: a client waits for an answer.
fn deaf_listener() -> (socket2::Socket, Vec<TcpStream>) {
    let place = Transport::Tcp.endpoint();
    let address = place.strip_prefix("tcp://").unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, ABSENCE) {
        waiting.push(stream);
        assert!(waiting.len() < 50, "the backlog never fills");
    }
    (listener, waiting)
}

/// The ports from which a peer is on the way to `listener`.
fn on_their_way(listener: &socket2::Socket) -> Vec<String> {
    let address = listener.local_addr().unwrap().as_socket_ipv4().unwrap();
    let ip = u32::from_ne_bytes(address.ip().octets());
    let to = format!("{ip:08X}:{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().map(|line| line.split_whitespace().collect());
    // Local address, remote address, state; 02 is SYN_SENT.
    lines
        .filter(|words: &Vec<&str>| words[2] == to && words[3] == "02")
        .map(|words| words[1].to_owned())
        .collect()
}

#[test]
fn an_attempt_to_connect_takes_no_longer_than_connect_timeout() {
    within(LIMIT, || {
        let (listener, _waiting) = deaf_listener();
        let to = listener.local_addr().unwrap().as_socket().unwrap();
        let push = push(eager().connect_timeout(Some(Duration::from_millis(30))));
        push.connect(format!("tcp://{to}")).unwrap();
        let mut from = HashSet::new();
        eventually("three attempts", || {
            from.extend(on_their_way(&listener));
            from.len() >= 3
        });
    });
}

#[test]
fn without_connect_timeout_an_attempt_is_not_limited() {
    within(LIMIT, || {
        let (listener, _waiting) = deaf_listener();
        let to = listener.local_addr().unwrap().as_socket().unwrap();
        let push = push(eager());
        push.connect(format!("tcp://{to}")).unwrap();
        let mut from = HashSet::new();
        eventually("an attempt", || {
            from.extend(on_their_way(&listener));
            !from.is_empty()
        });
        let another = holds_within(ABSENCE, || {
            from.extend(on_their_way(&listener));
            from.len() > 1
        });
        assert!(!another);
    });
}

#[test]
fn a_refused_endpoint_is_given_up_with_reconnect_stop() {
    let stop = ReconnectStop::new().refused(true);
    within(LIMIT, move || {
        for (stop, comes) in [(stop, false), (ReconnectStop::default(), true)] {
            let place = Transport::Tcp.endpoint();
            let push = push(eager().reconnect_stop(stop));
            // Refused before this returns: only this machine is asked.
            push.connect(&place).unwrap();
            push.options().unwrap();
            let listener = TcpListener::bind(place.strip_prefix("tcp://").unwrap()).unwrap();
            let limit = if comes { PATIENCE } else { ABSENCE };
            assert_eq!(accept_within(&listener, limit).is_some(), comes);
            // A client that asks again gets another attempt.
            push.disconnect(&place).unwrap();
            push.connect(&place).unwrap();
            accept(&listener);
        }
    });
}

#[test]
fn a_missing_ipc_path_is_given_up_with_reconnect_stop() {
    let stop = ReconnectStop::new().refused(true);
    within(LIMIT, move || {
        for (stop, comes) in [(stop, false), (ReconnectStop::default(), true)] {
            let folder = Folder::new();
            let path = folder.path().join("feed");
            let push = push(eager().reconnect_stop(stop));
            push.connect(format!("ipc://{}", path.display())).unwrap();
            let listener = UnixListener::bind(&path).unwrap();
            listener.set_nonblocking(true).unwrap();
            let limit = if comes { PATIENCE } else { ABSENCE };
            let came = holds_within(limit, || listener.accept().is_ok());
            assert_eq!(came, comes);
        }
    });
}

#[test]
fn an_endpoint_without_zmtp_is_given_up_with_reconnect_stop() {
    let stop = ReconnectStop::new().handshake_failed(true);
    // Another protocol, an early end, an end in the middle, and silence.
    let answers: [Option<&'static [u8]>; 4] = [
        Some(b"HTTP/1.1 400"),
        Some(b""),
        Some(&GREETING[..30]),
        None,
    ];
    within(LIMIT, move || {
        for answer in answers {
            for (stop, comes) in [(stop, false), (ReconnectStop::default(), true)] {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let options = eager()
                    .reconnect_stop(stop)
                    .handshake_timeout(Some(Duration::from_millis(20)));
                let push = push(options);
                let place = format!("tcp://{}", listener.local_addr().unwrap());
                push.connect(place).unwrap();
                let mut peer = Raw::from_tcp(accept(&listener));
                match answer {
                    Some(answer) => {
                        peer.write_anyway(answer);
                        drop(peer);
                    }
                    None => assert!(peer.is_closed_within(PATIENCE)),
                }
                let limit = if comes { PATIENCE } else { ABSENCE };
                let came = accept_within(&listener, limit).is_some();
                assert_eq!(came, comes, "{answer:?}");
            }
        }
    });
}

/// What `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT` asks of libzmq.
#[test]
fn a_disconnected_endpoint_is_never_tried_again() {
    within(LIMIT, || {
        // There was no peer yet, or a connection was lost with a message on its way.
        for met in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let place = format!("tcp://{}", listener.local_addr().unwrap());
            let push = push(eager());
            let sender = push.sender();
            if met {
                push.connect(&place).unwrap();
                let mut peer = Raw::from_tcp(accept(&listener));
                peer.shake_hands(GREETING, "PULL");
                put(&sender, "here");
                assert_eq!(peer.read_frame(), (0, b"here".to_vec()));
                let address = listener.local_addr().unwrap();
                drop((listener, peer));
                put(&sender, "kept for the next peer");
                push.disconnect(&place).unwrap();
                let again = TcpListener::bind(address).unwrap();
                assert!(accept_within(&again, ABSENCE).is_none());
            } else {
                let address = listener.local_addr().unwrap();
                drop(listener);
                push.connect(&place).unwrap();
                put(&sender, "kept for the next peer");
                push.disconnect(&place).unwrap();
                let again = TcpListener::bind(address).unwrap();
                assert!(accept_within(&again, ABSENCE).is_none());
            }
        }
    });
}

#[test]
fn a_peer_that_was_connected_is_not_given_up() {
    within(LIMIT, || {
        let stop = ReconnectStop::new().refused(true).handshake_failed(true);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let push = push(eager().reconnect_stop(stop));
        push.connect(format!("tcp://{}", listener.local_addr().unwrap()))
            .unwrap();
        for _ in 0..3 {
            let mut peer = Raw::from_tcp(accept(&listener));
            peer.shake_hands(GREETING, "PULL");
            // The handshake is done when a message comes.
            put(&push.sender(), "here");
            assert_eq!(peer.read_frame(), (0, b"here".to_vec()));
        }
    });
}

// ---- which peers a listener accepts

#[test]
fn a_filter_decides_by_address() {
    within(LIMIT, || {
        let (tell, asked) = mpsc::channel();
        let options = Options::new().accept_filter(move |peer| {
            tell.send(peer.clone()).unwrap();
            matches!(peer, PeerAddress::Tcp(peer) if peer.ip().to_string() == "127.0.0.2")
        });
        let pull = pull(options);
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let mut stranger = TcpStream::connect(address(&endpoint)).unwrap();
        let peer = asked.recv_timeout(PATIENCE).unwrap();
        assert_eq!(peer, PeerAddress::Tcp(stranger.local_addr().unwrap()));
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        // Not a single byte.
        assert_eq!(stranger.read(&mut [0; 64]).unwrap(), 0);
        reaches(&format!("tcp://127.0.0.2:0;{}", address(&endpoint)), &pull);
    });
}

#[test]
fn a_filter_receives_the_credentials_of_ipc_peers() {
    within(LIMIT, || {
        let (tell, asked) = mpsc::channel();
        let options = Options::new().accept_filter(move |peer| {
            tell.send(peer.clone()).unwrap();
            false
        });
        let pull = pull(options);
        let endpoint = pull.bind("ipc://*").unwrap();
        let mut stranger = UnixStream::connect(common::ipc_path(&endpoint)).unwrap();
        let PeerAddress::Ipc { pid, uid, gid } = asked.recv_timeout(PATIENCE).unwrap() else {
            panic!("an ipc peer");
        };
        if cfg!(target_os = "linux") {
            use std::os::unix::fs::MetadataExt;
            let me = std::fs::metadata("/proc/self").unwrap();
            assert_eq!(pid, i32::try_from(std::process::id()).ok());
            assert_eq!((uid, gid), (Some(me.uid()), Some(me.gid())));
        }
        stranger.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(stranger.read(&mut [0; 64]).unwrap(), 0);
    });
}

#[test]
fn a_filter_that_panics_refuses_the_peer_only() {
    within(LIMIT, || {
        let context = Context::new();
        let options = Options::new().accept_filter(|_| panic!("a user's mistake"));
        let strict = context.socket_with::<Pull>(options).unwrap();
        let endpoint = strict.bind("tcp://127.0.0.1:*").unwrap();
        for _ in 0..3 {
            let mut raw = Raw::connect(&endpoint);
            assert!(raw.read_to_end().is_empty());
        }
        let other = context.socket::<Pull>().unwrap();
        let endpoint = other.bind("tcp://127.0.0.1:*").unwrap();
        reaches(endpoint.as_str(), &other);
    });
}

// ---- listeners of others

#[test]
fn a_tcp_listener_is_taken_over() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("tcp://{}", listener.local_addr().unwrap());
        // A peer that came before is not lost.
        let early = push(Options::new());
        early.connect(&place).unwrap();
        put(&early.sender(), "early");
        let pull = pull(Options::new());
        let endpoint = pull.bind_listener(listener).unwrap();
        assert_eq!(endpoint.as_str(), place);
        assert_eq!(next_text(&pull.receiver()), "early");
        reaches(&place, &pull);
        pull.unbind(&endpoint).unwrap();
        TcpListener::bind(address(&endpoint)).unwrap();
    });
}

#[test]
fn an_ipc_listener_is_taken_over_and_its_file_stays() {
    within(LIMIT, || {
        let folder = Folder::new();
        let path = folder.path().join("feed");
        let pull = pull(Options::new());
        let endpoint = pull
            .bind_listener(UnixListener::bind(&path).unwrap())
            .unwrap();
        assert_eq!(endpoint.as_str(), format!("ipc://{}", path.display()));
        reaches(endpoint.as_str(), &pull);
        pull.unbind(&endpoint).unwrap();
        assert!(path.exists());
        assert!(UnixStream::connect(&path).is_err(), "still listening");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_listener_is_taken_over() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;
    within(LIMIT, || {
        let name = format!("zmq-channels-adopted-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let pull = pull(Options::new());
        let endpoint = pull
            .bind_listener(UnixListener::bind_addr(&address).unwrap())
            .unwrap();
        assert_eq!(endpoint.as_str(), format!("ipc://@{name}"));
        reaches(endpoint.as_str(), &pull);
    });
}

#[test]
fn a_listener_that_is_taken_over_obeys_the_options() {
    within(LIMIT, || {
        let pull = pull(Options::new().accept_filter(|_| false));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = pull.bind_listener(listener).unwrap();
        assert!(Raw::connect(&endpoint).read_to_end().is_empty());
    });
}

#[test]
fn a_socket_that_does_not_listen_is_not_taken_over() {
    use std::os::fd::OwnedFd;
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let pull = pull(Options::new());
        let adopted = pull.bind_listener(TcpListener::from(OwnedFd::from(stream)));
        assert!(matches!(adopted, Err(BindError::Io { .. })), "{adopted:?}");
        pull.close_blocking();
        let adopted = pull.bind_listener(listener);
        assert!(matches!(adopted, Err(BindError::Closed(Closed::Socket))));
    });
}

// ---- through a proxy

/// How a proxy behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Byte by byte.
    Slow,
    /// The last reply and what the peer says first in one go.
    Eager,
    /// Answers nothing.
    Silent,
    /// Cannot connect.
    Refusing,
}

/// A SOCKS 5 proxy (RFC 1928) that connects to `to`, whatever it is asked for, and tells what that
/// was, and by which user.
struct Proxy {
    address: String,
    requests: mpsc::Receiver<String>,
}

impl Proxy {
    fn start(to: String, password: Option<&'static str>, manner: Manner) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, requests) = mpsc::channel();
        // Both end with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, to, tell) = (stream.unwrap(), to.clone(), tell.clone());
                thread::spawn(move || serve(stream, &to, password, manner, &tell));
            }
        });
        Proxy { address, requests }
    }

    fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).unwrap()
    }
}

fn serve(
    mut stream: TcpStream,
    to: &str,
    password: Option<&str>,
    manner: Manner,
    tell: &mpsc::Sender<String>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let say = |stream: &mut TcpStream, bytes: &[u8]| match manner {
        Manner::Slow => bytes
            .iter()
            .try_for_each(|byte| stream.write_all(&[*byte]))
            .ok(),
        Manner::Eager | Manner::Silent | Manner::Refusing => stream.write_all(bytes).ok(),
    };
    let methods = usize::from(take::<2>(&mut stream)?[1]);
    let mut offered = vec![0; methods];
    stream.read_exact(&mut offered).ok()?;
    if manner == Manner::Silent {
        let _ = tell.send("nothing".to_owned());
        let _ = stream.read(&mut [0]);
        return None;
    }
    let mut user = "alice".to_owned();
    if let Some(password) = password {
        assert_eq!(offered, [2]);
        say(&mut stream, &[5, 2])?;
        assert_eq!(take::<1>(&mut stream)?, [1]);
        user = counted(&mut stream)?;
        let fits = counted(&mut stream)? == password;
        say(&mut stream, &[1, u8::from(!fits)])?;
        if !fits {
            let _ = tell.send(format!("wrong password of {user}"));
            return None;
        }
    } else {
        assert_eq!(offered, [0]);
        say(&mut stream, &[5, 0])?;
    }
    let [version, command, _, kind] = take::<4>(&mut stream)?;
    assert_eq!((version, command), (5, 1));
    let host = match kind {
        1 => std::net::Ipv4Addr::from(take::<4>(&mut stream)?).to_string(),
        3 => format!("name {}", counted(&mut stream)?),
        4 => std::net::Ipv6Addr::from(take::<16>(&mut stream)?).to_string(),
        other => panic!("kind {other}"),
    };
    let port = u16::from_be_bytes(take::<2>(&mut stream)?);
    let _ = tell.send(format!("{host} {port} for {user}"));
    if manner == Manner::Refusing {
        return say(&mut stream, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let mut peer = TcpStream::connect(to).ok()?;
    let mut reply = vec![5, 0, 0, 3, 5];
    reply.extend(b"there\x15\xb3");
    if manner == Manner::Eager {
        // A socket that accepts says its signature at once.
        reply.extend(take::<10>(&mut peer)?);
    }
    say(&mut stream, &reply)?;
    let (mut from, mut back) = (stream.try_clone().ok()?, peer.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut back, &mut from));
    std::io::copy(&mut stream, &mut peer).ok()?;
    let _ = peer.shutdown(std::net::Shutdown::Both);
    Some(())
}

fn take<const LENGTH: usize>(stream: &mut TcpStream) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

fn counted(stream: &mut TcpStream) -> Option<String> {
    let mut text = vec![0; usize::from(take::<1>(stream)?[0])];
    stream.read_exact(&mut text).ok()?;
    String::from_utf8(text).ok()
}

#[test]
fn tcp_goes_through_the_proxy() {
    within(LIMIT, || {
        for manner in [Manner::Slow, Manner::Eager] {
            let pull = pull(Options::new());
            let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
            let proxy = Proxy::start(address(&endpoint).to_owned(), None, manner);
            // Places that are reached only through this proxy.
            for (place, request) in [
                ("tcp://192.0.2.9:5555", "192.0.2.9 5555 for alice"),
                ("tcp://[2001:db8::7]:80", "2001:db8::7 80 for alice"),
                (
                    "tcp://no-such-host.invalid:1",
                    "name no-such-host.invalid 1 for alice",
                ),
                (
                    "tcp://127.0.0.1:0;no-such-host.invalid:2",
                    "name no-such-host.invalid 2 for alice",
                ),
            ] {
                let push = push(eager().socks_proxy(SocksProxy::new(&proxy.address)));
                push.connect(place).unwrap();
                for number in 0..10 {
                    put(&push.sender(), format!("{place} {number}"));
                    let heard = next_text(&pull.receiver());
                    assert_eq!(heard, format!("{place} {number}"));
                }
                assert_eq!(proxy.request(), request);
            }
        }
    });
}

#[test]
fn a_proxy_with_a_name_and_a_password_is_used() {
    within(LIMIT, || {
        let pull = pull(Options::new());
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let to = address(&endpoint).to_owned();
        let proxy = Proxy::start(to, Some("secret"), Manner::Slow);
        let port = proxy.address.rsplit_once(':').unwrap().1;
        let named = SocksProxy::new(format!("localhost:{port}"));
        let push = push(eager().socks_proxy(named.credentials("alice", "secret")));
        push.connect("tcp://192.0.2.9:5555").unwrap();
        put(&push.sender(), "hello");
        assert_eq!(next_text(&pull.receiver()), "hello");
        assert_eq!(proxy.request(), "192.0.2.9 5555 for alice");
    });
}

#[test]
fn an_empty_password_is_sent() {
    within(LIMIT, || {
        let pull = pull(Options::new());
        let endpoint = pull.bind("tcp://127.0.0.1:*").unwrap();
        let proxy = Proxy::start(address(&endpoint).to_owned(), Some(""), Manner::Slow);
        let named = SocksProxy::new(&proxy.address).credentials("alice", "");
        let push = push(eager().socks_proxy(named));
        push.connect("tcp://192.0.2.9:5555").unwrap();
        put(&push.sender(), "hello");
        assert_eq!(next_text(&pull.receiver()), "hello");
        assert_eq!(proxy.request(), "192.0.2.9 5555 for alice");
    });
}

/// A port that was free a moment ago, for a source to leave from.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
#[cfg(target_os = "linux")]
fn a_proxy_is_connected_to_from_the_source() {
    within(LIMIT, || {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = proxy.local_addr().unwrap();
        let (mine, its) = (free_port(), free_port());
        // The endpoint's source goes before the proxy's.
        for (source, via, port) in [
            (format!("lo:{mine};"), String::new(), mine),
            (format!("localhost:{mine};"), format!("lo:{its};"), mine),
            (String::new(), format!("lo:{its};"), its),
        ] {
            let push = push(eager().socks_proxy(SocksProxy::new(format!("{via}{place}"))));
            push.connect(format!("tcp://{source}192.0.2.9:5555"))
                .unwrap();
            let stream = accept(&proxy);
            assert_eq!(stream.peer_addr().unwrap().port(), port, "{source} {via}");
        }
    });
}

#[test]
fn failures_of_the_proxy_are_retried() {
    within(LIMIT, || {
        let nowhere = Transport::Tcp.endpoint();
        let to = nowhere.strip_prefix("tcp://").unwrap();
        let me = |proxy: &Proxy| SocksProxy::new(&proxy.address).credentials("alice", "a guess");
        let stop = ReconnectStop::new().refused(true).handshake_failed(true);
        let attempts = |proxy: &Proxy, options: Options, expected: &str| {
            let push = push(options.reconnect_stop(stop));
            push.connect("tcp://192.0.2.9:5555").unwrap();
            for _ in 0..3 {
                assert_eq!(proxy.request(), expected);
            }
        };
        let strict = Proxy::start(to.to_owned(), Some("secret"), Manner::Slow);
        let options = eager().socks_proxy(me(&strict));
        attempts(&strict, options, "wrong password of alice");

        let unable = Proxy::start(to.to_owned(), None, Manner::Refusing);
        let options = eager().socks_proxy(SocksProxy::new(&unable.address));
        attempts(&unable, options, "192.0.2.9 5555 for alice");

        let silent = Proxy::start(to.to_owned(), None, Manner::Silent);
        let brief = Some(Duration::from_millis(20));
        let options = eager().socks_proxy(SocksProxy::new(&silent.address));
        attempts(&silent, options.clone().connect_timeout(brief), "nothing");
        attempts(&silent, options.clone().handshake_timeout(brief), "nothing");
        // And without a limit that is over, one attempt goes on.
        let push = push(options);
        push.connect("tcp://192.0.2.9:5555").unwrap();
        assert_eq!(silent.request(), "nothing");
        let started = Instant::now();
        assert!(silent.requests.recv_timeout(ABSENCE).is_err());
        assert!(started.elapsed() >= ABSENCE);
    });
}

#[test]
fn ipc_and_inproc_need_no_proxy() {
    within(LIMIT, || {
        let nowhere = Transport::Tcp.endpoint();
        let proxy = SocksProxy::new(nowhere.strip_prefix("tcp://").unwrap());
        for place in ["ipc://*", "inproc://here"] {
            let context = Context::new();
            let options = eager().socks_proxy(proxy.clone());
            let push = context.socket_with::<Push>(options).unwrap();
            let pull = context.socket::<Pull>().unwrap();
            push.connect(pull.bind(place).unwrap()).unwrap();
            put(&push.sender(), place);
            assert_eq!(next_text(&pull.receiver()), place);
        }
    });
}
