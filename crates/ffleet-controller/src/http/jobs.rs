//! Jobs: submit, list, show.

use axum::Extension;
use axum::extract::{Path, Request, State};
use ffleet_api::bench::Rehearsal;
use ffleet_api::job::{History, Job, Page};
use ffleet_api::{Code, Problem, query, submit};
use ffleet_store::{Filter, Idempotency, Page as Slice};
use ffleet_types::{JobRef, TenantId, task};
use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use sha2::{Digest as _, Sha256};

use super::access::Access;
use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::{error, view};

/// The longest idempotency key.
const LONGEST_KEY: usize = 255;

/// Submits a job. With `dry-run=true`, says what it would run and be allowed.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = submit::Request, params(
    ("dry-run" = Option<bool>, Query, description = "Only say what would be done"),
    ("idempotency-key" = Option<String>, Header,
        description = "The same key and body give the same job, for as long as it is kept"),
), responses(
    (status = 201, description = "It is on disk", body = Job,
        headers(("location" = String, description = "The job's address"))),
    (status = 200, description = "It was there already; or, with dry-run, the rehearsal",
        body = Job),
    (status = 409, description = "The target exists, or the idempotency key means another job",
        body = Problem),
    (status = 422, description = "It cannot be taken as it is", body = Problem),
    (status = 503, description = "The store, or a file system it names, does not answer",
        body = Problem),
))]
pub(crate) async fn submit(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let begun = controller.clock.monotonic();
    let answer = accept(&controller, access, request).await;
    let took = controller.clock.monotonic().saturating_sub(begun);
    controller
        .metrics
        .submitted(if answer.is_ok() { "accepted" } else { "refused" }, took);
    answer
}

async fn accept(controller: &Controller, access: Access, request: Request) -> Answer {
    let dry = is_dry(request.uri().query().unwrap_or_default())?;
    let key = idempotency_key(&request)?;
    let asked: submit::Request = body::read(controller, request).await?;
    let idempotency = match key {
        Some(key) => Some(Idempotency { key, fingerprint: fingerprint(&asked)? }),
        None => None,
    };
    let tenant = access.tenant().cloned().unwrap_or_default();
    let (spec, input) = match controller.admit(asked, tenant.clone()).await {
        Ok(admitted) => admitted,
        Err(problem) => {
            let job = repeated(controller, tenant, idempotency, problem).await?;
            return reply::json(StatusCode::OK, &job);
        }
    };
    if dry {
        return rehearse(controller, spec).await;
    }
    let accepted = controller
        .accept((spec, input), access.actor, idempotency, None)
        .await?;
    if accepted.existing {
        return reply::json(StatusCode::OK, &accepted.job);
    }
    let mut response = reply::json(StatusCode::CREATED, &accepted.job)?;
    let location = format!("/v1/jobs/{}", accepted.job.summary.id);
    let location = HeaderValue::from_str(&location).expect("an id is letters and digits");
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

/// The job that an earlier submission with this key has become. Its own result may be in the way
/// by now, so that it would not be admitted again: it is not asked to.
async fn repeated(
    controller: &Controller,
    tenant: TenantId,
    idempotency: Option<Idempotency>,
    problem: Problem,
) -> Result<Job, Problem> {
    let Some(same) = idempotency else {
        return Err(problem);
    };
    let earlier = controller.store.earlier(tenant, same).await;
    match earlier.map_err(|error| error::unavailable(&error))? {
        Some(Ok(accepted)) => controller.job(JobRef::Id(accepted.id)).await,
        Some(Err(refusal)) => Err(error::submit_refused(&refusal)),
        None => Err(problem),
    }
}

async fn rehearse(controller: &Controller, spec: ffleet_media::Spec) -> Answer {
    let bench = controller.bench().ok_or_else(no_bench)?;
    let rehearsal: Rehearsal = bench.rehearse(spec).await.map_err(|trouble| {
        Problem::new(Code::EngineRefused, trouble.message)
            .hint(format!("reason: {}", trouble.reason))
    })?;
    reply::json(StatusCode::OK, &rehearsal)
}

/// There is nobody to ask.
pub(super) fn no_bench() -> Problem {
    Problem::new(Code::Unavailable, "no node has started on this machine yet; try again")
}

fn is_dry(query: &str) -> Result<bool, Problem> {
    let mut dry = false;
    for (key, value) in query::pairs(query)? {
        dry = match (key.as_str(), value.as_str()) {
            ("dry-run", "true" | "1" | "") => true,
            ("dry-run", "false" | "0") => false,
            ("dry-run", _) => {
                let detail = format!("{value:?} is neither true nor false");
                return Err(Problem::new(Code::InvalidQuery, detail).at("dry-run"));
            }
            _ => return Err(query::unknown(&key, &["dry-run"])),
        };
    }
    Ok(dry)
}

fn idempotency_key(request: &Request) -> Result<Option<String>, Problem> {
    let Some(value) = request.headers().get(submit::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let visible = |text: &&str| text.bytes().all(|c| c.is_ascii_graphic() || c == b' ');
    match value.to_str().ok().filter(visible) {
        Some(key) if (1..=LONGEST_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!("an idempotency key is 1 to {LONGEST_KEY} printable characters");
            Err(Problem::new(Code::InvalidValue, detail).at(submit::IDEMPOTENCY_KEY))
        }
    }
}

/// What was asked for, whatever the order of its keys and the spaces between.
fn fingerprint(asked: &submit::Request) -> Result<[u8; 32], Problem> {
    serde_json::to_vec(asked)
        .map(|text| Sha256::digest(&text).into())
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(
    ("state" = Option<String>, Query, description = "Only in these states, by commas"),
    ("queue" = Option<String>, Query, description = "Only of this queue"),
    ("label" = Option<String>, Query, description = "Only with this label: NAME=VALUE"),
    ("limit" = Option<u32>, Query, description = "At most so many: 1 to 500, 50 by default"),
    ("after" = Option<u64>, Query, description = "The `next` of the page before"),
), responses(
    (status = 200, description = "A page", body = Page),
    (status = 400, description = "The query means nothing", body = Problem),
))]
pub(crate) async fn list(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let jobs = query::Jobs::parse(request.uri().query().unwrap_or_default())?;
    reply::json(StatusCode::OK, &controller.jobs_of(&jobs, access.tenant()).await?)
}

/// Shows a job, by number or id.
#[utoipa::path(get, path = "/v1/jobs/{job}", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 200, description = "The job", body = Job),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let job = reference(&job)?;
    let shown = match access.tenant() {
        // What a job waits for names jobs of others.
        Some(_) => view::job(&controller.seen(job, &access).await?, &controller.desk),
        None => controller.job(job).await?,
    };
    reply::json(StatusCode::OK, &shown)
}

/// Shows every change of a job's state.
#[utoipa::path(get, path = "/v1/jobs/{job}/history", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 200, description = "Its history", body = History),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn history(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let row = controller.seen(reference(&job)?, &access).await?;
    let history = row.history.iter().map(view::change).collect();
    reply::json(StatusCode::OK, &History { history })
}

/// The job that a part of an address names.
pub(super) fn reference(text: &str) -> Result<JobRef, Problem> {
    text.parse()
        .map_err(|error| Problem::new(Code::JobNotFound, format!("{error}")).at("job"))
}

impl Controller {
    /// A page of jobs, newest first.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`].
    pub async fn jobs(&self, jobs: &query::Jobs) -> Result<Page, Problem> {
        self.jobs_of(jobs, None).await
    }

    /// The same, of one tenant alone where there is one.
    async fn jobs_of(
        &self,
        jobs: &query::Jobs,
        tenant: Option<&TenantId>,
    ) -> Result<Page, Problem> {
        let filter = Filter {
            tenant: tenant.cloned(),
            states: jobs.states.clone(),
            queue: jobs.queue,
            labels: jobs.label.iter().cloned().collect(),
            ..Filter::default()
        };
        let mut page = Page { jobs: Vec::new(), next: jobs.after };
        let limit = usize::try_from(jobs.limit).unwrap_or(usize::MAX);
        // The store looks at a bounded number of jobs at once; a filter that fits few of them may
        // need several looks, but never so many that others wait.
        for _ in 0..16 {
            let slice = Slice { before: page.next, limit: limit - page.jobs.len() };
            let listed = self
                .store
                .jobs(filter.clone(), slice)
                .await
                .map_err(|error| error::unavailable(&error))?;
            page.jobs
                .extend(listed.jobs.iter().map(|row| view::summary(row, &self.desk)));
            page.next = listed.next;
            if page.next.is_none() || page.jobs.len() >= limit {
                break;
            }
        }
        Ok(page)
    }

    /// A job with everything about it.
    ///
    /// # Errors
    ///
    /// [`Code::JobNotFound`], [`Code::StoreUnavailable`].
    pub async fn job(&self, job: JobRef) -> Result<Job, Problem> {
        let row = self.find(job).await?;
        let mut job = view::job(&row, &self.desk);
        if row.summary.state == task::State::Queued && job.summary.waits.is_none() {
            job.summary.waits = self.awaited(&row.summary);
        }
        Ok(job)
    }
}
