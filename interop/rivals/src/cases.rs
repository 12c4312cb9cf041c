//! The cases: every pairing of types with every peer, over every transport, whichever side binds.

use std::sync::Arc;
use std::time::Duration;

use zmq_channels::SocketType;

use crate::bench::{Bench, Outcome, Party, Transport};
use crate::conversation::{self as say, wait_subscribed, Flow, Pairing, PAIRINGS};
use crate::end::End;
use crate::frames::{message, text, Frames};
use crate::libraries::{Library, Mechanism, Role};

/// The messages of a case, made when it runs.
type Talk = fn() -> Vec<Frames>;

/// A case in which a connection is lost.
type Loss = fn(Place, &Bench) -> Outcome;

/// What a case does. It runs again as its own control, with another library in the place of ours.
pub type Body = Arc<dyn Fn(&Bench) -> Outcome + Send + Sync>;

pub struct Case {
    /// `PEER/TRANSPORT/PAIRING/WHO BINDS/WHAT`, or `PEER/MECHANISM/PAIRING/WHO IS SERVER/WHAT`. A
    /// pairing is written with our type first.
    pub name: String,
    pub theirs: Library,
    pub body: Body,
}

/// How long silence is listened to, where silence is the point.
const MOMENT: Duration = Duration::from_millis(100);

pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for theirs in Library::PEERS {
        for transport in Transport::ALL {
            for pairing in PAIRINGS.into_iter().filter(|p| theirs.has(p.theirs)) {
                for (binder, binds) in Party::BINDS {
                    let at = Place {
                        transport,
                        pairing,
                        binder,
                    };
                    let prefix = format!("{}/{transport}/{pairing}/{binds}", theirs.name());
                    add_talks(&mut cases, theirs, &prefix, at);
                    add_losses(&mut cases, theirs, &prefix, at);
                    if pairing.has_topics() {
                        add_topics(&mut cases, theirs, &prefix, at);
                    }
                }
            }
        }
        if theirs.has_security() {
            add_security(&mut cases, theirs);
        }
    }
    add_default_delimiters(&mut cases);
    cases
}

/// What happens between DEALERs and ROUTERs if rzmq is left as it is.
fn add_default_delimiters(cases: &mut Vec<Case>) {
    use SocketType::{Dealer, Router};
    for pairing in PAIRINGS.into_iter().filter(|pairing| {
        let routes = |kind| matches!(kind, Dealer | Router);
        routes(pairing.ours) && routes(pairing.theirs)
    }) {
        let at = Place {
            transport: Transport::Tcp,
            pairing,
            binder: Party::Theirs,
        };
        let name = format!("rzmq/tcp/{pairing}/they bind/delimiters by default");
        add(cases, Library::RzmqByDefault, name, move |bench| {
            at.talk(bench, &say::a_few_words())
        });
    }
}

/// Where a case takes place.
#[derive(Clone, Copy)]
struct Place {
    transport: Transport,
    pairing: Pairing,
    binder: Party,
}

fn add(
    cases: &mut Vec<Case>,
    theirs: Library,
    name: String,
    body: impl Fn(&Bench) -> Outcome + Send + Sync + 'static,
) {
    let body = Arc::new(body);
    cases.push(Case { name, theirs, body });
}

fn add_talks(cases: &mut Vec<Case>, theirs: Library, prefix: &str, at: Place) {
    let talks: [(&str, Talk); 6] = [
        ("small", say::small),
        ("empty", say::empty),
        ("a thousand", say::thousand),
        ("1 MiB", say::large),
        ("several frames", say::several_frames),
        ("empty frames", say::empty_frames),
    ];
    let single = at.pairing.is_single();
    let talks = talks.into_iter().take(if single { 4 } else { 6 });
    for (what, messages) in talks {
        add(cases, theirs, format!("{prefix}/{what}"), move |bench| {
            at.talk(bench, &messages())
        });
    }
    if !single {
        let name = format!("{prefix}/several frames of 1 MiB");
        add(cases, theirs, name, move |bench| {
            at.talk(bench, &say::large_frames())
        });
    }
}

fn add_losses(cases: &mut Vec<Case>, theirs: Library, prefix: &str, at: Place) {
    let losses: [(&str, Loss); 3] = [
        ("the listener comes late", Place::comes_late),
        ("they go and come back", Place::they_come_back),
        ("we go and come back", Place::we_come_back),
    ];
    for (what, body) in losses {
        add(cases, theirs, format!("{prefix}/{what}"), move |bench| {
            body(at, bench)
        });
    }
}

fn add_topics(cases: &mut Vec<Case>, theirs: Library, prefix: &str, at: Place) {
    let body = match at.pairing.is_single() {
        true => Place::groups,
        false => Place::topics,
    };
    add(cases, theirs, format!("{prefix}/topics"), move |bench| {
        body(at, bench)
    });
}

impl Place {
    /// An endpoint, and the two sockets, not joined yet.
    fn open(self, bench: &Bench) -> Outcome<(String, End, End)> {
        let Pairing { ours, theirs, .. } = self.pairing;
        let near = bench.near(ours, theirs, &Role::Open)?;
        let far = bench.far(theirs, ours, &Role::Open)?;
        Ok((bench.endpoint(self.transport), near, far))
    }

    fn join(self, endpoint: &str, near: &End, far: &End) -> Outcome {
        let (binds, connects) = match self.binder {
            Party::Ours => (near, far),
            Party::Theirs => (far, near),
        };
        binds.bind(endpoint)?;
        connects.connect(endpoint)
    }

    fn joined(self, bench: &Bench) -> Outcome<(String, End, End)> {
        let (endpoint, near, far) = self.open(bench)?;
        near.prepare()?;
        far.prepare()?;
        self.join(&endpoint, &near, &far)?;
        Ok((endpoint, near, far))
    }

    fn talk(self, bench: &Bench, messages: &[Frames]) -> Outcome {
        let (_, near, far) = self.joined(bench)?;
        self.pairing.flow.converse(&near, &far, messages)
    }

    /// One side connects to where nothing listens yet.
    fn comes_late(self, bench: &Bench) -> Outcome {
        let (endpoint, near, far) = self.open(bench)?;
        let (binds, connects) = match self.binder {
            Party::Ours => (&near, &far),
            Party::Theirs => (&far, &near),
        };
        near.prepare()?;
        far.prepare()?;
        connects.connect(&endpoint)?;
        connects.side.wait_retried()?;
        binds.bind(&endpoint)?;
        let flow = self.pairing.flow;
        flow.converse(&near, &far, &say::a_few_words())
    }

    fn they_come_back(self, bench: &Bench) -> Outcome {
        let (endpoint, near, far) = self.joined(bench)?;
        let flow = self.pairing.flow;
        flow.converse(&near, &far, &say::a_few_words())?;
        drop(far);
        near.side.wait_alone()?;
        let Pairing { ours, theirs, .. } = self.pairing;
        let far = bench.far(theirs, ours, &Role::Open)?;
        far.prepare()?;
        match self.binder {
            Party::Ours => far.connect(&endpoint)?,
            Party::Theirs => far.bind(&endpoint)?,
        }
        flow.resume(&near, &far)?;
        flow.converse(&near, &far, &say::a_few_words())
    }

    fn we_come_back(self, bench: &Bench) -> Outcome {
        let (endpoint, near, far) = self.joined(bench)?;
        let flow = self.pairing.flow;
        flow.converse(&near, &far, &say::a_few_words())?;
        drop(near);
        // A PAIR of libzmq never serves a second peer that comes before the first has gone.
        far.side.wait_alone()?;
        let Pairing { ours, theirs, .. } = self.pairing;
        let near = bench.near(ours, theirs, &Role::Open)?;
        near.prepare()?;
        match self.binder {
            Party::Ours => near.bind(&endpoint)?,
            Party::Theirs => near.connect(&endpoint)?,
        }
        flow.resume(&near, &far)?;
        flow.converse(&near, &far, &say::a_few_words())
    }

    /// The publisher and the subscriber.
    fn roles<'a>(self, near: &'a End, far: &'a End) -> (&'a End, &'a End) {
        match self.pairing.flow {
            Flow::WePublish => (near, far),
            _ => (far, near),
        }
    }

    /// Topics are prefixes; cancelled ones are not received any more, others still are.
    fn topics(self, bench: &Bench) -> Outcome {
        let (endpoint, near, far) = self.open(bench)?;
        let (publisher, subscriber) = self.roles(&near, &far);
        subscriber.side.subscribe("weather")?;
        subscriber.side.subscribe("news.")?;
        self.join(&endpoint, &near, &far)?;
        wait_subscribed(publisher, subscriber, "news.")?;
        for topic in [
            "weather",
            "weath",
            "new",
            "news.today",
            "other",
            "weather.uk",
        ] {
            publisher.send(&message([topic.as_bytes(), b"content"]))?;
        }
        for topic in ["weather", "news.today", "weather.uk"] {
            subscriber.expect(&message([topic.as_bytes(), b"content"]))?;
        }
        subscriber.side.unsubscribe("weather")?;
        subscriber.side.subscribe("last")?;
        wait_subscribed(publisher, subscriber, "last")?;
        for topic in ["weather", "news.", "last"] {
            publisher.send(&message([topic.as_bytes(), b"after"]))?;
        }
        for topic in ["news.", "last"] {
            subscriber.expect(&message([topic.as_bytes(), b"after"]))?;
        }
        Ok(())
    }

    /// Groups are matched whole, and can be left.
    fn groups(self, bench: &Bench) -> Outcome {
        let (endpoint, near, far) = self.open(bench)?;
        self.join(&endpoint, &near, &far)?;
        let (radio, dish) = self.roles(&near, &far);
        let send = |group: &'static str| {
            radio.send_in(group);
            radio.send(&text(group))
        };
        dish.side.subscribe("group")?;
        dish.side.subscribe("second")?;
        radio.send_in("second");
        wait_subscribed(radio, dish, "")?;
        for group in ["groups", "group", "grou", "other", "second"] {
            send(group)?;
        }
        dish.expect(&text("group"))?;
        dish.expect(&text("second"))?;
        dish.side.unsubscribe("group")?;
        dish.side.subscribe("last")?;
        radio.send_in("last");
        wait_subscribed(radio, dish, "")?;
        for group in ["group", "second", "last"] {
            send(group)?;
        }
        dish.expect(&text("second"))?;
        dish.expect(&text("last"))
    }
}

/// Types that are tried with each mechanism; all of them are encrypted in the same way.
fn secured() -> impl Iterator<Item = Pairing> {
    use SocketType::{Dealer, Pub, Pull, Push, Rep, Req, Router, Sub};
    PAIRINGS.into_iter().filter(|pairing| {
        matches!(
            (pairing.ours, pairing.theirs),
            (Push, Pull)
                | (Pull, Push)
                | (Req, Rep)
                | (Rep, Req)
                | (Dealer, Router)
                | (Router, Dealer)
                | (Pub, Sub)
                | (Sub, Pub)
        )
    })
}

fn add_security(cases: &mut Vec<Case>, theirs: Library) {
    let name = theirs.name();
    for mechanism in [Mechanism::Plain, Mechanism::Curve] {
        for (server, is_server) in [
            (Party::Ours, "we are the server"),
            (Party::Theirs, "they are"),
        ] {
            for pairing in secured() {
                for (binder, binds) in Party::BINDS {
                    let at = Place {
                        transport: Transport::Tcp,
                        pairing,
                        binder,
                    };
                    let talks: [(&str, Talk); 3] = [
                        ("small", say::small),
                        ("several frames", say::several_frames),
                        ("1 MiB", say::large),
                    ];
                    for (what, messages) in talks {
                        let place = format!("{mechanism}/{pairing}/{is_server}, {binds}");
                        add(
                            cases,
                            theirs,
                            format!("{name}/{place}/{what}"),
                            move |bench| secured_talk(bench, at, mechanism, server, &messages()),
                        );
                    }
                }
            }
            let name = format!("{name}/{mechanism}/PUSH, PULL/{is_server}/wrong client");
            add(cases, theirs, name, move |bench| {
                wrong_client(bench, mechanism, server)
            });
        }
    }
}

fn secured_talk(
    bench: &Bench,
    at: Place,
    mechanism: Mechanism,
    server: Party,
    messages: &[Frames],
) -> Outcome {
    let (near_role, far_role) = match server {
        Party::Ours => (Role::Server(mechanism), Role::Client(mechanism)),
        Party::Theirs => (Role::Client(mechanism), Role::Server(mechanism)),
    };
    let Pairing { ours, theirs, flow } = at.pairing;
    let near = bench.near(ours, theirs, &near_role)?;
    let far = bench.far(theirs, ours, &far_role)?;
    near.prepare()?;
    far.prepare()?;
    at.join(&bench.endpoint(at.transport), &near, &far)?;
    flow.converse(&near, &far, messages)
}

/// A client that the server must refuse, and then one that it must not.
fn wrong_client(bench: &Bench, mechanism: Mechanism, server: Party) -> Outcome {
    let (push, pull) = (SocketType::Push, SocketType::Pull);
    let open = |who: Party, kind: SocketType, partner: SocketType, role: Role| match who {
        Party::Ours => bench.near(kind, partner, &role),
        Party::Theirs => bench.far(kind, partner, &role),
    };
    let client = match server {
        Party::Ours => Party::Theirs,
        Party::Theirs => Party::Ours,
    };
    let endpoint = bench.endpoint(Transport::Tcp);
    let receiver = open(server, pull, push, Role::Server(mechanism))?;
    receiver.bind(&endpoint)?;
    let wrong = open(client, push, pull, Role::WrongClient(mechanism))?;
    wrong.connect(&endpoint)?;
    match server {
        Party::Ours => receiver.side.wait_refused()?,
        Party::Theirs => wrong.side.wait_refused()?,
    }
    // Whether or not it is accepted, it must not arrive.
    let _ = wrong.offer(&text("let me in"), Duration::from_millis(1));
    let good = open(client, push, pull, Role::Client(mechanism))?;
    good.connect(&endpoint)?;
    good.send(&text("good"))?;
    receiver.expect(&text("good"))?;
    match receiver.poll(MOMENT)? {
        None => Ok(()),
        Some(_) => Err("a message of the refused client arrived".into()),
    }
}
