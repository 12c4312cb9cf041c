//! The handle of a socket itself, which holds it open, and code common to all handles.

use std::fmt;
use std::sync::Arc;

use crate::port::handles::Kind;
use crate::port::shared::{Ports, PortsSetup};

/// Holds a socket open as its own handle does, whether it sends or receives.
pub(crate) struct Holder(Arc<Ports>);

impl Holder {
    pub(crate) fn ports(&self) -> &Arc<Ports> {
        &self.0
    }
}

impl Ports {
    /// Creates the ports of a new socket, and its first handle.
    pub(crate) fn open(setup: PortsSetup) -> (Arc<Ports>, Holder) {
        let ports = Arc::new(Ports::new(setup));
        let holder = Holder(Arc::clone(&ports));
        (ports, holder)
    }
}

impl Clone for Holder {
    fn clone(&self) -> Self {
        self.0.enter(Kind::Holder);
        Holder(Arc::clone(&self.0))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.leave(Kind::Holder);
    }
}

pub(crate) fn describe(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    len: usize,
    capacity: Option<usize>,
    closed: bool,
) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &len)
        .field("capacity", &capacity)
        .field("closed", &closed)
        .finish()
}
