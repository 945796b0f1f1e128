//! The gateway over HTTP: who asks for what, and what they are answered.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ffleet_api::bench::Boxed;
use ffleet_api::front::{Body, Broken, Claim, Front, Of};
use ffleet_api::{Code, Problem};
use ffleet_types::Timestamp;
use ffleet_types::live::stream::{Access, Client, Kind};
use ffleet_types::live::token::{Door, Purpose};
use ffleet_types::live::{Name, Source};
use futures_util::stream as frames;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL,
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use rustix::net::sockopt;
use tokio::net::TcpStream;

use crate::account::Open;
use crate::fan::Newcomer;
use crate::feed::{self, Hold, Refused};
use crate::gateway::Gateway;
use crate::ring::{Place, Ring, Take};
use crate::stream::Stream;
use crate::{exclusive, inputs, shot, status};

/// Where feeds are pushed to.
const INGEST: &str = "/ingest/";
/// What can be asked of a stream.
const METHODS: &str = "GET, HEAD, OPTIONS";
/// Pages of other sites may show what is there.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

impl Front for Gateway {
    fn claims(&self, method: &Method, path: &str) -> Claim {
        if let Some(name) = path.strip_prefix(INGEST) {
            let tables = self.tables();
            let feed = tables.feeds.get(split(name).0).map(|feed| &feed.spec);
            return match feed.filter(|spec| is_pushed(spec)) {
                Some(spec) if spec.access == Access::Open => Claim::Open,
                Some(spec) if spec.access == Access::Token => door(Purpose::Push, &spec.name),
                _ => Claim::Key,
            };
        }
        match self.tables().paths.get(path) {
            Some(stream) if stream.spec.access == Access::Open => Claim::Public,
            Some(_) if *method == Method::OPTIONS => Claim::Public,
            Some(stream) if stream.spec.access == Access::Token => {
                door(Purpose::Watch, &stream.spec.name)
            }
            Some(_) => Claim::Key,
            None if path.starts_with("/stream/") || path.starts_with("/shot/") => Claim::Open,
            None => Claim::None,
        }
    }

    fn takes(&self, request: &Parts) -> bool {
        request.method == Method::GET
            && matches!(request.version, Version::HTTP_11 | Version::HTTP_10)
            && self.tables().paths.get(request.uri.path()).is_some_and(|stream| {
                stream.spec.kind == Kind::Stream && stream.spec.client == Client::Shared
            })
    }

    fn take(&self, connection: TcpStream, peer: SocketAddr, request: &Parts) {
        let Some(stream) = self.tables().paths.get(request.uri.path()).cloned() else {
            return;
        };
        let (answer, seat) = match self.seat(&stream, peer) {
            Ok(seat) => (success(&stream), Some(seat)),
            Err(problem) => (self::problem(&problem), None),
        };
        let head = head(&answer, self.shop().clock.now());
        let socket = match connection.into_std() {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!(%peer, %error, "a viewer's connection cannot be taken over");
                return;
            }
        };
        let most = usize::try_from(self.shop().options.send_buffer).unwrap_or(usize::MAX);
        // The kernel doubles it, for what it needs itself.
        if let Err(error) = sockopt::set_socket_send_buffer_size(&socket, most) {
            tracing::debug!(%peer, %error, "what the kernel keeps for a viewer is not bounded");
        }
        match seat {
            Some((ring, place, account, hold)) => {
                let slow = (stream.spec.slow, stream.spec.slow_after.map(|span| span.0));
                self.fan().seat(Newcomer {
                    socket,
                    ring,
                    place,
                    prelude: head,
                    account,
                    slow,
                    hold,
                });
            }
            None => turn_away(socket, &head, answer),
        }
    }

    fn feeds(&self) -> Vec<ffleet_api::live::Feed> {
        status::feeds(self)
    }

    fn streams(&self) -> Vec<ffleet_api::live::Stream> {
        status::streams(self)
    }

    fn stream(&self, name: &str) -> Option<ffleet_api::live::Stream> {
        status::stream(self, name)
    }

    fn restart(&self, feed: &str) -> Result<bool, String> {
        let Some(feed) = self.tables().feeds.get(feed).cloned() else {
            return Ok(false);
        };
        match feed.refused() {
            Some(why) => Err(why.to_owned()),
            None => {
                feed.restart();
                Ok(true)
            }
        }
    }

    fn log(&self, of: Of<'_>) -> Option<Vec<u8>> {
        status::log(self, of)
    }

    fn answer(&self, peer: SocketAddr, request: Request<Body>) -> Boxed<'_, Response<Body>> {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            if let Some(name) = path.strip_prefix(INGEST) {
                return self.ingest(name, request).await.unwrap_or_else(|told| problem(&told));
            }
            let Some(stream) = self.tables().paths.get(path.as_str()).cloned() else {
                let told =
                    Problem::new(Code::StreamNotFound, format!("there is no stream at {path}"))
                        .hint("`ffleet streams list` shows what there is");
                return problem(&told);
            };
            match *request.method() {
                Method::GET => {
                    self.watch(&stream, peer).await.unwrap_or_else(|told| problem(&told))
                }
                Method::HEAD => success(&stream),
                Method::OPTIONS => options(),
                _ => {
                    let detail = format!("{path} does not take {}", request.method());
                    let mut answer = problem(&Problem::new(Code::MethodNotAllowed, detail));
                    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(METHODS));
                    answer
                }
            }
        })
    }
}

/// The feed, and which of its tracks, that is behind [`INGEST`].
fn split(path: &str) -> (&str, Option<inputs::Kind>) {
    for kind in [inputs::Kind::Video, inputs::Kind::Audio] {
        let name = path.strip_suffix(kind.name()).and_then(|path| path.strip_suffix('/'));
        if let Some(name) = name {
            return (name, Some(kind));
        }
    }
    (path, None)
}

/// Whether bodies of requests feed it.
pub(crate) fn is_pushed(feed: &ffleet_types::live::Feed) -> bool {
    match &feed.source {
        Source::Push => true,
        Source::Inputs(inputs) => inputs.are_pushed(),
        _ => false,
    }
}

fn door(purpose: Purpose, name: &Name) -> Claim {
    Claim::Token(Door { purpose, name: name.clone() })
}

/// What a viewer of a shared stream gets.
type Seat = (Arc<Ring>, Place, Open, Hold);

impl Gateway {
    fn account(&self, stream: &Stream, peer: SocketAddr) -> Result<Open, Problem> {
        let full = |detail: String| Problem::new(Code::TooManyViewers, detail);
        if self.viewers() >= self.most_viewers() {
            return Err(full(format!("this server has {} viewers", self.most_viewers()))
                .hint("the operator's key for it is `gateway.viewers`"));
        }
        let now = self.shop().clock.now();
        stream.accounts.enter(peer, now, stream.spec.viewers).ok_or_else(|| {
            let most = stream.spec.viewers.unwrap_or(0);
            full(format!("{} has {most} viewers, which is its limit", stream.spec.name))
        })
    }

    fn seat(&self, stream: &Stream, peer: SocketAddr) -> Result<Seat, Problem> {
        let feed = stream.shared.as_ref().ok_or_else(|| {
            Problem::new(Code::Internal, format!("{} is not shared", stream.spec.name))
        })?;
        if let Some(why) = feed.refused() {
            return Err(Problem::new(Code::Unavailable, format!("{}: {why}", stream.spec.name)));
        }
        let account = self.account(stream, peer)?;
        let (place, hold) = (feed.ring.enter(), feed.hold());
        Ok((Arc::clone(&feed.ring), place, account, hold))
    }

    async fn watch(&self, stream: &Stream, peer: SocketAddr) -> Result<Response<Body>, Problem> {
        let failed = |why: String| {
            Problem::new(Code::StreamFailed, format!("{}: {why}", stream.spec.name))
                .hint(format!("`ffleet streams show {}` has its log", stream.spec.name))
        };
        if let Some(why) = stream.feed.as_ref().and_then(|feed| feed.refused()) {
            return Err(Problem::new(Code::Unavailable, format!("{}: {why}", stream.spec.name)));
        }
        let mut answer = success(stream);
        *answer.body_mut() = match (stream.spec.kind, stream.spec.client) {
            (Kind::Shot, _) => {
                stream.shots.note_asked();
                let bytes = shot::shoot(stream, self.shop()).await.map_err(failed)?;
                stream.shots.note_given(bytes.len());
                answer.headers_mut().insert(CONTENT_LENGTH, bytes.len().into());
                full(bytes)
            }
            (Kind::Stream, Client::Exclusive) => {
                let account = self.account(stream, peer)?;
                exclusive::open(stream, self.shop(), account).await.map_err(failed)?
            }
            (Kind::Stream, Client::Shared) => follow(self.seat(stream, peer)?),
        };
        Ok(answer)
    }

    async fn ingest(&self, name: &str, request: Request<Body>) -> Result<Response<Body>, Problem> {
        let (name, track) = split(name);
        let feed = self.tables().feeds.get(name).cloned();
        let feed = feed.filter(|feed| is_pushed(&feed.spec)).ok_or_else(|| {
            Problem::new(Code::FeedNotFound, format!("there is no feed {name:?} that is pushed to"))
                .hint("a feed with `push: http` is one")
        })?;
        if !matches!(*request.method(), Method::PUT | Method::POST) {
            let detail = format!("{INGEST}{name} does not take {}", request.method());
            return Err(
                Problem::new(Code::MethodNotAllowed, detail).hint("send it with PUT or POST")
            );
        }
        match feed.push(track, feed::Body(request.into_body())).await {
            Ok(()) => {
                let mut answer = Response::new(full(Bytes::new()));
                *answer.status_mut() = StatusCode::NO_CONTENT;
                Ok(answer)
            }
            Err(refused @ Refused::NoTrack) => {
                let hint = "raw bytes of one track go to /ingest/NAME/video or /ingest/NAME/audio";
                Err(Problem::new(Code::FeedNotFound, refused.to_string()).hint(hint))
            }
            Err(refused @ Refused::Taken) => {
                Err(Problem::new(Code::FeedTaken, refused.to_string()))
            }
            Err(refused @ (Refused::Closed | Refused::NoRoom(_))) => {
                Err(Problem::new(Code::Unavailable, refused.to_string()))
            }
            Err(refused @ Refused::Broken(_)) => {
                Err(Problem::new(Code::InputUnusable, refused.to_string()))
            }
        }
    }
}

/// A viewer whose connection stays the server's.
fn follow(seat: Seat) -> Body {
    let (ring, place, account, hold) = seat;
    let start = (ring, place, account, hold, 0_u64);
    let pieces = frames::unfold((start, Vec::new()), |(mut state, mut left)| async {
        loop {
            if let Some(bytes) = left.pop() {
                let bytes: Bytes = bytes;
                state.4 += bytes.len() as u64;
                state.2.note(state.4, state.1.skips(), state.0.lag(&state.1));
                return Some((Ok::<_, Broken>(Frame::data(bytes)), (state, left)));
            }
            if state.2.of().is_closed() {
                return None;
            }
            match state.0.next(&mut state.1).await {
                Take::Bytes { mut bytes, .. } => {
                    bytes.reverse();
                    left = bytes;
                }
                Take::Wait | Take::End => return None,
            }
        }
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// The head of what a viewer of `stream` gets.
fn success(stream: &Stream) -> Response<Body> {
    let mut answer = Response::new(full(Bytes::new()));
    let headers = answer.headers_mut();
    // It was looked at when it was declared.
    let kind = HeaderValue::from_str(&stream.spec.mimetype)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_TYPE, kind);
    live(headers);
    answer
}

/// What every answer about something live says.
fn live(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn options() -> Response<Body> {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    live(answer.headers_mut());
    let methods = HeaderValue::from_static(METHODS);
    answer
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
    answer.headers_mut().insert(ALLOW, methods);
    answer
}

fn problem(told: &Problem) -> Response<Body> {
    let body = told.to_json();
    let mut answer = Response::new(full(Bytes::from(body)));
    *answer.status_mut() =
        StatusCode::from_u16(told.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    live(headers);
    let kind = HeaderValue::from_static(ffleet_api::problem::MEDIA_TYPE);
    headers.insert(CONTENT_TYPE, kind);
    if matches!(told.code, Code::TooManyViewers | Code::Unavailable) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// The head of an answer on a connection that is closed behind it (RFC 9112, 6.3).
fn head(answer: &Response<Body>, now: Timestamp) -> Bytes {
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let date = ffleet_base::clock::http_date(now);
    let mut head =
        format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\n", status.as_u16()).into_bytes();
    for (name, value) in answer.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"connection: close\r\n\r\n");
    head.into()
}

/// Sends a viewer away. What does not fit into the buffer of its socket is not worth waiting for.
fn turn_away(mut socket: std::net::TcpStream, head: &[u8], answer: Response<Body>) {
    use futures_util::FutureExt as _;
    use std::io::Write as _;
    let body = answer.into_body().collect().now_or_never();
    let body = body.and_then(Result::ok).map(http_body_util::Collected::to_bytes);
    let text = [head, body.as_deref().unwrap_or_default()].concat();
    let _left = socket.write(&text);
}
