//! Hello and World: a REP that answers the requests of any number of REQs (the Guide's hwserver
//! and hwclient). Either may be started first.
//!
//! ```text
//! hello_world                                both, over inproc
//! hello_world server                         bound to tcp://127.0.0.1:5555
//! hello_world client ipc:///tmp/hello        ten requests to the server at this endpoint
//! ```

use std::error::Error;
use std::thread;

use zmq_channels::error::RequestError;
use zmq_channels::{Context, Rep, Req, Socket};

const REQUESTS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (role, endpoint) = (arguments.next(), arguments.next());
    let endpoint = endpoint.as_deref().unwrap_or("tcp://127.0.0.1:5555");
    let context = Context::new();
    match role.as_deref() {
        None => both(&context)?,
        Some("server") => {
            let server = context.socket::<Rep>()?;
            println!("serving at {}", server.bind(endpoint)?);
            serve(&server);
        }
        Some("client") => {
            let client = context.socket::<Req>()?;
            client.connect(endpoint)?;
            ask(&client, REQUESTS)?;
        }
        Some(_) => return Err("usage: hello_world [server|client [ENDPOINT]]".into()),
    }
    Ok(())
}

/// Answers requests until the socket is closed.
pub(crate) fn serve(server: &Socket<Rep>) {
    for request in server.requests() {
        println!("asked {request:?}");
        if let Err(error) = request.reply("World") {
            eprintln!("too late to answer: {error}");
        }
    }
}

/// Asks, waiting for each answer; returns all of them.
pub(crate) fn ask(client: &Socket<Req>, requests: usize) -> Result<Vec<String>, RequestError> {
    (0..requests)
        .map(|_| {
            let reply = client.request_blocking("Hello")?;
            println!("answered {reply:?}");
            Ok(reply.as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

fn both(context: &Context) -> Result<(), Box<dyn Error>> {
    let (server, client) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    client.connect("inproc://hello")?;
    server.bind("inproc://hello")?;
    thread::scope(|scope| {
        scope.spawn(|| serve(&server));
        let answers = ask(&client, REQUESTS);
        server.close_blocking();
        answers
    })?;
    Ok(())
}
