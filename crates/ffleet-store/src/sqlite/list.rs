//! Lists of jobs, newest first, a page at a time.
//!
//! A page starts from numbers that an index gives in order (of all jobs, of some states, of a
//! label) and looks at a bounded count of them, so that the worst filter costs milliseconds.

use ffleet_types::JobNumber;
use ffleet_types::task::State;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::code::{self, Columns as _};
use super::read::{SUMMARY, summary};
use crate::rows::{Filter, Listed, Page};

/// Most jobs of a page.
const MOST: usize = 1_000;
/// Jobs that one call looks at.
const SCAN: usize = 5_000;

/// A statement and its values, which are numbered from 1.
#[derive(Debug, Default)]
struct Query {
    values: Vec<Value>,
}

impl Query {
    /// The placeholder of another value.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// Numbers of the jobs that are looked at, newest first, from an index.
    fn candidates(&mut self, filter: &Filter, page: Page) -> String {
        let before = page.before.map_or(i64::MAX, |number| code::int(number.0));
        let before = self.bind(before);
        let from = if let Some((name, value)) = filter.labels.first_key_value() {
            let (name, value) = (self.bind(name.clone()), self.bind(value.clone()));
            format!(
                "SELECT number FROM labels WHERE name = {name} AND value = {value} \
                 AND number < {before}"
            )
        } else if filter.states.is_empty() {
            format!("SELECT number FROM jobs WHERE number < {before}")
        } else {
            let mut states = filter.states.clone();
            states.sort_unstable_by_key(|&at| code::state(at));
            states.dedup();
            let part = |&at: &State| {
                format!("SELECT number FROM jobs WHERE {} AND number < {before}", code::is_in(at))
            };
            states.iter().map(part).collect::<Vec<_>>().join(" UNION ALL ")
        };
        format!("{from} ORDER BY number DESC LIMIT {SCAN}")
    }

    /// What the index has not seen to.
    fn conditions(&mut self, filter: &Filter) -> String {
        let mut all = vec!["true".to_owned()];
        if !filter.labels.is_empty() && !filter.states.is_empty() {
            let states: Vec<_> =
                filter.states.iter().map(|&at| code::state(at).to_string()).collect();
            all.push(format!("j.state IN ({})", states.join(", ")));
        }
        for (name, value) in filter.labels.iter().skip(1) {
            let (name, value) = (self.bind(name.clone()), self.bind(value.clone()));
            all.push(format!(
                "EXISTS (SELECT 1 FROM labels AS l WHERE l.name = {name} AND l.value = {value} \
                 AND l.number = c.number)"
            ));
        }
        if let Some(queue) = filter.queue {
            let queue = self.bind(queue.name().to_owned());
            all.push(format!("r.queue = {queue}"));
        }
        if let Some(tenant) = &filter.tenant {
            let tenant = self.bind(tenant.to_string());
            all.push(format!("r.tenant = {tenant}"));
        }
        if let Some(text) = &filter.text {
            let text = self.bind(text.to_lowercase());
            all.push(format!("instr(r.words, {text}) > 0"));
        }
        all.join(" AND ")
    }
}

/// A page of the jobs that `filter` lets through.
pub(super) fn jobs(conn: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Listed> {
    let limit = page.limit.clamp(1, MOST);
    let (sql, values) = statement(filter, page, limit);
    let jobs = conn
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), summary)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next = if jobs.len() == limit {
        jobs.last().map(|job| job.number)
    } else {
        last_looked_at(conn, filter, page)?
    };
    Ok(Listed { jobs, next })
}

/// Cross joins keep SQLite to the order of the candidates, so that nothing is sorted and it
/// stops when the page is full.
fn statement(filter: &Filter, page: Page, limit: usize) -> (String, Vec<Value>) {
    let mut query = Query::default();
    let candidates = query.candidates(filter, page);
    let conditions = query.conditions(filter);
    let sql = format!(
        "SELECT {SUMMARY} FROM ({candidates}) AS c CROSS JOIN jobs AS j ON j.number = c.number \
         CROSS JOIN requests AS r ON r.number = c.number WHERE {conditions} \
         ORDER BY c.number DESC LIMIT {limit}"
    );
    (sql, query.values)
}

/// The last job that a page looked at, if there may be further ones.
fn last_looked_at(
    conn: &Connection,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Option<JobNumber>> {
    let mut query = Query::default();
    let candidates = query.candidates(filter, page);
    let sql = format!("SELECT count(*), ifnull(min(number), 0) FROM ({candidates})");
    conn.prepare_cached(&sql)?
        .query_row(params_from_iter(&query.values), |row| {
            let all = row.unsigned(0)? < SCAN as u64;
            let last = row.number(1)?;
            Ok((!all).then_some(last))
        })
}

#[cfg(test)]
mod tests;
