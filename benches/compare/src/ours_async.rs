//! This library from async code: the same sockets, awaited, on each of three runtimes.

use std::future::Future;

use zmq_channels::Message;

use crate::harness::cell::Terms;
use crate::harness::meter::Load;
use crate::harness::{Kind, Library, Place, Port, Row};
use crate::ours::{message_of, Handles, Settings, VERSION};
use crate::runtime::Flavour;

/// Who polls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runtime {
    /// With the flavour that the other tokio contenders get, or one of them.
    Tokio(Flavour),
    Smol,
    AsyncStd,
}

/// The contender.
#[derive(Clone, Copy)]
pub(crate) struct OursAsync {
    pub(crate) name: &'static str,
    pub(crate) runtime: Runtime,
    /// The settings of its context.
    pub(crate) settings: Settings,
}

impl Library for OursAsync {
    type Port = Awaiting;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn cannot(&self, terms: &Terms) -> Option<&'static str> {
        match terms.row {
            Row::ReqRep if terms.count > 1 => Some("measured as 'ours'"),
            _ => None,
        }
    }

    async fn open(self, kind: Kind, place: &Place) -> Awaiting {
        Awaiting {
            handles: Handles::open(kind, place, self.settings),
            message: Message::new(),
        }
    }

    fn run(&self, place: &Place, life: impl Future<Output = ()> + Send + 'static) {
        match self.runtime {
            Runtime::Tokio(flavour) => flavour.run(place, life),
            Runtime::Smol => smol::block_on(life),
            Runtime::AsyncStd => async_std::task::block_on(life),
        }
    }
}

/// The async calls.
pub(crate) struct Awaiting {
    handles: Handles,
    message: Message,
}

impl Port for Awaiting {
    async fn bind(&mut self, endpoint: &str) {
        self.handles.socket.bind(endpoint).expect("bind");
    }

    async fn connect(&mut self, endpoint: &str) {
        self.handles.socket.connect(endpoint).expect("connect");
    }

    async fn subscribe(&mut self, prefix: &[u8]) {
        self.handles.socket.subscribe(prefix).expect("subscribe");
    }

    #[inline]
    async fn send(&mut self, bytes: &[u8]) -> bool {
        self.handles.sender().send(bytes).await.is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        let message = message_of(load, parts);
        self.handles.sender().send(message).await.is_ok()
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        match self.handles.receiver().recv().await {
            Ok(message) => {
                self.message = message;
                true
            }
            Err(_) => false,
        }
    }

    async fn send_back(&mut self) -> bool {
        let message = std::mem::take(&mut self.message);
        self.handles.sender().send(message).await.is_ok()
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.len()
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        &self.message[index]
    }

    fn share(&self) -> Awaiting {
        Awaiting {
            handles: self.handles.share(),
            message: Message::new(),
        }
    }
}
