//! Ping-pong between two PAIR sockets: the quick start of this library.
//!
//! ```text
//! ping_pong                           both sides, over inproc
//! ping_pong tcp://127.0.0.1:5555      one side; any ZeroMQ PAIR socket bound there is the other
//! ping_pong --bind ipc:///tmp/pong    the other side; any ZeroMQ PAIR socket may connect
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::{Context, Options, Pair, Socket};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const ROUNDS: usize = 3;

/// A peer that is not there yet may come; one that stays away is an error.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Outcome {
    let context = Context::new();
    // Buffers of 64 messages, of which the newest survive.
    let options = Options::new().sliding(64);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let server = context.socket_with::<Pair>(options.clone())?;
            let client = context.socket_with::<Pair>(options)?;
            client.connect("inproc://ping-pong")?;
            server.bind("inproc://ping-pong")?;
            let serving = thread::spawn(move || answer(&server));
            ask(&client)?;
            serving.join().map_err(|_| "the server's thread panicked")?
        }
        [endpoint] => {
            let client = context.socket_with::<Pair>(options)?;
            client.connect(endpoint)?;
            ask(&client)
        }
        ["--bind", endpoint] => {
            let server = context.socket_with::<Pair>(options)?;
            println!("bound to {}", server.bind(endpoint)?);
            answer(&server)
        }
        _ => Err("usage: ping_pong [[--bind] ENDPOINT]".into()),
    }
}

fn ask(client: &Socket<Pair>) -> Outcome {
    for _ in 0..ROUNDS {
        client.send_timeout_blocking("ping", PATIENCE)?;
        let pong = client.recv_timeout_blocking(PATIENCE)?;
        println!("client got {}", pong.as_str().unwrap_or("something else"));
    }
    Ok(())
}

fn answer(server: &Socket<Pair>) -> Outcome {
    for _ in 0..ROUNDS {
        let ping = server.recv_timeout_blocking(PATIENCE)?;
        println!("server got {}", ping.as_str().unwrap_or("something else"));
        server.send_timeout_blocking("pong", PATIENCE)?;
    }
    Ok(())
}
