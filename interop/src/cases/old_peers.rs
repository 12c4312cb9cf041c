//! Peers of ZMTP 2.0 and 1.0, but for what they have in common with the others: how they come back,
//! told from our side alone, as version 2 of libzmq tells nothing; and which sockets do not accept them.

use std::time::{Duration, Instant};

use zmq_channels::monitor::{DisconnectReason, EventKind};
use zmq_channels::{Monitor, Options, Security, SocketType};

use crate::bench::{Bench, Outcome, Party, Transport, PATIENCE};
use crate::cases::{case, Case, ZMTP_1, ZMTP_2};
use crate::conversation::{Flow, Pairing, PAIRINGS, ROUTED};
use crate::frames::text;
use crate::side::{Ours, Side, Theirs};

/// How often a peer comes back in one case.
const TIMES: u32 = 2;

/// Nothing may come for so long, where only silence can show that.
const MOMENT: Duration = Duration::from_millis(200);

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            for (binder, binds) in Party::BINDS {
                for pairing in PAIRINGS.into_iter().chain(ROUTED) {
                    cases.push(case(
                        format!("old peers/{version}/{transport}/{pairing}/killed, {binds}"),
                        move |bench| killed(bench, version, transport, pairing, binder),
                    ));
                }
                for demand in [Demand::Plain, Demand::Curve, Demand::Zap] {
                    cases.push(case(
                        format!("old peers/{version}/{transport}/{demand:?} demanded, {binds}"),
                        move |bench| insecure(bench, version, transport, demand, binder),
                    ));
                }
            }
        }
        for pairing in PAIRINGS {
            cases.push(case(
                format!("old peers/{version}/tcp/{pairing}/our heartbeats"),
                move |bench| heartbeats(bench, version, pairing),
            ));
        }
        cases.push(case(
            format!("old peers/{version}/tcp/XSUB-PUB/user messages"),
            move |bench| upstream_messages(bench, version),
        ));
        for kind in YOUNG {
            cases.push(case(
                format!("old peers/{version}/tcp/{} is younger", kind.name()),
                move |bench| younger(bench, version, kind),
            ));
        }
    }
    cases
}

const YOUNG: [SocketType; 8] = [
    SocketType::Server,
    SocketType::Client,
    SocketType::Radio,
    SocketType::Dish,
    SocketType::Gather,
    SocketType::Scatter,
    SocketType::Peer,
    SocketType::Channel,
];

fn killed(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
    binder: Party,
) -> Outcome {
    let endpoint = bench.endpoint(transport);
    let ours = Ours::open(&bench.context(), pairing.ours)?;
    match binder {
        Party::Ours => ours.bind(&endpoint).map(drop)?,
        Party::Theirs => ours.connect(&endpoint)?,
    }
    for time in 0..=TIMES {
        let peer = bench.peer(version)?;
        let theirs = Theirs::open(&peer, pairing.theirs)?;
        match binder {
            Party::Ours => theirs.connect(&endpoint)?,
            Party::Theirs => theirs.bind(&endpoint).map(drop)?,
        }
        ours.wait_peers(1)?;
        // Our subscriptions are still there.
        if time == 0 || pairing.flow != Flow::TheyPublish {
            pairing.flow.prepare(&ours, &theirs)?;
        }
        pairing.flow.a_few_words(&ours, &theirs)?;
        peer.kill();
        ours.wait_peers(0)?;
    }
    Ok(())
}

/// They would not understand a PING: they get none, and may be as silent as they like.
fn heartbeats(bench: &Bench, version: &str, pairing: Pairing) -> Outcome {
    let beat = Duration::from_millis(20);
    let options = Options::new()
        .reconnect_interval(None)
        .heartbeat_interval(Some(beat))
        .heartbeat_timeout(Some(beat))
        .heartbeat_ttl(Some(5 * beat));
    let ours = Ours::open_with(&bench.context(), pairing.ours, options)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    ours.connect(&theirs.bind("tcp://127.0.0.1:*")?)?;
    pairing.flow.prepare(&ours, &theirs)?;
    pairing.flow.a_few_words(&ours, &theirs)?;
    std::thread::sleep(25 * beat);
    pairing.flow.a_few_words(&ours, &theirs)?;
    while let Ok(event) = monitor.try_recv() {
        if let EventKind::Disconnected { reason } = event.kind {
            return Err(format!("we lost the connection: {reason}").into());
        }
    }
    Ok(())
}

/// What an XSUB of ours sends that is no subscription is nothing to their PUB, and does no harm.
fn upstream_messages(bench: &Bench, version: &str) -> Outcome {
    let xsub = Ours::open(&bench.context(), SocketType::XSub)?;
    let publisher = Theirs::open(&bench.peer(version)?, "PUB")?;
    xsub.connect(&publisher.bind("tcp://127.0.0.1:*")?)?;
    Flow::TheyPublish.prepare(&xsub, &publisher)?;
    for _ in 0..3 {
        Flow::TheyPublish.a_few_words(&xsub, &publisher)?;
        xsub.send(&text("news"))?;
        xsub.send(&vec![b"several".to_vec(), vec![], vec![7; 100_000]])?;
    }
    Flow::TheyPublish.a_few_words(&xsub, &publisher)
}

#[derive(Clone, Copy, Debug)]
enum Demand {
    Plain,
    Curve,
    Zap,
}

/// Any pair of keys: they are not shown.
const KEYS: (&str, &str) = (
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
);

impl Demand {
    fn options(self, binder: Party) -> Outcome<Options> {
        let security = match (self, binder) {
            (Demand::Zap, _) => return Ok(Options::new().zap_domain("global")),
            (Demand::Plain, Party::Ours) => Security::PlainServer,
            (Demand::Plain, Party::Theirs) => Security::plain_client("admin", "secret"),
            (Demand::Curve, Party::Ours) => Security::curve_server(KEYS.0.parse()?),
            (Demand::Curve, Party::Theirs) => {
                Security::curve_client(KEYS.0.parse()?, KEYS.1.parse()?)
            }
        };
        Ok(Options::new().security(security))
    }
}

/// They know no security: nothing is told them, and nothing of theirs is heard.
fn insecure(
    bench: &Bench,
    version: &str,
    transport: Transport,
    demand: Demand,
    binder: Party,
) -> Outcome {
    let ours = Ours::open_with(&bench.context(), SocketType::Pair, demand.options(binder)?)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    match binder {
        Party::Ours => theirs.connect(&ours.bind(&bench.wildcard(transport))?)?,
        Party::Theirs => ours.connect(&theirs.bind(&bench.wildcard(transport))?)?,
    }
    theirs.offer(&text("let me in"), Duration::ZERO)?;
    ours.offer(&text("a secret"), Duration::ZERO)?;
    let reason = refusal(&monitor)?;
    if !reason.contains("knows no security") {
        return Err(format!("refused, but for another reason: {reason}").into());
    }
    ours.expect_nothing(MOMENT)?;
    theirs.expect_nothing(MOMENT)
}

fn younger(bench: &Bench, version: &str, kind: SocketType) -> Outcome {
    let ours = Ours::open(&bench.context(), kind)?;
    let monitor = ours.socket.monitor()?;
    let theirs = Theirs::open(&bench.peer(version)?, "PAIR")?;
    theirs.connect(&ours.bind("tcp://127.0.0.1:*")?)?;
    theirs.offer(&text("let me in"), Duration::ZERO)?;
    let reason = refusal(&monitor)?;
    if !reason.contains(kind.name()) {
        return Err(format!("refused, but for another reason: {reason}").into());
    }
    theirs.expect_nothing(MOMENT)
}

/// Why the next handshake fails, which must be that the versions do not fit.
fn refusal(monitor: &Monitor) -> Outcome<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match monitor.recv_timeout_blocking(left)?.kind {
            EventKind::HandshakeFailed {
                reason: DisconnectReason::Incompatible(text),
            } => return Ok(text.to_string()),
            EventKind::HandshakeFailed { reason } => {
                return Err(format!("refused as {reason:?}").into())
            }
            EventKind::HandshakeSucceeded(peer) => return Err(format!("taken: {peer:?}").into()),
            _ => {}
        }
    }
}
