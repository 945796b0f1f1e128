//! An encoder that may die: what of its input has not come out yet, and who goes on with it.
//!
//! One track of a stream is encoded by one process at a time, or by two at once ([`Steps`]). Its input is kept in a [`Backlog`] until the encoder
//! has given the packet that a frame became; when the encoder dies, [`Switch`] says who takes over, and that one is fed
//! from the first frame that has not come out. What it gives twice is known by its number and left out, so that whoever
//! watches sees one unbroken stream.
//!
//! Everything here is numbers: frames are counted from 0 in the order in which they were taken. The bytes are the
//! gateway's.

mod backlog;
mod grid;
mod order;
mod plan;
mod reel;
mod steps;
mod switch;

pub use backlog::{Backlog, Gave, Room};
pub use grid::Grid;
pub use order::Order;
pub use plan::{Action, Event, Id, Plan, Policy};
pub use reel::Reel;
pub use steps::{Given, Standing, Steps, Verdict};
pub use switch::Switch;

#[cfg(test)]
mod tests;
