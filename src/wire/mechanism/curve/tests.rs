//! The server against clients that follow the protocol with wrong contents.

use super::super::super::command::Command;
use super::super::super::encoder::Encoder;
use super::super::super::tests::config;
use super::super::super::{CloseReason, CommandPart, Config};
use super::super::{Handshake, Step};
use super::nacl::Key;
use super::*;
use crate::security::{Credentials, Security};
use crate::socket_type::SocketType;

const METADATA: &[u8] = b"\x0bSocket-Type\0\0\0\x04PUSH";

/// The parts of a client's INITIATE, each of which a test can change.
struct Initiate {
    cookie: Vec<u8>,
    /// The key of the box, and its number.
    shared: Key,
    number: u64,
    key: CurveKeypair,
    /// The key of the vouch.
    vouching: Key,
    vouched: Vec<u8>,
    metadata: Vec<u8>,
}

fn keypair(byte: u8) -> CurveKeypair {
    transient([byte; 32])
}

fn server_config() -> Config {
    Config {
        security: Security::curve_server(keypair(1)),
        authenticates: true,
        ..config(SocketType::Pull)
    }
}

fn entropy(byte: u8) -> Box<ServerEntropy> {
    let drawn = ServerEntropy::draw(|bytes: &mut [u8]| {
        bytes.fill(byte);
        Ok::<(), ()>(())
    });
    drawn.unwrap()
}

fn receive(state: Handshake, command: Command<'_>) -> Result<Step, CloseReason> {
    state.receive(command, &server_config(), &mut Encoder::new(1 << 16))
}

/// A server that has received HELLO, and the next command of an honest client with the keypairs 2,
/// and 3 for this connection.
fn greeted() -> (Handshake, Initiate) {
    let (server, client) = (keypair(1), keypair(3));
    let shared = Key::agree(client.secret().as_bytes(), server.public().as_bytes()).unwrap();
    let hello = [
        &VERSION[..],
        &[0; PADDING],
        client.public().as_bytes(),
        &7u64.to_be_bytes(),
        &shared.seal(&short_nonce(HELLO_NONCE, 7), &[0; SIGNED_ZEROS]),
    ]
    .concat();
    let Step::Next(Handshake::CurveServer(state)) = Server::start(entropy(9)) else {
        panic!("a server waits for HELLO");
    };
    let mut encoder = Encoder::new(1 << 16);
    let command = Command::Hello(&hello);
    let step = state.receive(command, &server_config(), &mut encoder);
    let Ok(Step::Next(state)) = step else {
        panic!("{step:?}");
    };
    let mut slices = [std::io::IoSlice::new(&[])];
    assert_eq!(encoder.poll_transmit(&mut slices), 1);
    // Frame header and name are 10 bytes.
    let (nonce, sealed) = slices[0][10..].split_at(16);
    let nonce = long_nonce(WELCOME_NONCE, nonce.try_into().unwrap());
    let welcome = shared.open(&nonce, sealed).unwrap();
    let (server_transient, cookie) = welcome.split_at(32);
    let server_transient: [u8; 32] = server_transient.try_into().unwrap();
    let key = keypair(2);
    let initiate = Initiate {
        cookie: cookie.to_vec(),
        shared: Key::agree(client.secret().as_bytes(), &server_transient).unwrap(),
        number: 8,
        vouching: Key::agree(key.secret().as_bytes(), &server_transient).unwrap(),
        key,
        vouched: [*client.public().as_bytes(), *server.public().as_bytes()].concat(),
        metadata: METADATA.to_vec(),
    };
    (state, initiate)
}

impl Initiate {
    fn command(&self) -> Vec<u8> {
        let vouch = self
            .vouching
            .seal(&long_nonce(VOUCH_NONCE, &[5; 16]), &self.vouched);
        let content = [
            &self.key.public().as_bytes()[..],
            &[5; 16],
            &vouch,
            &self.metadata,
        ]
        .concat();
        let nonce = short_nonce(INITIATE_NONCE, self.number);
        let sealed = self.shared.seal(&nonce, &content);
        [&self.cookie[..], &self.number.to_be_bytes(), &sealed].concat()
    }
}

/// The result for a client whose INITIATE differs from an honest one's.
fn said(change: impl FnOnce(&mut Initiate)) -> Result<Step, CloseReason> {
    let (state, mut initiate) = greeted();
    change(&mut initiate);
    receive(state, Command::Initiate(&initiate.command()))
}

#[test]
fn an_honest_client_is_passed_to_the_handler() {
    match said(|_| {}) {
        Ok(Step::Ask(_, Credentials::Curve(key))) => assert_eq!(key, *keypair(2).public()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_without_its_secret_is_refused() {
    // It claims a key without having the secret key.
    let reason = said(|initiate| initiate.key = keypair(4)).unwrap_err();
    assert_eq!(reason, forged("the vouch does not open"));
    let vouched = "the vouch is for other keys";
    // It repeats the vouch of another connection, or one for another server.
    for (byte, at) in [(4, 0), (5, 32)] {
        let other = *keypair(byte).public().as_bytes();
        let said = said(|initiate| initiate.vouched[at..at + 32].copy_from_slice(&other));
        assert_eq!(said.unwrap_err(), CloseReason::KeyExchange(vouched));
    }
}

#[test]
fn command_numbers_must_increase() {
    for number in [0, 6, 7] {
        let reason = said(|initiate| initiate.number = number).unwrap_err();
        assert_eq!(reason, CloseReason::InvalidSequence { last: 7, number });
    }
    for number in [8, 1000, u64::MAX] {
        assert!(said(|initiate| initiate.number = number).is_ok());
    }
}

#[test]
fn cookies_are_valid_for_one_connection() {
    let foreign = Key::new([8; 32]).seal(&long_nonce(COOKIE_NONCE, &[9; 16]), &[3; 64]);
    let reason = said(|initiate| initiate.cookie[16..].copy_from_slice(&foreign)).unwrap_err();
    assert_eq!(reason, forged("the cookie does not open"));
}

#[test]
fn malformed_contents_of_boxes_are_refused() {
    for metadata in [&b"x"[..], b"\x01 \0\0\0\0", &METADATA[..METADATA.len() - 1]] {
        let reason = said(|initiate| initiate.metadata = metadata.to_vec()).unwrap_err();
        assert!(
            matches!(reason, CloseReason::MalformedCommand(..)),
            "{reason:?}"
        );
    }
    let reason = said(|initiate| initiate.shared = Key::new([0; 32])).unwrap_err();
    assert_eq!(reason, forged("the box of INITIATE does not open"));
}

#[test]
fn hello_is_signed_with_zeros_and_padded_with_zeros() {
    let (server, client) = (keypair(1), keypair(3));
    let shared = Key::agree(client.secret().as_bytes(), server.public().as_bytes()).unwrap();
    let hello = |version: [u8; 2], padding: u8, signed: u8| {
        let signed = [signed; SIGNED_ZEROS];
        let parts = [
            &version[..],
            &[padding; PADDING],
            client.public().as_bytes(),
            &7u64.to_be_bytes(),
            &shared.seal(&short_nonce(HELLO_NONCE, 7), &signed),
        ];
        let Step::Next(state) = Server::start(entropy(9)) else {
            panic!("a server waits for HELLO");
        };
        receive(state, Command::Hello(&parts.concat()))
    };
    assert!(hello(VERSION, 0, 0).is_ok());
    for version in [[0, 0], [1, 1], [2, 0]] {
        let malformed = CloseReason::MalformedCommand(CommandPart::Hello, "HELLO");
        assert_eq!(hello(version, 0, 0).unwrap_err(), malformed);
        assert_eq!(hello(VERSION, 1, 0).unwrap_err(), malformed);
    }
    let reason = hello(VERSION, 0, 1).unwrap_err();
    assert_eq!(reason, forged("the box of HELLO does not hold zeros"));
}
