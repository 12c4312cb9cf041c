//! Peers of ZMTP 2.0 (RFC 15) and 1.0 (RFC 13), after the greeting. Instead of a handshake each
//! side sends its identity in one frame. A peer of 2.0 continues with the frames of ZMTP 3, without
//! commands. A peer of 1.0 has its own frames, which are handled separately here, so that the paths
//! of other peers need not check for them.

use super::judging::judge_identity;
use super::{Connection, Dialect, Phase};
use crate::message::Frame;
use crate::wire::close_reason::CloseReason;
use crate::wire::frame::Framing;
use crate::wire::metadata::announced_identity;
use crate::wire::old::{self, Old};
use crate::wire::{Allowed, Event, Introduction};

/// RFC 15, Framing: the bit that later became the COMMAND flag "MUST be zero".
pub(super) const NO_COMMANDS: CloseReason =
    CloseReason::MalformedFrame("a command, which ZMTP 2.0 does not have");

/// RFC 13, The Connection Layer.
const LONGEST_IDENTITY: u64 = 255;

impl Connection {
    /// The greeting is done: sends the rest of this end's.
    #[cold]
    pub(super) fn meet_old(&mut self, old: Old) -> Result<Option<Event>, CloseReason> {
        self.judge_old_type(old)?;
        self.decoder.consume(old.greeting_length());
        let limit = self.handshake_limit().min(LONGEST_IDENTITY);
        self.decoder.limit_frames(Some(limit));
        self.encoder.frame_as(old.framing);
        let identity = announced_identity(&self.config);
        match (old.socket_type, old::number(self.config.socket_type)) {
            // RFC 15, Formal Grammar: the rest of this end's greeting, and a frame.
            (Some(_), Some(number)) => {
                self.encoder.control(&[number]);
                self.encoder.control_message(&[identity]);
            }
            // RFC 15, Backwards Interoperability: the signature sent was the header.
            _ => self.encoder.control(identity),
        }
        self.phase = Phase::OldIdentity(old);
        self.poll_old_identity(old)
    }

    /// RFC 15, Socket Compatibility: "silently disconnecting the other peer", as there is no
    /// command to tell it why.
    fn judge_old_type(&self, old: Old) -> Result<(), CloseReason> {
        let Some(number) = old.socket_type else {
            return Ok(());
        };
        let theirs = old::socket_type(number);
        if theirs.is_some_and(|theirs| self.config.socket_type.accepts(theirs)) {
            return Ok(());
        }
        Err(CloseReason::IncompatibleSocketType {
            ours: self.config.socket_type,
            theirs: match theirs {
                Some(theirs) => theirs.name().to_string(),
                None => format!("number {number}"),
            },
        })
    }

    /// The first frame is the identity, which completes what the peer announces.
    pub(super) fn poll_old_identity(&mut self, old: Old) -> Result<Option<Event>, CloseReason> {
        let frame = match old.framing {
            Framing::Zmtp1 => self.decoder.next_old_frame(),
            Framing::Zmtp2 => self.decoder.next_frame(),
        };
        let frame = frame.map_err(|reason| match reason {
            CloseReason::FrameTooLarge { announced, .. } if announced > LONGEST_IDENTITY => {
                CloseReason::IdentityTooLong {
                    bytes: usize::try_from(announced).unwrap_or(usize::MAX),
                }
            }
            other => other,
        })?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        if frame.command {
            return Err(NO_COMMANDS);
        }
        // RFC 13, The Connection Layer: there the flags "SHALL not be validated".
        if frame.more && old.framing == Framing::Zmtp2 {
            return Err(CloseReason::MalformedFrame(
                "an identity with more behind it",
            ));
        }
        let identity = judge_identity(&frame.body.into_frame())?;
        self.handshake_deadline = None;
        self.dialect = match old.socket_type {
            Some(_) => Dialect::Zmtp20,
            None => Dialect::Zmtp10,
        };
        self.phase = match old.framing {
            Framing::Zmtp2 => Phase::Traffic,
            // RFC 13, Broadcast Content: "A subscriber SHALL NOT send any content", not even
            // subscriptions. It filters everything.
            Framing::Zmtp1 => Phase::OldTraffic {
                is_subscribed: self.hears_subscriptions && self.dialect == Dialect::Zmtp10,
            },
        };
        self.limit_frames();
        Ok(Some(Event::Ready(Box::new(Introduction {
            socket_type: old.socket_type.and_then(old::socket_type),
            identity,
            version: old.version(),
            properties: Vec::new(),
            allowed: Allowed::default(),
        }))))
    }

    /// Like `poll_traffic`, for the frames of ZMTP 1.0.
    #[cold]
    pub(super) fn poll_old_traffic(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Phase::OldTraffic { is_subscribed } = &mut self.phase {
            if std::mem::take(is_subscribed) {
                return Ok(Some(Event::Subscribe(Frame::empty())));
            }
        }
        if let Some(message) = self.take_parts() {
            return Ok(Some(message));
        }
        while let Some(frame) = self.decoder.next_old_frame()? {
            let (more, body) = (frame.more, frame.body.into_frame());
            let event = match self.hears_subscriptions {
                true => self.receive_from_subscriber(more, body)?,
                false => self.receive_part(more, body)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }
}
