//! The calls, one for each route.

use ffleet_base::chance;
use ffleet_types::JobRef;
use hyper::{Method, StatusCode};
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Call, Client, Error, encode};
use crate::bench::Rehearsal;
use crate::event::LoginLink;
use crate::job::{History, Job, Page};
use crate::submit::{self, Accepted};
use crate::{node, preset, query};

/// What a person may ask of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stop it for good.
    Cancel,
    /// Freeze its processes.
    Pause,
    /// Let them run again.
    Resume,
    /// Make a new job of it.
    Retry,
}

impl Action {
    /// The last part of its route.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
        }
    }
}

impl Client {
    /// Submits a job. When it returns, the job is on the server's disk.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn submit(
        &self,
        request: &submit::Request,
        idempotency: Option<&str>,
    ) -> Result<Accepted, Error> {
        let (status, job) = self.submit_raw(request, idempotency).await?;
        Ok(Accepted { job, existing: status == StatusCode::OK })
    }

    /// Submits a job and reads the answer as any type; with its status: 201 for a new job, 200
    /// for one that was there.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn submit_raw<T: DeserializeOwned>(
        &self,
        request: &impl Serialize,
        idempotency: Option<&str>,
    ) -> Result<(StatusCode, T), Error> {
        // A try whose answer was lost must not become a second job.
        let own = (idempotency.is_none() && !self.patience.is_zero()).then(|| chance::name(26));
        let path = "/v1/jobs";
        let call = Call {
            method: Method::POST,
            path,
            body: Some(encode(request)?),
            idempotency: idempotency.or(own.as_deref()),
        };
        let (status, answer) = self.exchange(&call).await?;
        Ok((status, self.decode(path, &answer)?))
    }

    /// Asks what a job would run and be allowed, without running it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rehearse(&self, request: &submit::Request) -> Result<Rehearsal, Error> {
        self.call(Method::POST, "/v1/jobs?dry-run=true", Some(request)).await
    }

    /// Lists jobs, newest first.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn jobs(&self, query: &query::Jobs) -> Result<Page, Error> {
        self.read(&format!("/v1/jobs{query}")).await
    }

    /// Reads a job.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn job(&self, job: JobRef) -> Result<Job, Error> {
        self.read(&format!("/v1/jobs/{job}")).await
    }

    /// Reads a job's history.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn history(&self, job: JobRef) -> Result<History, Error> {
        self.read(&format!("/v1/jobs/{job}/history")).await
    }

    /// Cancels, pauses, resumes or retries a job; what comes back is the job, for a retry the
    /// new one.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn act<T: DeserializeOwned>(&self, job: JobRef, action: Action) -> Result<T, Error> {
        let path = format!("/v1/jobs/{job}/{}", action.name());
        self.call(Method::POST, &path, None::<&()>).await
    }

    /// Lists nodes.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn nodes(&self) -> Result<node::List, Error> {
        self.read("/v1/nodes").await
    }

    /// Reads a node, by id or name.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn node(&self, node: &str) -> Result<node::Node, Error> {
        self.read(&format!("/v1/nodes/{}", segment(node))).await
    }

    /// Lists presets.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn presets(&self) -> Result<preset::List, Error> {
        self.read("/v1/presets").await
    }

    /// Reads a preset.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn preset(&self, name: &str) -> Result<preset::Preset, Error> {
        self.read(&format!("/v1/presets/{}", segment(name))).await
    }

    /// Finds out what an input holds.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn probe(&self, input: &str) -> Result<ffleet_media::Probe, Error> {
        let request = submit::ProbeRequest { input: input.to_owned() };
        self.call(Method::POST, "/v1/probe", Some(&request)).await
    }

    /// Asks for a link that opens the dashboard once.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn login_link(&self) -> Result<LoginLink, Error> {
        self.call(Method::POST, "/v1/login-links", None::<&()>).await
    }
}

/// A name as one part of a path.
fn segment(name: &str) -> String {
    utf8_percent_encode(name, query::RESERVED).to_string()
}
