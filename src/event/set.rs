//! Sets of kinds of events, to select which ones a monitor receives.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

#[cfg(doc)]
use super::EventKind;

/// A set of kinds of events, which a [`Monitor`](crate::Monitor) receives.
///
/// ```
/// use zmq_channels::monitor::EventSet;
///
/// let both = EventSet::CONNECTED | EventSet::DISCONNECTED;
/// assert!(both.contains(EventSet::CONNECTED));
/// assert!(!both.contains(EventSet::LISTENING));
/// assert!(EventSet::ALL.contains(both));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventSet(u32);

macro_rules! events {
    ($($name:ident = $bit:literal, $kind:ident;)*) => {
        impl EventSet {
            $(
                #[doc = concat!("[`EventKind::", stringify!($kind), "`].")]
                pub const $name: EventSet = EventSet($bit);
            )*

            pub(super) const NAMES: &'static [(EventSet, &'static str)] =
                &[$((EventSet::$name, stringify!($kind))),*];
        }
    };
}

// The bits are those of `ZMQ_EVENT_*`, where there is such an event.
events! {
    CONNECTED = 0x0001, Connected;
    CONNECT_DELAYED = 0x0002, ConnectDelayed;
    CONNECT_RETRIED = 0x0004, ConnectRetried;
    LISTENING = 0x0008, Listening;
    BIND_FAILED = 0x0010, BindFailed;
    ACCEPTED = 0x0020, Accepted;
    ACCEPT_FAILED = 0x0040, AcceptFailed;
    CLOSED = 0x0080, Closed;
    CLOSE_FAILED = 0x0100, CloseFailed;
    DISCONNECTED = 0x0200, Disconnected;
    STOPPED = 0x0400, Stopped;
    HANDSHAKE_FAILED = 0x0800, HandshakeFailed;
    HANDSHAKE_SUCCEEDED = 0x1000, HandshakeSucceeded;
    CONNECT_FAILED = 0x2000, ConnectFailed;
    PUMP_FAILED = 0x4000, PumpFailed;
}

impl EventSet {
    /// No event.
    pub const NONE: EventSet = EventSet(0);
    /// Every event, also those that later versions add.
    pub const ALL: EventSet = EventSet(u32::MAX);

    /// Returns whether all of `others` are in this set.
    #[must_use]
    pub const fn contains(self, others: EventSet) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for EventSet {
    type Output = EventSet;

    fn bitor(self, other: EventSet) -> EventSet {
        EventSet(self.0 | other.0)
    }
}

impl BitOrAssign for EventSet {
    fn bitor_assign(&mut self, other: EventSet) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for EventSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(set, _)| self.contains(*set));
        f.debug_set().entries(names.map(|(_, name)| name)).finish()
    }
}
