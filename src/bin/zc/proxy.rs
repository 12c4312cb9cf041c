//! `zc proxy`: messages between two sockets, in both directions.

use clap::{Args, ValueEnum};
use zmq_channels::{Any, Context, Options, Overflow, Proxy, Socket, SocketType};

use crate::exit::{say, Failure, Outcome};
use crate::progress::{Progress, Tally};
use crate::reach::Reach;
use crate::run::{Job, Runner, Terms};
use crate::sockets;

/// A proxy, as libzmq's zmq_proxy.
///
/// Binds both endpoints and forwards whole messages until it is interrupted; what it has forwarded is
/// told on standard error at the end.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Where clients, publishers or pushers are
    #[arg(value_name = "FRONT")]
    front: String,
    /// Where services, subscribers or pullers are
    #[arg(value_name = "BACK")]
    back: String,
    /// Which types of sockets the two are
    #[arg(short, long, value_enum, default_value_t)]
    pattern: Pattern,
    /// Connect the front instead of binding it, as towards a publisher that is bound
    #[arg(long)]
    connect_front: bool,
    /// Connect the back instead of binding it
    #[arg(long)]
    connect_back: bool,
    /// Bind a PUB socket here that publishes a copy of every message
    #[arg(long, value_name = "ENDPOINT")]
    capture: Option<String>,
    /// High-water marks of both sockets, in messages; 0 for none. Default: 1000
    #[arg(long, value_name = "N")]
    hwm: Option<usize>,
    /// Tell on standard error what happens to the connections
    #[arg(short, long)]
    verbose: bool,
}

/// Two types of sockets that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Pattern {
    /// ROUTER and DEALER: requests of many clients to many services
    #[default]
    Queue,
    /// XSUB and XPUB: topics of many publishers to many subscribers
    Forwarder,
    /// PULL and PUSH: tasks of many producers to many workers
    Streamer,
    /// PAIR and PAIR
    Pair,
}

impl Pattern {
    fn types(self) -> (SocketType, SocketType) {
        match self {
            Pattern::Queue => (SocketType::Router, SocketType::Dealer),
            Pattern::Forwarder => (SocketType::XSub, SocketType::XPub),
            Pattern::Streamer => (SocketType::Pull, SocketType::Push),
            Pattern::Pair => (SocketType::Pair, SocketType::Pair),
        }
    }
}

/// `zc proxy`.
pub(crate) fn run(arguments: &ProxyArgs) -> Outcome {
    let context = Context::new();
    let reach = Reach {
        hwm: arguments.hwm,
        verbose: arguments.verbose,
        ..Reach::default()
    };
    let (front_type, back_type) = arguments.pattern.types();
    let front = sockets::open(&context, front_type, &reach, Options::new())?;
    let back = sockets::open(&context, back_type, &reach, Options::new())?;
    let runner = Runner::new(&context)?;
    let proxy = match &arguments.capture {
        None => Proxy::start(&front, &back),
        Some(endpoint) => {
            let options = Options::new().send_overflow(Overflow::DropNewest);
            let capture = sockets::open(&context, SocketType::Pub, &Reach::default(), options)?;
            sockets::bind(&capture, endpoint)?;
            Proxy::start_with_capture(&front, &back, &capture)
        }
    };
    let proxy = proxy.map_err(|error| Failure::because(&error))?;
    attach(&front, &arguments.front, arguments.connect_front)?;
    attach(&back, &arguments.back, arguments.connect_back)?;
    // It ends with the context, after a signal.
    let forward = Job::new(true, move || {
        let total = proxy.wait_blocking();
        let (forth, back) = (total.forth, total.back);
        say(&format!(
            "forwarded {} messages ({} bytes) forth, {} ({} bytes) back",
            forth.messages, forth.bytes, back.messages, back.bytes
        ));
        Ok(())
    });
    let terms = Terms {
        is_endless: true,
        linger: None,
        progress: Progress::new(Tally::default(), false, true),
    };
    runner.run(vec![forward], terms)
}

fn attach(socket: &Socket<Any>, endpoint: &str, connects: bool) -> Outcome {
    match connects {
        true => sockets::connect(socket, endpoint),
        false => sockets::bind(socket, endpoint),
    }
}
