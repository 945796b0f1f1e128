//! Removing finished jobs, a slice at a time.

use ffleet_types::task::State;
use ffleet_types::{Fence, JobId, JobNumber, Timestamp};
use rusqlite::params;

use super::code::{self, Columns as _};
use super::writer::{Verb, Writing};
use crate::verbs::{Prune, Pruned};

/// One slice.
#[derive(Debug)]
pub(super) struct Slice(pub(super) Prune);

struct Victim {
    number: JobNumber,
    id: JobId,
    fence: Fence,
    state: State,
}

impl Verb for Slice {
    type Answer = Vec<Pruned>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        let victims = self.victims(to)?;
        if victims.is_empty() {
            return Ok(Vec::new());
        }
        for victim in &victims {
            remove(victim, to)?;
        }
        // The highest number may have been among them, and must not be given away again.
        to.keep_number()?;
        let pruned = |v: Victim| Pruned { number: v.number, id: v.id, fence: v.fence };
        Ok(victims.into_iter().map(pruned).collect())
    }
}

impl Slice {
    /// The jobs that ended first, as far as the policy lets them go.
    fn victims(&self, to: &Writing<'_>) -> rusqlite::Result<Vec<Victim>> {
        let Prune { before, keep, limit } = self.0;
        let excess = keep.map_or(0, |keep| to.ended().saturating_sub(keep));
        let before = before.map_or(i64::MIN, |at: Timestamp| code::time(at));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        to.conn
            .prepare_cached(
                "SELECT number, id, fence, state FROM (\
                   SELECT number, id, fence, state, ended, \
                          row_number() OVER (ORDER BY ended) AS place \
                   FROM jobs WHERE ended IS NOT NULL ORDER BY ended LIMIT ?3) \
                 WHERE ended < ?1 OR place <= ?2",
            )?
            .query_map(params![before, code::int(excess), limit], |row| {
                Ok(Victim {
                    number: row.number(0)?,
                    id: row.job_id(1)?,
                    fence: row.fence(2)?,
                    state: row.state(3)?,
                })
            })?
            .collect()
    }
}

fn remove(victim: &Victim, to: &mut Writing<'_>) -> rusqlite::Result<()> {
    let number = code::int(victim.number.0);
    let (first, end) = code::keys(number);
    for table in [
        "DELETE FROM history WHERE key >= ?1 AND key < ?2",
        "DELETE FROM attempts WHERE key >= ?1 AND key < ?2",
    ] {
        to.conn.prepare_cached(table)?.execute([first, end])?;
    }
    for table in [
        "DELETE FROM labels WHERE number = ?1",
        "DELETE FROM requests WHERE number = ?1",
        "DELETE FROM jobs WHERE number = ?1",
    ] {
        to.conn.prepare_cached(table)?.execute([number])?;
    }
    to.vanished(victim.state);
    Ok(())
}
