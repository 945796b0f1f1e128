//! The controller's side of what workers say and hear, for workers in the same process.

use std::borrow::Cow;
use std::time::Duration;

use ffleet_api::control::{self, Command, Error, Finished, Progress, Report, Standing, Welcome};
use ffleet_api::event::{Event as Watched, JobProgress};
use ffleet_base::{chain, chance};
use ffleet_sched::Event;
use ffleet_sched::fleet::Then;
use ffleet_sched::retry::{self, Decision, Past};
use ffleet_store::{self as store, Decline, Finish, Seal};
use ffleet_telemetry::redact;
use ffleet_types::job::Actor;
use ffleet_types::node::Description;
use ffleet_types::task::{Change, Next, State};
use ffleet_types::{AttemptId, NodeId, Outcome, Reason, Timestamp};

use crate::controller::Controller;
use crate::desk::{Claim, Holding, Waiting};
use crate::view;

impl control::Controller for Controller {
    async fn register(&self, node: NodeId, description: Description) -> Result<Welcome, Error> {
        let now = self.steady();
        self.store
            .upsert_node(node, description.clone(), self.clock.now())
            .await
            .map_err(|error| unavailable(&error))?;
        self.consider(&description.capacity);
        let order = self.desk.seat(node, description.clone(), now);
        let held = self.desk.held_by(node);
        tracing::info!(%node, name = description.name, held = held.len(), "a node registers");
        self.signals.send(Event::NodeJoined {
            node,
            name: description.name,
            capacity: description.capacity,
            engines: description.engines,
            labels: description.labels,
            order,
            at: now,
        });
        self.announce_node(node);
        Ok(Welcome { renew_every: self.policy.lease_term / 3, held })
    }

    async fn next(&self, node: NodeId, wait: Duration) -> Result<Command, Error> {
        self.hear(node, Vec::new())?;
        // A call that is held open says that the node is alive, but only when it returns: so it
        // returns well within the lease's term.
        let deadline = tokio::time::Instant::now() + wait.min(self.policy.lease_term / 3);
        loop {
            let wake = match self.desk.take(node).ok_or(Error::Unknown)? {
                Ok(command) => return Ok(command),
                Err(wake) => wake,
            };
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep_until(deadline) => {
                    self.hear(node, Vec::new())?;
                    return Ok(Command::Nothing);
                }
                () = self.stop.cancelled() => {
                    return Err(Error::Unavailable("the controller is stopping".to_owned()));
                }
            }
        }
    }

    async fn renew(
        &self,
        node: NodeId,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> Result<Vec<AttemptId>, Error> {
        let (mut renewed, mut unwanted) = (Vec::new(), Vec::new());
        for (attempt, mut progress) in progress {
            // The engine's words repeat the addresses it was given.
            if let Some(Cow::Owned(clean)) = progress.trouble.as_deref().map(redact) {
                progress.trouble = Some(clean);
            }
            let claim = self.desk.renew(node, attempt, &progress);
            if claim != Claim::Lost {
                renewed.push(attempt);
                self.show_progress(attempt, &progress);
            }
            if claim != Claim::Good {
                unwanted.push(attempt);
            }
        }
        self.hear(node, renewed)?;
        self.close(node, standing.closed.as_deref());
        if self.desk.set_rings(node, standing.rings) {
            self.signals.send(Event::NodeHolds { node, memory: standing.rings });
            self.announce_node(node);
        }
        Ok(unwanted)
    }

    async fn report(&self, node: NodeId, attempt: AttemptId, report: Report) -> Result<(), Error> {
        let name = self.desk.name(node).ok_or(Error::Unknown)?;
        let actor = Actor::Node(name);
        match report {
            Report::Started { at } => self.started(node, attempt, at, actor).await,
            Report::Declined { why } => self.declined(attempt, why, actor).await,
            Report::Paused { at } => self.frozen(node, attempt, at, actor).await,
            Report::Resumed { at } => self.thawed(node, attempt, at, actor).await,
            Report::Sealed { artifacts } => self.sealed(node, attempt, artifacts, actor).await,
            Report::Finished(finished) => self.finished(attempt, *finished, actor).await,
        }?;
        self.feed.changed(attempt.task.job);
        Ok(())
    }
}

impl Controller {
    fn hear(&self, node: NodeId, attempts: Vec<AttemptId>) -> Result<(), Error> {
        let at = self.steady();
        if !self.desk.hear(node, at) {
            return Err(Error::Unknown);
        }
        self.signals.send(Event::NodeHeard { node, attempts, at });
        Ok(())
    }

    /// A node says whether it takes no more work by itself.
    fn close(&self, node: NodeId, closed: Option<&str>) {
        if !self.desk.close(node, closed) {
            return;
        }
        match closed {
            Some(why) => tracing::warn!(%node, why, "a node takes no more work"),
            None => tracing::info!(%node, "a node takes work again"),
        }
        self.signals.send(Event::NodeClosed { node, closed: closed.is_some() });
        self.announce_node(node);
    }

    fn show_progress(&self, attempt: AttemptId, progress: &Progress) {
        if !self.feed.is_watched() {
            return;
        }
        if let Some(holding) = self.desk.holding(attempt) {
            let tenant = holding.work.spec.terms.tenant.clone();
            let event = JobProgress {
                id: attempt.task.job,
                number: holding.work.number,
                progress: progress.into(),
            };
            self.feed.say(Some(tenant), Watched::Progress(event));
        }
    }

    pub(crate) fn announce_node(&self, node: NodeId) {
        if !self.feed.is_watched() {
            return;
        }
        let nodes = view::nodes(&self.desk, self.steady(), self.policy.lease_term);
        if let Some(node) = nodes.into_iter().find(|known| known.id == node) {
            self.feed.say(None, Watched::Node(Box::new(node)));
        }
    }

    async fn started(
        &self,
        node: NodeId,
        attempt: AttemptId,
        at: Timestamp,
        actor: Actor,
    ) -> Result<(), Error> {
        written(self.store.start(vec![store::Report { attempt, at, actor }]).await)?;
        self.desk.update(node, attempt, |holding| {
            holding.started = Some(at);
            if holding.state == State::Assigned {
                holding.state = State::Running;
            }
        });
        self.signals.send(Event::Started { attempt, at: self.steady() });
        Ok(())
    }

    async fn declined(&self, attempt: AttemptId, why: String, actor: Actor) -> Result<(), Error> {
        let at = self.clock.now();
        tracing::info!(%attempt, why, "a node declines");
        written(self.store.decline(vec![Decline { attempt, at, actor, why }]).await)?;
        if let Some(holding) = self.desk.release(attempt) {
            self.desk.wait(attempt.task, holding.work);
        }
        self.signals.send(Event::Declined { attempt, at: self.steady() });
        Ok(())
    }

    async fn frozen(
        &self,
        node: NodeId,
        attempt: AttemptId,
        at: Timestamp,
        actor: Actor,
    ) -> Result<(), Error> {
        written(self.store.pause(vec![store::Report { attempt, at, actor }]).await)?;
        self.desk.update(node, attempt, |holding| holding.state = State::Paused);
        self.signals.send(Event::Paused { attempt });
        Ok(())
    }

    async fn thawed(
        &self,
        node: NodeId,
        attempt: AttemptId,
        at: Timestamp,
        actor: Actor,
    ) -> Result<(), Error> {
        written(self.store.resume(vec![store::Report { attempt, at, actor }]).await)?;
        self.desk
            .update(node, attempt, |holding| holding.state = State::Running);
        self.signals.send(Event::Resumed { attempt });
        Ok(())
    }

    async fn sealed(
        &self,
        node: NodeId,
        attempt: AttemptId,
        artifacts: Vec<ffleet_types::attempt::Artifact>,
        actor: Actor,
    ) -> Result<(), Error> {
        let started = self.desk.holding(attempt).and_then(|holding| holding.started);
        let at = self.clock.now();
        let seal = Seal { attempt, at, actor, started, artifacts: artifacts.clone() };
        written(self.store.seal(vec![seal]).await)?;
        self.desk
            .update(node, attempt, |holding| holding.sealed = Some(artifacts));
        Ok(())
    }

    async fn finished(
        &self,
        attempt: AttemptId,
        mut finished: Finished,
        actor: Actor,
    ) -> Result<(), Error> {
        conceal(&mut finished);
        let holding = self.desk.holding(attempt);
        let never_began = holding.as_ref().is_some_and(|h| h.state == State::Assigned)
            && finished.outcome.reason() == Some(Reason::Interrupted);
        if never_began {
            // It was promised and never begun: it is given back rather than ended.
            let why = "the node stopped before it began".to_owned();
            return self.declined(attempt, why, actor).await;
        }
        self.metrics.ended(&finished.outcome);
        self.metrics.used(&finished.outcome, &finished.usage);
        self.end(attempt, holding, finished, actor).await
    }

    /// Records the end of an attempt, and tells the planner what follows.
    pub(crate) async fn end(
        &self,
        attempt: AttemptId,
        holding: Option<Holding>,
        finished: Finished,
        actor: Actor,
    ) -> Result<(), Error> {
        let now = self.steady();
        // An attempt that nobody holds has ended before: the store knows, and says so.
        let then = match &holding {
            Some(holding) => decide(holding, &finished.outcome, now),
            None => Decision { next: Next::End, not_before: now },
        };
        let retried = matches!(then.next, Next::RetryCharged | Next::RetryFree);
        let began = finished.at.as_micros().saturating_sub(finished.usage.wall_micros);
        let started = holding
            .as_ref()
            .and_then(|holding| holding.started)
            .unwrap_or_else(|| Timestamp::from_micros(began));
        let change = one(self
            .store
            .finish(vec![Finish {
                attempt,
                at: finished.at,
                actor,
                started: Some(started),
                outcome: finished.outcome.clone(),
                next: then.next,
                not_before: retried.then_some(then.not_before),
                usage: finished.usage,
                artifacts: finished.artifacts,
                commands: finished.commands,
                notes: finished.notes,
            }])
            .await)?;
        self.settle(attempt, &finished.outcome, then, change);
        Ok(())
    }

    fn settle(&self, attempt: AttemptId, outcome: &Outcome, then: Decision, change: Change) {
        // The report that moved the task has released the attempt and told the planner what follows.
        if change == Change::Already {
            return;
        }
        let holding = self.desk.release(attempt);
        let retrying = matches!(change, Change::Moved { to: State::Retrying, .. });
        let follows = match retrying {
            true => Then::Retry { not_before: then.not_before },
            false => Then::End,
        };
        if let (Some(Holding { mut work, .. }), true) = (holding, retrying) {
            work.failures.extend(outcome.reason());
            if then.next == Next::RetryCharged {
                work.charged += 1;
            }
            self.desk.wait(attempt.task, work);
        }
        self.signals.send(Event::Ended { attempt, then: follows });
        self.feed.changed(attempt.task.job);
    }
}

/// Takes passwords and stream keys out of what an attempt says: FFmpeg repeats the addresses it
/// was given.
fn conceal(finished: &mut Finished) {
    let Finished { outcome, commands, notes, .. } = finished;
    let message = match outcome {
        Outcome::Failed { message, .. } => Some(message),
        Outcome::Completed | Outcome::Canceled => None,
    };
    for text in commands.iter_mut().flatten().chain(notes).chain(message) {
        if let Cow::Owned(clean) = redact(text) {
            *text = clean;
        }
    }
}

/// What the retry policy makes of an attempt's end.
fn decide(holding: &Holding, outcome: &Outcome, now: Timestamp) -> Decision {
    let Waiting { spec, charged, failures, .. } = &holding.work;
    let past = Past {
        charged: *charged,
        retries: spec.terms.retries,
        reasons: failures,
        sealed: holding.sealed.is_some(),
    };
    retry::Policy::default().decide(outcome, &past, chance::unit(), now)
}

/// The one answer of a call for one item.
fn one(
    answers: Result<Vec<Result<Change, store::Refusal>>, store::Error>,
) -> Result<Change, Error> {
    let answer = answers.map_err(|error| unavailable(&error))?.pop();
    match answer {
        Some(Ok(change)) => Ok(change),
        Some(Err(refusal)) => Err(Error::Stale(refusal.to_string())),
        None => Err(Error::Unavailable("the store gave no answer".to_owned())),
    }
}

/// As [`one`], where it makes no difference whether the report came before.
fn written(
    answers: Result<Vec<Result<Change, store::Refusal>>, store::Error>,
) -> Result<(), Error> {
    match one(answers)? {
        Change::Moved { .. } | Change::Already => Ok(()),
    }
}

fn unavailable(error: &store::Error) -> Error {
    Error::Unavailable(chain(error))
}

#[cfg(test)]
mod tests;
