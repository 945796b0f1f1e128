//! What a job may use: what it says itself, and else what is derived from a prediction.
//!
//! Derived limits are generous: they are there to stop what has gone wrong, and a job that is
//! predicted well never meets them. Each comes with where it is from, for `--dry-run`.

use std::time::Duration;

use ffleet_types::job::Limits;
use ffleet_types::node::Capacity;
use ffleet_types::{Bytes, Cpu, Span};
use serde::{Deserialize, Serialize};

use crate::roles::Bounds;

/// The least memory that is derived.
pub const LEAST_MEMORY: Bytes = Bytes::mib(512);
/// Scratch space beyond twice the input.
pub const SPARE_SCRATCH: Bytes = Bytes::gib(5);
/// The least wall-clock time that is derived.
pub const LEAST_TIMEOUT: Span = Span(Duration::from_hours(1));
/// Silence after which a file's child is stalled.
pub const STALL: Span = Span::secs(60);
/// Silence after which a live child is stalled.
pub const STALL_LIVE: Span = Span::secs(5);

/// CPU that one encode uses well: up to here a second thread is worth about as much as the first,
/// so that several tasks side by side gain nothing.
pub const WELL_USED: Cpu = Cpu::whole(4);

/// What is expected of a job. Zero where nothing is predicted: the least limits hold then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Peak memory.
    pub memory: Bytes,
    /// Wall-clock time of an attempt.
    pub wall: Duration,
    /// The size of all inputs together.
    pub input: Bytes,
    /// Whether it goes on until it is stopped.
    pub live: bool,
}

/// Where a limit is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The job says so.
    Given,
    /// It follows from the prediction, the node, or the kind of job.
    Derived,
}

/// A limit, and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limit<T> {
    /// The limit.
    pub value: T,
    /// Where it is from.
    pub source: Source,
}

impl<T> Limit<T> {
    /// What the job says, or else what follows.
    fn of(given: Option<T>, derived: T) -> Self {
        match given {
            Some(value) => Self { value, source: Source::Given },
            None => Self { value: derived, source: Source::Derived },
        }
    }
}

/// The limits that hold for an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Effective {
    /// CPU.
    pub cpu: Limit<Cpu>,
    /// Memory of all its processes together.
    pub memory: Limit<Bytes>,
    /// Temporary disk space.
    pub scratch: Limit<Bytes>,
    /// Wall-clock time of one attempt, pauses not counted; nothing for live work that does not
    /// say.
    pub timeout: Limit<Option<Span>>,
    /// Silence after which a living child counts as stalled.
    pub stall: Limit<Span>,
}

impl Effective {
    /// The limits of a job that says `given`, is expected to be as `prediction` says, and has
    /// `cpu` where it says nothing of it (see [`cpu_for_one`]). What follows is no more than its `share` of
    /// its role group.
    #[must_use]
    pub fn derive(given: &Limits, prediction: &Prediction, cpu: Cpu, share: &Bounds) -> Self {
        let memory = share.cap_memory(Bytes(half_more(prediction.memory.0)).max(LEAST_MEMORY));
        let scratch = prediction.input.0.saturating_mul(2).saturating_add(SPARE_SCRATCH.0);
        let timeout = Span(prediction.wall.saturating_mul(4)).max(LEAST_TIMEOUT);
        Self {
            cpu: Limit::of(given.cpu, share.cap_cpu(cpu)),
            memory: Limit::of(given.memory, memory),
            scratch: Limit::of(given.scratch, Bytes(scratch)),
            timeout: Limit::of(given.timeout.map(Some), (!prediction.live).then_some(timeout)),
            stall: Limit::of(given.stall, if prediction.live { STALL_LIVE } else { STALL }),
        }
    }

    /// What such an attempt takes of a node.
    #[must_use]
    pub const fn need(&self) -> Capacity {
        Capacity {
            cpu: self.cpu.value,
            memory: self.memory.value,
            scratch: self.scratch.value,
            tasks: 1,
        }
    }
}

/// What a node has of CPU for one of its tasks, at least a hundredth of one: all of it on a
/// small machine, and on a larger one an even share of at least [`WELL_USED`], as far as the node
/// runs several tasks at all.
#[must_use]
pub fn cpu_for_one(node: &Capacity) -> Cpu {
    let tasks = (node.cpu.0 / WELL_USED.0).clamp(1, node.tasks.max(1));
    Cpu((node.cpu.0 / tasks).max(10))
}

const fn half_more(value: u64) -> u64 {
    value.saturating_add(value / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPU: Cpu = Cpu::whole(2);

    fn derived(prediction: &Prediction) -> Effective {
        Effective::derive(&Limits::default(), prediction, CPU, &Bounds::default())
    }

    #[test]
    fn small_job_gets_the_least_limits() {
        let limits = derived(&Prediction::default());
        assert_eq!(limits.memory.value, Bytes::mib(512));
        assert_eq!(limits.scratch.value, Bytes::gib(5));
        assert_eq!(limits.timeout.value, Some(Span::secs(3_600)));
        assert_eq!(limits.stall.value, Span::secs(60));
        assert_eq!(limits.cpu, Limit { value: CPU, source: Source::Derived });
    }

    #[test]
    fn large_job_gets_what_follows_from_its_prediction() {
        let limits = derived(&Prediction {
            memory: Bytes::gib(2),
            wall: Duration::from_secs(1_000),
            input: Bytes::gib(10),
            live: false,
        });
        assert_eq!(limits.memory.value, Bytes::gib(3));
        assert_eq!(limits.scratch.value, Bytes::gib(25));
        assert_eq!(limits.timeout.value, Some(Span::secs(4_000)));
    }

    #[test]
    fn what_follows_is_no_more_than_the_share_of_the_role_group() {
        let share =
            Bounds { cpu: Some(Cpu(250)), memory: Some(Bytes::mib(256)), ..Bounds::default() };
        let derive = |given: &Limits| Effective::derive(given, &Prediction::default(), CPU, &share);
        let limits = derive(&Limits::default());
        assert_eq!(limits.cpu, Limit { value: Cpu(250), source: Source::Derived });
        assert_eq!(limits.memory.value, Bytes::mib(256));
        let given = Limits { memory: Some(Bytes::gib(1)), ..Limits::default() };
        assert_eq!(
            derive(&given).memory.value,
            Bytes::gib(1),
            "what is said stays, and is refused later"
        );
    }

    #[test]
    fn what_the_job_says_is_taken_and_said_to_be_its_own() {
        let given = Limits {
            cpu: Some(Cpu(500)),
            memory: Some(Bytes::mib(64)),
            scratch: Some(Bytes::mib(1)),
            timeout: Some(Span::secs(5)),
            stall: Some(Span::secs(7)),
        };
        let limits = Effective::derive(&given, &Prediction::default(), CPU, &Bounds::default());
        assert_eq!(limits.cpu, Limit { value: Cpu(500), source: Source::Given });
        assert_eq!(limits.memory.value, Bytes::mib(64), "less than the least: it is asked for");
        assert_eq!(limits.timeout, Limit { value: Some(Span::secs(5)), source: Source::Given });
        assert_eq!(limits.stall.value, Span::secs(7));
        assert_eq!(
            limits.need(),
            Capacity { cpu: Cpu(500), memory: Bytes::mib(64), scratch: Bytes::mib(1), tasks: 1 }
        );
    }

    #[test]
    fn live_work_has_no_end_and_little_patience() {
        let limits = derived(&Prediction { live: true, ..Prediction::default() });
        assert_eq!(limits.timeout, Limit { value: None, source: Source::Derived });
        assert_eq!(limits.stall.value, Span::secs(5));
        let given = Limits { timeout: Some(Span::secs(9)), ..Limits::default() };
        let live = Prediction { live: true, ..Prediction::default() };
        let limits = Effective::derive(&given, &live, CPU, &Bounds::default());
        assert_eq!(limits.timeout.value, Some(Span::secs(9)));
    }

    #[test]
    fn absurd_predictions_overflow_nothing() {
        let limits = derived(&Prediction {
            memory: Bytes(u64::MAX),
            wall: Duration::MAX,
            input: Bytes(u64::MAX),
            live: false,
        });
        assert_eq!(limits.memory.value, Bytes(u64::MAX));
        assert_eq!(limits.scratch.value, Bytes(u64::MAX));
    }

    #[test]
    fn small_node_runs_one_task_and_a_large_one_several() {
        let node = |cpus, tasks| Capacity { cpu: Cpu::whole(cpus), tasks, ..Capacity::default() };
        for (cpus, tasks, share) in [
            (1, 1, 1_000),
            (2, 2, 2_000),
            (7, 7, 7_000),
            (8, 8, 4_000),
            (11, 11, 5_500),
            (64, 64, 4_000),
            (64, 2, 32_000),
            (2, 0, 2_000),
            (0, 3, 10),
        ] {
            assert_eq!(cpu_for_one(&node(cpus, tasks)), Cpu(share), "{cpus} CPUs, {tasks} tasks");
        }
    }
}
