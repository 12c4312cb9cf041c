//! Commands to a pump, and the methods that execute them.
//!
//! Commands about one socket are in [`Command::Socket`]: the socket is looked up once, and a method
//! is called with its slot. If the socket has ended, the command replies by itself
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
use crate::sync::permits::Permit;

use super::env::Env;
use super::signal::End;
use super::tasks::Task;
use super::transport::{BoundListener, Target};
use super::Pump;

/// Identifies a socket on its pump: the slot may be reused, the serial number is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketId {
    pub(crate) slot: usize,
    pub(crate) serial: u64,
}

/// The result of [`Command::Open`]: the socket's id, and the first handle of its channels.
pub(crate) type Opened = (SocketId, Holder);

/// Kept alive by a socket's handles: their context.
pub(crate) type Keepalive = Arc<dyn Any + Send + Sync>;

/// The result of closing a socket or context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Messages that were accepted, but not written completely when the socket ended: because its
    /// linger was over, because they were lost with a connection after
    /// [`close`](crate::Socket::close) was called, or because no peer can connect any more.
    /// Publishers count each copy. Messages lost before that are only in the
    /// [statistics](crate::statistics::Statistics#structfield.dropped); those lost with a connection
    /// while the socket closes are in both.
    pub undelivered: u64,
    /// Why the pump has failed, if it has: `undelivered` then counts the messages it had not
    /// reported as sent.
    pub failure: Option<PumpFailure>,
}

impl CloseReport {
    /// For a socket whose pump does not reply, because it ended before.
    pub(crate) fn without_answer(ports: &Ports) -> CloseReport {
        let failure = ports.health().failure();
        // Messages shared with a forked process are sent by the parent.
        let is_lost = matches!(failure, Some(PumpFailure::Panicked(_)));
        let unreported = ports.inward().filter(|_| is_lost);
        CloseReport {
            undelivered: unreported.map_or(0, |inward| inward.used() as u64),
            failure,
        }
    }
}

/// How to wait for the end of a context's sockets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Release {
    /// Maximum time: sockets that are still closing then are ended.
    pub(crate) limit: Option<Duration>,
    /// Whether open sockets are closed.
    pub(crate) closes: bool,
    /// Whether the pump ends once no socket is left.
    pub(crate) ends: bool,
}

/// The condition that a number of peers must fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Their handshakes are done.
    Connected,
    /// They have subscribed to anything, or joined any group.
    Subscribed,
}

/// A command to a pump. Commands with a result have a reply slot.
pub(crate) enum Command {
    Open {
        /// The socket's number in its context.
        id: u64,
        kind: SocketType,
        options: Arc<Options>,
        keepalive: Keepalive,
        /// A permit, of as many as the context may have sockets; kept until the socket has ended.
        permit: Permit,
        reply: Reply<Result<Opened, SocketError>>,
    },
    /// The context has a new monitor.
    Monitor { reply: Reply<()> },
    /// Returns the statistics of each socket.
    Statistics { reply: Reply<Vec<SocketStatistics>> },
    /// A command about one socket.
    Socket(SocketId, SocketCommand),
    /// Runs a task until it ends.
    Spawn { task: Task },
    /// A host name was looked up for the dialers of `tickets`.
    Resolved {
        tickets: Vec<u64>,
        targets: io::Result<Vec<Target>>,
    },
    /// The result of the check of an accepted connection.
    Checked {
        listener: usize,
        ticket: u64,
        verdict: io::Result<()>,
    },
    /// An inproc name that a dialer of this pump waits for is now bound.
    NameAppeared { name: String },
    /// A dialer of another pump requests a pipe to the socket that is bound to an inproc name here.
    Cross {
        name: String,
        kind: SocketType,
        intro: PeerIntro,
        end: End,
    },
    /// Replies once no socket is closing.
    Release {
        release: Release,
        reply: Reply<CloseReport>,
    },
    /// The context ends: every pending call returns `Closed::Context`. With several pumps, all do
    /// this before the first one [ends](Command::Shutdown), so that peers in this context do not
    /// see the end of a socket as a lost connection.
    Terminate { reply: Reply<()> },
    /// Like `Terminate`, for later calls as well; accepted messages are still sent until the
    /// sockets are [closed](Command::Release).
    TerminateCalls { reply: Reply<()> },
    /// Ends the pump: writes what can be written within `grace`, then drops everything.
    Shutdown { grace: Duration, reply: Reply<()> },
}

/// A command about one socket.
pub(crate) enum SocketCommand {
    Bind {
        endpoint: Endpoint,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    /// Takes over a listener.
    Adopt {
        listener: BoundListener,
        reply: Reply<Result<Endpoint, BindError>>,
    },
    Connect {
        endpoint: Endpoint,
        reply: Reply<Result<(), ConnectError>>,
    },
    /// Connects to a peer with an assigned name, or a generated one.
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
    /// Decides about the subscription message with this tag (XPUB).
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
    /// Sets the options, if `seen` are still the current ones; returns whether they were.
    Configure {
        seen: Arc<Options>,
        options: Arc<Options>,
        reply: Reply<Result<bool, ConfigureError>>,
    },
    /// Adds a monitor.
    Monitor {
        events: EventSet,
        capacity: usize,
        reply: Reply<Feed<Event>>,
    },
    Statistics {
        reply: Reply<Statistics>,
    },
    /// Replies once that many peers fulfil the condition.
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
    /// Replies for a socket that has ended. Without a value the reply is dropped, which tells the
    /// handle that the socket is closed.
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
            | SocketCommand::Monitor { .. }
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
                permit,
                reply,
            } => reply.send(self.open(id, kind, options, keepalive, permit)),
            Command::Socket(id, command) => match self.find(id) {
                Some(slot) => self.execute_for(slot, command),
                None => command.answer_closed(),
            },
            Command::Monitor { reply } => {
                self.context_is_monitored();
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
            C::Monitor {
                events,
                capacity,
                reply,
            } => answer(reply, self.add_monitor(slot, events, capacity)),
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

/// Sends a reply, if there is one; otherwise the handle learns that the socket is closed.
fn answer<T>(reply: Reply<T>, value: Option<T>) {
    if let Some(value) = value {
        reply.send(value);
    }
}
