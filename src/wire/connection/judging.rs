//! Rules for frames beyond their layout.

use super::Connection;
use crate::message::Frame;
use crate::socket_type::SocketType;
use crate::wire::close_reason::readable;
use crate::wire::mechanism;
use crate::wire::CloseReason;

/// RFC 48, The DISH Socket Type: a message has two frames, a group of at most 255 bytes and the
/// body.
pub(super) fn judge_group_frame(index: usize, more: bool, body: &Frame) -> Result<(), CloseReason> {
    match (index, more) {
        (0, true) if body.len() > 255 => Err(CloseReason::MalformedMessage(
            "a group of more than 255 bytes",
        )),
        (0, true) | (1, false) => Ok(()),
        (0, false) => Err(CloseReason::MalformedMessage("a group without a body")),
        (_, _) => Err(CloseReason::MalformedMessage("frames behind the body")),
    }
}

/// RFC 37, The Identity Property: at most 255 bytes. Identities that start with zero are reserved
/// for implementations, so a peer that announces one gets another.
pub(super) fn judge_identity(theirs: &[u8]) -> Result<Frame, CloseReason> {
    match theirs {
        identity if identity.len() > 255 => Err(CloseReason::IdentityTooLong {
            bytes: identity.len(),
        }),
        [0, ..] => Ok(Frame::empty()),
        identity => Ok(Frame::copy_from_slice(identity)),
    }
}

impl Connection {
    /// RFC 37, The Socket Type Property: a peer of an incompatible type is told so.
    pub(super) fn judge_socket_type(
        &mut self,
        theirs: Option<&[u8]>,
    ) -> Result<Option<SocketType>, CloseReason> {
        let Some(theirs) = theirs else {
            return Ok(None);
        };
        match SocketType::announced_as(theirs) {
            Some(theirs) if self.config.socket_type.accepts(theirs) => Ok(Some(theirs)),
            Some(_) | None => {
                let ours = self.config.socket_type;
                let reason = format!("{ours} does not talk to this socket type");
                mechanism::say_error(&reason, &mut self.encoder);
                Err(CloseReason::IncompatibleSocketType {
                    ours,
                    theirs: readable(theirs),
                })
            }
        }
    }
}
