//! The planner: owns the fleet's value, lets `ffleet-sched` decide, writes what was decided, and
//! hands it to the nodes.
//!
//! Everything of one plan is written in as few calls as there are kinds of decisions, so that it
//! goes to disk in one group. What could not be written is refused to the fleet, which asks for
//! it again. A task goes to its node's queue only after its claim is on disk.

use std::time::Duration;

use ffleet_api::control::Finished;
use ffleet_base::chain;
use ffleet_sched::fleet::{Assign, Reclaim, Reject};
use ffleet_sched::{Event, Fleet, Plan};
use ffleet_store::{self as store, Claim, Decline, Requeue};
use ffleet_types::attempt::Usage;
use ffleet_types::job::Actor;
use ffleet_types::task::{self, State};
use ffleet_types::{AttemptId, JobRef, NodeId, Outcome, Reason, TaskId, Timestamp};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::admission::need::need;
use crate::controller::Controller;
use crate::desk::{Holding, Waiting};

mod intake;

pub(crate) use intake::accepted;
use intake::waiting;

/// Events that are taken in before the next plan.
const MOST_EVENTS: usize = 4_096;
/// The shortest sleep, in case the plan asks for a time that has come.
const SHORTEST: Duration = Duration::from_millis(5);

/// The planner.
pub(crate) struct Planner {
    controller: Controller,
    fleet: Fleet,
    events: UnboundedReceiver<Event>,
}

impl Planner {
    /// Runs until the controller rests or stops.
    pub(crate) async fn run(mut self) {
        let mut events = Vec::new();
        while !self.controller.resting.is_cancelled() {
            let begun = self.controller.clock.monotonic();
            let now = self.controller.steady();
            let plan = self.fleet.plan(now);
            let wake = plan.wake;
            if !plan.is_empty() {
                self.carry_out(plan).await;
                let took = self.controller.clock.monotonic().saturating_sub(begun);
                self.controller.metrics.planned(took);
                self.take_in(&mut events);
                continue;
            }
            let sleep = async {
                match wake {
                    Some(at) => tokio::time::sleep(at.since(now).max(SHORTEST)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Leaving the loop drops what was not planned; it is on disk.
                () = self.controller.resting.cancelled() => return,
                count = self.events.recv_many(&mut events, MOST_EVENTS) => {
                    if count == 0 {
                        return;
                    }
                    for event in events.drain(..) {
                        self.apply(event);
                    }
                }
                () = sleep => {}
            }
        }
    }

    /// Takes in what has arrived, without waiting.
    fn take_in(&mut self, events: &mut Vec<Event>) {
        while events.len() < MOST_EVENTS {
            match self.events.try_recv() {
                Ok(event) => events.push(event),
                Err(_empty_or_closed) => break,
            }
        }
        for event in events.drain(..) {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: Event) {
        // Reports that come late or twice change nothing: the store has refused them already.
        let _effect = self.fleet.apply(event);
    }

    async fn carry_out(&mut self, plan: Plan) {
        self.reclaim(plan.reclaims).await;
        self.requeue(plan.requeues).await;
        self.reject(plan.rejects).await;
        self.assign(plan.assigns).await;
    }

    async fn assign(&mut self, assigns: Vec<Assign>) {
        let mut found = Vec::with_capacity(assigns.len());
        for assign in assigns {
            match self.find(assign.task).await {
                Ok(Some(work)) => found.push((assign, work)),
                // Pruned.
                Ok(None) => self.apply(Event::Removed { task: assign.task }),
                Err(error) => {
                    let task = assign.task;
                    tracing::error!(%task, error = chain(&error), "cannot read a job; tried again");
                    self.refused(task);
                }
            }
        }
        if found.is_empty() {
            return;
        }
        let at = self.controller.clock.now();
        let claims = found.iter().map(|(assign, _)| claim(assign, at)).collect();
        match self.controller.store.claim(claims).await {
            Ok(answers) => {
                for ((assign, work), answer) in found.into_iter().zip(answers) {
                    match answer {
                        Ok(_change) => self.begin(assign, work).await,
                        Err(refusal) if is_final(&refusal) => {
                            tracing::debug!(task = %assign.task, %refusal, "a task waits no more");
                            self.apply(Event::Removed { task: assign.task });
                        }
                        Err(refusal) => {
                            tracing::debug!(task = %assign.task, %refusal, "a claim was refused");
                            self.controller.desk.wait(assign.task, work);
                            self.refused(assign.task);
                        }
                    }
                }
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "cannot write claims; tried again");
                for (assign, work) in found {
                    self.controller.desk.wait(assign.task, work);
                    self.refused(assign.task);
                }
            }
        }
    }

    /// What is known of a task whose turn has come.
    async fn find(&self, task: TaskId) -> Result<Option<Waiting>, store::Error> {
        if let Some(work) = self.controller.desk.take_waiting(task) {
            return Ok(Some(work));
        }
        let row = self.controller.store.job(JobRef::Id(task.job)).await?;
        let Some(row) = row else { return Ok(None) };
        let input = self.controller.glance(&row.summary.spec).await;
        Ok(Some(waiting(row, input)))
    }

    /// Hands a claimed task to its node.
    async fn begin(&mut self, assign: Assign, work: Waiting) {
        let controller = &self.controller;
        let attempt = assign.attempt();
        let at = controller.steady();
        controller.metrics.assigned(at.since(work.accepted));
        let need =
            need(&work.spec, work.input, &controller.largest(), &controller.policy.role_groups);
        let holding = Holding {
            node: assign.node,
            work,
            need,
            state: State::Assigned,
            started: None,
            sealed: None,
            canceled: false,
            progress: None,
        };
        let told = controller.desk.give(attempt, holding);
        controller.feed.changed(assign.task.job);
        self.apply(Event::Assigned { attempt, at });
        if !told {
            self.give_back(attempt, "the node does not listen".to_owned()).await;
        }
    }

    /// Gives an attempt back that was not begun.
    async fn give_back(&mut self, attempt: AttemptId, why: String) {
        let controller = &self.controller;
        let decline =
            Decline { attempt, at: controller.clock.now(), actor: Actor::Controller, why };
        match controller
            .store
            .decline(vec![decline])
            .await
            .map(|mut answers| answers.pop())
        {
            Ok(Some(Ok(_change))) => {
                if let Some(holding) = controller.desk.release(attempt) {
                    controller.desk.wait(attempt.task, holding.work);
                }
                controller.feed.changed(attempt.task.job);
                let at = controller.steady();
                self.apply(Event::Declined { attempt, at });
            }
            // It has moved on meanwhile; what moved it has said so.
            Ok(_) => self.refused(attempt.task),
            Err(error) => {
                tracing::error!(%attempt, error = chain(&error), "cannot give an attempt back");
                self.refused(attempt.task);
            }
        }
    }

    async fn requeue(&mut self, tasks: Vec<TaskId>) {
        if tasks.is_empty() {
            return;
        }
        let at = self.controller.clock.now();
        let requeues = tasks.iter().map(|&task| Requeue { task, at }).collect();
        let answers = self.controller.store.requeue(requeues).await;
        for (task, done) in outcomes(tasks, answers) {
            if done {
                self.controller.feed.changed(task.job);
                self.apply(Event::Requeued { task });
            } else {
                self.refused(task);
            }
        }
    }

    async fn reject(&mut self, rejects: Vec<Reject>) {
        if rejects.is_empty() {
            return;
        }
        let at = self.controller.clock.now();
        let tasks = rejects.iter().map(|reject| reject.task).collect();
        let rows = rejects
            .into_iter()
            .map(|Reject { task, missing: message }| store::Reject { task, at, message })
            .collect();
        let answers = self.controller.store.reject(rows).await;
        for (task, done) in outcomes(tasks, answers) {
            if done {
                self.controller.desk.take_waiting(task);
                self.controller.feed.changed(task.job);
                self.apply(Event::Removed { task });
            } else {
                self.refused(task);
            }
        }
    }

    async fn reclaim(&mut self, reclaims: Vec<Reclaim>) {
        for Reclaim { attempt, node, started, silent } in reclaims {
            if self.controller.desk.is_sealed(attempt) {
                // Only this attempt may publish, and it may have: another one could do it twice.
                tracing::warn!(%attempt, %node, ?silent, "a silent node is publishing; waited for");
                self.refused(attempt.task);
                continue;
            }
            tracing::warn!(%attempt, %node, ?silent, "a silent node loses an attempt");
            self.controller.announce_node(node);
            if started {
                self.lose(attempt, node, silent).await;
            } else {
                self.give_back(attempt, format!("nothing was heard of the node for {silent:?}"))
                    .await;
            }
        }
    }

    /// Ends a running attempt whose node is gone.
    async fn lose(&mut self, attempt: AttemptId, node: NodeId, silent: Duration) {
        let controller = &self.controller;
        let name = controller.desk.name(node).unwrap_or_else(|| node.to_string());
        let message = format!("nothing was heard of the node {name} for {silent:?}");
        let outcome = Outcome::failed(Reason::NodeLost, message);
        controller.metrics.ended(&outcome);
        let finished = Finished {
            at: controller.clock.now(),
            outcome,
            usage: Usage::default(),
            artifacts: Vec::new(),
            commands: Vec::new(),
            notes: Vec::new(),
        };
        let holding = controller.desk.holding(attempt);
        if let Err(error) = controller.end(attempt, holding, finished, Actor::Controller).await {
            tracing::error!(%attempt, %error, "cannot take an attempt back; tried again");
            self.refused(attempt.task);
        }
    }

    fn refused(&mut self, task: TaskId) {
        let at = self.controller.steady();
        self.apply(Event::Refused { task, at });
    }
}

/// What is written of an assignment.
fn claim(assign: &Assign, at: Timestamp) -> Claim {
    let over: Vec<_> = assign.passed_over.iter().map(ToString::to_string).collect();
    let why = (!over.is_empty()).then(|| format!("passed over {}", over.join("; ")));
    if let Some(why) = &why {
        tracing::info!(task = %assign.task, node = %assign.node, why, "a task goes by what engines can do");
    }
    Claim { attempt: assign.attempt(), node: assign.node, at, why }
}

/// Whether a claim was refused for good: the task has ended, or is gone.
const fn is_final(refusal: &store::Refusal) -> bool {
    match refusal {
        store::Refusal::Unknown(_) => true,
        store::Refusal::Edge(task::Refusal::NoEdge { from, .. }) => from.is_terminal(),
        _ => false,
    }
}

/// Which of the tasks the store has moved.
fn outcomes(
    tasks: Vec<TaskId>,
    answers: Result<Vec<Result<task::Change, store::Refusal>>, store::Error>,
) -> Vec<(TaskId, bool)> {
    match answers {
        Ok(answers) => tasks
            .into_iter()
            .zip(answers)
            .map(|(task, answer)| (task, answer.is_ok()))
            .collect(),
        Err(error) => {
            tracing::error!(error = chain(&error), "cannot write a plan; tried again");
            tasks.into_iter().map(|task| (task, false)).collect()
        }
    }
}
