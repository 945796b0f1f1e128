//! Sealing: the guarded write after which one attempt alone may publish.
//!
//! It moves no task. It holds off a cancel, and a cancel that came first holds off it: both are
//! rows of the same transaction log, so that one of them is first for everybody.

use ffleet_types::task::{Change, Sealing};
use ffleet_types::{AttemptId, JobRef, Timestamp};

use super::code;
use super::row::Hot;
use super::writer::{Verb, Writing};
use crate::verbs::{Refusal, Seal};

#[derive(Debug)]
struct Item {
    attempt: AttemptId,
    started: Option<Timestamp>,
    actor: String,
    artifacts: String,
}

/// Seals of one call.
#[derive(Debug)]
pub(super) struct Seals(Vec<Item>);

impl Seals {
    pub(super) fn new(items: Vec<Seal>) -> Self {
        let item = |seal: Seal| Item {
            attempt: seal.attempt,
            // An attempt that seals has begun, whether anybody said so or not.
            started: seal.started.or(Some(seal.at)),
            actor: seal.actor.to_string(),
            artifacts: code::json(&seal.artifacts),
        };
        Self(items.into_iter().map(item).collect())
    }
}

impl Item {
    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Result<Change, Refusal>> {
        let AttemptId { task, fence } = self.attempt;
        let unknown = Refusal::Unknown(JobRef::Id(task.job));
        let row = if task.index == 0 {
            Hot::by_id(to, task.job)?
        } else {
            None
        };
        let Some(mut row) = row else {
            return Ok(Err(unknown));
        };
        let before = row.task.state;
        match row.custody().seal(fence) {
            Ok(Sealing::Given) => {}
            Ok(Sealing::Already) => return Ok(Ok(Change::Already)),
            Err(why) => return Ok(Err(row.barred(why))),
        }
        if let Err(refusal) = row.has_room(1) {
            return Ok(Err(refusal));
        }
        if let Some(started) = self.started.filter(|_| row.awaits_start(fence)) {
            row.begin(to.conn, started, &self.actor)?;
        }
        row.sealed = Some(self.artifacts.clone());
        let now = row.task.state;
        row.write(to)?;
        to.moved(before, now);
        Ok(Ok(Change::Moved { from: before, to: now }))
    }
}

impl Verb for Seals {
    type Answer = Vec<Result<Change, Refusal>>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        self.0.iter().map(|item| item.perform(to)).collect()
    }
}
