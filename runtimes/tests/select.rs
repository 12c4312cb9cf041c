//! Receives that are cancelled by what each runtime calls `select!`, and channels of many libraries as
//! sources of a `Select`.

use crate::common;

use common::tasks::{a_while, cancelled_receives};
use common::{within, LIMIT, PATIENCE};
use zmq_channels::error::{Closed, RecvError};
use zmq_channels::select::Selected;
use zmq_channels::{Message, Receiver, Select};

#[test]
fn cancelled_branches_of_tokio_select_lose_nothing() {
    within(LIMIT, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        cancelled_receives(move |left, right, rounds| {
            runtime.block_on(async {
                tokio::select! {
                    message = left.recv() => Some((0, message.unwrap())),
                    message = right.recv() => Some((1, message.unwrap())),
                    () = a_while(rounds) => None,
                }
            })
        });
    });
}

#[test]
fn cancelled_branches_of_futures_lite_lose_nothing() {
    use smol::future::or;
    within(LIMIT, || {
        cancelled_receives(|left, right, rounds| {
            let of = |index, receiver: &Receiver| {
                let receiver = receiver.clone();
                async move { Some((index, receiver.recv().await.unwrap())) }
            };
            let enough = async {
                a_while(rounds).await;
                None
            };
            smol::block_on(or(or(of(0, left), of(1, right)), enough))
        });
    });
}

/// The channel has one text, and then ends.
fn gives_one(stream: impl futures::Stream<Item = &'static str> + Send + 'static) {
    let mut select = Select::new();
    let token = select.stream(stream);
    let came = select.wait_timeout(PATIENCE);
    assert_eq!(came, Ok(Selected::Received(token, Message::from("text"))));
    let ended = select.wait_timeout(PATIENCE);
    assert_eq!(
        ended,
        Ok(Selected::Ended(token, RecvError::Closed(Closed::Socket)))
    );
}

#[test]
fn a_channel_of_async_channel_is_a_source() {
    within(LIMIT, || {
        let (give, stream) = async_channel::bounded(1);
        give.send_blocking("text").unwrap();
        drop(give);
        gives_one(stream);
    });
}

#[test]
fn a_channel_of_tokio_is_a_source() {
    within(LIMIT, || {
        let (give, stream) = tokio::sync::mpsc::channel(1);
        give.blocking_send("text").unwrap();
        drop(give);
        gives_one(tokio_stream::wrappers::ReceiverStream::new(stream));
    });
}
