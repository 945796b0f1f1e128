//! The API's own description, generated from the routes and the wire types.

use std::sync::LazyLock;

use axum::response::Response;
use ffleet_api::event::{JobProgress, Lagged};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    actions, audit, audit_log, backups, config, declare, enrol, events, feeds, health, jobs, keys,
    lines, login, logs, nodes, presets, probe, reply, samples, tenants, tokens,
};

/// Describes the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "ffleet",
        description = "Runs FFmpeg jobs as a service. Errors are `application/problem+json` \
            (RFC 9457) with a stable `code`. Jobs have a number for people and an id for \
            machines; both work everywhere.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        jobs::submit, jobs::list, jobs::show, jobs::history, logs::read, samples::show, lines::list, actions::cancel,
        actions::pause, actions::resume, actions::retry, events::watch, nodes::list, nodes::show,
        enrol::remove, enrol::invite, enrol::enrol, enrol::renew,
        feeds::list, feeds::show, feeds::restart, feeds::logs, feeds::list_streams, feeds::show_stream, feeds::stream_logs,
        tokens::watch, tokens::push, tokens::revoke,
        declare::put_feed, declare::delete_feed, declare::put_stream, declare::delete_stream, declare::reload,
        presets::list, presets::show, probe::probe, audit::audit, backups::create, config::show, login::create, login::open, keys::list, keys::create, keys::revoke, audit_log::list,
        tenants::list, tenants::show, tenants::create, tenants::set, tenants::remove, health::alive,
        health::ready, health::metrics, show,
    ),
    components(schemas(JobProgress, Lagged)),
    modifiers(&Key),
    security(("key" = [])),
)]
struct Document;

/// Every call carries a key.
struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key, such as `ffk_…`."))
            .build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document as text: it never changes while the program runs.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    Document::openapi()
        .to_pretty_json()
        .expect("the document is written by ourselves")
});

/// Describes the API.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub(crate) async fn show() -> Response {
    reply::text("application/json", TEXT.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::router::ROUTES;

    #[test]
    fn document_lists_exactly_the_routes_there_are() {
        let document: serde_json::Value = serde_json::from_str(&TEXT).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(move |method| (method.clone(), path.clone()))
            })
            .collect();
        let routed: BTreeSet<(String, String)> = ROUTES
            .iter()
            .map(|&(method, path)| (method.into(), path.into()))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(&TEXT).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let references = TEXT.split("\"#/components/schemas/").skip(1);
        for name in references.filter_map(|rest| rest.split('"').next()) {
            assert!(schemas.contains_key(name), "{name}");
        }
        assert!(schemas.contains_key("SubmitRequest") && schemas.contains_key("JobSummary"));
    }
}
