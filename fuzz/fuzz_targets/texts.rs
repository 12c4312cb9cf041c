//! Endpoints, Z85, names of socket types and routing ids: what is parsed prints and parses again.
#![no_main]

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use zmq_channels::security::z85;
use zmq_channels::security::CurveKey;
use zmq_channels::{CurveKeypair, Endpoint, Frame, RoutingId, SocketType};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let _ = match input.int_in_range(0..=3u8) {
        Ok(0) => z85_of_bytes(&mut input),
        Ok(1) => names(&mut input),
        _ => endpoint(&mut input),
    };
});

/// A text of pieces that endpoints are made of, and of other characters.
fn text(input: &mut Unstructured<'_>) -> Result<String> {
    let pieces = [
        "tcp://",
        "ipc://",
        "inproc://",
        "127.0.0.1",
        "[::1]",
        "::1",
        "fe80::1%eth0",
        "[fe80::1%1]",
        "*",
        ":",
        ":0",
        ":5555",
        ":65536",
        ";",
        "@",
        "/tmp/a",
        "example.org",
        "a.-b",
        "%",
        ".",
        "\0",
        "é",
        "ws://",
        "1.2",
    ];
    let mut text = String::new();
    for _ in 0..input.int_in_range(1..=7u8)? {
        match input.int_in_range(0..=26usize)? {
            at @ 0..=23 => text.push_str(pieces[at]),
            24 => text.push_str(&"x".repeat(input.int_in_range(50..=300)?)),
            25 => text.push(input.arbitrary()?),
            _ => {
                let length = input.int_in_range(0..=9usize)?.min(input.len());
                text.push_str(&String::from_utf8_lossy(input.bytes(length)?));
            }
        }
    }
    Ok(text)
}

fn endpoint(input: &mut Unstructured<'_>) -> Result<()> {
    let text = text(input)?;
    let (any, bind, connect) = (
        text.parse::<Endpoint>(),
        Endpoint::parse_for_bind(&text),
        Endpoint::parse_for_connect(&text),
    );
    // Some are for neither: a wildcard to connect to from a source.
    assert!(
        any.is_ok() || (bind.is_err() && connect.is_err()),
        "{text:?}"
    );
    for parsed in [&any, &bind, &connect] {
        match parsed {
            Ok(endpoint) => {
                assert_eq!(endpoint.to_string(), text);
                assert_eq!(endpoint.as_ref(), text);
                assert_eq!(text.parse().as_ref(), Ok(endpoint));
                assert_eq!(endpoint.port().is_some(), text.starts_with("tcp://"));
                let port = text
                    .rsplit_once(':')
                    .and_then(|(_, port)| port.parse::<u16>().ok());
                assert_eq!(
                    endpoint.port().unwrap_or_default(),
                    match endpoint.port() {
                        Some(_) => port.unwrap_or_default(),
                        None => 0,
                    }
                );
            }
            Err(error) => {
                assert!(text.starts_with(&error.endpoint));
                assert!(!error.to_string().is_empty());
            }
        }
    }
    // A wildcard is something to bind to; a source, to connect from.
    if connect.is_ok() {
        assert!(text != "ipc://*" && !(text.starts_with("tcp://") && text.ends_with(":*")));
    }
    if bind.is_ok() && text.starts_with("tcp://") {
        assert!(!text.contains(';'));
    }
    Ok(())
}

fn z85_of_bytes(input: &mut Unstructured<'_>) -> Result<()> {
    let length = input.int_in_range(0..=70usize)?.min(input.len());
    let bytes = input.bytes(length)?;
    match z85::encode(bytes) {
        Ok(text) => {
            assert_eq!(text.len(), length / 4 * 5);
            assert_eq!(z85::decode(&text).as_deref(), Ok(bytes));
        }
        Err(error) => assert_eq!(error, z85::Z85Error::Length(length)),
    }
    // What decodes is what it is encoded to.
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(decoded) = z85::decode(text) {
            assert_eq!(z85::encode(&decoded).as_deref(), Ok(text));
        }
        let key = text.parse::<CurveKey>();
        assert_eq!(key.is_ok(), length == 40 && z85::decode(text).is_ok());
        if let Ok(key) = key {
            assert_eq!(key.to_string(), text);
        }
    }
    if let Ok(key) = CurveKey::try_from(bytes) {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    if let (0, Ok(secret)) = (
        bytes.first().map_or(1, |byte| byte % 64),
        <[u8; 32]>::try_from(bytes),
    ) {
        let secret = zmq_channels::security::CurveSecretKey::from(secret);
        let pair: std::result::Result<CurveKeypair, _> = secret.to_z85().parse();
        assert!(pair.is_ok_and(|pair| *pair.secret() == secret));
    }
    Ok(())
}

fn names(input: &mut Unstructured<'_>) -> Result<()> {
    let kind = *input.choose(&SocketType::ALL)?;
    assert_eq!(kind.name().parse(), Ok(kind));
    assert_eq!(kind.to_string().parse(), Ok(kind));
    let length = input.int_in_range(0..=300usize)?;
    let mut bytes = vec![input.arbitrary()?; length];
    let end = input.len().min(length);
    bytes[..end].copy_from_slice(input.bytes(end)?);
    if let Ok(name) = std::str::from_utf8(&bytes) {
        if let Ok(kind) = name.parse::<SocketType>() {
            assert!(kind.name().eq_ignore_ascii_case(name));
        }
    }
    let id = RoutingId::new(bytes.as_slice());
    assert_eq!(id.is_ok(), (1..=255).contains(&length));
    if let Ok(id) = id {
        assert_eq!(id.as_bytes(), bytes);
        assert_eq!(Frame::from(&id), bytes);
        assert_eq!(id.as_u32().is_some(), length == 4);
        if let Some(number) = id.as_u32() {
            assert_eq!(RoutingId::from(number), id);
        }
    }
    Ok(())
}
