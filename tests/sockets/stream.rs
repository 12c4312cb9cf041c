//! STREAM: bytes to and from peers that are plain sockets, or other STREAMs.

use crate::common;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use common::{eventually, holds_within, next, nothing_comes, put, within};
use common::{Transport, ABSENCE, LIMIT, PATIENCE};
use zmq_channels::error::{BindError, ConnectError, Refusal, SendError, TrySendError};
use zmq_channels::{
    Any, Context, ContextOptions, Endpoint, Frame, Message, Options, Receiver, SocketType, Stream,
};

const MIB: usize = 1024 * 1024;

trait Plain: Read + Write + Send {
    fn finish(&self);
}

impl Plain for TcpStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

#[cfg(unix)]
impl Plain for UnixStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

fn connect(endpoint: &Endpoint) -> Box<dyn Plain> {
    match endpoint.as_str().strip_prefix("tcp://") {
        Some(address) => {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Box::new(stream)
        }
        #[cfg(unix)]
        None => {
            let stream = UnixStream::connect(common::ipc_path(endpoint)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            Box::new(stream)
        }
        #[cfg(not(unix))]
        None => panic!("{endpoint}: not tcp"),
    }
}

/// A plain listener, and how to accept from it.
fn listen(transport: Transport) -> (String, Box<dyn Fn() -> Box<dyn Plain> + Send>) {
    let endpoint = transport.endpoint();
    match endpoint.strip_prefix("tcp://") {
        Some(address) => {
            let listener = TcpListener::bind(address).unwrap();
            let accept = move || -> Box<dyn Plain> { Box::new(listener.accept().unwrap().0) };
            (endpoint, Box::new(accept))
        }
        #[cfg(unix)]
        None => {
            let path = endpoint.strip_prefix("ipc://").unwrap();
            let listener = UnixListener::bind(path).unwrap();
            let accept = move || -> Box<dyn Plain> { Box::new(listener.accept().unwrap().0) };
            (endpoint, Box::new(accept))
        }
        #[cfg(not(unix))]
        None => panic!("{endpoint}: not tcp"),
    }
}

/// The id of a connection that has just begun, or ended.
fn notice(receiver: &Receiver) -> Frame {
    let message = next(receiver);
    assert_eq!(message.len(), 2);
    assert_eq!(message[0].len(), 5);
    assert_eq!(message[0][0], 0);
    assert!(message[1].is_empty(), "{message:?} is no notice");
    message[0].clone()
}

/// `length` bytes of this connection, in any number of chunks.
fn bytes(receiver: &Receiver, id: &Frame, length: usize) -> Vec<u8> {
    let mut got = Vec::new();
    while got.len() < length {
        let message = next(receiver);
        assert_eq!(message.len(), 2);
        assert_eq!(message[0], *id);
        assert!((1..=8192).contains(&message[1].len()));
        got.extend_from_slice(&message[1]);
    }
    assert_eq!(got.len(), length);
    got
}

fn to(id: &Frame, bytes: impl Into<Frame>) -> Message {
    Message::from([id.clone(), bytes.into()])
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 251 + n) as u8).collect()
}

#[test]
fn plain_peers_connect_exchange_bytes_and_disconnect() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let stream = Context::new().socket::<Stream>().unwrap();
            let (sender, receiver) = (stream.sender(), stream.receiver());
            let endpoint = stream.bind(transport.endpoint()).unwrap();
            let mut first = connect(&endpoint);
            let first_id = notice(&receiver);
            let mut second = connect(&endpoint);
            let second_id = notice(&receiver);
            assert_ne!(first_id, second_id);
            first.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            assert_eq!(bytes(&receiver, &first_id, 18), b"GET / HTTP/1.0\r\n\r\n");
            second.write_all(&[0xff; 10]).unwrap();
            assert_eq!(bytes(&receiver, &second_id, 10), [0xff; 10]);
            put(&sender, to(&second_id, "two"));
            put(
                &sender,
                Message::from([first_id.clone(), "o".into(), "ne".into()]),
            );
            let mut said = [0; 3];
            first.read_exact(&mut said).unwrap();
            assert_eq!(said, *b"one");
            second.read_exact(&mut said).unwrap();
            assert_eq!(said, *b"two");
            drop(first);
            assert_eq!(notice(&receiver), first_id);
            second.write_all(b"last words").unwrap();
            second.finish();
            assert_eq!(bytes(&receiver, &second_id, 10), b"last words");
            assert_eq!(notice(&receiver), second_id);
            assert_eq!(sender.dropped(), 0);
            let late = sender.send_blocking(to(&second_id, "too late"));
            let refused = SendError::Refused(Refusal::Unroutable, to(&second_id, "too late"));
            assert_eq!(late, Err(refused));
        }
    });
}

#[test]
fn a_dialed_connection_keeps_its_id_after_a_reconnect() {
    within(LIMIT, || {
        for transport in Transport::WIRES {
            let (endpoint, accept) = listen(transport);
            let stream = Context::new().socket::<Stream>().unwrap();
            let (sender, receiver) = (stream.sender(), stream.receiver());
            stream.connect(&endpoint).unwrap();
            let mut id = None;
            for _ in 0..3 {
                let mut plain = accept();
                let begun = notice(&receiver);
                assert_eq!(*id.get_or_insert(begun.clone()), begun);
                put(&sender, to(&begun, "ping"));
                let mut said = [0; 4];
                plain.read_exact(&mut said).unwrap();
                assert_eq!(said, *b"ping");
                plain.write_all(b"pong").unwrap();
                assert_eq!(bytes(&receiver, &begun, 4), b"pong");
                drop(plain);
                assert_eq!(notice(&receiver), begun);
            }
        }
    });
}

#[test]
fn a_server_and_ten_clients() {
    for transport in Transport::WIRES {
        let limit = Duration::from_secs(1);
        let talk = move || {
            let context = Context::new();
            let server = context.socket::<Stream>().unwrap();
            let endpoint = server.bind(transport.endpoint()).unwrap();
            let clients: Vec<_> = (0..10)
                .map(|_| {
                    let client = context.socket::<Stream>().unwrap();
                    client.connect(&endpoint).unwrap();
                    let id = notice(&client.receiver());
                    (client, id)
                })
                .collect();
            let mut ids: Vec<_> = (0..10).map(|_| notice(&server.receiver())).collect();
            ids.sort_by(|a, b| a[..].cmp(&b[..]));
            ids.dedup();
            assert_eq!(ids.len(), 10);
            for (number, (client, id)) in clients.iter().enumerate() {
                put(&client.sender(), to(id, format!("hello {number}")));
            }
            let mut names = HashMap::new();
            for _ in 0..10 {
                let message = next(&server.receiver());
                names.insert(message[1].to_vec(), message[0].clone());
                put(&server.sender(), message);
            }
            for (number, (client, id)) in clients.iter().enumerate() {
                let hello = format!("hello {number}");
                assert_eq!(bytes(&client.receiver(), id, 7), hello.as_bytes());
                assert!(names.contains_key(hello.as_bytes()));
            }
            // Half of them go, the other half is told to.
            let mut clients = clients;
            for (client, _) in clients.drain(..5) {
                client.close_blocking();
                notice(&server.receiver());
            }
            for (number, (client, id)) in clients.iter().enumerate() {
                let name = &names[format!("hello {}", number + 5).as_bytes()];
                put(&server.sender(), to(name, ""));
                assert_eq!(notice(&server.receiver()), *name);
                assert_eq!(notice(&client.receiver()), *id);
            }
        };
        within(limit, talk);
    }
}

#[test]
fn an_empty_chunk_ends_a_connection_after_earlier_bytes() {
    within(LIMIT, || {
        let (endpoint, accept) = listen(Transport::Tcp);
        let stream = Context::new().socket::<Stream>().unwrap();
        let (sender, receiver) = (stream.sender(), stream.receiver());
        stream.connect(&endpoint).unwrap();
        let mut plain = accept();
        let id = notice(&receiver);
        let all = pattern(3 * MIB);
        for chunk in all.chunks(100_000) {
            put(&sender, to(&id, chunk));
        }
        put(&sender, to(&id, ""));
        // Too late, and said so: now, or by the count when the end is still on its way.
        let late = sender.send_blocking(to(&id, "not this"));
        assert_eq!(notice(&receiver), id);
        let mut got = Vec::new();
        plain.read_to_end(&mut got).unwrap();
        assert!(got == all, "{} of {} bytes", got.len(), all.len());
        drop(plain);
        match late {
            Ok(()) => eventually("a drop that is counted", || sender.dropped() == 1),
            Err(error) => assert!(matches!(error, SendError::Refused(Refusal::Unroutable, _))),
        }
        // The user ended it: it is not made again, until the user wants it again.
        nothing_comes(&receiver);
        stream.disconnect(&endpoint).unwrap_err();
        stream.connect(&endpoint).unwrap();
        let _plain = accept();
        notice(&receiver);
    });
}

#[test]
fn a_mebibyte_is_echoed_unchanged() {
    within(LIMIT, || {
        let (endpoint, accept) = listen(Transport::Tcp);
        let echo = thread::spawn(move || {
            let mut plain = accept();
            // Of a size that fits nothing.
            let mut some = vec![0; 77_777];
            while let Ok(read @ 1..) = plain.read(&mut some) {
                plain.write_all(&some[..read]).unwrap();
            }
        });
        let stream = Context::new().socket::<Stream>().unwrap();
        let receiver = stream.receiver();
        stream.connect(&endpoint).unwrap();
        let id = notice(&receiver);
        let all = pattern(MIB);
        for size in [MIB, 100_000, 5000, 700] {
            let (to_whom, sent, sender) = (id.clone(), all.clone(), stream.sender());
            let writer = thread::spawn(move || {
                for chunk in sent.chunks(size) {
                    put(&sender, to(&to_whom, chunk));
                }
            });
            assert!(bytes(&receiver, &id, MIB) == all, "in chunks of {size}");
            writer.join().unwrap();
        }
        stream.close_blocking();
        echo.join().unwrap();
    });
}

#[test]
fn a_peer_that_does_not_read_fills_in_and_loses_no_byte() {
    within(LIMIT, || {
        let options = Options::new().send_high_water_mark(4);
        let stream = Context::new().socket_with::<Stream>(options).unwrap();
        let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
        let mut plain = connect(&endpoint);
        let id = notice(&stream.receiver());
        let chunk = pattern(MIB);
        let mut accepted = 0;
        let full = holds_within(PATIENCE, || loop {
            match stream.try_send(to(&id, chunk.clone())) {
                Ok(()) => accepted += 1,
                // It must stay so: what the kernel takes comes to an end.
                Err(TrySendError::Full(_)) => {
                    let more = stream.send_timeout_blocking(to(&id, chunk.clone()), ABSENCE);
                    accepted += usize::from(more.is_ok());
                    return more.is_err();
                }
                Err(error) => panic!("{error}"),
            }
        });
        assert!(full, "{accepted} accepted");
        // Four in `in`, four at the peer, one being placed, and what the kernel has.
        assert!((4..60).contains(&accepted), "{accepted}");
        let mut got = vec![0; accepted * MIB];
        let reader = thread::spawn(move || {
            plain.read_exact(&mut got).unwrap();
            got
        });
        let got = reader.join().unwrap();
        assert!(got.chunks(MIB).all(|mebibyte| mebibyte == chunk));
        assert_eq!(stream.sender().dropped(), 0);
    });
}

#[test]
fn a_full_out_stops_the_peer_and_loses_no_byte() {
    within(LIMIT, || {
        let options = Options::new().receive_high_water_mark(2);
        let stream = Context::new().socket_with::<Stream>(options).unwrap();
        let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
        let address = endpoint.as_str().strip_prefix("tcp://").unwrap();
        let mut plain = TcpStream::connect(address).unwrap();
        plain
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let some = pattern(64 * 1024);
        let mut written = Vec::new();
        loop {
            match plain.write(&some) {
                Ok(bytes) => written.extend_from_slice(&some[..bytes]),
                // Unix and Windows name the end of a time limit differently.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break
                }
                Err(error) => panic!("{error}"),
            }
            assert!(written.len() < 60 * MIB, "no limit stops this");
        }
        assert_eq!(stream.receiver().len(), 2);
        plain.shutdown(Shutdown::Write).unwrap();
        let id = notice(&stream.receiver());
        let got = bytes(&stream.receiver(), &id, written.len());
        assert!(got == written);
        assert_eq!(notice(&stream.receiver()), id);
    });
}

#[test]
fn a_silent_connection_stays_and_notices_are_optional() {
    within(LIMIT, || {
        // A context gives it to all its sockets; here there is no handshake.
        let options = Options::new().handshake_timeout(Some(Duration::from_millis(10)));
        let context = ContextOptions::new().socket_options(options.clone());
        let context = Context::with_options(context).unwrap();
        let stream = context.socket_with::<Stream>(options.stream_notify(false));
        let stream = stream.unwrap();
        let receiver = stream.receiver();
        let endpoint = stream.bind("tcp://127.0.0.1:*").unwrap();
        let mut plain = connect(&endpoint);
        nothing_comes(&receiver);
        plain.write_all(b"at last").unwrap();
        let message = next(&receiver);
        assert_eq!(message[1], "at last");
        put(&stream.sender(), to(&message[0], "welcome"));
        let mut said = [0; 7];
        plain.read_exact(&mut said).unwrap();
        assert_eq!(said, *b"welcome");
        drop(plain);
        nothing_comes(&receiver);
        stream
            .configure(|options| options.stream_notify(true))
            .unwrap();
        let _plain = connect(&endpoint);
        notice(&receiver);
    });
}

#[test]
fn a_stream_refuses_inproc() {
    within(LIMIT, || {
        let context = Context::new();
        let stream = context
            .socket_of(SocketType::Stream, Options::new())
            .unwrap();
        let _any: &zmq_channels::Socket<Any> = &stream;
        match stream.bind("inproc://stream").unwrap_err() {
            BindError::Unsupported {
                socket_type,
                endpoint,
            } => {
                assert_eq!(socket_type, SocketType::Stream);
                assert_eq!(endpoint, "inproc://stream");
            }
            other => panic!("{other}"),
        }
        let refused = stream.connect("inproc://stream").unwrap_err();
        assert!(matches!(refused, ConnectError::Unsupported { .. }));
        let text = refused.to_string();
        assert_eq!(
            text,
            "STREAM sockets cannot be connected to inproc://stream"
        );
        // The name is free for others.
        let pair = context.socket::<zmq_channels::Pair>().unwrap();
        pair.bind("inproc://stream").unwrap();
    });
}
