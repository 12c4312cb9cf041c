//! The example about replicas of a table, run.

use crate::common;

#[path = "../../examples/clone/main.rs"]
#[allow(dead_code)]
mod clone;

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use clone::{entry, Endpoints, Replica, Server};
use common::{next, nothing_comes, put, within, Transport, LIMIT};
use zmq_channels::{Message, Pub, Push, Router};

/// What a server publishes while nothing else happens.
const INTERVAL: Duration = Duration::from_millis(20);

/// Fewer than a subscriber may be behind.
const UPDATES: usize = 800;

#[test]
fn replicas_that_join_among_updates_have_them_all() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (here, there) = transport.contexts();
            let places = [(); 3].map(|()| transport.endpoint());
            let server = Server::bind(&here, places.each_ref().map(String::as_str)).unwrap();
            let serving = thread::spawn(move || server.run(INTERVAL));
            let setter = there.socket::<Push>().unwrap();
            setter.connect(&places[2]).unwrap();
            let mut expected = BTreeMap::new();
            let mut joining = Vec::new();
            for number in 0..UPDATES {
                if number % 200 == 100 {
                    let subtree = ["", "/oslo/"][number / 200 % 2];
                    let (there, places) = (there.clone(), places.clone());
                    let replicate =
                        move || follow(&there, places.each_ref().map(String::as_str), subtree);
                    joining.push((subtree, thread::spawn(replicate)));
                }
                let key = format!("/{}/{}", ["oslo", "rome"][number % 2], number % 39);
                let value = match number % 7 {
                    0 => String::new(),
                    _ => number.to_string(),
                };
                clone::set(&setter, &key, &value).unwrap();
                match value.is_empty() {
                    true => expected.remove(&key),
                    false => expected.insert(key, value),
                };
            }
            clone::set(&setter, "/oslo/last", "1").unwrap();
            expected.insert("/oslo/last".into(), "1".into());
            for (subtree, replica) in joining {
                let mut expected = expected.clone();
                expected.retain(|key, _| key.starts_with(subtree));
                assert_eq!(replica.join().unwrap(), expected, "{transport:?} {subtree}");
            }
            here.shutdown();
            serving.join().unwrap();
        }
    });
}

/// Joins, and applies updates until the last one.
fn follow(
    context: &zmq_channels::Context,
    places: Endpoints,
    subtree: &str,
) -> BTreeMap<String, String> {
    let mut replica = Replica::join(context, places, subtree).unwrap();
    while !replica.values.contains_key("/oslo/last") {
        replica.update().unwrap();
    }
    replica.values
}

/// The test is the server.
#[test]
fn a_replica_skips_what_its_snapshot_has_and_finds_gaps() {
    within(LIMIT, || {
        let (here, there) = Transport::Tcp.contexts();
        let places = [(); 3].map(|()| Transport::Tcp.endpoint());
        let (snapshots, updates) = (
            here.socket::<Router>().unwrap(),
            here.socket::<Pub>().unwrap(),
        );
        snapshots.bind(&places[0]).unwrap();
        updates.bind(&places[1]).unwrap();
        let joining = thread::spawn(move || {
            Replica::join(&there, places.each_ref().map(String::as_str), "").unwrap()
        });
        updates.wait_subscribed_blocking(1).unwrap();
        // It has one of two subscriptions: this may be before the other.
        let publish = |key: &str, number| put(&updates.sender(), entry(key, number, "value"));
        publish("a", 4);
        // An update between the snapshot and the subscription would be lost.
        nothing_comes(&snapshots.receiver());
        publish(clone::HUGZ, 0);
        publish("b", 5);
        let mut request = next(&snapshots.receiver());
        let replica = request.take_sender().unwrap();
        assert_eq!(request, Message::from(["ICANHAZ?", ""]));
        publish("c", 6);
        publish("d", 7);
        publish("f", 9);
        for part in [
            entry("a", 4, "old"),
            entry("b", 5, "old"),
            entry("KTHXBAI", 5, ""),
        ] {
            put(&snapshots.sender(), Message::to(&replica, part));
        }
        let mut replica = joining.join().unwrap();
        assert_eq!(
            (replica.sequence, &replica.values["b"]),
            (5, &"old".to_owned())
        );
        assert_eq!(replica.update().unwrap(), entry("c", 6, "value"));
        assert_eq!(replica.update().unwrap(), entry("d", 7, "value"));
        assert_eq!(
            replica.update().unwrap_err().to_string(),
            "updates were missed"
        );
        assert_eq!(replica.values.len(), 4);
    });
}
