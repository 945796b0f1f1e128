//! A child of an attempt: what it is to be, and what its end means.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ffleet_guard::{Sandbox, Tie};
use ffleet_sched::roles;
use ffleet_spool::Dir;
use ffleet_supervise::Policy;
use ffleet_types::sample::Phase;
use ffleet_types::{Bytes, Reason, RoleGroup};

use super::{Attempt, Halt, resume};
use crate::child::{Ended, Hands, Reader, Task};
use crate::gauges::{Gauges, Part, Subject};
use crate::sandbox::{Sight, is_remote};

/// A child of an attempt.
#[derive(Debug)]
pub(crate) struct Job {
    /// Its part in the attempt, for names.
    pub(crate) phase: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) limits: ffleet_guard::Limits,
    pub(crate) policy: Policy,
    pub(crate) scratch: Option<(Dir, Bytes)>,
    pub(crate) tie: Tie,
    /// What it is to see.
    pub(crate) sight: Sight,
}

impl Attempt {
    /// Runs a child to its end, and judges nothing.
    pub(super) async fn child(&mut self, job: Job, reader: &mut dyn Reader) -> Result<Ended, Halt> {
        self.children += 1;
        let log = self
            .shop
            .logs
            .path(self.job.attempt, self.children, job.phase)
            .map_err(|error| {
                Halt::failed(Reason::ResourceError, format!("cannot keep a log: {error}"))
            })?;
        let mut command = vec![job.program.to_string_lossy().into_owned()];
        command.extend(job.args.iter().cloned());
        if self.commands.last() != Some(&command) {
            self.commands.push(command);
        }
        self.role = self.role_of(job.phase);
        let dir = self.shop.work.dir(self.job.attempt);
        let name = resume::name(self.job.attempt, self.children, job.phase);
        let adopted = self.adopted.take_if(|child| child.name() == name);
        let task = Task {
            name,
            program: job.program,
            args: job.args,
            env: BTreeMap::new(),
            sandbox: self.sandbox(job.sight, dir.path()),
            cwd: dir.path().to_owned(),
            log: Some(log),
            limits: job.limits,
            policy: job.policy,
            scratch: job.scratch,
            role: self.role.clone(),
            tie: job.tie,
            sampled: self.sampled(job.phase),
            adopted,
        };
        let display = Some(self.place.display());
        let mut hands = Hands {
            node: &self.shop.node,
            clock: &*self.shop.clock,
            nice: self.shop.config.nice,
            orders: &mut self.place.orders,
            herald: Some(&self.herald),
            display,
            leaving: Some(&self.shop.leaving),
        };
        hands.run(task, reader).await
    }

    /// Whom the samples of the child in this phase are of.
    fn sampled(&self, phase: &str) -> Option<(Arc<Gauges>, Subject)> {
        let phase = Phase::named(phase)?;
        let part = Part { attempt: self.job.attempt, child: self.children, phase };
        let subject = Subject { of: Some(part), group: self.role.clone() };
        Some((Arc::clone(&self.shop.gauges), subject))
    }

    /// What a child may see that works in `dir`.
    fn sandbox(&self, sight: Sight, dir: &Path) -> Option<Sandbox> {
        let remote = is_remote(&self.job.spec.input);
        let (input, network) = match sight {
            Sight::Input => (self.input.clone(), remote),
            Sight::Sending => (self.input.clone(), true),
            Sight::Results => (None, false),
        };
        self.shop.walled.sandbox(input, &[dir], network)
    }

    /// What the end of a child means for the attempt.
    pub(super) fn judge(
        &self,
        ended: &Ended,
        memory: Bytes,
        outputs: &[String],
    ) -> Result<(), Halt> {
        let judged = ended.judge(&self.job.spec.input, memory, outputs);
        let (node, role) = (&self.shop.node, &self.role);
        match &judged {
            Ok(()) => node.role_worked(role),
            Err(Halt::Failed { reason, .. }) if roles::counts(*reason) => node.role_failed(role),
            Err(_) => {}
        }
        judged
    }

    /// The role group of a child in this phase.
    fn role_of(&self, phase: &str) -> RoleGroup {
        match phase {
            "probe" => RoleGroup::named(RoleGroup::PROBE),
            "verify" => RoleGroup::named(RoleGroup::VERIFY),
            _ => self.job.spec.role_group(),
        }
    }
}
