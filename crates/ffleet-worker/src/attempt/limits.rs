//! What an attempt may use, with nothing left open.

use std::time::Duration;

use ffleet_engine::Plan;
use ffleet_engine::plan::{Budget, plan as plan_engine};
use ffleet_media::{Probe, Spec};
use ffleet_sched::limits::{Effective, Prediction};
use ffleet_types::node::Engine;
use ffleet_types::{Bytes, Cpu};

use crate::attempt::Halt;

/// Every limit of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) cpu: Cpu,
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

impl From<&Effective> for Allowed {
    fn from(limits: &Effective) -> Self {
        Self {
            cpu: limits.cpu.value,
            memory: limits.memory.value,
            scratch: limits.scratch.value,
            timeout: limits.timeout.value.map(|span| span.0),
            stall: limits.stall.value.0,
        }
    }
}

/// The command for `spec` on `engine`, into `files`, and the limits that follow. `cpu` is what
/// there is for it where it says nothing.
pub(crate) fn plan(
    spec: &Spec,
    probe: &Probe,
    engine: &Engine,
    cpu: Cpu,
    files: &[String],
) -> Result<(Plan, Effective), Halt> {
    let given = &spec.terms.limits;
    let budget = Budget::fitted(given.cpu.unwrap_or(cpu));
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
    Ok((plan, Effective::derive(given, &prediction, cpu)))
}
