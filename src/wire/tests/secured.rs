//! Tests common to PLAIN and CURVE, with two ends: the kit, and what holds for both.

use super::sending::big;
use super::*;
use crate::security::{AuthenticatorFault, Mechanism};

pub(super) fn secured(socket_type: SocketType, security: Security) -> Config {
    Config {
        authenticates: security.is_server(),
        security,
        ..config(socket_type)
    }
}

pub(super) fn connection(config: Config, seed: u64, now: Instant) -> Connection {
    let opening = opening(&config, seed);
    Connection::new(Arc::new(config), opening, now)
}

/// A client, number 0, and a server, number 1, that ask `judge` about each other.
pub(super) struct Pair {
    pub(super) ends: [Connection; 2],
    pub(super) events: [Vec<Event>; 2],
    /// All bytes that either has sent.
    pub(super) said: [Vec<u8>; 2],
    pub(super) judge: Judgement,
}

impl Pair {
    pub(super) fn new(client: Config, server: Config) -> Self {
        let now = Instant::now();
        Pair {
            ends: [connection(client, 1, now), connection(server, 2, now)],
            events: [Vec::new(), Vec::new()],
            said: [Vec::new(), Vec::new()],
            judge: Judgement::Allowed(anna()),
        }
    }

    /// Moves bytes, `at_most` at a time, until there are no more; `change` may modify them, given
    /// their sender and the number of bytes before.
    pub(super) fn settle_with(
        &mut self,
        at_most: usize,
        mut change: impl FnMut(usize, usize, &mut Vec<u8>),
    ) {
        let now = Instant::now();
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for from in [0, 1] {
                let mut slices = [IoSlice::new(&[]); 1];
                if self.ends[from].poll_transmit(&mut slices) == 0 {
                    continue;
                }
                let mut bytes = slices[0][..slices[0].len().min(at_most)].to_vec();
                self.ends[from].transmitted(bytes.len());
                let before = self.said[from].len();
                self.said[from].extend_from_slice(&bytes);
                change(from, before, &mut bytes);
                self.hear(1 - from, &bytes, now);
                moved = true;
            }
        }
    }

    pub(super) fn hear(&mut self, end: usize, bytes: &[u8], now: Instant) {
        let mut events = feed(&mut self.ends[end], bytes, now);
        if let Some(Event::Authenticate(_)) = events.last() {
            self.ends[end].judged(self.judge.clone());
            events.extend(feed(&mut self.ends[end], &[], now));
        }
        self.events[end].extend(events);
    }

    pub(super) fn settle(&mut self) {
        self.settle_with(usize::MAX, |_, _, _| {});
    }

    /// Takes the events of either end after its `Ready`, which must be there.
    pub(super) fn take_traffic(&mut self) -> [Vec<Event>; 2] {
        std::mem::take(&mut self.events).map(|events| {
            let ready = events.iter().position(|e| matches!(e, Event::Ready(_)));
            let ready = ready.unwrap_or_else(|| panic!("not ready: {events:?}"));
            events[ready + 1..].to_vec()
        })
    }
}

pub(super) fn anna() -> Allowed {
    Allowed {
        user_id: Some("anna".into()),
        metadata: vec![("role".into(), b"admin".to_vec())],
    }
}

/// A client and a server of each mechanism.
pub(super) fn mechanisms() -> Vec<[Security; 2]> {
    vec![
        [
            Security::plain_client("admin", "secret"),
            Security::PlainServer,
        ],
        #[cfg(feature = "curve")]
        super::curve::securities(),
    ]
}

fn pair_of([client, server]: [Security; 2], types: [SocketType; 2]) -> Pair {
    Pair::new(secured(types[0], client), secured(types[1], server))
}

#[test]
fn secured_ends_exchange_messages_in_pieces_of_any_size() {
    for securities in mechanisms() {
        for at_most in [1, 3, 64, usize::MAX] {
            let mut pair = pair_of(securities.clone(), [SocketType::Dealer, SocketType::Router]);
            pair.settle_with(at_most, |_, _, _| {});
            let told = |events: &[Event]| match events.last() {
                Some(Event::Ready(peer)) => (peer.socket_type, peer.allowed.clone()),
                other => panic!("{other:?}"),
            };
            let router = (Some(SocketType::Router), Allowed::default());
            assert_eq!(told(&pair.events[0]), router);
            assert_eq!(told(&pair.events[1]), (Some(SocketType::Dealer), anna()));
            let messages = [
                Message::from("small"),
                Message::from(["", "request"]),
                Message::from(vec![1; 70_000]),
                Message::from([big(1), vec![], vec![2; 300]]),
            ];
            for message in &messages {
                pair.ends[0].send(message);
                pair.ends[1].send(message);
            }
            assert_eq!(pair.ends[0].staged_messages(), 4);
            pair.settle_with(at_most, |_, _, _| {});
            assert_eq!(pair.ends[0].staged_messages(), 0);
            let expected = messages.map(Event::Message);
            assert_eq!(pair.take_traffic(), [expected.to_vec(), expected.to_vec()]);
        }
    }
}

#[test]
fn commands_are_encrypted_like_messages() {
    for securities in mechanisms() {
        let [client, server] = securities;
        let mut client = secured(SocketType::Sub, client);
        client.heartbeat = Some(Heartbeat {
            interval: Duration::from_millis(1),
            timeout: Duration::from_secs(9),
            time_to_live: 0,
        });
        let mut pair = Pair::new(client, secured(SocketType::Pub, server));
        pair.settle();
        pair.take_traffic();
        let topic = Frame::from(vec![b't'; 300]);
        pair.ends[0].subscribe(b"news.");
        pair.ends[0].cancel(b"news.");
        pair.ends[0].subscribe(&topic);
        let later = Instant::now() + Duration::from_millis(20);
        pair.ends[0].handle_timeout(later);
        pair.settle();
        let news = || Frame::from("news.");
        let expected = [
            Event::Subscribe(news()),
            Event::Cancel(news()),
            Event::Subscribe(topic),
        ];
        assert_eq!(pair.events[1], expected);
        assert_eq!(pair.events[0], []);
        // The PING was replied to: nine seconds later there is still no reason to close.
        pair.ends[0].handle_timeout(later + Duration::from_millis(8_999));
        assert!(pair.ends[0].is_ready());
    }
}

#[test]
fn rejected_peers_receive_the_status_and_nothing_else() {
    for securities in mechanisms() {
        for status in [300, 400, 500] {
            let mut pair = pair_of(securities.clone(), [SocketType::Push, SocketType::Pull]);
            let text = "a secret of the house".to_owned();
            pair.judge = Judgement::Denied { status, text };
            pair.settle();
            let Event::Closed(reason) = pair.events[1].last().unwrap() else {
                panic!("{:?}", pair.events[1]);
            };
            assert_eq!(reason.is_incompatible(), status != 300);
            let error = format!("\x04\x0a\x05ERROR\x03{status}");
            assert_eq!(pair.said[1].ends_with(error.as_bytes()), status != 300);
            assert!(!pair.said[1].windows(6).any(|bytes| bytes == b"secret"));
            if status == 300 {
                assert!(pair.events[0].is_empty());
                continue;
            }
            let refused = CloseReason::PeerError(status.to_string());
            assert_eq!(pair.events[0], [Event::Closed(refused.clone())]);
            match refused.public() {
                crate::event::DisconnectReason::AuthenticationFailed { status: told, .. } => {
                    assert_eq!(told, status);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn undecided_peers_are_refused_without_an_error_command() {
    for securities in mechanisms() {
        let mut pair = pair_of(securities, [SocketType::Push, SocketType::Pull]);
        pair.judge = Judgement::Failed(AuthenticatorFault::Gone);
        pair.settle();
        let reason = CloseReason::Unjudged(AuthenticatorFault::Gone);
        assert_eq!(pair.events[1].last(), Some(&Event::Closed(reason)));
        assert_eq!(pair.events[0], []);
        assert!(!pair.said[1].windows(5).any(|bytes| bytes == b"ERROR"));
    }
}

#[test]
fn only_the_deadline_ends_the_wait_for_a_decision() {
    for securities in mechanisms() {
        let [client, server] = securities;
        let now = Instant::now();
        let mut pair = Pair::new(
            secured(SocketType::Push, client),
            secured(SocketType::Pull, server),
        );
        // Bytes are moved by hand: no handler decides.
        for _ in 0..20 {
            for from in [0, 1] {
                let said = drain(&mut pair.ends[from], usize::MAX).0;
                let events = feed(&mut pair.ends[1 - from], &said, now);
                pair.events[1 - from].extend(events);
            }
        }
        assert!(matches!(pair.events[1][..], [Event::Authenticate(_)]));
        assert!(pair.ends[1].awaits_judgement());
        // Bytes from the client are not decoded meanwhile.
        assert_eq!(feed(&mut pair.ends[1], b"\x04\x01\x00", now), []);
        pair.ends[1].handle_timeout(now + Duration::from_secs(31));
        let closed = Event::Closed(CloseReason::HandshakeTimeout);
        assert_eq!(feed(&mut pair.ends[1], &[], now), [closed]);
        assert!(!pair.ends[1].awaits_judgement());
        // Too late.
        pair.ends[1].judged(Judgement::Unjudged);
        assert_eq!(feed(&mut pair.ends[1], &[], now), []);
        assert!(!pair.ends[1].has_transmit());
    }
}

#[test]
fn other_mechanisms_and_other_servers_are_refused_at_the_greeting() {
    let mut all = vec![[Security::Null, Security::Null]];
    all.extend(mechanisms());
    for (index, ours) in all.iter().enumerate() {
        for (other, theirs) in all.iter().enumerate() {
            for role in [0, 1] {
                let both = [ours[role].clone(), theirs[1].clone()];
                let mut pair = pair_of(both, [SocketType::Push, SocketType::Pull]);
                if index == 0 {
                    // NULL authenticates no peer without a domain, and has no servers.
                    pair.judge = Judgement::Unjudged;
                }
                pair.settle();
                let closed: Vec<_> = pair.events.iter().map(|events| events.last()).collect();
                if index != other {
                    for end in closed {
                        let Some(Event::Closed(reason)) = end else {
                            panic!("{end:?}");
                        };
                        assert!(matches!(reason, CloseReason::MechanismMismatch { .. }));
                        assert!(reason.is_incompatible());
                    }
                } else if role == 1 && index > 0 {
                    let two = Event::Closed(CloseReason::TwoServers);
                    assert_eq!(closed, [Some(&two), Some(&two)]);
                } else {
                    assert!(
                        matches!(closed[..], [Some(Event::Ready(_)), ..]),
                        "{closed:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn two_clients_end_with_an_unexpected_hello() {
    for [client, _] in mechanisms() {
        let both = [client.clone(), client];
        let mut pair = pair_of(both, [SocketType::Push, SocketType::Pull]);
        pair.settle();
        for events in &pair.events {
            let hello = CloseReason::UnexpectedCommand("HELLO command".into());
            assert_eq!(events[..], [Event::Closed(hello)]);
        }
    }
}

/// The frames that an end has sent after its greeting.
pub(super) fn frames(said: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut rest = &said[64..];
    while let Some(header) = super::super::frame::Header::parse(rest).unwrap() {
        let (whole, later) = rest.split_at(header.length + header.size as usize);
        frames.push((whole[0] & !2, whole[header.length..].to_vec()));
        rest = later;
    }
    frames
}

/// Replays one end's recorded bytes to a new other end; `change` decides about each frame by its
/// index.
pub(super) fn replay(
    end: &mut Pair,
    listener: usize,
    recorded: &[(u8, Vec<u8>)],
    index: usize,
    change: impl FnOnce(&mut Vec<u8>),
) {
    let now = Instant::now();
    let mechanism = end.said[1 - listener][..64].to_vec();
    end.hear(listener, &mechanism, now);
    let mut change = Some(change);
    for (at, (flags, body)) in recorded.iter().enumerate().take(index + 1) {
        let mut body = body.clone();
        if at == index {
            if let Some(change) = change.take() {
                change(&mut body);
            }
        }
        end.hear(listener, &frame(*flags, &body), now);
    }
}

#[test]
fn every_cut_and_every_longer_command_of_a_handshake_is_refused() {
    for securities in mechanisms() {
        let types = [SocketType::Dealer, SocketType::Router];
        let mut good = pair_of(securities.clone(), types);
        good.settle();
        for listener in [0, 1] {
            let recorded = frames(&good.said[1 - listener]);
            for (index, (_, body)) in recorded.iter().enumerate() {
                let is_plain = securities[0].mechanism() == Mechanism::Plain;
                for cut in 0..=body.len() + 1 {
                    if cut == body.len() {
                        continue;
                    }
                    let name = usize::from(body[0]) + 1;
                    // The data may end between properties.
                    let parses = cut >= name
                        && cut < body.len()
                        && super::super::metadata::Metadata::parse(&body[name..cut]).is_ok();
                    let has_metadata = matches!(&body[1..name], b"READY" | b"INITIATE");
                    if is_plain && has_metadata && parses {
                        continue;
                    }
                    let mut again = pair_of(securities.clone(), types);
                    again.said = good.said.clone();
                    replay(&mut again, listener, &recorded, index, |body| {
                        body.resize(cut, 0);
                    });
                    let last = again.events[listener].last();
                    assert!(
                        matches!(last, Some(Event::Closed(_))),
                        "end {listener}, command {index} cut to {cut}: {last:?}"
                    );
                    let ready = |event: &Event| matches!(event, Event::Ready(_));
                    assert!(!again.events[listener].iter().any(ready));
                }
            }
        }
    }
}

#[test]
fn only_the_correct_order_of_commands_is_accepted() {
    for securities in mechanisms() {
        let types = [SocketType::Dealer, SocketType::Router];
        let mut good = pair_of(securities.clone(), types);
        good.settle();
        for listener in [0, 1] {
            let recorded = frames(&good.said[1 - listener]);
            let others = frames(&good.said[listener]);
            let wrong = [
                frame(4, &recorded[1].1),
                frame(4, b"\x05READYx"),
                frame(4, b"\x05HELLO"),
                frame(4, b"\x08INITIATE"),
                frame(4, b"\x07WELCOMEx"),
                frame(4, b"\x04PING\0\0"),
                frame(4, b"\x09SUBSCRIBE"),
                frame(4, b"\x07UNKNOWN"),
                frame(4, b""),
                frame(4, &others[0].1[..others[0].1.len() - 1]),
                frame(0, b"hello"),
                frame(0, &recorded[0].1),
                frame(4, b"\x05ERROR\x03400"),
                frame(4, b"\x05ERROR\x09400"),
            ];
            for (index, wrong) in wrong.iter().enumerate() {
                let mut again = pair_of(securities.clone(), types);
                let now = Instant::now();
                again.hear(listener, &good.said[1 - listener][..64], now);
                again.hear(listener, wrong, now);
                let events = &again.events[listener];
                assert!(
                    matches!(events[..], [Event::Closed(_)]),
                    "{index}: {events:?}"
                );
            }
        }
    }
}

#[test]
fn no_input_of_a_peer_causes_panic_or_excess() {
    for (number, securities) in mechanisms().into_iter().enumerate() {
        let types = [SocketType::Dealer, SocketType::Router];
        let mut good = pair_of(securities.clone(), types);
        good.settle();
        for message in ["", "a", "abc"] {
            good.ends[0].send(Message::from(message));
            good.ends[1].send(Message::from([message, message]));
        }
        good.settle();
        for seed in 1..=600u64 {
            let mut random =
                Random((seed + number as u64 * 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let listener = random.below(2);
            let mut bytes = good.said[1 - listener].clone();
            for _ in 0..random.below(4) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = random.next() as u8,
                    1 => bytes.truncate(at.max(64)),
                    _ => bytes.insert(at, random.next() as u8),
                }
            }
            let mut again = pair_of(securities.clone(), types);
            let now = Instant::now();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, later) = rest.split_at(1 + random.below(rest.len()));
                again.hear(listener, piece, now);
                rest = later;
            }
            again.ends[listener].handle_timeout(now + Duration::from_secs(3600));
            again.hear(listener, &[], now);
            assert!(again.ends[listener].capacity() < 100_000, "seed {seed}");
            let events = &again.events[listener];
            let ends = events.iter().filter(|e| matches!(e, Event::Closed(_)));
            assert!(ends.count() <= 1, "seed {seed}: {events:?}");
        }
    }
}
