//! ffleet: FFmpeg as a service. This is the program: its commands, what they print, and the
//! wiring of the roles.

mod api;
mod argv;
mod attach;
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
mod governed;
mod jobs;
mod keys;
mod logs;
mod nodes;
mod presets;
mod probe;
mod program;
mod registration;
mod run;
mod serve;
mod server;
mod show;
mod simulate;
mod streams;
mod submit;
mod tenants;
mod token;
mod voyandz;
mod wait;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: it is started for every child, and is to stay small.
    if std::env::args_os().nth(1).is_some_and(|word| word == program::SHIM) {
        return ffleet_guard::shim::main();
    }
    program::run(std::env::args_os())
}
