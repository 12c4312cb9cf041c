//! The two sides of every row, once for all libraries.

use std::time::Duration;

use super::credit::{Creditor, Debtor};
use super::meter::{topic, Gauge, Load, Trips};
use super::{Kind, Library, Place, Port, Row, Side};

/// Plays one side to its end.
pub(crate) fn play<L: Library>(library: L, side: Side, place: &Place) {
    let own = place.clone();
    let life = match (place.row, side) {
        (Row::ReqRep, Side::Connector) if place.count > 1 => {
            return library.requests(place, Trips::new(place));
        }
        (Row::Clones, Side::Connector) => return share(library, place),
        (Row::ReqRep, Side::Connector) => Life::Trips(Kind::Req),
        (Row::DealerRouter, Side::Connector) => Life::Trips(Kind::Dealer),
        (Row::ReqRep, Side::Binder) => Life::Echo(Kind::Rep),
        (Row::DealerRouter, Side::Binder) => Life::Echo(Kind::Router),
        (Row::FanOut | Row::Subscriptions, Side::Binder) => Life::Publish,
        (Row::FanOut | Row::Subscriptions, Side::Connector) => Life::Subscribe,
        (Row::PushPull | Row::FanIn | Row::Sockets | Row::Multipart | Row::Api, side)
        | (Row::Clones, side) => match side {
            Side::Binder => Life::Pull,
            Side::Connector => Life::Push,
        },
    };
    library.run(place, async move {
        match life {
            Life::Push => push(library, &own).await,
            Life::Pull => pull(library, &own).await,
            Life::Trips(kind) => trips(library, kind, &own).await,
            Life::Echo(kind) => echo(library, kind, &own).await,
            Life::Publish => publish(library, &own).await,
            Life::Subscribe => subscribe(library, &own).await,
        }
    });
}

#[derive(Clone, Copy)]
enum Life {
    Push,
    Pull,
    Trips(Kind),
    Echo(Kind),
    Publish,
    Subscribe,
}

async fn push<L: Library>(library: L, place: &Place) {
    let mut load = Load::new(place.size);
    if place.row == Row::Multipart {
        let mut port = library.open(Kind::Push, place).await;
        port.connect(&place.endpoints[0]).await;
        while port.send_parts(&mut load, place.count).await {}
        return;
    }
    let sockets = match place.row {
        Row::FanIn | Row::Sockets => place.count,
        _ => 1,
    };
    if sockets == 1 {
        let mut port = library.open(Kind::Push, place).await;
        port.connect(&place.endpoints[0]).await;
        while port.send(load.next()).await {}
        return;
    }
    let mut senders = Vec::new();
    for stream in 0..sockets {
        let mut port = library.open(Kind::Push, place).await;
        let endpoint = stream % place.endpoints.len();
        port.connect(&place.endpoints[endpoint]).await;
        senders.push((port, Load::of_stream(place.size, stream)));
    }
    loop {
        for (port, load) in &mut senders {
            if !port.send(load.next()).await {
                return;
            }
        }
    }
}

async fn pull<L: Library>(library: L, place: &Place) {
    let mut ports = Vec::new();
    for endpoint in &place.endpoints {
        let mut port = library.open(Kind::Pull, place).await;
        port.bind(endpoint).await;
        ports.push(port);
    }
    place.bound();
    let mut gauge = Gauge::new(place);
    if place.row == Row::Multipart {
        let port = &mut ports[0];
        while port.recv().await && gauge.take_parts(port, place.count) {}
        return;
    }
    if let [port] = ports.as_mut_slice() {
        while port.recv().await && gauge.take(port.part(0)) {}
        return;
    }
    loop {
        for port in &mut ports {
            if !port.recv().await || !gauge.take(port.part(0)) {
                return;
            }
        }
    }
}

/// One socket, a thread for each handle of it.
fn share<L: Library>(library: L, place: &Place) {
    let own = place.clone();
    library.run(place, async move {
        let mut first = library.open(Kind::Push, &own).await;
        first.connect(&own.endpoints[0]).await;
        for stream in 1..own.count {
            let (mut port, place) = (first.share(), own.clone());
            std::thread::spawn(move || {
                library.run(&place.clone(), async move {
                    let mut load = Load::of_stream(place.size, stream);
                    while port.send(load.next()).await {}
                });
            });
        }
        let mut load = Load::new(own.size);
        while first.send(load.next()).await {}
    });
}

async fn trips<L: Library>(library: L, kind: Kind, place: &Place) {
    let mut trips = Trips::new(place);
    let mut port = library.open(kind, place).await;
    port.connect(&place.endpoints[0]).await;
    loop {
        while trips.under_way() < place.count {
            if !port.send(trips.request()).await {
                return;
            }
        }
        if !port.recv().await || !trips.reply(port.part(port.parts() - 1)) {
            return;
        }
    }
}

async fn echo<L: Library>(library: L, kind: Kind, place: &Place) {
    let mut port = library.open(kind, place).await;
    port.bind(&place.endpoints[0]).await;
    place.bound();
    while port.recv().await && port.send_back().await {}
}

async fn publish<L: Library>(library: L, place: &Place) {
    let topics = match place.row {
        Row::Subscriptions => place.count,
        _ => 1,
    };
    let mut load = Load::of_topics(place.size, topics);
    let mut credit = Creditor::listen(place);
    let mut port = library.open(Kind::Pub, place).await;
    port.bind(&place.endpoints[0]).await;
    place.bound();
    // Now and then a message of the topic that is subscribed to last, until every subscriber has one.
    while !credit.has_begun(load.message()) {
        if !port.send(load.next_of_last_topic()).await {
            return;
        }
        port.flush();
        std::thread::sleep(Duration::from_millis(1));
    }
    loop {
        while credit.is_far(load.message()) {
            port.flush();
            if !credit.wait() {
                return;
            }
        }
        if !port.send(load.next()).await {
            return;
        }
    }
}

async fn subscribe<L: Library>(library: L, place: &Place) {
    let (sockets, topics) = match place.row {
        Row::Subscriptions => (1, place.count),
        _ => (place.count, 1),
    };
    let mut ports = Vec::new();
    for _ in 0..sockets {
        let mut port = library.open(Kind::Sub, place).await;
        if topics == 1 {
            port.subscribe(b"").await;
        } else {
            for number in 0..topics {
                port.subscribe(&topic(number)).await;
            }
        }
        port.connect(&place.endpoints[0]).await;
        ports.push(port);
    }
    let mut gauge = Gauge::of_streams(place, sockets, topics);
    // What comes before every peer is served, by every topic, is neither counted nor missed.
    for (stream, port) in ports.iter_mut().enumerate() {
        loop {
            if !port.recv().await {
                return;
            }
            if gauge.begin(stream, port.part(0)) {
                break;
            }
        }
    }
    let furthest = gauge.furthest();
    for (stream, port) in ports.iter_mut().enumerate() {
        while gauge.expected(stream) < furthest {
            if !port.recv().await || !gauge.begin(stream, port.part(0)) {
                return;
            }
        }
    }
    let mut credit = Debtor::connect(place, gauge.slowest());
    loop {
        for _ in 0..credit.step() {
            for (stream, port) in ports.iter_mut().enumerate() {
                if !port.recv().await || !gauge.take_lossy(stream, port.part(0)) {
                    return;
                }
            }
        }
        credit.tell(gauge.slowest());
    }
}
