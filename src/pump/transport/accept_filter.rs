//! The user's filter for accepted connections.

use std::io;

use crate::options::{AcceptFilter, Options, PeerAddress};
use crate::sync::catch::quietly;

/// The filter of one listener, as it was when the user bound.
#[derive(Debug)]
pub(super) struct ListenerFilter(Option<AcceptFilter>);

/// A filter, and the peer it is to be called with.
pub(crate) struct Check {
    filter: AcceptFilter,
    peer: PeerAddress,
}

impl ListenerFilter {
    pub(super) fn new(options: &Options) -> ListenerFilter {
        ListenerFilter(options.connections.accept_filter.clone())
    }

    /// The check for a connection, if there is a filter.
    pub(super) fn check(
        &self,
        peer: impl FnOnce() -> io::Result<PeerAddress>,
    ) -> io::Result<Option<Check>> {
        let Some(filter) = self.0.clone() else {
            return Ok(None);
        };
        let peer = peer()?;
        Ok(Some(Check { filter, peer }))
    }
}

impl Check {
    /// `ConnectionRefused` for a peer that the filter rejects. A filter that panics rejects the
    /// peer.
    pub(crate) fn run(self) -> io::Result<()> {
        if quietly(|| self.filter.accepts(&self.peer)) == Ok(true) {
            return Ok(());
        }
        let text = format!("the accept filter does not take {:?}", self.peer);
        Err(io::Error::new(io::ErrorKind::ConnectionRefused, text))
    }
}
