//! The program as its users meet it: real processes, real FFmpeg, the command line and HTTP.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests stand outside: they start the program, read the clock and write files"
)]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so")]

mod audit;
#[path = "../../benches/promises/backlog.rs"]
mod backlog;
mod bad_input;
mod crash;
mod discovery;
mod encode;
mod fake;
mod fixture;
mod gateway;
mod http;
mod http_inputs;
mod journey;
mod lives;
mod outputs;
mod serial_bounds;
mod serving;
mod tls;
mod unprivileged;
mod usage;
mod waiting;
