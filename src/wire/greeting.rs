//! The greeting: 64 octets each way that settle version and mechanism (RFC 37, Greeting).
//!
//! Ours goes out in three parts, each as soon as the peer has shown that it will understand:
//! the signature at once, the major version to a peer whose signature is good, the rest to a
//! peer of version 3. So peers of ZMTP 1.0 and 2.0 can be told apart before anything is said
//! that they would misread.

use super::close_reason::readable;
use super::encoder::Encoder;
use super::CloseReason;
use crate::security::{Mechanism, Security};

/// Octets in a whole greeting.
pub(super) const LENGTH: usize = 64;

const MAJOR: u8 = 3;
const MINOR: u8 = 1;

/// Where things stand in a greeting.
const SIGNATURE_END: usize = 9;
const MAJOR_AT: usize = 10;
const MINOR_AT: usize = 11;
const MECHANISM_AT: usize = 12;
const MECHANISM_LENGTH: usize = 20;
const AS_SERVER_AT: usize = MECHANISM_AT + MECHANISM_LENGTH;

/// The greeting underway: how much of ours is out.
#[derive(Debug)]
pub(super) struct Greeting {
    mechanism: Mechanism,
    as_server: bool,
    said: Said,
}

#[derive(Debug, PartialEq)]
enum Said {
    Signature,
    Major,
    All,
}

impl Greeting {
    /// Says the signature: all that may be said before the peer has spoken.
    pub(super) fn start(security: &Security, routing_id: &[u8], encoder: &mut Encoder) -> Self {
        encoder.control(&signature(routing_id.len()));
        Greeting {
            mechanism: security.mechanism(),
            as_server: security.is_server(),
            said: Said::Signature,
        }
    }

    /// Judges the first `octets` of the peer, from offset 0 each time, and answers what can be
    /// answered; returns the peer's version once its greeting is whole and good.
    pub(super) fn receive(
        &mut self,
        octets: &[u8],
        encoder: &mut Encoder,
    ) -> Result<Option<(u8, u8)>, CloseReason> {
        check_signature(octets)?;
        if octets.len() > SIGNATURE_END && self.said == Said::Signature {
            encoder.control(&[MAJOR]);
            self.said = Said::Major;
        }
        let Some(&major) = octets.get(MAJOR_AT) else {
            return Ok(None);
        };
        match major {
            // ZMTP 1.0 framing behind a signature, as early ZMTP 2.0 drafts had it.
            0 => return Err(CloseReason::UnsupportedVersion { major: 1, minor: 0 }),
            // RFC 37, Backwards Interoperability: a revision of 1 or 2 means ZMTP 2.0.
            1 | 2 => return Err(CloseReason::UnsupportedVersion { major: 2, minor: 0 }),
            // A higher version than ours is the peer's to step down from.
            _ => {}
        }
        if self.said == Said::Major {
            encoder.control(&rest(self.mechanism, self.as_server));
            self.said = Said::All;
        }
        let (Some(&minor), Some(whole)) = (octets.get(MINOR_AT), octets.get(..LENGTH)) else {
            return Ok(None);
        };
        let theirs = &whole[MECHANISM_AT..MECHANISM_AT + MECHANISM_LENGTH];
        if theirs != padded(self.mechanism) {
            let theirs = theirs.split(|octet| *octet == 0).next().unwrap_or_default();
            return Err(CloseReason::MechanismMismatch {
                theirs: readable(theirs),
            });
        }
        // libzmq always sends 0 for as-server, whatever its role: only a 1 tells anything, and
        // NULL knows no roles.
        if self.as_server && whole[AS_SERVER_AT] == 1 {
            return Err(CloseReason::TwoServers);
        }
        Ok(Some((major, minor)))
    }
}

/// `FF`, eight octets of padding, `7F`. The padding makes it, for a ZMTP 1.0 peer, the header
/// of a long identity frame (RFC 37, Backwards Interoperability): length of the routing id + 1.
fn signature(routing_id_length: usize) -> [u8; SIGNATURE_END + 1] {
    let mut octets = [0xff; SIGNATURE_END + 1];
    octets[1..9].copy_from_slice(&(routing_id_length as u64 + 1).to_be_bytes());
    octets[SIGNATURE_END] = 0x7f;
    octets
}

/// Minor version, mechanism, as-server, filler.
fn rest(mechanism: Mechanism, as_server: bool) -> [u8; LENGTH - MINOR_AT] {
    let mut octets = [0; LENGTH - MINOR_AT];
    octets[0] = MINOR;
    octets[1..=MECHANISM_LENGTH].copy_from_slice(&padded(mechanism));
    octets[AS_SERVER_AT - MINOR_AT] = u8::from(as_server);
    octets
}

fn padded(mechanism: Mechanism) -> [u8; MECHANISM_LENGTH] {
    let mut octets = [0; MECHANISM_LENGTH];
    for (padded, octet) in octets.iter_mut().zip(mechanism.name().bytes()) {
        *padded = octet;
    }
    octets
}

/// A peer of ZMTP 2.0 or 3 begins with `FF`, and has the lowest bit of octet 9 set. One of
/// ZMTP 1.0 begins with the length of its identity frame, `01` if it is anonymous; in the long
/// form of that length, octet 9 is the flags octet, 0. A named ZMTP 1.0 peer cannot be told
/// from junk: any octet would do.
fn check_signature(octets: &[u8]) -> Result<(), CloseReason> {
    const OLD: CloseReason = CloseReason::UnsupportedVersion { major: 1, minor: 0 };
    match octets.first() {
        None | Some(0xff) => {}
        Some(0x01) => return Err(OLD),
        Some(&octet) => return Err(CloseReason::NotZmtp { octet, offset: 0 }),
    }
    match octets.get(SIGNATURE_END) {
        Some(0) => Err(OLD),
        Some(&octet) if octet & 1 == 0 => Err(CloseReason::NotZmtp {
            octet,
            offset: SIGNATURE_END,
        }),
        Some(_) | None => Ok(()),
    }
}
