//! Whether a socket can send or receive without waiting.

use std::future::Future;
use std::time::Duration;

#[cfg(unix)]
pub use self::descriptor::{Readiness, ReadinessFd};
use crate::kind::{Kind, Receives, Sends};
use crate::port::{deadline_after as after, Call, ReadyFuture, ReadyTimeoutFuture};
use crate::socket::Socket;

impl<K: Kind> Socket<K> {
    /// Like [`Receiver::readable`](crate::Receiver::readable).
    pub fn readable(&self) -> impl Future<Output = ()> + Send + Unpin + '_
    where
        K: Receives,
    {
        ReadyFuture::new(self.ports(), Call::Recv)
    }

    /// Like [`Receiver::readable_blocking`](crate::Receiver::readable_blocking).
    pub fn readable_blocking(&self)
    where
        K: Receives,
    {
        ReadyFuture::new(self.ports(), Call::Recv).block(None);
    }

    /// Like [`Receiver::readable_timeout`](crate::Receiver::readable_timeout).
    pub fn readable_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + Unpin + '_
    where
        K: Receives,
    {
        let ready = ReadyFuture::new(self.ports(), Call::Recv);
        ReadyTimeoutFuture::new(ready, after(timeout))
    }

    /// Like [`Receiver::readable_timeout_blocking`](crate::Receiver::readable_timeout_blocking).
    #[must_use]
    pub fn readable_timeout_blocking(&self, timeout: Duration) -> bool
    where
        K: Receives,
    {
        ReadyFuture::new(self.ports(), Call::Recv).block(after(timeout))
    }

    /// Like [`Receiver::is_readable`](crate::Receiver::is_readable).
    #[must_use]
    pub fn is_readable(&self) -> bool
    where
        K: Receives,
    {
        ReadyFuture::new(self.ports(), Call::Recv).is_ready()
    }
}

impl<K: Kind> Socket<K> {
    /// Like [`Sender::writable`](crate::Sender::writable).
    pub fn writable(&self) -> impl Future<Output = ()> + Send + Unpin + '_
    where
        K: Sends,
    {
        ReadyFuture::new(self.ports(), Call::Send)
    }

    /// Like [`Sender::writable_blocking`](crate::Sender::writable_blocking).
    pub fn writable_blocking(&self)
    where
        K: Sends,
    {
        ReadyFuture::new(self.ports(), Call::Send).block(None);
    }

    /// Like [`Sender::writable_timeout`](crate::Sender::writable_timeout).
    pub fn writable_timeout(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = bool> + Send + Unpin + '_
    where
        K: Sends,
    {
        let ready = ReadyFuture::new(self.ports(), Call::Send);
        ReadyTimeoutFuture::new(ready, after(timeout))
    }

    /// Like [`Sender::writable_timeout_blocking`](crate::Sender::writable_timeout_blocking).
    #[must_use]
    pub fn writable_timeout_blocking(&self, timeout: Duration) -> bool
    where
        K: Sends,
    {
        ReadyFuture::new(self.ports(), Call::Send).block(after(timeout))
    }

    /// Like [`Sender::is_writable`](crate::Sender::is_writable).
    #[must_use]
    pub fn is_writable(&self) -> bool
    where
        K: Sends,
    {
        ReadyFuture::new(self.ports(), Call::Send).is_ready()
    }
}

#[cfg(unix)]
mod descriptor;
