//! What a child's processes are at and have used, as it was seen at one moment.
//!
//! A value that the kernel does not keep, or keeps from us, is absent: nothing here is zero for want
//! of knowledge. All but the amounts of the moment are sums since the child's start that never
//! fall, so that a rate is a difference between two samples.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::roles::RoleGroup;
use crate::time::Timestamp;
use crate::units::Bytes;

/// What a child does in its attempt. Which limits it is under is its
/// [role group](crate::RoleGroup)'s matter: an encode may be in any that its job names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Finds out what an input is.
    Probe,
    /// Makes results.
    Encode,
    /// Checks them.
    Verify,
    /// Sends them as they are made.
    Live,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Probe, Self::Encode, Self::Verify, Self::Live];

    /// Its name in labels, file names and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Encode => "encode",
            Self::Verify => "verify",
            Self::Live => "live",
        }
    }

    /// The phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A child at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// When it was looked at.
    pub at: Timestamp,
    /// Processes at the moment.
    pub processes: u32,
    /// Their threads.
    pub threads: u32,
    /// Their resident memory; what several of them share counts for each.
    pub resident: Bytes,
    /// Memory that its cgroup is charged with, files in the page cache included.
    pub memory: Option<Bytes>,
    /// What has come together since its start.
    pub sums: Sums,
}

/// What has come together; never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sums {
    /// Processes that were seen at all. Linux does not count the forks of a cgroup: one that lived
    /// between two looks was not seen, so that there were this many at least.
    pub seen: u64,
    /// CPU time in user mode and in the kernel, in microseconds.
    pub cpu: Option<u64>,
    /// How often the CPU limit made it wait.
    pub throttles: Option<u64>,
    /// For how long, in microseconds, summed over CPUs.
    pub throttled: Option<u64>,
    /// Time that threads waited for disks, in microseconds (`Documentation/accounting`, delays);
    /// absent unless `kernel.task_delayacct` is on.
    pub io_wait: Option<u64>,
    /// Bytes that calls of `read` and the like returned, from pipes and the page cache as well;
    /// sockets do not count.
    pub read: Option<u64>,
    /// Bytes that calls of `write` and the like took.
    pub written: Option<u64>,
    /// Bytes that came from disks.
    pub disk_read: Option<u64>,
    /// Bytes that were to go to disks.
    pub disk_written: Option<u64>,
    /// Time that it waited for CPUs, by its cgroup's PSI (version 2).
    pub cpu_stall: Option<Stall>,
    /// Time that it waited for memory.
    pub memory_stall: Option<Stall>,
    /// Time that it waited for disks.
    pub io_stall: Option<Stall>,
}

/// Time that was lost for want of something (`Documentation/accounting/psi.rst`), in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stall {
    /// At least one task waited.
    pub some: u64,
    /// All waited, so that nothing was done.
    pub full: u64,
}

impl Sums {
    /// These and those; absent is what neither has.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add, |a| a)
    }

    /// The higher of each value.
    #[must_use]
    pub fn highest(&self, other: &Self) -> Self {
        self.with(other, u64::max, |a| a)
    }

    /// What came on top of `earlier`, which is of the same child.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub, |_| 0)
    }

    /// Each value of both by `both`; one that only `other` has by `alone`.
    fn with(&self, other: &Self, both: fn(u64, u64) -> u64, alone: fn(u64) -> u64) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(both(a, b)),
            (None, Some(b)) => Some(alone(b)),
            (a, None) => a,
        };
        let stall = |a: Option<Stall>, b: Option<Stall>| {
            let some = sum(a.map(|stall| stall.some), b.map(|stall| stall.some))?;
            let full = sum(a.map(|stall| stall.full), b.map(|stall| stall.full))?;
            Some(Stall { some, full })
        };
        Self {
            seen: both(self.seen, other.seen),
            cpu: sum(self.cpu, other.cpu),
            throttles: sum(self.throttles, other.throttles),
            throttled: sum(self.throttled, other.throttled),
            io_wait: sum(self.io_wait, other.io_wait),
            read: sum(self.read, other.read),
            written: sum(self.written, other.written),
            disk_read: sum(self.disk_read, other.disk_read),
            disk_written: sum(self.disk_written, other.disk_written),
            cpu_stall: stall(self.cpu_stall, other.cpu_stall),
            memory_stall: stall(self.memory_stall, other.memory_stall),
            io_stall: stall(self.io_stall, other.io_stall),
        }
    }
}

/// A sample of one of an attempt's children.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// Which of its children: the number in the name of its log.
    pub child: u32,
    /// What that does.
    pub phase: Phase,
    /// How it was.
    pub sample: Sample,
}

/// What all children of one role group on a node are at, and have used since the node started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    /// The role group.
    pub role_group: RoleGroup,
    /// Children that run.
    pub children: u32,
    /// Children that were ever started or taken over.
    pub started: u64,
    /// Their processes at the moment.
    pub processes: u32,
    /// Their threads.
    pub threads: u32,
    /// Their resident memory.
    pub resident: Bytes,
    /// The memory of their cgroups; absent where none of them has one.
    pub memory: Option<Bytes>,
    /// Sums over all there were.
    pub sums: Sums,
}

impl Load {
    /// Nothing yet.
    #[must_use]
    pub fn new(role_group: RoleGroup) -> Self {
        Self {
            role_group,
            children: 0,
            started: 0,
            processes: 0,
            threads: 0,
            resident: Bytes(0),
            memory: None,
            sums: Sums::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_does_not_become_zero() {
        let stall = Some(Stall { some: 5, full: 1 });
        let known = Sums { seen: 2, cpu: Some(7), cpu_stall: stall, ..Sums::default() };
        let unknown = Sums { seen: 1, read: Some(3), ..Sums::default() };
        let sum = known.plus(&unknown);
        let expected = Sums {
            seen: 3,
            cpu: Some(7),
            read: Some(3),
            cpu_stall: stall,
            ..Sums::default()
        };
        assert_eq!(sum, expected);
        let more = Sums { seen: 3, cpu: Some(9), ..known };
        let rest = more.since(&known);
        assert_eq!((rest.seen, rest.cpu, rest.read), (1, Some(2), None));
        assert_eq!(rest.cpu_stall, Some(Stall::default()));
    }

    #[test]
    fn role_goes_by_its_name() {
        for phase in Phase::ALL {
            assert_eq!(Phase::named(phase.name()), Some(phase));
        }
        assert_eq!(Phase::named("thumbnail"), None);
    }
}
