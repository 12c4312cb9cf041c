//! What is parsed is what was encoded, and anything else is an error: commands, metadata, ZAP.

use super::super::command::Command;
use super::super::metadata::{put_property, Metadata, MAX_PROPERTIES};
use super::super::zap;
use super::*;
use crate::security::Mechanism;

/// Parses any bytes, and what was encoded of any parts.
pub(crate) fn commands(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let _ = match input.int_in_range(0..=3u8) {
        Ok(0) => command(&mut input),
        Ok(1) => properties(&mut input),
        Ok(2) => request(&mut input),
        _ => reply(&mut input),
    };
}

/// A command encodes to the bytes it was parsed from, but for what parsing leaves out.
fn command(input: &mut Unstructured<'_>) -> Result<()> {
    let names: [&[u8]; 11] = [
        b"READY",
        b"ERROR",
        b"HELLO",
        b"WELCOME",
        b"INITIATE",
        b"SUBSCRIBE",
        b"CANCEL",
        b"JOIN",
        b"LEAVE",
        b"PING",
        b"PONG",
    ];
    let name = match input.int_in_range(0..=12usize)? {
        at @ 0..=10 => names[at],
        11 => some_bytes(input, 12)?,
        _ => b"",
    };
    let mut bytes = vec![name.len() as u8];
    bytes.extend_from_slice(name);
    let data = match input.int_in_range(0..=3u8)? {
        0 => vec![3; input.int_in_range(250..=260)?],
        _ => some_bytes(input, 40)?.to_vec(),
    };
    bytes.extend_from_slice(&data);
    if input.ratio(1, 8)? {
        bytes = input.bytes(input.len())?.to_vec();
    }
    let Ok(command) = Command::parse(&bytes) else {
        return Ok(());
    };
    // The name is the first field; only a fault of libzmq's in PLAIN has another.
    let Some((name, data)) = super::super::command::split_short(&bytes) else {
        assert!(matches!(command, Command::Error(_)));
        return Ok(());
    };
    let expected: &[u8] = match command {
        Command::Ready(rest) => is(b"READY", rest, data),
        Command::Hello(rest) => is(b"HELLO", rest, data),
        Command::Welcome(rest) => is(b"WELCOME", rest, data),
        Command::Initiate(rest) => is(b"INITIATE", rest, data),
        Command::Subscribe(rest) => is(b"SUBSCRIBE", rest, data),
        Command::Cancel(rest) => is(b"CANCEL", rest, data),
        Command::Pong(rest) => is(b"PONG", rest, data),
        Command::Join(group) => {
            assert!(group.len() <= 255);
            is(b"JOIN", group, data)
        }
        Command::Leave(group) => {
            assert!(group.len() <= 255);
            is(b"LEAVE", group, data)
        }
        Command::Ping { ttl, context } => {
            assert_eq!(ttl.to_be_bytes(), data[..2]);
            is(b"PING", context, &data[2..data.len().min(18)])
        }
        Command::Error(reason) => {
            assert!(reason.len() <= 255 && data[1..].starts_with(reason));
            b"ERROR"
        }
        Command::Other(theirs) => {
            assert!(!theirs.is_empty() && !names.contains(&theirs));
            theirs
        }
    };
    assert_eq!(name, expected);
    Ok(())
}

fn is<'a>(name: &'a [u8], parsed: &[u8], said: &[u8]) -> &'a [u8] {
    assert_eq!(parsed, said);
    name
}

/// Some properties, with names that may not be names.
fn some_properties(input: &mut Unstructured<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let most = match input.ratio(1, 16)? {
        true => MAX_PROPERTIES + 2,
        false => 5,
    };
    let mut properties = Vec::new();
    for _ in 0..input.int_in_range(0..=most)? {
        let name = match input.int_in_range(0..=7u8)? {
            0 => String::from_utf8_lossy(some_bytes(input, 6)?).into_owned(),
            1 => "n".repeat(input.int_in_range(250..=255)?),
            _ => input
                .choose(&["Identity", "X-a", "x-A", "_.+-9"])?
                .to_string(),
        };
        properties.push((name, some_bytes(input, 9)?.to_vec()));
    }
    Ok(properties)
}

/// Whether they may be announced (RFC 37, Metadata).
fn are_valid(properties: &[(String, Vec<u8>)]) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    let is_name = |name: &str| (1..=255).contains(&name.len()) && name.chars().all(is_letter);
    properties.len() <= MAX_PROPERTIES && properties.iter().all(|(name, _)| is_name(name))
}

fn encoded(properties: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in properties {
        put_property(&mut bytes, name, value);
    }
    bytes
}

fn properties(input: &mut Unstructured<'_>) -> Result<()> {
    let properties = some_properties(input)?;
    let bytes = encoded(&properties);
    let parsed = Metadata::parse(&bytes);
    assert_eq!(parsed.is_ok(), are_valid(&properties));
    if let Ok(parsed) = parsed {
        for (name, _) in &properties {
            let mut same = properties
                .iter()
                .filter(|(other, _)| other.eq_ignore_ascii_case(name));
            let first = same.next().map(|(_, value)| value.as_slice());
            assert_eq!(parsed.value(&name.to_ascii_uppercase()), first);
        }
        assert_eq!(parsed.into_properties(), properties);
    }
    // Anything that parses is what those properties are encoded to.
    let mut bytes = bytes;
    if let Some(last) = bytes.len().checked_sub(1) {
        let at = input.int_in_range(0..=last)?;
        bytes[at] = input.arbitrary()?;
        bytes.truncate(input.int_in_range(0..=last + 1)?);
    }
    bytes.extend_from_slice(input.bytes(input.len())?);
    if let Ok(parsed) = Metadata::parse(&bytes) {
        let properties = parsed.into_properties();
        assert!(are_valid(&properties));
        assert_eq!(encoded(&properties), bytes);
    }
    Ok(())
}

/// A message of some frames, of which many are what ZAP says.
fn some_message(input: &mut Unstructured<'_>) -> Result<Message> {
    let known = [
        "", "1.0", "1", "200", "400", "500", "NULL", "PLAIN", "CURVE", "global",
    ];
    let mut message = Message::new();
    for _ in 0..input.int_in_range(0..=9u8)? {
        match input.int_in_range(0..=11usize)? {
            at @ 0..=9 => message.push_back(known[at]),
            10 => message.push_back(vec![7; 32]),
            _ => message.push_back(some_bytes(input, 33)?),
        }
    }
    Ok(message)
}

fn request(input: &mut Unstructured<'_>) -> Result<()> {
    let applicant = Applicant {
        address: String::from_utf8_lossy(some_bytes(input, 9)?).into_owned(),
        domain: String::from_utf8_lossy(some_bytes(input, 9)?).into_owned(),
        routing_id: some_bytes(input, 9)?.to_vec(),
    };
    let credentials = match input.int_in_range(0..=2u8)? {
        0 => Credentials::Null,
        #[cfg(feature = "curve")]
        1 => Credentials::Curve(input.arbitrary::<[u8; 32]>()?.into()),
        _ => Credentials::Plain {
            username: some_bytes(input, 9)?.into(),
            password: some_bytes(input, 9)?.into(),
        },
    };
    let mut encoded = zap::request(&applicant, &credentials);
    assert_eq!(encoded.pop_front(), Some(Frame::empty()));
    assert_eq!(zap::read_request(&encoded), Some((applicant, credentials)));
    // Anything that parses is what it is encoded to, but for the number of the request.
    let any = some_message(input)?;
    if let Some((applicant, credentials)) = zap::read_request(&any) {
        let again = zap::request(&applicant, &credentials);
        assert_eq!(again.frames()[3..], any.frames()[2..]);
        let is_secret = credentials.mechanism() != Mechanism::Null;
        assert_eq!(any.len() > 6, is_secret);
    }
    Ok(())
}

fn reply(input: &mut Unstructured<'_>) -> Result<()> {
    let request = Message::from(["1.0", "1", "", "", "", "NULL"]);
    let status = *input.choose(&["200", "300", "400", "500", "201", ""])?;
    let text = String::from_utf8_lossy(some_bytes(input, 9)?).into_owned();
    let user_id = String::from_utf8_lossy(some_bytes(input, 9)?).into_owned();
    let properties = some_properties(input)?;
    let mut encoded = zap::reply(&request, status, &text, &user_id, &properties);
    encoded.push_front("");
    let judgement = zap::judgement(&encoded);
    match (status, are_valid(&properties)) {
        ("201" | "", _) | (_, false) => assert!(matches!(judgement, Judgement::Failed(_))),
        ("200", true) => {
            let user_id = Some(user_id).filter(|user_id| !user_id.is_empty());
            let allowed = Allowed {
                user_id,
                metadata: properties,
            };
            assert_eq!(judgement, Judgement::Allowed(allowed));
        }
        (denied, true) => match judgement {
            Judgement::Denied { status, text: said } => {
                assert_eq!(status.to_string(), denied);
                assert_eq!(said.chars().count(), text.chars().count());
                assert!(!said.chars().any(char::is_control));
            }
            other => panic!("{other:?}"),
        },
    }
    // Only a message of these seven frames lets a peer in.
    let any = some_message(input)?;
    if let Judgement::Allowed(_) = zap::judgement(&any) {
        assert_eq!(any.len(), 7);
        assert_eq!(any.frames()[..4], ["", "1.0", "1", "200"].map(Frame::from));
    }
    Ok(())
}
