//! What a case is given: peers of the libzmq it asks for, endpoints that nothing else uses, contexts
//! of the library. And how one ends that hangs.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zmq_channels::Context;

use crate::peer::{Nursery, Peer, Process};

/// How every step of a case ends.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a step that ought to succeed may take before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long a context may take to shut down. The library promises 100 ms, and its own tests hold
/// it to that; here several cases with messages of 10 MiB share two processors.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(3);

/// What all cases share.
pub struct Setting {
    /// One for each libzmq.
    pub nurseries: Vec<Arc<Nursery>>,
    /// A directory of this run alone, for ipc.
    pub directory: PathBuf,
    next: AtomicU32,
}

impl Setting {
    pub fn new(nurseries: Vec<Arc<Nursery>>, directory: PathBuf) -> Self {
        let next = AtomicU32::new(std::process::id().wrapping_mul(97));
        Setting {
            nurseries,
            directory,
            next,
        }
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

/// Which end does something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Ours,
    Theirs,
}

impl End {
    /// Either end binds, with the words for it in the name of a case.
    pub const BINDS: [(End, &'static str); 2] =
        [(End::Ours, "we bind"), (End::Theirs, "they bind")];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
        })
    }
}

/// The bench one case works at.
pub struct Bench {
    setting: Arc<Setting>,
    children: Children,
    contexts: RefCell<Vec<Context>>,
}

/// The processes a case has started, so that its time limit can end them.
pub type Children = Arc<Mutex<Vec<Process>>>;

impl Bench {
    pub fn new(setting: Arc<Setting>, children: Children) -> Self {
        Bench {
            setting,
            children,
            contexts: RefCell::default(),
        }
    }

    /// A new process with that libzmq.
    pub fn peer(&self, version: &str) -> Outcome<Rc<Peer>> {
        let nursery = self
            .setting
            .nurseries
            .iter()
            .find(|nursery| nursery.version() == version)
            .ok_or_else(|| format!("no libzmq {version} was given"))?;
        let peer = Peer::start(nursery, &self.setting.directory)?;
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(peer.process());
        Ok(Rc::new(peer))
    }

    /// A context of the library.
    pub fn context(&self) -> Context {
        let context = Context::new();
        self.contexts.borrow_mut().push(context.clone());
        context
    }

    /// Shuts down what the case has left open, which must not take long.
    pub fn finish(self) -> Outcome {
        for context in self.contexts.into_inner() {
            let started = Instant::now();
            context.shutdown();
            let took = started.elapsed();
            if took > SHUTDOWN_LIMIT {
                return Err(format!("shutting the context down took {took:?}").into());
            }
        }
        Ok(())
    }

    /// An endpoint that nothing else uses, for when one side must know it before the other binds.
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

    /// What to bind when the other side learns the endpoint afterwards.
    pub fn wildcard(&self, transport: Transport) -> String {
        match transport {
            Transport::Tcp => "tcp://127.0.0.1:*".to_string(),
            Transport::Ipc => self.endpoint(Transport::Ipc),
        }
    }
}
