//! Ironhouse: client and server authenticate each other by their keys, and the connection is encrypted
//! (the Guide's chapter on security).
//!
//!     cargo run --example ironhouse
//!
//! The authenticator knows the key of one client, but not that of the other. Ends by itself.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::monitor::{DisconnectReason, EventKind};
use zmq_channels::security::Credentials;
use zmq_channels::{Context, CurveKeypair, Linger, Options, Pull, Push, Security};

fn main() -> Result<(), Box<dyn Error>> {
    let lines = play()?;
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// What becomes of a friend and a stranger.
pub(crate) fn play() -> Result<Vec<String>, Box<dyn Error>> {
    let mut lines = Vec::new();
    let context = Context::new();
    let server = CurveKeypair::generate()?;
    let server_key = *server.public();
    let (friend, stranger) = (CurveKeypair::generate()?, CurveKeypair::generate()?);

    // The authenticator: in a separate thread here; async code can do it as well.
    let authenticator = context.authenticator()?;
    let known = *friend.public();
    thread::spawn(move || {
        for request in authenticator {
            match &request.credentials {
                Credentials::Curve(key) if *key == known => request.accept("friend"),
                _ => request.deny("unknown key"),
            }
        }
    });

    let security = Security::curve_server(server);
    let pull = context.socket_with::<Pull>(Options::new().security(security))?;
    let monitor = pull.monitor()?;
    let endpoint = pull.bind("tcp://127.0.0.1:*")?;

    let connect = |keypair| -> Result<_, Box<dyn Error>> {
        let security = Security::curve_client(keypair, server_key);
        let push = context.socket_with::<Push>(Options::new().security(security))?;
        push.connect(&endpoint)?;
        push.send_blocking("hello")?;
        Ok(push)
    };
    let push = connect(friend)?;
    let received = pull.recv_blocking()?;
    let text = received.as_str().unwrap_or_default();
    lines.push(format!("received: {text}"));
    let other = connect(stranger)?;
    for event in monitor {
        match event.kind {
            EventKind::HandshakeSucceeded(peer) => {
                lines.push(format!("let in: {}", peer.user_id.unwrap_or_default()));
            }
            EventKind::HandshakeFailed {
                reason: DisconnectReason::AuthenticationFailed { status, text },
            } => {
                lines.push(format!("turned away: {text}, status {status}"));
                break;
            }
            _ => {}
        }
    }
    push.close_blocking();
    // What the stranger sends is not wanted.
    other.configure(|options| options.linger(Linger::For(Duration::ZERO)))?;
    other.close_blocking();
    Ok(lines)
}
