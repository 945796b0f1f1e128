//! That every job ends if nothing more goes wrong.
//!
//! From a state on the first step is taken, of those in their order, that changes anything: whoever is
//! down comes back, calls are answered, work goes on, and time passes when there is nothing else to do. Where that
//! leads to the end from every state, every run ends in which each step that stays possible is taken
//! at some time: the states are finite, so a run that does not end keeps to some of them for ever, and from
//! each of those the steps lead out.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use stateright::Model as _;

use crate::action::Action;
use crate::fleet::Fleet;
use crate::rules::Faults;
use crate::state::{Life, Stage, State, Tree};

/// Steps after which a job that has not ended never will: several times what the longest run takes.
const PATIENCE: usize = 400;
/// Parts of what is known, each with a lock of its own.
const SHARDS: usize = 64;

/// States that are known to come to the end, by their hash.
#[derive(Debug)]
pub struct Known {
    hasher: RandomState,
    shards: Vec<Mutex<BTreeSet<u64>>>,
}

impl Default for Known {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl Known {
    fn shard(&self, hash: u64) -> &Mutex<BTreeSet<u64>> {
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        &self.shards[index]
    }

    fn has(&self, hash: u64) -> bool {
        self.shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&hash)
    }

    fn add(&self, hashes: Vec<u64>) {
        for hash in hashes {
            self.shard(hash)
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(hash);
        }
    }
}

/// Whether everything comes to its end from here.
pub fn ends(fleet: &Fleet, state: &State) -> bool {
    // What might still go wrong does not.
    let mut state = State { left: Faults::default(), ..state.clone() };
    let mut seen = Vec::new();
    for _ in 0..PATIENCE {
        if is_over(fleet, &state) {
            fleet.ends.add(seen);
            return true;
        }
        let hash = fleet.ends.hasher.hash_one(&state);
        if fleet.ends.has(hash) {
            fleet.ends.add(seen);
            return true;
        }
        seen.push(hash);
        match step(fleet, &state) {
            Some((_, next)) => state = next,
            None => return false,
        }
    }
    false
}

/// The way from here on, as far as it goes, for a person.
pub fn way(fleet: &Fleet, state: &State, most: usize) -> Vec<Action> {
    let mut state = State { left: Faults::default(), ..state.clone() };
    let mut way = Vec::new();
    while way.len() < most
        && let Some((action, next)) = step(fleet, &state)
    {
        way.push(action);
        state = next;
    }
    way
}

fn step(fleet: &Fleet, state: &State) -> Option<(Action, State)> {
    let mut actions = Vec::new();
    Fleet::steps(state, &mut actions);
    actions
        .into_iter()
        .find_map(|action| Some((action, fleet.next_state(state, action)?)))
}

/// Whether all jobs are at their end, and nothing of them is left anywhere.
fn is_over(fleet: &Fleet, state: &State) -> bool {
    let clean = state.all().all(|(_, one)| {
        let lost = state.workers[usize::from(one.worker)] == Life::Lost;
        // What lies on a machine that is gone for good is gone with it.
        let away = lost && !fleet.size.shared;
        one.stage == Stage::Absent && one.tree == Tree::Gone && (!one.sibling || away)
    });
    clean && state.jobs.iter().all(|job| job.state().is_terminal())
}
