//! PLAIN, and NULL with authentication, against scripts of bytes.

use super::secured::{anna, connection, secured};
use super::*;

fn plain_greeting(as_server: bool) -> Vec<u8> {
    let mut bytes = greeting(1);
    bytes[12..17].copy_from_slice(b"PLAIN");
    bytes[32] = u8::from(as_server);
    bytes
}

#[test]
fn a_client_sends_the_bytes_of_the_rfc() {
    let now = Instant::now();
    let security = Security::plain_client("admin", "secret");
    let mut client = connection(secured(SocketType::Push, security), 1, now);
    feed(&mut client, &plain_greeting(true), now);
    let said = drain(&mut client, usize::MAX).0;
    assert_eq!(said[..64], plain_greeting(false));
    assert_eq!(said[64..], *b"\x04\x13\x05HELLO\x05admin\x06secret");
    assert_eq!(feed(&mut client, b"\x04\x08\x07WELCOME", now), []);
    let said = drain(&mut client, usize::MAX).0;
    assert_eq!(said, b"\x04\x1d\x08INITIATE\x0bSocket-Type\0\0\0\x04PUSH");
    let events = feed(&mut client, PULL_READY, now);
    assert!(matches!(events[..], [Event::Ready(_)]));
    client.send(Message::from("x"));
    assert_eq!(drain(&mut client, usize::MAX).0, b"\0\x01x");
}

#[test]
fn a_server_sends_the_bytes_of_the_rfc() {
    let now = Instant::now();
    let mut server = connection(secured(SocketType::Pull, Security::PlainServer), 1, now);
    // libzmq sends 0 for as-server whatever its role.
    feed(&mut server, &plain_greeting(false), now);
    let said = drain(&mut server, usize::MAX).0;
    assert_eq!(said, plain_greeting(true));
    let asked = feed(&mut server, b"\x04\x13\x05HELLO\x05admin\x06secret", now);
    let credentials = Credentials::Plain {
        username: "admin".into(),
        password: "secret".into(),
    };
    assert_eq!(asked, [Event::Authenticate(credentials)]);
    assert!(!server.has_transmit(), "no handler has judged yet");
    server.judged(Judgement::Allowed(anna()));
    assert_eq!(feed(&mut server, &[], now), []);
    assert_eq!(drain(&mut server, 99).0, b"\x04\x08\x07WELCOME");
    let initiate = b"\x04\x1d\x08INITIATE\x0bSocket-Type\0\0\0\x04PUSH";
    match &feed(&mut server, initiate, now)[..] {
        [Event::Ready(peer)] => {
            assert_eq!(peer.socket_type, Some(SocketType::Push));
            assert_eq!(peer.allowed, anna());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(drain(&mut server, 99).0, PULL_READY);
}

#[test]
fn empty_and_longest_credentials_are_passed_on() {
    for (username, password) in [("", ""), ("u", ""), ("", "p")] {
        hello_reads_back(username, password);
    }
    hello_reads_back(&"u".repeat(255), &"p".repeat(255));
}

fn hello_reads_back(username: &str, password: &str) {
    let now = Instant::now();
    let security = Security::plain_client(username, password);
    let mut client = connection(secured(SocketType::Push, security), 1, now);
    feed(&mut client, &plain_greeting(true), now);
    let hello = drain(&mut client, usize::MAX).0;
    let mut server = connection(secured(SocketType::Pull, Security::PlainServer), 1, now);
    let expected = Credentials::Plain {
        username: username.into(),
        password: password.into(),
    };
    let asked = feed(&mut server, &hello, now);
    assert_eq!(asked, [Event::Authenticate(expected)]);
}

#[test]
fn a_server_refuses_malformed_credentials() {
    for body in [
        &b"\x05HELLO"[..],
        b"\x05HELLO\0",
        b"\x05HELLO\x01u",
        b"\x05HELLO\x01u\x01",
        b"\x05HELLO\x02u\0",
        b"\x05HELLO\x01u\0x",
        b"\x05HELLO\xff\xff",
    ] {
        let now = Instant::now();
        let mut server = connection(secured(SocketType::Pull, Security::PlainServer), 1, now);
        let mut bytes = plain_greeting(false);
        bytes.extend(frame(4, body));
        let events = feed(&mut server, &bytes, now);
        assert!(
            matches!(closed_by(&events), CloseReason::MalformedCommand(..)),
            "{body:?}"
        );
    }
}

#[test]
fn the_limit_for_messages_does_not_apply_to_a_handshake() {
    let now = Instant::now();
    let mut limited = secured(SocketType::Pull, Security::PlainServer);
    limited.max_frame_size = Some(5);
    let mut server = connection(limited, 1, now);
    feed(&mut server, &plain_greeting(false), now);
    let hello = frame(4, b"\x05HELLO\x05admin\x06secret");
    assert_eq!(feed(&mut server, &hello, now).len(), 1);
    server.judged(Judgement::Unjudged);
    let initiate = b"\x04\x1d\x08INITIATE\x0bSocket-Type\0\0\0\x04PUSH";
    assert_eq!(feed(&mut server, initiate, now).len(), 1);
    assert_eq!(feed(&mut server, b"\0\x05hello", now).len(), 1);
    let events = feed(&mut server, b"\0\x06hello!", now);
    assert!(matches!(
        closed_by(&events),
        CloseReason::FrameTooLarge { .. }
    ));
    // And there is one.
    let mut server = connection(secured(SocketType::Pull, Security::PlainServer), 1, now);
    feed(&mut server, &plain_greeting(false), now);
    let events = feed(&mut server, b"\x06\0\0\0\0\0\x01\0\x01", now);
    assert!(matches!(
        closed_by(&events),
        CloseReason::FrameTooLarge { .. }
    ));
}

// NULL with a domain.

fn judged_null() -> Connection {
    let mut judged = config(SocketType::Pull);
    judged.authenticates = true;
    Connection::new(Arc::new(judged), Opening::Null, Instant::now())
}

#[test]
fn an_authenticated_null_is_ready_after_the_peer_and_the_handler() {
    let now = Instant::now();
    for ready_first in [true, false] {
        let mut end = judged_null();
        let asked = feed(&mut end, &greeting(1), now);
        assert_eq!(asked, [Event::Authenticate(Credentials::Null)]);
        assert_eq!(drain(&mut end, usize::MAX).0, greeting(1));
        if ready_first {
            assert_eq!(feed(&mut end, PUSH_READY, now), []);
            // The bytes after it wait.
            assert_eq!(feed(&mut end, b"\0\x01x", now), []);
        }
        end.judged(Judgement::Allowed(anna()));
        let mut events = feed(&mut end, &[], now);
        assert_eq!(drain(&mut end, usize::MAX).0, PULL_READY);
        if !ready_first {
            assert_eq!(events, []);
            events = feed(&mut end, &script(1, &[PUSH_READY, b"\0\x01x"])[64..], now);
        }
        match &events[..] {
            [Event::Ready(peer), x] => {
                assert_eq!(peer.allowed, anna());
                assert_eq!(*x, message(&[b"x"]));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_authenticated_null_sends_error_instead_of_ready() {
    let now = Instant::now();
    for (status, said) in [
        (300, &b""[..]),
        (400, b"\x04\x0a\x05ERROR\x03400"),
        (500, b"\x04\x0a\x05ERROR\x03500"),
    ] {
        let mut end = judged_null();
        feed(&mut end, &script(1, &[PUSH_READY]), now);
        drain(&mut end, usize::MAX);
        let text = "no".to_owned();
        end.judged(Judgement::Denied {
            status,
            text: text.clone(),
        });
        let denied = CloseReason::Denied { status, text };
        assert_eq!(feed(&mut end, &[], now), [Event::Closed(denied)]);
        assert_eq!(drain(&mut end, usize::MAX).0, said);
    }
}

#[test]
fn an_authenticated_null_that_listens_sends_ready_last() {
    let now = Instant::now();
    let mut end = judged_null();
    end.listen();
    feed(&mut end, &greeting(1), now);
    end.judged(Judgement::Unjudged);
    assert_eq!(feed(&mut end, &[], now), []);
    assert_eq!(drain(&mut end, usize::MAX).0, greeting(1));
    assert_eq!(feed(&mut end, PUSH_READY, now).len(), 1);
    assert_eq!(drain(&mut end, usize::MAX).0, PULL_READY);
}
