//! The promises of the store.
//!
//! [`suite`] holds what every store must do, whatever it keeps its rows in; the rest is about
//! the one that keeps them in a file.
#![expect(clippy::unwrap_used, reason = "a test that cannot do what it wants to do has failed")]

mod backup;
mod child;
mod crash;
mod disk;
mod files;
mod group;
mod kit;
mod model;
mod serial_bounds;
mod suite;
mod sync;
