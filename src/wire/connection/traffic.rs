//! After the handshake: bytes become messages, subscriptions and replies to commands (RFC 37,
//! Framing; RFC 23 for subscriptions as messages).

use std::time::Instant;

use super::judging::judge_group_frame;
use super::{old_peers, Connection, Dialect, Phase, MAX_FRAMES};
use crate::message::{Frame, Message};
use crate::wire::close_reason::readable;
use crate::wire::command::Command;
use crate::wire::heartbeat::{Wait, TENTH_OF_A_SECOND};
use crate::wire::{CloseReason, Event};

/// PINGs arrive seconds apart. A peer with this many unread replies has stopped reading.
const MAX_UNREAD_REPLIES: usize = 1024;

/// Maximum size in bytes of a message made of a stream without frames, as with libzmq's STREAM.
const MAX_CHUNK: usize = 8 << 10;

/// The flags inside an encrypted frame, which differ from those of a frame (RFC 26, The MESSAGE
/// Command).
const SEALED_MORE: u8 = 0b01;
const SEALED_COMMAND: u8 = 0b10;

impl Connection {
    #[inline(never)]
    pub(super) fn poll_any_event(&mut self) -> Option<Event> {
        match self.phase {
            Phase::Traffic | Phase::Sealed(_) => match self.poll_traffic() {
                Ok(event) => event,
                Err(reason) => self.end(self.blamed(reason)),
            },
            Phase::OldTraffic { .. } => match self.poll_old_traffic() {
                Ok(event) => event,
                Err(reason) => self.end(self.blamed(reason)),
            },
            Phase::Greeting(..) | Phase::Handshake { .. } | Phase::OldIdentity(_) => {
                match self.poll_opening() {
                    Ok(event) => event,
                    // RFC 37, Greeting: a peer that sent its greeting receives ours, then the
                    // connection ends.
                    Err(reason) => {
                        self.close(reason);
                        self.poll_closed()
                    }
                }
            }
            Phase::RawOpening => {
                self.phase = Phase::Raw;
                Some(Event::Ready(Box::default()))
            }
            Phase::Raw => {
                let bytes = self.decoder.next_bytes(MAX_CHUNK)?;
                let frame = Frame::copy_from_slice(bytes);
                Some(Event::Message(Message::single(frame)))
            }
            Phase::Closing(_) | Phase::Closed => self.poll_closed(),
        }
    }

    /// Ends the traffic. This may be in the middle of a message to the peer, so no command tells it
    /// why.
    #[cold]
    fn end(&mut self, reason: CloseReason) -> Option<Event> {
        self.mute = true;
        self.close(reason);
        self.poll_closed()
    }

    fn poll_traffic(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Some(message) = self.take_parts() {
            return Ok(Some(message));
        }
        while let Some(frame) = self.decoder.next_frame()? {
            self.time_to_live = None;
            let event = if let Phase::Sealed(opener) = &mut self.phase {
                // RFC 26, The MESSAGE Command: the MORE flag that counts is inside. Some peers set the
                // frame's too; like libzmq, do not look at it.
                let (flags, body) = opener.open(frame.body)?;
                self.receive_opened(flags, body)?
            } else if frame.command {
                let body = frame.body.into_frame();
                self.receive_command(&body)?
            } else if self.hears_subscriptions {
                let (more, body) = (frame.more, frame.body.into_frame());
                self.receive_from_subscriber(more, body)?
            } else if frame.more || self.is_grouped || !self.parts.is_empty() {
                let (more, body) = (frame.more, frame.body.into_frame());
                self.receive_part(more, body)?
            } else {
                Some(Event::Message(Message::single(frame.body.into_frame())))
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes the message that ended with a subscription, if there is one.
    #[inline]
    pub(super) fn take_parts(&mut self) -> Option<Event> {
        std::mem::take(&mut self.parts_are_all).then(|| {
            let frames = std::mem::take(&mut self.parts);
            self.parts_bytes = 0;
            self.limit_frames();
            Event::Message(Message::from_frames(frames))
        })
    }

    /// A decrypted frame, and its flags (RFC 26, The MESSAGE Command).
    fn receive_opened(&mut self, flags: u8, body: Frame) -> Result<Option<Event>, CloseReason> {
        let more = match flags {
            SEALED_COMMAND => return self.receive_command(&body),
            0 | SEALED_MORE => flags == SEALED_MORE,
            _ => {
                return Err(CloseReason::MalformedFrame(
                    "sealed flags that mean nothing",
                ))
            }
        };
        match self.hears_subscriptions {
            true => self.receive_from_subscriber(more, body),
            false => self.receive_part(more, body),
        }
    }

    /// ZMTP 3.0 subscribes by a message: 1 or 0, and the prefix (RFC 23). A peer of 3.1 may do so
    /// too: the application of an XSUB socket writes such messages. libzmq takes each frame of this
    /// form for a subscription, alone or among the frames of a message, which continues without it;
    /// if only first frames may be subscriptions, later frames are not interpreted.
    pub(super) fn receive_from_subscriber(
        &mut self,
        more: bool,
        body: Frame,
    ) -> Result<Option<Event>, CloseReason> {
        let is_eligible = !self.takes_rest_as_it_is;
        self.takes_rest_as_it_is = more && self.config.only_first_subscribe;
        let event = match body.split_first() {
            Some((1, prefix)) if is_eligible => Event::Subscribe(prefix.into()),
            Some((0, prefix)) if is_eligible => Event::Cancel(prefix.into()),
            _ => return self.receive_part(more, body),
        };
        self.parts_are_all = !more && !self.parts.is_empty();
        Ok(Some(event))
    }

    /// A frame of a multipart message.
    pub(super) fn receive_part(
        &mut self,
        more: bool,
        body: Frame,
    ) -> Result<Option<Event>, CloseReason> {
        if self.parts.len() == MAX_FRAMES {
            return Err(CloseReason::TooManyFrames { limit: MAX_FRAMES });
        }
        if self.is_grouped {
            judge_group_frame(self.parts.len(), more, &body)?;
        }
        let limited = self.config.max_message_size;
        if let Some(limit) = limited {
            self.parts_bytes = self.parts_bytes.saturating_add(body.len() as u64);
            if self.parts_bytes > limit {
                return Err(CloseReason::MessageTooLarge { limit });
            }
        }
        self.parts.push(body);
        if limited.is_some() && (more || self.parts.len() > 1) {
            if !more {
                self.parts_bytes = 0;
            }
            self.limit_frames();
        }
        if more {
            return Ok(None);
        }
        self.parts_bytes = 0;
        let frames = std::mem::take(&mut self.parts);
        Ok(Some(Event::Message(Message::from_frames(frames))))
    }

    /// A command; it may arrive between the frames of a message, without effect on it.
    #[cold]
    fn receive_command(&mut self, body: &[u8]) -> Result<Option<Event>, CloseReason> {
        if self.dialect == Dialect::Zmtp20 {
            return Err(old_peers::NO_COMMANDS);
        }
        let command = Command::parse(body)?;
        match command {
            Command::Ping { ttl, context } => {
                self.arm_time_to_live(ttl);
                let unread = self.encoder.reply("PONG", &[context]);
                if unread > MAX_UNREAD_REPLIES {
                    return Err(CloseReason::RepliesUnread { unread });
                }
                Ok(None)
            }
            Command::Subscribe(prefix) if self.hears_subscriptions => {
                Ok(Some(Event::Subscribe(Frame::copy_from_slice(prefix))))
            }
            Command::Cancel(prefix) if self.hears_subscriptions => {
                Ok(Some(Event::Cancel(Frame::copy_from_slice(prefix))))
            }
            Command::Join(group) if self.hears_groups => {
                Ok(Some(Event::Join(Frame::copy_from_slice(group))))
            }
            Command::Leave(group) if self.hears_groups => {
                Ok(Some(Event::Leave(Frame::copy_from_slice(group))))
            }
            Command::Error(reason) => Err(CloseReason::PeerError(readable(reason))),
            Command::Ready(_) | Command::Hello(_) | Command::Welcome(_) | Command::Initiate(_) => {
                Err(command.unexpected())
            }
            // RFC 37, Commands: unknown commands are ignored.
            Command::Subscribe(_)
            | Command::Cancel(_)
            | Command::Join(_)
            | Command::Leave(_)
            | Command::Pong(_)
            | Command::Other(_) => Ok(None),
        }
    }

    /// RFC 37, Connection Heartbeating: a peer that does not send within the time-to-live of its
    /// PING may be disconnected. The next frame ends the wait; incomplete frames prolong it.
    fn arm_time_to_live(&mut self, tenths: u16) {
        let length = TENTH_OF_A_SECOND * u32::from(tenths);
        self.time_to_live = match tenths {
            0 => None,
            _ => Wait::new(length, self.heard),
        };
    }

    /// Whether the peer has been silent for longer than its own PING or this socket's options
    /// allow. Bytes that wait undecoded arrived in time.
    pub(super) fn is_silent(&mut self, now: Instant) -> bool {
        let decoder = &self.decoder;
        let expired = match &mut self.time_to_live {
            Some(ttl) => ttl.is_over(now, || decoder.has_undecoded()),
            None => false,
        };
        expired
            || match &mut self.pings {
                Some(pings) => pings.is_unanswered(now, &self.encoder, || decoder.has_undecoded()),
                None => false,
            }
    }

    #[cold]
    pub(super) fn poll_closed(&mut self) -> Option<Event> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closing(reason) => Some(Event::Closed(reason)),
            Phase::Closed => None,
            going @ (Phase::Greeting(..)
            | Phase::Handshake { .. }
            | Phase::Traffic
            | Phase::OldIdentity(_)
            | Phase::OldTraffic { .. }
            | Phase::Sealed(_)
            | Phase::RawOpening
            | Phase::Raw) => {
                self.phase = going;
                None
            }
        }
    }
}
