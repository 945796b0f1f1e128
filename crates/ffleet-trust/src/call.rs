//! One call over TLS: a connection, a body of JSON, an answer.
//!
//! Machines join once and renew once a fortnight, so that nothing is pooled here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ffleet_api::Problem;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::SERVER_NAME;
use crate::error::Error;

/// How long a call may take, connecting included.
const LIMIT: Duration = Duration::from_secs(30);
/// The largest answer, in bytes.
const LARGEST: usize = 256 << 10;

/// Sends `body` to `path` of the controller at `address`, which is `HOST:PORT`.
pub(crate) async fn post<T: DeserializeOwned>(
    config: Arc<ClientConfig>,
    address: &str,
    path: &str,
    body: &impl Serialize,
) -> Result<T, Error> {
    let odd = |why: String| Error::Odd { address: address.to_owned(), why };
    let body = serde_json::to_vec(body).map_err(|error| odd(error.to_string()))?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, address)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| odd(error.to_string()))?;
    let (status, answer) = tokio::time::timeout(LIMIT, exchange(config, address, request))
        .await
        .map_err(|_late| Error::Unreachable {
        address: address.to_owned(),
        source: io::ErrorKind::TimedOut.into(),
    })??;
    if status.is_success() {
        return serde_json::from_slice(&answer).map_err(|error| odd(error.to_string()));
    }
    Err(match serde_json::from_slice::<Problem>(&answer) {
        Ok(problem) => Error::Refused(Box::new(problem)),
        Err(_other) => odd(format!("the status is {status}")),
    })
}

async fn exchange(
    config: Arc<ClientConfig>,
    address: &str,
    request: Request<Full<Bytes>>,
) -> Result<(hyper::StatusCode, Bytes), Error> {
    let unreachable = |source| Error::Unreachable { address: address.to_owned(), source };
    let broken = |source| Error::Broken { address: address.to_owned(), source };
    let stream = TcpStream::connect(address).await.map_err(unreachable)?;
    let name = ServerName::try_from(SERVER_NAME).expect("it is a name");
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(unreachable)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(error.into()))?;
    let conversation = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(error.into()))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        Ok((status, body.map_err(broken)?.to_bytes()))
    };
    // Whoever is done first: the answer, or a connection that breaks before it.
    tokio::pin!(connection, conversation);
    tokio::select! {
        answer = &mut conversation => answer,
        ended = &mut connection => match ended {
            Ok(()) => conversation.await,
            Err(error) => Err(broken(error.into())),
        },
    }
}
