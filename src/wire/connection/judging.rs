//! Frames that are held to more than their layout.

use crate::message::Frame;
use crate::wire::CloseReason;

/// RFC 48, The DISH Socket Type: a message is two frames, a group of at most 255 octets and the
/// body.
pub(super) fn judge_group_frame(index: usize, more: bool, body: &Frame) -> Result<(), CloseReason> {
    match (index, more) {
        (0, true) if body.len() > 255 => Err(CloseReason::MalformedMessage(
            "a group of more than 255 octets",
        )),
        (0, true) | (1, false) => Ok(()),
        (0, false) => Err(CloseReason::MalformedMessage("a group without a body")),
        (_, _) => Err(CloseReason::MalformedMessage("frames behind the body")),
    }
}

/// RFC 37, The Identity Property: at most 255 octets, and one that begins with zero is for
/// implementations to make up, so that a peer that claims one gets another.
pub(super) fn judge_identity(theirs: &[u8]) -> Result<Frame, CloseReason> {
    match theirs {
        identity if identity.len() > 255 => Err(CloseReason::IdentityTooLong {
            octets: identity.len(),
        }),
        [0, ..] => Ok(Frame::empty()),
        identity => Ok(Frame::copy_from_slice(identity)),
    }
}
