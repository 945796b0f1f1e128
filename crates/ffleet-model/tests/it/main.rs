//! The protocol holds as far as it was searched, and each rule is there for a reason.

#![expect(clippy::print_stdout, reason = "how a rule is broken is for people to read")]

mod broken;
mod whole;

use ffleet_model::{Faults, Fleet, Size};
use stateright::{Checker as _, HasDiscoveries, Model as _};

/// Two workers, two controllers, one job, nothing that goes wrong but messages.
pub(crate) const SMALL: Size = Size {
    jobs: 1,
    workers: 2,
    controllers: 2,
    tries: 2,
    term: 1,
    margin: 1,
    shared: true,
    faults: NOTHING,
};

pub(crate) const NOTHING: Faults = Faults {
    crashes: 0,
    losses: 0,
    controllers: 0,
    lapses: 0,
    leaps: 0,
    stops: 0,
    cancels: 0,
    takings: 0,
};

/// Searches to the last state, or to what `until` says. One thread finds the shortest way.
pub(crate) fn search(
    fleet: Fleet,
    threads: usize,
    until: HasDiscoveries,
) -> impl stateright::Checker<Fleet> {
    let (size, broken) = (fleet.size, fleet.broken);
    let checker = fleet.checker().threads(threads).finish_when(until).spawn_bfs().join();
    println!(
        "{} states, {} deep, of {size:?} without {broken:?}",
        checker.unique_state_count(),
        checker.max_depth(),
    );
    checker
}
