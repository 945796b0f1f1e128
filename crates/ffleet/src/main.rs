//! ffleet: FFmpeg as a service. This is the program: its commands, what they print, and the
//! wiring of the roles.

mod api;
mod argv;
mod audit;
mod backup;
mod cli;
mod completions;
mod config;
mod context;
mod dashboard;
mod declare;
mod exit;
mod failure;
mod feeds;
mod jobs;
mod logs;
mod nodes;
mod presets;
mod probe;
mod program;
mod registration;
mod serve;
mod server;
mod show;
mod streams;
mod submit;
mod token;
mod voyandz;
mod wait;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: it is started for every child, and is to stay small.
    if std::env::args_os().nth(1).is_some_and(|word| word == program::SHIM) {
        return ffleet_guard::shim::main();
    }
    program::run(std::env::args_os()).into()
}
