//! The example about signals, run.

use crate::common;

#[path = "../examples/interrupt.rs"]
#[allow(dead_code)]
mod interrupt;

use std::process::{self, Command};
use std::thread;

use async_signal::Signal;
use common::{alone, next, Transport, LIMIT};
use zmq_channels::{Context, Message, Pull, Push, Rep, Req};

const REQUESTS: usize = 50;

#[test]
fn ctrl_c_ends_a_server_that_sends_what_is_left() {
    alone(LIMIT, || interrupted_by("INT", Signal::Int));
}

#[test]
fn sigterm_ends_a_server_that_sends_what_is_left() {
    alone(LIMIT, || interrupted_by("TERM", Signal::Term));
}

/// The journal of the requests has no reader until the server has ended.
fn interrupted_by(name: &str, signal: Signal) {
    let context = Context::new();
    let signals = interrupt::signals().unwrap();
    let server = context.socket::<Rep>().unwrap();
    let journal = context.socket::<Push>().unwrap();
    let journal_at = Transport::Tcp.endpoint();
    journal.connect(&journal_at).unwrap();
    let client = context.socket::<Req>().unwrap();
    client
        .connect(server.bind(Transport::Tcp.endpoint()).unwrap())
        .unwrap();
    let serving = {
        let (server, journal) = (server.clone(), journal.clone());
        thread::spawn(move || interrupt::serve(&server, Some(&journal), signals).unwrap())
    };
    for number in 0..REQUESTS {
        let reply = client.request_blocking(number.to_string()).unwrap();
        assert_eq!(reply, "World".into());
    }
    let kill = Command::new("kill")
        .args([format!("-{name}"), process::id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(serving.join().unwrap(), signal);
    assert_eq!(server.close_blocking().undelivered, 0);
    let closing = thread::spawn(move || journal.close_blocking().undelivered);
    let reader = context.socket::<Pull>().unwrap();
    reader.bind(&journal_at).unwrap();
    for number in 0..REQUESTS {
        assert_eq!(next(&reader.receiver()), Message::from(number.to_string()));
    }
    assert_eq!(closing.join().unwrap(), 0);
}
