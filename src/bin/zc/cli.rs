//! The command line. The comments here, and those of the arguments, are the help of `zc --help`.

use clap::{Parser, Subcommand};

use crate::args::SocketCommand;
use crate::bench::BenchCommand;
use crate::keys::KeygenArgs;
use crate::monitor::MonitorArgs;
use crate::pages::{CompletionsArgs, ManArgs};
use crate::proxy::ProxyArgs;

/// ZeroMQ sockets on the command line: send, receive, ask, answer, forward, watch and measure.
///
/// `zc TYPE ENDPOINT` opens a socket of that type and connects it; --bind binds it instead. What is
/// sent comes from standard input, a line each, or from -m; what is received goes to standard output.
#[derive(Debug, Parser)]
#[command(
    name = "zc",
    version,
    subcommand_required = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Try: zc pull --bind tcp://127.0.0.1:5555 & echo hello | zc push tcp://127.0.0.1:5555",
    after_long_help = AFTER_HELP,
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  zc pull --bind tcp://*:5555                    print every message, a line each
  seq 1000 | zc push tcp://localhost:5555        send a thousand
  zc req tcp://localhost:5556 -m hello -t 2s     ask once, wait for at most two seconds
  zc rep --bind tcp://*:5556 --exec 'wc -c'      answer each request with what a command prints
  zc sub tcp://localhost:5557 -s weather. --format json | jq -r '.[1]'
  zc pub --bind tcp://*:5557 --wait-subscribed 1 -m weather.oslo -m -3
  zc router --bind tcp://*:5558 --format multipart
  zc proxy tcp://*:5559 tcp://*:5560 --pattern queue
  zc keygen server && zc pull --bind tcp://*:5561 --curve-server server.key_secret
  zc push tcp://localhost:5561 --server-key server.key -m secret

A message has one frame or more. In the format multipart, json or hex every message can be written and
read back; line and raw are for text and files. The first frame of what a ROUTER, SERVER, PEER or STREAM
receives is the routing id of its sender, and what it sends goes to the peer that the first frame names.

Exit codes:
  0    done; also if Ctrl-C or SIGTERM ended what would have run forever, or if the reader of
       standard output went away
  1    failed: the reason is on standard error, in one line
  2    wrong usage
  3    --timeout was over
  4    messages were not delivered: not within --linger, or not to a peer that is not there
  130  Ctrl-C (143: SIGTERM) before all was done";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Socket(SocketCommand),
    /// Forward messages between two sockets, in both directions
    Proxy(ProxyArgs),
    /// Print what happens to the connections of a socket
    Monitor(MonitorArgs),
    /// Measure throughput and latency between two processes
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Make the keys of a CURVE server or client
    Keygen(KeygenArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print a page of the manual, in roff
    Man(ManArgs),
}
