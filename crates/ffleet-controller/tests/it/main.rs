//! The controller as its users meet it: a real server on a loopback port, a real store in a
//! temporary directory, and a worker that does what a test tells it to.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod awaited;
mod browser;
mod clicks;
mod dashboard;
mod enrol;
mod fixture;
mod hand;
mod keys;
mod lives;
mod looks;
mod requests;
mod restart;
mod samples;
mod security;
mod shapes;
mod streams;
mod tenants;
mod wire;
