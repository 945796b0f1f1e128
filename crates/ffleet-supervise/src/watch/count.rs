//! What a group's kernel counters say against its processes.

use std::collections::BTreeSet;
use std::time::Duration;

/// A group as one look finds it; sums have grown since it was made, and are nothing where its kernel does
/// not keep them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The processes in it.
    pub processes: BTreeSet<u32>,
    /// Processes and threads.
    pub tasks: Option<u64>,
    /// How often the limit on memory was met.
    pub memory_hits: Option<u64>,
    /// How many processes were killed for want of memory.
    pub memory_kills: Option<u64>,
    /// How often a process or thread was refused.
    pub tasks_refused: Option<u64>,
    /// For how long the limit on CPU time held it up.
    pub throttled: Option<Duration>,
}

/// What a governed process, or one that came of it, did against its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// It met its limit on memory, and was given less than it wanted.
    Memory,
    /// It was killed for want of memory.
    MemoryKill,
    /// It was refused a process or thread.
    Tasks,
    /// It started many threads between two looks.
    Burst,
    /// It was held up by its limit on CPU time for much of the time between two looks.
    Throttled,
    /// It left its group.
    Stray,
}

impl Violation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Memory,
        Self::MemoryKill,
        Self::Tasks,
        Self::Burst,
        Self::Throttled,
        Self::Stray,
    ];

    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory-limit",
            Self::MemoryKill => "memory-kill",
            Self::Tasks => "task-limit",
            Self::Burst => "thread-burst",
            Self::Throttled => "throttled",
            Self::Stray => "stray",
        }
    }
}

/// How often each was seen of one group: what the kernel counts itself by its count, the others once a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Violation::ALL.len()]);

impl Counts {
    /// How often it was seen.
    #[must_use]
    pub const fn of(&self, violation: Violation) -> u64 {
        self.0[violation as usize]
    }

    /// Takes note of `more`.
    pub const fn add(&mut self, violation: Violation, more: u64) {
        let count = &mut self.0[violation as usize];
        *count = count.saturating_add(more);
    }
}

/// From where on a look is a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// So many more processes and threads than at the last look.
    pub burst: u64,
    /// Held up for so much of the time, in percent.
    pub throttled: u8,
}

impl Bounds {
    /// What has happened between two looks at a group, and how often, `passed` being the time between them.
    pub(super) fn between(
        self,
        before: &Reading,
        now: &Reading,
        passed: Duration,
    ) -> Vec<(Violation, u64)> {
        let grown = |of: fn(&Reading) -> Option<u64>| {
            of(now)
                .zip(of(before))
                .map_or(0, |(now, before)| now.saturating_sub(before))
        };
        let held_up = now
            .throttled
            .zip(before.throttled)
            .map_or(Duration::ZERO, |(now, before)| now.saturating_sub(before));
        // Several CPUs may be held up at the same time.
        let share = passed.mul_f64(f64::from(self.throttled) / 100.0);
        let found = [
            (Violation::Memory, grown(|reading| reading.memory_hits)),
            (Violation::MemoryKill, grown(|reading| reading.memory_kills)),
            (Violation::Tasks, grown(|reading| reading.tasks_refused)),
            (Violation::Burst, u64::from(grown(|reading| reading.tasks) >= self.burst.max(1))),
            (Violation::Throttled, u64::from(!held_up.is_zero() && held_up >= share)),
        ];
        found.into_iter().filter(|&(_, count)| count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { burst: 64, throttled: 50 };

    fn between(before: &Reading, now: &Reading) -> Vec<(Violation, u64)> {
        BOUNDS.between(before, now, Duration::from_secs(10))
    }

    #[test]
    fn what_the_kernel_counts_is_counted_from_the_last_look_on() {
        let before = Reading {
            memory_hits: Some(3),
            memory_kills: Some(0),
            tasks_refused: Some(10),
            ..Reading::default()
        };
        let now = Reading {
            memory_hits: Some(7),
            memory_kills: Some(1),
            tasks_refused: Some(10),
            ..before.clone()
        };
        assert_eq!(between(&before, &now), [(Violation::Memory, 4), (Violation::MemoryKill, 1)]);
        assert_eq!(between(&now, &now), []);
        // A kernel that does not keep something, or begins anew, says nothing against anybody.
        assert_eq!(between(&Reading::default(), &now), []);
        assert_eq!(between(&now, &before), []);
    }

    #[test]
    fn threads_that_come_together_are_one_burst() {
        let with = |tasks| Reading { tasks: Some(tasks), ..Reading::default() };
        assert_eq!(between(&with(10), &with(73)), []);
        assert_eq!(between(&with(10), &with(74)), [(Violation::Burst, 1)]);
        assert_eq!(between(&with(900), &with(10)), []);
    }

    #[test]
    fn being_held_up_counts_from_a_share_of_the_time_on() {
        let with = |seconds| Reading {
            throttled: Some(Duration::from_secs(seconds)),
            ..Reading::default()
        };
        assert_eq!(between(&with(100), &with(104)), []);
        assert_eq!(between(&with(100), &with(105)), [(Violation::Throttled, 1)]);
        assert_eq!(between(&with(100), &with(180)), [(Violation::Throttled, 1)]);
    }
}
