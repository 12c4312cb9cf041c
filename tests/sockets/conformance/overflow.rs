//! What a policy loses of what is sent is counted, the rest arrives in its order, and which it is
//! the policy says: for each peer where each peer has a queue.

use zmq_channels::{Overflow, Receiver};

use super::*;

/// What each queue holds.
const MARK: usize = 4;

/// What is sent before any of it is read: more than all queues and the kernel hold.
const PIECES: usize = 60;

/// Bytes of a piece.
const PIECE: usize = 100_000;

const POLICIES: [Overflow; 3] = [Overflow::DropNewest, Overflow::DropOldest, Overflow::Latest];

fn options(policy: Overflow) -> (Options, Options) {
    let options = marks(MARK)
        .kernel_send_buffer(Some(64 << 10))
        .kernel_receive_buffer(Some(64 << 10));
    (options.clone().send_overflow(policy), options)
}

#[test]
fn the_send_policy_decides_which_messages_are_dropped_and_counted() {
    for policy in POLICIES {
        for_each_flow_if(
            |from| !takes_turns(from),
            move |from, to, transport| {
                let line = line((from, to), transport, options(policy));
                let pieces = pieces(&line.address);
                let receiver = line.to.receiver().unwrap();
                check(policy, &line.sender(), pieces, &receiver);
            },
        );
    }
}

#[test]
fn the_send_policy_applies_to_a_stream() {
    common::within(LIMIT, || {
        for policy in POLICIES {
            for transport in Transport::WIRES {
                told(format!("{policy:?} over {transport:?}"), || {
                    let (near, far) = transport.contexts();
                    let (from, to) = options(policy);
                    let to = open(&far, SocketType::Stream, to);
                    let from = open(&near, SocketType::Stream, from);
                    from.connect(to.bind(transport.endpoint()).unwrap())
                        .unwrap();
                    let receiver = to.receiver().unwrap();
                    // Each tells of the connection.
                    let _ = next(&receiver);
                    let address = next(&from.receiver().unwrap())[0].clone();
                    check(
                        policy,
                        &from.sender().unwrap(),
                        pieces(&[address]),
                        &receiver,
                    );
                });
            }
        }
    });
}

/// What the first piece is made of: 0 and 1 would make a subscription of what XSUB sends.
const FIRST: usize = 2;

/// Pieces of which each byte is its number.
fn pieces(address: &[Frame]) -> impl Iterator<Item = Message> + '_ {
    (FIRST..FIRST + PIECES).map(|number| {
        let body = Frame::from(vec![number as u8; PIECE]);
        address.iter().cloned().chain([body]).collect()
    })
}

/// Sends all pieces before any is read.
fn check(
    policy: Overflow,
    sender: &Sender,
    pieces: impl Iterator<Item = Message>,
    receiver: &Receiver,
) {
    let before = sender.dropped();
    for piece in pieces {
        // These policies never wait.
        sender.try_send(piece).unwrap();
    }
    let (mut came, mut bytes) = (Vec::new(), 0);
    let lost = || (sender.dropped() - before) as usize;
    eventually("each piece arrives or is counted", || {
        for message in receiver.drain() {
            let body = message.iter().last().unwrap();
            // Of a stream it may be a part.
            let numbers = body.chunk_by(|one, other| one == other);
            came.extend(numbers.map(|part| usize::from(part[0]) - FIRST));
            bytes += body.len();
        }
        bytes == (PIECES - lost()) * PIECE
    });
    came.dedup();
    assert_eq!(came.len() + lost(), PIECES, "{came:?}");
    assert!(came.is_sorted_by(|one, other| one < other), "{came:?}");
    assert!(lost() > PIECES / 4, "{came:?}");
    match policy {
        Overflow::DropNewest => {
            let first: Vec<_> = (0..MARK).collect();
            assert!(came.starts_with(&first), "{came:?}");
        }
        _ => assert!(came.ends_with(&[PIECES - 1]), "{came:?}"),
    }
}
