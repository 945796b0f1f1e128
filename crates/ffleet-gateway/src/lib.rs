//! The gateway: live bytes in, to any number of viewers out.

mod account;
mod exclusive;
mod fan;
mod feed;
mod gateway;
mod http;
mod reader;
mod ring;
mod shot;
mod status;
mod stream;

pub use feed::Retries;
pub use gateway::{Gateway, Options, Parts, Wanted};
