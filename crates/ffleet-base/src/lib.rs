//! What every edge needs: clock, randomness, atomic file writes, secrets, error chains.
//!
//! The levels below decide without any of this; the roles above get it from here alone, so that
//! a test can put another clock in, and so that there is one way to write a file that a reader
//! never sees half of.

pub mod chain;
pub mod chance;
pub mod clock;
pub mod files;
pub mod paths;
pub mod secret;
pub mod signed;

pub use chain::chain;
pub use clock::{Clock, SystemClock};
pub use files::{FileLock, write_atomic};
pub use secret::Secret;
