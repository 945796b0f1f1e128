//! The gateway: live bytes in, to any number of viewers out.
//!
//! A [`Gateway`] holds feeds and streams as they were declared ([`Wanted`]) and changes them without touching what
//! stays the same. A feed is a task that starts and stops what makes its bytes, as `ffleet-live` says, and one ring; a
//! stream is whatever of that can be watched. The server hands over requests, and whole connections of viewers, by
//! [`ffleet_api::front::Front`].

mod account;
mod encode;
mod exclusive;
mod fan;
mod feed;
mod gateway;
mod http;
mod inputs;
mod lives;
mod output;
mod reader;
mod ring;
mod shot;
mod status;
mod stream;
mod totals;
mod trail;

pub use encode::Equipment;
pub use feed::Retries;
pub use gateway::{Changed, Gateway, Options, Parts, Wanted};
