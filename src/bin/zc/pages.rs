//! Completions and the manual page, made from the definition of the command line.

use std::io::{self, Write};

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::{Failure, Outcome};

/// Completions for a shell.
///
/// Bash: `zc completions bash > /etc/bash_completion.d/zc`. Zsh: into a file `_zc` in a directory of
/// $fpath. Fish: `zc completions fish > ~/.config/fish/completions/zc.fish`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// `zc completions`.
pub(crate) fn completions(mut command: Command, arguments: &CompletionsArgs) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "zc", &mut text);
    print(&text)
}

/// The manual.
///
/// Without a command, the page on zc. For man: `zc man push > zc-push.1`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The page on this command, such as push
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// `zc man`.
pub(crate) fn man(mut zc: Command, arguments: &ManArgs) -> Outcome {
    zc.build();
    let command = match &arguments.command {
        None => &zc,
        Some(name) => zc
            .find_subcommand(name)
            .ok_or_else(|| Failure::Usage(format!("{name}: no such command")))?,
    };
    let mut text = Vec::new();
    let written = clap_mangen::Man::new(command.clone()).render(&mut text);
    written.map_err(|error| Failure::because(&error))?;
    print(&text)
}

fn print(text: &[u8]) -> Outcome {
    let written = io::stdout().write_all(text);
    written.map_err(|error| Failure::writing(&error))
}
