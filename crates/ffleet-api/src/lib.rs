//! The API's words on the wire, its errors, and what speaks it.
//!
//! [`control`] is what a worker says to a controller and hears from it; [`mod@bench`] is what a
//! controller asks of a node outside any job. Both are traits with two implementations in mind:
//! calls inside one process, and HTTP between machines.
//!
//! The rest is the API for people and programs: [`submit`], [`declare`] and [`query`] are what they send,
//! [`job`], [`attempt`], [`sample`], [`log`], [`node`], [`preset`], [`event`], [`key`], [`tenant`] what they get, [`problem`] what went
//! wrong, and [`client`] is a typed client over HTTP. Keys are kebab-case; times are RFC 3339
//! texts; limits are texts with units, measurements are numbers with the unit in the key.
//! What is sent is read strictly ([`strict`]), what is received leniently, so that an older
//! client can read a newer server.

pub mod attempt;
pub mod bench;
pub mod client;
pub mod control;
pub mod declare;
pub mod enrol;
pub mod event;
pub mod front;
pub mod job;
pub mod key;
pub mod live;
pub mod log;
pub mod moment;
pub mod node;
pub mod preset;
pub mod problem;
pub mod query;
pub mod sample;
mod schema;
pub mod strict;
pub mod submit;
pub mod tenant;
pub mod token;

pub use client::Client;
pub use job::Job;
pub use moment::Moment;
pub use node::Node;
pub use problem::{Code, Problem};
