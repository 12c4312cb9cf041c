//! Ports of typed values: closures and codecs around both ports, in every kind of call.

use crate::common;

#[path = "../../examples/typed.rs"]
mod typed;

use std::num::ParseIntError;
use std::time::Duration;

use common::{next_text, within, Transport, LIMIT, PATIENCE};
use futures::executor::block_on;
use futures::{stream, SinkExt, StreamExt};
use zmq_channels::codec::Codec;
use zmq_channels::error::{
    Closed, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
    TypedRecvError, TypedSendError,
};
use zmq_channels::{Context, Message, Options, Pair, Pull, Push, Socket};

const SHORT: Duration = Duration::from_millis(5);

/// Even numbers as text: there are values and messages it cannot do.
#[derive(Clone, Copy, Debug)]
struct Even;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Odd;

#[derive(Debug, PartialEq)]
enum NoNumber {
    Text(ParseIntError),
    Odd,
}

impl Codec<u32> for Even {
    type EncodeError = Odd;
    type DecodeError = NoNumber;

    fn encode(&self, value: &u32) -> Result<Message, Odd> {
        match value % 2 {
            0 => Ok(value.to_string().into()),
            _ => Err(Odd),
        }
    }

    fn decode(&self, message: &Message) -> Result<u32, NoNumber> {
        let text = message.as_str().unwrap_or_default();
        match text.parse() {
            Ok(number) if number % 2 == 0 => Ok(number),
            Ok(_) => Err(NoNumber::Odd),
            Err(error) => Err(NoNumber::Text(error)),
        }
    }
}

fn connected(mark: usize) -> (Socket<Push>, Socket<Pull>) {
    common::pair_with(Transport::Inproc, &Options::new().high_water_marks(mark))
}

/// A socket that takes one message and no more.
fn full() -> Socket<Push> {
    let options = Options::new().high_water_marks(1);
    let options = options.linger(zmq_channels::Linger::For(Duration::ZERO));
    let push = Context::new().socket_with::<Push>(options).unwrap();
    push.send_blocking("full now").unwrap();
    push
}

#[test]
fn closures_map_both_ports_in_every_call() {
    within(LIMIT, || {
        let (push, pull) = connected(100);
        let sender = push.sender().map(|number: &u32| number.to_string());
        let receiver = pull
            .receiver()
            .map(|message| message.as_str().unwrap().parse::<u32>().unwrap());
        sender.send_blocking(1).unwrap();
        sender.try_send(2).unwrap();
        sender.send_timeout_blocking(3, PATIENCE).unwrap();
        block_on(sender.send(4)).unwrap();
        block_on(sender.send_timeout(5, PATIENCE)).unwrap();
        assert_eq!(receiver.recv_blocking(), Ok(1));
        assert_eq!(receiver.recv_timeout_blocking(PATIENCE), Ok(2));
        assert_eq!(block_on(receiver.recv()), Ok(3));
        assert_eq!(block_on(receiver.recv_timeout(PATIENCE)), Ok(4));
        common::eventually("the last one", || receiver.port().len() == 1);
        assert_eq!(receiver.try_recv(), Ok(5));

        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        let late = Err(RecvTimeoutError::Timeout);
        assert_eq!(receiver.recv_timeout_blocking(SHORT), late);
        assert_eq!(block_on(receiver.recv_timeout(SHORT)), late);
        sender.send_blocking(7).unwrap();
        sender.port().close();
        assert_eq!(
            sender.send_blocking(8),
            Err(SendError::Closed(Closed::Socket, 8))
        );
        assert_eq!(receiver.iter().next(), Some(7));
        pull.close_blocking();
        assert_eq!(
            receiver.recv_blocking(),
            Err(RecvError::Closed(Closed::Socket))
        );
    });
}

/// Whatever the reason, the caller has the value again.
#[test]
fn a_value_that_was_not_sent_is_returned() {
    within(LIMIT, || {
        let push = full();
        let sender = push.sender().map(|text: &String| text.clone());
        let value = || "x".to_owned();
        let timeout = Err(SendTimeoutError::Timeout(value()));
        assert_eq!(sender.try_send(value()), Err(TrySendError::Full(value())));
        assert_eq!(sender.send_timeout_blocking(value(), SHORT), timeout);
        assert_eq!(block_on(sender.send_timeout(value(), SHORT)), timeout);
        drop(push.close());
        let closed = Err(SendError::Closed(Closed::Socket, value()));
        assert_eq!(block_on(sender.send(value())), closed);

        let push = full();
        let sender = push.sender().with_codec(Even);
        let full = Err(TypedSendError::Send(TrySendError::Full(2)));
        assert_eq!(sender.try_send(2), full);
        let timeout = Err(TypedSendError::Send(SendTimeoutError::Timeout(4)));
        assert_eq!(sender.send_timeout_blocking(4, SHORT), timeout);
        assert_eq!(block_on(sender.send_timeout(4, SHORT)), timeout);
        drop(push.close());
        let closed = Err(TypedSendError::Send(SendError::Closed(Closed::Socket, 6)));
        assert_eq!(sender.send_blocking(6), closed);
        assert_eq!(block_on(sender.send(6)), closed);
    });
}

#[test]
fn values_a_codec_refuses_are_returned() {
    within(LIMIT, || {
        let (push, pull) = connected(100);
        let (sender, receiver) = (
            push.sender().with_codec(Even),
            pull.receiver().with_codec::<u32, _>(Even),
        );
        assert_eq!(sender.send_blocking(1), Err(TypedSendError::Encode(Odd, 1)));
        assert_eq!(sender.try_send(3), Err(TypedSendError::Encode(Odd, 3)));
        assert_eq!(
            block_on(sender.send(5)),
            Err(TypedSendError::Encode(Odd, 5))
        );
        sender.send_blocking(2).unwrap();
        push.send_blocking("7").unwrap();
        push.send_blocking(["a", "b"]).unwrap();
        sender.send_blocking(4).unwrap();
        assert_eq!(receiver.recv_blocking(), Ok(2));
        assert_eq!(
            receiver.recv_blocking(),
            Err(TypedRecvError::Decode(NoNumber::Odd, "7".into()))
        );
        assert!(matches!(
            receiver.recv_timeout_blocking(PATIENCE),
            Err(TypedRecvError::Decode(NoNumber::Text(_), message)) if message.len() == 2
        ));
        assert_eq!(block_on(receiver.recv()), Ok(4));
        let empty = Err(TypedRecvError::Recv(TryRecvError::Empty));
        assert_eq!(receiver.try_recv(), empty);
    });
}

/// Two thousand numbers through a sink and a stream, with room for three at a time.
#[test]
fn typed_ports_are_sinks_and_streams() {
    within(LIMIT, || {
        const COUNT: u32 = 2_000;
        let (push, pull) = connected(3);
        let even = |number: u32| number * 2;
        let mut first = push.sender().with_codec(Even);
        let mut second = first.clone();
        let sending = std::thread::spawn(move || {
            block_on(futures::future::join(
                async {
                    let numbers = stream::iter((0..COUNT).map(even).map(Ok));
                    first.send_all(&mut numbers.boxed()).await.unwrap();
                    first.close().await.unwrap();
                },
                async {
                    for number in (0..COUNT).map(even) {
                        second.send(number).await.unwrap();
                    }
                    assert_eq!(
                        second.feed(1).await,
                        Err(TypedSendError::Encode(Odd, 1)),
                        "the sink refuses what the codec does"
                    );
                },
            ));
            push.close_blocking();
        });
        let mut receiver = pull.receiver().with_codec::<u32, _>(Even);
        let mut sum = 0u64;
        block_on(async {
            for _ in 0..2 * COUNT {
                sum += u64::from(receiver.next().await.unwrap().unwrap());
            }
            pull.close().await;
            assert_eq!(receiver.next().await, None);
        });
        sending.join().unwrap();
        assert_eq!(sum, 2 * (0..COUNT).map(even).map(u64::from).sum::<u64>());
    });
}

/// A mapped port goes where any stream or sink goes, a registration included.
#[test]
fn mapped_ports_connect_sockets() {
    within(LIMIT, || {
        let (push, pull) = connected(10);
        let context = Context::new();
        let (out, last) = (
            context.socket::<Pair>().unwrap(),
            context.socket::<Pair>().unwrap(),
        );
        out.connect(last.bind(Transport::Tcp.endpoint()).unwrap())
            .unwrap();
        let doubled = pull.receiver().map(|message| {
            let number: u32 = message.as_str().unwrap().parse().unwrap();
            (2 * number).to_string()
        });
        let _goes_on = out.register_in(doubled).unwrap();
        let sink = push.sender().map(|number: &u32| number.to_string());
        for number in 0..100 {
            sink.send_blocking(number).unwrap();
            assert_eq!(next_text(&last.receiver()), (2 * number).to_string());
        }
    });
}

#[test]
fn the_example_runs() {
    within(LIMIT, || {
        typed::main().unwrap();
        let (push, pull) = connected(10);
        let reading = typed::Reading {
            station: "top".to_owned(),
            celsius: -4.0,
            wind: None,
        };
        let sender = push.sender().with_codec(typed::Json);
        sender.send_blocking(reading.clone()).unwrap();
        // One codec, many types.
        let sender = push.sender().with_codec(typed::Json);
        sender.send_blocking((1, "two".to_owned())).unwrap();
        let receiver = pull.receiver().with_codec::<typed::Reading, _>(typed::Json);
        assert_eq!(receiver.recv_blocking().unwrap(), reading);
        assert_eq!(next_text(&pull.receiver()), r#"[1,"two"]"#);
    });
}
