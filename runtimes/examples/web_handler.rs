//! A web server whose handlers ask a service over REQ: one socket, cloned into each handler, with any number
//! of requests in flight, and a status for each way in which one can fail. In axum the socket is the
//! handler's `State`, and `handler` below is its body.
//!
//! ```text
//! web_handler                        with a REP over inproc and twelve visitors; ends by itself
//! web_handler 127.0.0.1:8080 tcp://127.0.0.1:5555     asks the REP there, until it is ended:
//!                                    curl http://127.0.0.1:8080/Hello
//! ```

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::try_join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use zmq_channels::error::RequestTimeoutError;
use zmq_channels::{Context, Rep, Req, Socket};

/// How long a visitor waits for the service.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest request line and headers, in bytes.
const MAX_HEAD: u64 = 8192;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let context = Context::new();
    let backend = context.socket::<Req>()?;
    if let (Some(address), Some(endpoint)) = (arguments.next(), arguments.next()) {
        backend.connect(endpoint)?;
        return Ok(serve(TcpListener::bind(address).await?, backend, PATIENCE).await?);
    }
    let service = context.socket::<Rep>()?;
    backend.connect(service.bind("inproc://service")?)?;
    tokio::spawn(async move {
        // Many requests are under way on this one REP.
        let requests = service.requests();
        while let Ok(request) = requests.recv().await {
            tokio::spawn(async move {
                let answer = format!("{} World", request.as_str().unwrap_or("?"));
                if let Err(error) = request.reply(answer) {
                    eprintln!("too late to answer: {error}");
                }
            });
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, backend, PATIENCE));
    let visits = (0..12).map(|number| visit(address, format!("Hello{number}")));
    for (status, body) in try_join_all(visits).await? {
        println!("{status}: {body}");
    }
    Ok(())
}

/// What a web framework calls: a path in, a status and a body out.
pub(crate) async fn handler(
    backend: &Socket<Req>,
    path: &str,
    patience: Duration,
) -> (&'static str, String) {
    match backend.request_timeout(path, patience).await {
        Ok(reply) => ("200 OK", reply.to_string()),
        // The request is cancelled: a late reply to it is dropped, and is no one else's.
        Err(error @ RequestTimeoutError::Timeout(_)) => ("504 Gateway Timeout", error.to_string()),
        // It may have been processed or not: the visitor must decide whether to ask again.
        Err(error @ RequestTimeoutError::PeerLost) => ("502 Bad Gateway", error.to_string()),
        Err(error) => ("503 Service Unavailable", error.to_string()),
    }
}

/// What a web framework does, reduced to GET: one task for each connection, one request on it.
pub(crate) async fn serve(
    listener: TcpListener,
    backend: Socket<Req>,
    patience: Duration,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let backend = backend.clone();
        tokio::spawn(async move {
            if let Err(error) = respond(stream, &backend, patience).await {
                eprintln!("a visitor left: {error}");
            }
        });
    }
}

async fn respond(
    mut stream: TcpStream,
    backend: &Socket<Req>,
    patience: Duration,
) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader.take(MAX_HEAD)).lines();
    let request = lines.next_line().await?.unwrap_or_default();
    while lines
        .next_line()
        .await?
        .is_some_and(|header| !header.is_empty())
    {}
    let (status, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["GET", path, _] => handler(backend, path.trim_start_matches('/'), patience).await,
        _ => ("400 Bad Request", String::new()),
    };
    let length = body.len();
    let response = format!("HTTP/1.0 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    writer.write_all(response.as_bytes()).await?;
    writer.shutdown().await
}

/// A visitor: asks for a path, and returns the status line and the body.
pub(crate) async fn visit(address: SocketAddr, path: String) -> io::Result<(String, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /{path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_default();
    Ok((
        head.lines().next().unwrap_or_default().to_owned(),
        body.to_owned(),
    ))
}
