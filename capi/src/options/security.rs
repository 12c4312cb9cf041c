//! Security mechanisms (zmq_plain(7), zmq_curve(7)): which is used depends on what was set last.

use std::ffi::c_int;

use zmq_channels::security::{CurveKey, CurveKeypair, CurveSecretKey, Security};

use crate::errno::{Outcome, EINVAL};
use crate::value::{self, Room, Text};

const KEY: usize = 32;

/// A key as text has this many characters, and a NUL.
const KEY_TEXT: usize = 40;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mechanism {
    #[default]
    Null,
    Plain,
    Curve,
}

#[derive(Clone, Default)]
pub(super) struct Keys {
    pub(super) mechanism: Mechanism,
    pub(super) as_server: bool,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) public: [u8; KEY],
    pub(super) secret: [u8; KEY],
    pub(super) server: [u8; KEY],
}

/// Omits passwords and keys.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("mechanism", &self.mechanism)
            .field("as_server", &self.as_server)
            .finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn number(&self) -> c_int {
        match self.mechanism {
            Mechanism::Null => 0,
            Mechanism::Plain => 1,
            Mechanism::Curve => 2,
        }
    }

    pub(super) fn is_server_of(&self, mechanism: Mechanism) -> c_int {
        c_int::from(self.as_server && self.mechanism == mechanism)
    }

    pub(super) fn set_server(&mut self, bytes: &[u8], mechanism: Mechanism) -> Outcome {
        self.as_server = value::ranged(bytes, 0..=1)? == 1;
        self.mechanism = match self.as_server {
            true => mechanism,
            false => Mechanism::Null,
        };
        Ok(())
    }

    /// A user name or password; a null pointer takes the mechanism back.
    pub(super) fn set_plain(&mut self, bytes: Option<&[u8]>, is_password: bool) -> Outcome {
        match bytes {
            None | Some([]) => self.mechanism = Mechanism::Null,
            Some(bytes) => {
                if bytes.len() > 255 {
                    return Err(EINVAL);
                }
                let text = String::from_utf8(bytes.to_vec()).map_err(|_| EINVAL)?;
                match is_password {
                    true => self.password = text,
                    false => self.username = text,
                }
                self.as_server = false;
                self.mechanism = Mechanism::Plain;
            }
        }
        Ok(())
    }

    /// A key, as bytes or as text.
    pub(super) fn parse(bytes: &[u8]) -> Outcome<[u8; KEY]> {
        if let Ok(key) = <[u8; KEY]>::try_from(bytes) {
            return Ok(key);
        }
        let text = match bytes.len() {
            KEY_TEXT => bytes,
            len if len == KEY_TEXT + 1 => bytes.strip_suffix(b"\0").ok_or(EINVAL)?,
            _ => return Err(EINVAL),
        };
        let text = std::str::from_utf8(text).map_err(|_| EINVAL)?;
        let key = text.parse::<CurveKey>().map_err(|_| EINVAL)?;
        Ok(*key.as_bytes())
    }

    /// Writes a key as bytes or as text, whichever the room is for.
    pub(super) fn put(room: &mut Room<'_>, key: &[u8; KEY]) -> Outcome {
        match room.len() {
            KEY => room.put(value::Bytes(key)),
            len if len == KEY_TEXT + 1 => {
                room.put(Text(CurveKey::from(*key).to_string().as_bytes()))
            }
            _ => Err(EINVAL),
        }
    }

    pub(super) fn security(&self) -> Security {
        let keypair = || CurveKeypair::from(CurveSecretKey::from(self.secret));
        match (self.mechanism, self.as_server) {
            (Mechanism::Null, _) => Security::Null,
            (Mechanism::Plain, true) => Security::PlainServer,
            (Mechanism::Plain, false) => {
                Security::plain_client(self.username.clone(), self.password.clone())
            }
            (Mechanism::Curve, true) => Security::curve_server(keypair()),
            (Mechanism::Curve, false) => {
                Security::curve_client(keypair(), CurveKey::from(self.server))
            }
        }
    }
}
