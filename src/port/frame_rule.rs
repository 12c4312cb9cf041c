//! Rules about the frames of a message that is sent.

use crate::error::Refusal;
use crate::message::{Message, MAX_GROUP};

/// The frames that a message to be sent must have, besides being at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameRule {
    /// At most this many frames.
    AtMost(usize),
    /// Exactly this many frames, for types whose payload is a single frame.
    Exactly(usize),
    /// A group and a body (RFC 48): two frames, the first of at most 255 bytes.
    Grouped,
}

impl FrameRule {
    #[inline]
    pub(crate) fn check(self, message: &Message) -> Result<(), Refusal> {
        let expected = match self {
            _ if message.is_empty() => return Err(Refusal::NoFrames),
            FrameRule::AtMost(limit) if message.len() > limit => {
                return Err(Refusal::TooManyFrames { limit });
            }
            FrameRule::AtMost(_) => return Ok(()),
            FrameRule::Exactly(frames) => frames,
            FrameRule::Grouped => 2,
        };
        if message.len() != expected {
            return Err(Refusal::FrameCount { expected });
        }
        match message.first() {
            Some(group) if self == FrameRule::Grouped && group.len() > MAX_GROUP => {
                Err(Refusal::GroupTooLong)
            }
            _ => Ok(()),
        }
    }
}
