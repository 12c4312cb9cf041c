//! Subscriptions and groups of the socket itself, and those that an XPUB decides on.

use crate::error::{GroupError, SubscribeError};
use crate::kind::{Joins, Kind, Subscribes, Topical, XPub};
use crate::message::{Frame, Message};
use crate::pattern::Upstream;
use crate::pump::SocketCommand;
use crate::socket::Socket;
use crate::socket_type::SocketType;
use crate::sync::oneshot::Reply;

impl<K: Kind> Socket<K> {
    /// Subscribes to every message whose first frame starts with `prefix` (`ZMQ_SUBSCRIBE`). The
    /// empty prefix subscribes to all messages. Subscriptions are counted: after two calls, it
    /// takes two calls of [`unsubscribe`](Socket::unsubscribe) to remove one.
    ///
    /// On an XPUB with [`xpub_manual`](crate::Options::xpub_manual), this subscribes the peer that
    /// sent the message received last, as [`accept`](Socket::accept) does for a given message. That
    /// is the last message taken through any clone of this socket's receiver; of a batch, the last
    /// one of the batch. Use `accept` where several threads receive.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed or its context is shut down; on an XPUB, the
    /// errors of [`accept`](Socket::accept).
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

    /// Removes one subscription (`ZMQ_UNSUBSCRIBE`). Removing a subscription that does not exist is
    /// not an error.
    ///
    /// When this returns, a SUB receives no more messages that match none of its other
    /// subscriptions: queued ones are dropped, counted as
    /// [`Unmatched`](crate::statistics::DropReason::Unmatched). An XSUB still receives messages
    /// that are queued or in transit.
    ///
    /// On an XPUB this is [`revoke`](Socket::revoke) for the message received last.
    ///
    /// # Errors
    /// Same as [`subscribe`](Socket::subscribe).
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
    /// Returns the number of distinct topics (`ZMQ_TOPICS_COUNT`): for SUB, XSUB and DISH those
    /// that this socket has subscribed to or joined, for PUB, XPUB and RADIO those that its peers
    /// have.
    ///
    /// # Errors
    /// [`SubscribeError`] if the socket is closed, its context is shut down, or its type has no
    /// topics.
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

/// Subscriptions decided by the user of an XPUB, with [`xpub_manual`](crate::Options::xpub_manual).
///
/// Peers may disconnect at any time; a decision about a peer that is no longer connected has no
/// effect.
impl Socket<XPub> {
    /// Subscribes the peer that sent `message` to messages that start with `prefix`, whether or not
    /// it asked for that. `message` is one that was received from this socket.
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
    /// [`SubscribeError::NotManual`] if [`xpub_manual`](crate::Options::xpub_manual) is off,
    /// [`SubscribeError::NoPeer`] if the message did not come from a peer,
    /// [`SubscribeError::TooMany`] if this peer has reached its limit of subscriptions, and an
    /// error if the socket is closed or its context is shut down.
    #[doc(alias = "ZMQ_XPUB_MANUAL")]
    pub fn accept(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Subscribe(prefix.as_ref().into()))
    }

    /// Revokes a subscription that [`accept`](Socket::accept) made for that peer. One call is
    /// enough, no matter how often it was accepted.
    ///
    /// # Errors
    /// Same as [`accept`](Socket::accept).
    pub fn revoke(
        &self,
        message: &Message,
        prefix: impl AsRef<[u8]>,
    ) -> Result<(), SubscribeError> {
        self.decide(message.tag(), Upstream::Cancel(prefix.as_ref().into()))
    }
}

impl<K: Kind> Socket<K> {
    /// Joins a group: from now on the socket receives messages that a RADIO sends to a group of
    /// exactly this name (RFC 48, `zmq_join`). A name has 0 to 255 bytes.
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
    /// [`GroupError::AlreadyJoined`], [`GroupError::TooLong`], and an error if the socket is closed
    /// or its context is shut down.
    #[doc(alias = "zmq_join")]
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<(), GroupError>
    where
        K: Joins,
    {
        // Other types reply that they have no groups.
        let group = Frame::from(group.as_ref());
        self.ask(|reply| SocketCommand::Join { group, reply })
            .unwrap_or_else(|| Err(self.ended()))
    }

    /// Leaves a group (`zmq_leave`). When this returns, no more messages of the group are received:
    /// queued ones are dropped, counted as [`Unmatched`](crate::statistics::DropReason::Unmatched).
    ///
    /// # Errors
    /// [`GroupError::NotJoined`], [`GroupError::TooLong`], and an error if the socket is closed or
    /// its context is shut down.
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
    /// Decides for the peer that sent the message received last (XPUB).
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
