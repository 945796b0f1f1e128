//! The part of a job that changes: read, altered, written back.

use ffleet_types::task::{Barred, Custody, Event, State, Task};
use ffleet_types::{AttemptId, Fence, JobId, JobNumber, JobRef, Reason, TaskId, Timestamp, job};
use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::code::{self, Columns as _};
use super::writer::Writing;
use crate::MOST_EDGES;
use crate::verbs::Refusal;

/// A job's row in `jobs`.
#[derive(Debug)]
pub(super) struct Hot {
    pub(super) number: i64,
    pub(super) id: JobId,
    pub(super) task: Task,
    pub(super) edges: u64,
    pub(super) node: Option<[u8; 16]>,
    pub(super) assigned: Option<i64>,
    pub(super) started: Option<i64>,
    pub(super) ended: Option<i64>,
    pub(super) not_before: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    pub(super) cancel: Option<(i64, String)>,
    pub(super) sealed: Option<String>,
}

/// An entry for the history, without what the row knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note<'a> {
    pub(super) at: i64,
    pub(super) actor: &'a str,
    pub(super) reason: Option<Reason>,
    pub(super) message: Option<&'a str>,
}

/// All that [`Hot::read`] reads, in its order.
macro_rules! hot {
    ($by:literal) => {
        concat!(
            "SELECT number, id, state, fence, charged, edges, node, assigned, started, ended, ",
            "not_before, reason, message, cancel_at, cancel_by, sealed FROM jobs WHERE ",
            $by,
            " = ?1"
        )
    };
}

/// Rows that were written last and will be asked for again, so that a job that is claimed and
/// ended soon is not looked for in the tables. Only the writer has it, and it is always what the
/// tables hold.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<JobId, Hot>);

/// Rows that are known by heart, at most.
const KNOWN: usize = 1_024;

impl Known {
    /// Keeps what was just written, if more is to come.
    pub(super) fn keep(&mut self, row: Hot) {
        if row.task.state.is_terminal() {
            self.0.remove(&row.id);
            return;
        }
        if self.0.len() >= KNOWN {
            self.forget();
        }
        self.0.insert(row.id, row);
    }

    /// What was written is undone.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Hot {
    /// A job that was just accepted.
    pub(super) fn new(number: i64, id: JobId, task: Task) -> Self {
        Self {
            number,
            id,
            task,
            edges: 0,
            node: None,
            assigned: None,
            started: None,
            ended: None,
            not_before: None,
            reason: None,
            message: None,
            cancel: None,
            sealed: None,
        }
    }

    pub(super) fn by_id(to: &mut Writing<'_>, id: JobId) -> rusqlite::Result<Option<Self>> {
        if let Some(row) = to.known.0.remove(&id) {
            return Ok(Some(row));
        }
        to.conn
            .prepare_cached(hot!("id"))?
            .query_row([id.bits().to_be_bytes()], Self::read)
            .optional()
    }

    fn by_number(to: &Writing<'_>, number: JobNumber) -> rusqlite::Result<Option<Self>> {
        to.conn
            .prepare_cached(hot!("number"))?
            .query_row([code::int(number.0)], Self::read)
            .optional()
    }

    pub(super) fn by(to: &mut Writing<'_>, job: JobRef) -> rusqlite::Result<Option<Self>> {
        match job {
            JobRef::Id(id) => Self::by_id(to, id),
            JobRef::Number(number) => Self::by_number(to, number),
        }
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let cancel_at: Option<i64> = row.get(13)?;
        Ok(Self {
            number: row.get(0)?,
            id: row.job_id(1)?,
            task: Task { state: row.state(2)?, fence: row.fence(3)?, charged: row.small(4)? },
            edges: row.unsigned(5)?,
            node: row.get(6)?,
            assigned: row.get(7)?,
            started: row.get(8)?,
            ended: row.get(9)?,
            not_before: row.get(10)?,
            reason: row.get(11)?,
            message: row.get(12)?,
            cancel: match cancel_at {
                None => None,
                Some(at) => Some((at, row.get(14)?)),
            },
            sealed: row.get(15)?,
        })
    }

    pub(super) fn number(&self) -> JobNumber {
        JobNumber(self.number.cast_unsigned())
    }

    pub(super) const fn attempt(&self) -> AttemptId {
        AttemptId { task: TaskId::whole(self.id), fence: self.task.fence }
    }

    /// What of it decides who may do what.
    pub(super) const fn custody(&self) -> Custody {
        let (sealed, cancel) = (self.sealed.is_some(), self.cancel.is_some());
        Custody { task: self.task, sealed, cancel }
    }

    /// Why it may not be, with the number of the job.
    pub(super) fn barred(&self, why: Barred) -> Refusal {
        match why {
            Barred::Edge(refusal) => refusal.into(),
            Barred::CancelRequested => Refusal::CancelRequested(self.number()),
            Barred::Sealed => Refusal::Sealed(self.number()),
        }
    }

    /// Whether `fence` is that of the latest attempt, and it was promised but has not begun.
    pub(super) fn awaits_start(&self, fence: Fence) -> bool {
        self.task.state == State::Assigned && self.task.fence == fence
    }

    /// Whether a job with so many further changes still has room in its history.
    pub(super) fn has_room(&self, changes: u64) -> Result<(), Refusal> {
        if self.edges + changes > MOST_EDGES || self.task.fence.as_u64() >= MOST_EDGES {
            Err(Refusal::Exhausted(self.number()))
        } else {
            Ok(())
        }
    }

    /// Records that the task went from `was` to where it is now.
    pub(super) fn record(
        &mut self,
        conn: &Connection,
        was: State,
        note: &Note<'_>,
    ) -> rusqlite::Result<()> {
        self.edges += 1;
        if self.task.state.is_terminal() {
            self.ended = Some(note.at);
        }
        conn.prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                code::key(self.number, self.edges),
                note.at,
                code::state(was),
                code::state(self.task.state),
                code::int(self.task.fence.as_u64()),
                note.actor,
                note.reason.map(Reason::name),
                note.message,
            ])?;
        Ok(())
    }

    /// Records the start of the attempt, which is known to be legal.
    pub(super) fn begin(
        &mut self,
        conn: &Connection,
        at: Timestamp,
        actor: &str,
    ) -> rusqlite::Result<()> {
        let was = self.task.state;
        let start = Event::Start { fence: self.task.fence };
        self.task
            .apply(&start)
            .map(drop)
            .expect("an assigned task starts under its own fence");
        let at = code::time(at);
        self.started = Some(at);
        self.record(conn, was, &Note { at, actor, reason: None, message: None })
    }

    /// Ends a job that was asked to stop and is now held by nobody.
    pub(super) fn end_as_asked(&mut self, conn: &Connection, at: i64) -> rusqlite::Result<()> {
        if self.task.state.is_held() || self.task.state.is_terminal() {
            return Ok(());
        }
        let Some((_, actor)) = self.cancel.clone() else {
            return Ok(());
        };
        let was = self.task.state;
        self.task
            .apply(&Event::Cancel)
            .map(drop)
            .expect("a task that is not at its end can be canceled");
        self.not_before = None;
        let message = Some("stopped as asked: not tried again");
        self.record(conn, was, &Note { at, actor: &actor, reason: None, message })
    }

    /// Writes the row back. The job's state is folded from its tasks', of which there is one.
    pub(super) fn write(self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        to.conn
            .prepare_cached(
                "UPDATE jobs SET state = ?2, fence = ?3, charged = ?4, edges = ?5, node = ?6, \
             assigned = ?7, started = ?8, ended = ?9, not_before = ?10, reason = ?11, \
             message = ?12, cancel_at = ?13, cancel_by = ?14, sealed = ?15 WHERE number = ?1",
            )?
            .execute(params![
                self.number,
                code::state(job::state(&[self.task.state])),
                code::int(self.task.fence.as_u64()),
                self.task.charged,
                code::int(self.edges),
                self.node,
                self.assigned,
                self.started,
                self.ended,
                self.not_before,
                self.reason,
                self.message,
                self.cancel.as_ref().map(|(at, _)| at),
                self.cancel.as_ref().map(|(_, by)| by),
                self.sealed,
            ])?;
        to.known.keep(self);
        Ok(())
    }
}
