//! Closing a context waits for its threads.

use super::super::lateness::Timed;
use super::common::raw::{frame, Raw};
use super::*;

/// How long a pump waits for a peer to end its connection, less what two readings of a clock may differ.
const DRAIN: Duration = Duration::from_millis(950);

/// Half of it: with a peer that ends its connection, closing takes no time to speak of.
const PROMPT: Duration = Duration::from_millis(500);

const CLOSES: [fn(&Context); 2] = [
    |context| assert_eq!(context.close_blocking().undelivered, 0),
    |context| assert_eq!(context.terminate_blocking().undelivered, 0),
];

/// A context, and the peer of a socket of it.
fn context_with_a_peer() -> (Context, Raw) {
    let context = Context::new();
    let pull = context.socket::<Pull>().unwrap();
    let mut peer = Raw::peer(&pull.bind("tcp://127.0.0.1:*").unwrap(), "PUSH");
    peer.write(&frame(0, b"connected"));
    assert_eq!(next_text(&pull.receiver()), "connected");
    (context, peer)
}

#[test]
fn closing_a_context_waits_until_its_threads_have_ended() {
    within(LIMIT, || {
        for close in CLOSES {
            let (context, peer) = context_with_a_peer();
            let start = Instant::now();
            close(&context);
            let took = start.elapsed();
            assert!(took >= DRAIN, "the pump still drained: {took:?}");
            drop(peer);
        }
    });
}

#[test]
fn closing_a_context_is_prompt_if_peers_end_their_connections() {
    within(LIMIT, || {
        for close in CLOSES {
            let (context, mut peer) = context_with_a_peer();
            let peer = thread::spawn(move || drop(peer.read_to_end()));
            let (timed, ()) = Timed::run(|| close(&context));
            timed.at_most(PROMPT, "closing a context");
            peer.join().unwrap();
        }
    });
}

#[test]
fn a_socket_opened_while_its_context_closes_does_not_keep_it() {
    within(LIMIT, || {
        for _ in 0..500 {
            let context = Context::new();
            let opened = context.socket::<Pair>().unwrap();
            let opening = thread::spawn({
                let context = context.clone();
                move || {
                    let mut sockets = vec![opened];
                    while let Ok(socket) = context.socket::<Pair>() {
                        sockets.push(socket);
                    }
                    sockets
                }
            });
            context.close_blocking();
            // They are held until here.
            let sockets = opening.join().unwrap();
            assert!(sockets.iter().all(Socket::is_closed));
        }
    });
}
