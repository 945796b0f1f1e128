//! The verbs that move one task along one edge.
//!
//! All of them are the same three steps: read the row, let [`Task::apply`] decide, write what it
//! answered. A refusal is known before anything is written, so that it takes nothing back.
//!
//! [`Task::apply`]: ffleet_types::task::Task::apply

use ffleet_types::job::Actor;
use ffleet_types::task::{self, By, Change, Event, State};
use ffleet_types::{AttemptId, JobRef, NodeId, Outcome, Reason, TaskId, Timestamp};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::code;
use super::row::{Hot, Note};
use super::writer::{Verb, Writing};
use crate::verbs::{Claim, Decline, Finish, Refusal, Reject, Report, Requeue};

/// One event for one task, in the form in which the tables hold it.
#[derive(Debug)]
pub(super) struct Move {
    task: TaskId,
    at: Timestamp,
    actor: String,
    event: Event,
    /// Recorded first, if the attempt has not begun yet.
    started: Option<Timestamp>,
    node: Option<[u8; 16]>,
    not_before: Option<i64>,
    reason: Option<Reason>,
    message: Option<String>,
    ended: Option<Ended>,
    /// The controller takes the attempt from its holder, who has not reported its end.
    gives_up: bool,
}

/// What is kept of an attempt that has ended.
#[derive(Debug)]
struct Ended {
    record: String,
    artifacts: Option<String>,
}

/// The part of an ended attempt that nothing looks for, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) outcome: Outcome,
    pub(super) usage: ffleet_types::attempt::Usage,
    pub(super) commands: Vec<Vec<String>>,
    pub(super) notes: Vec<String>,
}

impl Move {
    fn new(task: TaskId, at: Timestamp, actor: &Actor, event: Event) -> Self {
        Self {
            task,
            at,
            actor: actor.to_string(),
            event,
            started: None,
            node: None,
            not_before: None,
            reason: None,
            message: None,
            ended: None,
            gives_up: false,
        }
    }

    fn of(attempt: AttemptId, at: Timestamp, actor: &Actor, event: Event) -> Self {
        Self::new(attempt.task, at, actor, event)
    }

    pub(super) fn claim(claim: Claim) -> Self {
        let Claim { attempt, node, at, why } = claim;
        let event = Event::Assign { fence: attempt.fence };
        Self {
            node: Some(bytes(node)),
            message: why,
            ..Self::of(attempt, at, &Actor::Controller, event)
        }
    }

    pub(super) fn start(report: Report) -> Self {
        let Report { attempt, at, actor } = report;
        Self::of(attempt, at, &actor, Event::Start { fence: attempt.fence })
    }

    pub(super) fn pause(report: Report) -> Self {
        let Report { attempt, at, actor } = report;
        Self::of(attempt, at, &actor, Event::Pause { fence: attempt.fence })
    }

    pub(super) fn resume(report: Report) -> Self {
        let Report { attempt, at, actor } = report;
        Self::of(attempt, at, &actor, Event::Resume { fence: attempt.fence })
    }

    pub(super) fn decline(decline: Decline) -> Self {
        let Decline { attempt, at, actor, why } = decline;
        let event = Event::Decline { fence: attempt.fence };
        Self { message: Some(why), ..Self::of(attempt, at, &actor, event) }
    }

    pub(super) fn requeue(requeue: Requeue) -> Self {
        Self::new(requeue.task, requeue.at, &Actor::Controller, Event::Requeue)
    }

    pub(super) fn reject(reject: Reject) -> Self {
        let Reject { task, at, message } = reject;
        Self {
            reason: Some(Reason::CapabilityMismatch),
            message: Some(message),
            ..Self::new(task, at, &Actor::Controller, Event::Reject)
        }
    }

    pub(super) fn finish(finish: Finish) -> Self {
        let Finish { attempt, at, actor, outcome, next, .. } = finish;
        let message = match &outcome {
            Outcome::Failed { message, .. } => Some(message.clone()),
            Outcome::Completed | Outcome::Canceled => None,
        };
        let reason = outcome.reason();
        let artifacts = (!finish.artifacts.is_empty()).then(|| code::json(&finish.artifacts));
        let record = code::json(&Record {
            outcome: outcome.clone(),
            usage: finish.usage,
            commands: finish.commands,
            notes: finish.notes,
        });
        let event = Event::Finish { fence: attempt.fence, outcome, next };
        Self {
            started: finish.started,
            not_before: finish.not_before.map(code::time),
            reason,
            message,
            ended: Some(Ended { record, artifacts }),
            gives_up: actor == Actor::Controller,
            ..Self::of(attempt, at, &actor, event)
        }
    }

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Result<Change, Refusal>> {
        let unknown = Refusal::Unknown(JobRef::Id(self.task.job));
        if self.task.index != 0 {
            return Ok(Err(unknown));
        }
        let Some(mut row) = Hot::by_id(to, self.task.job)? else {
            return Ok(Err(unknown));
        };
        let before = row.task.state;
        if let Err(refusal) = self.check(&row) {
            return Ok(Err(refusal));
        }
        // What the event would do is tried on a copy: a start goes before it only if it moves.
        let starts = self
            .started
            .filter(|_| self.ending().is_some_and(|f| row.awaits_start(f)));
        let mut after = row.task;
        if starts.is_some() {
            after.state = State::Running;
        }
        match after.apply(&self.event) {
            Err(refusal) => return Ok(Err(refusal.into())),
            Ok(Change::Already) => return Ok(Ok(Change::Already)),
            // The edge from `queued` to `canceled` is for whoever cancels, not for the report of
            // an attempt that nobody holds any more.
            Ok(Change::Moved { from, to }) if self.ending().is_some() && !from.is_held() => {
                return Ok(Err(task::Refusal::NoEdge { from, to }.into()));
            }
            Ok(Change::Moved { .. }) => {}
        }
        if let Some(started) = starts {
            row.begin(to.conn, started, &self.actor)?;
        }
        let was = row.task.state;
        row.task = after;
        self.alter(&mut row, to)?;
        row.record(to.conn, was, &self.note())?;
        row.end_as_asked(to.conn, code::time(self.at))?;
        let now = row.task.state;
        row.write(to)?;
        to.moved(before, now);
        Ok(Ok(Change::Moved { from: before, to: now }))
    }

    /// The fence of the attempt that ends, if one does.
    const fn ending(&self) -> Option<ffleet_types::Fence> {
        match self.event {
            Event::Finish { fence, .. } => Some(fence),
            _ => None,
        }
    }

    /// What the table of edges does not know.
    fn check(&self, row: &Hot) -> Result<(), Refusal> {
        // The same claim twice is no news; the same attempt for another node is somebody else's.
        if let Event::Assign { fence } = self.event
            && fence == row.task.fence
            && self.node != row.node
        {
            return Err(task::Refusal::StaleFence { carried: fence, current: fence.next() }.into());
        }
        // A silent holder that has sealed may have published: another attempt could do it twice.
        if let Some(fence) = self.ending() {
            let by = if self.gives_up { By::Controller } else { By::Holder };
            row.custody().end(fence, by).map_err(|why| row.barred(why))?;
        }
        // A start, a finish and an end as asked can fall together.
        row.has_room(3)
    }

    fn note(&self) -> Note<'_> {
        Note {
            at: code::time(self.at),
            actor: &self.actor,
            reason: self.reason,
            message: self.message.as_deref(),
        }
    }

    /// Brings the columns beside the state up to date with the event, which has been applied.
    fn alter(&self, row: &mut Hot, to: &Writing<'_>) -> rusqlite::Result<()> {
        let at = code::time(self.at);
        match &self.event {
            Event::Assign { .. } => {
                row.node = self.node;
                row.assigned = Some(at);
                row.started = None;
                row.not_before = None;
            }
            Event::Start { .. } => row.started = Some(at),
            Event::Decline { .. } => {
                row.node = None;
                row.assigned = None;
            }
            Event::Finish { .. } => {
                self.keep_attempt(row, to)?;
                row.not_before = self.not_before.filter(|_| !row.task.state.is_terminal());
                self.explain(row);
            }
            Event::Requeue => row.not_before = None,
            Event::Reject => self.explain(row),
            Event::Pause { .. } | Event::Resume { .. } | Event::Cancel => {}
        }
        Ok(())
    }

    fn explain(&self, row: &mut Hot) {
        row.reason = self.reason.map(|reason| reason.name().to_owned());
        row.message.clone_from(&self.message);
    }

    /// Writes the attempt that has ended to the others. What it had sealed goes with it.
    fn keep_attempt(&self, row: &mut Hot, to: &Writing<'_>) -> rusqlite::Result<()> {
        let sealed = row.sealed.take();
        let Some(ended) = &self.ended else {
            return Ok(());
        };
        to.conn
            .prepare_cached("INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                code::key(row.number, row.task.fence.as_u64()),
                row.node,
                row.assigned,
                row.started,
                code::time(self.at),
                self.reason.map(Reason::name),
                ended.record,
                ended.artifacts.as_ref().or(sealed.as_ref()),
            ])?;
        Ok(())
    }
}

fn bytes(node: NodeId) -> [u8; 16] {
    node.bits().to_be_bytes()
}

/// Moves of one call.
#[derive(Debug)]
pub(super) struct Moves(pub(super) Vec<Move>);

impl Verb for Moves {
    type Answer = Vec<Result<Change, Refusal>>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        self.0.iter().map(|item| item.perform(to)).collect()
    }
}
