//! Subscriptions, of publishers and of subscribers.

use super::{has_too_many_frames, OptionFault, Options, TOO_MANY_FRAMES};
use crate::message::Message;

/// Which subscriptions an XPUB passes on to its user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verbosity {
    /// The first subscription to a topic and the last cancellation. The default.
    #[default]
    Changes,
    /// Every subscription, and the last cancellation (`ZMQ_XPUB_VERBOSE`).
    Subscriptions,
    /// Every subscription and every cancellation, also of what the peer had not subscribed to
    /// (`ZMQ_XPUB_VERBOSER`).
    Everything,
}

/// Whether the user of an XPUB decides what its peers are subscribed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ManualSubscriptions {
    /// Peers get what they subscribe to. The default.
    #[default]
    Off,
    /// The user is told of every subscription and cancellation, and none takes effect but
    /// through the socket's own `subscribe` and `unsubscribe`, which are about the peer whose
    /// message was received last (`ZMQ_XPUB_MANUAL`).
    On,
    /// As [`On`](ManualSubscriptions::On), and the first message sent after a subscription was
    /// received goes to that peer only (`ZMQ_XPUB_MANUAL_LAST_VALUE`).
    LastValue,
}

/// Each field is described at its setter.
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
    /// Whether each has a value it can have.
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
    /// XPUB: which subscriptions the user is told of (`ZMQ_XPUB_VERBOSE`, `ZMQ_XPUB_VERBOSER`).
    /// While `out` is full of them no peer is heard: who does not read it sets
    /// [`receive_overflow`](Options::receive_overflow).
    #[doc(alias = "ZMQ_XPUB_VERBOSE")]
    #[doc(alias = "XPUB_VERBOSE")]
    #[doc(alias = "ZMQ_XPUB_VERBOSER")]
    #[doc(alias = "XPUB_VERBOSER")]
    #[must_use]
    pub fn xpub_verbosity(mut self, xpub_verbosity: Verbosity) -> Self {
        self.publishing.xpub_verbosity = xpub_verbosity;
        self
    }

    /// What [`xpub_verbosity`](Options::xpub_verbosity) is set to.
    #[must_use]
    pub fn get_xpub_verbosity(&self) -> Verbosity {
        self.publishing.xpub_verbosity
    }

    /// XPUB: whether the user decides on subscriptions (`ZMQ_XPUB_MANUAL`,
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

    /// What [`xpub_manual`](Options::xpub_manual) is set to.
    #[must_use]
    pub fn get_xpub_manual(&self) -> ManualSubscriptions {
        self.publishing.xpub_manual
    }

    /// PUB, XPUB, RADIO: waits while any peer that wants the message is full, instead of dropping
    /// it for that peer (`ZMQ_XPUB_NODROP`, default false). No peer gets the message meanwhile;
    /// messages that only other peers want do not wait. Has an effect only where
    /// [`send_overflow`](Options::send_overflow) is `Block`.
    #[doc(alias = "ZMQ_XPUB_NODROP")]
    #[doc(alias = "XPUB_NODROP")]
    #[must_use]
    pub fn xpub_no_drop(mut self, xpub_no_drop: bool) -> Self {
        self.publishing.xpub_no_drop = xpub_no_drop;
        self
    }

    /// What [`xpub_no_drop`](Options::xpub_no_drop) is set to.
    #[must_use]
    pub fn get_xpub_no_drop(&self) -> bool {
        self.publishing.xpub_no_drop
    }

    /// PUB, XPUB: what each new peer is sent first (`ZMQ_XPUB_WELCOME_MSG`). Default `None`. A SUB
    /// lets it in only if it has subscribed to what it begins with before it connects.
    #[doc(alias = "ZMQ_XPUB_WELCOME_MSG")]
    #[doc(alias = "XPUB_WELCOME_MSG")]
    #[must_use]
    pub fn xpub_welcome(mut self, message: impl Into<Message>) -> Self {
        self.publishing.xpub_welcome = Some(message.into());
        self
    }

    /// What [`xpub_welcome`](Options::xpub_welcome) is set to.
    #[must_use]
    pub fn get_xpub_welcome(&self) -> Option<&Message> {
        self.publishing.xpub_welcome.as_ref()
    }

    /// Sends new peers no welcome any more: takes [`xpub_welcome`](Options::xpub_welcome) back.
    #[must_use]
    pub fn without_xpub_welcome(mut self) -> Self {
        self.publishing.xpub_welcome = None;
        self
    }

    /// PUB, XPUB, SUB: messages go to those who did *not* subscribe to them
    /// (`ZMQ_INVERT_MATCHING`, default false). Both ends must be set.
    #[doc(alias = "ZMQ_INVERT_MATCHING")]
    #[doc(alias = "INVERT_MATCHING")]
    #[must_use]
    pub fn invert_matching(mut self, invert_matching: bool) -> Self {
        self.publishing.invert_matching = invert_matching;
        self
    }

    /// What [`invert_matching`](Options::invert_matching) is set to.
    #[must_use]
    pub fn get_invert_matching(&self) -> bool {
        self.publishing.invert_matching
    }

    /// PUB, XPUB, XSUB: only the first frame of a message of several may be a subscription
    /// (`ZMQ_ONLY_FIRST_SUBSCRIBE`, default false). For PUB and XPUB, on connections made from then on;
    /// set it at both ends.
    #[doc(alias = "ZMQ_ONLY_FIRST_SUBSCRIBE")]
    #[doc(alias = "ONLY_FIRST_SUBSCRIBE")]
    #[must_use]
    pub fn only_first_subscribe(mut self, only_first_subscribe: bool) -> Self {
        self.publishing.only_first_subscribe = only_first_subscribe;
        self
    }

    /// What [`only_first_subscribe`](Options::only_first_subscribe) is set to.
    #[must_use]
    pub fn get_only_first_subscribe(&self) -> bool {
        self.publishing.only_first_subscribe
    }

    /// XSUB: passes on every cancellation, not only the last one of a topic
    /// (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`, default false).
    #[doc(alias = "ZMQ_XSUB_VERBOSE_UNSUBSCRIBE")]
    #[doc(alias = "XSUB_VERBOSE_UNSUBSCRIBE")]
    #[must_use]
    pub fn xsub_verbose_unsubscribe(mut self, xsub_verbose_unsubscribe: bool) -> Self {
        self.publishing.xsub_verbose_unsubscribe = xsub_verbose_unsubscribe;
        self
    }

    /// What [`xsub_verbose_unsubscribe`](Options::xsub_verbose_unsubscribe) is set to.
    #[must_use]
    pub fn get_xsub_verbose_unsubscribe(&self) -> bool {
        self.publishing.xsub_verbose_unsubscribe
    }
}
