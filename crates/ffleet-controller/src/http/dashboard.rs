//! The controller, as the dashboard asks it.

use std::ops::Deref as _;
use std::sync::Arc;

use axum::http::Extensions;
use ffleet_api::job::{Job, Page};
use ffleet_api::live::{Feed, Stream};
use ffleet_api::sample::List;
use ffleet_api::token::Token;
use ffleet_api::{Node, Problem, log, query};
use ffleet_types::job::Actor;
use ffleet_types::{JobNumber, JobRef, Span, Timestamp};
use serde_json::Value;

use super::access::Access;
use super::tokens;
use crate::controller::Controller;
use crate::dashboard::{Action, Backend, Tally};

impl Backend for Controller {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn jobs(&self, query: query::Jobs) -> Result<Page, Problem> {
        Self::jobs(self, &query).await
    }

    async fn job(&self, job: JobRef) -> Result<Job, Problem> {
        Self::job(self, job).await
    }

    async fn samples(&self, job: JobRef) -> Result<List, Problem> {
        Self::samples(self, job, None).await
    }

    async fn logs(&self, query: query::Logs) -> Result<log::Page, Problem> {
        self.lines(query).await
    }

    async fn nodes(&self) -> Result<Vec<Node>, Problem> {
        Ok(Self::nodes(self))
    }

    fn feeds(&self) -> Vec<Feed> {
        Self::feeds(self)
    }

    async fn feed(&self, name: String) -> Result<(Feed, String), Problem> {
        Ok((Self::feed(self, &name)?, self.feed_log(name).await?))
    }

    fn restart(&self, feed: &str) -> Result<(), Problem> {
        Self::restart(self, feed)
    }

    fn streams(&self) -> Vec<Stream> {
        Self::streams(self)
    }

    async fn stream(&self, name: String) -> Result<(Stream, String), Problem> {
        Ok((Self::stream(self, &name)?, self.stream_log(name).await?))
    }

    async fn token(&self, stream: String, expires: Span) -> Result<Token, Problem> {
        tokens::of_page(self, stream, expires).await
    }

    fn config(&self) -> Arc<Value> {
        self.deref().config()
    }

    async fn tally(&self) -> Result<Tally, Problem> {
        Ok(self.store.counts().iter().collect())
    }

    fn actor(extensions: &Extensions) -> Actor {
        extensions
            .get::<Access>()
            .map(|access| access.actor.clone())
            .expect("the gate lets nobody pass without saying who it is")
    }

    async fn act(&self, job: JobRef, action: Action, actor: Actor) -> Result<JobNumber, Problem> {
        let job = match action {
            Action::Cancel => self.cancel(job, actor).await?,
            Action::Pause => self.pause(job).await?,
            Action::Resume => self.resume(job).await?,
            Action::Retry => self.retry(job, actor).await?,
        };
        Ok(job.summary.number)
    }
}
