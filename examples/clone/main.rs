//! The Clone pattern, with the messages of RFC 12: a server has a table of keys and values, replicas have a
//! copy of all of it or of one subtree, and any client may set a value. A replica starts with a snapshot, and
//! then applies the updates that came after it.
//!
//! ```text
//! clone                      a server, a replica of everything and one of a subtree, over inproc
//! clone server               at tcp://127.0.0.1:5556 (snapshots), 5557 (updates) and 5558 (what clients set)
//! clone replica [SUBTREE]    prints what it has, and every update
//! clone set KEY VALUE        an empty value deletes the key
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::{Context, Frame, Message, Push, Socket};

mod replica;
mod server;

pub(crate) use replica::Replica;
pub(crate) use server::Server;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Where snapshots, updates and new values are.
pub(crate) type Endpoints<'a> = [&'a str; 3];

/// What a replica asks for, what ends the reply, and the heartbeat among the updates.
pub(crate) const I_CAN_HAZ: &str = "ICANHAZ?";
pub(crate) const K_THX_BAI: &str = "KTHXBAI";
pub(crate) const HUGZ: &str = "HUGZ";

fn main() -> Result<(), Failure> {
    const TCP: Endpoints = [
        "tcp://127.0.0.1:5556",
        "tcp://127.0.0.1:5557",
        "tcp://127.0.0.1:5558",
    ];
    let (context, second) = (Context::new(), Duration::from_secs(1));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demonstrate(&context)?,
        ["server"] => Server::bind(&context, TCP)?.run(second),
        ["replica"] => watch(Replica::join(&context, TCP, "")?)?,
        ["replica", subtree] => watch(Replica::join(&context, TCP, subtree)?)?,
        ["set", key, value] => {
            let setter = context.socket::<Push>()?;
            setter.connect(TCP[2])?;
            set(&setter, key, value)?;
        }
        _ => return Err("usage: clone [server | replica [SUBTREE] | set KEY VALUE]".into()),
    }
    Ok(())
}

/// One replica joins before the values are set, the other after it has seen half of them.
fn demonstrate(context: &Context) -> Result<(), Failure> {
    const INPROC: Endpoints = ["inproc://snapshots", "inproc://updates", "inproc://values"];
    let server = Server::bind(context, INPROC)?;
    let serving = thread::spawn(move || server.run(Duration::from_millis(50)));
    let setter = context.socket::<Push>()?;
    setter.connect(INPROC[2])?;
    let mut all = Replica::join(context, INPROC, "")?;
    for number in 0..3 {
        set(&setter, &format!("/oslo/{number}"), "cold")?;
        set(&setter, &format!("/rome/{number}"), "warm")?;
        all.update()?;
        all.update()?;
    }
    let mut oslo = Replica::join(context, INPROC, "/oslo/")?;
    set(&setter, "/oslo/0", "")?;
    set(&setter, "/oslo/1", "mild")?;
    for replica in [&mut all, &mut oslo] {
        while replica.sequence < 8 {
            replica.update()?;
        }
        println!("{:?} at {}", replica.values, replica.sequence);
    }
    context.shutdown();
    Ok(serving.join().map_err(|_| "the server panicked")?)
}

fn watch(mut replica: Replica) -> Result<(), Failure> {
    println!("{:?}", replica.values);
    loop {
        println!("{}", replica.update()?);
    }
}

/// Sets a value, or deletes it if it is empty.
pub(crate) fn set(setter: &Socket<Push>, key: &str, value: &str) -> Result<(), Failure> {
    Ok(setter.send_blocking(entry(key, 0, value))?)
}

/// A key and its value as one message. The frames between them are the number of the update, a UUID and
/// properties; the last two are not used here.
pub(crate) fn entry(key: impl Into<Frame>, sequence: u64, value: impl Into<Frame>) -> Message {
    let unused = Frame::empty;
    (key, sequence.to_be_bytes(), unused(), unused(), value).into()
}

/// The number of an update, if the message is one.
pub(crate) fn sequence(entry: &Message) -> Option<u64> {
    match entry.frames() {
        [_, sequence, _, _, _] => Some(u64::from_be_bytes(sequence[..].try_into().ok()?)),
        _ => None,
    }
}
