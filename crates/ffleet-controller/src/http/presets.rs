//! Presets.

use axum::extract::{Path, State};
use ffleet_api::preset::{List, Preset};
use ffleet_api::{Code, Problem};
use hyper::StatusCode;

use super::reply::{self, Answer};
use crate::controller::Controller;

/// Lists presets.
#[utoipa::path(get, path = "/v1/presets", tag = "presets", responses(
    (status = 200, description = "All presets: the operator's, then the builtin ones", body = List),
))]
pub(crate) async fn list(State(controller): State<Controller>) -> Answer {
    reply::json(StatusCode::OK, &List { presets: controller.presets.list() })
}

/// Shows a preset.
#[utoipa::path(get, path = "/v1/presets/{preset}", tag = "presets", params(
    ("preset" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The preset", body = Preset),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn show(
    State(controller): State<Controller>,
    Path(preset): Path<String>,
) -> Answer {
    match controller.presets.show(&preset) {
        Some(preset) => reply::json(StatusCode::OK, &preset),
        None => {
            let unknown = controller.presets.find(&preset).err();
            let detail = unknown.map_or_else(String::new, |unknown| unknown.to_string());
            Err(Problem::new(Code::PresetNotFound, detail).into())
        }
    }
}
