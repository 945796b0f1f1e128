//! What a person may ask for: accept a job, cancel, pause, resume and retry it.

use std::sync::Arc;
use std::time::Duration;

use ffleet_api::control::Command;
use ffleet_api::job::{Detail, Facts, Job, Summary};
use ffleet_api::{Code, Moment, Problem, job, submit};
use ffleet_base::chance;
use ffleet_media::Spec;
use ffleet_sched::Event;
use ffleet_store::{Cancel, Canceled, Idempotency, JobRow, NewJob};
use ffleet_types::job::Actor;
use ffleet_types::task::State;
use ffleet_types::{Bytes, JobId, JobNumber, JobRef, TaskId, TenantId, Timestamp};

use crate::controller::Controller;
use crate::desk::Waiting;
use crate::http::Access;
use crate::tasks::plan;
use crate::{error, look, view};

/// How long an answer waits for a node to do what it was told.
const PATIENCE: Duration = Duration::from_secs(1);

/// A job that was accepted, or was there already.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) job: Job,
    pub(crate) existing: bool,
}

impl Controller {
    /// The job that `request` asks for as `tenant`, and the size of its input as it was seen.
    pub(crate) async fn admit(
        &self,
        request: submit::Request,
        tenant: TenantId,
    ) -> Result<(Spec, Bytes), Problem> {
        let spec = self.rules(&self.tenants.realm(&tenant)).read(request)?;
        self.inspect(spec).await
    }

    /// Looks at the places of a job; the job, and the size of its input.
    async fn inspect(&self, spec: Spec) -> Result<(Spec, Bytes), Problem> {
        // The places are known before the job goes to whoever looks at them.
        let spec = Arc::new(spec);
        let wanted = Arc::clone(&spec);
        let realm = self.tenants.realm(&spec.terms.tenant);
        let size = self
            .look(realm, look::paths(&spec), move |rules| rules.look(&wanted))
            .await??;
        Ok((Arc::unwrap_or_clone(spec), size))
    }

    /// Accepts a job that was looked at: when this returns, it is on disk.
    pub(crate) async fn accept(
        &self,
        (spec, input): (Spec, Bytes),
        actor: Actor,
        idempotency: Option<Idempotency>,
        retry_of: Option<JobNumber>,
    ) -> Result<Accepted, Problem> {
        let this = self.clone();
        self.see_through(async move {
            this.write_down((spec, input), actor, idempotency, retry_of).await
        })
        .await
    }

    /// Writes that a job is accepted, and tells the planner.
    async fn write_down(
        &self,
        (spec, input): (Spec, Bytes),
        actor: Actor,
        idempotency: Option<Idempotency>,
        retry_of: Option<JobNumber>,
    ) -> Result<Accepted, Problem> {
        let accepted = self.clock.now();
        let job = NewJob {
            id: chance::job_id(accepted),
            spec: spec.clone(),
            accepted,
            actor: actor.clone(),
            idempotency,
            retry_of,
        };
        let answer = self
            .store
            .submit(vec![job])
            .await
            .map_err(|error| error::unavailable(&error))?
            .pop()
            .ok_or_else(|| Problem::new(Code::Internal, "the store gave no answer"))?
            .map_err(|refusal| error::submit_refused(&refusal))?;
        if answer.existing {
            let job = self.find(JobRef::Id(answer.id)).await?;
            return Ok(Accepted { job: view::job(&job, &self.desk), existing: true });
        }
        let job = fresh(&spec, (answer.id, answer.number), accepted, &actor, retry_of);
        let work = Waiting {
            number: answer.number,
            spec: Arc::new(spec),
            input,
            accepted,
            charged: 0,
            failures: Vec::new(),
        };
        plan::accepted(self, answer.id, work);
        Ok(Accepted { job, existing: false })
    }

    /// A job's row, for who makes a call. To whom it does not belong it is as if there were none.
    pub(crate) async fn seen(&self, job: JobRef, access: &Access) -> Result<JobRow, Problem> {
        let row = self.find(job).await?;
        match access.sees(&row.summary.spec.terms.tenant) {
            true => Ok(row),
            false => Err(missing(job)),
        }
    }

    /// Whether a job is there for who makes a call. Who sees all is told by whatever they do next.
    pub(crate) async fn check(&self, job: JobRef, access: &Access) -> Result<(), Problem> {
        match access.tenant() {
            Some(_) => self.seen(job, access).await.map(drop),
            None => Ok(()),
        }
    }

    /// A job's row.
    pub(crate) async fn find(&self, job: JobRef) -> Result<JobRow, Problem> {
        self.store
            .job(job)
            .await
            .map_err(|error| error::unavailable(&error))?
            .ok_or_else(|| missing(job))
    }

    /// Cancels a job: at once where nothing of it runs, else as soon as its processes are gone.
    pub(crate) async fn cancel(&self, job: JobRef, actor: Actor) -> Result<Job, Problem> {
        let this = self.clone();
        let answer = self
            .see_through(async move {
                let at = this.clock.now();
                this.call_off(Cancel { job, at, actor }).await
            })
            .await?;
        match answer {
            Canceled::Done { .. } | Canceled::Already { state: State::Canceled, .. } => {}
            Canceled::Asked { attempt } => self.settled(attempt.task.job, |_| false).await,
            Canceled::Already { state, .. } => {
                return Err(Problem::new(
                    Code::WrongState,
                    format!("job {job} is {state}: there is nothing left to cancel"),
                ));
            }
        }
        Ok(view::job(&self.find(job).await?, &self.desk))
    }

    /// Writes that a job is canceled, and tells whoever waits for it or holds it.
    async fn call_off(&self, cancel: Cancel) -> Result<Canceled, Problem> {
        let answer = self
            .store
            .cancel(vec![cancel])
            .await
            .map_err(|error| error::unavailable(&error))?
            .pop()
            .ok_or_else(|| Problem::new(Code::Internal, "the store gave no answer"))?
            .map_err(|refusal| error::refused(&refusal))?;
        match answer {
            Canceled::Done { id } => {
                let task = TaskId::whole(id);
                self.desk.take_waiting(task);
                self.signals.send(Event::Removed { task });
                self.feed.changed(id);
            }
            Canceled::Asked { attempt } => {
                if !self.desk.cancel(attempt) {
                    // It is about to be given out, or was given back this moment.
                    let row = self.find(JobRef::Id(attempt.task.job)).await?;
                    if !row.summary.state.is_held() {
                        self.desk.forget_cancel(attempt);
                    }
                }
                self.feed.changed(attempt.task.job);
            }
            Canceled::Already { .. } => {}
        }
        Ok(answer)
    }

    /// Freezes a running job.
    pub(crate) async fn pause(&self, job: JobRef) -> Result<Job, Problem> {
        self.steer(job, (State::Running, State::Paused), "paused", |attempt| Command::Pause {
            attempt,
        })
        .await
    }

    /// Lets a frozen job run again.
    pub(crate) async fn resume(&self, job: JobRef) -> Result<Job, Problem> {
        self.steer(job, (State::Paused, State::Running), "resumed", |attempt| Command::Resume {
            attempt,
        })
        .await
    }

    async fn steer(
        &self,
        job: JobRef,
        (from, to): (State, State),
        verb: &str,
        command: impl FnOnce(ffleet_types::AttemptId) -> Command,
    ) -> Result<Job, Problem> {
        let row = self.find(job).await?;
        let held = self.desk.of_job(row.summary.id);
        match held {
            Some((_, holding)) if holding.state == to => {}
            Some((attempt, holding)) if holding.state == from => {
                if !self.desk.tell(holding.node, command(attempt)) {
                    let detail = format!("job {job} cannot be {verb}: its node is not there");
                    return Err(Problem::new(Code::WrongState, detail)
                        .hint("wait until it is back or the job has another node"));
                }
                self.settled(row.summary.id, |state| state == to).await;
            }
            _ => {
                let state = row.summary.state;
                let detail = format!("job {job} is {state}: only a {from} job can be {verb}");
                return Err(Problem::new(Code::WrongState, detail));
            }
        }
        Ok(view::job(&self.find(job).await?, &self.desk))
    }

    /// Waits a moment until a job is held no more, or in a state that `done` takes: an answer
    /// that shows what was asked for is a better one. Whoever does not get it will see it later.
    async fn settled(&self, job: JobId, done: impl Fn(State) -> bool) {
        let mut changes = self.feed.changes();
        let settled = async {
            while let Some((_, holding)) = self.desk.of_job(job) {
                if done(holding.state) || changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = settled => {}
            () = tokio::time::sleep(PATIENCE) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Makes a new job of one that has ended.
    pub(crate) async fn retry(&self, job: JobRef, actor: Actor) -> Result<Job, Problem> {
        let row = self.find(job).await?;
        let state = row.summary.state;
        if !state.is_terminal() {
            let detail = format!("job {job} is {state}: only a job that has ended is tried again");
            return Err(Problem::new(Code::WrongState, detail).hint("cancel it first"));
        }
        let number = row.summary.number;
        let seen = self.inspect(row.summary.spec).await?;
        self.accept(seen, actor, None, Some(number))
            .await
            .map(|accepted| accepted.job)
    }
}

fn missing(job: JobRef) -> Problem {
    Problem::new(Code::JobNotFound, format!("there is no job {job}"))
        .hint("it never was, or it was pruned; `ffleet jobs list` shows those there are")
}

/// A job that was accepted this moment, without reading it back.
fn fresh(
    spec: &Spec,
    (id, number): (JobId, JobNumber),
    accepted: Timestamp,
    actor: &Actor,
    retry_of: Option<JobNumber>,
) -> Job {
    let facts = Facts {
        id,
        number,
        state: State::Queued,
        reason: None,
        message: None,
        retry_of,
        cancel_requested: false,
        accepted_at: Moment(accepted),
        started_at: None,
        finished_at: None,
    };
    let first = job::Change {
        at: Moment(accepted),
        from: None,
        to: State::Queued,
        actor: actor.to_string(),
        reason: None,
        message: None,
        attempt: None,
    };
    let mut summary = Summary::new(facts, spec, Detail::Full);
    view::conceal(&mut summary);
    Job { summary, attempts: Vec::new(), history: vec![first] }
}
