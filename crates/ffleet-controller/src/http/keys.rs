//! Keys: made, listed, revoked.

use axum::Extension;
use axum::extract::{Path, Request, State};
use ffleet_api::key::{Created, Key, List, Request as Wanted};
use ffleet_api::{Code, Problem};
use ffleet_base::chance;
use ffleet_store::{KeyRefusal, KeyRow};
use ffleet_types::access::{Grant, KeyName};
use ffleet_types::{Span, Timestamp};
use hyper::StatusCode;

use super::access::Access;
use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::error;

/// How long a key can be good, if not for ever.
const SHORTEST: Span = Span::secs(1);
const LONGEST: Span = Span::secs(3_660 * 86_400);
/// Letters of chance in the name of a key that nobody named.
const LETTERS: usize = 6;

fn shown(row: &KeyRow, now: Timestamp) -> Key {
    let expired = row.expires.is_some_and(|end| end <= now);
    let state = match row.revoked {
        Some(_) => "revoked",
        None if expired => "expired",
        None => "good",
    };
    Key {
        name: row.name.to_string(),
        role: row.grant.role(),
        tenant: row.grant.tenant().cloned(),
        state: state.to_owned(),
        created_at: row.created.into(),
        created_by: row.created_by.to_string(),
        expires_at: row.expires.map(Into::into),
        revoked_at: row.revoked.map(Into::into),
    }
}

/// The key that is asked for, but for itself.
fn read(wanted: Wanted, access: Access, now: Timestamp) -> Result<KeyRow, Problem> {
    let invalid = |field: &str, detail: String| Problem::new(Code::InvalidValue, detail).at(field);
    let grant = Grant::new(wanted.role, wanted.tenant)
        .map_err(|unfit| invalid("/tenant", unfit.to_string()))?;
    if let Some(span) = wanted.expires.filter(|span| !(SHORTEST..=LONGEST).contains(span)) {
        let hint = format!("choose from {SHORTEST} to {LONGEST}, or leave it out");
        return Err(invalid("/expires", format!("{span} is out of range")).hint(hint));
    }
    let name = match wanted.name {
        Some(name) => name,
        None => format!("{}-{}", wanted.role, chance::name(LETTERS))
            .parse()
            .expect("the name of a role, a dash and letters"),
    };
    Ok(KeyRow {
        name,
        hash: [0; 32],
        grant,
        created: now,
        created_by: access.actor,
        expires: wanted.expires.map(|span| now.after(span.0)),
        revoked: None,
    })
}

/// Makes a key. It is shown this once: only its hash is kept.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = Wanted, responses(
    (status = 201, description = "The key", body = Created),
    (status = 404, description = "There is no such tenant", body = Problem),
    (status = 409, description = "The name is taken, or no more can be kept", body = Problem),
    (status = 422, description = "Role and tenant do not go together", body = Problem),
))]
pub(crate) async fn create(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Answer {
    let wanted: Wanted = body::read(&controller, request).await?;
    let now = controller.clock.now();
    let mut row = read(wanted, access, now)?;
    let secret = chance::key();
    row.hash = *secret.hash().as_bytes();
    let (this, kept) = (controller.clone(), row.clone());
    controller
        .see_through(async move {
            let answer = this.store.create_key(kept.clone()).await;
            answer
                .map_err(|error| error::unavailable(&error))?
                .map_err(|refusal| refused(&refusal))?;
            this.gate.keys.add(&kept);
            Ok(())
        })
        .await?;
    let created = Created { key: shown(&row, now), secret: secret.expose().to_owned() };
    reply::json(StatusCode::CREATED, &created)
}

fn refused(refusal: &KeyRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        KeyRefusal::NameTaken(_) => Problem::new(Code::NameTaken, detail)
            .at("/name")
            .hint("the names of keys that were revoked are kept for as long as finished jobs are"),
        KeyRefusal::NoTenant(tenant) => Problem::new(Code::TenantNotFound, detail)
            .at("/tenant")
            .hint(format!("`ffleet tenants create {tenant}` makes it")),
        KeyRefusal::TooMany => {
            Problem::new(Code::TooMany, detail).hint("revoke keys that are not in use")
        }
    }
}

/// Lists keys, those that are revoked or have expired for as long as finished jobs are kept. The server's own key is
/// not among them: it is in a file that only its user can read.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", responses(
    (status = 200, description = "All keys, by name", body = List),
))]
pub(crate) async fn list(State(controller): State<Controller>) -> Answer {
    let rows = controller
        .store
        .keys()
        .await
        .map_err(|error| error::unavailable(&error))?;
    let now = controller.clock.now();
    let keys = rows.iter().map(|row| shown(row, now)).collect();
    reply::json(StatusCode::OK, &List { keys })
}

/// Revokes a key: calls with it are refused from now on, and sessions and streams of events that it began are over. Jobs that it
/// submitted go on.
#[utoipa::path(delete, path = "/v1/keys/{key}", tag = "keys", params(
    ("key" = String, Path, description = "Its name"),
), responses(
    (status = 200, description = "The key, which is revoked", body = Key),
    (status = 404, description = "There is none", body = Problem),
))]
pub(crate) async fn revoke(
    State(controller): State<Controller>,
    Path(key): Path<String>,
) -> Answer {
    let missing = || {
        let shown: String = key.chars().take(80).collect();
        Problem::new(Code::KeyNotFound, format!("there is no key {shown:?}"))
            .hint("`ffleet keys list` shows those there are")
    };
    let name: KeyName = key.parse().map_err(|_no_name| missing())?;
    let (this, wanted) = (controller.clone(), name.clone());
    let revoked = controller
        .see_through(async move {
            let at = this.clock.now();
            let revoked = this.store.revoke_key(wanted.clone(), at).await;
            let revoked = revoked.map_err(|error| error::unavailable(&error))?;
            if revoked.is_some() {
                this.gate.keys.revoke(wanted.as_str());
            }
            Ok(revoked)
        })
        .await?;
    revoked.ok_or_else(missing)?;
    let rows = controller
        .store
        .keys()
        .await
        .map_err(|error| error::unavailable(&error))?;
    let row = rows.iter().find(|row| row.name == name).ok_or_else(missing)?;
    reply::json(StatusCode::OK, &shown(row, controller.clock.now()))
}
