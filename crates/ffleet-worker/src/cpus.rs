//! The CPUs of a node, shared out among attempts.
//!
//! A quota slows a child down, and nothing more: FFmpeg's libraries count the CPUs of their
//! affinity mask and start threads for all of them. So an attempt that may use less than the machine
//! has gets a mask of its own, of as many CPUs as its budget has, rounded up, and those that the fewest
//! other attempts have. Masks may overlap; what an attempt may use is still its quota's to say. One that
//! may use the whole machine gets no mask: the kernel knows better where to put it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use ffleet_types::Cpu;

/// The CPUs that this process may run on, each with how many attempts have it.
#[derive(Debug)]
pub(crate) struct Cpus {
    all: Mutex<Vec<(usize, u32)>>,
}

/// CPUs of one attempt, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    cpus: Arc<Cpus>,
    set: BTreeSet<usize>,
}

impl Cpus {
    /// Those of this process's own mask.
    pub(crate) fn own() -> Arc<Self> {
        let set = rustix::thread::sched_getaffinity(None);
        let all: Vec<usize> = set.map_or_else(
            |error| {
                tracing::warn!(%error, "which CPUs this process may use is not known");
                Vec::new()
            },
            |set| {
                (0..rustix::thread::CpuSet::MAX_CPU)
                    .filter(|&cpu| set.is_set(cpu))
                    .collect()
            },
        );
        Self::of(all)
    }

    fn of(all: Vec<usize>) -> Arc<Self> {
        Arc::new(Self { all: Mutex::new(all.into_iter().map(|cpu| (cpu, 0)).collect()) })
    }

    /// How many a child with this budget sees.
    pub(crate) fn seen(&self, budget: Cpu) -> u32 {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner).len();
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        if all == 0 {
            budget.threads()
        } else {
            budget.threads().min(all)
        }
    }

    /// CPUs for an attempt with this budget; nothing where it may use all there are.
    pub(crate) fn share(self: &Arc<Self>, budget: Cpu) -> Option<Share> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = usize::try_from(budget.threads()).unwrap_or(usize::MAX);
        if count >= all.len() {
            return None;
        }
        let mut by_use: Vec<&mut (usize, u32)> = all.iter_mut().collect();
        by_use.sort_by_key(|(cpu, attempts)| (*attempts, *cpu));
        let set = by_use
            .into_iter()
            .take(count)
            .map(|(cpu, attempts)| {
                *attempts += 1;
                *cpu
            })
            .collect();
        Some(Share { cpus: Arc::clone(self), set })
    }
}

impl Share {
    /// The CPUs by number.
    pub(crate) fn set(&self) -> BTreeSet<usize> {
        self.set.clone()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.cpus.all.lock().unwrap_or_else(PoisonError::into_inner);
        for (cpu, attempts) in all.iter_mut().filter(|(cpu, _)| self.set.contains(cpu)) {
            debug_assert!(*attempts > 0, "CPU {cpu} was given out");
            *attempts = attempts.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(share: Option<&Share>) -> Vec<usize> {
        share.map(|share| share.set().into_iter().collect()).unwrap_or_default()
    }

    #[test]
    fn attempts_are_spread_over_the_cpus() {
        let cpus = Cpus::of(vec![0, 1, 4, 5]);
        let one = cpus.share(Cpu::whole(2));
        let other = cpus.share(Cpu(1_500));
        assert_eq!((numbers(one.as_ref()), numbers(other.as_ref())), (vec![0, 1], vec![4, 5]));
        let third = cpus.share(Cpu::whole(1));
        assert_eq!(
            numbers(third.as_ref()),
            [0],
            "masks overlap where there are more attempts than CPUs"
        );
        drop(other);
        assert_eq!(numbers(cpus.share(Cpu::whole(3)).as_ref()), [1, 4, 5]);
    }

    #[test]
    fn whole_machine_needs_no_mask() {
        let cpus = Cpus::of(vec![2, 3]);
        assert!(cpus.share(Cpu::whole(2)).is_none() && cpus.share(Cpu::whole(8)).is_none());
        assert_eq!((cpus.seen(Cpu::whole(8)), cpus.seen(Cpu(300))), (2, 1));
    }

    #[test]
    fn process_knows_its_own() {
        let cpus = Cpus::own();
        assert!(cpus.seen(Cpu::whole(4_096)) >= 1);
    }
}
