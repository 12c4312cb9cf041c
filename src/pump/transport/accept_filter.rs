//! Which peers a listener takes: the user's filter, called right after the accept.

use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::options::{AcceptFilter, Options, PeerAddress};

/// The filter of one listener, as it was when the user bound.
#[derive(Debug)]
pub(super) struct ListenerFilter(Option<AcceptFilter>);

impl ListenerFilter {
    pub(super) fn new(options: &Options) -> ListenerFilter {
        ListenerFilter(options.accept_filter.clone())
    }

    /// `ConnectionRefused` for a peer that the filter does not take. A filter that panics
    /// takes no peer: the panic must not end the pump.
    pub(super) fn admit(&self, peer: impl FnOnce() -> PeerAddress) -> io::Result<()> {
        let Some(filter) = &self.0 else {
            return Ok(());
        };
        let peer = peer();
        let accepts = AssertUnwindSafe(|| filter.accepts(&peer));
        if catch_unwind(accepts).unwrap_or(false) {
            return Ok(());
        }
        let text = format!("the accept filter does not take {peer:?}");
        Err(io::Error::new(io::ErrorKind::ConnectionRefused, text))
    }
}
