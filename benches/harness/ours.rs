//! This library: a thread sends, a thread receives, one message per call, everything at its
//! defaults but the high-water marks. Or it takes what there is at once: `recv_many`.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context as TaskContext, Poll, Waker};

use zmq_channels::{
    Any, Context, ContextOptions, Message, Options, Receiver, Req, Sender, Socket, SocketType,
};

use crate::harness::cell::Terms;
use crate::harness::meter::{Load, Trips};
use crate::harness::{run_ready, Kind, Library, Place, Port};

/// The same in every package of this repository that measures it.
pub(crate) const VERSION: &str = "0.1.0";

/// Plain threads.
#[derive(Clone, Copy)]
pub(crate) struct Ours {
    pub(crate) name: &'static str,
    /// Whether it receives in batches.
    pub(crate) batches: bool,
    /// The settings of its context.
    pub(crate) settings: Settings,
}

/// Gives the settings of a context; all peers of a process have the same.
pub(crate) type Settings = fn() -> ContextOptions;

impl Library for Ours {
    type Port = Blocking;

    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn cannot(&self, _: &Terms) -> Option<&'static str> {
        None
    }

    async fn open(self, kind: Kind, place: &Place) -> Blocking {
        Blocking {
            handles: Handles::open(kind, place, self.settings),
            batches: self.batches,
            batch: Vec::new(),
            waiting: VecDeque::new(),
            message: Message::new(),
        }
    }

    fn run(&self, _: &Place, life: impl Future<Output = ()> + Send + 'static) {
        run_ready(life);
    }

    /// A window of [`request`](Socket::request)s, the oldest of which is waited for.
    fn requests(&self, place: &Place, mut trips: Trips) {
        let req = context(self.settings)
            .socket_with::<Req>(options(place, SocketType::Req))
            .expect("a socket");
        req.connect(&place.endpoints[0]).expect("connect");
        let mut under_way = VecDeque::new();
        loop {
            while under_way.len() < place.count {
                let mut request = Box::pin(req.request(trips.request()));
                // The first poll sends it, and may even find the reply.
                let mut context = TaskContext::from_waker(Waker::noop());
                under_way.push_back(match request.as_mut().poll(&mut context) {
                    Poll::Ready(reply) => Asked::Replied(reply),
                    Poll::Pending => Asked::Waiting(request),
                });
            }
            let Some(oldest) = under_way.pop_front() else {
                return;
            };
            let reply = match oldest {
                Asked::Replied(reply) => reply,
                Asked::Waiting(request) => block_on(request),
            };
            match reply {
                Ok(reply) if trips.reply(&reply[0]) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// A request under way.
enum Asked<F: Future> {
    Waiting(Pin<Box<F>>),
    Replied(F::Output),
}

/// Parks the thread until a future is ready.
fn block_on<F: Future>(mut future: Pin<Box<F>>) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = TaskContext::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

/// A socket and its two ends, of which it may lack one.
pub(crate) struct Handles {
    pub(crate) socket: Socket<Any>,
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Option<Receiver>,
}

impl Handles {
    pub(crate) fn open(kind: Kind, place: &Place, settings: Settings) -> Handles {
        let kind = match kind {
            Kind::Push => SocketType::Push,
            Kind::Pull => SocketType::Pull,
            Kind::Req => SocketType::Req,
            Kind::Rep => SocketType::Rep,
            Kind::Dealer => SocketType::Dealer,
            Kind::Router => SocketType::Router,
            Kind::Pub => SocketType::Pub,
            Kind::Sub => SocketType::Sub,
        };
        let socket = context(settings)
            .socket_of(kind, options(place, kind))
            .expect("a socket");
        Handles {
            sender: socket.sender(),
            receiver: socket.receiver(),
            socket,
        }
    }

    pub(crate) fn share(&self) -> Handles {
        Handles {
            socket: self.socket.clone(),
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
        }
    }

    #[inline]
    pub(crate) fn sender(&self) -> &Sender {
        self.sender.as_ref().expect("a kind that sends")
    }

    #[inline]
    pub(crate) fn receiver(&self) -> &Receiver {
        self.receiver.as_ref().expect("a kind that receives")
    }
}

/// A message of that many parts of the load.
pub(crate) fn message_of(load: &mut Load, parts: usize) -> Message {
    let mut message = Message::new();
    for _ in 0..parts {
        message.push_back(load.next());
    }
    message
}

/// The blocking calls.
pub(crate) struct Blocking {
    handles: Handles,
    batches: bool,
    batch: Vec<Message>,
    waiting: VecDeque<Message>,
    message: Message,
}

impl Blocking {
    fn recv_in_batches(&mut self, most: usize) -> bool {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.message = message;
                return true;
            }
            let receiver = self.handles.receiver();
            if receiver.recv_many_blocking(&mut self.batch, most).is_err() {
                return false;
            }
            self.waiting.extend(self.batch.drain(..));
        }
    }
}

/// As many as one call brings.
const BATCH: usize = 1000;

impl Port for Blocking {
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
        self.handles.sender().send_blocking(bytes).is_ok()
    }

    async fn send_parts(&mut self, load: &mut Load, parts: usize) -> bool {
        let message = message_of(load, parts);
        self.handles.sender().send_blocking(message).is_ok()
    }

    #[inline]
    async fn recv(&mut self) -> bool {
        if self.batches {
            return self.recv_in_batches(BATCH);
        }
        match self.handles.receiver().recv_blocking() {
            Ok(message) => {
                self.message = message;
                true
            }
            Err(_) => false,
        }
    }

    async fn send_back(&mut self) -> bool {
        let message = std::mem::take(&mut self.message);
        self.handles.sender().send_blocking(message).is_ok()
    }

    #[inline]
    fn parts(&self) -> usize {
        self.message.len()
    }

    #[inline]
    fn part(&self, index: usize) -> &[u8] {
        &self.message[index]
    }

    fn share(&self) -> Blocking {
        Blocking {
            handles: self.handles.share(),
            batches: self.batches,
            batch: Vec::new(),
            waiting: VecDeque::new(),
            message: Message::new(),
        }
    }
}

/// One for the process: inproc peers must share it.
fn context(settings: Settings) -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(|| Context::with_options(settings()).expect("a context"))
}

fn options(place: &Place, kind: SocketType) -> Options {
    // As every library that has it.
    Options::new()
        .high_water_marks(place.high_water_mark)
        .xpub_no_drop(kind == SocketType::Pub)
}
