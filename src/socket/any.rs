//! Sockets whose type is chosen at run time.

use crate::kind::Any;
use crate::port::{Receiver, Sender};
use crate::socket::Socket;

impl Socket<Any> {
    /// The socket's `in`, if its type sends.
    #[must_use]
    pub fn sender(&self) -> Option<Sender> {
        self.sender.clone()
    }

    /// The socket's `out`, if its type receives.
    #[must_use]
    pub fn receiver(&self) -> Option<Receiver> {
        self.receiver.clone()
    }
}
