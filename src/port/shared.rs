//! State shared by the handles of one socket and its pump: the channels, the counts of handles, and
//! the rule that the last handle closes the socket.

use std::any::Any;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::driver::wait::{WaitContext, WaitSetup};
use crate::error::Refusal;
use crate::message::Message;
use crate::options::Overflow;
use crate::port::frame_rule::FrameRule;
use crate::port::handles::{Handles, Kind};
use crate::port::known_peers::KnownPeers;
use crate::port::latest::Latest;
use crate::port::lockstep::Lockstep;
use crate::port::request_table::Calls;
use crate::sync::bounded::{Channel, State};
use crate::sync::fork;
use crate::sync::health::Health;
use crate::sync::primitives::Mutex;
use crate::sync::timeouts::Alarms;
use crate::sync::wait_queue::{Ticket, WaitQueue, WakeList};
use crate::sync::Hook;

/// The parameters of a socket's ports.
pub(crate) struct PortsSetup {
    /// Capacity (0 for no limit) and policy of `in`; `None` for a type that only receives.
    pub(crate) inward: Option<(usize, Overflow)>,
    /// Capacity (0 for no limit) and policy of `out`; `None` for a type that only sends.
    pub(crate) outward: Option<(usize, Overflow)>,
    /// Receive and send alternate, as REP requires. Needs both channels.
    pub(crate) alternating: bool,
    /// For types that send requests: whether a new request cancels the last one. Needs both
    /// channels.
    pub(crate) relaxed: Option<bool>,
    /// Which messages `in` accepts.
    pub(crate) frames: FrameRule,
    /// The routing ids of the peers, for a type that addresses them.
    pub(crate) known_peers: Option<KnownPeers>,
    /// The next call of the user may refer to the message received last, as on XPUB.
    pub(crate) recalling: bool,
    /// How calls may wait.
    pub(crate) wait: WaitSetup,
    pub(crate) alarms: Arc<Alarms>,
    /// The health of the pump.
    pub(crate) health: Arc<Health>,
    /// Kept until the last handle of the socket is dropped, then dropped by the thread that dropped
    /// that handle.
    pub(crate) keepalive: Arc<dyn Any + Send + Sync>,
    /// Called when there is a first message to send.
    pub(crate) on_first: Arc<dyn Hook>,
    /// Called when `out` has room again.
    pub(crate) on_room: Arc<dyn Hook>,
}

/// On the fast path, the limit on frames is greater than this.
const SURELY_TAKEN: usize = Message::MAX_FRAMES / 2;

/// The channels of one socket, shared by its handles and its pump.
pub(crate) struct Ports {
    /// Unused if the type does not send, as the other is if it does not receive: so that a call
    /// reaches its channel without checking whether it exists.
    inward: Channel<Message>,
    outward: Channel<Message>,
    sends: bool,
    receives: bool,
    lockstep: Option<Lockstep>,
    latest: Option<Latest>,
    calls: Calls,
    frames: FrameRule,
    known_peers: Option<KnownPeers>,
    recall: Option<Mutex<Recall>>,
    /// See [`sends_plainly`](Self::sends_plainly).
    plain: bool,
    /// The generation of the process that runs the pump.
    generation: usize,
    handles: Mutex<Handles>,
    wait: WaitContext,
    alarms: Arc<Alarms>,
    health: Arc<Health>,
}

/// Tags of received messages; 0 for none.
#[derive(Default)]
struct Recall {
    /// That of the last one.
    received: u64,
    /// The same, until a message is sent.
    unanswered: u64,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    Full,
    Closed,
    Terminated,
    Refused(Refusal),
}

impl Ports {
    /// Creates the ports of a new socket, whose first handle is a holder.
    pub(crate) fn new(setup: PortsSetup) -> Self {
        let (on_first, on_room) = (setup.on_first, setup.on_room);
        let (sends, receives) = (setup.inward.is_some(), setup.outward.is_some());
        let channel = |spec: Option<(usize, Overflow)>, consumer, producer| {
            let (capacity, policy) = spec.unwrap_or_default();
            Channel::new(capacity, policy, consumer, producer)
        };
        let plain = sends
            && matches!(setup.frames, FrameRule::AtMost(_))
            && setup.known_peers.is_none()
            && !setup.alternating
            && setup.relaxed.is_none()
            && !setup.recalling;
        let outward = channel(setup.outward, None, Some(on_room));
        if let Some(demand) = &setup.wait.demand {
            outward.join(&demand.takers);
        }
        Ports {
            plain,
            inward: channel(setup.inward, Some(Arc::clone(&on_first)), None),
            outward,
            sends,
            receives,
            lockstep: setup.alternating.then(Lockstep::new),
            latest: setup.relaxed.map(Latest::new),
            calls: Calls::new(on_first),
            frames: setup.frames,
            known_peers: setup.known_peers,
            recall: setup.recalling.then(Mutex::default),
            handles: Mutex::new(Handles {
                senders: 0,
                receivers: 0,
                holders: 1,
                close_requested: false,
                closing: WaitQueue::default(),
                keepalive: Some(setup.keepalive),
            }),
            wait: WaitContext::new(setup.wait),
            alarms: setup.alarms,
            generation: setup.health.generation(),
            health: setup.health,
        }
    }

    /// The channel from the senders to the pump.
    pub(crate) fn inward(&self) -> Option<&Channel<Message>> {
        self.sends.then_some(&self.inward)
    }

    /// The channel from the pump to the receivers.
    pub(crate) fn outward(&self) -> Option<&Channel<Message>> {
        self.receives.then_some(&self.outward)
    }

    /// Records that the socket has a peer whose messages arrive over a network.
    pub(crate) fn reach_afar(&self) {
        self.wait.set_remote();
    }

    /// How calls wait.
    pub(crate) fn wait_context(&self) -> &WaitContext {
        &self.wait
    }

    /// Requests whose replies are awaited one by one.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Decides which replies are still wanted, if the socket sends requests.
    pub(crate) fn latest(&self) -> Option<&Latest> {
        self.latest.as_ref()
    }

    /// The routing ids of the peers, if the socket addresses them.
    pub(crate) fn known_peers(&self) -> Option<&KnownPeers> {
        self.known_peers.as_ref()
    }

    /// The tag of the message that was received last; 0 for none.
    pub(crate) fn last_received(&self) -> u64 {
        self.recall
            .as_ref()
            .map_or(0, |recall| recall.lock().received)
    }

    pub(crate) fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// The health of the pump.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The generation of the process that runs the pump.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    /// Whether the pump runs in this process.
    #[inline]
    pub(crate) fn is_at_home(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Whether this process was forked from the one that runs the pump. The socket is then closed
    /// here.
    #[inline]
    fn is_orphaned(&self) -> bool {
        let is_orphaned = !self.is_at_home();
        if is_orphaned {
            self.finish();
        }
        is_orphaned
    }

    /// Whether the user has closed the socket, explicitly or by dropping the last handle that holds
    /// it open. The hook has been called since.
    pub(crate) fn close_requested(&self) -> bool {
        self.handles.lock().close_requested
    }

    /// Whether the socket accepts no more messages; for a type that only receives, whether no more
    /// will arrive.
    pub(crate) fn is_closed(&self) -> bool {
        self.first_state() != State::Open
    }

    /// Whether that is because the context was shut down.
    pub(crate) fn is_terminated(&self) -> bool {
        self.first_state() == State::Terminated
    }

    fn first_state(&self) -> State {
        let channel = self.inward().or(self.outward());
        channel.map_or(State::Closed, Channel::state)
    }

    /// Closes the socket for the user: it accepts no more messages, from the user or, for a type
    /// that only receives, from the network.
    pub(crate) fn close(&self) {
        match self.inward() {
            Some(_) => self.close_sending(),
            None => self.close_receiving(),
        }
    }

    /// Closes `in`, and with it the socket, once its messages are flushed.
    pub(crate) fn close_sending(&self) {
        self.handles.lock().close_requested = true;
        if let Some(inward) = self.inward() {
            inward.close();
        }
        self.calls.close();
        self.call_gate();
        self.wake_closing();
    }

    /// Closes `out`, and with it the socket.
    pub(crate) fn close_receiving(&self) {
        self.handles.lock().close_requested = true;
        self.finish();
    }

    /// The socket is closed: no more messages are sent, receivers drain the remaining ones.
    pub(crate) fn finish(&self) {
        self.calls.close();
        self.both(Channel::close);
        self.wake_closing();
    }

    /// The context has been shut down: every pending call returns.
    pub(crate) fn terminate(&self) {
        self.calls.terminate();
        self.both(Channel::terminate);
        self.wake_closing();
    }

    fn both(&self, what: impl Fn(&Channel<Message>)) {
        self.inward()
            .into_iter()
            .chain(self.outward())
            .for_each(what);
        self.call_gate();
    }

    /// Waits until the socket [is closed](Self::is_closed).
    pub(crate) fn poll_closed(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<()> {
        self.handles.lock().closing.register(ticket, waker);
        // A call that closes the socket changes the state first and wakes then.
        if !self.is_closed() {
            return Poll::Pending;
        }
        self.leave_closing(ticket);
        Poll::Ready(())
    }

    /// Stops waiting for that.
    pub(crate) fn leave_closing(&self, ticket: &mut Ticket) {
        if let Some(ticket) = ticket.take() {
            self.handles.lock().closing.remove(ticket);
        }
    }

    fn wake_closing(&self) {
        let mut wakes = WakeList::default();
        self.handles.lock().closing.call_all(&mut wakes);
        wakes.carry_out(None, None);
    }

    fn call_gate(&self) {
        if let Some(lockstep) = &self.lockstep {
            lockstep.call_all();
        }
    }
}
/// Counting handles.
impl Ports {
    /// Adds a handle of a kind; false if the socket cannot be held open any more.
    pub(crate) fn enter(&self, kind: Kind) -> bool {
        let mut handles = self.handles.lock();
        let alive = match kind {
            Kind::Sender => handles.senders + handles.holders > 0,
            Kind::Receiver | Kind::Holder => handles.all() > 0,
        };
        if alive {
            *handles.of(kind) += 1;
        }
        alive
    }

    /// Removes a handle. The last one that holds the socket open closes it; the last of all
    /// releases the context.
    pub(crate) fn leave(&self, kind: Kind) {
        let (closes, keepalive) = {
            let mut handles = self.handles.lock();
            *handles.of(kind) -= 1;
            let holding = handles.holders
                + match self.inward() {
                    Some(_) => handles.senders,
                    None => handles.receivers,
                };
            let closes = holding == 0 && !handles.close_requested;
            let keepalive = match handles.all() {
                0 => handles.keepalive.take(),
                _ => None,
            };
            (closes, keepalive)
        };
        if closes {
            self.close();
        }
        drop(keepalive);
    }
}

/// Whether a channel is closed, from a user's view.
pub(crate) fn is_closed(channel: Option<&Channel<Message>>) -> bool {
    channel.is_none_or(|channel| channel.state() != State::Open)
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

mod readiness;
mod transfer;

#[cfg(all(test, not(loom)))]
mod tests;
