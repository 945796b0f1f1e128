//! What a job's children are at, second by second.

use axum::Extension;
use axum::extract::{Path, Request, State};
use ffleet_api::sample::{List, Sample};
use ffleet_api::{Code, Problem, query};
use ffleet_store::JobRow;
use ffleet_types::{AttemptId, Fence, JobRef, TaskId};
use hyper::StatusCode;

use super::access::Access;
use super::jobs::reference;
use super::reply::{self, Answer};
use crate::controller::Controller;

impl Controller {
    /// The last minutes of an attempt of a job, of the latest one where none is named.
    pub(crate) async fn samples(
        &self,
        job: JobRef,
        attempt: Option<Fence>,
    ) -> Result<List, Problem> {
        let row = self.find(job).await?;
        self.samples_of(&row, attempt)
    }

    fn samples_of(&self, row: &JobRow, attempt: Option<Fence>) -> Result<List, Problem> {
        let job = row.summary.number;
        let fence = attempt.unwrap_or(row.summary.fence);
        if attempt.is_some() && !row.attempts.iter().any(|known| known.fence == fence) {
            let detail = format!("job {job} has no attempt {}", fence.as_u64());
            return Err(Problem::new(Code::LogNotFound, detail).at("attempt"));
        }
        let attempt = AttemptId { task: TaskId::whole(row.summary.id), fence };
        let points = self.bench().map(|bench| bench.samples(attempt)).unwrap_or_default();
        Ok(List {
            attempt: fence.as_u64(),
            samples: points.iter().map(Sample::from).collect(),
        })
    }
}

/// Shows what the children of an attempt were at in its last five minutes, a sample a second. It is
/// kept while an attempt runs and for a while after, in memory alone.
#[utoipa::path(get, path = "/v1/jobs/{job}/samples", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
    ("attempt" = Option<u64>, Query, description = "Which attempt; the latest by default"),
), responses(
    (status = 200, description = "What is kept, the oldest first", body = List),
    (status = 404, description = "There is no such job or attempt", body = Problem),
))]
pub(crate) async fn show(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
    request: Request,
) -> Answer {
    let mut attempt = None;
    for (key, value) in query::pairs(request.uri().query().unwrap_or_default())? {
        match key.as_str() {
            "attempt" => attempt = Some(super::logs::fence(&value)?),
            _ => return Err(query::unknown(&key, &["attempt"]).into()),
        }
    }
    let row = controller.seen(reference(&job)?, &access).await?;
    reply::json(StatusCode::OK, &controller.samples_of(&row, attempt)?)
}
