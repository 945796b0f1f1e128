//! Reading single jobs, and what is active.

use ffleet_types::attempt::{Attempt, Usage};
use ffleet_types::task::State;
use ffleet_types::{Fence, JobNumber, JobRef, NodeId, Reason, TaskId, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::code::{self, Columns as _};
use super::moves::Record;
use crate::rows::{ActiveTask, Edge, JobRow, JobSummary};

/// Ended attempts that the scheduler is told of.
const STREAK: usize = 16;

/// The columns that [`summary`] reads, in its order, of `jobs AS j` and `requests AS r`.
pub(super) const SUMMARY: &str = "j.number, j.id, r.spec, j.state, j.reason, j.message, \
    r.accepted, j.started, j.ended, j.not_before, j.cancel_at, j.fence, j.charged, j.node, \
    r.retry_of";

pub(super) fn summary(row: &Row<'_>) -> rusqlite::Result<JobSummary> {
    let retry_of: Option<i64> = row.get(14)?;
    Ok(JobSummary {
        number: row.number(0)?,
        id: row.job_id(1)?,
        spec: row.json(2)?,
        state: row.state(3)?,
        reason: row.reason_opt(4)?,
        message: row.get(5)?,
        accepted: row.time(6)?,
        started: row.time_opt(7)?,
        finished: row.time_opt(8)?,
        not_before: row.time_opt(9)?,
        cancel_requested: row.time_opt(10)?,
        fence: row.fence(11)?,
        charged: row.small(12)?,
        node: row.node_opt(13)?,
        retry_of: retry_of.map(|number| JobNumber(number.cast_unsigned())),
    })
}

/// Everything about one job.
pub(super) fn job(conn: &Connection, job: JobRef) -> rusqlite::Result<Option<JobRow>> {
    let (column, value) = match job {
        JobRef::Number(number) => ("number", rusqlite::types::Value::from(code::int(number.0))),
        JobRef::Id(id) => ("id", id.bits().to_be_bytes().to_vec().into()),
    };
    let sql = format!(
        "SELECT {SUMMARY}, r.actor, j.assigned, j.sealed \
         FROM jobs AS j JOIN requests AS r USING (number) WHERE j.{column} = ?1"
    );
    let found = conn
        .prepare_cached(&sql)?
        .query_row([value], |row| {
            let summary = summary(row)?;
            let living = living(row, &summary)?;
            Ok((summary, row.actor(15)?, living))
        })
        .optional()?;
    let Some((summary, actor, living)) = found else {
        return Ok(None);
    };
    let number = code::int(summary.number.0);
    let mut attempts = ended_attempts(conn, number)?;
    attempts.extend(living);
    let accepted = Edge {
        at: summary.accepted,
        from: None,
        to: State::Queued,
        fence: Fence::NONE,
        actor: actor.clone(),
        reason: None,
        message: None,
    };
    let mut history = vec![accepted];
    history.append(&mut edges(conn, number)?);
    Ok(Some(JobRow { summary, actor, attempts, history }))
}

/// The attempt that has not ended, from the job's own row.
fn living(row: &Row<'_>, summary: &JobSummary) -> rusqlite::Result<Option<Attempt>> {
    let (Some(node), Some(assigned)) = (summary.node, row.time_opt(16)?) else {
        return Ok(None);
    };
    if !summary.state.is_held() {
        return Ok(None);
    }
    Ok(Some(Attempt {
        fence: summary.fence,
        node,
        assigned,
        started: summary.started,
        finished: None,
        outcome: None,
        usage: Usage::default(),
        artifacts: row.json_opt(17)?.unwrap_or_default(),
        commands: Vec::new(),
        notes: Vec::new(),
    }))
}

fn ended_attempts(conn: &Connection, number: i64) -> rusqlite::Result<Vec<Attempt>> {
    let (first, end) = code::keys(number);
    conn.prepare_cached(
        "SELECT key, node, assigned, started, ended, record, artifacts \
         FROM attempts WHERE key >= ?1 AND key < ?2 ORDER BY key",
    )?
    .query_map([first, end], |row| {
        let record: Record = row.json(5)?;
        let nobody = || rusqlite::Error::InvalidColumnType(1, "node".to_owned(), Type::Null);
        Ok(Attempt {
            fence: Fence::from_u64(code::within(row.get(0)?)),
            node: row.node_opt(1)?.ok_or_else(nobody)?,
            assigned: row.time(2)?,
            started: row.time_opt(3)?,
            finished: Some(row.time(4)?),
            outcome: Some(record.outcome),
            usage: record.usage,
            artifacts: row.json_opt(6)?.unwrap_or_default(),
            commands: record.commands,
            notes: record.notes,
        })
    })?
    .collect()
}

fn edges(conn: &Connection, number: i64) -> rusqlite::Result<Vec<Edge>> {
    let (first, end) = code::keys(number);
    conn.prepare_cached(
        "SELECT at, was, became, fence, actor, reason, message \
         FROM history WHERE key >= ?1 AND key < ?2 ORDER BY key",
    )?
    .query_map([first, end], |row| {
        Ok(Edge {
            at: row.time(0)?,
            from: Some(row.state(1)?),
            to: row.state(2)?,
            fence: row.fence(3)?,
            actor: row.actor(4)?,
            reason: row.reason_opt(5)?,
            message: row.get(6)?,
        })
    })?
    .collect()
}

/// Tasks that are not at their end, after job `after`.
pub(super) fn active(
    conn: &Connection,
    after: Option<JobNumber>,
    limit: usize,
) -> rusqlite::Result<Vec<ActiveTask>> {
    let after = after.map_or(0, |number| code::int(number.0));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut tasks = conn
        .prepare_cached(&active_sql())?
        .query_map(params![after, limit], active_task)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for task in tasks.iter_mut().filter(|task| task.fence > Fence::NONE) {
        task.failures = failures(conn, code::int(task.number.0))?;
    }
    Ok(tasks)
}

/// Each state's part of the index is in order; the parts are merged as they are read.
fn active_sql() -> String {
    let parts: Vec<_> = State::ALL
        .into_iter()
        .filter(|state| !state.is_terminal())
        .map(|at| format!("SELECT number FROM jobs WHERE {} AND number > ?1", code::is_in(at)))
        .collect();
    format!(
        "SELECT j.number, j.id, r.spec, r.accepted, j.state, j.fence, j.charged, j.node, \
         j.assigned, j.started, j.not_before, j.cancel_at, j.sealed \
         FROM ({} ORDER BY number LIMIT ?2) AS c \
         JOIN jobs AS j USING (number) JOIN requests AS r USING (number) ORDER BY number",
        parts.join(" UNION ALL ")
    )
}

fn active_task(row: &Row<'_>) -> rusqlite::Result<ActiveTask> {
    let (state, node): (State, Option<NodeId>) = (row.state(4)?, row.node_opt(7)?);
    let cancel: Option<Timestamp> = row.time_opt(11)?;
    Ok(ActiveTask {
        task: TaskId::whole(row.job_id(1)?),
        number: row.number(0)?,
        spec: row.json(2)?,
        accepted: row.time(3)?,
        state,
        fence: row.fence(5)?,
        charged: row.small(6)?,
        node,
        assigned: row.time_opt(8)?,
        started: row.time_opt(9)?,
        not_before: row.time_opt(10)?,
        cancel_requested: cancel.is_some(),
        sealed: row.json_opt(12)?,
        failures: Vec::new(),
    })
}

/// Why the last attempts of a job failed, oldest first.
fn failures(conn: &Connection, number: i64) -> rusqlite::Result<Vec<Reason>> {
    let (first, end) = code::keys(number);
    let mut reasons = conn
        .prepare_cached(
            "SELECT reason FROM attempts WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3",
        )?
        .query_map(params![first, end, i64::try_from(STREAK).unwrap_or(i64::MAX)], |row| {
            row.reason_opt(0)
        })?
        .filter_map(Result::transpose)
        .collect::<rusqlite::Result<Vec<_>>>()?;
    reasons.reverse();
    Ok(reasons)
}
