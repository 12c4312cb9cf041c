//! What futures and registrations are put to, whichever executor, runtime or library they are of.

use std::error::Error;
use std::future::poll_fn;
use std::task::Poll;
use std::thread;

use futures::executor::block_on;
use futures::{FutureExt, Sink, Stream};
use zmq_channels::register::Ended;
use zmq_channels::{Context, Message, Options, Pull, Push, Receiver, Rep, Req, Socket};

use super::{connected, next_text, put, text, Transport, PATIENCE};

// ---- round trips

/// A REP that echoes, in its own context, until that is shut down.
pub(crate) struct Echo {
    pub(crate) context: Context,
    endpoint: String,
}

impl Echo {
    pub(crate) fn new(transport: Transport) -> Self {
        let context = Context::new();
        let rep = context.socket::<Rep>().unwrap();
        let endpoint = rep.bind(transport.endpoint()).unwrap().to_string();
        thread::spawn(move || {
            while let Ok(request) = rep.recv_blocking() {
                if rep.send_blocking(request).is_err() {
                    return;
                }
            }
        });
        Echo { context, endpoint }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.context.shutdown();
    }
}

/// Round trips, after which a thread leads its pump while it waits.
pub(crate) fn go_round(req: &Socket<Req>, rounds: usize) {
    for round in 0..rounds {
        put(&req.sender(), round.to_string());
        assert_eq!(next_text(&req.receiver()), round.to_string());
    }
}

pub(crate) fn client(context: &Context, echo: &Echo) -> Socket<Req> {
    let req = context.socket::<Req>().unwrap();
    req.connect(echo.endpoint.as_str()).unwrap();
    go_round(&req, 100);
    req
}

/// As [`go_round`], in a task.
pub(crate) async fn go_round_in_a_task(req: &Socket<Req>, rounds: usize) {
    for round in 0..rounds {
        req.send(round.to_string()).await.unwrap();
        assert_eq!(text(&req.recv().await.unwrap()), round.to_string());
    }
}

// ---- receives that are cancelled

/// Which of two sockets got a message, if any did before the race was cancelled.
pub(crate) type Raced = Option<(usize, Message)>;

/// Two streams of numbers, and receives that are cancelled again and again: nothing is lost,
/// nothing comes twice, and all is in order.
pub(crate) fn cancelled_receives(mut race: impl FnMut(&Receiver, &Receiver, u32) -> Raced) {
    const COUNT: u32 = 500;
    let context = Context::new();
    let marks = Options::new().high_water_marks(8);
    let pairs = [Transport::Inproc, Transport::Tcp].map(|transport| {
        let (push, pull) = connected::<Push, Pull>(&context, transport, &marks);
        (push, pull.receiver())
    });
    let [(first, left), (second, right)] = pairs;
    let sending = [first, second].map(|push| {
        thread::spawn(move || {
            // Sends are cancelled as well: what was not sent is sent again.
            block_on(async {
                for count in 0..COUNT {
                    loop {
                        let mut patience = count % 3;
                        let enough = poll_fn(|context| {
                            context.waker().wake_by_ref();
                            match patience.checked_sub(1) {
                                Some(less) => {
                                    patience = less;
                                    Poll::Pending
                                }
                                None => Poll::Ready(()),
                            }
                        });
                        futures::select_biased! {
                            sent = push.send(count.to_string()).fuse() => {
                                sent.unwrap();
                                break;
                            }
                            // A call that races against time should leave the pump some.
                            () = enough.fuse() => thread::yield_now(),
                        }
                    }
                }
            });
            push.close_blocking();
        })
    });
    let (mut expected, mut rounds) = ([0, 0], 0);
    while expected != [COUNT, COUNT] {
        rounds += 1;
        match race(&left, &right, rounds) {
            Some((index, message)) => {
                assert_eq!(text(&message), expected[index].to_string());
                expected[index] += 1;
            }
            None => thread::yield_now(),
        }
    }
    for thread in sending {
        thread.join().unwrap();
    }
    assert!(left.is_empty() && right.is_empty());
}

/// Ready after a few polls.
pub(crate) async fn a_while(rounds: u32) {
    let mut left = rounds % 5;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        left = left.saturating_sub(1);
        match left {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

// ---- channels of many libraries

/// Feeds a socket's `in` through a channel, and a channel through a socket's `out`: `count`
/// messages must come through all of it, in order. `give` and `take` are the user's own ends.
pub(crate) fn comes_through<T: From<Message> + 'static, S>(
    stream: impl Stream<Item = Message> + Send + 'static,
    sink: S,
    give: impl FnMut(Message) + Send + 'static,
    mut take: impl FnMut() -> Message,
) where
    S: Sink<T> + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    const COUNT: u32 = 2_000;
    let context = Context::new();
    let marks = Options::new().high_water_marks(7);
    let (push, pull) = connected::<Push, Pull>(&context, Transport::Inproc, &marks);
    let stream = push.register_in(stream).unwrap();
    let sink = pull.register_out(sink).unwrap();
    // The registrations hold the ports.
    drop((push, pull, context));
    let giving = thread::spawn(move || {
        // Dropped at the end, which closes the stream.
        let mut give = give;
        (0..COUNT)
            .map(|number| number.to_string().into())
            .for_each(&mut give);
    });
    for count in 0..COUNT {
        assert_eq!(take(), Message::from(count.to_string()));
    }
    giving.join().unwrap();
    let ended = stream.wait_timeout_blocking(PATIENCE);
    let ended = ended.expect("the registration should have ended");
    assert!(matches!(ended, Ended::Finished(closed) if closed.undelivered == 0));
    drop(sink);
}
