//! What a socket of any type is to do, made from the command line of its type.

use zmq_channels::SocketType;

use crate::args::{
    Common, JoinArgs, NamedArgs, PublishArgs, ReceiveArgs, Reply, ReplyArgs, SendArgs, Sending,
    SocketCommand, SubscribeArgs, SubscribeExchangeArgs,
};

/// What a socket is to do, whichever its type.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) socket_type: SocketType,
    pub(crate) common: Common,
    pub(crate) sending: Sending,
    pub(crate) reply: Reply,
    pub(crate) subscribe: Vec<String>,
    pub(crate) join: Vec<String>,
    pub(crate) routing_id: Option<String>,
    pub(crate) wait_subscribed: Option<usize>,
}

impl Plan {
    /// What the command asks for.
    pub(crate) fn of(command: SocketCommand) -> Plan {
        use SocketType::*;
        match command {
            SocketCommand::Push(args) => Plan::send(Push, args),
            SocketCommand::Scatter(args) => Plan::send(Scatter, args),
            SocketCommand::Pair(args) => Plan::send(Pair, args),
            SocketCommand::Stream(args) => Plan::send(Stream, args),
            SocketCommand::Server(args) => Plan::send(Server, args),
            SocketCommand::Client(args) => Plan::send(Client, args),
            SocketCommand::Peer(args) => Plan::send(Peer, args),
            SocketCommand::Channel(args) => Plan::send(Channel, args),
            SocketCommand::Pull(args) => Plan::receive(Pull, args),
            SocketCommand::Gather(args) => Plan::receive(Gather, args),
            SocketCommand::Pub(args) => Plan::publish(Pub, args),
            SocketCommand::XPub(args) => Plan::publish(XPub, args),
            SocketCommand::Radio(args) => Plan::publish(Radio, args),
            SocketCommand::Req(args) => Plan::named(Req, args),
            SocketCommand::Dealer(args) => Plan::named(Dealer, args),
            SocketCommand::Router(args) => Plan::named(Router, args),
            SocketCommand::Sub(SubscribeArgs { common, topics }) => Plan {
                subscribe: topics.subscribe,
                ..Plan::new(Sub, common)
            },
            SocketCommand::XSub(SubscribeExchangeArgs { send, topics }) => Plan {
                subscribe: topics.subscribe,
                ..Plan::send(XSub, send)
            },
            SocketCommand::Dish(JoinArgs { common, join }) => Plan {
                join,
                ..Plan::new(Dish, common)
            },
            SocketCommand::Rep(ReplyArgs { common, reply }) => Plan {
                reply,
                ..Plan::new(Rep, common)
            },
        }
    }

    fn new(socket_type: SocketType, common: Common) -> Plan {
        Plan {
            socket_type,
            common,
            sending: Sending::default(),
            reply: Reply::default(),
            subscribe: Vec::new(),
            join: Vec::new(),
            routing_id: None,
            wait_subscribed: None,
        }
    }

    fn send(socket_type: SocketType, SendArgs { common, sending }: SendArgs) -> Plan {
        Plan {
            sending,
            ..Plan::new(socket_type, common)
        }
    }

    fn receive(socket_type: SocketType, ReceiveArgs { common }: ReceiveArgs) -> Plan {
        Plan::new(socket_type, common)
    }

    fn publish(socket_type: SocketType, PublishArgs { send, subscribers }: PublishArgs) -> Plan {
        Plan {
            wait_subscribed: subscribers.wait_subscribed,
            ..Plan::send(socket_type, send)
        }
    }

    fn named(socket_type: SocketType, NamedArgs { send, name }: NamedArgs) -> Plan {
        Plan {
            routing_id: name.routing_id,
            ..Plan::send(socket_type, send)
        }
    }
}
