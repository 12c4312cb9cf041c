//! What a socket's monitor is told: each connection and each listener from beginning to end.

use std::collections::VecDeque;

use super::*;
use crate::monitor::DisconnectReason;

/// Number of events that a failing run prints of each socket.
const LAST: usize = 30;

/// What a monitor was told so far.
#[derive(Default)]
pub(super) struct Told {
    connections: HashMap<u64, Stage>,
    ended: HashSet<u64>,
    /// Those of them that this socket made.
    dialed: HashSet<u64>,
    /// The endpoints to which a handshake has succeeded.
    met: HashSet<Endpoint>,
    /// Handshakes that succeeded after the first one with an endpoint.
    pub(super) reconnects: u64,
    listening: Vec<Endpoint>,
    /// The number of losses when there were several peers last.
    pub(super) several_at: Option<u64>,
    /// The largest number of peers since a user began to count.
    pub(super) most_peers: usize,
    /// Handshakes that failed, unless this socket itself ended them.
    pub(super) failures: u64,
    /// Connections that ended for any reason.
    pub(super) losses: u64,
    /// Connections that ended, or failed to begin, but not because of a call on this socket.
    pub(super) breaks: u64,
    /// Those among them that the peer did not end either.
    pub(super) faults: u64,
    pub(super) is_over: bool,
    /// The last events, for a run that fails.
    pub(super) last: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Delayed,
    Begun,
    Failed,
    Done,
}

impl Told {
    /// Number of peers that are connected.
    pub(super) fn peers(&self) -> usize {
        let stages = self.connections.values();
        stages.filter(|stage| **stage == Stage::Done).count()
    }

    /// This socket has disconnected from an endpoint.
    pub(super) fn disconnected(&mut self, endpoint: &Endpoint) {
        self.met.remove(endpoint);
    }

    /// The number of peers, and the largest since the last call.
    pub(super) fn take_peers(&mut self) -> (usize, usize) {
        let now = self.peers();
        (now, std::mem::replace(&mut self.most_peers, now))
    }

    pub(super) fn listeners(&self) -> usize {
        self.listening.len()
    }

    pub(super) fn event(&mut self, event: Event) {
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last
            .push_back(format!("{:?} {:?}", event.connection, event.kind));
        assert!(!self.is_over, "after the last event: {event:?}");
        let at = event.endpoint.clone();
        match &event.kind {
            EventKind::Listening => self.listening.extend(at),
            EventKind::Closed => {
                let place = self
                    .listening
                    .iter()
                    .position(|other| Some(other) == at.as_ref());
                let place = place.unwrap_or_else(|| panic!("it did not listen: {event:?}"));
                self.listening.remove(place);
            }
            EventKind::Stopped => {
                assert!(
                    self.connections.is_empty(),
                    "not told: {:?}",
                    self.connections
                );
                assert!(self.listening.is_empty(), "not told: {:?}", self.listening);
                self.is_over = true;
            }
            EventKind::ConnectRetried { .. }
            | EventKind::BindFailed { .. }
            | EventKind::AcceptFailed { .. } => {}
            EventKind::CloseFailed { .. } | EventKind::PumpFailed { .. } => {
                panic!("this does not happen here: {event:?}")
            }
            EventKind::ConnectFailed { .. } if event.connection.is_none() => {}
            _ => self.connection_event(&event),
        }
    }

    fn connection_event(&mut self, event: &Event) {
        let Some(number) = event.connection else {
            panic!("of no connection: {event:?}");
        };
        assert!(!self.ended.contains(&number), "it has ended: {event:?}");
        let before = self.connections.remove(&number);
        let (is_right, after) = match &event.kind {
            EventKind::ConnectDelayed => (before.is_none(), Some(Stage::Delayed)),
            EventKind::Connected => {
                self.dialed.insert(number);
                let is_right = matches!(before, None | Some(Stage::Delayed));
                (is_right, Some(Stage::Begun))
            }
            EventKind::ConnectFailed { .. } => {
                (matches!(before, None | Some(Stage::Delayed)), None)
            }
            EventKind::Accepted => (before.is_none(), Some(Stage::Begun)),
            EventKind::HandshakeSucceeded(_) => {
                if self.dialed.contains(&number) {
                    let is_first = self.met.insert(event.endpoint.clone().unwrap());
                    self.reconnects += u64::from(!is_first);
                }
                (before == Some(Stage::Begun), Some(Stage::Done))
            }
            EventKind::HandshakeFailed { reason } => {
                self.failures += u64::from(*reason != DisconnectReason::Local);
                (before == Some(Stage::Begun), Some(Stage::Failed))
            }
            EventKind::Disconnected { reason } => {
                self.losses += 1;
                self.breaks += u64::from(*reason != DisconnectReason::Local);
                let is_call = matches!(
                    reason,
                    DisconnectReason::Local | DisconnectReason::PeerClosed
                );
                self.faults += u64::from(!is_call);
                (matches!(before, Some(Stage::Done | Stage::Failed)), None)
            }
            other => panic!("not of a connection: {other:?}"),
        };
        assert!(is_right, "after {before:?}: {event:?}");
        match after {
            Some(stage) => drop(self.connections.insert(number, stage)),
            None => drop(self.ended.insert(number)),
        }
        let peers = self.peers();
        self.most_peers = self.most_peers.max(peers);
        if peers > 1 {
            self.several_at = Some(self.losses);
        }
    }
}
