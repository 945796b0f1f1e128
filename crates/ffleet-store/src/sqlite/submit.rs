//! Accepting jobs.

use std::collections::BTreeMap;

use ffleet_media::job::Output;
use ffleet_media::{Source, Spec, Target};
use ffleet_types::task::{State, Task};
use ffleet_types::{JobId, JobNumber};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::access;
use super::code::{self, Columns as _};
use super::row::Hot;
use super::writer::{Verb, Writing};
use crate::verbs::{Accepted, Idempotency, NewJob, SubmitRefusal};

/// A job in the form in which the tables hold it.
#[derive(Debug)]
struct Item {
    id: JobId,
    accepted: i64,
    actor: String,
    tenant: String,
    queue: &'static str,
    retry_of: Option<i64>,
    idempotency: Option<Idempotency>,
    words: String,
    spec: String,
    labels: BTreeMap<String, String>,
}

/// Jobs of one call.
#[derive(Debug)]
pub(super) struct Submit(Vec<Item>);

impl Submit {
    pub(super) fn new(jobs: Vec<NewJob>) -> Self {
        Self(jobs.into_iter().map(Item::new).collect())
    }
}

impl Item {
    fn new(job: NewJob) -> Self {
        let spec = job.spec;
        let text = code::json(&spec);
        // A job that could not be read again would stand in the way of every other.
        debug_assert_eq!(serde_json::from_str(&text).ok().as_ref(), Some(&spec), "{text}");
        Self {
            id: job.id,
            accepted: code::time(job.accepted),
            actor: job.actor.to_string(),
            tenant: spec.terms.tenant.to_string(),
            queue: spec.terms.queue.name(),
            retry_of: job.retry_of.map(|number| code::int(number.0)),
            idempotency: job.idempotency,
            words: words(&spec),
            spec: text,
            labels: spec.terms.labels,
        }
    }

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Result<Accepted, SubmitRefusal>> {
        if let Some(earlier) = self.earlier(to)? {
            return Ok(earlier);
        }
        if let Some(limit) = access::full(to.conn, &self.tenant)? {
            let tenant = self.tenant.clone();
            return Ok(Err(SubmitRefusal::QueueFull { tenant, limit }));
        }
        let number = to.next_number();
        let task = Task::default();
        let inserted = to
            .conn
            .prepare_cached(
                "INSERT INTO jobs (number, id, state, fence, charged, edges, owner) \
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![
                number,
                self.id.bits().to_be_bytes(),
                code::state(task.state),
                code::int(task.fence.as_u64()),
                task.charged,
                self.tenant,
            ])?;
        if inserted == 0 {
            return Ok(Err(SubmitRefusal::IdTaken { id: self.id }));
        }
        to.conn
            .prepare_cached(
                "INSERT INTO requests VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                number,
                self.accepted,
                self.actor,
                self.tenant,
                self.queue,
                self.retry_of,
                self.idempotency.as_ref().map(|same| &same.key),
                self.idempotency.as_ref().map(|same| &same.fingerprint),
                self.words,
                self.spec,
            ])?;
        for (name, value) in &self.labels {
            to.conn
                .prepare_cached("INSERT INTO labels VALUES (?1, ?2, ?3)")?
                .execute(params![name, value, number])?;
        }
        to.known.keep(Hot::new(number, self.id, task));
        to.took_number(number);
        to.appeared(State::Queued);
        let number = JobNumber(number.cast_unsigned());
        Ok(Ok(Accepted { number, id: self.id, existing: false }))
    }

    /// What an earlier call with the same key has come to.
    fn earlier(
        &self,
        to: &Writing<'_>,
    ) -> rusqlite::Result<Option<Result<Accepted, SubmitRefusal>>> {
        match &self.idempotency {
            Some(same) => earlier(to.conn, &self.tenant, same),
            None => Ok(None),
        }
    }
}

/// What an earlier submission with the same key has come to.
pub(super) fn earlier(
    conn: &Connection,
    tenant: &str,
    Idempotency { key, fingerprint }: &Idempotency,
) -> rusqlite::Result<Option<Result<Accepted, SubmitRefusal>>> {
    let found = conn
        .prepare_cached(
            "SELECT number, fingerprint, id FROM requests JOIN jobs USING (number) \
             WHERE tenant = ?1 AND key = ?2",
        )?
        .query_row(params![tenant, key], |row| {
            let same = row.get_ref(1)?.as_blob()? == fingerprint;
            Ok((row.number(0)?, same, row.job_id(2)?))
        })
        .optional()?;
    Ok(found.map(|(number, same, id)| {
        if same {
            Ok(Accepted { number, id, existing: true })
        } else {
            Err(SubmitRefusal::KeyReused { key: key.clone(), number })
        }
    }))
}

/// What a search looks through: the input's name, the targets' and the labels, one a line.
fn words(spec: &Spec) -> String {
    let input = match &spec.input {
        Source::File(name) | Source::Url(name) => name.clone(),
        Source::Test(_) => spec.input.to_string(),
    };
    let target = |output: &Output| match &output.target {
        Target::File(name) | Target::Live(name) => name.clone(),
    };
    let labels = spec.terms.labels.iter();
    let mut lines = vec![input];
    lines.extend(spec.outputs.iter().map(target));
    lines.extend(labels.map(|(name, value)| format!("{name}={value}")));
    lines.join("\n").to_lowercase()
}

impl Verb for Submit {
    type Answer = Vec<Result<Accepted, SubmitRefusal>>;

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<Self::Answer> {
        self.0.iter().map(|item| item.perform(to)).collect()
    }
}
