//! The names under which the floors above import what now stands in `sync`, `driver` and `port`.

pub(crate) use crate::driver::wait::WaitSetup;
pub(crate) use crate::driver::{
    begin_pump_thread, health::Health, is_driving, Driver, Interrupt, Mailbox, Poller, Traffic,
    Turn,
};
pub(crate) use crate::port::{
    count_undelivered, deadline_after, feed, undelivered, Carried, Feed, Feeder, FrameRule, Holder,
    Latest, Names, Outcome, Ports, PortsSetup, Receiver, Relay, Routes, Sender,
};
pub(crate) use crate::sync::bounded::{
    give_back, move_some, sift, Channel, NearPeer, Nothing, Waiting, Wants, KEPT_BUFFER,
};
pub(crate) use crate::sync::catch::quietly;
pub(crate) use crate::sync::duplex::{bridge, BridgeEnd};
pub(crate) use crate::sync::executor::Tasks;
pub(crate) use crate::sync::lazy::{Lazy, Recurring};
pub(crate) use crate::sync::oneshot::{answer, wait_all, Answer, Reply};
pub(crate) use crate::sync::parker::block_on;
pub(crate) use crate::sync::permits::{Seat, Seats};
pub(crate) use crate::sync::primitives::Once;
pub(crate) use crate::sync::ready_queue::Roster;
pub(crate) use crate::sync::timeouts::{Alarms, Deadline};
pub(crate) use crate::sync::wait_queue::Ticket;
pub(crate) use crate::sync::Hook;
