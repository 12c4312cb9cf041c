//! `zc bench`: throughput and latency between two processes. The other one may be one of libzmq's
//! `local_thr`, `remote_thr`, `local_lat` and `remote_lat`: sockets and messages are the same.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::json;
use zmq_channels::{Any, Context, Message, Options, Socket, SocketType};

use crate::duration;
use crate::exit::{Failure, Outcome};
use crate::output::print_line;
use crate::progress::{Progress, Tally};
use crate::reach::Reach;
use crate::run::{Job, Runner, Terms};
use crate::{receive, send, sockets};

/// Measurements between two processes.
///
/// Start a local end, which binds, and its remote end with the same --size and --count:
///
///   zc bench local-thr tcp://127.0.0.1:5555 & zc bench remote-thr tcp://127.0.0.1:5555
///
/// Either may be replaced by libzmq's program of that name, such as `local_thr ENDPOINT SIZE COUNT`.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Bind a PULL socket, receive, and print the throughput
    LocalThr(BenchArgs),
    /// Connect a PUSH socket and send
    RemoteThr(BenchArgs),
    /// Bind a REP socket and echo
    LocalLat(BenchArgs),
    /// Connect a REQ socket, make round trips, and print the latency
    RemoteLat(BenchArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchArgs {
    /// Where the local end binds and the remote end connects
    #[arg(value_name = "ENDPOINT")]
    endpoint: String,
    /// Bytes a message
    #[arg(short, long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Messages, or round trips
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100_000)]
    count: u64,
    /// Give up (exit code 3) when no message has come for so long
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Print JSON, an object in one line
    #[arg(long)]
    json: bool,
    /// Show progress on standard error, even if that is no terminal
    #[arg(long)]
    progress: bool,
}

/// `zc bench`.
pub(crate) fn run(command: &BenchCommand) -> Outcome {
    let (socket_type, arguments) = match command {
        BenchCommand::LocalThr(arguments) => (SocketType::Pull, arguments),
        BenchCommand::RemoteThr(arguments) => (SocketType::Push, arguments),
        BenchCommand::LocalLat(arguments) => (SocketType::Rep, arguments),
        BenchCommand::RemoteLat(arguments) => (SocketType::Req, arguments),
    };
    let (context, tally) = (Context::new(), Tally::default());
    let (reach, endpoint) = (Reach::default(), &arguments.endpoint);
    let socket = sockets::open(&context, socket_type, &reach, Options::new())?;
    let runner = Runner::new(&context)?;
    match command {
        BenchCommand::LocalThr(_) | BenchCommand::LocalLat(_) => sockets::bind(&socket, endpoint)?,
        BenchCommand::RemoteThr(_) | BenchCommand::RemoteLat(_) => {
            sockets::connect(&socket, endpoint)?;
        }
    }
    let terms = Terms {
        is_endless: false,
        linger: None,
        progress: Progress::new(tally.clone(), arguments.progress, false),
    };
    let end = End {
        socket: socket.clone(),
        arguments: arguments.clone(),
        tally,
    };
    let job = match command {
        BenchCommand::LocalThr(_) => Job::new(true, move || end.receive()),
        BenchCommand::RemoteThr(_) => Job::new(true, move || end.send()),
        BenchCommand::LocalLat(_) => Job::new(true, move || end.echo()),
        BenchCommand::RemoteLat(_) => Job::new(true, move || end.ask()),
    };
    runner.run(vec![job], terms)
}

const SILENCE: &str = "the other end is silent";

/// One of the two ends.
struct End {
    socket: Socket<Any>,
    arguments: BenchArgs,
    tally: Tally,
}

impl End {
    fn send(&self) -> Outcome {
        let sender = self.socket.sender().ok_or_else(no_such_call)?;
        let message = self.message();
        for _ in 0..self.arguments.count {
            send::send(&sender, message.clone(), self.arguments.timeout)?;
            self.tally.sent();
        }
        Ok(())
    }

    /// From the first message to the last, as libzmq measures it.
    fn receive(&self) -> Outcome {
        let BenchArgs { count, timeout, .. } = self.arguments;
        let receiver = self.socket.receiver().ok_or_else(no_such_call)?;
        let mut begun = Instant::now();
        for number in 0..count {
            let message = receive::receive(&receiver, timeout, SILENCE)?;
            self.check(&message)?;
            self.tally.received();
            if number == 0 {
                begun = Instant::now();
            }
        }
        self.print_throughput(begun.elapsed().as_secs_f64().max(1e-9))
    }

    fn echo(&self) -> Outcome {
        let BenchArgs { count, timeout, .. } = self.arguments;
        let receiver = self.socket.receiver().ok_or_else(no_such_call)?;
        let sender = self.socket.sender().ok_or_else(no_such_call)?;
        for _ in 0..count {
            let message = receive::receive(&receiver, timeout, SILENCE)?;
            self.tally.received();
            send::send(&sender, message, timeout)?;
        }
        Ok(())
    }

    fn ask(&self) -> Outcome {
        let BenchArgs { count, timeout, .. } = self.arguments;
        let receiver = self.socket.receiver().ok_or_else(no_such_call)?;
        let sender = self.socket.sender().ok_or_else(no_such_call)?;
        let message = self.message();
        let mut times = Vec::new();
        for _ in 0..count {
            let begun = Instant::now();
            send::send(&sender, message.clone(), timeout)?;
            let reply = receive::receive(&receiver, timeout, SILENCE)?;
            times.push(begun.elapsed());
            self.tally.received();
            self.check(&reply)?;
        }
        times.sort_unstable();
        self.print_latency(&times)
    }

    fn message(&self) -> Message {
        Message::from(vec![0_u8; self.arguments.size])
    }

    fn check(&self, message: &Message) -> Outcome {
        match (message.byte_len(), self.arguments.size) {
            (bytes, size) if bytes == size => Ok(()),
            (bytes, size) => Err(Failure::Runtime(format!(
                "a message of {bytes} bytes instead of {size}: the two ends must agree"
            ))),
        }
    }

    fn print_throughput(&self, seconds: f64) -> Outcome {
        let BenchArgs { size, count, .. } = self.arguments;
        // The first message is when the clock starts.
        let rate = count.saturating_sub(1) as f64 / seconds;
        let megabits = rate * size as f64 * 8.0 / 1e6;
        print_line(&match self.arguments.json {
            true => json!({
                "size": size, "count": count, "seconds": seconds,
                "messages_per_second": rate, "megabits_per_second": megabits,
            })
            .to_string(),
            false => format!(
                "{count} messages of {size} bytes: {rate:.0} messages/s, {megabits:.1} Mbit/s"
            ),
        })
    }

    /// Half a round trip is what libzmq's `remote_lat` calls the latency.
    fn print_latency(&self, sorted: &[Duration]) -> Outcome {
        let BenchArgs { size, count, .. } = self.arguments;
        let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |percent: usize| {
            let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
            sorted.get(at).copied().map_or(0.0, microseconds)
        };
        let total: Duration = sorted.iter().sum();
        let average = microseconds(total) / sorted.len().max(1) as f64 / 2.0;
        let (half, most, worst) = (at(50), at(99), at(100));
        print_line(&match self.arguments.json {
            true => json!({
                "size": size, "count": count, "average_latency_us": average,
                "round_trip_us": {"p50": half, "p99": most, "max": worst},
            })
            .to_string(),
            false => format!(
                "{count} round trips of {size} bytes: p50 {half:.1} us, p99 {most:.1} us, max \
                 {worst:.1} us; average latency {average:.1} us one way"
            ),
        })
    }
}

fn no_such_call() -> Failure {
    Failure::Runtime("this type of socket has no such call".into())
}
