//! How much is read and written at once.

use super::*;

const KIB: usize = 1024;

#[test]
fn reads_grow_up_to_the_batch_size() {
    for batch in [KIB, 8 * KIB, 100_000, 128 * KIB] {
        let now = Instant::now();
        let mut config = config(SocketType::Pull);
        config.in_batch_size = batch;
        let mut pull = ready(config, 1, PUSH_READY, now);
        let stream = frame(0, &[7; 100]).repeat(10_000);
        let (mut rest, mut largest, mut got) = (&stream[..], 0, 0);
        while !rest.is_empty() {
            let room = pull.recv_slice();
            assert!(room.len() <= batch, "{} of {batch}", room.len());
            largest = largest.max(room.len());
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            pull.recv_advance(n, now);
            rest = &rest[n..];
            while let Some(event) = pull.poll_event() {
                assert_eq!(event, message(&[&[7; 100]]));
                got += 1;
            }
        }
        assert_eq!(got, 10_000);
        assert!(largest > batch * 9 / 10, "{largest} of {batch}");
        // And what our part of the handshake took.
        let capacity = pull.capacity();
        assert!(capacity <= batch + 200, "{capacity} of {batch}");
    }
}

#[test]
fn frames_of_every_size_pass_through_the_smallest_batches() {
    let mut config = config(SocketType::Pull);
    config.in_batch_size = KIB;
    let near = |size: usize| [size - 3, size - 2, size - 1, size, size + 1];
    let sizes = [near(256), near(512), near(KIB), near(4 * KIB)].concat();
    let mut bytes = script(1, &[PUSH_READY]);
    let mut expected = Vec::new();
    for (index, size) in sizes.into_iter().enumerate() {
        let body = vec![index as u8; size];
        bytes.extend(frame(0, &body));
        expected.push(message(&[&body]));
    }
    assert!(traffic_of(config, &bytes) == expected);
}

#[test]
fn small_messages_are_collected_in_chunks_of_the_batch_size() {
    for batch in [KIB, 10_000, 64 * KIB] {
        let now = Instant::now();
        let mut config = config(SocketType::Push);
        config.out_batch_size = batch;
        let mut push = ready(config, 1, PULL_READY, now);
        for _ in 0..3000 {
            push.send(Message::from([1u8; 64]));
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let filled = push.poll_transmit(&mut slices);
        let whole = &slices[..filled - 1];
        for slice in whole {
            assert!(slice.len() <= batch && slice.len() > batch - 80, "{batch}");
        }
        assert!(!whole.is_empty());
        assert_eq!(drain(&mut push, usize::MAX).1, 3000);
    }
}
