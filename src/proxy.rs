//! Proxies: forwarding messages between two sockets in both directions, on their pump's thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::kind::Kind;
use crate::options::Overflow;
use crate::port::{Carried, Relay};
use crate::pump::Command;
use crate::socket::Socket;
use crate::sync::bounded::{Channel, Nothing, Waiting};
use crate::sync::oneshot::{answer, Answer, Reply};
use crate::sync::wait_queue::Ticket;

pub use crate::error::ProxyError;

/// Messages that a proxy forwards in each direction before the pump services other sockets: enough
/// to keep peers busy, few enough to take a fraction of a millisecond.
const BUDGET: usize = 1024;

/// A running proxy (libzmq's `zmq_proxy` and `zmq_proxy_steerable`).
///
/// Every message `front` receives is sent by `back` and vice versa, if the types of the two sockets
/// allow it: ROUTER and DEALER for requests, XSUB and XPUB for topics (whose subscriptions are
/// messages in the opposite direction), PULL and PUSH for pipelines, PAIR and PAIR for a relay.
/// Given the same socket twice, it echoes.
///
/// It runs on the pump of `front`, without a separate thread. A message is taken from one side
/// only when the other has room for it, so the high-water marks apply end to end, even through a
/// chain of proxies. The proxy clones the handles it is given: other handles of the sockets may be dropped,
/// kept and used, also to close a socket, which ends the proxy.
///
/// Dropping the `Proxy` stops it; after [`detach`](Proxy::detach) it runs until one of its sockets
/// is closed or the context is shut down.
///
/// ```
/// use zmq_channels::{Context, Dealer, Proxy, Rep, Req, Router};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let front = context.socket::<Router>()?;
/// let back = context.socket::<Dealer>()?;
/// let clients = front.bind("tcp://127.0.0.1:*")?;
/// let workers = back.bind("inproc://workers")?;
/// let proxy = Proxy::start(&front, &back)?;
///
/// let worker = context.socket::<Rep>()?;
/// worker.connect(&workers)?;
/// let client = context.socket::<Req>()?;
/// client.connect(&clients)?;
/// client.send_blocking("question")?;
/// assert_eq!(worker.recv_blocking()?, "question".into());
/// worker.send_blocking("answer")?;
/// assert_eq!(client.recv_blocking()?, "answer".into());
///
/// let end = proxy.stop();
/// assert_eq!(end.forth.messages, 1);
/// assert_eq!(end.back.messages, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping a proxy stops it"]
#[doc(alias = "zmq_proxy")]
#[doc(alias = "zmq_proxy_steerable")]
#[doc(alias = "zmq_device")]
pub struct Proxy {
    controls: Arc<Channel<Control>>,
    ended: Option<Answer<ProxyStatistics>>,
    detached: bool,
}

/// Numbers of messages that a proxy has forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyStatistics {
    /// From `front` to `back`.
    pub forth: ProxyTraffic,
    /// From `back` to `front`.
    pub back: ProxyTraffic,
}

/// Numbers of messages that a proxy has forwarded in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyTraffic {
    /// Messages the other socket has accepted.
    pub messages: u64,
    /// The size of their frames, in bytes.
    pub bytes: u64,
    /// Messages that the other socket refused, such as a reply without a request. They are lost.
    pub refused: u64,
    /// Messages taken and not yet sent: usually none, except briefly while other handles send to
    /// the same socket. They are lost when the proxy ends.
    pub held: u64,
}

/// Commands from a handle to its proxy.
enum Control {
    Pause(Reply<()>),
    Resume(Reply<()>),
    Statistics(Reply<ProxyStatistics>),
}

impl Proxy {
    /// Starts a proxy between two sockets.
    ///
    /// # Errors
    /// [`ProxyError::NothingToCarry`] for two sockets neither of which receives what the other
    /// sends, such as PUSH and PUB, [`ProxyError::Ended`] if the context has been shut down.
    pub fn start<F: Kind, B: Kind>(
        front: &Socket<F>,
        back: &Socket<B>,
    ) -> Result<Self, ProxyError> {
        Proxy::run(front, back, None)
    }

    /// Starts a proxy that also sends a copy of every message, in both directions, to `capture` (a
    /// PUB, PUSH, DEALER or PAIR). A capture socket that blocks delays the proxy: to observe
    /// without delaying it, use PUB, or an [`Overflow`] that drops.
    ///
    /// # Errors
    /// Same as [`start`](Proxy::start), and [`ProxyError::MuteCapture`] if `capture` only receives.
    pub fn start_with_capture<F: Kind, B: Kind, C: Kind>(
        front: &Socket<F>,
        back: &Socket<B>,
        capture: &Socket<C>,
    ) -> Result<Self, ProxyError> {
        let capture = capture.any_sender().ok_or(ProxyError::MuteCapture)?;
        Proxy::run(front, back, Some(capture))
    }

    fn run<F: Kind, B: Kind>(
        front: &Socket<F>,
        back: &Socket<B>,
        capture: Option<crate::port::Sender>,
    ) -> Result<Self, ProxyError> {
        let relay = |from, to| match (from, to) {
            (Some(from), Some(to)) => Some(Relay::new(from, to, capture.clone())),
            _ => None,
        };
        let forth = relay(front.any_receiver(), back.any_sender());
        let back = match front.is_same(back) {
            true => None,
            false => relay(back.any_receiver(), front.any_sender()),
        };
        if forth.is_none() && back.is_none() {
            return Err(ProxyError::NothingToCarry);
        }
        if front.ports().is_terminated() {
            return Err(ProxyError::Ended);
        }
        let controls = Arc::new(Channel::new(0, Overflow::Block, None, None));
        let (ended, reply) = answer();
        let task = Carrying {
            controls: Arc::clone(&controls),
            ticket: None,
            forth,
            back,
            paused: false,
            ended: Some(reply),
        };
        let task = Box::pin(task);
        match front.mailbox().post(Command::Spawn { task }) {
            Ok(()) => Ok(Proxy {
                controls,
                ended: Some(ended),
                detached: false,
            }),
            Err(_) => Err(ProxyError::Ended),
        }
    }

    /// Pauses forwarding: messages stay queued, and senders wait once the high-water marks are
    /// reached. When this returns, no more messages are forwarded.
    ///
    /// # Errors
    /// [`ProxyError::Ended`] if the proxy has ended.
    pub fn pause(&self) -> Result<(), ProxyError> {
        self.ask(Control::Pause)
    }

    /// Resumes forwarding after [`pause`](Proxy::pause).
    ///
    /// # Errors
    /// [`ProxyError::Ended`] if the proxy has ended.
    pub fn resume(&self) -> Result<(), ProxyError> {
        self.ask(Control::Resume)
    }

    /// Returns what has been forwarded so far.
    ///
    /// # Errors
    /// [`ProxyError::Ended`] if the proxy has ended.
    pub fn statistics(&self) -> Result<ProxyStatistics, ProxyError> {
        self.ask(Control::Statistics)
    }

    /// Stops the proxy, even while it waits for room, and returns what it has forwarded. Its
    /// sockets stay open, unless it held their last handle.
    pub fn stop(mut self) -> ProxyStatistics {
        self.controls.close();
        self.ended.take().and_then(Answer::wait).unwrap_or_default()
    }

    /// Waits until the proxy ends because a socket was closed or the context was shut down.
    /// Dropping the future stops the proxy.
    pub async fn wait(mut self) -> ProxyStatistics {
        match self.ended.take() {
            Some(ended) => ended.await.unwrap_or_default(),
            None => ProxyStatistics::default(),
        }
    }

    /// Like [`wait`](Proxy::wait), but blocks the current thread.
    pub fn wait_blocking(mut self) -> ProxyStatistics {
        self.ended.take().and_then(Answer::wait).unwrap_or_default()
    }

    /// Lets the proxy run without a handle, until one of its sockets is closed or the context is
    /// shut down. It keeps its sockets, and thereby its context, alive.
    pub fn detach(mut self) {
        self.detached = true;
    }

    fn ask<T>(&self, control: impl FnOnce(Reply<T>) -> Control) -> Result<T, ProxyError> {
        let (answer, reply) = answer();
        self.controls.try_push(&mut Some(control(reply)));
        answer.wait().ok_or(ProxyError::Ended)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if !self.detached {
            self.controls.close();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// The proxy's task on its pump.
struct Carrying {
    controls: Arc<Channel<Control>>,
    ticket: Ticket,
    forth: Option<Relay>,
    back: Option<Relay>,
    paused: bool,
    ended: Option<Reply<ProxyStatistics>>,
}

impl Carrying {
    fn statistics(&self) -> ProxyStatistics {
        ProxyStatistics {
            forth: traffic(self.forth.as_ref()),
            back: traffic(self.back.as_ref()),
        }
    }

    fn relays(&mut self) -> impl Iterator<Item = &mut Relay> {
        self.forth.iter_mut().chain(&mut self.back)
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Pause(reply) => {
                self.paused = true;
                self.relays().for_each(Relay::rest);
                reply.send(());
            }
            Control::Resume(reply) => {
                self.paused = false;
                reply.send(());
            }
            Control::Statistics(reply) => reply.send(self.statistics()),
        }
    }
}

impl Future for Carrying {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let waker = context.waker();
        loop {
            let waiting = Waiting {
                ticket: &mut this.ticket,
                waker,
            };
            match this.controls.pop_or_wait(waiting) {
                Ok(control) => this.obey(control),
                Err(Nothing::Empty) => break,
                Err(Nothing::Closed | Nothing::Terminated) => return Poll::Ready(()),
            }
        }
        if this.paused {
            return Poll::Pending;
        }
        let mut more = false;
        for relay in this.relays() {
            match relay.poll_carry(BUDGET, waker) {
                Poll::Ready(Ok(())) => more = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        if more {
            waker.wake_by_ref();
        }
        Poll::Pending
    }
}

/// However it ends: a call that waits for the end gets the statistics, and every pending call
/// returns.
impl Drop for Carrying {
    fn drop(&mut self) {
        self.controls.close();
        self.controls.drain_rest();
        let statistics = self.statistics();
        self.relays().for_each(Relay::rest);
        self.forth = None;
        self.back = None;
        if let Some(ended) = self.ended.take() {
            ended.send(statistics);
        }
    }
}

fn traffic(relay: Option<&Relay>) -> ProxyTraffic {
    let Some(relay) = relay else {
        return ProxyTraffic::default();
    };
    let Carried {
        messages,
        bytes,
        refused,
    } = relay.carried();
    ProxyTraffic {
        messages,
        bytes,
        refused,
        held: relay.held() as u64,
    }
}
