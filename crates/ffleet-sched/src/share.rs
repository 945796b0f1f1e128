//! What a tenant gets of the fleet, and what bounds it.

use ffleet_types::node::Capacity;
use ffleet_types::{Bytes, Cpu};

use crate::place::part_of;

/// A tenant's share, as far as placement goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What it gets beside the others of its class; 0 counts as 1.
    pub weight: u32,
    /// What its running tasks may take together.
    pub quota: Quota,
}

impl Share {
    /// The weight of a tenant of which nobody has said another.
    pub const WEIGHT: u32 = 100;

    pub(crate) fn weight(&self) -> u64 {
        u64::from(self.weight.max(1))
    }
}

impl Default for Share {
    fn default() -> Self {
        Self { weight: Self::WEIGHT, quota: Quota::default() }
    }
}

/// What a tenant's tasks that nodes hold may take together; what is not said is not bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Tasks.
    pub running: Option<u64>,
    /// CPU.
    pub cpu: Option<Cpu>,
    /// Memory.
    pub memory: Option<Bytes>,
}

impl Quota {
    /// Whether nothing is bounded.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.running.is_none() && self.cpu.is_none() && self.memory.is_none()
    }

    /// Whether one task more that takes `need` is within it, beside what is `held`.
    #[must_use]
    pub fn admits(&self, held: &Held, need: &Capacity) -> bool {
        let all = held.all.plus(need);
        self.running.is_none_or(|most| held.tasks < most)
            && self.cpu.is_none_or(|most| all.cpu <= most)
            && self.memory.is_none_or(|most| all.memory <= most)
    }
}

/// What a tenant's tasks hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How many there are.
    pub tasks: u64,
    /// What they take together.
    pub all: Capacity,
}

impl Held {
    pub(crate) const fn add(&mut self, need: &Capacity) {
        self.tasks += 1;
        self.all = self.all.plus(need);
    }

    pub(crate) const fn take(&mut self, need: &Capacity) {
        self.tasks = self.tasks.saturating_sub(1);
        self.all = self.all.less(need);
    }

    /// The largest share that it is of any part of `whole`, for its weight: who has least goes next.
    pub(crate) fn load(&self, whole: &Capacity, share: &Share) -> u64 {
        part_of(&self.all, whole) / share.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_bounds_what_it_names() {
        let need = Capacity { cpu: Cpu::whole(2), memory: Bytes::gib(4), ..Capacity::default() };
        let mut held = Held::default();
        held.add(&need);
        let open = Quota::default();
        assert!(open.is_open() && open.admits(&held, &need));
        for (quota, admits) in [
            (Quota { running: Some(1), ..open }, false),
            (Quota { running: Some(2), ..open }, true),
            (Quota { cpu: Some(Cpu::whole(3)), ..open }, false),
            (Quota { cpu: Some(Cpu::whole(4)), ..open }, true),
            (Quota { memory: Some(Bytes::gib(7)), ..open }, false),
            (Quota { memory: Some(Bytes::gib(8)), ..open }, true),
        ] {
            assert_eq!(quota.admits(&held, &need), admits, "{quota:?}");
        }
        held.take(&need);
        assert_eq!(held, Held::default());
    }
}
