//! What a message must look like to be sent.

use crate::error::Refusal;
use crate::message::{Message, MAX_GROUP};

/// What a message must look like to be sent, besides having any frames at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameRule {
    /// No more than that many frames.
    AtMost(usize),
    /// That many frames, as the types that send payload of one frame want it.
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
