//! Lines of the logs of all jobs, by time and text.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::{RawQuery, State};
use ffleet_api::bench::{Line as Found, Place, Search};
use ffleet_api::log::{Line, Page};
use ffleet_api::query::Logs;
use ffleet_api::{Code, Problem};
use ffleet_types::{Fence, JobId, JobNumber, JobRef, Timestamp};
use hyper::StatusCode;

use super::access::Access;
use super::reply::{self, Answer};
use crate::controller::Controller;

/// How far back lines are looked for where nobody says, and no job is named.
const HOUR: Duration = Duration::from_secs(3_600);

impl Controller {
    /// A page of the lines that `query` asks for.
    pub(crate) async fn lines(&self, query: Logs) -> Result<Page, Problem> {
        let search = self.search(&query).await?;
        let bench = self.bench().ok_or_else(|| {
            Problem::new(Code::Unavailable, "no node has started on this machine yet")
        })?;
        let found = bench
            .search(search)
            .await
            .map_err(|trouble| Problem::new(Code::Unavailable, trouble.message))?;
        let numbers = self.numbers(&found.lines).await;
        let next = found.lines.last().map(|line| line.place.to_string());
        let lines = found.lines.into_iter().map(|line| {
            let Place { at, attempt, child, .. } = line.place;
            let job = attempt.task.job;
            Line {
                at: at.into(),
                number: numbers.get(&job).copied(),
                job,
                attempt: attempt.fence.as_u64(),
                child,
                phase: line.phase,
                text: line.text,
            }
        });
        Ok(Page { lines: lines.collect(), next, more: found.more, complete: found.complete })
    }

    async fn search(&self, query: &Logs) -> Result<Search, Problem> {
        let now = self.clock.now();
        let job = match query.job {
            Some(JobRef::Id(id)) => Some(id),
            Some(number) => Some(self.find(number).await?.summary.id),
            None => None,
        };
        let begin = match job {
            Some(_) => Timestamp::EPOCH,
            None => Timestamp::from_micros(
                now.as_micros()
                    .saturating_sub(u64::try_from(HOUR.as_micros()).unwrap_or(u64::MAX)),
            ),
        };
        let after = query.after.as_deref().map(str::parse).transpose();
        let after = after.map_err(|error: ffleet_types::ParseError| {
            Problem::new(Code::InvalidQuery, error.to_string()).at("after")
        })?;
        Ok(Search {
            job,
            attempt: query.attempt.map(Fence::from_u64),
            since: query.since.map_or(begin, |since| since.since(now)),
            until: query.until.map_or(now, |until| until.since(now)),
            text: query.grep.clone(),
            after,
            limit: usize::try_from(query.limit).unwrap_or(usize::MAX),
        })
    }

    /// The numbers of the jobs that these lines are of. One that was pruned has none.
    async fn numbers(&self, lines: &[Found]) -> BTreeMap<JobId, JobNumber> {
        let mut numbers = BTreeMap::new();
        for line in lines {
            let job = line.place.attempt.task.job;
            if numbers.contains_key(&job) {
                continue;
            }
            if let Ok(row) = self.find(JobRef::Id(job)).await {
                numbers.insert(job, row.summary.number);
            }
        }
        numbers
    }
}

/// Looks for lines that children wrote, over all jobs, in the order of their times. `next` of a page is
/// what `after` takes for the one that follows. Lines of the last second may still be on their way:
/// whoever follows asks with `until=2s`.
#[utoipa::path(get, path = "/v1/logs", tag = "jobs", params(
    ("job" = Option<String>, Query, description = "Only those of this job: its number or its id"),
    ("attempt" = Option<u64>, Query, description = "Only those of this attempt of it"),
    ("since" = Option<String>, Query,
        description = "From here on: so long ago (`10m`), or RFC 3339; without a job, an hour ago by default"),
    ("until" = Option<String>, Query, description = "Up to here; now by default"),
    ("grep" = Option<String>, Query,
        description = "Only those that hold this text, up to 256 bytes; case does not matter"),
    ("limit" = Option<u32>, Query, description = "At most so many: 1 to 5000, 500 by default"),
    ("after" = Option<String>, Query, description = "The `next` of the page before"),
), responses(
    (status = 200, description = "What was found", body = Page),
    (status = 400, description = "The query makes no sense", body = Problem),
    (status = 404, description = "There is no such job", body = Problem),
    (status = 503, description = "The logs cannot be read now", body = Problem),
))]
pub(crate) async fn list(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Logs::parse(query.as_deref().unwrap_or_default())?;
    match (access.tenant(), query.job) {
        (Some(_), Some(job)) => controller.check(job, &access).await?,
        (Some(_), None) => {
            let detail = "a key for one tenant's work searches one job at a time";
            let problem = Problem::new(Code::InvalidQuery, detail).at("job");
            return Err(problem.hint("name the job: `job=NUMBER`").into());
        }
        (None, _) => {}
    }
    reply::json(StatusCode::OK, &controller.lines(query).await?)
}
