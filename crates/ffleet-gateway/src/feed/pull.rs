//! A feed that is asked for: over HTTP by ourselves, over everything else by FFmpeg.

use std::path::Path;

use bytes::Bytes;
use ffleet_types::ParseError;
use ffleet_types::live::Command;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::header::{ACCEPT, USER_AGENT};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::body::Body;
use super::run::{Ended, read};
use crate::reader::Reading;

/// Whether this is asked for by ourselves.
pub(super) fn is_ours(url: &str) -> bool {
    url.get(..7)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

/// What fetches a `url` that we do not speak, as MPEG-TS and otherwise as it is.
pub(super) fn command(ffmpeg: &Path, url: &str) -> Result<Command, ParseError> {
    let program = ffmpeg.to_string_lossy();
    let words = [
        &program, "-nostdin", "-v", "warning", "-i", url, "-c", "copy", "-f", "mpegts", "-",
    ];
    Command::try_from(words.map(str::to_owned).to_vec())
}

/// Asks for `url` and reads what comes.
pub(super) async fn run(url: &str, reading: Reading) -> Ended {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let agent = concat!("ffleet/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(url)
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, agent)
        .body(Empty::new());
    let request = match request {
        Ok(request) => request,
        Err(error) => return Ended::failed(format!("{url} is no address: {error}")),
    };
    let answer = match client.request(request).await {
        Ok(answer) => answer,
        Err(error) => return Ended::failed(ffleet_base::chain(&error)),
    };
    if !answer.status().is_success() {
        return Ended::failed(format!("the server answers {}", answer.status()));
    }
    read(Body(answer.into_body().map_err(Into::into).boxed_unsync()), reading).await
}
