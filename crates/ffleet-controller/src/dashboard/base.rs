//! Where the dashboard's own pages are: at the root of the server, or below it where voyandz's pages are there.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Where they are in a server that stands in for voyandz.
pub const BELOW: &str = "/_ffleet";

tokio::task_local! {
    /// What their addresses begin with.
    static BASE: &'static str;
}

/// The address of the page at `path`, in a link or a redirection.
pub(super) fn at(path: &str) -> String {
    let base = BASE.try_with(|base| *base).unwrap_or_default();
    format!("{base}{path}")
}

/// Has pages that are made by `make` lead to those below [`BELOW`].
pub fn below<T>(make: impl FnOnce() -> T) -> T {
    BASE.sync_scope(BELOW, make)
}

/// The same for whatever answers a request.
pub async fn all_below(request: Request, next: Next) -> Response {
    BASE.scope(BELOW, next.run(request)).await
}
