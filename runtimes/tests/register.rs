//! Channels of other libraries as `in` and `out` of sockets.

use crate::common;

use common::tasks::comes_through;
use common::{within, LIMIT};
use futures::sink;
use zmq_channels::Message;

#[test]
fn channels_of_async_channel() {
    within(LIMIT, || {
        let (give, stream) = async_channel::bounded(3);
        let (out, take) = async_channel::bounded(3);
        // Its sender is no sink by itself.
        let sink = sink::unfold(out, |out, message: Message| async move {
            out.send(message).await.map(|()| out)
        });
        comes_through(
            stream,
            sink,
            move |message| give.send_blocking(message).unwrap(),
            move || take.recv_blocking().unwrap(),
        );
    });
}

#[test]
fn channels_of_tokio() {
    within(LIMIT, || {
        let (give, stream) = tokio::sync::mpsc::channel(3);
        let (sink, mut take) = tokio::sync::mpsc::channel::<Message>(3);
        comes_through(
            tokio_stream::wrappers::ReceiverStream::new(stream),
            tokio_util::sync::PollSender::new(sink),
            move |message| give.blocking_send(message).unwrap(),
            move || take.blocking_recv().unwrap(),
        );
    });
}
