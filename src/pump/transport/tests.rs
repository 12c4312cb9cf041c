//! Transports on the real system, on loopback and in private directories.

// Without ipc, a stream can be of one kind only.
#![cfg_attr(not(unix), allow(irrefutable_let_patterns))]

use std::io::{ErrorKind, IoSlice};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use socket2::SockRef;

use super::*;
use crate::endpoint::Host;

/// Everything here happens within one machine: anything slower is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries until the result is not "not yet", waiting for the readiness of `source` in between.
fn wait<S: Source, T>(
    source: &mut S,
    mut attempt: impl FnMut(&mut S) -> io::Result<Option<T>>,
) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(source, Token(0), both)?;
    let result = loop {
        match attempt(source) {
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(Some(value)) => break Ok(value),
            Err(error) => break Err(error),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came within {PATIENCE:?}");
        poll.poll(&mut events, Some(left))?;
    };
    poll.registry().deregister(source)?;
    result
}

fn wait_connected(stream: &mut Stream) -> io::Result<()> {
    wait(stream, |stream| Ok(stream.connected()?.then_some(())))
}

fn wait_accepted(listener: &mut Listener) -> (Stream, String) {
    wait(listener, |listener| listener.accept().map(Some)).unwrap()
}

fn read_to_end(stream: &mut Stream) -> Vec<u8> {
    let mut all = Vec::new();
    wait(stream, |stream| {
        let mut buffer = [0; 16];
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(Some(())),
                bytes => all.extend_from_slice(&buffer[..bytes]),
            }
        }
    })
    .unwrap();
    all
}

fn for_bind(text: &str) -> Endpoint {
    Endpoint::parse_for_bind(text).unwrap()
}

fn for_connect(text: &str) -> Endpoint {
    Endpoint::parse_for_connect(text).unwrap()
}

fn bind_text(text: &str) -> Result<(Listener, Endpoint), BindError> {
    bind_with(text, &Options::new())
}

fn bind_with(text: &str, options: &Options) -> Result<(Listener, Endpoint), BindError> {
    bind(&settle(&for_bind(text), options.network.ipv6)?, options).map_err(BindError::settled)
}

fn target_of(endpoint: &Endpoint) -> Target {
    match targets(endpoint).unwrap() {
        Resolution::Ready(target) => target,
        Resolution::Lookup { host, port, source } => {
            lookup(&host, port, source.as_ref(), true).unwrap()[0].clone()
        }
    }
}

fn connect_text(text: &str) -> io::Result<Stream> {
    let endpoint = Endpoint::parse_for_connect(text).unwrap();
    let mut stream = connect(&target_of(&endpoint), &Options::new())?.stream;
    wait_connected(&mut stream)?;
    Ok(stream)
}

/// Connects, and moves bytes both ways. Connections that end before they send anything are other
/// binders' checks for a listener.
fn converse(listener: &mut Listener, text: &str) -> (Stream, Stream, String) {
    let mut here = connect_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let parts = [IoSlice::new(b"hel"), IoSlice::new(b""), IoSlice::new(b"lo")];
    assert_eq!(here.write_vectored(&parts).unwrap(), 5);
    here.shutdown_write().unwrap();
    loop {
        let (mut there, peer) = wait_accepted(listener);
        let heard = read_to_end(&mut there);
        if heard.is_empty() {
            continue;
        }
        assert_eq!(heard, b"hello");
        assert_eq!(there.write(b"world").unwrap(), 5);
        there.shutdown_write().unwrap();
        assert_eq!(read_to_end(&mut here), b"world");
        return (here, there, peer);
    }
}

mod settings;

mod over_tcp {
    #[cfg(target_os = "linux")]
    use socket2::{Domain, Socket, Type};

    use super::*;

    /// A wildcard on an address that no other test uses, if the system has that many: no other test
    /// can be given the port that this one releases and wants again.
    fn lonely(test: u8) -> String {
        if cfg!(target_os = "linux") {
            format!("tcp://127.0.77.{test}:*")
        } else {
            "tcp://127.0.0.1:*".to_owned()
        }
    }

    #[test]
    fn every_wildcard_is_resolved_and_reachable() {
        for (wildcard, prefix) in [
            ("tcp://*:*", "tcp://0.0.0.0:"),
            ("tcp://*:0", "tcp://0.0.0.0:"),
            ("tcp://127.0.0.1:*", "tcp://127.0.0.1:"),
            ("tcp://127.0.0.1:0", "tcp://127.0.0.1:"),
            ("tcp://localhost:0", "tcp://127.0.0.1:"),
        ] {
            let (mut listener, resolved) = bind_text(wildcard).unwrap();
            let port = resolved.as_str().strip_prefix(prefix);
            let port: u16 = port
                .and_then(|port| port.parse().ok())
                .unwrap_or_else(|| panic!("{wildcard} became {resolved}"));
            assert_ne!(port, 0);
            converse(&mut listener, resolved.as_str());
            converse(&mut listener, &format!("tcp://localhost:{port}"));
        }
    }

    #[test]
    fn ipv6_is_resolved_and_reachable() {
        for wildcard in ["tcp://[::1]:*", "tcp://[::1]:0", "tcp://[::1%1]:0"] {
            let (mut listener, resolved) = bind_text(wildcard).unwrap_or_else(|error| {
                panic!("this test needs the IPv6 loopback address [::1]: {error}")
            });
            assert!(resolved.as_str().starts_with("tcp://[::1"), "{resolved}");
            let (here, _, peer) = converse(&mut listener, resolved.as_str());
            assert_eq!(here.local_name().unwrap(), peer);
        }
    }

    #[test]
    fn an_ipv6_wildcard_accepts_ipv4_peers() {
        let (mut listener, resolved) = bind_text("tcp://[::]:*")
            .unwrap_or_else(|error| panic!("this test needs IPv6: {error}"));
        let port = resolved.as_str().strip_prefix("tcp://[::]:").unwrap();
        converse(&mut listener, &format!("tcp://127.0.0.1:{port}"));
        converse(&mut listener, &format!("tcp://[::1]:{port}"));
    }

    #[test]
    fn both_ends_agree_on_their_names() {
        let (mut listener, resolved) = bind_text("tcp://127.0.0.1:*").unwrap();
        let mut here = connect_text(resolved.as_str()).unwrap();
        let (there, peer) = wait_accepted(&mut listener);
        assert_eq!(here.peer_name().unwrap(), resolved.as_str());
        assert_eq!(there.local_name().unwrap(), resolved.as_str());
        assert_eq!(there.peer_name().unwrap(), peer);
        assert_eq!(here.local_name().unwrap(), peer);
        drop(there);
        assert_eq!(read_to_end(&mut here), b"");
    }

    #[test]
    fn a_second_bind_fails_as_in_use() {
        let (listener, resolved) = bind_text(&lonely(1)).unwrap();
        let port = resolved.as_str().rsplit_once(':').unwrap().1;
        for text in [resolved.as_str(), &format!("tcp://*:{port}")] {
            match bind_text(text) {
                Err(BindError::InUse(endpoint)) => assert_eq!(endpoint, text),
                other => panic!("{text}: {other:?}"),
            }
        }
        drop(listener);
        bind_text(resolved.as_str()).unwrap();
    }

    #[test]
    fn a_port_can_be_bound_again_after_connections() {
        let (mut listener, resolved) = bind_text(&lonely(2)).unwrap();
        let mut here = connect_text(resolved.as_str()).unwrap();
        let (there, _) = wait_accepted(&mut listener);
        // The end that closes first keeps its port for a while after: let it be the listener's.
        drop((there, listener));
        assert_eq!(read_to_end(&mut here), b"");
        drop(here);
        let (mut listener, again) = bind_text(resolved.as_str()).unwrap();
        assert_eq!(again, resolved);
        converse(&mut listener, resolved.as_str());
    }

    #[test]
    fn concurrent_ephemeral_binds_get_distinct_ports() {
        let listeners: Vec<_> = (0..50)
            .map(|_| bind_text("tcp://127.0.0.1:0").unwrap())
            .collect();
        let mut ports: Vec<_> = listeners.iter().map(|(_, e)| e.to_string()).collect();
        ports.sort();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn failed_binds_report_the_reason() {
        for text in [
            "tcp://192.0.2.77:0",
            "tcp://no-such-host.invalid:0",
            "inproc://x",
        ] {
            match bind_text(text) {
                Err(BindError::Io { endpoint, source }) => {
                    assert_eq!(endpoint, text);
                    assert!(!source.to_string().is_empty());
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn connecting_without_a_listener_is_refused() {
        let (listener, resolved) = bind_text(&lonely(3)).unwrap();
        drop(listener);
        let error = connect_text(resolved.as_str()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }

    /// TCP's simultaneous open with oneself, as it happens by chance with ephemeral ports.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_connection_to_itself_is_refused() {
        let (listener, resolved) = bind_text(&lonely(4)).unwrap();
        drop(listener);
        let address = resolved.as_str().strip_prefix("tcp://").unwrap();
        let error = connect_text(&format!("tcp://{address};{address}")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains("itself"), "{error}");
    }

    /// A socket whose source port happens to be the port it connects to has not set `SO_REUSEADDR`:
    /// TIME_WAIT then keeps the port from all processes for a minute.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_port_of_a_connection_to_itself_is_free_at_once() {
        let address: SocketAddr = "127.77.15.1:0".parse().unwrap();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        socket.connect(&address.into()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = Stream::Tcp(mio::net::TcpStream::from_std(socket.into()));
        let error = stream.connected().unwrap_err();
        assert!(error.to_string().contains("itself"), "{error}");
        drop(stream);
        let (_listener, resolved) = bind_text(&format!("tcp://{address}")).unwrap();
        assert_eq!(resolved.as_str(), format!("tcp://{address}"));
    }

    #[test]
    fn a_connection_uses_the_source_address() {
        let (mut listener, resolved) = bind_text("tcp://127.0.0.1:*").unwrap();
        let (spare, source) = bind_text(&lonely(5)).unwrap();
        drop(spare);
        let to = resolved.as_str().strip_prefix("tcp://").unwrap();
        let port = to.rsplit_once(':').unwrap().1;
        for text in [
            format!("{source};{to}"),
            format!("tcp://*:0;{to}"),
            format!("tcp://127.0.0.1:*;localhost:{port}"),
            format!("tcp://localhost:*;{to}"),
            format!("tcp://lo:*;localhost:{port}"),
            format!("tcp://lo:{}", source.as_str().rsplit_once(':').unwrap().1) + ";" + to,
        ] {
            if text.contains("//lo:") && !cfg!(target_os = "linux") {
                continue;
            }
            let (here, _, peer) = converse(&mut listener, &text);
            assert_eq!(here.local_name().unwrap(), peer);
            let port = source.as_str().rsplit_once(':').unwrap().1;
            if text.starts_with(source.as_str()) {
                assert_eq!(peer, source.as_str());
            } else {
                assert!(peer.starts_with("tcp://127.0.0.1:"), "{peer}");
                assert!(!text.starts_with(&format!("tcp://lo:{port};")) || peer.ends_with(port));
            }
        }
        let nowhere = for_connect(&format!("tcp://no-such-source.invalid:0;{to}"));
        let Ok(Resolution::Lookup { host, port, source }) = targets(&nowhere) else {
            panic!("a name is looked up");
        };
        let error = lookup(&host, port, source.as_ref(), false).unwrap_err();
        assert!(error.to_string().contains("no-such-source"), "{error}");
    }

    /// An interface with addresses of both families works for destinations of both.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_source_matches_the_family_of_the_destination() {
        for (text, from) in [
            ("tcp://lo:7;127.0.0.1:80", "127.0.0.1:7"),
            ("tcp://lo:7;::1:80", "[::1]:7"),
        ] {
            if from.starts_with('[') && std::net::TcpListener::bind("[::1]:0").is_err() {
                continue;
            }
            let Target::Tcp { source, .. } = target_of(&for_connect(text)) else {
                panic!("{text} is tcp");
            };
            assert_eq!(source, Some(from.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn options_apply_to_both_ends() {
        let options = Options::new()
            .kernel_send_buffer(Some(20_000))
            .kernel_receive_buffer(Some(30_000));
        let (mut listener, resolved) = bind(&for_bind("tcp://127.0.0.1:*"), &options).unwrap();
        let mut here = connect(&target_of(&resolved), &options).unwrap().stream;
        wait_connected(&mut here).unwrap();
        let (there, _) = wait_accepted(&mut listener);
        for stream in [here, there] {
            let Stream::Tcp(stream) = &stream else {
                panic!("a tcp stream");
            };
            let socket = SockRef::from(stream);
            assert!(socket.tcp_nodelay().unwrap());
            // Linux includes its own bookkeeping and reports twice the size.
            let send = socket.send_buffer_size().unwrap();
            let receive = socket.recv_buffer_size().unwrap();
            assert!((20_000..=40_000).contains(&send), "{send}");
            assert!((30_000..=60_000).contains(&receive), "{receive}");
        }
    }

    #[test]
    fn only_names_need_the_resolver() {
        let ready = |text: &str| targets(&text.parse().unwrap()).map(|r| format!("{r:?}"));
        for text in [
            "tcp://127.0.0.1:80",
            "tcp://[::1]:80",
            "tcp://[fe80::1%1]:80",
            "tcp://*:0;127.0.0.1:80",
            "tcp://[::1]:0;[::1]:80",
        ] {
            let resolution = ready(text).unwrap();
            assert!(resolution.starts_with("Ready"), "{resolution}");
        }
        for text in [
            "tcp://localhost:80",
            "tcp://[fe80::1%lo]:80",
            "tcp://*:0;localhost:80",
            "tcp://[fe80::1%lo]:0;[::1]:80",
        ] {
            let resolution = ready(text).unwrap();
            assert!(resolution.starts_with("Lookup"), "{resolution}");
        }
        for text in [
            "inproc://x",
            "tcp://*:80",
            "tcp://h:0",
            "ipc://*",
            "tcp://[::1]:0;127.0.0.1:80",
            "tcp://127.0.0.1:0;[::1]:80",
        ] {
            ready(text).expect_err(text);
        }
    }

    #[test]
    fn lookup_returns_ipv4_first_and_reports_failures() {
        let localhost = Host::Name("localhost".into());
        let first = &lookup(&localhost, 80, None, true).unwrap()[0];
        let expected = Target::Tcp {
            addr: "127.0.0.1:80".parse().unwrap(),
            source: None,
        };
        assert_eq!(*first, expected);

        let source = (Host::V4(Ipv4Addr::LOCALHOST), 0);
        for target in lookup(&localhost, 80, Some(&source), true).unwrap() {
            let Target::Tcp { addr, source } = target else {
                panic!("a tcp target");
            };
            assert!(addr.is_ipv4());
            assert_eq!(source, Some("127.0.0.1:0".parse().unwrap()));
        }

        let nowhere = Host::Name("no-such-host.invalid".into());
        let error = lookup(&nowhere, 80, None, true).unwrap_err();
        assert!(error.to_string().contains("no-such-host.invalid"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn zones_accept_interface_names() {
        let zone = Host::V6("fe80::1".parse().unwrap(), Some("lo".into()));
        let targets = lookup(&zone, 80, None, false).unwrap();
        let expected = Target::Tcp {
            addr: "[fe80::1%1]:80".parse().unwrap(),
            source: None,
        };
        assert_eq!(targets, [expected]);
    }
}

#[cfg(unix)]
mod over_ipc {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};
    use std::sync::Barrier;

    use super::*;

    /// A directory that must be empty again at the end, or the test fails.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Directory {
            let name = format!("zmqc-{}-{test}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Directory(path)
        }

        fn endpoint(&self, file: &str) -> String {
            format!("ipc://{}", self.0.join(file).display())
        }

        fn files(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
            entries.map(|entry| name(entry.unwrap())).collect()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let left = self.files();
            fs::remove_dir_all(&self.0).unwrap();
            if !std::thread::panicking() {
                assert!(left.is_empty(), "left behind: {left:?}");
            }
        }
    }

    fn leave_stale_file(path: &Path) {
        drop(UnixListener::bind(path).unwrap());
        assert!(fs::symlink_metadata(path).unwrap().file_type().is_socket());
    }

    #[test]
    fn a_path_is_removed_with_its_listener() {
        let directory = Directory::new("path");
        let endpoint = directory.endpoint("feed");
        let (mut listener, resolved) = bind_text(&endpoint).unwrap();
        assert_eq!(resolved.as_str(), endpoint);
        assert_eq!(directory.files(), ["feed"]);
        let (here, there, peer) = converse(&mut listener, &endpoint);
        for name in [
            here.peer_name().unwrap(),
            here.local_name().unwrap(),
            there.peer_name().unwrap(),
            there.local_name().unwrap(),
            peer,
        ] {
            assert_eq!(name, endpoint);
        }
        drop(listener);
        assert!(directory.files().is_empty());
        let error = connect_text(&endpoint).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_wildcard_path_is_private_and_removed() {
        let (mut listener, resolved) = bind_text("ipc://*").unwrap();
        let path = PathBuf::from(resolved.as_str().strip_prefix("ipc://").unwrap());
        let directory = path.parent().unwrap().to_owned();
        let mode = fs::metadata(&directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        converse(&mut listener, resolved.as_str());
        let (_another, other) = bind_text("ipc://*").unwrap();
        assert_ne!(resolved, other);
        drop(listener);
        assert!(!directory.exists());
    }

    #[test]
    fn wildcard_paths_follow_the_environment() {
        let directory = Directory::new("environment");
        let here = directory.0.to_str().unwrap();
        let choose = |variables: &[(&str, &str)]| {
            let value = |name: &str| {
                let (_, value) = variables.iter().find(|(variable, _)| *variable == name)?;
                Some((*value).to_owned())
            };
            ipc_path::temporary_directory(value).unwrap()
        };
        assert_eq!(choose(&[("TMP", here)]), directory.0);
        assert_eq!(choose(&[("TEMPDIR", here), ("TMP", "/")]), directory.0);
        assert_eq!(choose(&[("TMPDIR", here), ("TEMPDIR", "/")]), directory.0);
        assert_eq!(
            choose(&[("TMPDIR", "/no/such"), ("TMP", here)]),
            directory.0
        );
        assert_eq!(choose(&[("TMPDIR", "."), ("TMP", here)]), directory.0);
        assert_eq!(choose(&[]), std::env::temp_dir());
    }

    #[test]
    fn a_second_bind_fails_as_in_use() {
        let directory = Directory::new("twice");
        let endpoint = directory.endpoint("feed");
        let (mut listener, _) = bind_text(&endpoint).unwrap();
        for _ in 0..3 {
            match bind_text(&endpoint) {
                Err(BindError::InUse(text)) => assert_eq!(text, endpoint),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(directory.files(), ["feed"]);
        converse(&mut listener, &endpoint);
    }

    #[test]
    fn a_stale_file_is_replaced() {
        let directory = Directory::new("stale");
        leave_stale_file(&directory.0.join("feed"));
        let (mut listener, resolved) = bind_text(&directory.endpoint("feed")).unwrap();
        assert_eq!(directory.files(), ["feed"]);
        converse(&mut listener, resolved.as_str());
    }

    #[test]
    fn other_files_are_not_replaced() {
        let directory = Directory::new("others");
        let file = directory.0.join("file");
        let link = directory.0.join("link");
        fs::write(&file, "precious").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for name in ["file", "link", ""] {
            match bind_text(&directory.endpoint(name)) {
                Err(BindError::Io { .. }) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(fs::read(&link).unwrap(), b"precious");
        assert_eq!(directory.files().len(), 2);
        fs::remove_file(&link).unwrap();
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        match bind_text("ipc:///no/such/directory/feed") {
            Err(BindError::Io { source, .. }) => assert_eq!(source.kind(), ErrorKind::NotFound),
            other => panic!("{other:?}"),
        }
    }

    /// From 101 bytes on there is no room for the suffix, and the path itself is bound.
    #[test]
    fn paths_of_up_to_107_bytes() {
        let directory = Directory::new("long");
        let parent = directory.0.to_str().unwrap().len() + 1;
        for length in [99, 100, 101, 106, 107] {
            let name = "p".repeat(length - parent);
            for stale in [false, true] {
                if stale {
                    leave_stale_file(&directory.0.join(&name));
                }
                let endpoint = directory.endpoint(&name);
                let (mut listener, resolved) = bind_text(&endpoint).unwrap();
                assert_eq!(resolved.as_str(), endpoint);
                converse(&mut listener, &endpoint);
                assert!(matches!(bind_text(&endpoint), Err(BindError::InUse(_))));
                assert_eq!(directory.files(), [name.as_str()]);
            }
        }
    }

    #[test]
    fn a_relative_path_is_removed_too() {
        // Tests share the process and its working directory, which is the package's.
        let name = format!("zmqc-{}-relative", std::process::id());
        let (mut listener, resolved) = bind_text(&format!("ipc://{name}")).unwrap();
        assert_eq!(resolved.as_str(), format!("ipc://{name}"));
        converse(&mut listener, resolved.as_str());
        drop(listener);
        assert!(!Path::new(&name).exists());
    }

    #[test]
    fn a_file_of_another_is_not_removed() {
        let directory = Directory::new("foreign");
        let path = directory.0.join("feed");
        let (listener, _) = bind_text(&directory.endpoint("feed")).unwrap();
        let ours = fs::symlink_metadata(&path).unwrap().ino();
        fs::remove_file(&path).unwrap();
        let foreign = UnixListener::bind(&path).unwrap();
        assert_ne!(fs::symlink_metadata(&path).unwrap().ino(), ours);
        drop(listener);
        assert!(path.exists());
        drop(foreign);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn abstract_names_need_no_file() {
        let endpoint = format!("ipc://@zmqc/{}:abstract", std::process::id());
        let (mut listener, resolved) = bind_text(&endpoint).unwrap();
        assert_eq!(resolved.as_str(), endpoint);
        converse(&mut listener, &endpoint);
        // As other implementations see it: a NUL, then the name, nothing after it.
        let table = fs::read_to_string("/proc/net/unix").unwrap();
        let name = endpoint.strip_prefix("ipc://").unwrap();
        assert!(table.lines().any(|line| line.ends_with(name)), "{table}");
        assert!(matches!(bind_text(&endpoint), Err(BindError::InUse(_))));
        drop(listener);
        let error = connect_text(&endpoint).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        bind_text(&endpoint).unwrap();

        let longest = format!("ipc://@{:x<107}", std::process::id());
        let (mut listener, _) = bind_text(&longest).unwrap();
        converse(&mut listener, &longest);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_backlog_is_busy_not_stale() {
        let directory = Directory::new("backlog");
        let endpoint = for_bind(&directory.endpoint("feed"));
        let (_listener, resolved) = bind(&endpoint, &Options::new().backlog(1)).unwrap();
        let target = target_of(&resolved);
        let mut streams = Vec::new();
        let error = loop {
            assert!(streams.len() < 100, "the backlog never fills");
            match connect(&target, &Options::new()) {
                Ok(stream) => streams.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::ResourceBusy);
        let second = bind(&endpoint, &Options::new()).map_err(BindError::settled);
        assert!(matches!(second, Err(BindError::InUse(_))));
    }

    #[test]
    fn options_apply_to_both_ends() {
        let directory = Directory::new("options");
        let options = Options::new().kernel_send_buffer(Some(20_000));
        let endpoint = for_bind(&directory.endpoint("feed"));
        let (mut listener, resolved) = bind(&endpoint, &options).unwrap();
        let here = connect(&target_of(&resolved), &options).unwrap().stream;
        let (there, _) = wait_accepted(&mut listener);
        for stream in [&here, &there] {
            let Stream::Ipc(stream) = stream else {
                panic!("an ipc stream");
            };
            let send = stream.as_socket().send_buffer_size().unwrap();
            assert!((20_000..=40_000).contains(&send), "{send}");
        }
    }

    /// Binds one path from several threads at once; exactly one may succeed.
    fn race(directory: &Directory, binders: usize) {
        let endpoint = directory.endpoint("feed");
        let start = Barrier::new(binders);
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..binders)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        bind_text(&endpoint)
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let mut winners = Vec::new();
        for result in results {
            match result {
                Ok((listener, _)) => winners.push(listener),
                Err(BindError::InUse(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(winners.len(), 1, "one path, one listener");
        converse(&mut winners[0], &endpoint);
    }

    #[test]
    fn one_of_several_binders_succeeds() {
        let directory = Directory::new("race");
        for _ in 0..100 {
            race(&directory, 4);
        }
    }

    #[test]
    fn one_of_two_binders_replaces_a_stale_file() {
        let directory = Directory::new("stale-race");
        for _ in 0..300 {
            leave_stale_file(&directory.0.join("feed"));
            race(&directory, 2);
        }
    }

    /// Too many for publishing alone to keep apart.
    #[test]
    #[cfg(target_os = "linux")]
    fn one_of_many_binders_replaces_a_stale_file() {
        let directory = Directory::new("stale-crowd");
        for round in 0..400 {
            leave_stale_file(&directory.0.join("feed"));
            race(&directory, 3 + round % 6);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_abandoned_lock_is_taken_over_and_another_file_stays() {
        let directory = Directory::new("lock");
        let (path, lock) = (directory.0.join("feed"), directory.0.join("feed.zmq-lock"));
        leave_stale_file(&path);
        fs::write(&lock, "").unwrap();
        drop(bind_text(&directory.endpoint("feed")).unwrap());
        assert!(!lock.exists());

        leave_stale_file(&path);
        fs::write(&lock, "precious").unwrap();
        match bind_text(&directory.endpoint("feed")) {
            Err(BindError::Io { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read(&lock).unwrap(), b"precious");
        fs::remove_file(&lock).unwrap();
        fs::remove_file(&path).unwrap();
    }
}
