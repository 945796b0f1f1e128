//! The configuration as it is in effect.

use axum::extract::State;
use hyper::StatusCode;

use super::reply::{self, Answer};
use crate::controller::Controller;

/// Shows the file's configuration as it is in effect, defaults included and secrets masked. What the API declares is
/// not in it.
#[utoipa::path(get, path = "/v1/config", tag = "server", responses(
    (status = 200, description = "Keys and values as in the configuration file", body = Object),
))]
pub(crate) async fn show(State(controller): State<Controller>) -> Answer {
    reply::json(StatusCode::OK, controller.config().as_ref())
}
