//! `ffleet completions`: what a shell needs to complete our commands, from the same definition
//! that parses them.

use std::io::{self, Write as _};

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::generate;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::failure::Failure;

/// `ffleet completions SHELL`
#[derive(Debug, Args)]
#[command(after_help = "Try it: source <(ffleet completions bash)\n\
                        To keep it, see where your shell looks for completions, such as\n\
                        ~/.local/share/bash-completion/completions/ffleet")]
pub(crate) struct Flags {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the completions.
pub(crate) fn run(flags: &Flags) -> Result<Exit, Failure> {
    let shell = match flags.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    // By way of memory: clap panics when a pipe is closed.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "ffleet", &mut script);
    io::stdout().write_all(&script)?;
    Ok(Exit::Done)
}
