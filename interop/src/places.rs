//! Where the two parties of a case meet: transports, endpoints that nothing else uses, and which of them
//! binds. `rivals` has the same places.

use std::fmt;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

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

/// This library, or its peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Party {
    Ours,
    Theirs,
}

impl Party {
    /// Either party binds, with the words for it in the name of a case.
    pub const BINDS: [(Party, &'static str); 2] =
        [(Party::Ours, "we bind"), (Party::Theirs, "they bind")];
}

/// The endpoints of one run.
pub struct Endpoints {
    /// For ipc; nothing else uses it.
    directory: PathBuf,
    next: AtomicU32,
}

impl Endpoints {
    pub fn new(directory: PathBuf) -> Self {
        let next = AtomicU32::new(std::process::id().wrapping_mul(97));
        Endpoints { directory, next }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// An endpoint that nothing else uses, for when one party must know it before the other binds.
    ///
    /// The ports lie below those the kernel gives to connecting sockets: a socket that keeps
    /// connecting to a dead port among those can end up connected to itself.
    pub fn unused(&self, transport: Transport) -> String {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            match transport {
                Transport::Ipc => return format!("ipc://{}/{number}", self.directory.display()),
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
