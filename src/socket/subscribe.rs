//! Subscriptions and groups: those of the socket itself, and those an XPUB decides on.

use crate::error::{GroupError, SubscribeError};
use crate::kind::{Joins, Kind, Subscribes, Topical, XPub};
use crate::message::{Frame, Message};
use crate::pattern::Upstream;
use crate::pump::SocketCommand;
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::oneshot::Reply;

impl<K: Kind> Socket<K> {
    /// Subscribes to every message whose first frame starts with `prefix`; the empty prefix
    /// means all (`ZMQ_SUBSCRIBE`). Subscribing twice needs two calls of
    /// [`unsubscribe`](Socket::unsubscribe).
    ///
    /// On an XPUB with [`xpub_manual`](crate::Options::xpub_manual) it gives that to the peer
    /// of the message received last, as [`accept`](Socket::accept) does for any message: the one that
    /// this socket's receivers, all clones together, have given last. Of several taken at once, that is
    /// the last. Where several threads receive, use `accept`.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed or its context shut down; on an XPUB as with
    /// [`accept`](Socket::accept).
    #[doc(alias = "ZMQ_SUBSCRIBE")]
    #[doc(alias = "set_subscribe")]
    pub fn subscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError>
    where
        K: Subscribes,
    {
        if self.kind == SocketType::XPub {
            return self.decide_last(Upstream::Subscribe(prefix.as_ref().into()));
        }
        self.ask_for(prefix.as_ref(), |prefix, reply| SocketCommand::Subscribe {
            prefix,
            reply,
        })
    }

    /// Takes one subscription back (`ZMQ_UNSUBSCRIBE`). One that was never made is no error.
    ///
    /// When this returns, a SUB receives no more messages that match none of its other
    /// subscriptions: those that waited are dropped, counted as
    /// [`Unmatched`](crate::statistics::DropReason::Unmatched). An XSUB receives what waits
    /// and what is still on its way.
    ///
    /// On an XPUB it is [`revoke`](Socket::revoke) for the message received last.
    ///
    /// # Errors
    /// As with [`subscribe`](Socket::subscribe).
    #[doc(alias = "ZMQ_UNSUBSCRIBE")]
    #[doc(alias = "set_unsubscribe")]
    pub fn unsubscribe(&self, prefix: impl AsRef<[u8]>) -> Result<(), SubscribeError>
    where
        K: Subscribes,
    {
        if self.kind == SocketType::XPub {
            return self.decide_last(Upstream::Cancel(prefix.as_ref().into()));
        }
        self.ask_for(prefix.as_ref(), |prefix, reply| {
            SocketCommand::Unsubscribe { prefix, reply }
        })
    }

    fn ask_for(
        &self,
        prefix: &[u8],
        command: impl FnOnce(Frame, Reply<Result<(), SubscribeError>>) -> SocketCommand,
    ) -> Result<(), SubscribeError>
    where
        K: Subscribes,
    {
        if !matches!(self.kind, SocketType::Sub | SocketType::XSub) {
            return Err(SubscribeError::Unsupported);
        }
        let prefix = Frame::from(prefix);
        self.ask(|reply| command(prefix, reply))
            .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Kind> Socket<K> {
    /// The number of distinct topics (`ZMQ_TOPICS_COUNT`): for SUB, XSUB and DISH of those that
    /// are subscribed to or joined, for PUB, XPUB and RADIO of those that any peer is.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed, its context shut down, or it has no topics.
    #[doc(alias = "ZMQ_TOPICS_COUNT")]
    pub fn topics(&self) -> Result<usize, SubscribeError>
    where
        K: Topical,
    {
        use SocketType::{Dish, Pub, Radio, Sub, XPub, XSub};
        if !matches!(self.kind, Pub | Sub | XPub | XSub | Radio | Dish) {
            return Err(SubscribeError::Unsupported);
        }
        self.ask(|reply| SocketCommand::Topics { reply })
            .ok_or_else(|| self.ended())
    }
}

/// Subscriptions that the user of an XPUB decides on, with
/// [`xpub_manual`](crate::Options::xpub_manual).
///
/// Peers come and go at any time: what is decided for one that has left does nothing.
impl Socket<XPub> {
    /// Gives the peer that `message` was received from what starts with `prefix`, be that what it
    /// asked for or not. `message` is one that this socket's `out` has given.
    ///
    /// ```
    /// use zmq_channels::message::XPubEvent;
    /// use zmq_channels::options::ManualSubscriptions;
    /// use zmq_channels::{Context, Options, Sub, XPub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let options = Options::new().xpub_manual(ManualSubscriptions::On);
    /// let xpub = context.socket_with::<XPub>(options)?;
    /// let sub = context.socket::<Sub>()?;
    /// sub.connect(xpub.bind("inproc://manual")?)?;
    /// sub.subscribe("weather")?;
    ///
    /// let message = xpub.recv_blocking()?;
    /// match XPubEvent::from(&message) {
    ///     XPubEvent::Subscribe(topic) => xpub.accept(&message, topic)?,
    ///     XPubEvent::Cancel(topic) => xpub.revoke(&message, topic)?,
    ///     XPubEvent::User(_) => {}
    /// }
    /// xpub.send_blocking("weather: fair")?;
    /// assert_eq!(sub.recv_blocking()?, "weather: fair".into());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SubscribeError::NotManual`] unless the option says so, [`SubscribeError::NoPeer`] if the
    /// message came from no peer, [`SubscribeError::TooMany`] if this peer has as many as it can
    /// have; and if the socket is closed or its context shut down.
    #[doc(alias = "ZMQ_XPUB_MANUAL")]
    pub fn accept(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Subscribe(prefix.as_ref().into()))
    }

    /// Takes what [`accept`](Socket::accept) gave that peer away again; once is enough, however
    /// often it was given.
    ///
    /// # Errors
    /// As there.
    pub fn revoke(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Cancel(prefix.as_ref().into()))
    }
}

impl<K: Kind> Socket<K> {
    /// Joins a group: messages that a RADIO sends to exactly this name come in from now on
    /// (RFC 48, `zmq_join`). A name has 0 to 255 bytes.
    ///
    /// ```
    /// use zmq_channels::{Context, Dish, Message, Options, Radio};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (radio, dish) = (context.socket::<Radio>()?, context.socket::<Dish>()?);
    /// dish.join("weather")?;
    /// dish.connect(radio.bind("inproc://radio")?)?;
    /// # while radio.topics()? == 0 {}
    /// radio.send_blocking(Message::to_group("weather", "fair"))?;
    /// let message = dish.recv_blocking()?;
    /// assert_eq!(message[0], "weather");
    /// assert_eq!(message[1], "fair");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`GroupError::AlreadyJoined`], [`GroupError::TooLong`], and if the socket is closed or its
    /// context shut down.
    #[doc(alias = "zmq_join")]
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<(), GroupError>
    where
        K: Joins,
    {
        // Other types answer that they have none.
        let group = Frame::from(group.as_ref());
        self.ask(|reply| SocketCommand::Join { group, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Leaves a group (`zmq_leave`). When this returns, no more messages of it are received: those
    /// that waited are dropped, counted as [`Unmatched`](crate::statistics::DropReason::Unmatched).
    ///
    /// # Errors
    /// [`GroupError::NotJoined`], [`GroupError::TooLong`], and if the socket is closed or its
    /// context shut down.
    #[doc(alias = "zmq_leave")]
    pub fn leave(&self, group: impl AsRef<[u8]>) -> Result<(), GroupError>
    where
        K: Joins,
    {
        let group = Frame::from(group.as_ref());
        self.ask(|reply| SocketCommand::Leave { group, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }
}

impl<K: Kind> Socket<K> {
    /// What the peer gets that the message received last came from (XPUB).
    fn decide_last(&self, decision: Upstream) -> Result<(), SubscribeError> {
        self.decide(self.holder.ports().last_received(), decision)
    }

    pub(super) fn decide(&self, tag: u64, decision: Upstream) -> Result<(), SubscribeError> {
        self.ask(|reply| SocketCommand::Decide {
            tag,
            decision,
            reply,
        })
        .unwrap_or_else(|| Err(self.ended()))
    }
}
