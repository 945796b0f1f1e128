//! From arguments to an exit code.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::Parser as _;
use clap::error::{ContextKind, ErrorKind};
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{
    argv, audit, backup, completions, config, dashboard, feeds, jobs, logs, nodes, presets, probe,
    serve, streams, submit,
};

/// What makes this program the parent of one child (`ffleet_guard::shim`): for the server alone,
/// and so in no help.
pub(crate) const SHIM: &str = "shim";

/// Runs the command that the arguments name, and says what went wrong.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> Exit {
    match attempt(args) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure != Failure::ReaderGone {
                // Where not even that can be written, the exit code has to say it.
                drop(writeln!(io::stderr(), "{failure}"));
            }
            failure.exit()
        }
    }
}

fn attempt(args: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let cli = match Cli::try_parse_from(argv::rewrite(args)?) {
        Ok(cli) => cli,
        // Help and version are errors to clap, and go to standard output.
        Err(mut error) => {
            // clap's advice on a value that looks like an option is to put it behind `--`, which
            // means something else here.
            if error.kind() == ErrorKind::UnknownArgument {
                error.remove(ContextKind::Suggested);
            }
            let printed = error.print();
            if error.use_stderr() {
                return Ok(Exit::Usage);
            }
            printed?;
            return Ok(Exit::Done);
        }
    };
    let context = Context::new(cli.common)?;
    match cli.command {
        Command::Serve(flags) => serve::run(&context, serve::Origin::Ours(flags)),
        Command::Voyandz(flags) => serve::run(&context, serve::Origin::Voyandz(flags)),
        Command::Config { command: config::Command::Check { file } } => {
            config::check_file(&context, file)
        }
        Command::Config { command: config::Command::Reload } => {
            client()?.block_on(config::reload(&context))
        }
        Command::Completions(flags) => completions::run(&flags),
        Command::Audit(flags) => {
            audit::run(&context, &flags, |names| client()?.block_on(audit::probe(&context, names)))
        }
        Command::Submit(flags) => client()?.block_on(submit::run(&context, *flags)),
        Command::Jobs { command } => client()?.block_on(jobs::run(&context, command)),
        Command::Logs(flags) => client()?.block_on(logs::run(&context, flags)),
        Command::Presets(flags) => client()?.block_on(presets::run(&context, flags)),
        Command::Probe(flags) => client()?.block_on(probe::run(&context, flags)),
        Command::Backup(flags) => client()?.block_on(backup::run(&context, flags)),
        Command::Dashboard => client()?.block_on(dashboard::run(&context)),
        Command::Feeds { command } => client()?.block_on(feeds::run(&context, command)),
        Command::Streams { command } => client()?.block_on(streams::run(&context, command)),
        Command::Nodes { command } => client()?.block_on(nodes::run(&context, command)),
    }
}

/// A client does one thing at a time.
fn client() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Local, format!("cannot start: {error}")))
}
