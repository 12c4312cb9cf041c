//! The greeting: 64 bytes in each direction that settle version and mechanism (RFC 37, Greeting).
//!
//! This end's greeting is sent in three parts, each as soon as the peer has shown that it will
//! understand it: the signature at once, the major version to a peer with a valid signature, the
//! rest to a peer of version 3. So peers of ZMTP 1.0 and 2.0 are recognised before anything is sent
//! that they would misread (RFC 15, Backwards Interoperability).

use super::close_reason::readable;
use super::encoder::Encoder;
use super::metadata::announced_identity;
use super::old::{self, Old};
use super::{CloseReason, Config};
use crate::security::Mechanism;

/// Size of a whole greeting in bytes.
pub(super) const LENGTH: usize = 64;

const MAJOR: u8 = 3;
const MINOR: u8 = 1;

/// Offsets in a greeting.
const SIGNATURE_END: usize = 9;
const MAJOR_AT: usize = 10;
const MINOR_AT: usize = 11;
const MECHANISM_AT: usize = 12;
const MECHANISM_LENGTH: usize = 20;
const AS_SERVER_AT: usize = MECHANISM_AT + MECHANISM_LENGTH;

/// A greeting in progress: how much of this end's greeting has been sent.
#[derive(Debug)]
pub(super) struct Greeting {
    said: Said,
}

#[derive(Debug, PartialEq)]
enum Said {
    Signature,
    Major,
    All,
}

/// The result of parsing a peer's greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// ZMTP 3, with its version. The greeting is complete and valid.
    Current((u8, u8)),
    /// ZMTP 2.0 or 1.0: its greeting has arrived as far as there is one.
    Old(Old),
}

impl Greeting {
    /// Sends the signature, which is all that may be sent before the peer has sent anything.
    pub(super) fn start(config: &Config, encoder: &mut Encoder) -> Self {
        encoder.control(&signature(announced_identity(config).len()));
        Greeting {
            said: Said::Signature,
        }
    }

    /// Parses the peer's first `bytes`, from offset 0 each time, and sends what can be sent;
    /// returns what the peer is once its greeting is complete and valid.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        config: &Config,
        encoder: &mut Encoder,
    ) -> Result<Option<Found>, CloseReason> {
        match read_signature(bytes)? {
            None => return Ok(None),
            Some(Signature::Old) => {
                let old = Old::UNVERSIONED;
                old::admits(config, old.version())?;
                return Ok(Some(Found::Old(old)));
            }
            Some(Signature::Versioned) => {}
        }
        if self.said == Said::Signature {
            encoder.control(&[MAJOR]);
            self.said = Said::Major;
        }
        let Some(&major) = bytes.get(MAJOR_AT) else {
            return Ok(None);
        };
        // A peer with a higher version downgrades to ours.
        if let Some(framing) = old::framing(major) {
            old::admits(config, framing.version())?;
            let old = bytes.get(old::TYPE_AT).map(|&socket_type| Old {
                framing,
                socket_type: Some(socket_type),
            });
            return Ok(old.map(Found::Old));
        }
        let (mechanism, as_server) = (config.security.mechanism(), config.security.is_server());
        if self.said == Said::Major {
            encoder.control(&rest(mechanism, as_server));
            self.said = Said::All;
        }
        let (Some(&minor), Some(whole)) = (bytes.get(MINOR_AT), bytes.get(..LENGTH)) else {
            return Ok(None);
        };
        old::admits_version(config, (major, minor))?;
        let theirs = &whole[MECHANISM_AT..MECHANISM_AT + MECHANISM_LENGTH];
        if theirs != padded(mechanism) {
            let theirs = theirs.split(|byte| *byte == 0).next().unwrap_or_default();
            return Err(CloseReason::MechanismMismatch {
                theirs: readable(theirs),
            });
        }
        // libzmq always sends 0 for as-server, whatever its role: only a 1 is meaningful, and NULL
        // has no roles.
        if as_server && whole[AS_SERVER_AT] == 1 {
            return Err(CloseReason::TwoServers);
        }
        Ok(Some(Found::Current((major, minor))))
    }
}

/// `FF`, eight bytes of padding, `7F`. For a ZMTP 1.0 peer, the padding makes it the header of a
/// long identity frame (RFC 37, Backwards Interoperability): length of the identity + 1.
fn signature(identity_length: usize) -> [u8; SIGNATURE_END + 1] {
    let mut bytes = [0xff; SIGNATURE_END + 1];
    bytes[1..9].copy_from_slice(&(identity_length as u64 + 1).to_be_bytes());
    bytes[SIGNATURE_END] = 0x7f;
    bytes
}

/// Minor version, mechanism, as-server, filler.
fn rest(mechanism: Mechanism, as_server: bool) -> [u8; LENGTH - MINOR_AT] {
    let mut bytes = [0; LENGTH - MINOR_AT];
    bytes[0] = MINOR;
    bytes[1..=MECHANISM_LENGTH].copy_from_slice(&padded(mechanism));
    bytes[AS_SERVER_AT - MINOR_AT] = u8::from(as_server);
    bytes
}

fn padded(mechanism: Mechanism) -> [u8; MECHANISM_LENGTH] {
    let mut bytes = [0; MECHANISM_LENGTH];
    for (padded, byte) in bytes.iter_mut().zip(mechanism.name().bytes()) {
        *padded = byte;
    }
    bytes
}

/// The kind of peer that the first bytes indicate.
enum Signature {
    /// ZMTP 2.0 or later: a version follows.
    Versioned,
    /// ZMTP 1.0: this is the header of its identity frame.
    Old,
}

/// A peer of ZMTP 2.0 or later starts with `FF`, and has the lowest bit of byte 9 set. Any other is
/// of ZMTP 1.0 (RFC 15, Backwards Interoperability), and starts with an identity frame: a length
/// that is not 0, in one byte or in nine, and a flags byte of 0 (RFC 13, Full ZMTP Grammar).
/// According to the RFC those flags should not be validated. But every implementation sends 0, and
/// nothing else distinguishes a peer of ZMTP 1.0 from one of another protocol, whose next bytes
/// would be taken for messages.
fn read_signature(bytes: &[u8]) -> Result<Option<Signature>, CloseReason> {
    let (flags_at, versioned) = match bytes.first() {
        None => return Ok(None),
        Some(0) => (0, false),
        Some(0xff) => (SIGNATURE_END, true),
        Some(_) => (1, false),
    };
    match bytes.get(flags_at) {
        None => Ok(None),
        Some(0) if flags_at > 0 => Ok(Some(Signature::Old)),
        Some(&byte) if versioned && byte & 1 == 1 => Ok(Some(Signature::Versioned)),
        Some(&byte) => Err(CloseReason::NotZmtp {
            byte,
            offset: flags_at,
        }),
    }
}
