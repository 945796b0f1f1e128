//! What a person may ask of a job.

use axum::Extension;
use axum::extract::{Path, State};
use ffleet_api::Problem;
use ffleet_api::job::Job;
use hyper::StatusCode;

use super::access::Access;
use super::jobs::reference;
use super::reply::{self, Answer};
use crate::controller::Controller;

/// Cancels a job: at once where nothing of it runs, else once its processes are gone. The job is
/// answered as it is by then.
#[utoipa::path(post, path = "/v1/jobs/{job}/cancel", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 200, description = "The job", body = Job),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It has ended, or its results are being published", body = Problem),
))]
pub(crate) async fn cancel(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let job = reference(&job)?;
    controller.check(job, &access).await?;
    let job = controller.cancel(job, access.actor).await?;
    reply::json(StatusCode::OK, &job)
}

/// Freezes a running job's processes. Paused time counts to no timeout.
#[utoipa::path(post, path = "/v1/jobs/{job}/pause", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 200, description = "The job", body = Job),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It does not run", body = Problem),
))]
pub(crate) async fn pause(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let job = reference(&job)?;
    controller.check(job, &access).await?;
    let job = controller.pause(job).await?;
    reply::json(StatusCode::OK, &job)
}

/// Lets a paused job run again.
#[utoipa::path(post, path = "/v1/jobs/{job}/resume", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 200, description = "The job", body = Job),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It is not paused", body = Problem),
))]
pub(crate) async fn resume(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let job = reference(&job)?;
    controller.check(job, &access).await?;
    let job = controller.resume(job).await?;
    reply::json(StatusCode::OK, &job)
}

/// Makes a new job of one that has ended.
#[utoipa::path(post, path = "/v1/jobs/{job}/retry", tag = "jobs", params(
    ("job" = String, Path, description = "Its number or its id"),
), responses(
    (status = 201, description = "The new job; `retry-of` names the old one", body = Job),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "It has not ended", body = Problem),
))]
pub(crate) async fn retry(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(job): Path<String>,
) -> Answer {
    let job = reference(&job)?;
    controller.check(job, &access).await?;
    let job = controller.retry(job, access.actor).await?;
    reply::json(StatusCode::CREATED, &job)
}
