//! What an attempt may use, with nothing left open.

use std::time::Duration;

use ffleet_engine::Plan;
use ffleet_engine::plan::{Budget, plan as plan_engine};
use ffleet_engine::threads::tasks_limit;
use ffleet_media::{Probe, Spec};
use ffleet_sched::limits::{Effective, Prediction};
use ffleet_sched::roles::Bounds;
use ffleet_types::node::Engine;
use ffleet_types::{Bytes, Cpu};

use crate::attempt::Halt;
use crate::cpus::Cpus;

/// Every limit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) cpu: Cpu,
    /// Processes and threads of one child.
    pub(crate) tasks: u32,
    pub(crate) memory: Bytes,
    pub(crate) scratch: Bytes,
    /// None for live work that does not say.
    pub(crate) timeout: Option<Duration>,
    pub(crate) stall: Duration,
}

impl Allowed {
    /// What is left when a child has taken its time.
    pub(crate) fn after(self, worked: Duration) -> Self {
        Self {
            timeout: self.timeout.map(|timeout| timeout.saturating_sub(worked)),
            ..self
        }
    }
}

impl Allowed {
    /// What follows from `limits` for a child that is predicted to have so many `threads`.
    pub(crate) fn of(limits: &Effective, threads: u32) -> Self {
        Self {
            cpu: limits.cpu.value,
            tasks: tasks_limit(threads),
            memory: limits.memory.value,
            scratch: limits.scratch.value,
            timeout: limits.timeout.value.map(|span| span.0),
            stall: limits.stall.value.0,
        }
    }
}

/// What there is for a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    /// What it may use where it says nothing.
    pub(crate) cpu: Cpu,
    pub(crate) cpus: &'a Cpus,
    /// What of its role group is its, where it says nothing.
    pub(crate) share: Bounds,
}

/// The command for `spec` on `engine`, into `files`, and the limits that follow.
pub(crate) fn plan(
    spec: &Spec,
    probe: &Probe,
    engine: &Engine,
    room: Room<'_>,
    files: &[String],
) -> Result<(Plan, Effective), Halt> {
    let given = &spec.terms.limits;
    let cpu = given.cpu.unwrap_or_else(|| room.share.cap_cpu(room.cpu));
    let budget = Budget { cpu, seen: room.cpus.seen(cpu) };
    let plan = plan_engine(spec, probe, engine, budget, files)?;
    let prediction = Prediction {
        memory: plan.prediction.memory,
        wall: plan
            .prediction
            .wall_micros
            .map_or(Duration::ZERO, Duration::from_micros),
        input: probe.size.unwrap_or_default(),
        live: spec.is_live(),
    };
    Ok((plan, Effective::derive(given, &prediction, room.cpu, &room.share)))
}
