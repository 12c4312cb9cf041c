//! What a case is given: peers of the libzmq it asks for, endpoints that nothing else uses, contexts
//! of the library. And how one ends that hangs.

use std::cell::RefCell;
use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use zmq_channels::Context;

use crate::peer::{Nursery, Peer, Process};
use crate::places::Endpoints;
pub use crate::places::{Party, Transport};

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
    endpoints: Endpoints,
}

impl Setting {
    pub fn new(nurseries: Vec<Arc<Nursery>>, directory: PathBuf) -> Self {
        Setting {
            nurseries,
            endpoints: Endpoints::new(directory),
        }
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
        let peer = Peer::start(nursery, self.setting.endpoints.directory())?;
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

    /// An endpoint that nothing else uses, for when one party must know it before the other binds.
    pub fn endpoint(&self, transport: Transport) -> String {
        self.setting.endpoints.unused(transport)
    }

    /// What to bind when the other side learns the endpoint afterwards.
    pub fn wildcard(&self, transport: Transport) -> String {
        match transport {
            Transport::Tcp => "tcp://127.0.0.1:*".to_string(),
            Transport::Ipc => self.endpoint(Transport::Ipc),
        }
    }
}
