//! Frames cut at any place, by size and by what stands before them.

use super::super::frame::put_header;
use super::*;

/// What comes out of a frame that arrives in pieces of at most `piece` bytes.
fn through(body: &[u8], piece: usize) -> Frame {
    let mut decoder = Decoder::new(8 << 10);
    decoder.limit_frames(None);
    let mut bytes = Vec::new();
    put_header(&mut bytes, 0, body.len());
    bytes.extend_from_slice(body);
    let mut rest = &bytes[..];
    loop {
        if let Ok(Some(decoded)) = decoder.next_frame() {
            assert!(rest.is_empty(), "{} bytes too early", rest.len());
            return decoded.body.into_frame();
        }
        let room = decoder.room();
        let n = rest.len().min(piece).min(room.len());
        assert!(n > 0, "all is there, and nothing comes");
        room[..n].copy_from_slice(&rest[..n]);
        decoder.arrived(n);
        rest = &rest[n..];
    }
}

#[test]
fn little_is_read_behind_a_large_frame_until_the_next_header() {
    const BATCH: usize = 64 << 10;
    let mut decoder = Decoder::new(BATCH);
    decoder.limit_frames(None);
    let put = |decoder: &mut Decoder, bytes: &[u8]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = decoder.room();
            let n = rest.len().min(room.len());
            room[..n].copy_from_slice(&rest[..n]);
            decoder.arrived(n);
            rest = &rest[n..];
            if rest.is_empty() {
                break;
            }
            assert!(decoder.next_frame().unwrap().is_none());
        }
    };
    let frame = |size: usize| {
        let mut bytes = Vec::new();
        put_header(&mut bytes, 0, size);
        bytes.resize(bytes.len() + size, 7);
        bytes
    };
    // Let the buffer grow as far as it may.
    put(&mut decoder, &frame(BATCH / 4));
    while decoder.next_frame().unwrap().is_some() {}
    assert!(!decoder.expects_more());
    for size in [BATCH, 3 * BATCH] {
        let large = frame(size);
        put(&mut decoder, &large[..large.len() - 1]);
        assert!(decoder.next_frame().unwrap().is_none() && decoder.expects_more());
        put(&mut decoder, &large[large.len() - 1..]);
        assert!(decoder.next_frame().unwrap().is_some() && decoder.expects_more());
        assert_eq!(decoder.room().len(), AFTER_LARGE);
        put(&mut decoder, &frame(10));
        assert!(decoder.next_frame().unwrap().is_some() && !decoder.expects_more());
        assert!(decoder.room().len() > AFTER_LARGE);
    }
}

/// All that comes out of `bytes`, which arrive in pieces of these lengths, over and over; the
/// short ones as they are, without any frame taken before.
fn short_ones(bytes: &[u8], pieces: &[usize], decoder: &mut Decoder) -> Vec<Bytes> {
    let mut bodies = Vec::new();
    let mut rest = bytes;
    for piece in pieces.iter().cycle() {
        while let Some(body) = decoder.next_short_message() {
            bodies.push(body);
        }
        match decoder.next_frame().unwrap() {
            Some(decoded) => {
                bodies.push(Bytes::copy_from_slice(&decoded.body.into_frame()));
                continue;
            }
            None if rest.is_empty() => break,
            None => {}
        }
        let room = decoder.room();
        let n = rest.len().min(*piece).min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        decoder.arrived(n);
        rest = &rest[n..];
    }
    bodies
}

fn stream(sizes: impl Iterator<Item = usize>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let bodies: Vec<Vec<u8>> = sizes
        .enumerate()
        .map(|(number, size)| (0..size).map(|at| (at * 7 + number) as u8).collect())
        .collect();
    let mut bytes = Vec::new();
    for body in &bodies {
        put_header(&mut bytes, 0, body.len());
        bytes.extend_from_slice(body);
    }
    (bytes, bodies)
}

#[test]
fn short_messages_are_decoded_however_they_are_cut() {
    const LONGEST: usize = storage::LONGEST_IN_SLAB;
    let edges = [
        0,
        64,
        65,
        66,
        255,
        256,
        257,
        1000,
        LONGEST - 1,
        LONGEST,
        LONGEST + 1,
    ];
    let mixed = (0..2000).map(|number| match number % 50 {
        0 => 20_000,
        _ => edges[number * number % edges.len()],
    });
    let alike = std::iter::repeat_n(300, 500);
    for (bytes, bodies) in [stream(mixed), stream(alike)] {
        for pieces in [
            &[usize::MAX][..],
            &[4096],
            &[5000, 1, 333],
            &[70_000, 2, 9000],
        ] {
            let mut decoder = Decoder::new(128 << 10);
            decoder.limit_frames(None);
            let arrived = short_ones(&bytes, pieces, &mut decoder);
            assert!(arrived == bodies, "pieces of {pieces:?}");
        }
    }
}

#[test]
fn short_messages_share_one_allocation_without_excess() {
    let (bytes, bodies) = stream(std::iter::repeat_n(300, 200));
    let mut decoder = Decoder::new(128 << 10);
    decoder.limit_frames(None);
    decoder.filled = true;
    let arrived = short_ones(&bytes, &[usize::MAX], &mut decoder);
    assert_eq!(arrived, bodies);
    let neighbours = arrived
        .windows(2)
        .filter(|pair| pair[0].as_ptr_range().end.wrapping_add(9) == pair[1].as_ptr())
        .count();
    assert!(neighbours > 150, "{neighbours} of 199 neighbours");
    decoder.shrink_to_fit();
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn no_short_message_overtakes_a_large_one() {
    let (bytes, bodies) = stream([5000, 300].into_iter());
    let mut decoder = Decoder::new(8 << 10);
    decoder.limit_frames(None);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let room = decoder.room();
        // What comes behind the large one is read before that is taken off.
        let n = rest.len().min(room.len()).min(2500);
        room[..n].copy_from_slice(&rest[..n]);
        decoder.arrived(n);
        rest = &rest[n..];
        assert_eq!(decoder.next_short_message(), None);
        if decoder.large.is_none() {
            assert!(decoder.next_frame().unwrap().is_none());
        }
    }
    let large = decoder.next_frame().unwrap().unwrap();
    assert_eq!(large.body.into_frame(), bodies[0]);
    assert_eq!(decoder.next_short_message().unwrap(), bodies[1]);
}

#[test]
fn a_message_beyond_the_limit_is_not_decoded_as_short() {
    let (bytes, _) = stream([300, 301].into_iter());
    let mut decoder = Decoder::new(8 << 10);
    decoder.limit_frames(Some(300));
    decoder.room()[..bytes.len()].copy_from_slice(&bytes);
    decoder.arrived(bytes.len());
    assert_eq!(decoder.next_short_message().unwrap().len(), 300);
    assert_eq!(decoder.next_short_message(), None);
    assert!(decoder.next_frame().is_err());
    for announced in [u64::MAX, u64::MAX >> 1, 1 << 32, 0] {
        let mut decoder = Decoder::new(8 << 10);
        decoder.limit_frames(None);
        let header = [&[LONG][..], &announced.to_be_bytes()].concat();
        decoder.room()[..header.len()].copy_from_slice(&header);
        decoder.arrived(header.len());
        assert_eq!(decoder.next_short_message(), None, "{announced}");
    }
}

#[test]
fn large_frames_are_decoded_in_reused_memory() {
    let sizes = [4097, 5000, 8191, 8192, 12_000, 70_000, 300_000];
    for piece in [777, 6000, usize::MAX] {
        for before in sizes {
            for size in sizes {
                // Longer, shorter or as long: its memory is kept when it is dropped.
                drop(through(&vec![0xEE; before], piece));
                let body: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
                assert!(through(&body, piece) == body, "{size} after {before}");
            }
        }
    }
}
