//! The arguments of sockets, by their types.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::duration;
use crate::formats::Format;
use crate::reach::Reach;

/// A socket to send and receive with.
#[derive(Debug, Subcommand)]
pub(crate) enum SocketCommand {
    /// Deal messages out to PULL peers
    Push(SendArgs),
    /// Receive from PUSH peers
    Pull(ReceiveArgs),
    /// Publish to SUB peers
    Pub(PublishArgs),
    /// Receive what PUB peers publish
    Sub(SubscribeArgs),
    /// Ask REP peers, and print each reply
    Req(NamedArgs),
    /// Answer the requests of REQ peers
    Rep(ReplyArgs),
    /// Send to and receive from one peer
    Pair(SendArgs),
    /// Deal messages out to, and receive from, ROUTER, REP and DEALER peers
    Dealer(NamedArgs),
    /// Receive from, and send to, peers by their routing ids
    Router(NamedArgs),
    /// Publish, and print the subscriptions of peers
    #[command(name = "xpub")]
    XPub(PublishArgs),
    /// Receive what is published, and send to publishers
    #[command(name = "xsub")]
    XSub(SubscribeExchangeArgs),
    /// Exchange bytes with peers that speak plain TCP
    Stream(SendArgs),
    /// Receive from, and send to, CLIENT peers by their routing ids
    Server(SendArgs),
    /// Send to and receive from SERVER peers
    Client(SendArgs),
    /// Send to the DISH peers in a group
    Radio(PublishArgs),
    /// Receive what RADIO peers send to groups
    Dish(JoinArgs),
    /// Deal messages of one frame out to GATHER peers
    Scatter(SendArgs),
    /// Receive from SCATTER peers
    Gather(ReceiveArgs),
    /// Exchange messages with other PEER sockets, by their routing ids
    Peer(SendArgs),
    /// Exchange messages of one frame with one peer
    Channel(SendArgs),
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) sending: Sending,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    #[command(flatten)]
    pub(crate) subscribers: Subscribers,
}

#[derive(Debug, Args)]
pub(crate) struct SubscribeArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) topics: Topics,
}

#[derive(Debug, Args)]
pub(crate) struct JoinArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Join this group; may be given several times
    #[arg(
        short,
        long = "join",
        value_name = "GROUP",
        allow_hyphen_values = true,
        required = true
    )]
    pub(crate) join: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    #[command(flatten)]
    pub(crate) name: Name,
}

#[derive(Debug, Args)]
pub(crate) struct SubscribeExchangeArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    #[command(flatten)]
    pub(crate) topics: Topics,
}

#[derive(Debug, Args)]
pub(crate) struct ReplyArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) reply: Reply,
}

/// Where a REP takes its replies from.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Reply {
    /// Reply with this text; given several times, with a message of that many frames. Without it
    /// and the two below, requests are printed and replies read from standard input
    #[arg(short, long = "reply", value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) reply: Vec<String>,
    /// Reply with the request itself
    #[arg(long)]
    pub(crate) echo: bool,
    /// Reply with what this shell command prints, read as --format says; it gets the request on standard
    /// input, written as --format says. Where it fails, the reply is empty
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The routing id by which ROUTER peers know this socket (ZMQ_ROUTING_ID); \xHH stands for a byte
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub(crate) routing_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Subscribers {
    /// Send nothing before this number of peers have subscribed
    #[arg(long, value_name = "N")]
    pub(crate) wait_subscribed: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Topics {
    /// Subscribe to what starts with this, in the first frame; may be given several times. Without
    /// it, to everything
    #[arg(
        short,
        long = "subscribe",
        value_name = "PREFIX",
        allow_hyphen_values = true
    )]
    pub(crate) subscribe: Vec<String>,
}

/// What all sockets have.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// How messages are written and read
    #[arg(short, long, value_enum, default_value_t, hide_default_value = false)]
    pub(crate) format: Format,
    /// End after this number of messages: those that were received, or for sockets that only send
    /// those that were sent
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Begin when this number of peers are connected
    #[arg(long, value_name = "N")]
    pub(crate) wait_connected: Option<usize>,
    /// Show progress on standard error, even if that is no terminal
    #[arg(long)]
    pub(crate) progress: bool,
}

/// Where messages come from, and how fast.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Sending {
    /// Send this text instead of standard input; given several times, a message of that many frames.
    /// It is sent once; with --rate or --interval, or by a socket that only sends or asks with --count, again
    /// and again
    #[arg(
        short,
        long = "message",
        value_name = "TEXT",
        allow_hyphen_values = true,
        allow_hyphen_values = true
    )]
    pub(crate) message: Vec<String>,
    /// Send what is in this file, - for standard input; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    pub(crate) file: Vec<PathBuf>,
    /// Send at most this number of messages a second
    #[arg(long, value_name = "N", value_parser = duration::parse_rate, conflicts_with = "interval")]
    pub(crate) rate: Option<Duration>,
    /// Send a message each TIME, such as 500ms
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) interval: Option<Duration>,
}
