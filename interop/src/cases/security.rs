//! PLAIN and CURVE: ours as server and as client of libzmq, with the right and the wrong
//! credentials, judged by their ZAP handler, by ours, and by one of ours written by hand.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use zmq_channels::monitor::{DisconnectReason, EventKind};
use zmq_channels::security::Credentials;
use zmq_channels::{Authenticator, Context, CurveKeypair, Monitor, Options, Security, SocketType};

use crate::bench::{Bench, Outcome, Party, Transport, PATIENCE};
use crate::cases::{case, Case, NEW, OLD, OLDEST};
use crate::conversation::{Pairing, PAIRINGS, ROUTED};
use crate::frames::{show, text, Frames};
use crate::peer::Peer;
use crate::side::{Ours, Side, Theirs};

// The keys in the manual page of zmq_curve.
const CLIENT_PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
const CLIENT_SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
const SERVER_PUBLIC: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const SERVER_SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

/// Where ZAP handlers are bound.
const HANDLER: &str = "inproc://zeromq.zap.01";

/// Long enough for a message that should not come.
const MOMENT: Duration = Duration::from_millis(200);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Plain,
    Curve,
}

const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Curve];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for mechanism in MECHANISMS {
        for version in [NEW, OLD, OLDEST] {
            for transport in Transport::ALL {
                let name =
                    |what: String| format!("security/{version}/{transport}/{mechanism:?}/{what}");
                for pairing in PAIRINGS.into_iter().chain(ROUTED) {
                    for (server, serves) in
                        [(Party::Ours, "we serve"), (Party::Theirs, "they serve")]
                    {
                        for (binder, binds) in Party::BINDS {
                            // A REQ of libzmq that is the server of a mechanism does not hear the
                            // reply, not even from its own kind.
                            if server == Party::Theirs && pairing.theirs == "REQ" {
                                continue;
                            }
                            // Everything with the newest; the others have the same words.
                            if version != NEW && (server == binder) == (transport == Transport::Ipc)
                            {
                                continue;
                            }
                            cases.push(case(
                                name(format!("{pairing}/{serves}, {binds}")),
                                move |bench| {
                                    let stage = Stage {
                                        bench,
                                        version,
                                        transport,
                                        mechanism,
                                        pairing,
                                    };
                                    stage.talk(server, binder)
                                },
                            ));
                        }
                    }
                }
                let push = PAIRINGS[5];
                let pull = PAIRINGS[6];
                let bodies: [(&str, Pairing, Body); 5] = [
                    ("wrong credentials come", pull, |stage| {
                        stage.wrong_ones_come()
                    }),
                    ("wrong credentials go", push, |stage| stage.wrong_ones_go()),
                    ("their judge refuses", push, |stage| {
                        stage.their_judge_refuses()
                    }),
                    ("our judge by hand", pull, |stage| stage.our_judge_by_hand()),
                    ("they come back", pull, |stage| stage.they_come_back()),
                ];
                for (what, pairing, body) in bodies {
                    cases.push(case(name(what.to_owned()), move |bench| {
                        body(&Stage {
                            bench,
                            version,
                            transport,
                            mechanism,
                            pairing,
                        })
                    }));
                }
            }
        }
        for (version, transport) in [(NEW, Transport::Tcp), (OLD, Transport::Ipc)] {
            cases.push(case(
                format!("security/{version}/{transport}/{mechanism:?}/heartbeats"),
                move |bench| {
                    let pairing = PAIRINGS[0];
                    let stage = Stage {
                        bench,
                        version,
                        transport,
                        mechanism,
                        pairing,
                    };
                    stage.heartbeats()
                },
            ));
        }
    }
    cases
}

type Body = fn(&Stage<'_>) -> Outcome;

struct Stage<'a> {
    bench: &'a Bench,
    version: &'a str,
    transport: Transport,
    mechanism: Mechanism,
    pairing: Pairing,
}

impl Mechanism {
    fn our_server(self) -> Outcome<Options> {
        let security = match self {
            Mechanism::Plain => Security::PlainServer,
            Mechanism::Curve => Security::curve_server(SERVER_SECRET.parse()?),
        };
        Ok(Options::new().security(security).zap_domain("house"))
    }

    fn our_client(self) -> Outcome<Options> {
        let security = match self {
            Mechanism::Plain => Security::plain_client("admin", "password"),
            Mechanism::Curve => {
                Security::curve_client(CLIENT_SECRET.parse()?, SERVER_PUBLIC.parse()?)
            }
        };
        Ok(Options::new().security(security))
    }

    fn our_wrong_client(self) -> Outcome<Options> {
        let security = match self {
            Mechanism::Plain => Security::plain_client("admin", "guess"),
            // It takes itself for the server.
            Mechanism::Curve => {
                Security::curve_client(CLIENT_SECRET.parse()?, CLIENT_PUBLIC.parse()?)
            }
        };
        Ok(Options::new().security(security))
    }

    fn their_server(self, socket: &Theirs) -> Outcome {
        match self {
            Mechanism::Plain => socket.set("PLAIN_SERVER", 1)?,
            Mechanism::Curve => {
                socket.set("CURVE_SERVER", 1)?;
                socket.set("CURVE_SECRETKEY", SERVER_SECRET)?;
            }
        }
        socket.set("ZAP_DOMAIN", "house")
    }

    fn their_client(self, socket: &Theirs) -> Outcome {
        match self {
            Mechanism::Plain => {
                socket.set("PLAIN_USERNAME", "admin")?;
                socket.set("PLAIN_PASSWORD", "password")
            }
            Mechanism::Curve => {
                socket.set("CURVE_SERVERKEY", SERVER_PUBLIC)?;
                socket.set("CURVE_PUBLICKEY", CLIENT_PUBLIC)?;
                socket.set("CURVE_SECRETKEY", CLIENT_SECRET)
            }
        }
    }

    fn their_wrong_client(self, socket: &Theirs) -> Outcome {
        self.their_client(socket)?;
        match self {
            Mechanism::Plain => socket.set("PLAIN_PASSWORD", "guess"),
            Mechanism::Curve => socket.set("CURVE_SERVERKEY", CLIENT_PUBLIC),
        }
    }

    /// What a ZAP handler is shown of the right client.
    fn shown(self) -> Outcome<Frames> {
        Ok(match self {
            Mechanism::Plain => vec![b"PLAIN".to_vec(), b"admin".to_vec(), b"password".to_vec()],
            Mechanism::Curve => {
                let pair: CurveKeypair = CLIENT_SECRET.parse()?;
                vec![b"CURVE".to_vec(), pair.public().as_bytes().to_vec()]
            }
        })
    }
}

/// Judges as the house of the keys and the password does.
fn judge(context: &Context) -> Outcome<Authenticator> {
    let authenticator = context.authenticator()?;
    let judge = authenticator.clone();
    let client: CurveKeypair = CLIENT_SECRET.parse()?;
    thread::spawn(move || {
        for request in judge.iter() {
            let good = match &request.credentials {
                Credentials::Plain { username, password } => {
                    *username == "admin" && *password == "password"
                }
                Credentials::Curve(key) => key == client.public(),
                _ => false,
            };
            match good && request.domain == "house" {
                true => request.accept("anna"),
                false => request.deny("not of this house"),
            }
        }
    });
    Ok(authenticator)
}

/// A ZAP handler in their process.
fn their_handler(peer: &Rc<Peer>) -> Outcome<Theirs> {
    let handler = Theirs::plain(peer, "REP", "handler")?;
    handler.bind(HANDLER)?;
    Ok(handler)
}

/// Answers one request with this status, and checks what it is about.
fn answer(handler: &dyn Side, stage: &Stage<'_>, status: &str) -> Outcome {
    let request = handler.recv()?;
    let address_is_right = match stage.transport {
        Transport::Tcp => request
            .get(3)
            .is_some_and(|address| address == b"127.0.0.1"),
        // libzmq before 4.2 tells nothing of an ipc peer.
        Transport::Ipc => true,
    };
    let right = request.first().is_some_and(|version| version == b"1.0")
        && request.get(2).is_some_and(|domain| domain == b"house")
        && address_is_right
        && request[5..] == stage.mechanism.shown()?[..];
    if !right {
        return Err(format!("a request of ZAP like {}", show(&request)).into());
    }
    let reply: Frames = [
        b"1.0",
        &request[1][..],
        status.as_bytes(),
        b"text",
        b"anna",
        b"",
    ]
    .iter()
    .map(|frame| frame.to_vec())
    .collect();
    handler.send(&reply)
}

/// The next handshake of this socket: which peer came, or why not.
fn handshake(monitor: &Monitor) -> Outcome<Result<Option<String>, DisconnectReason>> {
    loop {
        match monitor.recv_timeout_blocking(PATIENCE)?.kind {
            EventKind::HandshakeSucceeded(peer) => return Ok(Ok(peer.user_id)),
            EventKind::HandshakeFailed { reason } => return Ok(Err(reason)),
            _ => {}
        }
    }
}

impl Stage<'_> {
    /// The right credentials: everything can be said.
    fn talk(&self, server: Party, binder: Party) -> Outcome {
        let context = self.bench.context();
        let peer = self.bench.peer(self.version)?;
        let options = match server {
            Party::Ours => self.mechanism.our_server()?,
            Party::Theirs => self.mechanism.our_client()?,
        };
        let _judge = judge(&context)?;
        let ours = Ours::open_with(&context, self.pairing.ours, options)?;
        let theirs = Theirs::open(&peer, self.pairing.theirs)?;
        let mut handler = None;
        match server {
            Party::Ours => self.mechanism.their_client(&theirs)?,
            Party::Theirs => {
                self.mechanism.their_server(&theirs)?;
                handler = Some(their_handler(&peer)?);
            }
        }
        let monitor = ours.socket.monitor()?;
        let wildcard = self.bench.wildcard(self.transport);
        match binder {
            Party::Ours => theirs.connect(&ours.bind(&wildcard)?)?,
            Party::Theirs => ours.connect(&theirs.bind(&wildcard)?)?,
        }
        if let Some(handler) = &handler {
            answer(handler, self, "200")?;
        }
        let expected = match server {
            Party::Ours => Some("anna".to_owned()),
            Party::Theirs => None,
        };
        let met = handshake(&monitor)?;
        if met != Ok(expected) {
            return Err(format!("the handshake ended in {met:?}").into());
        }
        let flow = self.pairing.flow;
        flow.prepare(&ours, &theirs)?;
        flow.everything(&ours, &theirs)
    }

    /// A client of theirs that does not belong here, beside one that does.
    fn wrong_ones_come(&self) -> Outcome {
        let context = self.bench.context();
        let _judge = judge(&context)?;
        let ours = Ours::open_with(&context, self.pairing.ours, self.mechanism.our_server()?)?;
        let monitor = ours.socket.monitor()?;
        let endpoint = ours.bind(&self.bench.wildcard(self.transport))?;
        let peer = self.bench.peer(self.version)?;
        let wrong = Theirs::open_named(&peer, self.pairing.theirs, "wrong")?;
        self.mechanism.their_wrong_client(&wrong)?;
        wrong.connect(&endpoint)?;
        match (self.mechanism, handshake(&monitor)?) {
            (Mechanism::Plain, Err(DisconnectReason::AuthenticationFailed { status: 400, .. }))
            | (Mechanism::Curve, Err(DisconnectReason::Cryptographic(_))) => {}
            (_, other) => return Err(format!("the handshake ended in {other:?}").into()),
        }
        // libzmq's PLAIN misspells ERROR, and takes the right spelling for a fault of the protocol.
        wrong.wait_refused()?;
        wrong.offer(&text("let me in"), Duration::ZERO)?;
        let good = Theirs::open_named(&peer, self.pairing.theirs, "good")?;
        self.mechanism.their_client(&good)?;
        good.connect(&endpoint)?;
        let flow = self.pairing.flow;
        flow.prepare(&ours, &good)?;
        flow.everything(&ours, &good)?;
        ours.expect_nothing(MOMENT)
    }

    /// A client of ours that does not belong there, beside one that does.
    fn wrong_ones_go(&self) -> Outcome {
        let peer = self.bench.peer(self.version)?;
        let handler = their_handler(&peer)?;
        let theirs = Theirs::open(&peer, self.pairing.theirs)?;
        self.mechanism.their_server(&theirs)?;
        let endpoint = theirs.bind(&self.bench.wildcard(self.transport))?;
        let context = self.bench.context();
        let options = self.mechanism.our_wrong_client()?;
        let wrong = Ours::open_with(
            &context,
            self.pairing.ours,
            options.reconnect_interval(None),
        )?;
        let monitor = wrong.socket.monitor()?;
        wrong.connect(&endpoint)?;
        if self.mechanism == Mechanism::Plain {
            let request = handler.recv()?;
            let id = request[1].clone();
            let reply = [&b"1.0"[..], &id, b"400", b"no", b"", b""];
            handler.send(&reply.map(<[u8]>::to_vec).to_vec())?;
        }
        match (self.mechanism, handshake(&monitor)?) {
            (Mechanism::Plain, Err(DisconnectReason::AuthenticationFailed { status: 400, .. }))
            | (Mechanism::Curve, Err(DisconnectReason::PeerClosed | DisconnectReason::Io(_))) => {}
            (_, other) => return Err(format!("the handshake ended in {other:?}").into()),
        }
        wrong.offer(&text("let me in"), Duration::ZERO)?;
        let good = Ours::open_with(&context, self.pairing.ours, self.mechanism.our_client()?)?;
        good.connect(&endpoint)?;
        answer(&handler, self, "200")?;
        self.pairing.flow.everything(&good, &theirs)?;
        theirs.expect_nothing(MOMENT)
    }

    /// Good credentials of ours, refused.
    fn their_judge_refuses(&self) -> Outcome {
        let peer = self.bench.peer(self.version)?;
        let handler = their_handler(&peer)?;
        let theirs = Theirs::open(&peer, self.pairing.theirs)?;
        self.mechanism.their_server(&theirs)?;
        let endpoint = theirs.bind(&self.bench.wildcard(self.transport))?;
        let context = self.bench.context();
        let ours = Ours::open_with(&context, self.pairing.ours, self.mechanism.our_client()?)?;
        let monitor = ours.socket.monitor()?;
        ours.connect(&endpoint)?;
        // (For 300 libzmq does nothing but wait until the handshake has taken too long.)
        answer(&handler, self, "400")?;
        match handshake(&monitor)? {
            Err(DisconnectReason::AuthenticationFailed { status: 400, .. }) => {}
            other => return Err(format!("the handshake ended in {other:?}").into()),
        }
        handler.expect_nothing(MOMENT)
    }

    /// A REP of ours is the handler, as one of libzmq would be.
    fn our_judge_by_hand(&self) -> Outcome {
        let context = self.bench.context();
        let handler = Ours::open(&context, SocketType::Rep)?;
        handler.bind(HANDLER)?;
        let ours = Ours::open_with(&context, self.pairing.ours, self.mechanism.our_server()?)?;
        let monitor = ours.socket.monitor()?;
        let endpoint = ours.bind(&self.bench.wildcard(self.transport))?;
        let peer = self.bench.peer(self.version)?;
        for status in ["400", "200"] {
            let theirs = Theirs::open_named(&peer, self.pairing.theirs, status)?;
            self.mechanism.their_client(&theirs)?;
            theirs.connect(&endpoint)?;
            answer(&handler, self, status)?;
            match (status, handshake(&monitor)?) {
                ("400", Err(DisconnectReason::AuthenticationFailed { status: 400, .. })) => {
                    theirs.wait_refused()?;
                }
                ("200", Ok(Some(user))) if user == "anna" => {
                    self.pairing.flow.everything(&ours, &theirs)?;
                }
                (_, other) => return Err(format!("{status} ended in {other:?}").into()),
            }
        }
        Ok(())
    }

    /// Our server goes and comes back: they shake hands again.
    fn they_come_back(&self) -> Outcome {
        let context = self.bench.context();
        let _judge = judge(&context)?;
        let endpoint = self.bench.endpoint(self.transport);
        let peer = self.bench.peer(self.version)?;
        let theirs = Theirs::open(&peer, self.pairing.theirs)?;
        self.mechanism.their_client(&theirs)?;
        theirs.set("RECONNECT_IVL", 20)?;
        theirs.connect(&endpoint)?;
        for _ in 0..3 {
            let ours = Ours::open_with(&context, self.pairing.ours, self.mechanism.our_server()?)?;
            ours.bind(&endpoint)?;
            ours.wait_peers(1)?;
            self.pairing.flow.a_few_words(&ours, &theirs)?;
            ours.socket.close_blocking();
        }
        Ok(())
    }

    /// PINGs of both sides, and messages across them.
    fn heartbeats(&self) -> Outcome {
        let context = self.bench.context();
        let _judge = judge(&context)?;
        let options = self
            .mechanism
            .our_server()?
            .heartbeat_interval(Some(Duration::from_millis(20)))
            .heartbeat_timeout(Some(Duration::from_secs(2)));
        let ours = Ours::open_with(&context, self.pairing.ours, options)?;
        let monitor = ours.socket.monitor()?;
        let theirs = Theirs::open(&self.bench.peer(self.version)?, self.pairing.theirs)?;
        self.mechanism.their_client(&theirs)?;
        theirs.set("HEARTBEAT_IVL", 20)?;
        theirs.set("HEARTBEAT_TIMEOUT", 2000)?;
        theirs.set("HEARTBEAT_TTL", 2000)?;
        theirs.set("RECONNECT_IVL", -1)?;
        theirs.connect(&ours.bind(&self.bench.wildcard(self.transport))?)?;
        handshake(&monitor)?.map_err(|reason| format!("{reason}"))?;
        // More than either would wait for an answer.
        ours.expect_nothing(Duration::from_millis(2500))?;
        theirs.expect_nothing(Duration::from_millis(10))?;
        self.pairing.flow.everything(&ours, &theirs)
    }
}
