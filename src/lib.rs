#![doc = include_str!("../README.md")]

mod authenticator;
mod clock;
mod codec;
mod context;
#[cfg(feature = "curve")]
mod curve;
mod driver;
mod endpoint;
mod error;
mod event;
#[cfg(feature = "curve")]
mod keygen;
mod kind;
mod message;
mod monitor;
mod options;
mod pattern;
mod peer_info;
mod port;
mod proxy;
mod pump;
mod register;
mod request;
mod routing_id;
mod security;
mod select;
mod socket;
mod socket_type;
mod statistics;
mod storage;
mod sync;
mod waiting;
mod wire;
pub mod z85;

pub use authenticator::{
    AuthenticationRequest, AuthenticationRequests, Authenticator, AuthenticatorError,
};
pub use codec::{Codec, MapReceiver, MapSender, TypedReceiver, TypedSender};
pub use context::{Context, ContextOptions};
#[cfg(feature = "curve")]
pub use curve::{CurveKey, CurveKeyError, CurveKeypair, CurveSecretKey};
pub use endpoint::Endpoint;
pub use error::{
    BindError, ConfigureError, ConnectError, ContextError, DetachError, EndpointError,
    EndpointFault, GroupError, MonitorError, PumpFailure, RecvError, RecvTimeoutError, Refusal,
    RegisterError, RequestError, RequestTimeoutError, SelectError, SendError, SendTimeoutError,
    SocketError, StatisticsError, SubscribeError, TryRecvError, TrySendError, TypedRecvError,
    TypedSendError, WaitError, WaitTimeoutError,
};
pub use event::{DisconnectReason, Event, EventKind, EventSet, PeerIdentity, SystemError};
pub use kind::{
    Addresses, Any, Channel, Client, Dealer, Dish, Gather, Joins, Kind, Pair, Peer, Pub, Publishes,
    Pull, Push, Radio, Receives, Rep, Req, Router, Scatter, Sends, Server, Stream, Sub, Subscribes,
    Topical, Typed, XPub, XSub,
};
pub use message::{Frame, Message, XPubEvent, INLINE_CAPACITY};
pub use monitor::{Events, Monitor, MonitorOptions};
pub use options::{
    AcceptFilter, Linger, ManualSubscriptions, Notify, Options, Overflow, PeerAddress,
    ReconnectStop, SocksProxy, TcpKeepalive, Verbosity, ZmtpVersion,
};
pub use peer_info::PeerInfo;
pub use port::{
    Drain, IntoIter, Iter, Receiver, RecvFuture, RecvManyFuture, RecvRequestFuture,
    RecvRequestTimeoutFuture, RecvTimeoutFuture, Request, RequestFuture, RequestTimeoutFuture,
    Requests, RequestsIntoIter, RequestsIter, SendFuture, SendTimeoutFuture, Sender, Unanswered,
    WeakReceiver, WeakSender,
};
pub use proxy::{Proxy, ProxyError, ProxyStatistics, ProxyTraffic};
pub use pump::{BoundListener, Closed};
pub use register::{Ended, Registration};
pub use routing_id::{RoutingId, RoutingIdError};
pub use security::{AuthenticatorFault, Credentials, Mechanism, Security};
pub use select::{Select, Selected, Token};
pub use socket::Socket;
pub use socket_type::{SocketType, UnknownSocketType};
pub use statistics::{DropReason, Dropped, PeerStatistics, Statistics};
