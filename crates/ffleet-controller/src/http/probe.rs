//! Looking at an input.

use axum::Extension;
use axum::extract::{Request, State};
use ffleet_api::submit::ProbeRequest;
use ffleet_api::{Code, Problem};
use ffleet_media::Source;
use hyper::StatusCode;

use super::access::Access;
use super::reply::{self, Answer};
use super::{body, jobs};
use crate::controller::Controller;

/// Finds out what an input holds.
#[utoipa::path(post, path = "/v1/probe", tag = "presets", request_body = ProbeRequest, responses(
    (status = 200, description = "What it holds: `format`, `duration-micros`, `video`, `audio`, \
        `subtitles`", body = Object),
    (status = 422, description = "It cannot be read", body = Problem),
))]
pub(crate) async fn probe(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let asked: ProbeRequest = body::read(&controller, request).await?;
    let realm = controller.tenants.realm(&access.tenant().cloned().unwrap_or_default());
    let source = controller.rules(&realm).source(&asked.input, "/input")?;
    let wanted = source.clone();
    let path = match &source {
        Source::File(path) => Some(path.as_str()),
        Source::Url(_) | Source::Test(_) => None,
    };
    controller
        .look(realm, path, move |rules| rules.look_at_input(&wanted, "/input"))
        .await??;
    let bench = controller.bench().ok_or_else(jobs::no_bench)?;
    let probe = bench.probe(source).await.map_err(|trouble| {
        let code = match trouble.reason {
            ffleet_types::Reason::InputError => Code::InputUnusable,
            _ => Code::EngineRefused,
        };
        Problem::new(code, trouble.message).at("/input")
    })?;
    reply::json(StatusCode::OK, &probe)
}
