//! What of the node's capacity is promised. This is the authority; the controller's is a forecast.
//!
//! A task is debited before any process of it exists and credited when the last one is gone, so
//! that the sum never passes what there is, whatever the controller believes.

use std::collections::BTreeMap;

use ffleet_types::node::Capacity;
use ffleet_types::{AttemptId, Bytes};

/// Debits and credits of one node.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    capacity: Capacity,
    /// What of its memory the rings have.
    rings: Bytes,
    debits: BTreeMap<AttemptId, Capacity>,
}

impl Ledger {
    pub(crate) const fn new(capacity: Capacity) -> Self {
        Self { capacity, rings: Bytes(0), debits: BTreeMap::new() }
    }

    /// What is left.
    pub(crate) fn free(&self) -> Capacity {
        let rings = Capacity { memory: self.rings, ..Capacity::default() };
        let left = self.capacity.less(&rings);
        self.debits.values().fold(left, |free, need| free.less(need))
    }

    /// The rings have this much of the memory now.
    pub(crate) const fn leave(&mut self, rings: Bytes) {
        self.rings = rings;
    }

    /// The memory that is promised to all attempts.
    pub(crate) fn memory(&self) -> Bytes {
        self.debits
            .values()
            .fold(Bytes(0), |sum, need| Bytes(sum.0.saturating_add(need.memory.0)))
    }

    /// Promises `need` to `attempt`.
    ///
    /// # Errors
    ///
    /// What is left, if that is too little. Nothing is promised then.
    pub(crate) fn debit(&mut self, attempt: AttemptId, need: Capacity) -> Result<(), Capacity> {
        let free = self.free();
        if !free.holds(&need) {
            return Err(free);
        }
        self.debits.insert(attempt, need);
        Ok(())
    }

    /// Raises the memory that is promised to `attempt` towards `wanted`, as far as there is any,
    /// and answers what it is then. It is never lowered.
    pub(crate) fn grow(&mut self, attempt: AttemptId, wanted: Bytes) -> Bytes {
        let free = self.free().memory;
        let Some(need) = self.debits.get_mut(&attempt) else {
            return Bytes(0);
        };
        let most = Bytes(need.memory.0.saturating_add(free.0));
        need.memory = need.memory.max(wanted.min(most));
        need.memory
    }

    /// Takes the promise back.
    pub(crate) fn credit(&mut self, attempt: AttemptId) {
        self.debits.remove(&attempt);
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Cpu, Fence, JobId, TaskId};
    use proptest::prelude::*;

    use super::*;

    fn attempt(number: u128) -> AttemptId {
        AttemptId { task: TaskId::whole(JobId::from_bits(number)), fence: Fence::FIRST }
    }

    fn capacity(cpu: u32, memory: u64, tasks: u32) -> Capacity {
        Capacity { cpu: Cpu(cpu), memory: Bytes(memory), scratch: Bytes(0), tasks }
    }

    proptest! {
        #[test]
        fn promises_never_pass_the_capacity(
            steps in prop::collection::vec((0..8_u128, 0..2_000_u32, 0..9_000_u64, any::<bool>()), 0..60),
        ) {
            let whole = capacity(4_000, 16_000, 5);
            let mut ledger = Ledger::new(whole);
            for (number, cpu, memory, is_debit) in steps {
                if is_debit && !ledger.debits.contains_key(&attempt(number)) {
                    let before = ledger.free();
                    let need = capacity(cpu, memory, 1);
                    prop_assert_eq!(ledger.debit(attempt(number), need).is_ok(), before.holds(&need));
                } else if is_debit {
                    let had = ledger.debits[&attempt(number)].memory;
                    prop_assert!(ledger.grow(attempt(number), Bytes(memory)) >= had);
                } else {
                    ledger.credit(attempt(number));
                }
                let sum = ledger.debits.values().fold(Capacity::default(), |sum, need| sum.plus(need));
                prop_assert!(whole.holds(&sum), "{sum:?}");
                prop_assert_eq!(ledger.free().plus(&sum), whole);
            }
        }
    }
}
