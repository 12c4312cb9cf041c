//! A given number of messages from a PUSH to a PULL in one process, and nothing else: for tools that count
//! what a message costs, such as `benches/instructions`.
//!
//! ```text
//! cargo bench --bench carry -- tcp 100000
//! ```

use std::process::ExitCode;

use zmq_channels::{Context, Pull, Push};

/// What each message holds.
const BYTES: [u8; 64] = [7; 64];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut words = words
        .iter()
        .map(String::as_str)
        .filter(|&word| word != "--bench");
    let transport = words.next().unwrap_or("inproc");
    let Ok(count) = words.next().unwrap_or("1000").parse() else {
        eprintln!("usage: cargo bench --bench carry -- [tcp|ipc|inproc] [COUNT]");
        return ExitCode::from(2);
    };
    match carry(transport, count) {
        Ok(()) => {
            println!("{count} messages over {transport}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn carry(transport: &str, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let (pull, push) = (context.socket::<Pull>()?, context.socket::<Push>()?);
    let folder = std::env::temp_dir().join(format!("zmq-carry-{}", std::process::id()));
    let bound = match transport {
        "tcp" => pull.bind("tcp://127.0.0.1:*")?,
        "ipc" => pull.bind(format!("ipc://{}", folder.display()))?,
        other => pull.bind(format!("{other}://carry"))?,
    };
    push.connect(&bound)?;
    let sender = push.sender();
    let sending = std::thread::spawn(move || {
        (0..count).try_for_each(|_| sender.send_blocking(&BYTES[..]).map_err(drop))
    });
    for number in 0..count {
        if pull.recv_blocking()?[0] != BYTES {
            return Err(format!("message {number} is another").into());
        }
    }
    sending
        .join()
        .map_err(|_| "the sender panicked")?
        .map_err(|()| "not sent".into())
}
