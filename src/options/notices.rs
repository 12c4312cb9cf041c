//! Messages that a socket generates when peers connect or disconnect.

use super::{has_too_many_frames, OptionFault, Options, TOO_MANY_FRAMES};
use crate::message::Message;

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    pub(crate) hello: Option<Message>,
    pub(crate) disconnect_notice: Option<Message>,
    pub(crate) hiccup_notice: Option<Message>,
}

impl Notices {
    /// Whether every value is in range.
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
    /// A message sent to each new peer before all others (`ZMQ_HELLO_MSG`), also after a reconnect;
    /// DEALER, ROUTER, PAIR, PUSH, SERVER, CLIENT, PEER, CHANNEL, SCATTER. It does not count
    /// against the high-water mark. Default `None`. This and the two notices below must have a
    /// single frame on socket types whose messages have one: SERVER, CLIENT, PEER, CHANNEL,
    /// SCATTER, GATHER.
    #[doc(alias = "ZMQ_HELLO_MSG")]
    #[doc(alias = "HELLO_MSG")]
    #[must_use]
    pub fn hello(mut self, message: impl Into<Message>) -> Self {
        self.notices.hello = Some(message.into());
        self
    }

    /// Returns the value of [`hello`](Options::hello).
    #[must_use]
    pub fn get_hello(&self) -> Option<&Message> {
        self.notices.hello.as_ref()
    }

    /// Removes the [`hello`](Options::hello) message.
    #[must_use]
    pub fn without_hello(mut self) -> Self {
        self.notices.hello = None;
        self
    }

    /// A message that the user receives when a peer that had connected to this socket has
    /// disconnected (`ZMQ_DISCONNECT_MSG`); ROUTER, DEALER, PAIR, PULL, SERVER, CLIENT, PEER,
    /// CHANNEL, GATHER. Default `None`.
    #[doc(alias = "ZMQ_DISCONNECT_MSG")]
    #[doc(alias = "DISCONNECT_MSG")]
    #[must_use]
    pub fn disconnect_notice(mut self, message: impl Into<Message>) -> Self {
        self.notices.disconnect_notice = Some(message.into());
        self
    }

    /// Returns the value of [`disconnect_notice`](Options::disconnect_notice).
    #[must_use]
    pub fn get_disconnect_notice(&self) -> Option<&Message> {
        self.notices.disconnect_notice.as_ref()
    }

    /// Removes the [`disconnect_notice`](Options::disconnect_notice).
    #[must_use]
    pub fn without_disconnect_notice(mut self) -> Self {
        self.notices.disconnect_notice = None;
        self
    }

    /// A message that the user receives when the connection to a peer that this socket connected to
    /// is lost (`ZMQ_HICCUP_MSG`); the same types. Default `None`.
    #[doc(alias = "ZMQ_HICCUP_MSG")]
    #[doc(alias = "HICCUP_MSG")]
    #[must_use]
    pub fn hiccup_notice(mut self, message: impl Into<Message>) -> Self {
        self.notices.hiccup_notice = Some(message.into());
        self
    }

    /// Returns the value of [`hiccup_notice`](Options::hiccup_notice).
    #[must_use]
    pub fn get_hiccup_notice(&self) -> Option<&Message> {
        self.notices.hiccup_notice.as_ref()
    }

    /// Removes the [`hiccup_notice`](Options::hiccup_notice).
    #[must_use]
    pub fn without_hiccup_notice(mut self) -> Self {
        self.notices.hiccup_notice = None;
        self
    }
}
