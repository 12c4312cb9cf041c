//! Messages that a socket makes by itself when peers come and go.

use super::{has_too_many_frames, OptionFault, Options, TOO_MANY_FRAMES};
use crate::message::Message;

/// Each field is described at its setter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    pub(crate) hello: Option<Message>,
    pub(crate) disconnect_notice: Option<Message>,
    pub(crate) hiccup_notice: Option<Message>,
}

impl Notices {
    /// Whether each has a value it can have.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if self.hello.as_ref().is_some_and(has_too_many_frames) {
            return fault("hello", TOO_MANY_FRAMES);
        }
        Ok(())
    }
}

/// # Messages about peers
impl Options {
    /// What each new peer is sent first (`ZMQ_HELLO_MSG`), also after a reconnect; DEALER, ROUTER,
    /// PAIR, PUSH, SERVER, CLIENT, PEER, CHANNEL, SCATTER. It does not count against the high-water
    /// mark. Default `None`. Like both notices below, one of several frames is refused where messages
    /// have one: SERVER, CLIENT, PEER, CHANNEL, SCATTER, GATHER.
    #[doc(alias = "ZMQ_HELLO_MSG")]
    #[doc(alias = "HELLO_MSG")]
    #[must_use]
    pub fn hello(mut self, message: impl Into<Message>) -> Self {
        self.notices.hello = Some(message.into());
        self
    }

    /// What [`hello`](Options::hello) is set to.
    #[must_use]
    pub fn get_hello(&self) -> Option<&Message> {
        self.notices.hello.as_ref()
    }

    /// Sends new peers nothing first any more: takes [`hello`](Options::hello) back.
    #[must_use]
    pub fn without_hello(mut self) -> Self {
        self.notices.hello = None;
        self
    }

    /// What the user receives when a peer that had connected to us is gone
    /// (`ZMQ_DISCONNECT_MSG`); ROUTER, DEALER, PAIR, PULL, SERVER, CLIENT, PEER, CHANNEL, GATHER.
    /// Default `None`.
    #[doc(alias = "ZMQ_DISCONNECT_MSG")]
    #[doc(alias = "DISCONNECT_MSG")]
    #[must_use]
    pub fn disconnect_notice(mut self, message: impl Into<Message>) -> Self {
        self.notices.disconnect_notice = Some(message.into());
        self
    }

    /// What [`disconnect_notice`](Options::disconnect_notice) is set to.
    #[must_use]
    pub fn get_disconnect_notice(&self) -> Option<&Message> {
        self.notices.disconnect_notice.as_ref()
    }

    /// Makes no message of a peer that is gone any more: takes
    /// [`disconnect_notice`](Options::disconnect_notice) back.
    #[must_use]
    pub fn without_disconnect_notice(mut self) -> Self {
        self.notices.disconnect_notice = None;
        self
    }

    /// What the user receives when a peer that we connected to is gone (`ZMQ_HICCUP_MSG`); the
    /// same types. Default `None`.
    #[doc(alias = "ZMQ_HICCUP_MSG")]
    #[doc(alias = "HICCUP_MSG")]
    #[must_use]
    pub fn hiccup_notice(mut self, message: impl Into<Message>) -> Self {
        self.notices.hiccup_notice = Some(message.into());
        self
    }

    /// What [`hiccup_notice`](Options::hiccup_notice) is set to.
    #[must_use]
    pub fn get_hiccup_notice(&self) -> Option<&Message> {
        self.notices.hiccup_notice.as_ref()
    }

    /// Makes no message of a peer that is gone any more: takes
    /// [`hiccup_notice`](Options::hiccup_notice) back.
    #[must_use]
    pub fn without_hiccup_notice(mut self) -> Self {
        self.notices.hiccup_notice = None;
        self
    }
}
