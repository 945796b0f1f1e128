//! The routes.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use ffleet_api::{Code, Problem};

use super::access::Access;
use super::reply::{self, Failure};
use super::rights::{self, Right};
use super::{
    actions, audit, audit_log, backups, config, declare, document, enrol, events, feeds, health,
    jobs, keys, lines, login, logs, nodes, presets, probe, samples, tenants, tokens, voyandz,
};
use crate::controller::Controller;
use crate::deeds::Entry;

macro_rules! routes {
    ($($path:literal { $($method:ident => $route:path),+ $(,)? })*) => {
        /// Every route of the API: method and path. A test holds the document to it.
        #[cfg(test)]
        pub(super) const ROUTES: &[(&str, &str)] =
            &[$($((stringify!($method), $path),)+)*];

        fn api() -> Router<Controller> {
            Router::new()$(.route($path, MethodRouter::new()$(.$method($route))+))*
        }
    };
}

routes! {
    "/v1/jobs" { get => jobs::list, post => jobs::submit }
    "/v1/jobs/{job}" { get => jobs::show }
    "/v1/jobs/{job}/history" { get => jobs::history }
    "/v1/jobs/{job}/logs" { get => logs::read }
    "/v1/jobs/{job}/samples" { get => samples::show }
    "/v1/jobs/{job}/cancel" { post => actions::cancel }
    "/v1/jobs/{job}/pause" { post => actions::pause }
    "/v1/jobs/{job}/resume" { post => actions::resume }
    "/v1/jobs/{job}/retry" { post => actions::retry }
    "/v1/logs" { get => lines::list }
    "/v1/events" { get => events::watch }
    "/v1/nodes" { get => nodes::list }
    "/v1/nodes/{node}" { get => nodes::show, delete => enrol::remove }
    "/v1/invitations" { post => enrol::invite }
    "/v1/enrol" { post => enrol::enrol }
    "/v1/node/certificate" { post => enrol::renew }
    "/v1/feeds" { get => feeds::list }
    "/v1/feeds/{feed}" { get => feeds::show, put => declare::put_feed, delete => declare::delete_feed }
    "/v1/feeds/{feed}/restart" { post => feeds::restart }
    "/v1/feeds/{feed}/logs" { get => feeds::logs }
    "/v1/feeds/{feed}/tokens" { post => tokens::push }
    "/v1/streams" { get => feeds::list_streams }
    "/v1/streams/{stream}" { get => feeds::show_stream, put => declare::put_stream, delete => declare::delete_stream }
    "/v1/streams/{stream}/logs" { get => feeds::stream_logs }
    "/v1/streams/{stream}/tokens" { post => tokens::watch }
    "/v1/stream-tokens" { delete => tokens::revoke }
    "/v1/presets" { get => presets::list }
    "/v1/presets/{preset}" { get => presets::show }
    "/v1/probe" { post => probe::probe }
    "/v1/audit" { post => audit::audit }
    "/v1/config/reload" { post => declare::reload }
    "/v1/backups" { post => backups::create }
    "/v1/config" { get => config::show }
    "/v1/login-links" { post => login::create }
    "/v1/keys" { get => keys::list, post => keys::create }
    "/v1/keys/{key}" { delete => keys::revoke }
    "/v1/tenants" { get => tenants::list }
    "/v1/tenants/{tenant}" { get => tenants::show, post => tenants::create, patch => tenants::set, delete => tenants::remove }
    "/v1/audit-log" { get => audit_log::list }
    "/v1/openapi.json" { get => document::show }
    "/healthz" { get => health::alive }
    "/readyz" { get => health::ready }
    "/metrics" { get => health::metrics }
    "/login" { get => login::open }
}

/// All routes, with the controller behind them.
pub(super) fn router(controller: Controller) -> Router {
    let pages = match controller.voyandz() {
        Some(_) => voyandz::routes(),
        None => crate::dashboard::routes(),
    };
    api()
        .merge(pages)
        .route_layer(from_fn_with_state(controller.clone(), pass))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nothing)
        .with_state(controller)
}

/// Lets a call through to its route if it may be made, writes down what it has changed, and leaves the route's
/// name on the response, for counting.
async fn pass(State(controller): State<Controller>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let name = route.as_ref().map_or("", MatchedPath::as_str);
    let access = request.extensions().get::<Access>().cloned();
    let access = access.expect("the gate lets nobody pass without saying who it is");
    let right = right(&controller, &request, name);
    let admitted = right.and_then(|right| right.admit(&access).map(|()| right));
    let is_kept = match &admitted {
        Ok(right) => right.changes,
        Err(_refused) => !request.method().is_safe() && access.grant.is_some(),
    };
    let entry = is_kept.then(|| Entry::of(&request, access));
    let mut response = match admitted {
        Ok(_right) => next.run(request).await,
        Err(problem) => reply::problem(&problem),
    };
    if let Some(entry) = entry {
        controller.deeds.note(entry, response.status()).await;
    }
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// The table's row for a call.
fn right(controller: &Controller, request: &Request, route: &str) -> Result<Right, Problem> {
    let (method, path) = (request.method(), request.uri().path());
    if controller.voyandz().is_some() && voyandz::is_page(method, path) {
        return Ok(rights::EVERYBODY);
    }
    rights::of(method, route).ok_or_else(|| {
        tracing::error!(%method, route, "the table of rights has no row for this route");
        Problem::new(Code::Forbidden, format!("nobody may call {method} {route}"))
    })
}

async fn nothing(request: Request) -> Failure {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::new(Code::NotFound, format!("there is nothing at {path}"))
        .hint("/v1/openapi.json describes what there is")
        .into()
}

async fn wrong_method(request: Request) -> Failure {
    let (method, path) = (request.method(), request.uri().path());
    Problem::new(Code::MethodNotAllowed, format!("{path} does not take {method}")).into()
}
