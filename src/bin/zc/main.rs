//! `zc`: ZeroMQ sockets on the command line. See the guide's page on it, or `zc --help`.

mod args;
mod bench;
mod cli;
mod duration;
mod events;
mod exit;
mod formats;
mod keys;
mod monitor;
mod output;
mod pages;
mod plan;
mod progress;
mod proxy;
mod reach;
mod receive;
mod request;
mod roles;
mod run;
mod security;
mod send;
mod signals;
mod sockets;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use plan::Plan;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Socket(command) => roles::run(&Plan::of(command)),
        Command::Proxy(arguments) => proxy::run(&arguments),
        Command::Monitor(arguments) => monitor::run(&arguments),
        Command::Bench(command) => bench::run(&command),
        Command::Keygen(arguments) => keys::keygen(&arguments),
        Command::Completions(arguments) => pages::completions(Cli::command(), &arguments),
        Command::Man(arguments) => pages::man(Cli::command(), &arguments),
    };
    exit::report(outcome)
}
