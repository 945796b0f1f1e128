//! Whether the server lives and can work, and what it counts.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use ffleet_api::Problem;
use ffleet_api::event::Readiness;
use ffleet_base::chain;
use hyper::StatusCode;

use super::access::{Access, By};
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::metrics::Seen;

impl Controller {
    /// Whether the server can work: a node's engine is proven, there is room on its disk, the
    /// store can be written.
    pub async fn readiness(&self) -> Readiness {
        let mut problems = Vec::new();
        if self.stop.is_cancelled() {
            problems.push("the server is stopping".to_owned());
        }
        if let Err(error) = self.store.writable().await {
            problems.push(format!("the store cannot be written: {}", chain(&error)));
        }
        match self.bench() {
            None => problems.push("no node has started on this machine yet".to_owned()),
            Some(bench) => problems.extend(bench.ready().err().unwrap_or_default()),
        }
        Readiness { ready: problems.is_empty(), problems }
    }

    /// What is counted, in the OpenMetrics text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        if let Some((_, loads)) = self.bench().and_then(|bench| bench.loads()) {
            self.metrics.loaded(&loads);
        }
        let nodes: Vec<_> = self.nodes().iter().map(|node| node.state).collect();
        let (feeds, streams) = (self.feeds(), self.streams());
        let watchers = self.feed.watchers();
        let seen = Seen { nodes: &nodes, watchers, feeds: &feeds, streams: &streams };
        self.metrics.text(&self.store, &seen)
    }
}

/// Says that the server lives.
#[utoipa::path(get, path = "/healthz", tag = "server", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain"),
), security(()))]
pub(crate) async fn alive() -> Response {
    reply::text("text/plain; charset=utf-8", "ok\n")
}

/// Says whether the server can work. Why not is told to holders of a key only.
#[utoipa::path(get, path = "/readyz", tag = "server", responses(
    (status = 200, description = "It can", body = Readiness),
    (status = 503, description = "It cannot", body = Readiness),
), security(()))]
pub(crate) async fn ready(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
) -> Answer {
    let mut readiness = controller.readiness().await;
    if access.by == By::Nothing {
        readiness.problems.clear();
    }
    let status = match readiness.ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    reply::json(status, &readiness)
}

/// Shows what is counted.
#[utoipa::path(get, path = "/metrics", tag = "server", responses(
    (status = 200, description = "OpenMetrics", body = String,
        content_type = "application/openmetrics-text"),
    (status = 401, description = "A key is needed", body = Problem),
))]
pub(crate) async fn metrics(State(controller): State<Controller>) -> Response {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    reply::text(KIND, controller.metrics_text())
}
