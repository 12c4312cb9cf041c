//! The example about payloads that are not copied, run.

use crate::common;

#[path = "../../examples/zero_copy.rs"]
#[allow(dead_code)]
mod zero_copy;

use std::sync::mpsc;

use bytes::Bytes;
use common::{within, Transport, LIMIT, PATIENCE};

const BYTES: usize = 100_000;

#[test]
fn subscribers_share_the_memory_of_a_payload() {
    within(LIMIT, || {
        for transport in [Transport::Inproc, Transport::AcrossPumps] {
            let (context, _) = transport.contexts();
            let payload = Bytes::from(vec![7; BYTES]);
            let received = zero_copy::publish(&context, &payload, 3).unwrap();
            assert_eq!(received.len(), 3);
            for message in received {
                assert_eq!(message[1].as_ptr(), payload.as_ptr(), "{transport:?}");
                assert_eq!(message[1], payload[..BYTES / 2]);
            }
        }
    });
}

#[test]
fn an_owner_gets_its_memory_back_when_the_last_peer_has_dropped_it() {
    within(LIMIT, || {
        for transport in Transport::ALL {
            let (context, _) = transport.contexts();
            let (pool, buffers) = mpsc::channel();
            let bytes: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
            let (memory, copy) = (bytes.as_ptr(), bytes.clone());
            let buffer = zero_copy::Buffer { bytes, pool };
            let received = zero_copy::send(&context, &transport.endpoint(), buffer).unwrap();
            assert_eq!(received[0], copy);
            if transport.is_inproc() {
                assert_eq!(received[0].as_ptr(), memory, "{transport:?}");
                assert!(buffers.try_recv().is_err());
            }
            drop(received);
            let returned = buffers.recv_timeout(PATIENCE).unwrap();
            assert_eq!(
                (returned.as_ptr(), returned),
                (memory, copy),
                "{transport:?}"
            );
        }
    });
}
