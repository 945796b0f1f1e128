//! A client for the API: typed calls, streams of events and logs.
//!
//! Connections are pooled. A call that got no answer, or one that says "later" (5xx), is tried
//! again after 1 s, 2 s … 30 s with jitter for as long as the client is patient
//! ([`Client::patient`]); an answer that refuses the request (4xx) is final. A submission that is
//! tried again carries an idempotency key, so that it is accepted once.
//!
//! [`Client::call`] takes any type that can be read from JSON, `serde_json::Value` and
//! `RawValue` included, for callers that print exactly what the server said.

use std::time::Duration;

use bytes::Bytes;
use ffleet_base::{Secret, chance};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

mod calls;
mod error;
mod streams;

pub use calls::Action;
pub use error::{BadServer, Error};
pub use streams::{Events, Logs};

/// The largest answer that is read into memory: a page of 500 jobs is about 1 MiB.
const LARGEST_ANSWER: usize = 64 << 20;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take, unless said otherwise.
const ANSWER: Duration = Duration::from_secs(60);
/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    key: Option<Secret>,
    pool: Pool<HttpConnector, Full<Bytes>>,
    answer: Duration,
    patience: Duration,
}

/// One request, in pieces.
#[derive(Clone, Debug)]
struct Call<'a> {
    method: Method,
    /// Path and query.
    path: &'a str,
    body: Option<Bytes>,
    idempotency: Option<&'a str>,
}

impl Client {
    /// A client of the server at `http://HOST:PORT`.
    ///
    /// # Errors
    ///
    /// [`BadServer`] where that is not what `server` says.
    pub fn new(server: &str, key: Option<Secret>) -> Result<Self, BadServer> {
        let base = normalise(server)?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .build(connector);
        Ok(Self { base, key, pool, answer: ANSWER, patience: Duration::ZERO })
    }

    /// Goes on trying for so long where the server cannot be reached or says "later".
    #[must_use]
    pub const fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits so long for an answer.
    #[must_use]
    pub const fn answer_within(mut self, answer: Duration) -> Self {
        self.answer = answer;
        self
    }

    /// Where the server is: `http://HOST:PORT`.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.base
    }

    /// Sends a request with an optional JSON body, and reads the answer as JSON.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let body = body.map(encode).transpose()?;
        let (_, answer) = self.exchange(&Call { method, path, body, idempotency: None }).await?;
        self.decode(path, &answer)
    }

    /// Sends a JSON body to the place of a resource, and reads it; with whether it is new there.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(bool, T), Error> {
        let body = Some(encode(body)?);
        let call = Call { method: Method::PUT, path, body, idempotency: None };
        let (status, answer) = self.exchange(&call).await?;
        Ok((status == StatusCode::CREATED, self.decode(path, &answer)?))
    }

    /// Removes a resource.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        let call = Call { method: Method::DELETE, path, body: None, idempotency: None };
        self.exchange(&call).await.map(drop)
    }

    /// Reads a resource as JSON.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// Reads a resource as text: `/metrics`, a log.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn text(&self, path: &str) -> Result<String, Error> {
        let call = Call { method: Method::GET, path, body: None, idempotency: None };
        let (_, answer) = self.exchange(&call).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Sends a call, again and again if need be, and reads the whole answer.
    async fn exchange(&self, call: &Call<'_>) -> Result<(StatusCode, Bytes), Error> {
        let deadline = tokio::time::Instant::now() + self.patience;
        let mut pause = PAUSES.0;
        loop {
            let error = match self.exchange_once(call).await {
                Err(error) if error.may_pass() => error,
                answer => return answer,
            };
            let wait = pause.mul_f64(0.5 + chance::unit() / 2.0);
            if tokio::time::Instant::now() + wait > deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn exchange_once(&self, call: &Call<'_>) -> Result<(StatusCode, Bytes), Error> {
        let exchange = async {
            let response = self.send(call).await?;
            let status = response.status();
            let body = self.collect(response).await?;
            Ok((status, body))
        };
        tokio::time::timeout(self.answer, exchange)
            .await
            .map_err(|_elapsed| self.silent())?
    }

    /// Sends a call; the head of the answer is a success.
    async fn send(&self, call: &Call<'_>) -> Result<Response<Incoming>, Error> {
        let response = self
            .pool
            .request(self.request(call)?)
            .await
            .map_err(|source| Error::Unreachable { server: self.base.clone(), source })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.collect(response).await?;
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Error::Refused(Box::new(problem)),
            Err(_other_server) => Error::Foreign {
                server: self.base.clone(),
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).chars().take(200).collect(),
            },
        })
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.base, call.path))
            .header(ACCEPT, "application/json, text/event-stream, text/plain");
        if let Some(key) = &self.key {
            let text = format!("Bearer {}", key.expose());
            let mut value = HeaderValue::from_str(&text)
                .map_err(|_control_character| Error::Unusable("the key".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = call.idempotency {
            request = request.header(crate::submit::IDEMPOTENCY_KEY, key);
        }
        request
            .body(Full::new(call.body.clone().unwrap_or_default()))
            .map_err(|error| Error::Unusable(format!("the address {:?} ({error})", call.path)))
    }

    async fn collect(&self, response: Response<Incoming>) -> Result<Bytes, Error> {
        Limited::new(response.into_body(), LARGEST_ANSWER)
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .map_err(|source| Error::Broken { server: self.base.clone(), source })
    }

    fn decode<T: DeserializeOwned>(&self, path: &str, answer: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(answer)
            .map_err(|source| Error::Unreadable { what: format!("{}{path}", self.base), source })
    }

    fn silent(&self) -> Error {
        Error::Silent { server: self.base.clone(), after: self.answer }
    }
}

fn encode(body: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| Error::Unusable(format!("the request ({error})")))
}

/// `http://HOST:PORT`, without a path.
fn normalise(server: &str) -> Result<String, BadServer> {
    let bad = || BadServer { server: server.to_owned() };
    let rest = match server.split_once("://") {
        Some(("http", rest)) => rest,
        Some(_) => return Err(bad()),
        None => server,
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let parsed: hyper::http::uri::Authority = authority.parse().map_err(|_not_one| bad())?;
    match parsed.port() {
        Some(_) if !authority.contains('@') => Ok(format!("http://{authority}")),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_an_address_with_a_port() {
        for (text, base) in [
            ("http://127.0.0.1:8420", "http://127.0.0.1:8420"),
            ("http://localhost:1/", "http://localhost:1"),
            ("[::1]:8420", "http://[::1]:8420"),
        ] {
            assert_eq!(normalise(text).unwrap(), base);
        }
        for text in ["", "https://h:1", "http://h", "http://u:p@h:1", "http://h:1/x", "ftp://h:1"] {
            assert!(normalise(text).is_err(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable_and_may_pass() {
        // Port 1 on loopback: nothing listens there, so the kernel refuses at once.
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let error = client.read::<serde_json::Value>("/healthz").await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.may_pass(), "{error}");
    }
}
