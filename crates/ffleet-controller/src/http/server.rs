//! Connections: accepted up to a limit, each with limits on its headers and their arrival.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use ffleet_api::front::Claim;
use ffleet_api::{Code, Problem};
use http_body_util::BodyExt as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::ACCEPT;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::peer::Peer;
use super::tls::{Door, Tls};
use super::{reply, router, takeover, voyandz};
use crate::controller::Controller;
use crate::dashboard;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;
/// Connections that wait in the kernel to be accepted.
const QUEUE: u32 = 4_096;
/// How long connections may take to finish what they answer when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// The pause after an accept that failed, as it does when there are no descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// The server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Other machines would reach it.
    #[error(
        "{address} can be reached from other machines, which needs TLS: listen on 127.0.0.1 or \
         [::1], and say under `tls` where other machines come"
    )]
    NotLoopback {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// Somebody else listens there.
    #[error("the address {address} is taken: is another server running? `--listen` names another")]
    Taken {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refuses.
    #[error("cannot listen on {address}")]
    Failed {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The routes, as a connection calls them.
type Routes = TowerToHyperService<Router>;

/// A listening server. It serves from [`Server::run`] on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// Where other machines come.
    door: Option<Door>,
    controller: Controller,
}

impl Server {
    /// Listens on a loopback address; port 0 takes a free one. Where there is a certificate, other machines are
    /// listened to as well, at any address.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub async fn bind(
        controller: Controller,
        address: SocketAddr,
        outside: Option<(SocketAddr, Arc<Tls>)>,
    ) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback { address });
        }
        let (listener, address) = listen(address)?;
        let door = match outside {
            Some((at, tls)) => {
                let (listener, address) = listen(at)?;
                Some(Door { listener, address, tls })
            }
            None => None,
        };
        controller.gate.listen(address, door.as_ref().map(|door| door.address));
        Ok(Self { listener, address, door, controller })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for other machines.
    #[must_use]
    pub fn outside(&self) -> Option<SocketAddr> {
        self.door.as_ref().map(|door| door.address)
    }

    /// Serves until the controller stops ([`Controller::shutdown`]); then finishes what is being
    /// answered, within seconds.
    pub async fn run(self) {
        let Self { listener, door, controller, .. } = self;
        let desk = Desk {
            routes: TowerToHyperService::new(router::router(controller.clone())),
            room: Arc::new(Semaphore::new(controller.policy.http.connections)),
            connections: TaskTracker::new(),
            controller,
        };
        let outside = async {
            if let Some(Door { listener, tls, .. }) = door {
                desk.receive(listener, Some(tls)).await;
            }
        };
        tokio::join!(desk.receive(listener, None), outside);
        desk.connections.close();
        if tokio::time::timeout(FAREWELL, desk.connections.wait()).await.is_err() {
            tracing::warn!(open = desk.connections.len(), "connections are cut off");
        }
    }
}

/// Where connections come in.
struct Desk {
    routes: Routes,
    room: Arc<Semaphore>,
    connections: TaskTracker,
    controller: Controller,
}

impl Desk {
    /// Takes connections until the controller stops.
    async fn receive(&self, listener: TcpListener, tls: Option<Arc<Tls>>) {
        loop {
            // Who does not get room waits in the kernel's queue.
            let accept = async {
                let permit = Arc::clone(&self.room).acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accept => accepted,
                () = self.controller.stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let guest = Guest {
                        controller: self.controller.clone(),
                        routes: self.routes.clone(),
                        peer,
                        node: None,
                        is_secure: tls.is_some(),
                    };
                    let tls = tls.clone();
                    // Ends with its peer, on its own timeouts, or when the controller stops.
                    self.connections.spawn(async move {
                        guest.connected(stream, tls).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
}

/// Whoever is at the other end of a connection.
struct Guest {
    controller: Controller,
    routes: Routes,
    peer: SocketAddr,
    /// The machine that it has shown to be, if it has.
    node: Option<Peer>,
    is_secure: bool,
}

impl Guest {
    async fn connected(mut self, stream: TcpStream, tls: Option<Arc<Tls>>) {
        // Without this a small answer waits for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot send small answers at once");
        }
        let Some(tls) = tls else {
            if let Some(stream) = takeover::offer(&self.controller, stream, self.peer).await {
                self.converse(stream).await;
            }
            return;
        };
        let arrival = self.controller.policy.http.arrival;
        let greeted = tokio::select! {
            greeted = tokio::time::timeout(arrival, tls.greet(stream)) => greeted,
            () = self.controller.stop.cancelled() => return,
        };
        match greeted {
            Ok(Ok((stream, node))) => {
                self.node = node.map(Peer::Node);
                self.converse(stream).await;
            }
            Ok(Err(error)) => tracing::debug!(peer = %self.peer, %error, "a greeting failed"),
            Err(_late) => tracing::debug!(peer = %self.peer, "a greeting took too long"),
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let policy = &self.controller.policy.http;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(policy.arrival)
            .max_headers(MOST_HEADERS)
            .max_header_size(policy.head)
            .half_close(false);
        let service = service_fn(|request| self.answer(request));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.controller.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(FAREWELL, connection).await {
                    Ok(ended) => ended,
                    Err(_elapsed) => return,
                }
            }
        };
        if let Err(error) = ended {
            // The peer went away, or was too slow: its own affair.
            tracing::debug!(peer = %self.peer, %error, "a connection broke");
        }
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response, std::convert::Infallible> {
        let Self { controller, routes, peer, node, is_secure } = self;
        let method = method(request.method());
        let is_browser = !request.uri().path().starts_with("/v1/")
            && request.headers().get(ACCEPT).is_some_and(|accept| {
                accept.as_bytes().windows(9).any(|kind| kind == b"text/html")
            });
        let is_ours = voyandz::is_ours(request.uri().path());
        let front = controller.front.get();
        let (of_front, is_page) = claims(controller, &request);
        let is_of_front = of_front != Claim::None;
        let claim = if is_page { Claim::Open } else { of_front };
        let admitted = controller.gate.admit(&request, (peer.ip(), *node), &claim);
        if let (Some(front), true, true) = (front, is_of_front, admitted.is_ok()) {
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            let answer = tokio::select! {
                answer = front.answer(*peer, request) => answer,
                () = controller.stop.cancelled() => return Ok(reply::problem(&stopping())),
            };
            controller.metrics.answered(method, "front", answer.status().as_u16());
            return Ok(answer.map(Body::new));
        }
        let mut response = match admitted {
            Ok(access) => {
                request.extensions_mut().insert(access);
                if *is_secure {
                    request.extensions_mut().insert(Secured);
                }
                if let Some(node) = *node {
                    request.extensions_mut().insert(node);
                }
                match routes.call(request.map(Body::new)).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
            Err(problem) => reply::problem(&problem),
        };
        if is_browser && controller.voyandz().is_some() {
            response = match is_ours {
                true => dashboard::below(|| reply::page(response)),
                false => voyandz::page(response),
            };
        } else if is_browser {
            response = reply::page(response);
        }
        reply::secure(response.headers_mut());
        let route = response.extensions_mut().remove::<axum::extract::MatchedPath>();
        let route = route.as_ref().map_or("none", |route| route.as_str());
        controller.metrics.answered(method, route, response.status().as_u16());
        Ok(response)
    }
}

/// A request that came over TLS has this beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured;

/// Without a queue that holds them, viewers who come all at once are turned away by the kernel, and try again
/// after a second: 128 have room in that of the standard library.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let begin = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(QUEUE)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    begin().map_err(|source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken { address, source },
        _ => ListenError::Failed { address, source },
    })
}

/// The front's claim on the request's address, and whether it is for a page that is open to everybody.
fn claims<B>(controller: &Controller, request: &Request<B>) -> (Claim, bool) {
    let (method, path) = (request.method(), request.uri().path());
    if controller.voyandz().is_some() && voyandz::is_page(method, path) {
        return (Claim::None, true);
    }
    let front = controller.front.get();
    (front.map_or(Claim::None, |front| front.claims(method, path)), false)
}

fn stopping() -> Problem {
    Problem::new(Code::Unavailable, "the server is stopping")
}

/// The method, as a bounded label.
pub(super) fn method(method: &hyper::Method) -> &'static str {
    match method.as_str() {
        "GET" => "get",
        "HEAD" => "head",
        "POST" => "post",
        "PUT" => "put",
        "DELETE" => "delete",
        "PATCH" => "patch",
        "OPTIONS" => "options",
        _ => "other",
    }
}
