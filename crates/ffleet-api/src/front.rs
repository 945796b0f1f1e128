//! What answers addresses outside the API, in the place of the server that accepts connections: what
//! can be watched, and where it is pushed to.
//!
//! The server lets a request pass its gate first (host, origin, rate, key) and hands over what is not its
//! own. A viewer's connection can be handed over whole, so that no part of the server is on the way of
//! its bytes.

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use ffleet_types::live::token::Door;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::net::TcpStream;

use crate::bench::Boxed;
use crate::live::{Feed, Stream};

/// Why a body broke off.
pub type Broken = Box<dyn Error + Send + Sync>;
/// A body of either direction.
pub type Body = UnsyncBoxBody<Bytes, Broken>;

/// How much of an address is the front's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nothing.
    None,
    /// It answers who shows a key or has a session.
    Key,
    /// It answers those, and who has a token for this, from pages of other sites too.
    Token(Door),
    /// It answers whoever reaches the server, but for pages of other sites.
    Open,
    /// It answers whoever reaches the server, pages of other sites included.
    Public,
}

/// What a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of<'a> {
    /// The feed of this name.
    Feed(&'a str),
    /// The stream of this name.
    Stream(&'a str),
}

/// See the module.
pub trait Front: Send + Sync + 'static {
    /// Whether it answers `method` at `path`, and whom.
    fn claims(&self, method: &Method, path: &str) -> Claim;

    /// Whether it takes the whole connection of such a request. One that it answers and that has no body.
    fn takes(&self, request: &Parts) -> bool;

    /// Takes a connection. The head of its first request has been read and nothing behind it.
    fn take(&self, connection: TcpStream, peer: SocketAddr, request: &Parts);

    /// All feeds, by name.
    fn feeds(&self) -> Vec<Feed>;

    /// All streams, by name.
    fn streams(&self) -> Vec<Stream>;

    /// A stream with those who watch it.
    fn stream(&self, name: &str) -> Option<Stream>;

    /// Starts a feed anew. Whether there is one.
    ///
    /// # Errors
    ///
    /// Why it cannot run.
    fn restart(&self, feed: &str) -> Result<bool, String>;

    /// What the commands of a feed's or a stream's last runs have said, the oldest first, and no more than can be
    /// shown. Blocks. Nothing where there is no such feed or stream.
    fn log(&self, of: Of<'_>) -> Option<Vec<u8>>;

    /// Answers a request.
    fn answer(&self, peer: SocketAddr, request: Request<Body>) -> Boxed<'_, Response<Body>>;
}
