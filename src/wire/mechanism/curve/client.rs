//! The client's side of a CURVE handshake.

use super::super::super::command::Command;
use super::super::super::encoder::Encoder;
use super::super::super::metadata::{announcement, Metadata};
use super::super::super::{CloseReason, CommandPart, Config};
use super::super::{not_now, Done, Handshake, Last, Step};
use super::nacl::{Key, TAG};
use super::session::{Opener, Sealer};
use super::{
    field, forged, long_nonce, short_nonce, transient, ClientEntropy, COOKIE, HELLO_NONCE,
    INITIATE_NONCE, PADDING, READY_NONCE, SIGNED_ZEROS, VERSION, VOUCH_NONCE, WELCOME_NONCE,
};
use crate::curve::{CurveKey, CurveKeypair};
use crate::security::Security;

/// The numbers of this end's commands.
const HELLO: u64 = 1;
const INITIATE: u64 = 2;

/// The client's states.
#[derive(Debug)]
pub(in super::super::super) enum Client {
    ExpectWelcome {
        /// C' and c'.
        transient: CurveKeypair,
        vouch_nonce: [u8; 16],
        /// Agreed between c' and S.
        shared: Key,
    },
    /// With the key agreed between c' and S'.
    ExpectReady(Key),
}

impl Client {
    /// RFC 26, The HELLO Command.
    pub(in super::super) fn start(
        entropy: ClientEntropy,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        const LOW_ORDER: CloseReason = CloseReason::KeyExchange("the server key is of low order");
        let Security::CurveClient { server_key, .. } = &config.security else {
            return Err(LOW_ORDER);
        };
        let transient = transient(*entropy.transient);
        let shared =
            Key::agree(transient.secret().as_bytes(), server_key.as_bytes()).ok_or(LOW_ORDER)?;
        let signature = shared.seal(&short_nonce(HELLO_NONCE, HELLO), &[0; SIGNED_ZEROS]);
        encoder.command(
            "HELLO",
            &[
                &VERSION,
                &[0; PADDING],
                transient.public().as_bytes(),
                &HELLO.to_be_bytes(),
                &signature,
            ],
        );
        let vouch_nonce = entropy.vouch_nonce;
        let next = Client::ExpectWelcome {
            transient,
            vouch_nonce,
            shared,
        };
        Ok(Step::Next(next.into()))
    }

    pub(in super::super) fn expects_welcome(&self) -> bool {
        matches!(self, Client::ExpectWelcome { .. })
    }

    pub(in super::super) fn receive(
        self,
        command: Command<'_>,
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Step, CloseReason> {
        let Security::CurveClient {
            keypair,
            server_key,
        } = &config.security
        else {
            return Err(not_now(command));
        };
        match (self, command) {
            (
                Client::ExpectWelcome {
                    transient,
                    vouch_nonce,
                    shared,
                },
                Command::Welcome(body),
            ) => {
                let (server_transient, cookie) = welcome(body, &shared)?;
                const LOW_ORDER: CloseReason =
                    CloseReason::KeyExchange("a key of WELCOME is of low order");
                let agree = |secret: &CurveKeypair| {
                    let secret = secret.secret().as_bytes();
                    Key::agree(secret, server_transient.as_bytes()).ok_or(LOW_ORDER)
                };
                // RFC 26, The INITIATE Command: the vouch proves to S' alone that C' belongs to C.
                let vouch = agree(keypair)?.seal(
                    &long_nonce(VOUCH_NONCE, &vouch_nonce),
                    &[*transient.public().as_bytes(), *server_key.as_bytes()].concat(),
                );
                let shared = agree(&transient)?;
                let content = [
                    &keypair.public().as_bytes()[..],
                    &vouch_nonce,
                    &vouch,
                    &announcement(config),
                ]
                .concat();
                let sealed = shared.seal(&short_nonce(INITIATE_NONCE, INITIATE), &content);
                encoder.command("INITIATE", &[&cookie, &INITIATE.to_be_bytes(), &sealed]);
                Ok(Step::Next(Client::ExpectReady(shared).into()))
            }
            (Client::ExpectReady(shared), Command::Ready(body)) => ready(body, &shared),
            (_, other) => Err(not_now(other)),
        }
    }
}

impl From<Client> for Handshake {
    fn from(client: Client) -> Self {
        Handshake::CurveClient(Box::new(client))
    }
}

/// RFC 26, The WELCOME Command: S', and a cookie to be returned unchanged.
fn welcome(body: &[u8], shared: &Key) -> Result<(CurveKey, [u8; COOKIE]), CloseReason> {
    const MALFORMED: CloseReason = CloseReason::MalformedCommand(CommandPart::Welcome, "WELCOME");
    let (nonce, body) = field::<16>(body, &MALFORMED)?;
    let (sealed, rest) = field::<{ TAG + 32 + COOKIE }>(body, &MALFORMED)?;
    if !rest.is_empty() {
        return Err(MALFORMED);
    }
    let content = shared
        .open(&long_nonce(WELCOME_NONCE, nonce), sealed)
        .ok_or(forged("the box of WELCOME does not open"))?;
    let (key, cookie) = field::<32>(&content, &MALFORMED)?;
    let (cookie, _) = field::<COOKIE>(cookie, &MALFORMED)?;
    Ok((CurveKey::from(*key), *cookie))
}

/// RFC 26, The READY Command.
fn ready(body: &[u8], shared: &Key) -> Result<Step, CloseReason> {
    const MALFORMED: CloseReason = CloseReason::MalformedCommand(CommandPart::Ready, "READY");
    let (number, sealed) = field::<8>(body, &MALFORMED)?;
    if sealed.len() < TAG {
        return Err(MALFORMED);
    }
    let number = u64::from_be_bytes(*number);
    let metadata = shared
        .open(&short_nonce(READY_NONCE, number), sealed)
        .ok_or(forged("the box of READY does not open"))?;
    Ok(Step::Done(Done {
        metadata: Metadata::parse(&metadata)?,
        allowed: None,
        last: Last::Seal {
            sealer: Box::new(Sealer::client(shared, INITIATE)),
            opener: Box::new(Opener::client(shared, number)),
            ready: None,
        },
    }))
}
