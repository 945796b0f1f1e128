//! Calls to the server, and what their failures mean for the exit code.
//!
//! Answers are kept as the text they came in, because `--json` prints exactly that: a value that
//! is read and written again loses what an older client does not know.

use std::error::Error as _;

use ffleet_api::client::{Action, Client, Error, Events, Logs};
use ffleet_api::{Code, submit};
use ffleet_base::chain;
use ffleet_types::JobRef;
use ffleet_types::live::Sort;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::server::Server;

/// An answer as it came, and what it says.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// The server's own words.
    pub(crate) raw: Box<RawValue>,
    /// What they say.
    pub(crate) value: T,
}

/// A server that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    client: Client,
    has_key: bool,
}

impl Api {
    /// Calls to `server`.
    ///
    /// # Errors
    ///
    /// If its address is none.
    pub(crate) fn new(server: Server) -> Result<Self, Failure> {
        let has_key = server.key.is_some();
        let client = Client::new(&server.address, server.key)
            .map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { client, has_key })
    }

    /// Reads a resource.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        self.answer(self.client.read(path).await)
    }

    /// Reads a resource that is named by a text, such as a preset.
    pub(crate) async fn named<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
    ) -> Result<Answer<T>, Failure> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        self.read(&format!("/v1/{collection}/{name}")).await
    }

    /// Reads a job; a failure that may pass is told apart from one that will not.
    pub(crate) async fn job<T: DeserializeOwned>(&self, job: JobRef) -> Result<Answer<T>, Trouble> {
        match self.client.read(&format!("/v1/jobs/{job}")).await {
            Err(error) => Err(self.trouble(error)),
            raw => self.answer(raw).map_err(Trouble::Lasts),
        }
    }

    /// Listens to a job.
    pub(crate) async fn events(&self, job: JobRef) -> Result<Events, Trouble> {
        self.client.events(Some(job)).await.map_err(|error| self.trouble(error))
    }

    /// Hands in a job; whether it was there already, by its idempotency key.
    pub(crate) async fn submit<T: DeserializeOwned>(
        &self,
        request: &submit::Request,
        idempotency: Option<&str>,
    ) -> Result<(Answer<T>, bool), Failure> {
        let (status, raw) = self
            .client
            .submit_raw(request, idempotency)
            .await
            .map_err(|error| self.failure(error))?;
        Ok((self.answer(Ok(raw))?, status.as_u16() == 200))
    }

    /// Sends a body, and reads the answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<Answer<T>, Failure> {
        self.answer(self.client.call(hyper::Method::POST, path, Some(body)).await)
    }

    /// Changes something, and reads it.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<Answer<T>, Failure> {
        self.answer(self.client.call(hyper::Method::PATCH, path, Some(body)).await)
    }

    /// Declares a feed or a stream; with whether it is new.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        sort: Sort,
        name: &str,
        body: &impl serde::Serialize,
    ) -> Result<(Answer<T>, bool), Failure> {
        let put = self.client.put(&declared(sort, name), body).await;
        let (is_new, raw) = put.map_err(|error| self.failure(error))?;
        Ok((self.answer(Ok(raw))?, is_new))
    }

    /// Takes the declaration of a feed or a stream back.
    pub(crate) async fn delete(&self, sort: Sort, name: &str) -> Result<(), Failure> {
        let path = declared(sort, name);
        self.client.delete(&path).await.map_err(|error| self.failure(error))
    }

    /// Has something removed.
    pub(crate) async fn remove<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Answer<T>, Failure> {
        self.answer(self.client.call(hyper::Method::DELETE, path, None::<&()>).await)
    }

    /// Has something made that needs no words.
    pub(crate) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Answer<T>, Failure> {
        self.answer(self.client.call(hyper::Method::POST, path, None::<&()>).await)
    }

    /// Cancels, pauses, resumes or retries a job.
    pub(crate) async fn act<T: DeserializeOwned>(
        &self,
        job: JobRef,
        action: Action,
    ) -> Result<Answer<T>, Failure> {
        self.answer(self.client.act(job, action).await)
    }

    /// Reads a text that is no JSON.
    pub(crate) async fn text(
        &self,
        collection: &str,
        name: &str,
        of: &str,
    ) -> Result<String, Failure> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let path = format!("/v1/{collection}/{name}/{of}");
        self.client.text(&path).await.map_err(|error| self.failure(error))
    }

    /// Watches a stream at its path.
    pub(crate) async fn watch(&self, path: &str) -> Result<Logs, Failure> {
        self.client.watch(path).await.map_err(|error| self.failure(error))
    }

    /// Has something done to what is named by a text.
    pub(crate) async fn do_to<T: DeserializeOwned>(
        &self,
        collection: &str,
        name: &str,
        what: &str,
    ) -> Result<Answer<T>, Failure> {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        self.create(&format!("/v1/{collection}/{name}/{what}")).await
    }

    /// Reads a job's log.
    pub(crate) async fn logs(
        &self,
        job: JobRef,
        attempt: Option<u64>,
        follow: bool,
    ) -> Result<Logs, Failure> {
        self.client
            .logs(job, attempt, follow)
            .await
            .map_err(|error| self.failure(error))
    }

    fn answer<T: DeserializeOwned>(
        &self,
        raw: Result<Box<RawValue>, Error>,
    ) -> Result<Answer<T>, Failure> {
        let raw = raw.map_err(|error| self.failure(error))?;
        let value = serde_json::from_str(raw.get()).map_err(|error| {
            Failure::new(Exit::ServerFailed, format!("the server's answer makes no sense: {error}"))
                .hint("are client and server of the same version? See: ffleet --version")
        })?;
        Ok(Answer { raw, value })
    }

    fn trouble(&self, error: Error) -> Trouble {
        if error.may_pass() {
            Trouble::MayPass(self.failure(error))
        } else {
            Trouble::Lasts(self.failure(error))
        }
    }

    /// What a failed call means for the program.
    #[expect(clippy::needless_pass_by_value, reason = "it is made into another error")]
    pub(crate) fn failure(&self, error: Error) -> Failure {
        let told = |exit| Failure::new(exit, chain(&error));
        match &error {
            Error::Unreachable { server, .. } => {
                let cause = innermost(&error);
                Failure::new(Exit::Unreachable, format!("no server answers at {server}: {cause}"))
                    .hint("is it running? Start one with `ffleet serve`")
            }
            Error::Silent { .. } | Error::Broken { .. } => told(Exit::Unreachable),
            Error::Refused(problem) => {
                let field = problem.field.as_deref().unwrap_or_default();
                let field = field.trim_start_matches('/').replace('/', ".");
                let message = match field.as_str() {
                    "" => problem.detail.clone(),
                    field => format!("{field}: {}", problem.detail),
                };
                let exit = if problem.status >= 500 {
                    Exit::ServerFailed
                } else {
                    Exit::Refused
                };
                let failure = Failure::new(exit, message);
                match &problem.hint {
                    _ if problem.code == Code::Unauthorized && !self.has_key => failure.hint(
                        "no key was found: name one with --key-file FILE or FFLEET_KEY, or run this \
                         as the user who runs the server",
                    ),
                    Some(hint) => failure.hint(hint.clone()),
                    None => failure,
                }
            }
            Error::Foreign { status, .. } if *status < 500 => told(Exit::Refused),
            Error::Foreign { .. } | Error::Unreadable { .. } => told(Exit::ServerFailed),
            Error::Unusable(_) => told(Exit::Usage),
        }
    }
}

/// Where a feed or a stream is.
fn declared(sort: Sort, name: &str) -> String {
    format!("/v1/{sort}s/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// A failed call while a job is watched.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The same call may do better later.
    MayPass(Failure),
    /// It will not.
    Lasts(Failure),
}

impl Trouble {
    /// The failure, whatever its future.
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::MayPass(failure) | Self::Lasts(failure) => failure,
        }
    }
}

/// What the kernel said, below what hyper makes of it.
fn innermost(error: &Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(String::new, ToString::to_string)
}
