//! The peer at an endpoint goes away, and one comes back there.

use super::*;

/// How the peer goes away.
#[derive(Clone, Copy, Debug)]
enum End {
    SocketClosed,
    ContextShutDown,
}

/// Soon enough for a test; the default is for real networks.
const AGAIN: Duration = Duration::from_millis(5);

/// Whether `to` can say something to `from` on a line, without having been asked for it.
fn answers(from: SocketType, to: SocketType) -> bool {
    use SocketType::*;
    let talks = |kind| {
        matches!(
            kind,
            Pair | Dealer | Router | Server | Client | Peer | Channel
        )
    };
    talks(from) && talks(to)
}

/// Messages flow, both ways where there are two.
fn traffic_flows(line: &Line, text: &str) {
    if takes_turns(line.from.socket_type()) {
        return line.ping(text);
    }
    let (from, to) = (line.from.socket_type(), line.to.socket_type());
    line.put(text);
    let message = next(&line.to.receiver().unwrap());
    assert_eq!(body(to, &message), text);
    if answers(from, to) {
        let asker = match addresses(to) {
            true => &message.frames()[..1],
            false => &[],
        };
        put(&line.to.sender().unwrap(), address(asker, "and back"));
        let answer = next(&line.from.receiver().unwrap());
        assert_eq!(body(from, &answer), "and back");
    }
}

fn is_found_again(from: SocketType, to: SocketType, transport: Transport, end: End) {
    let (near, far) = transport.contexts();
    let options = Options::new()
        .linger(Linger::For(Duration::ZERO))
        .reconnect_interval(Some(AGAIN));
    let bound = open_to_receive(&far, to, options.clone());
    let endpoint = bound.bind(transport.endpoint()).unwrap().to_string();
    let from = open(&near, from, options.clone());
    let address = connect(&from, &endpoint);
    let mut line = Line {
        from,
        to: bound,
        address,
        endpoint,
    };
    line.introduce();
    traffic_flows(&line, "before");
    let far = match end {
        End::SocketClosed => {
            line.to.close_blocking();
            far
        }
        End::ContextShutDown => {
            far.shutdown();
            Context::new()
        }
    };
    // What is sent before the loss is seen may go to the lost connection, and with it: nothing is.
    eventually("the loss is seen", || {
        line.from.statistics().unwrap().peers.is_empty()
    });
    line.to = open_to_receive(&far, to, options);
    line.to.bind(&line.endpoint).unwrap();
    for side in [&line.from, &line.to] {
        let found = side.wait_connected_timeout_blocking(1, PATIENCE);
        found.unwrap();
    }
    if line.from.socket_type() != SocketType::Peer {
        // A peer that comes back has another name; only a PEER keeps the one it has given.
        line.address.clear();
    }
    line.introduce();
    (0..3).for_each(|round| traffic_flows(&line, &format!("after {round}")));
    let statistics = line.from.statistics().unwrap();
    assert_eq!((statistics.peers.len(), statistics.reconnects), (1, 1));
}

#[test]
fn a_closed_peer_is_connected_to_again() {
    for_each_flow(|from, to, transport| is_found_again(from, to, transport, End::SocketClosed));
}

#[test]
fn a_peer_whose_context_was_shut_down_is_connected_to_again() {
    for_each_flow(|from, to, transport| {
        if !transport.is_inproc() {
            is_found_again(from, to, transport, End::ContextShutDown);
        }
    });
}

// ---- a peer that goes while the other side closes

/// The peer goes while a socket sends what it had accepted before it was closed.
fn closing_ends(from: SocketType, to: SocketType, transport: Transport, end: End) {
    let (near, far) = transport.contexts();
    let bound = open_to_receive(&far, to, marks(2));
    let endpoint = bound.bind(transport.endpoint()).unwrap().to_string();
    // Nothing is sent by another way, and it would wait for ever.
    let patient = Options::new().high_water_marks(2).reconnect_interval(None);
    let from = open(&near, from, patient);
    let address = connect(&from, &endpoint);
    let mut line = Line {
        from,
        to: bound,
        address,
        endpoint,
    };
    line.introduce();
    // More than the two marks and the kernel hold, or would: a publisher drops the rest.
    let (sender, payload) = (line.sender(), "x".repeat(4 << 20));
    let mut accepted = 0;
    while accepted < 8 {
        match sender.send_timeout_blocking(line.message(&payload), STEP) {
            Ok(()) => accepted += 1,
            Err(_) => break,
        }
    }
    let closed = line.from.close();
    // It has begun: this is asked for later.
    let _ = line.from.statistics();
    match end {
        End::SocketClosed => {
            line.to.close_blocking();
        }
        End::ContextShutDown => far.shutdown(),
    }
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(futures::executor::block_on(closed)));
    let closed = told.recv_timeout(PATIENCE).expect("it never closed");
    assert!(closed.undelivered <= accepted, "{closed:?} of {accepted}");
}

#[test]
fn closing_ends_while_the_peer_is_closed() {
    for_each_flow(|from, to, transport| closing_ends(from, to, transport, End::SocketClosed));
}

#[test]
fn closing_ends_while_the_context_of_the_peer_is_shut_down() {
    for_each_flow(|from, to, transport| {
        if !transport.is_inproc() {
            closing_ends(from, to, transport, End::ContextShutDown);
        }
    });
}
