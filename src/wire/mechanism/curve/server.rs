//! The server's side of a CURVE handshake.

use super::super::super::command::Command;
use super::super::super::encoder::Encoder;
use super::super::super::metadata::{announcement, Metadata};
use super::super::super::zap::Allowed;
use super::super::super::{CloseReason, CommandPart, Config};
use super::super::{not_now, Done, Handshake, Last, Step};
use super::nacl::Key;
use super::session::{Opener, Sealer};
use super::{
    field, forged, later, long_nonce, short_nonce, transient, ServerEntropy, COOKIE, COOKIE_NONCE,
    HELLO_BOX, HELLO_NONCE, INITIATE_NONCE, PADDING, READY_NONCE, SIGNED_ZEROS, VERSION, VOUCH,
    VOUCH_NONCE, WELCOME_NONCE,
};
use crate::curve::{CurveKey, CurveKeypair};
use crate::security::{Credentials, Security};

/// The server's states.
#[derive(Debug)]
pub(in super::super::super) enum Server {
    ExpectHello(Box<ServerEntropy>),
    /// The keys of the connection are in the cookie, which only the key stored here opens.
    ExpectInitiate {
        cookie_key: Key,
        /// The number of HELLO.
        last: u64,
    },
    AwaitJudgement(Client),
}

/// A client that has proved that it has the secret key of its public key.
#[derive(Debug)]
pub(in super::super::super) struct Client {
    /// C.
    key: CurveKey,
    /// Agreed between C' and s'.
    shared: Key,
    metadata: Metadata,
    /// The number of INITIATE.
    last: u64,
}

impl Server {
    pub(in super::super) fn start(entropy: Box<ServerEntropy>) -> Step {
        Step::Next(Server::ExpectHello(entropy).into())
    }

    pub(in super::super) fn receives(&self) -> bool {
        !matches!(self, Server::AwaitJudgement(_))
    }

    pub(in super::super) fn receive(
        self,
        command: Command<'_>,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        let Security::CurveServer(server) = &config.security else {
            return Err(not_now(command));
        };
        match (self, command) {
            (Server::ExpectHello(entropy), Command::Hello(body)) => {
                let (next, welcome) = hello(body, *entropy, server)?;
                encoder.command("WELCOME", &[&welcome]);
                Ok(Step::Next(next.into()))
            }
            (Server::ExpectInitiate { cookie_key, last }, Command::Initiate(body)) => {
                let client = initiate(body, &cookie_key, last, server)?;
                if !config.authenticates {
                    return Ok(Step::Done(client.done(None, config)));
                }
                let credentials = Credentials::Curve(client.key);
                Ok(Step::Ask(
                    Server::AwaitJudgement(client).into(),
                    credentials,
                ))
            }
            (_, other) => Err(not_now(other)),
        }
    }

    pub(in super::super) fn judged(self, allowed: Allowed, config: &Config) -> Step {
        match self {
            Server::AwaitJudgement(client) => Step::Done(client.done(Some(allowed), config)),
            other @ (Server::ExpectHello(_) | Server::ExpectInitiate { .. }) => {
                debug_assert!(false, "no peer was asked");
                Step::Next(other.into())
            }
        }
    }
}

impl From<Server> for Handshake {
    fn from(server: Server) -> Self {
        Handshake::CurveServer(Box::new(server))
    }
}

/// RFC 26, The HELLO Command and The WELCOME Command.
fn hello(
    body: &[u8],
    entropy: ServerEntropy,
    server: &CurveKeypair,
) -> Result<(Server, Vec<u8>), CloseReason> {
    const MALFORMED: CloseReason = CloseReason::MalformedCommand(CommandPart::Hello, "HELLO");
    let (version, body) = field::<2>(body, &MALFORMED)?;
    let (padding, body) = field::<PADDING>(body, &MALFORMED)?;
    let (client_transient, body) = field::<32>(body, &MALFORMED)?;
    let (number, body) = field::<8>(body, &MALFORMED)?;
    let (signature, body) = field::<HELLO_BOX>(body, &MALFORMED)?;
    if !body.is_empty() || *version != VERSION || padding.iter().any(|byte| *byte != 0) {
        return Err(MALFORMED);
    }
    let number = u64::from_be_bytes(*number);
    let shared = Key::agree(server.secret().as_bytes(), client_transient)
        .ok_or(CloseReason::KeyExchange("a key of HELLO is of low order"))?;
    let signed = shared
        .open(&short_nonce(HELLO_NONCE, number), signature)
        .ok_or(forged("the box of HELLO does not open"))?;
    if signed[..] != [0; SIGNED_ZEROS] {
        return Err(forged("the box of HELLO does not hold zeros"));
    }
    let ours = transient(*entropy.transient);
    // The cookie: C' and s', which only this server can open.
    let cookie_key = Key::new(*entropy.cookie_key);
    let keys = zeroize::Zeroizing::new([*client_transient, *ours.secret().as_bytes()].concat());
    let cookie = cookie_key.seal(&long_nonce(COOKIE_NONCE, &entropy.cookie_nonce), &keys);
    let content = [
        &ours.public().as_bytes()[..],
        &entropy.cookie_nonce,
        &cookie[..],
    ]
    .concat();
    let sealed = shared.seal(&long_nonce(WELCOME_NONCE, &entropy.welcome_nonce), &content);
    let welcome = [&entropy.welcome_nonce[..], &sealed].concat();
    let last = number;
    Ok((Server::ExpectInitiate { cookie_key, last }, welcome))
}

/// RFC 26, The INITIATE Command.
fn initiate(
    body: &[u8],
    cookie_key: &Key,
    last: u64,
    server: &CurveKeypair,
) -> Result<Client, CloseReason> {
    const MALFORMED: CloseReason = CloseReason::MalformedCommand(CommandPart::Initiate, "INITIATE");
    let (cookie_nonce, body) = field::<16>(body, &MALFORMED)?;
    let (cookie, body) = field::<{ COOKIE - 16 }>(body, &MALFORMED)?;
    let (number, sealed) = field::<8>(body, &MALFORMED)?;
    let number = later(last, number)?;
    let keys = cookie_key
        .open(&long_nonce(COOKIE_NONCE, cookie_nonce), cookie)
        .ok_or(forged("the cookie does not open"))?;
    let (client_transient, keys) = field::<32>(&keys, &MALFORMED)?;
    let (our_transient, _) = field::<32>(keys, &MALFORMED)?;
    // The key with which HELLO was opened was not of low order, and this is the same one.
    let shared = Key::agree(our_transient, client_transient).ok_or(MALFORMED)?;
    let content = shared
        .open(&short_nonce(INITIATE_NONCE, number), sealed)
        .ok_or(forged("the box of INITIATE does not open"))?;
    let (key, content) = field::<32>(&content, &MALFORMED)?;
    let (vouch_nonce, content) = field::<16>(content, &MALFORMED)?;
    let (vouch, metadata) = field::<{ VOUCH - 16 }>(content, &MALFORMED)?;
    let vouched = Key::agree(our_transient, key)
        .ok_or(CloseReason::KeyExchange(
            "a key of INITIATE is of low order",
        ))?
        .open(&long_nonce(VOUCH_NONCE, vouch_nonce), vouch)
        .ok_or(forged("the vouch does not open"))?;
    // Both keys: a vouch made for another server is not valid here, nor is one made for this server
    // on another connection, whose key it names.
    if vouched[..] != [*client_transient, *server.public().as_bytes()].concat() {
        return Err(CloseReason::KeyExchange("the vouch is for other keys"));
    }
    Ok(Client {
        key: CurveKey::from(*key),
        shared,
        metadata: Metadata::parse(metadata)?,
        last: number,
    })
}

impl Client {
    /// RFC 26, The READY Command: this end's has number 1.
    fn done(self, allowed: Option<Allowed>, config: &Config) -> Done {
        const NUMBER: u64 = 1;
        let metadata = announcement(config);
        let sealed = self
            .shared
            .seal(&short_nonce(READY_NONCE, NUMBER), &metadata);
        let ready = [&NUMBER.to_be_bytes()[..], &sealed].concat();
        Done {
            metadata: self.metadata,
            allowed,
            last: Last::Seal {
                sealer: Box::new(Sealer::server(&self.shared, NUMBER)),
                opener: Box::new(Opener::server(&self.shared, self.last)),
                ready: Some(ready),
            },
        }
    }
}
