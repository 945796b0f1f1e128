//! How a group stands against its limits, for who watches it.

use std::collections::BTreeSet;

use ffleet_supervise::watch::{self, Id, Reading};

use super::{Limits, Process, State};

impl State {
    /// How it is now; nobody is in one that is not there.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let inside: Vec<i32> = if self.has_cgroup() {
            // Who has left one of its hierarchies has left it.
            let whole = self.group.settled();
            let found = if whole.is_empty() { self.group.touched() } else { whole };
            found.into_iter().collect()
        } else {
            self.processes().into_iter().map(|process| process.pid).collect()
        };
        let inside = inside.into_iter().filter_map(|pid| u32::try_from(pid).ok());
        let processes: BTreeSet<u32> = inside.collect();
        let used = self.used();
        Reading {
            processes,
            tasks: used.tasks,
            memory_hits: self.limits.memory.and_then(|_| self.group.memory_hits()),
            memory_kills: used.memory_kills,
            tasks_refused: used.tasks_refused,
            throttled: used.throttled,
        }
    }

    /// Whether the kernel keeps it together; otherwise it is whoever descends from those that were taken.
    #[must_use]
    pub fn has_cgroup(&self) -> bool {
        !self.group.dirs().is_empty()
    }
}

impl From<Process> for Id {
    fn from(process: Process) -> Self {
        Self {
            pid: u32::try_from(process.pid).unwrap_or(0),
            started: u64::try_from(process.started).unwrap_or(0),
        }
    }
}

impl From<Id> for Process {
    fn from(id: Id) -> Self {
        Self {
            pid: i32::try_from(id.pid).unwrap_or(i32::MAX),
            started: i64::try_from(id.started).unwrap_or(i64::MAX),
        }
    }
}

impl From<&watch::Limits> for Limits {
    fn from(limits: &watch::Limits) -> Self {
        let &watch::Limits { cpu, cpu_weight, memory, tasks, io_weight, nice } = limits;
        Self { cpu, cpu_weight, memory, tasks, io_weight, nice }
    }
}

impl From<Limits> for watch::Limits {
    fn from(limits: Limits) -> Self {
        let Limits { cpu, cpu_weight, memory, tasks, io_weight, nice } = limits;
        Self { cpu, cpu_weight, memory, tasks, io_weight, nice }
    }
}
