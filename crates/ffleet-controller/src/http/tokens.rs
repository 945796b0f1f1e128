//! Tokens that open streams and feeds of `access: token`: signed here, and known again at the gate.
//!
//! All are signed with one secret, in a file of the data directory, that is made for the first of them. Nothing
//! is kept of a token, so that none can be taken back alone: another secret voids them all.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use axum::extract::{Path, Request, State};
use ffleet_api::token::{self, Revoked};
use ffleet_api::{Code, Moment, Problem};
use ffleet_base::{Secret, chain, chance, signed, write_atomic};
use ffleet_types::Span;
use ffleet_types::live::Name;
use ffleet_types::live::token::{MOST, Purpose, Scope, Token};
use hyper::StatusCode;

use super::body;
use super::reply::{self, Answer};
use crate::controller::Controller;
use crate::policy::Http;

/// How long a token is good where nobody says.
const USUAL: Span = Span::secs(3_600);
/// How long one can be good.
const SHORTEST: Span = Span::secs(1);
const LONGEST: Span = Span::secs(366 * 86_400);
/// Addresses that are listed.
const LISTED: usize = 100;

/// What signs tokens.
#[derive(Debug)]
pub(crate) struct Mint {
    file: PathBuf,
    secret: RwLock<Option<Secret>>,
}

impl Mint {
    pub(crate) fn new(file: PathBuf, policy: &Http) -> Self {
        Self { file, secret: RwLock::new(policy.stream_secret.clone()) }
    }

    /// What `text` says, if it was signed here.
    pub(crate) fn read(&self, text: &Secret) -> Option<Token> {
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        signed::verify(&secret, text)?.parse().ok()
    }

    /// Signs `token`. Blocks where there is no secret yet.
    fn sign(&self, token: &Token) -> Result<Secret, Problem> {
        let mut secret = self.secret.write().unwrap_or_else(PoisonError::into_inner);
        let secret = match &mut *secret {
            Some(secret) => secret,
            none => none.insert(self.make()?),
        };
        Ok(signed::sign(secret, &token.to_string()))
    }

    /// Voids all tokens there are. Blocks.
    fn renew(&self) -> Result<(), Problem> {
        let mut secret = self.secret.write().unwrap_or_else(PoisonError::into_inner);
        *secret = Some(self.make()?);
        Ok(())
    }

    fn make(&self) -> Result<Secret, Problem> {
        let secret = chance::key();
        write_atomic(&self.file, format!("{}\n", secret.expose()).as_bytes(), 0o600)
            .map_err(|error| Problem::new(Code::StoreUnavailable, chain(&error)))?;
        Ok(secret)
    }
}

/// Makes a token to watch a stream with, or all whose names begin as `cam*` says.
#[utoipa::path(post, path = "/v1/streams/{stream}/tokens", tag = "live", request_body = token::Request, params(
    ("stream" = String, Path, description = "Its name, or the beginning of names and `*`"),
), responses(
    (status = 201, description = "The token", body = token::Token),
    (status = 404, description = "There is no such stream", body = Problem),
    (status = 422, description = "No token opens it", body = Problem),
))]
pub(crate) async fn watch(
    State(controller): State<Controller>,
    Path(stream): Path<String>,
    request: Request,
) -> Answer {
    let asked = watching(&controller, stream);
    create(controller, asked, request).await
}

/// Makes a token to watch `stream` with, from its page.
pub(crate) async fn of_page(
    controller: &Controller,
    stream: String,
    expires: Span,
) -> Result<token::Token, Problem> {
    let wanted = token::Request { expires: Some(expires), ..token::Request::default() };
    make(controller, &watching(controller, stream), wanted).await
}

fn watching(controller: &Controller, stream: String) -> Asked {
    let streams = controller.streams().into_iter();
    let doors = streams.map(|stream| Known {
        name: stream.name,
        path: stream.path,
        access: Some(stream.access),
    });
    Asked { purpose: Purpose::Watch, doors: doors.collect(), first: stream }
}

/// Makes a token to push to a feed with, or to all whose names begin as `cam*` says.
#[utoipa::path(post, path = "/v1/feeds/{feed}/tokens", tag = "live", request_body = token::Request, params(
    ("feed" = String, Path, description = "Its name, or the beginning of names and `*`"),
), responses(
    (status = 201, description = "The token", body = token::Token),
    (status = 404, description = "There is no such feed", body = Problem),
    (status = 422, description = "No token opens it", body = Problem),
))]
pub(crate) async fn push(
    State(controller): State<Controller>,
    Path(feed): Path<String>,
    request: Request,
) -> Answer {
    let feeds = controller.feeds().into_iter();
    let doors = feeds.map(|feed| Known {
        path: format!("/ingest/{}", feed.name),
        name: feed.name,
        access: feed.access,
    });
    let asked = Asked { purpose: Purpose::Push, doors: doors.collect(), first: feed };
    create(controller, asked, request).await
}

/// Voids all tokens there are, those to watch and those to push with. Who watches or pushes goes on.
#[utoipa::path(delete, path = "/v1/stream-tokens", tag = "live", responses(
    (status = 200, description = "They are void", body = Revoked),
))]
pub(crate) async fn revoke(State(controller): State<Controller>) -> Answer {
    let mint = controller.clone();
    blocking(move || mint.gate.mint.renew()).await?;
    reply::json(StatusCode::OK, &Revoked { revoked_at: Moment(controller.clock.now()) })
}

/// A stream or a feed that there is.
struct Known {
    name: String,
    path: String,
    /// Nothing where nobody comes to it.
    access: Option<String>,
}

/// What a token is asked for.
struct Asked {
    purpose: Purpose,
    doors: Vec<Known>,
    /// What the address of the request names.
    first: String,
}

async fn create(controller: Controller, asked: Asked, request: Request) -> Answer {
    let wanted: token::Request = body::read(&controller, request).await?;
    reply::json(StatusCode::CREATED, &make(&controller, &asked, wanted).await?)
}

async fn make(
    controller: &Controller,
    asked: &Asked,
    wanted: token::Request,
) -> Result<token::Token, Problem> {
    let expires = wanted.expires.unwrap_or(USUAL);
    if !(SHORTEST..=LONGEST).contains(&expires) {
        let detail = format!("{expires} is out of range");
        let hint = format!("choose from {SHORTEST} to {LONGEST}");
        return Err(Problem::new(Code::InvalidValue, detail).at("/expires").hint(hint));
    }
    let (names, paths) = asked.names(wanted.also)?;
    let now = controller.clock.now();
    let token = Token {
        purpose: asked.purpose,
        until: now.after(expires.0),
        address: wanted.address,
        scopes: names,
    };
    let (mint, signed) = (controller.clone(), token.clone());
    let signed = blocking(move || mint.gate.mint.sign(&signed)).await?;
    let text = signed.expose();
    let origin = controller.gate.origin();
    let origin =
        origin.ok_or_else(|| Problem::new(Code::Unavailable, "the server does not listen"))?;
    Ok(token::Token {
        token: text.to_owned(),
        purpose: token.purpose.to_string(),
        names: token.scopes,
        address: token.address,
        expires_at: Moment(token.until),
        urls: paths
            .iter()
            .map(|path| format!("{origin}{path}?token={text}"))
            .collect(),
    })
}

impl Asked {
    /// What the token is to name, and the paths that it opens now.
    fn names(&self, also: Vec<Scope>) -> Result<(Vec<Scope>, Vec<String>), Problem> {
        let first: Scope = self.first.parse().map_err(|_name| self.missing(&self.first))?;
        let names: Vec<_> = std::iter::once(first).chain(also).collect();
        if names.len() > MOST {
            let detail = format!("a token names {MOST} things at most");
            let hint = "write the beginning of their names and `*`, or make several tokens";
            return Err(Problem::new(Code::InvalidValue, detail).at("/also").hint(hint));
        }
        let mut paths = Vec::new();
        for scope in &names {
            let named =
                |door: &&Known| door.name.parse().is_ok_and(|name: Name| scope.covers(&name));
            let mut found = self.doors.iter().filter(named).peekable();
            let first = *found.peek().ok_or_else(|| self.missing(&scope.to_string()))?;
            let mut open = found.filter(|door| door.access.as_deref() == Some("token")).peekable();
            if open.peek().is_none() {
                return Err(self.closed(first));
            }
            paths.extend(open.map(|door| door.path.clone()));
        }
        paths.sort();
        paths.dedup();
        paths.truncate(LISTED);
        Ok((names, paths))
    }

    fn missing(&self, name: &str) -> Problem {
        let shown: String = name.chars().take(80).collect();
        let (code, what) = match self.purpose {
            Purpose::Watch => (Code::StreamNotFound, "stream"),
            Purpose::Push => (Code::FeedNotFound, "feed"),
        };
        Problem::new(code, format!("there is no {what} {shown:?}"))
            .hint(format!("`ffleet {what}s list` shows those there are"))
    }

    fn closed(&self, door: &Known) -> Problem {
        let name = &door.name;
        let why = match (door.access.as_deref(), self.purpose) {
            (Some("open"), Purpose::Watch) => format!("{name} is open: who watches needs no token"),
            (Some("open"), Purpose::Push) => format!("{name} is open: who pushes needs no token"),
            (Some(_), _) => format!("{name} opens to keys alone"),
            (None, _) => format!("nobody pushes to {name}"),
        };
        Problem::new(Code::InvalidValue, why)
            .hint("`access: token` in its declaration changes that")
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?
}
