//! A fleet on a virtual clock: the decisions of production, thousands of nodes, and everything that goes wrong.
//!
//! [`run`] takes a [`Scenario`] and answers a [`Report`]. What decides is what decides in production:
//! [`ffleet_sched::Fleet`] what goes where, [`ffleet_sched::retry`] what follows a failure,
//! [`ffleet_sched::office`] and [`ffleet_sched::lease`] who plans and what may be taken from whom,
//! [`ffleet_types::task::Custody`] who may publish. A model are the nodes with their disks and children, the
//! database's rows, the network and the clock. What must hold is watched from outside, at each step; the seed
//! decides everything, so that what was seen once is seen again.
//!
//! `ffleet-model` searches the same rules to their last state for two workers and two jobs. This one goes one way
//! of many, with all that a large fleet has: placement, quotas, classes, reservations, retries.

mod agenda;
mod chance;
mod node;
mod planner;
mod report;
mod rows;
mod scenario;
mod watch;
mod work;
mod world;

pub use report::{Report, Waits};
pub use scenario::{Broken, Fault, Faults, Scenario};
pub use watch::Violation;

/// Simulates `scenario` to its end. A fleet of no nodes does nothing, and says so by its jobs that came to no end.
#[must_use]
pub fn run(scenario: &Scenario) -> Report {
    world::World::new(scenario.clone()).run()
}
