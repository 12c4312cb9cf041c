//! What the handles of one socket share with its pump: the channels, who still holds them, and
//! the rule that the last one to go closes the socket.

use std::any::Any;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::driver::health::Health;
use crate::driver::wait::{WaitContext, WaitSetup};
use crate::error::Refusal;
use crate::message::{Message, MAX_GROUP};
use crate::options::Overflow;
use crate::port::handles::{Receiver, Sender};
use crate::port::known_peers::Routes;
use crate::port::lockstep::{Gate, Line};
use crate::port::request::latest::Latest;
use crate::port::request::table::Calls;
use crate::sync::bounded::{Channel, Nothing, Offer, State, Waiting};
use crate::sync::fork;
use crate::sync::parker::set_slept;
use crate::sync::primitives::Mutex;
use crate::sync::timeouts::Alarms;
use crate::sync::wait_queue::{Ticket, WaitQueue, WakeList};
use crate::sync::Hook;

/// What a socket's ports are made from.
pub(crate) struct PortsSetup {
    /// Capacity (0 for no limit) and policy of `in`; `None` for a type that only receives.
    pub(crate) inward: Option<(usize, Overflow)>,
    /// Capacity (0 for no limit) and policy of `out`; `None` for a type that only sends.
    pub(crate) outward: Option<(usize, Overflow)>,
    /// Receive and send take turns, as REP wants it. Needs both channels.
    pub(crate) alternating: bool,
    /// For a type that asks: whether a new request gives up the last one. Needs both channels.
    pub(crate) relaxed: Option<bool>,
    /// Which messages `in` takes.
    pub(crate) frames: FrameRule,
    /// The names of the peers, for a type that addresses them.
    pub(crate) routes: Option<Routes>,
    /// What the user does next may be about the message received last, as XPUB wants it.
    pub(crate) recalling: bool,
    /// How calls may wait.
    pub(crate) wait: WaitSetup,
    pub(crate) alarms: Arc<Alarms>,
    /// How the pump is.
    pub(crate) health: Arc<Health>,
    /// Kept until the last handle of the socket is gone, then dropped by whoever drops that one.
    pub(crate) keepalive: Arc<dyn Any + Send + Sync>,
    /// Called when there is a first message to send.
    pub(crate) errand: Arc<dyn Hook>,
    /// Called when `out` has room again.
    pub(crate) hook: Arc<dyn Hook>,
}

/// What a message must look like to be sent, besides having any frames at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameRule {
    /// No more than that many frames.
    AtMost(usize),
    /// So many frames, as the types that send payload of one frame want it.
    Exactly(usize),
    /// A group and a body (RFC 48): two frames, the first of at most 255 octets.
    Grouped,
}

/// Where messages go plainly, the limit on frames is more than this.
const SURELY_TAKEN: usize = Message::MAX_FRAMES / 2;

impl FrameRule {
    #[inline]
    fn check(self, message: &Message) -> Result<(), Refusal> {
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

/// The channels of one socket, shared by its handles and its pump.
pub(crate) struct Ports {
    /// Not in use where the type does not send, as the other where it does not receive: so that a
    /// call finds its channel without a look whether it is there.
    inward: Channel<Message>,
    outward: Channel<Message>,
    sends: bool,
    receives: bool,
    gate: Option<Gate>,
    latest: Option<Latest>,
    calls: Calls,
    frames: FrameRule,
    routes: Option<Routes>,
    recall: Option<Mutex<Recall>>,
    /// See [`sends_plainly`](Self::sends_plainly).
    plain: bool,
    /// Of the process whose pump it is.
    generation: usize,
    handles: Mutex<Handles>,
    wait: WaitContext,
    alarms: Arc<Alarms>,
    health: Arc<Health>,
}

/// Tags of messages that were received; 0 for none.
#[derive(Default)]
struct Recall {
    /// The last one's.
    received: u64,
    /// The same, until a message is sent.
    unanswered: u64,
}

struct Handles {
    senders: usize,
    receivers: usize,
    holders: usize,
    close_requested: bool,
    /// Those who want to know when the socket closes.
    watchers: WaitQueue,
    keepalive: Option<Arc<dyn Any + Send + Sync>>,
}

/// Which of the handles a count is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sender,
    Receiver,
    Holder,
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
    /// The ports of a new socket, and the first handle.
    pub(crate) fn open(setup: PortsSetup) -> (Arc<Ports>, Holder) {
        let (errand, hook) = (setup.errand, setup.hook);
        let (sends, receives) = (setup.inward.is_some(), setup.outward.is_some());
        let channel = |spec: Option<(usize, Overflow)>, consumer, producer| {
            let (capacity, policy) = spec.unwrap_or_default();
            Channel::new(capacity, policy, consumer, producer)
        };
        let plain = sends
            && matches!(setup.frames, FrameRule::AtMost(_))
            && setup.routes.is_none()
            && !setup.alternating
            && setup.relaxed.is_none()
            && !setup.recalling;
        let outward = channel(setup.outward, None, Some(hook));
        if let Some(demand) = &setup.wait.demand {
            outward.join(demand.takers());
        }
        let ports = Arc::new(Ports {
            plain,
            inward: channel(setup.inward, Some(Arc::clone(&errand)), None),
            outward,
            sends,
            receives,
            gate: setup.alternating.then(Gate::new),
            latest: setup.relaxed.map(Latest::new),
            calls: Calls::new(errand),
            frames: setup.frames,
            routes: setup.routes,
            recall: setup.recalling.then(Mutex::default),
            handles: Mutex::new(Handles {
                senders: 0,
                receivers: 0,
                holders: 1,
                close_requested: false,
                watchers: WaitQueue::default(),
                keepalive: Some(setup.keepalive),
            }),
            wait: WaitContext::new(setup.wait),
            alarms: setup.alarms,
            generation: setup.health.generation(),
            health: setup.health,
        });
        let holder = Holder(Arc::clone(&ports));
        (ports, holder)
    }

    /// The channel from the senders to the pump.
    pub(crate) fn inward(&self) -> Option<&Channel<Message>> {
        self.sends.then_some(&self.inward)
    }

    /// The channel from the pump to the receivers.
    pub(crate) fn outward(&self) -> Option<&Channel<Message>> {
        self.receives.then_some(&self.outward)
    }

    /// A peer has been met whose messages come over a network.
    pub(crate) fn reach_afar(&self) {
        self.wait.set_remote();
    }

    /// How calls wait.
    pub(crate) fn wait_context(&self) -> &WaitContext {
        &self.wait
    }

    /// Requests that wait for their replies one by one.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// What decides which replies are wanted, if the socket asks.
    pub(crate) fn latest(&self) -> Option<&Latest> {
        self.latest.as_ref()
    }

    /// The names of the peers, if the socket addresses them.
    pub(crate) fn routes(&self) -> Option<&Routes> {
        self.routes.as_ref()
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

    /// How the pump is.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Of the process whose pump it is.
    pub(crate) fn generation(&self) -> usize {
        self.generation
    }

    /// Whether the pump is in this process.
    #[inline]
    pub(crate) fn is_at_home(&self) -> bool {
        self.generation == fork::generation()
    }

    /// Whether this process was forked from that of the pump. Then the socket is closed here.
    #[inline]
    fn is_orphaned(&self) -> bool {
        let is_orphaned = !self.is_at_home();
        if is_orphaned {
            self.finish();
        }
        is_orphaned
    }

    /// Whether the user wants the socket closed: said so, or dropped the last handle that holds
    /// it open. The hook has been called since.
    pub(crate) fn close_requested(&self) -> bool {
        self.handles.lock().close_requested
    }

    /// Whether the socket takes no more messages; for a type that only receives, whether it
    /// gets none.
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

    /// The user closes the socket: takes no more messages, from the user or for a type that only
    /// receives from the network.
    pub(crate) fn close(&self) {
        match self.inward() {
            Some(_) => self.close_sending(),
            None => self.close_receiving(),
        }
    }

    /// Closes `in`, and with it the socket, once what it holds is flushed.
    pub(crate) fn close_sending(&self) {
        self.handles.lock().close_requested = true;
        if let Some(inward) = self.inward() {
            inward.close();
        }
        self.calls.close();
        self.call_gate();
        self.call_watchers();
    }

    /// Closes `out`, and with it the socket.
    pub(crate) fn close_receiving(&self) {
        self.handles.lock().close_requested = true;
        self.finish();
    }

    /// The socket is closed: nobody sends any more, receivers drain what is left.
    pub(crate) fn finish(&self) {
        self.calls.close();
        self.both(Channel::close);
        self.call_watchers();
    }

    /// The context has been shut down: everything pending returns.
    pub(crate) fn terminate(&self) {
        self.calls.terminate();
        self.both(Channel::terminate);
        self.call_watchers();
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
        self.handles.lock().watchers.register(ticket, waker);
        // Whoever closes it changes the state first and calls then.
        if !self.is_closed() {
            return Poll::Pending;
        }
        self.leave_watchers(ticket);
        Poll::Ready(())
    }

    /// Somebody does not want to know any more.
    pub(crate) fn leave_watchers(&self, ticket: &mut Ticket) {
        if let Some(ticket) = ticket.take() {
            self.handles.lock().watchers.remove(ticket);
        }
    }

    fn call_watchers(&self) {
        let mut wakes = WakeList::default();
        self.handles.lock().watchers.call_all(&mut wakes);
        wakes.carry_out(None, None);
    }

    fn call_gate(&self) {
        if let Some(gate) = &self.gate {
            gate.call_all();
        }
    }
}

/// Sending and receiving, for every kind of call.
impl Ports {
    /// Whether `in` takes whatever has a frame, whenever there is room.
    #[inline]
    pub(crate) fn sends_plainly(&self) -> bool {
        self.plain
    }

    /// Whether whatever is in `out` may be taken, and nothing else is to be done.
    #[inline]
    pub(crate) fn receives_plainly(&self) -> bool {
        self.receives && self.gate.is_none() && self.recall.is_none()
    }

    /// Sends a message in the common case: there is room, and nobody to be told. Otherwise nothing
    /// has happened. For those who know that it [goes plainly](Self::sends_plainly).
    #[inline]
    pub(crate) fn offer_quietly(&self, message: &mut Message) -> bool {
        debug_assert!(self.plain, "not asked before");
        // One comparison: without a frame it is more than any limit.
        message.len().wrapping_sub(1) < SURELY_TAKEN && self.inward.push_quietly(message)
    }

    /// Whether a message is one that may be sent here.
    #[inline]
    pub(crate) fn check(&self, message: &Message) -> Result<(), Refusal> {
        self.frames.check(message)
    }

    /// Sends the message in `slot`, or leaves it there and says why.
    pub(crate) fn offer(
        &self,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        if self.is_orphaned() {
            return Err(NotSent::Closed);
        }
        if let Some(Err(why)) = slot.as_ref().map(|message| self.check(message)) {
            return Err(NotSent::Refused(why));
        }
        if let Some(recall) = &self.recall {
            return self.offer_recalling(recall, slot, waiting);
        }
        self.offer_any(slot, waiting)
    }

    /// Sends the message in `slot`, or waits for room.
    pub(crate) fn poll_offer(
        &self,
        slot: &mut Option<Message>,
        waiting: Waiting<'_>,
    ) -> Poll<Result<(), NotSent>> {
        match self.offer(slot, Some(waiting)) {
            Err(NotSent::Full) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// The first message that is sent after one was received carries the tag of that.
    fn offer_recalling(
        &self,
        recall: &Mutex<Recall>,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        let answered = std::mem::take(&mut recall.lock().unanswered);
        if let Some(message) = slot {
            message.set_tag(answered);
        }
        let offered = self.offer_any(slot, waiting);
        if offered.is_err() && answered != 0 {
            let mut recall = recall.lock();
            if recall.received == answered {
                recall.unanswered = answered;
            }
        }
        offered
    }

    #[inline]
    fn offer_any(
        &self,
        slot: &mut Option<Message>,
        waiting: Option<Waiting<'_>>,
    ) -> Result<(), NotSent> {
        let Some(inward) = self.inward() else {
            return Err(NotSent::Closed);
        };
        if let (Some(routes), Some(message)) = (&self.routes, &*slot) {
            if !routes.admit(message) {
                return Err(self.unroutable(waiting));
            }
        }
        let offer = match (&self.gate, self.outward(), &self.latest) {
            (Some(gate), Some(outward), _) => match gate.offer(outward, inward, slot, waiting) {
                Some(offer) => offer,
                None => return Err(NotSent::Refused(Refusal::NoRequest)),
            },
            (None, Some(outward), Some(latest)) if latest.is_relaxed() => {
                latest.offer(inward, outward, slot, waiting)
            }
            _ => match waiting {
                None => inward.try_push(slot),
                Some(waiting) => inward.push_or_wait(slot, waiting),
            },
        };
        match offer {
            Offer::Taken => Ok(()),
            Offer::Full => Err(NotSent::Full),
            Offer::Closed => Err(NotSent::Closed),
            Offer::Terminated => Err(NotSent::Terminated),
        }
    }

    /// A message to nobody: on a socket that is closed that does not matter any more. Whoever has
    /// waited with it waits no longer.
    #[cold]
    fn unroutable(&self, waiting: Option<Waiting<'_>>) -> NotSent {
        if let Some(waiting) = waiting {
            self.leave_senders(waiting.ticket);
        }
        match self.first_state() {
            State::Open => NotSent::Refused(Refusal::Unroutable),
            State::Closed => NotSent::Closed,
            State::Terminated => NotSent::Terminated,
        }
    }

    /// Waits for room. A closed channel makes nobody wait: it tells who sends.
    pub(crate) fn poll_room(&self, ticket: &mut Ticket, waker: &Waker) -> Poll<()> {
        let waiting = Waiting { ticket, waker };
        match self.inward().map(|inward| inward.room_or_wait(waiting)) {
            Some(Offer::Full) => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }

    /// A sender stops waiting.
    #[inline]
    pub(crate) fn leave_senders(&self, ticket: &mut Ticket) {
        if let (true, Some(inward)) = (ticket.is_some(), self.inward()) {
            inward.leave_senders(ticket);
        }
    }

    /// A call for a sender may have reached one who does not listen: there may be another.
    pub(crate) fn call_a_sender(&self) {
        if let Some(inward) = self.inward() {
            inward.call_a_sender();
        }
    }

    /// Takes a message in the common case: there is one, and nobody to be told. Otherwise nothing has
    /// happened. For those who know that it [goes plainly](Self::receives_plainly).
    #[inline]
    pub(crate) fn pop_quietly(&self) -> Option<Message> {
        debug_assert!(self.receives_plainly(), "not asked before");
        self.outward.pop_quietly()
    }

    pub(crate) fn try_pop(&self) -> Result<Message, Nothing> {
        let Some(outward) = self.outward() else {
            return Err(Nothing::Closed);
        };
        let popped = match (&self.gate, self.inward()) {
            (Some(gate), Some(inward)) => gate.pop(outward, inward, None),
            _ => outward.try_pop(),
        };
        self.note(popped.as_ref().ok());
        self.unless_orphaned(popped)
    }

    pub(crate) fn pop_or_wait(&self, line: &mut Line, waker: &Waker) -> Result<Message, Nothing> {
        let Some(outward) = self.outward() else {
            return Err(Nothing::Closed);
        };
        let popped = match (&self.gate, self.inward()) {
            (Some(gate), Some(inward)) if !line.by_number => {
                gate.pop(outward, inward, Some((line, waker)))
            }
            _ => outward.pop_or_wait(Waiting {
                ticket: &mut line.channel,
                waker,
            }),
        };
        if let Err(Nothing::Empty) = popped {
            // A task that waits leaves its thread to others: what they send is no stream.
            set_slept();
        }
        self.note(popped.as_ref().ok());
        self.unless_orphaned(popped)
    }

    /// Nothing will come where there is no pump.
    #[inline]
    fn unless_orphaned<U>(&self, popped: Result<U, Nothing>) -> Result<U, Nothing> {
        match popped {
            Err(Nothing::Empty) if self.is_orphaned() => Err(Nothing::Closed),
            popped => popped,
        }
    }

    /// Takes a message, or waits for one.
    pub(crate) fn poll_pop(
        &self,
        line: &mut Line,
        waker: &Waker,
    ) -> Poll<Result<Message, Nothing>> {
        match self.pop_or_wait(line, waker) {
            Err(Nothing::Empty) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// As [`try_pop`](Self::try_pop), past the turns others take.
    pub(crate) fn try_pop_by_number(&self) -> Result<Message, Nothing> {
        match self.outward() {
            Some(outward) => outward.try_pop(),
            None => Err(Nothing::Closed),
        }
    }

    /// Answers the request of this tag, at any time; without frames, has it forgotten.
    pub(crate) fn answer_by_number(&self, slot: &mut Option<Message>) -> Offer {
        match self.inward() {
            Some(inward) => inward.push_anyway(slot),
            None => Offer::Closed,
        }
    }

    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// Takes as many as there are, at least one and at most `max`; one where turns are taken.
    pub(crate) fn pop_many(
        &self,
        into: &mut Vec<Message>,
        max: usize,
        waiting: Option<(&mut Line, &Waker)>,
    ) -> Result<usize, Nothing> {
        if self.gate.is_some() {
            let message = match waiting {
                Some((line, waker)) => self.pop_or_wait(line, waker)?,
                None => self.try_pop()?,
            };
            into.push(message);
            return Ok(1);
        }
        let popped = match (self.outward(), waiting) {
            (None, _) => Err(Nothing::Closed),
            (Some(outward), None) => outward.try_pop_many(into, max),
            (Some(outward), Some((line, waker))) => {
                let ticket = &mut line.channel;
                outward.pop_many_or_wait(into, max, Waiting { ticket, waker })
            }
        };
        if popped.is_ok() {
            self.note(into.last());
        }
        self.unless_orphaned(popped)
    }

    /// [`pop_many`](Self::pop_many), or waits.
    pub(crate) fn poll_pop_many(
        &self,
        into: &mut Vec<Message>,
        max: usize,
        line: &mut Line,
        waker: &Waker,
    ) -> Poll<Result<usize, Nothing>> {
        match self.pop_many(into, max, Some((line, waker))) {
            Err(Nothing::Empty) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }

    /// Remembers what was received last, where that matters.
    #[inline]
    fn note(&self, received: Option<&Message>) {
        if let (Some(recall), Some(message)) = (&self.recall, received) {
            let tag = message.tag();
            *recall.lock() = Recall {
                received: tag,
                unanswered: tag,
            };
        }
    }

    /// A receiver stops waiting.
    #[inline]
    pub(crate) fn leave_receivers(&self, line: &mut Line) {
        if line.is_nowhere() {
            return;
        }
        match (&self.gate, self.outward()) {
            (Some(gate), Some(outward)) => gate.leave(outward, line),
            (None, Some(outward)) => outward.leave_receivers(&mut line.channel),
            (_, None) => {}
        }
    }

    /// A call for a receiver may have reached one who does not listen: there may be another.
    pub(crate) fn call_a_receiver(&self) {
        match (&self.gate, self.outward()) {
            (Some(gate), Some(outward)) => gate.call_next(outward),
            (None, Some(outward)) => outward.call_a_receiver(),
            (_, None) => {}
        }
    }
}

/// Counting handles.
impl Ports {
    /// One more handle of a kind; false if there is nothing left that it could hold on to.
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

    /// One handle less. The last one that holds the socket open closes it; the last one of all
    /// lets go of what keeps the context alive.
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

impl Handles {
    fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Sender => &mut self.senders,
            Kind::Receiver => &mut self.receivers,
            Kind::Holder => &mut self.holders,
        }
    }

    fn all(&self) -> usize {
        self.senders + self.receivers + self.holders
    }
}

/// Holds a socket open as its own handle does, whichever way messages go.
pub(crate) struct Holder(Arc<Ports>);

impl Holder {
    pub(crate) fn ports(&self) -> &Arc<Ports> {
        &self.0
    }

    /// A sender, for the types that send.
    pub(crate) fn sender(&self) -> Option<Sender> {
        self.0.inward()?;
        Sender::enter(&self.0)
    }

    /// A receiver, for the types that receive.
    pub(crate) fn receiver(&self) -> Option<Receiver> {
        self.0.outward()?;
        Receiver::enter(&self.0)
    }
}

impl Clone for Holder {
    fn clone(&self) -> Self {
        self.0.enter(Kind::Holder);
        Holder(Arc::clone(&self.0))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.leave(Kind::Holder);
    }
}

/// How a channel's state reads to a user.
pub(crate) fn is_closed(channel: Option<&Channel<Message>>) -> bool {
    channel.is_none_or(|channel| channel.state() != State::Open)
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
