//! Declaring feeds and streams, and reading the configuration again.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use ffleet_api::declare::{self, Came, Declaration, Declarations, Reload};
use ffleet_api::live::{Feed, Stream};
use ffleet_api::{Code, Problem};
use ffleet_types::ParseError;
use ffleet_types::live::{Name, Sort};
use hyper::StatusCode;

use super::access::Access;
use super::body;
use super::feeds::{no_feed, no_stream};
use super::reply::{self, Answer};
use crate::controller::Controller;

/// Declares a feed, with the keys of the file; it is kept, and there after a restart of the server. One that was
/// declared over the API before ends, unless it is the same.
#[utoipa::path(put, path = "/v1/feeds/{feed}", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), request_body = declare::Feed, responses(
    (status = 201, description = "It is on disk, and there", body = Feed),
    (status = 200, description = "It is, in the place of another", body = Feed),
    (status = 409, description = "The file declares it", body = Problem),
    (status = 422, description = "It cannot be taken as it is", body = Problem),
    (status = 503, description = "The store does not answer", body = Problem),
))]
pub(crate) async fn put_feed(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(feed): Path<String>,
    request: Request,
) -> Answer {
    let came = controller.declare((Sort::Feed, &feed), access, request).await?;
    reply::json(came, &controller.feed(&feed)?)
}

/// Takes back what was declared of a feed over the API: it ends.
#[utoipa::path(delete, path = "/v1/feeds/{feed}", tag = "live", params(
    ("feed" = String, Path, description = "Its name"),
), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "The file declares it, or something is made of it", body = Problem),
))]
pub(crate) async fn delete_feed(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(feed): Path<String>,
) -> Answer {
    controller.undeclare((Sort::Feed, &feed), access).await
}

/// Declares a stream, with the keys of the file; it is kept, and there after a restart of the server. One that
/// was declared over the API before ends, unless it is the same.
#[utoipa::path(put, path = "/v1/streams/{stream}", tag = "live", params(
    ("stream" = String, Path, description = "Its name"),
), request_body = declare::Stream, responses(
    (status = 201, description = "It is on disk, and there", body = Stream),
    (status = 200, description = "It is, in the place of another", body = Stream),
    (status = 409, description = "The file declares it", body = Problem),
    (status = 422, description = "It cannot be taken as it is", body = Problem),
    (status = 503, description = "The store does not answer", body = Problem),
))]
pub(crate) async fn put_stream(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(stream): Path<String>,
    request: Request,
) -> Answer {
    let came = controller.declare((Sort::Stream, &stream), access, request).await?;
    reply::json(came, &controller.stream(&stream)?)
}

/// Takes back what was declared of a stream over the API: it ends, and its viewers are gone.
#[utoipa::path(delete, path = "/v1/streams/{stream}", tag = "live", params(
    ("stream" = String, Path, description = "Its name"),
), responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is none", body = Problem),
    (status = 409, description = "The file declares it", body = Problem),
))]
pub(crate) async fn delete_stream(
    State(controller): State<Controller>,
    Extension(access): Extension<Access>,
    Path(stream): Path<String>,
) -> Answer {
    controller.undeclare((Sort::Stream, &stream), access).await
}

/// Reads the configuration again, as SIGHUP does: feeds and streams change, where they are not what they were.
#[utoipa::path(post, path = "/v1/config/reload", tag = "server", responses(
    (status = 200, description = "What changed", body = Reload),
    (status = 422, description = "The file has mistakes, each said with its line; nothing changed", body = Problem),
))]
pub(crate) async fn reload(State(controller): State<Controller>) -> Answer {
    let declarations = controller.declarations()?;
    let done = controller.see_through(async move { declarations.reload().await });
    reply::json(StatusCode::OK, &done.await?)
}

impl Controller {
    fn declarations(&self) -> Result<Arc<dyn Declarations>, Problem> {
        let starting = || Problem::new(Code::Unavailable, "the server is starting; try again");
        self.declarations.get().cloned().ok_or_else(starting)
    }

    async fn declare(
        &self,
        (sort, name): (Sort, &str),
        access: Access,
        request: Request,
    ) -> Result<StatusCode, Problem> {
        let says: Declaration = body::read(self, request).await?;
        let wrong =
            |error: ParseError| Problem::new(Code::InvalidValue, error.to_string()).at("name");
        let name: Name = name.parse().map_err(wrong)?;
        let declarations = self.declarations()?;
        let came = self
            .see_through(async move { declarations.declare(sort, name, says, access.actor).await });
        Ok(match came.await? {
            Came::Created => StatusCode::CREATED,
            Came::Replaced => StatusCode::OK,
        })
    }

    async fn undeclare(&self, (sort, name): (Sort, &str), access: Access) -> Answer {
        let Ok(name) = name.parse::<Name>() else {
            let problem = match sort {
                Sort::Feed => no_feed(name),
                Sort::Stream => no_stream(name),
            };
            return Err(problem.into());
        };
        let declarations = self.declarations()?;
        let gone =
            self.see_through(async move { declarations.undeclare(sort, name, access.actor).await });
        gone.await?;
        let gone: Response = StatusCode::NO_CONTENT.into_response();
        Ok(gone)
    }
}
