//! `zc monitor`: what happens to the connections of a socket, a line each.

use clap::Args;
use zmq_channels::{Context, Options, SocketType};

use crate::events;
use crate::exit::{Failure, Outcome};
use crate::output::print_line;
use crate::progress::{Progress, Tally};
use crate::reach::Reach;
use crate::run::{Job, Runner, Terms};
use crate::sockets;

/// Events of connections.
///
/// Opens a socket of the type and prints what happens to its connections, until it is interrupted or
/// --count events have come. It sends nothing, and what it receives it leaves in the socket: do not
/// use it as one of several workers.
#[derive(Debug, Args)]
pub(crate) struct MonitorArgs {
    /// The type of socket, such as dealer
    #[arg(value_name = "TYPE", value_parser = parse_type)]
    socket_type: SocketType,
    #[command(flatten)]
    reach: Reach,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
    /// End after this number of events
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

fn parse_type(text: &str) -> Result<SocketType, String> {
    text.parse()
        .map_err(|_| "expected the type of a socket, such as dealer".to_string())
}

/// `zc monitor`.
pub(crate) fn run(arguments: &MonitorArgs) -> Outcome {
    let (context, tally) = (Context::new(), Tally::default());
    let MonitorArgs {
        socket_type, reach, ..
    } = arguments;
    let socket = sockets::open(&context, *socket_type, reach, Options::new())?;
    let monitor = socket.monitor();
    let monitor = monitor.map_err(|error| Failure::because(&error))?;
    let runner = Runner::new(&context)?;
    sockets::attach(&socket, reach)?;
    let (json, timeout) = (arguments.json, reach.timeout);
    let (mut left, is_endless) = (arguments.count, arguments.count.is_none());
    let print = move || {
        while left != Some(0) {
            let event = match timeout {
                None => monitor
                    .recv_blocking()
                    .map_err(|error| Failure::because(&error))?,
                Some(timeout) => monitor
                    .recv_timeout_blocking(timeout)
                    .map_err(|_| sockets::timed_out("no event has come"))?,
            };
            let text = match json {
                true => events::object(&event).to_string(),
                false => events::line(&event),
            };
            print_line(&text)?;
            left = left.map(|left| left - 1);
        }
        Ok(())
    };
    let terms = Terms {
        is_endless,
        linger: reach.linger,
        progress: Progress::new(tally, false, true),
    };
    runner.run(vec![Job::new(true, print)], terms)
}
