//! Copies of the store, made while it is at work.

use std::path::Path;

use axum::extract::{Request, State};
use ffleet_api::submit::{Backup, BackupRequest};
use ffleet_api::{Code, Problem};
use ffleet_base::chain;
use ffleet_store::BackupError;
use hyper::StatusCode;

use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::error;
use crate::tenants::Realm;

/// Copies the store to a file. Submits and reports go on meanwhile; what was acknowledged before
/// the call is in the copy.
#[utoipa::path(post, path = "/v1/backups", tag = "server", request_body = BackupRequest, responses(
    (status = 201, description = "It is whole, checked and on disk", body = Backup),
    (status = 409, description = "The target exists", body = Problem),
    (status = 422, description = "The target cannot be used", body = Problem),
))]
pub(crate) async fn create(State(controller): State<Controller>, request: Request) -> Answer {
    let asked: BackupRequest = body::read(&controller, request).await?;
    let target = controller.rules(&Realm::whole()).new_file(&asked.target, "/target")?;
    let wanted = target.clone();
    controller
        .look(Realm::whole(), [target.as_str()], move |rules| {
            rules.look_at_new(&wanted, "/target")
        })
        .await??;
    let path = Path::new(&target);
    controller.store.backup(path).await.map_err(|error| refused(&error))?;
    let size_bytes = std::fs::metadata(path)
        .map_err(|error| {
            Problem::new(Code::TargetUnusable, format!("{target} is gone again: {error}"))
        })?
        .len();
    reply::json(StatusCode::CREATED, &Backup { target, size_bytes })
}

fn refused(error: &BackupError) -> Problem {
    let code = match error {
        BackupError::Store(error) => return error::unavailable(error),
        BackupError::Exists { .. } => Code::TargetExists,
        BackupError::NoFile { .. } | BackupError::Write { .. } => Code::TargetUnusable,
        BackupError::Copy { .. } | BackupError::Unsound { .. } => Code::StoreUnavailable,
    };
    Problem::new(code, chain(error)).at("/target")
}
