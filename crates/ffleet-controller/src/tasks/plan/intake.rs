//! How tasks come to the planner: read back from the store at the start, just accepted, or read
//! when their turn comes.

use std::sync::Arc;

use ffleet_engine::demand::demands;
use ffleet_sched::fleet::{Policy, Standing};
use ffleet_sched::lease::{self, Stage};
use ffleet_sched::queue::Entry;
use ffleet_sched::{Event, Fleet};
use ffleet_store::{self as store, ActiveTask};
use ffleet_types::node::Capacity;
use ffleet_types::task::State;
use ffleet_types::{AttemptId, Bytes, JobId, JobNumber, TaskId};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Planner;
use crate::admission::need::need;
use crate::controller::Controller;
use crate::desk::{Holding, Waiting};

/// Active tasks that are read from the store at once.
const PAGE: usize = 1_000;

impl Planner {
    /// Reads what the store has: nodes, what waits, what is held. Holders get a full term from
    /// now to be heard from.
    pub(crate) async fn load(
        controller: Controller,
        events: UnboundedReceiver<Event>,
    ) -> Result<Self, store::Error> {
        let lease = lease::Policy { term: controller.policy.lease_term };
        let fleet = Fleet::new(Policy { lease, ..Policy::default() });
        let mut planner = Self { controller, fleet, events };
        for node in planner.controller.store.nodes().await? {
            planner.controller.consider(&node.description.capacity);
            planner
                .controller
                .desk
                .know(node.id, node.description, node.order, node.seen);
        }
        let mut after: Option<JobNumber> = None;
        loop {
            let page = planner.controller.store.active(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            for task in page {
                let input = planner.controller.glance(&task.spec).await;
                planner.recover(task, input);
            }
        }
        if planner.fleet.tasks() > 0 {
            tracing::info!(tasks = planner.fleet.tasks(), "work from before the start is taken up");
        }
        Ok(planner)
    }

    fn recover(&mut self, task: ActiveTask, input: Bytes) {
        let controller = &self.controller;
        let need = need(&task.spec, input, &controller.largest(), &controller.policy.role_groups);
        let entry = entry(task.task, task.number, &task.spec, task.accepted, need);
        let work = Waiting {
            number: task.number,
            spec: Arc::new(task.spec),
            input,
            accepted: task.accepted,
            charged: task.charged,
            failures: task.failures,
        };
        let attempt = AttemptId { task: task.task, fence: task.fence };
        let standing = match (task.state, task.node) {
            (state, Some(node)) if state.is_held() => {
                let holding = Holding {
                    node,
                    work,
                    need,
                    state,
                    started: task.started,
                    sealed: task.sealed,
                    canceled: task.cancel_requested,
                    progress: None,
                };
                controller.desk.hold(attempt, holding);
                Standing::Held { node, stage: stage(state), renewed: controller.steady() }
            }
            (state, _) => {
                controller.desk.wait(task.task, work);
                match (state, task.not_before) {
                    (State::Retrying, until) => {
                        Standing::Retrying { until: until.unwrap_or_else(|| controller.steady()) }
                    }
                    _ => Standing::Queued,
                }
            }
        };
        let recovered = Event::Recovered { entry, fence: task.fence, standing };
        self.apply(recovered);
    }
}

/// What is known of a job that waits, from its row and the size of its input.
pub(super) fn waiting(row: store::JobRow, input: Bytes) -> Waiting {
    let failures = row
        .attempts
        .iter()
        .filter_map(|attempt| attempt.outcome.as_ref()?.reason())
        .collect();
    Waiting {
        number: row.summary.number,
        spec: Arc::new(row.summary.spec),
        input,
        accepted: row.summary.accepted,
        charged: row.summary.charged,
        failures,
    }
}

/// A job's only task, as it waits.
fn entry(
    task: TaskId,
    number: JobNumber,
    spec: &ffleet_media::Spec,
    submitted: ffleet_types::Timestamp,
    need: Capacity,
) -> Entry {
    Entry {
        task,
        class: spec.terms.class(),
        priority: spec.terms.priority,
        tenant: spec.terms.tenant.clone(),
        need,
        demands: demands(spec).into(),
        wishes: spec.terms.placement.clone().into(),
        submitted,
        sequence: number.0,
    }
}

/// Tells the planner of a job that was just accepted.
pub(crate) fn accepted(controller: &Controller, id: JobId, work: Waiting) {
    let task = TaskId::whole(id);
    let need = need(&work.spec, work.input, &controller.largest(), &controller.policy.role_groups);
    let entry = entry(task, work.number, &work.spec, work.accepted, need);
    controller.desk.wait(task, work);
    controller.signals.send(Event::Submitted(entry));
    controller.feed.changed(id);
}

const fn stage(state: State) -> Stage {
    match state {
        State::Paused => Stage::Paused,
        State::Running => Stage::Running,
        _ => Stage::Assigned,
    }
}
