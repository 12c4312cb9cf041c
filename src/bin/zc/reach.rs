//! The arguments about connections: endpoints, limits, security.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::duration;

/// Where a socket binds and connects, and the options of the connections.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Reach {
    /// Connect to these endpoints, such as tcp://localhost:5555 or ipc:///tmp/socket
    #[arg(value_name = "ENDPOINT", required_unless_present_any = ["bind", "connect"])]
    pub(crate) endpoints: Vec<String>,
    /// Bind to this endpoint, such as tcp://*:5555; may be given several times. With a port that the
    /// system chooses (tcp://127.0.0.1:*), the endpoint is told on standard error
    #[arg(short, long, value_name = "ENDPOINT")]
    pub(crate) bind: Vec<String>,
    /// Connect to this endpoint; may be given several times
    #[arg(short, long, value_name = "ENDPOINT")]
    pub(crate) connect: Vec<String>,
    /// Give up (exit code 3) when a message, a peer, a reply or room for a message has not come for
    /// so long, such as 500ms or 2s
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// Wait for at most so long at the end until all is sent. Default: --timeout, or else without
    /// limit
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) linger: Option<Duration>,
    /// High-water marks, in messages, of both directions; 0 for none. Default: 1000
    #[arg(long, value_name = "N")]
    pub(crate) hwm: Option<usize>,
    /// Resolve names to IPv6 addresses as well
    #[arg(long)]
    pub(crate) ipv6: bool,
    /// Tell on standard error what happens to the connections
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// PLAIN and CURVE.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SecurityArgs {
    /// Be a CURVE server with the secret key in this file, which `zc keygen` has made
    #[arg(
        long,
        help_heading = "Security",
        value_name = "KEYFILE",
        group = "mechanism"
    )]
    pub(crate) curve_server: Option<PathBuf>,
    /// As CURVE server, take this client only: its public key in Z85, or a file with it; may be given
    /// several times
    #[arg(
        long,
        help_heading = "Security",
        value_name = "KEY",
        allow_hyphen_values = true,
        requires = "curve_server"
    )]
    pub(crate) allow: Vec<String>,
    /// Be a CURVE client of the server with this public key, in Z85, or in a file
    #[arg(
        long,
        help_heading = "Security",
        value_name = "KEY",
        allow_hyphen_values = true,
        group = "mechanism"
    )]
    pub(crate) server_key: Option<String>,
    /// As CURVE client, use the secret key in this file. Default: a new one for this run
    #[arg(
        long = "curve",
        help_heading = "Security",
        value_name = "KEYFILE",
        requires = "server_key"
    )]
    pub(crate) curve_client: Option<PathBuf>,
    /// Be a PLAIN client. Other users of this computer may see the command line: prefer --plain-file,
    /// or the environment variable ZC_PLAIN, which holds USER:PASSWORD, too
    #[arg(
        long,
        help_heading = "Security",
        value_name = "USER:PASSWORD",
        allow_hyphen_values = true,
        group = "mechanism"
    )]
    pub(crate) plain: Option<String>,
    /// Be a PLAIN client with USER:PASSWORD from the first line of this file
    #[arg(
        long,
        help_heading = "Security",
        value_name = "FILE",
        group = "mechanism"
    )]
    pub(crate) plain_file: Option<PathBuf>,
    /// Be a PLAIN server for the users in this file, a USER:PASSWORD a line
    #[arg(
        long,
        help_heading = "Security",
        value_name = "FILE",
        group = "mechanism"
    )]
    pub(crate) plain_server: Option<PathBuf>,
}
