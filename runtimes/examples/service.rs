//! A service in tokio: a ROUTER whose requests are answered in tasks, so that a slow one delays no other.
//! Ctrl-C and SIGTERM end it gracefully: what was received is answered, the replies are sent, and it prints
//! its statistics.
//!
//! ```text
//! service                            the service and three DEALER clients, over inproc; ends by itself
//! service tcp://127.0.0.1:5555       until Ctrl-C or SIGTERM, for any REQ and DEALER
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use futures::future::try_join_all;
use futures::{stream, Stream, StreamExt, TryStreamExt};
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::oneshot;
use zmq_channels::statistics::Statistics;
use zmq_channels::{Context, Dealer, Frame, Message, Router, Socket};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Requests that are answered at the same time. Further ones wait in the sockets, as far as their high-water
/// marks allow; then the clients wait.
pub(crate) const AT_ONCE: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let context = Context::new();
    let service = context.socket::<Router>()?;
    let (statistics, undelivered) = match std::env::args().nth(1) {
        Some(endpoint) => {
            let shutdown = shutdown_signal()?;
            println!("serving at {}", service.bind(endpoint)?);
            serve(&service, shutdown, double).await?
        }
        None => {
            let endpoint = service.bind("inproc://service")?;
            let (stop, stopped) = oneshot::channel::<()>();
            let serving = tokio::spawn(async move { serve(&service, stopped, double).await });
            let numbers = [0..10, 10..20, 20..30];
            let clients = numbers.map(|numbers| ask(&context, endpoint.as_str(), numbers));
            println!("{:?}", try_join_all(clients).await?);
            drop(stop);
            serving.await??
        }
    };
    let replies = statistics.messages_out + statistics.queued_out as u64;
    println!(
        "{} requests, {replies} replies, {undelivered} undelivered",
        statistics.messages_in
    );
    println!("dropped: {:?}", statistics.dropped);
    Ok(())
}

/// Completes at Ctrl-C or SIGTERM. From this call on, they do not end the process.
pub(crate) fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => println!("interrupted"),
            _ = terminate.recv() => println!("terminated"),
        }
    })
}

/// Answers requests until `shutdown` completes, then those that have been received, and closes the socket.
/// Returns its statistics, and the number of replies that were not delivered.
pub(crate) async fn serve<A, F>(
    service: &Socket<Router>,
    shutdown: impl Future,
    answer: A,
) -> Result<(Statistics, u64), Failure>
where
    A: Fn(Frame) -> F,
    F: Future<Output = Frame> + Send + 'static,
{
    answer_all(service, service.receiver().take_until(shutdown), &answer).await?;
    let received: Vec<Message> = service.receiver().drain().collect();
    answer_all(service, stream::iter(received), &answer).await?;
    let statistics = service.statistics()?;
    Ok((statistics, service.close().await.undelivered))
}

async fn answer_all<A, F>(
    service: &Socket<Router>,
    requests: impl Stream<Item = Message>,
    answer: &A,
) -> Result<(), Failure>
where
    A: Fn(Frame) -> F,
    F: Future<Output = Frame> + Send + 'static,
{
    let reply = |mut request: Message| async move {
        // All frames but the last are the envelope: the routing id, and what the client put in front.
        let body = request.pop_back().unwrap_or_default();
        // A task that panics costs its own client the answer, and no other.
        let answer = tokio::spawn(answer(body))
            .await
            .unwrap_or_else(|_| "failed".into());
        request.push(answer);
        service.send(request).await
    };
    let requests = requests.map(Ok);
    Ok(requests.try_for_each_concurrent(AT_ONCE, reply).await?)
}

/// The work: slower for some numbers than for others.
async fn double(body: Frame) -> Frame {
    let number = body.as_str().and_then(|text| text.parse::<u64>().ok());
    let Some(number) = number else {
        return "not a number".into();
    };
    tokio::time::sleep(Duration::from_millis(number % 5)).await;
    number.wrapping_mul(2).to_string().into()
}

/// A client: sends all requests at once, each with a number that its reply has too.
pub(crate) async fn ask(
    context: &Context,
    endpoint: &str,
    bodies: impl IntoIterator<Item = u64>,
) -> Result<BTreeMap<u32, String>, Failure> {
    let client = context.socket::<Dealer>()?;
    client.connect(endpoint)?;
    let mut replies = BTreeMap::new();
    let mut sent = 0;
    for (number, body) in (0_u32..).zip(bodies) {
        client
            .send((number.to_be_bytes(), body.to_string()))
            .await?;
        sent += 1;
    }
    while replies.len() < sent {
        let reply = client.recv().await?;
        let number = u32::from_be_bytes(reply[0][..].try_into()?);
        replies.insert(number, reply[1].to_string());
    }
    Ok(replies)
}
