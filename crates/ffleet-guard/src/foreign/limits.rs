//! What a group of foreign processes may use, and how far that holds.

use std::fmt;
use std::path::Path;

use ffleet_base::chain;
use ffleet_types::{Bytes, Cpu};
use serde::{Deserialize, Serialize};

use super::means::Means;
use crate::cgroup::{self, Controller, Error};

/// What all processes of a group may use together; what is not said is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Limits {
    /// CPU time per time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Their share of busy CPUs, from 1 to 10000; 100 is everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_weight: Option<u16>,
    /// Memory, page cache included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Processes and threads together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
    /// Their share of busy disks, from 1 to 10000; 100 is everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<u16>,
    /// The nice of each thread, from -20 (first) to 19 (last).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i8>,
}

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// CPU time per time.
    Cpu,
    /// The share of busy CPUs.
    CpuWeight,
    /// Memory.
    Memory,
    /// Processes and threads.
    Tasks,
    /// The share of busy disks.
    IoWeight,
    /// Nice.
    Nice,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cpu => "cpu",
            Self::CpuWeight => "cpu-weight",
            Self::Memory => "memory",
            Self::Tasks => "tasks",
            Self::IoWeight => "io-weight",
            Self::Nice => "nice",
        })
    }
}

/// How far a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// For all of them together, whatever they do.
    Whole,
    /// For each of them, or for what they do from now on, or unless they undo it.
    Partly,
    /// Not at all.
    Not,
}

/// What came of a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// Which.
    pub limit: Limit,
    /// How far it holds.
    pub held: Held,
    /// By what it does; or why not, or not wholly.
    pub how: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, held, how } = self;
        match held {
            Held::Whole => write!(f, "{limit} holds: {how}"),
            Held::Partly => write!(f, "{limit} holds in part: {how}"),
            Held::Not => write!(f, "{limit} does not hold: {how}"),
        }
    }
}

impl Limits {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets those that `group` has controllers for, reads them back, and says what is left to be done to
    /// each process.
    /// `why` says why there is no controller.
    pub(super) fn set(
        &self,
        group: &cgroup::Group,
        why: impl Fn(Controller) -> String,
    ) -> (Vec<Outcome>, Means) {
        let mut means = Means { nice: self.nice.map(i32::from), ..Means::default() };
        let mut outcomes = Vec::new();
        let mut note = |limit, controller, set: Option<Result<(), Error>>| {
            let (held, how) = match set {
                Some(Ok(())) => (Held::Whole, format!("by the cgroup controller {controller}")),
                Some(Err(error)) => (Held::Not, chain(&error)),
                None => (Held::Not, why(controller)),
            };
            outcomes.push(Outcome { limit, held, how });
            held == Held::Whole
        };
        if let Some(cpu) = self.cpu
            && !note(Limit::Cpu, Controller::Cpu, group.cap_cpu(cpu))
        {
            means.cpus = Some(cpu.threads());
        }
        if let Some(weight) = self.cpu_weight {
            note(Limit::CpuWeight, Controller::Cpu, group.weigh_cpu(weight));
        }
        if let Some(memory) = self.memory
            && !note(Limit::Memory, Controller::Memory, group.cap_memory(memory))
        {
            means.memory = Some(memory.0);
        }
        if let Some(tasks) = self.tasks {
            note(Limit::Tasks, Controller::Pids, group.cap_tasks(tasks));
        }
        if let Some(weight) = self.io_weight {
            note(Limit::IoWeight, Controller::Io, group.weigh_io(weight));
        }
        for outcome in &mut outcomes {
            outcome.fall_back(&means);
        }
        if self.nice.is_some() {
            let how = "for each thread there is, and those that they start".to_owned();
            outcomes.push(Outcome { limit: Limit::Nice, held: Held::Whole, how });
        }
        (outcomes, means)
    }
}

impl cgroup::Group {
    /// The limits that its directory `dir` is for.
    pub(super) fn limits_in(&self, dir: &Path) -> Vec<Limit> {
        let of = [
            (Controller::Cpu, Limit::Cpu),
            (Controller::Cpu, Limit::CpuWeight),
            (Controller::Memory, Limit::Memory),
            (Controller::Pids, Limit::Tasks),
            (Controller::Io, Limit::IoWeight),
        ];
        let is_here = |one: &(Controller, Limit)| self.place_of(one.0) == Some(dir);
        of.into_iter().filter(is_here).map(|(_, limit)| limit).collect()
    }
}

impl Outcome {
    /// What holds of it where there is no controller for it.
    fn fall_back(&mut self, means: &Means) {
        let instead = match self.limit {
            Limit::Cpu => means.cpus.map(|count| {
                format!(
                    "each process may run on {count} CPUs (affinity), which it may widen itself"
                )
            }),
            Limit::Memory => means
                .memory
                .map(|_| "each process for itself, without page cache (RLIMIT_DATA)".to_owned()),
            Limit::Tasks => {
                self.how.push_str("; RLIMIT_NPROC counts all processes of a user");
                None
            }
            Limit::CpuWeight | Limit::IoWeight | Limit::Nice => None,
        };
        if let (Held::Not, Some(instead)) = (self.held, instead) {
            self.held = Held::Partly;
            self.how = format!("{instead}; {}", self.how);
        }
    }

    /// Has it hold less than it did, and says why; the first reason stays.
    pub(super) fn lower(&mut self, held: Held, why: &str) {
        if held > self.held {
            self.held = held;
            why.clone_into(&mut self.how);
        }
    }
}
