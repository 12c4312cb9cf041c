//! What a case is given: the two libraries whose sockets talk, and endpoints that nothing else uses.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zmq_channels::SocketType;

use crate::end::End;
use crate::libraries::node::Node;
use crate::libraries::{Library, Role};
use crate::places::Endpoints;
pub use crate::places::{Party, Transport};

/// How every step of a case ends.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a step that ought to succeed may take before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// What all cases share.
pub struct Setting {
    pub node: Arc<Node>,
    endpoints: Endpoints,
}

impl Setting {
    pub fn start(directory: PathBuf) -> Outcome<Self> {
        Ok(Setting {
            node: Arc::new(Node::start()?),
            endpoints: Endpoints::new(directory),
        })
    }

    pub fn versions(&self) -> String {
        let peers = "omq-tokio 0.33.0, rzmq 0.5.28, zeromq 0.7.0 (crates)";
        format!("peers: {peers}, {}", self.node.version())
    }
}

/// The bench one case works at.
pub struct Bench {
    pub setting: Arc<Setting>,
    /// The library, or what stands in for it in a control.
    pub near: Library,
    pub far: Library,
}

impl Bench {
    /// A socket of the library for a partner of that type.
    pub fn near(&self, kind: SocketType, partner: SocketType, role: &Role) -> Outcome<End> {
        End::open(self.near, &self.setting, kind, partner, role)
    }

    /// A socket of the peer.
    pub fn far(&self, kind: SocketType, partner: SocketType, role: &Role) -> Outcome<End> {
        End::open(self.far, &self.setting, kind, partner, role)
    }

    /// An endpoint that nothing else uses.
    pub fn endpoint(&self, transport: Transport) -> String {
        self.setting.endpoints.unused(transport)
    }
}
