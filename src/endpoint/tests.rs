//! Texts that are endpoints, texts that are none, and what each of them says.

use std::collections::HashSet;

use super::*;
use EndpointFault::*;

fn tcp(host: Host, port: u16) -> Address {
    Address::Tcp {
        source: None,
        host,
        port,
    }
}

fn v4(text: &str) -> Host {
    Host::V4(text.parse().unwrap())
}

fn v6(text: &str, zone: Option<&str>) -> Host {
    Host::V6(text.parse().unwrap(), zone.map(str::to_owned))
}

fn name(text: &str) -> Host {
    Host::Name(text.into())
}

fn path(text: &str) -> Address {
    Address::Ipc(IpcAddress::Path(text.into()))
}

fn inproc(text: &str) -> Address {
    Address::Inproc { name: text.into() }
}

#[test]
fn endpoints_valid_for_bind_and_connect_are_parsed() {
    let path_107 = "p".repeat(107);
    let host_253 = format!("{0}.{0}.{0}.{1}", "h".repeat(63), "h".repeat(61));
    let inproc_4096 = "n".repeat(4096);
    let good: &[(&str, Address)] = &[
        ("tcp://127.0.0.1:5555", tcp(v4("127.0.0.1"), 5555)),
        ("tcp://127.0.0.1:65535", tcp(v4("127.0.0.1"), 65535)),
        ("tcp://127.0.0.1:00080", tcp(v4("127.0.0.1"), 80)),
        ("tcp://[::1]:1", tcp(v6("::1", None), 1)),
        ("tcp://::1:5555", tcp(v6("::1", None), 5555)),
        ("tcp://:::1", tcp(v6("::", None), 1)),
        (
            "tcp://2001:db8:0:0:0:0:0:7:80",
            tcp(v6("2001:db8::7", None), 80),
        ),
        (
            "tcp://::ffff:192.0.2.7:80",
            tcp(v6("::ffff:192.0.2.7", None), 80),
        ),
        (
            "tcp://fe80::1%eth0:5555",
            tcp(v6("fe80::1", Some("eth0")), 5555),
        ),
        (
            "tcp://[fe80::1%eth0.100]:80",
            tcp(v6("fe80::1", Some("eth0.100")), 80),
        ),
        ("tcp://[fe80::1%2]:80", tcp(v6("fe80::1", Some("2")), 80)),
        ("tcp://localhost:5555", tcp(name("localhost"), 5555)),
        ("tcp://eth0:5555", tcp(name("eth0"), 5555)),
        ("tcp://eth0.100:5555", tcp(name("eth0.100"), 5555)),
        ("tcp://example.org.:5555", tcp(name("example.org."), 5555)),
        ("tcp://my_host-1:5555", tcp(name("my_host-1"), 5555)),
        (&format!("tcp://{host_253}:1"), tcp(name(&host_253), 1)),
        ("ipc:///tmp/feed", path("/tmp/feed")),
        ("ipc://feed", path("feed")),
        ("ipc://*feed", path("*feed")),
        ("ipc://päth mit Leerzeichen", path("päth mit Leerzeichen")),
        (&format!("ipc://{path_107}"), path(&path_107)),
        (
            "ipc://@feed",
            Address::Ipc(IpcAddress::Abstract("feed".into())),
        ),
        (
            "ipc://@@:/",
            Address::Ipc(IpcAddress::Abstract("@:/".into())),
        ),
        (
            &format!("ipc://@{path_107}"),
            Address::Ipc(IpcAddress::Abstract(path_107.clone())),
        ),
        ("inproc://a", inproc("a")),
        ("inproc://*", inproc("*")),
        ("inproc://tcp://x", inproc("tcp://x")),
        (&format!("inproc://{inproc_4096}"), inproc(&inproc_4096)),
    ];
    for (text, address) in good {
        for parsed in [
            Endpoint::parse_for_bind(text),
            Endpoint::parse_for_connect(text),
            text.parse(),
        ] {
            let parsed = parsed.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(parsed.address(), address, "{text}");
            assert_eq!(parsed.to_string(), *text);
            assert_eq!(parsed.as_ref() as &str, *text);
            assert!(!parsed.is_wildcard(), "{text}");
        }
    }
}

#[test]
fn wildcards_are_accepted_only_when_binding() {
    let good = [
        ("tcp://*:5555", tcp(Host::Any, 5555)),
        ("tcp://*:*", tcp(Host::Any, 0)),
        ("tcp://*:0", tcp(Host::Any, 0)),
        ("tcp://127.0.0.1:*", tcp(v4("127.0.0.1"), 0)),
        ("tcp://127.0.0.1:0", tcp(v4("127.0.0.1"), 0)),
        ("tcp://[::1]:*", tcp(v6("::1", None), 0)),
        ("tcp://::1:*", tcp(v6("::1", None), 0)),
        ("tcp://localhost:00", tcp(name("localhost"), 0)),
        ("ipc://*", Address::Ipc(IpcAddress::Wildcard)),
    ];
    for (text, address) in good {
        let parsed = Endpoint::parse_for_bind(text).unwrap();
        assert_eq!(*parsed.address(), address, "{text}");
        assert!(parsed.is_wildcard(), "{text}");
        let error = Endpoint::parse_for_connect(text).unwrap_err();
        assert_eq!(error.reason, WildcardConnect, "{text}");
        assert_eq!(error.endpoint, text);
        assert!(text.parse::<Endpoint>().is_ok());
    }
}

#[test]
fn sources_are_accepted_only_when_connecting() {
    let good = [
        ("tcp://10.0.0.1:0;a.b:80", (v4("10.0.0.1"), 0)),
        ("tcp://10.0.0.1:*;a.b:80", (v4("10.0.0.1"), 0)),
        ("tcp://10.0.0.1:99;a.b:80", (v4("10.0.0.1"), 99)),
        ("tcp://[::1]:99;a.b:80", (v6("::1", None), 99)),
        ("tcp://*:99;a.b:80", (Host::Any, 99)),
        ("tcp://::1:99;a.b:80", (v6("::1", None), 99)),
        ("tcp://eth0.100:*;a.b:80", (name("eth0.100"), 0)),
        ("tcp://my.host:99;a.b:80", (name("my.host"), 99)),
    ];
    for (text, expected) in good {
        let parsed = Endpoint::parse_for_connect(text).unwrap();
        let Address::Tcp { source, host, port } = parsed.address() else {
            panic!("{text} is tcp");
        };
        assert_eq!(source.as_ref(), Some(&expected), "{text}");
        assert_eq!((host, *port), (&name("a.b"), 80));
        let error = Endpoint::parse_for_bind(text).unwrap_err();
        assert_eq!(error.reason, SourceOnBind, "{text}");
    }
    for (text, reason) in [
        ("tcp://;a.b:80", NoPort),
        ("tcp://10.0.0.1;a.b:80", NoPort),
        ("tcp://:1;a.b:80", BadHost),
        ("tcp://eth0;a.b:80", NoPort),
        ("tcp://et h0:0;a.b:80", BadHost),
        ("tcp://10.0.0.1:0;", NoPort),
        ("tcp://10.0.0.1:0;*:80", WildcardConnect),
        ("tcp://10.0.0.1:0;a.b:0", WildcardConnect),
        ("tcp://1.1.1.1:0;1.1.1.1:0;a.b:80", BadHost),
    ] {
        let error = Endpoint::parse_for_connect(text).unwrap_err();
        assert_eq!(error.reason, reason, "{text}");
    }
}

#[test]
fn endpoints_invalid_for_bind_and_connect_are_refused() {
    let host_256 = format!("tcp://{}:1", ["h".repeat(63), "h".repeat(64)].join("."));
    let many_labels = format!("tcp://{}a:1", "a.".repeat(128));
    let bad: &[(&str, EndpointFault)] = &[
        ("", NoScheme),
        ("localhost:5555", NoScheme),
        ("tcp:", NoScheme),
        ("tcp:/127.0.0.1:1", NoScheme),
        ("://127.0.0.1:1", NoScheme),
        ("TCP://127.0.0.1:1", UnknownScheme),
        (" tcp://127.0.0.1:1", UnknownScheme),
        ("tcp\0://127.0.0.1:1", UnknownScheme),
        ("pgm://eth0;224.0.0.1:5555", UnknownScheme),
        ("udp://127.0.0.1:1", UnknownScheme),
        ("ws://127.0.0.1:1", UnknownScheme),
        ("http://", UnknownScheme),
        ("tcp://", EmptyAddress),
        ("ipc://", EmptyAddress),
        ("ipc://@", EmptyAddress),
        ("inproc://", EmptyAddress),
        ("tcp://127.0.0.1", NoPort),
        ("tcp://127.0.0.1:", NoPort),
        ("tcp://*", NoPort),
        ("tcp://[::1]", NoPort),
        ("tcp://[::1]:", NoPort),
        ("tcp://127.0.0.1:65536", BadPort),
        ("tcp://127.0.0.1:000080", BadPort),
        ("tcp://127.0.0.1:99999999999999999999", BadPort),
        ("tcp://127.0.0.1:+5", BadPort),
        ("tcp://127.0.0.1:-5", BadPort),
        ("tcp://127.0.0.1: 5", BadPort),
        ("tcp://127.0.0.1:5 ", BadPort),
        ("tcp://127.0.0.1:5/", BadPort),
        ("tcp://127.0.0.1:http", BadPort),
        ("tcp://127.0.0.1:**", BadPort),
        ("tcp://127.0.0.1:٣", BadPort),
        ("tcp://:5555", BadHost),
        ("tcp://.:5555", BadHost),
        ("tcp://a..b:5555", BadHost),
        ("tcp://.a:5555", BadHost),
        ("tcp://-a:5555", BadHost),
        ("tcp://in valid:5555", BadHost),
        ("tcp:// localhost:5555", BadHost),
        ("tcp://localhost :5555", BadHost),
        ("tcp://a/b:5555", BadHost),
        ("tcp://user@host:5555", BadHost),
        ("tcp://münchen.de:5555", BadHost),
        ("tcp://**:5555", BadHost),
        ("tcp://256.0.0.1:5555", BadHost),
        ("tcp://127.1:5555", BadHost),
        ("tcp://127.0.0.01:5555", BadHost),
        ("tcp://1:5555", BadHost),
        (&host_256, BadHost),
        (&many_labels, BadHost),
        ("tcp://::1", BadHost),
        ("tcp://1:2:3:4:5:6:7:8", BadHost),
        ("tcp://::1:", NoPort),
        ("tcp://::1:65536", BadPort),
        ("tcp://fe80::1%:5555", BadHost),
        ("tcp://a:b:5555", BadHost),
        ("tcp://localhost:5555:5555", BadHost),
        ("tcp://[::1:5555", BadIpv6),
        ("tcp://[]:5555", BadIpv6),
        ("tcp://[::1]5555", BadIpv6),
        ("tcp://[::1]]:5555", BadIpv6),
        ("tcp://[127.0.0.1]:5555", BadIpv6),
        ("tcp://[*]:5555", BadIpv6),
        ("tcp://[::g]:5555", BadIpv6),
        ("tcp://[fe80::1%]:5555", BadIpv6),
        ("tcp://[fe80::1%a b]:5555", BadIpv6),
        ("tcp://[fe80::1%a%b]:5555", BadIpv6),
        ("tcp://[fe80::1%abcdefghijklmnop]:5555", BadIpv6),
        ("tcp://local\0host:5555", NulByte),
        ("ipc:///tmp/a\0b", NulByte),
        ("ipc://@\0", NulByte),
        ("inproc://a\0", NulByte),
        (&format!("ipc://{}", "p".repeat(108)), NameTooLong),
        (&format!("ipc://@{}", "p".repeat(108)), NameTooLong),
        (&format!("ipc://{}", "ü".repeat(54)), NameTooLong),
        (&format!("inproc://{}", "p".repeat(4097)), NameTooLong),
    ];
    for (text, reason) in bad {
        for parsed in [
            Endpoint::parse_for_bind(text),
            Endpoint::parse_for_connect(text),
            text.parse(),
        ] {
            let error = parsed.expect_err(text);
            assert_eq!(error.reason, *reason, "{text:?}");
        }
    }
}

#[test]
fn host_and_port_are_parsed_from_the_text() {
    for (text, transport, host, port) in [
        ("tcp://127.0.0.1:80", "tcp", Some("127.0.0.1"), Some(80)),
        ("tcp://[::1]:00080", "tcp", Some("::1"), Some(80)),
        (
            "tcp://fe80::1%eth0:80",
            "tcp",
            Some("fe80::1%eth0"),
            Some(80),
        ),
        ("tcp://[fe80::1%2]:*", "tcp", Some("fe80::1%2"), Some(0)),
        ("tcp://*:0", "tcp", Some("*"), Some(0)),
        ("tcp://a.b:65535", "tcp", Some("a.b"), Some(65535)),
        ("tcp://[::1]:99;a.b:80", "tcp", Some("a.b"), Some(80)),
        ("tcp://eth0:0;[::2]:81", "tcp", Some("::2"), Some(81)),
        ("ipc:///tmp/a:1", "ipc", None, None),
        ("ipc://@tcp://b:1", "ipc", None, None),
        ("inproc://c:1", "inproc", None, None),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        let parts = (endpoint.transport(), endpoint.host(), endpoint.port());
        assert_eq!(parts, (transport, host, port), "{text}");
    }
    let resolved = Endpoint::from_tcp("[::1]:49152".parse().unwrap());
    assert_eq!(
        (resolved.host(), resolved.port()),
        (Some("::1"), Some(49152))
    );
}

#[test]
fn an_error_contains_at_most_256_characters_of_the_endpoint() {
    let text = format!("ipc://{}", "ü".repeat(1_000_000));
    let error = Endpoint::parse_for_bind(&text).unwrap_err();
    assert_eq!(error.endpoint.chars().count(), 256);
    assert!(text.starts_with(&error.endpoint));
}

#[test]
fn resolved_addresses_parse_as_endpoints() {
    for text in [
        "tcp://0.0.0.0:49152",
        "tcp://[::1]:49152",
        "tcp://[fe80::1%2]:49152",
    ] {
        let parsed = Endpoint::parse_for_connect(text).unwrap();
        let Address::Tcp { host, port, .. } = parsed.address() else {
            panic!("{text} is tcp");
        };
        let again = Endpoint::from_tcp(host.socket_addr(*port).unwrap());
        assert_eq!(again, parsed);
        assert_eq!(again.address(), parsed.address());
    }
}

#[test]
fn endpoints_are_compared_and_hashed_by_text() {
    let one: Endpoint = "tcp://127.0.0.1:80".parse().unwrap();
    let set = HashSet::from([one.clone()]);
    assert!(set.contains("tcp://127.0.0.1:80"));
    assert!(!set.contains("tcp://127.0.0.1:080"));
    assert_ne!(one, "tcp://127.0.0.1:080".parse().unwrap());
    assert_eq!(format!("{one:?}"), "Endpoint(\"tcp://127.0.0.1:80\")");
    assert_eq!(format!("{one:>20}"), "  tcp://127.0.0.1:80");
}

/// Any text gives an endpoint that reads back, or an error: never a panic.
#[test]
fn random_texts_never_panic() {
    const PIECES: [&str; 28] = [
        "tcp",
        "ipc",
        "inproc",
        "://",
        "://",
        ":",
        "/",
        "[",
        "]",
        "%",
        "@",
        ";",
        "*",
        ".",
        "-",
        "+",
        " ",
        "\0",
        "0",
        "65535",
        "65536",
        "127.0.0.1",
        "::1",
        "fe80::",
        "eth0",
        "ü",
        "localhost",
        "\u{10ffff}",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let mut good = 0;
    for _ in 0..100_000 {
        let mut text = String::new();
        if random(2) == 0 {
            text.push_str(["tcp://", "ipc://", "inproc://"][random(3)]);
        }
        for _ in 0..random(8) {
            text.push_str(PIECES[random(PIECES.len())]);
        }
        for parsed in [
            text.parse(),
            Endpoint::parse_for_bind(&text),
            Endpoint::parse_for_connect(&text),
        ] {
            match parsed {
                Ok(endpoint) => {
                    good += 1;
                    assert_eq!(endpoint.as_str(), text);
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    assert!(good > 1000, "only {good} of the random texts were good");
}
