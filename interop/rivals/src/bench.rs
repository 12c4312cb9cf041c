//! What a case is given: the two libraries whose sockets talk, and endpoints that nothing else uses.

use std::error::Error;
use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::Duration;

use zmq_channels::SocketType;

use crate::end::End;
use crate::libraries::node::Node;
use crate::libraries::{Library, Role};

/// How every step of a case ends.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a step that ought to succeed may take before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// What all cases share.
pub struct Setting {
    pub node: Arc<Node>,
    /// A directory of this run alone, for ipc.
    directory: PathBuf,
    next: AtomicU32,
}

impl Setting {
    pub fn start(directory: PathBuf) -> Outcome<Self> {
        Ok(Setting {
            node: Arc::new(Node::start()?),
            directory,
            next: AtomicU32::new(std::process::id().wrapping_mul(97)),
        })
    }

    pub fn versions(&self) -> String {
        let peers = "omq-tokio 0.33.0, rzmq 0.5.28, zeromq 0.7.0 (crates)";
        format!("peers: {peers}, {}", self.node.version())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Ipc,
}

impl Transport {
    pub const ALL: [Transport; 2] = [Transport::Tcp, Transport::Ipc];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
        })
    }
}

/// Which end does something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Who {
    We,
    They,
}

impl Who {
    /// Either end binds, with the words for it in the name of a case.
    pub const BINDS: [(Who, &'static str); 2] = [(Who::We, "we bind"), (Who::They, "they bind")];
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
    ///
    /// The ports lie below those the kernel gives to connecting sockets: a socket that keeps
    /// connecting to a dead port among those can end up connected to itself.
    pub fn endpoint(&self, transport: Transport) -> String {
        loop {
            let number = self.setting.next.fetch_add(1, Ordering::Relaxed);
            match transport {
                Transport::Ipc => {
                    return format!("ipc://{}/{number}", self.setting.directory.display())
                }
                Transport::Tcp => {
                    let port = 12_000 + number % 20_000;
                    if TcpListener::bind(("127.0.0.1", port as u16)).is_ok() {
                        return format!("tcp://127.0.0.1:{port}");
                    }
                }
            }
        }
    }
}
