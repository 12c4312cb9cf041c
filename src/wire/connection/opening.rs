//! From the greeting to [`Event::Ready`]: each step of the handshake leads to the next phase.

use super::judging::judge_identity;
use super::{Connection, Dialect, Phase, MAX_HANDSHAKE_COMMAND};
use crate::security::Mechanism;
use crate::wire::command::Command;
use crate::wire::greeting::{self, Found};
use crate::wire::heartbeat::Pings;
use crate::wire::mechanism::{self, Done, Handshake, Last, Opening, Step};
use crate::wire::{CloseReason, Event, Introduction};

impl Connection {
    #[cold]
    pub(super) fn poll_opening(&mut self) -> Result<Option<Event>, CloseReason> {
        if let Phase::Greeting(greeting, opening) = &mut self.phase {
            let bytes = self.decoder.waiting();
            let version = match greeting.receive(bytes, &self.config, &mut self.encoder)? {
                None => return Ok(None),
                Some(Found::Old(old)) => {
                    // For ZMTP 1.0 the signature may have been complete.
                    if old.socket_type.is_some() {
                        self.check_room()?;
                    }
                    return self.meet_old(old);
                }
                Some(Found::Current(version)) => version,
            };
            if matches!(opening, Opening::Null) && !self.listens {
                self.check_room()?;
            }
            self.decoder.consume(greeting::LENGTH);
            self.decoder.limit_frames(Some(self.handshake_limit()));
            let Phase::Greeting(_, opening) = std::mem::replace(&mut self.phase, Phase::Closed)
            else {
                return Ok(None);
            };
            let encoder = &mut self.encoder;
            let step = Handshake::start(opening, self.listens, &self.config, encoder)?;
            let event = self.proceed(version, step)?;
            if event.is_some() {
                return Ok(event);
            }
        }
        if let Phase::OldIdentity(old) = self.phase {
            return self.poll_old_identity(old);
        }
        if let Some(judgement) = self.judgement.take() {
            if let Some((version, state)) = self.take_handshake() {
                if !self.listens {
                    self.check_room()?;
                }
                let step = state.judged(judgement, &self.config, &mut self.encoder)?;
                let event = self.proceed(version, step)?;
                if event.is_some() {
                    return Ok(event);
                }
            }
        }
        loop {
            if !matches!(&self.phase, Phase::Handshake { state, .. } if state.receives()) {
                return Ok(None);
            }
            let Some(frame) = self.decoder.next_frame()? else {
                return Ok(None);
            };
            if !frame.command {
                let what = String::from("message during the handshake");
                return Err(CloseReason::UnexpectedCommand(what));
            }
            let body = frame.body.into_frame();
            let command = Command::parse(&body)?;
            let Some((version, state)) = self.take_handshake() else {
                return Ok(None);
            };
            if state.introduces_itself_next() {
                self.check_room()?;
            }
            let step = state.receive(command, &self.config, &mut self.encoder)?;
            let event = self.proceed(version, step)?;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// The state is consumed; until there is a next one, the connection counts as closed.
    fn take_handshake(&mut self) -> Option<((u8, u8), Handshake)> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Handshake { version, state } => Some((version, state)),
            other => {
                self.phase = other;
                None
            }
        }
    }

    /// Maximum size of a command from a peer that is not authenticated. With NULL, the limit for
    /// frames applies to commands too, as in libzmq; the commands of other mechanisms do not depend
    /// on the size of messages.
    pub(super) fn handshake_limit(&self) -> u64 {
        match (self.config.security.mechanism(), self.config.max_frame_size) {
            (Mechanism::Null, Some(limit)) => limit.min(MAX_HANDSHAKE_COMMAND),
            _ => MAX_HANDSHAKE_COMMAND,
        }
    }

    /// Enters the phase that a step of the handshake leads to.
    fn proceed(&mut self, version: (u8, u8), step: Step) -> Result<Option<Event>, CloseReason> {
        match step {
            Step::Next(state) => {
                self.phase = Phase::Handshake { version, state };
                Ok(None)
            }
            Step::Ask(state, credentials) => {
                self.phase = Phase::Handshake { version, state };
                Ok(Some(Event::Authenticate(credentials)))
            }
            Step::Done(done) => self.begin_traffic(version, done).map(Some),
        }
    }

    /// The handshake is done: checks whether the socket types are compatible.
    fn begin_traffic(&mut self, version: (u8, u8), done: Done) -> Result<Event, CloseReason> {
        let metadata = done.metadata;
        let socket_type = self.judge_socket_type(metadata.value("Socket-Type"))?;
        let identity = judge_identity(metadata.value("Identity").unwrap_or_default())?;
        self.phase = Phase::Traffic;
        match done.last {
            Last::Nothing => {}
            Last::SayReady => mechanism::say_ready(&self.config, &mut self.encoder),
            Last::Seal {
                sealer,
                opener,
                ready,
            } => {
                if let Some(ready) = ready {
                    self.encoder.command("READY", &[&ready]);
                }
                self.encoder.seal(sealer);
                self.phase = Phase::Sealed(opener);
            }
        }
        self.limit_frames();
        self.handshake_deadline = None;
        // ZMTP 3.1 introduced the commands; ZMTP 3.0 subscribes by message (RFC 23).
        self.dialect = match version >= (3, 1) {
            true => Dialect::Zmtp31,
            false => Dialect::Zmtp30,
        };
        let heartbeat = self.config.heartbeat;
        self.pings = heartbeat.map(|heartbeat| Box::new(Pings::new(heartbeat, self.heard)));
        Ok(Event::Ready(Box::new(Introduction {
            socket_type,
            identity,
            version,
            properties: metadata.into_properties(),
            allowed: done.allowed.unwrap_or_default(),
        })))
    }
}
