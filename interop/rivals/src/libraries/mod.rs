//! The libraries whose sockets talk to each other.

pub mod node;
mod omq;
mod ours;
mod runtime;
mod rzmq;
mod zeromq;

use std::fmt;

use zmq_channels::SocketType;

use crate::bench::{Outcome, Setting};
use crate::end::Side;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Ours,
    Zeromq,
    Rzmq,
    /// With `AUTO_DELIMITER` as it is by default.
    RzmqByDefault,
    Omq,
    /// libzmq with its draft types, through Node.js.
    Node,
}

/// What a socket is in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// NULL.
    Open,
    Server(Mechanism),
    Client(Mechanism),
    /// A client with the wrong password, or that expects another server.
    WrongClient(Mechanism),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Curve,
}

pub const USERNAME: &str = "admin";
pub const PASSWORD: &str = "password";
pub const WRONG_PASSWORD: &str = "guess";

/// Test keys, in Z85.
pub const SERVER_PUBLIC: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
pub const SERVER_SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
pub const CLIENT_PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
pub const CLIENT_SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";

impl Role {
    /// The password of a client.
    pub fn password(self) -> &'static str {
        match self {
            Role::WrongClient(_) => WRONG_PASSWORD,
            _ => PASSWORD,
        }
    }

    /// The key that a client believes to be the server's.
    pub fn server_key(self) -> &'static str {
        match self {
            // It takes itself for the server.
            Role::WrongClient(_) => CLIENT_PUBLIC,
            _ => SERVER_PUBLIC,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Curve => "CURVE",
        })
    }
}

impl Library {
    pub const PEERS: [Library; 4] = [Library::Omq, Library::Rzmq, Library::Zeromq, Library::Node];

    pub fn name(self) -> &'static str {
        match self {
            Library::Ours => "zmq-channels",
            Library::Zeromq => "zeromq",
            Library::Rzmq | Library::RzmqByDefault => "rzmq",
            Library::Omq => "omq-tokio",
            Library::Node => "node",
        }
    }

    /// Whether it has sockets of that type.
    pub fn has(self, kind: SocketType) -> bool {
        use SocketType::{
            Channel, Client, Dealer, Dish, Gather, Pair, Pub, Pull, Push, Radio, Rep, Req, Router,
            Scatter, Server, Sub, XPub, XSub,
        };
        match kind {
            Req | Rep | Dealer | Router | Push | Pull | Pub | Sub => true,
            XPub | XSub => self != Library::Rzmq,
            Pair => !matches!(self, Library::Rzmq | Library::Zeromq),
            Server | Client | Radio | Dish | Scatter | Gather => {
                !matches!(self, Library::Rzmq | Library::Zeromq)
            }
            Channel => matches!(self, Library::Ours | Library::Omq),
            _ => false,
        }
    }

    pub fn has_security(self) -> bool {
        self != Library::Zeromq
    }

    pub fn open(self, setting: &Setting, kind: SocketType, role: &Role) -> Outcome<Box<dyn Side>> {
        Ok(match self {
            Library::Ours => Box::new(ours::Ours::open(kind, *role)?),
            Library::Zeromq => Box::new(zeromq::Zeromq::open(kind)?),
            Library::Rzmq => Box::new(rzmq::Rzmq::open(kind, *role, false)?),
            Library::RzmqByDefault => Box::new(rzmq::Rzmq::open(kind, *role, true)?),
            Library::Omq => Box::new(omq::Omq::open(kind, *role)?),
            Library::Node => Box::new(node::Theirs::open(&setting.node, kind, *role)?),
        })
    }
}
