//! The command line: what can be typed, and what `--help` says about it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::Exit;
use crate::{
    audit, backup, completions, config, feeds, jobs, logs, nodes, presets, probe, serve, streams,
    submit, voyandz,
};

/// FFmpeg as a service: submit jobs, watch them, keep what they promise.
#[derive(Debug, Parser)]
#[command(name = "ffleet", version, long_version = VERSION, after_help = Exit::help())]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The version, what it was built for, and how.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ntarget:  ",
    env!("FFLEET_TARGET"),
    "\nprofile: ",
    env!("FFLEET_PROFILE"),
);

/// Options of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Common {
    /// Print the API's own JSON instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The server, such as http://127.0.0.1:8420 [default: the one on this machine]
    #[arg(long, global = true, value_name = "URL", env = "FFLEET_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// A file that holds the key; FFLEET_KEY may hold the key itself [default: the key of the
    /// server on this machine]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FFLEET_KEY_FILE",
        hide_env_values = true
    )]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service: controller, worker and dashboard in one process
    Serve(serve::Flags),
    /// Run the service in the place of voyandz, from its configuration file
    Voyandz(voyandz::Flags),
    /// Hand in a job
    Submit(Box<submit::Flags>),
    /// Look at jobs, stop them, try them again
    Jobs {
        #[command(subcommand)]
        command: jobs::Command,
    },
    /// What FFmpeg said, over all jobs: by job, time and text
    Logs(logs::Flags),
    /// Presets: named recipes
    Presets(presets::Flags),
    /// Say what a file or URL holds
    Probe(probe::Flags),
    /// Say what a command of FFmpeg or GStreamer will start, open and leave unbounded
    Audit(audit::Flags),
    /// The machines that do the work
    Nodes {
        #[command(subcommand)]
        command: nodes::Command,
    },
    /// Sources of live bytes: what they are at, what they said
    Feeds {
        #[command(subcommand)]
        command: feeds::Command,
    },
    /// What can be watched, and who does
    Streams {
        #[command(subcommand)]
        command: streams::Command,
    },
    /// Print a new link that opens the dashboard once
    Dashboard,
    /// Copy the server's store while it is at work
    Backup(backup::Flags),
    /// The configuration file
    Config {
        #[command(subcommand)]
        command: config::Command,
    },
    /// Print what a shell needs to complete ffleet's commands and options
    Completions(completions::Flags),
}
