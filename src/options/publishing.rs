//! Options of publishers and subscribers.

use super::{has_too_many_frames, OptionFault, Options, TOO_MANY_FRAMES};
use crate::message::Message;

/// Which subscriptions an XPUB passes to its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verbosity {
    /// The first subscription to a topic and the last cancellation. The default.
    #[default]
    Changes,
    /// Every subscription, and the last cancellation (`ZMQ_XPUB_VERBOSE`).
    Subscriptions,
    /// Every subscription and every cancellation, even of topics the peer had not subscribed to
    /// (`ZMQ_XPUB_VERBOSER`).
    Everything,
}

/// Whether the user of an XPUB decides about the subscriptions of its peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ManualSubscriptions {
    /// Peers have the subscriptions that they ask for. The default.
    #[default]
    Off,
    /// The user receives every subscription and cancellation, and none takes effect except through
    /// the socket's own `subscribe` and `unsubscribe`, which apply to the peer whose message was
    /// received last (`ZMQ_XPUB_MANUAL`).
    On,
    /// Like [`On`](ManualSubscriptions::On), and the first message sent after a subscription was
    /// received goes to that peer only (`ZMQ_XPUB_MANUAL_LAST_VALUE`).
    LastValue,
}

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publishing {
    pub(crate) xpub_verbosity: Verbosity,
    pub(crate) xpub_manual: ManualSubscriptions,
    pub(crate) xpub_no_drop: bool,
    pub(crate) xpub_welcome: Option<Message>,
    pub(crate) invert_matching: bool,
    pub(crate) only_first_subscribe: bool,
    pub(crate) xsub_verbose_unsubscribe: bool,
}

impl Default for Publishing {
    fn default() -> Self {
        Publishing {
            xpub_verbosity: Verbosity::Changes,
            xpub_manual: ManualSubscriptions::Off,
            xpub_no_drop: false,
            xpub_welcome: None,
            invert_matching: false,
            only_first_subscribe: false,
            xsub_verbose_unsubscribe: false,
        }
    }
}

impl Publishing {
    /// Whether every value is in range.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.xpub_welcome.as_ref().is_some_and(Message::is_empty) {
            return fault("xpub_welcome", "a message without frames; None means none");
        }
        if self.xpub_welcome.as_ref().is_some_and(has_too_many_frames) {
            return fault("xpub_welcome", TOO_MANY_FRAMES);
        }
        Ok(())
    }
}

/// # Publishing and subscribing
impl Options {
    /// XPUB: which subscriptions the user receives (`ZMQ_XPUB_VERBOSE`, `ZMQ_XPUB_VERBOSER`). While
    /// `out` is full, the socket reads no subscriptions from its peers; programs that do not
    /// receive them should set [`receive_overflow`](Options::receive_overflow).
    #[doc(alias = "ZMQ_XPUB_VERBOSE")]
    #[doc(alias = "XPUB_VERBOSE")]
    #[doc(alias = "ZMQ_XPUB_VERBOSER")]
    #[doc(alias = "XPUB_VERBOSER")]
    #[must_use]
    pub fn xpub_verbosity(mut self, xpub_verbosity: Verbosity) -> Self {
        self.publishing.xpub_verbosity = xpub_verbosity;
        self
    }

    /// Returns the value of [`xpub_verbosity`](Options::xpub_verbosity).
    #[must_use]
    pub fn get_xpub_verbosity(&self) -> Verbosity {
        self.publishing.xpub_verbosity
    }

    /// XPUB: whether the user decides about subscriptions (`ZMQ_XPUB_MANUAL`,
    /// `ZMQ_XPUB_MANUAL_LAST_VALUE`).
    #[doc(alias = "ZMQ_XPUB_MANUAL")]
    #[doc(alias = "XPUB_MANUAL")]
    #[doc(alias = "ZMQ_XPUB_MANUAL_LAST_VALUE")]
    #[doc(alias = "XPUB_MANUAL_LAST_VALUE")]
    #[must_use]
    pub fn xpub_manual(mut self, xpub_manual: ManualSubscriptions) -> Self {
        self.publishing.xpub_manual = xpub_manual;
        self
    }

    /// Returns the value of [`xpub_manual`](Options::xpub_manual).
    #[must_use]
    pub fn get_xpub_manual(&self) -> ManualSubscriptions {
        self.publishing.xpub_manual
    }

    /// PUB, XPUB, RADIO: waits while any peer that subscribed to the message is full, instead of
    /// dropping it for that peer (`ZMQ_XPUB_NODROP`, default false). Meanwhile no peer receives the
    /// message; messages for other peers only do not wait. Has an effect only if
    /// [`send_overflow`](Options::send_overflow) is `Block`.
    #[doc(alias = "ZMQ_XPUB_NODROP")]
    #[doc(alias = "XPUB_NODROP")]
    #[must_use]
    pub fn xpub_no_drop(mut self, xpub_no_drop: bool) -> Self {
        self.publishing.xpub_no_drop = xpub_no_drop;
        self
    }

    /// Returns the value of [`xpub_no_drop`](Options::xpub_no_drop).
    #[must_use]
    pub fn get_xpub_no_drop(&self) -> bool {
        self.publishing.xpub_no_drop
    }

    /// PUB, XPUB: a message sent to each new peer before all others (`ZMQ_XPUB_WELCOME_MSG`).
    /// Default `None`. A SUB accepts it only if it has subscribed to a prefix of it before it
    /// connects.
    #[doc(alias = "ZMQ_XPUB_WELCOME_MSG")]
    #[doc(alias = "XPUB_WELCOME_MSG")]
    #[must_use]
    pub fn xpub_welcome(mut self, message: impl Into<Message>) -> Self {
        self.publishing.xpub_welcome = Some(message.into());
        self
    }

    /// Returns the value of [`xpub_welcome`](Options::xpub_welcome).
    #[must_use]
    pub fn get_xpub_welcome(&self) -> Option<&Message> {
        self.publishing.xpub_welcome.as_ref()
    }

    /// Removes the [`xpub_welcome`](Options::xpub_welcome) message.
    #[must_use]
    pub fn without_xpub_welcome(mut self) -> Self {
        self.publishing.xpub_welcome = None;
        self
    }

    /// PUB, XPUB, SUB: messages go to peers that did *not* subscribe to them
    /// (`ZMQ_INVERT_MATCHING`, default false). Must be set at both ends.
    #[doc(alias = "ZMQ_INVERT_MATCHING")]
    #[doc(alias = "INVERT_MATCHING")]
    #[must_use]
    pub fn invert_matching(mut self, invert_matching: bool) -> Self {
        self.publishing.invert_matching = invert_matching;
        self
    }

    /// Returns the value of [`invert_matching`](Options::invert_matching).
    #[must_use]
    pub fn get_invert_matching(&self) -> bool {
        self.publishing.invert_matching
    }

    /// PUB, XPUB, XSUB: only the first frame of a multipart message may be a subscription
    /// (`ZMQ_ONLY_FIRST_SUBSCRIBE`, default false). For PUB and XPUB, applies to connections made
    /// from then on; set it at both ends.
    #[doc(alias = "ZMQ_ONLY_FIRST_SUBSCRIBE")]
    #[doc(alias = "ONLY_FIRST_SUBSCRIBE")]
    #[must_use]
    pub fn only_first_subscribe(mut self, only_first_subscribe: bool) -> Self {
        self.publishing.only_first_subscribe = only_first_subscribe;
        self
    }

    /// Returns the value of [`only_first_subscribe`](Options::only_first_subscribe).
    #[must_use]
    pub fn get_only_first_subscribe(&self) -> bool {
        self.publishing.only_first_subscribe
    }

    /// XSUB: passes every cancellation on, not only the last one of a topic
    /// (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`, default false).
    #[doc(alias = "ZMQ_XSUB_VERBOSE_UNSUBSCRIBE")]
    #[doc(alias = "XSUB_VERBOSE_UNSUBSCRIBE")]
    #[must_use]
    pub fn xsub_verbose_unsubscribe(mut self, xsub_verbose_unsubscribe: bool) -> Self {
        self.publishing.xsub_verbose_unsubscribe = xsub_verbose_unsubscribe;
        self
    }

    /// Returns the value of [`xsub_verbose_unsubscribe`](Options::xsub_verbose_unsubscribe).
    #[must_use]
    pub fn get_xsub_verbose_unsubscribe(&self) -> bool {
        self.publishing.xsub_verbose_unsubscribe
    }
}
