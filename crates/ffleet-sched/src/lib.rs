//! What is to be done with a fleet, decided and not done.
//!
//! [`Fleet`] is the fleet as a value: events go in by [`Fleet::apply`], decisions come out of
//! [`Fleet::plan`]. The caller carries them out (the store first, then the node) and reports what
//! came of it as further events. [`retry`] says what follows a failed attempt, [`limits`] what a
//! job may use where nobody said, [`retain`] which finished jobs to let go, [`disk`] whether a node
//! takes more work, [`roles`] whose child may start, [`office`] which of several controllers plans.
//!
//! Nothing here reads a clock, touches a disk or rolls a die: time and chance are arguments, and
//! the same events in the same order give the same plans, in production, in property tests and
//! in the simulator.

pub mod disk;
pub mod fleet;
pub mod lease;
pub mod limits;
pub mod office;
pub mod place;
pub mod pressure;
pub mod quarantine;
pub mod queue;
pub mod retain;
pub mod retry;
pub mod roles;
pub mod share;

pub use fleet::{Event, Fleet, Plan};
