//! What a pump is asked to do, and by which handler.
//!
//! What concerns one socket is [`Command::Socket`]: the socket is looked up once, and a handler is
//! called with its slot. If the socket has ended, the command answers itself
//! ([`SocketCommand::answer_closed`]).

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{
    BindError, Closed, ConfigureError, ConnectError, DetachError, GroupError, PumpFailure,
    SocketError, SubscribeError,
};
use crate::event::{Event, EventSet};
use crate::message::Frame;
use crate::options::Options;
use crate::pattern::{PeerIntro, Upstream};
use crate::port::{Feed, Holder, Ports};
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;
use crate::statistics::{SocketStatistics, Statistics};
use crate::sync::oneshot::Reply;
use crate::sync::permits::Seat;

use super::env::Env;
use super::signal::End;
use super::tasks::Task;
use super::transport::{BoundListener, Target};
use super::Pump;

/// Names a socket on its pump: the slot may be reused, the serial number is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId {
    pub(crate) slot: usize,
    pub(crate) serial: u64,
}

/// What [`Command::Open`] returns: the socket's number and the first hold on its channels.
pub(crate) type Opened = (SocketId, Holder);

/// What a socket's handles keep alive: their context.
pub(crate) type Keepalive = Arc<dyn Any + Send + Sync>;

/// How a socket ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Messages that were accepted, but were not on the wire as a whole when the socket ended:
    /// because its linger was over, because they were lost with a connection after
    /// [`close`](crate::Socket::close) was called, or because no peer can come for them any more.
    /// Publishers count each copy. What was lost before is in the
    /// [statistics](crate::statistics::Statistics#structfield.dropped) only.
    pub undelivered: u64,
    /// Why the pump has failed, if it has: then `undelivered` is what it had not reported as sent.
    pub failure: Option<PumpFailure>,
}

impl CloseReport {
    /// For a socket whose pump does not answer, because it has ended before.
    pub(crate) fn without_answer(ports: &Ports) -> CloseReport {
        let failure = ports.health().failure();
        // What a forked process shares, the other one sends.
        let is_lost = matches!(failure, Some(PumpFailure::Panicked(_)));
        let unreported = ports.inward().filter(|_| is_lost);
        CloseReport {
            undelivered: unreported.map_or(0, |inward| inward.used() as u64),
            failure,
        }
    }
}

/// How the end of a context's sockets is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Release {
    /// How long they may take at most: then those that are closing are ended.
    pub(crate) limit: Option<Duration>,
    /// Whether those that are open are closed.
    pub(crate) closes: bool,
    /// Whether the pump ends once no socket is left.
    pub(crate) ends: bool,
}

/// What is waited for, of a number of peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// That their handshake is done.
    Connected,
    /// That they have subscribed to anything, or joined any group.
    Subscribed,
}

/// What a pump is asked to do. Each command that is answered has a reply slot.
pub(crate) enum Command {
    Open {
        /// The socket's number in its context.
        id: u64,
        kind: SocketType,
        options: Arc<Options>,
        keepalive: Keepalive,
        /// One of the sockets the context may have; kept until the socket has ended.
        seat: Seat,
        reply: Reply<Result<Opened, SocketError>>,
    },
    /// The context has a new monitor.
    Watch { reply: Reply<()> },
    /// What each socket has done so far.
    Statistics { reply: Reply<Vec<SocketStatistics>> },
    /// Concerns one socket.
    Socket(SocketId, SocketCommand),
    /// Runs a task to its end.
    Spawn { task: Task },
    /// A host name was looked up for the dialers behind `tickets`.
    Resolved {
        tickets: Vec<u64>,
        targets: io::Result<Vec<Target>>,
    },
    /// What came of the check of an accepted connection.
    Checked {
        listener: usize,
        ticket: u64,
        verdict: io::Result<()>,
    },
    /// An inproc name that a dialer of this pump waits for is bound now.
    NameAppeared { name: String },
    /// A dialer of another pump asks for a pipe to the socket that is bound to an inproc name here.
    Cross {
        name: String,
        kind: SocketType,
        intro: PeerIntro,
        end: End,
    },
    /// Answered once no socket is closing.
    Release {
        release: Release,
        reply: Reply<CloseReport>,
    },
    /// The context ends: everything pending returns `Closed::Context`. Where there are several pumps
    /// all have done this before the first one [ends](Command::Shutdown), so that the end of a
    /// socket is not seen as a loss by its peers here.
    Terminate { reply: Reply<()> },
    /// The same for calls to come as well, while what was accepted is sent as
    /// [closing](Command::Release) the sockets does it.
    TerminateCalls { reply: Reply<()> },
    /// End now: flush what can be flushed within `grace`, then drop everything.
    Shutdown { grace: Duration, reply: Reply<()> },
}

/// What a pump is asked to do for one socket.
pub(crate) enum SocketCommand {
    Bind {
        endpoint: Endpoint,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    /// Take over a listener.
    Adopt {
        listener: BoundListener,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    Connect {
        endpoint: Endpoint,
        reply: Reply<Result<(), ConnectError>>,
    },
    /// Connects to a peer that has this name from now on, or one that is made up.
    ConnectPeer {
        endpoint: Endpoint,
        name: Option<RoutingId>,
        reply: Reply<Result<RoutingId, ConnectError>>,
    },
    DisconnectPeer {
        peer: RoutingId,
        reply: Reply<Result<(), DetachError>>,
    },
    Unbind {
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Disconnect {
        endpoint: Endpoint,
        reply: Reply<Result<(), DetachError>>,
    },
    Subscribe {
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Unsubscribe {
        prefix: Frame,
        reply: Reply<Result<(), SubscribeError>>,
    },
    /// What is decided about the subscription message with this tag (XPUB).
    Decide {
        tag: u64,
        decision: Upstream,
        reply: Reply<Result<(), SubscribeError>>,
    },
    Join {
        group: Frame,
        reply: Reply<Result<(), GroupError>>,
    },
    Leave {
        group: Frame,
        reply: Reply<Result<(), GroupError>>,
    },
    Topics {
        reply: Reply<usize>,
    },
    Options {
        reply: Reply<Arc<Options>>,
    },
    /// Sets the options, if `seen` is still what they are; returns whether it was.
    Configure {
        seen: Arc<Options>,
        options: Arc<Options>,
        reply: Reply<Result<bool, ConfigureError>>,
    },
    /// Adds a monitor.
    Watch {
        events: EventSet,
        capacity: usize,
        reply: Reply<Feed<Event>>,
    },
    Statistics {
        reply: Reply<Statistics>,
    },
    /// Answered once that many peers are there.
    Await {
        awaited: Awaited,
        peers: usize,
        reply: Reply<()>,
    },
    Close {
        reply: Reply<CloseReport>,
    },
}

impl SocketCommand {
    /// Answers for a socket that has ended. Where nothing is sent, the reply is dropped: the handle
    /// then knows that the socket is closed.
    fn answer_closed(self) {
        match self {
            SocketCommand::Bind { reply, .. } | SocketCommand::Adopt { reply, .. } => {
                reply.send(Err(BindError::Closed(Closed::Socket)));
            }
            SocketCommand::Connect { reply, .. } => {
                reply.send(Err(ConnectError::Closed(Closed::Socket)))
            }
            SocketCommand::ConnectPeer { reply, .. } => {
                reply.send(Err(ConnectError::Closed(Closed::Socket)))
            }
            SocketCommand::DisconnectPeer { reply, .. }
            | SocketCommand::Unbind { reply, .. }
            | SocketCommand::Disconnect { reply, .. } => {
                reply.send(Err(DetachError::Closed(Closed::Socket)));
            }
            SocketCommand::Subscribe { reply, .. }
            | SocketCommand::Unsubscribe { reply, .. }
            | SocketCommand::Decide { reply, .. } => {
                reply.send(Err(SubscribeError::Closed(Closed::Socket)));
            }
            SocketCommand::Join { reply, .. } | SocketCommand::Leave { reply, .. } => {
                reply.send(Err(GroupError::Closed(Closed::Socket)));
            }
            SocketCommand::Configure { reply, .. } => {
                reply.send(Err(ConfigureError::Closed(Closed::Socket)))
            }
            SocketCommand::Close { reply } => reply.send(CloseReport::default()),
            SocketCommand::Topics { .. }
            | SocketCommand::Options { .. }
            | SocketCommand::Watch { .. }
            | SocketCommand::Statistics { .. }
            | SocketCommand::Await { .. } => {}
        }
    }
}

impl<E: Env> Pump<E> {
    /// Executes one command.
    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Open {
                id,
                kind,
                options,
                keepalive,
                seat,
                reply,
            } => reply.send(self.open(id, kind, options, keepalive, seat)),
            Command::Socket(id, command) => match self.find(id) {
                Some(slot) => self.execute_for(slot, command),
                None => command.answer_closed(),
            },
            Command::Watch { reply } => {
                self.watch_all();
                reply.send(());
            }
            Command::Statistics { reply } => reply.send(self.all_statistics()),
            Command::Spawn { task } => self.spawn(task),
            Command::Resolved { tickets, targets } => self.resolved(&tickets, targets),
            Command::Checked {
                listener,
                ticket,
                verdict,
            } => self.checked(listener, ticket, verdict),
            Command::NameAppeared { name } => self.name_appeared(&name),
            Command::Cross {
                name,
                kind,
                intro,
                end,
            } => self.accept_across(&name, kind, &intro, end),
            Command::Release { release, reply } => self.release_sockets(release, reply),
            Command::Terminate { reply } => {
                self.terminate();
                reply.send(());
            }
            Command::TerminateCalls { reply } => {
                self.terminate_calls();
                reply.send(());
            }
            Command::Shutdown { grace, reply } => self.begin_shutdown(grace, reply),
        }
    }

    /// Executes a command for the socket in this slot.
    fn execute_for(&mut self, slot: usize, command: SocketCommand) {
        use SocketCommand as C;
        match command {
            C::Bind { endpoint, reply } => reply.send(self.bind(slot, &endpoint)),
            C::Adopt { listener, reply } => reply.send(self.adopt(slot, listener)),
            C::Connect { endpoint, reply } => reply.send(self.dial(slot, endpoint, None)),
            C::ConnectPeer {
                endpoint,
                name,
                reply,
            } => reply.send(self.dial_peer(slot, endpoint, name)),
            C::DisconnectPeer { peer, reply } => {
                self.send_first(slot);
                reply.send(self.disconnect_peer(slot, &peer));
            }
            C::Unbind { endpoint, reply } => {
                self.send_first(slot);
                reply.send(self.unbind(slot, &endpoint));
            }
            C::Disconnect { endpoint, reply } => {
                self.send_first(slot);
                reply.send(self.disconnect(slot, &endpoint));
            }
            C::Subscribe { prefix, reply } => reply.send(self.subscribe(slot, &prefix)),
            C::Unsubscribe { prefix, reply } => reply.send(self.unsubscribe(slot, &prefix)),
            C::Decide {
                tag,
                decision,
                reply,
            } => reply.send(self.decide(slot, tag, decision)),
            C::Join { group, reply } => reply.send(self.join_group(slot, group)),
            C::Leave { group, reply } => reply.send(self.leave_group(slot, &group)),
            C::Topics { reply } => answer(
                reply,
                self.pattern_call(slot, |pattern, _| pattern.topics()),
            ),
            C::Options { reply } => answer(
                reply,
                self.sockets
                    .get(slot)
                    .map(|socket| Arc::clone(&socket.options)),
            ),
            C::Configure {
                seen,
                options,
                reply,
            } => reply.send(self.configure(slot, &seen, options)),
            C::Watch {
                events,
                capacity,
                reply,
            } => answer(reply, self.watch(slot, events, capacity)),
            C::Statistics { reply } => answer(reply, self.statistics(slot)),
            C::Await {
                awaited,
                peers,
                reply,
            } => self.await_peers(slot, awaited, peers, reply),
            C::Close { reply } => self.close(slot, Some(reply)),
        }
    }

    fn subscribe(&mut self, slot: usize, prefix: &Frame) -> Result<(), SubscribeError> {
        let answer = self.pattern_call(slot, |pattern, outlet| {
            pattern.subscribe(prefix.clone(), outlet);
        });
        self.discard_unwanted(slot, prefix);
        answer.ok_or(SubscribeError::Closed(Closed::Socket))
    }

    fn unsubscribe(&mut self, slot: usize, prefix: &Frame) -> Result<(), SubscribeError> {
        let answer = self.pattern_call(slot, |pattern, outlet| {
            pattern.unsubscribe(prefix.clone(), outlet);
        });
        self.discard_unwanted(slot, prefix);
        answer.ok_or(SubscribeError::Closed(Closed::Socket))
    }

    fn decide(&mut self, slot: usize, tag: u64, decision: Upstream) -> Result<(), SubscribeError> {
        let answer = self.pattern_call(slot, |pattern, outlet| {
            outlet.interests_changed();
            pattern.decide(tag, decision)
        });
        answer.unwrap_or(Err(SubscribeError::Closed(Closed::Socket)))
    }

    fn join_group(&mut self, slot: usize, group: Frame) -> Result<(), GroupError> {
        let answer = self.pattern_call(slot, |pattern, outlet| pattern.join(group, outlet));
        answer.unwrap_or(Err(GroupError::Closed(Closed::Socket)))
    }

    fn leave_group(&mut self, slot: usize, group: &Frame) -> Result<(), GroupError> {
        let answer =
            self.pattern_call(slot, |pattern, outlet| pattern.leave(group.clone(), outlet));
        self.discard_unwanted(slot, group);
        answer.unwrap_or(Err(GroupError::Closed(Closed::Socket)))
    }
}

/// Sends an answer, if there is one. Without an answer the handle knows that the socket is closed.
fn answer<T>(reply: Reply<T>, value: Option<T>) {
    if let Some(value) = value {
        reply.send(value);
    }
}
