//! The dashboard: what the API shows, as pages for people.
//!
//! Pages are rendered here from the API's own types, whole, and work without scripts. The one
//! script keeps them live: it follows `/v1/events`, moves the progress bars, and when a job or a
//! node changed fetches the page again and exchanges the parts that differ. So there is one
//! renderer, escaped by construction, and no second one in the browser.
//!
//! Nothing is loaded from elsewhere and nothing is inline, so that [`CSP`] can forbid the rest.
//! Who may look is decided before a request comes here; `/assets/…` holds nothing secret and
//! needs no session.

mod assets;
mod base;
mod chip;
mod config;
mod curves;
mod encode;
mod feeds;
mod format;
mod inputs;
mod job;
mod jobs;
mod logs;
mod nodes;
mod outputs;
mod page;
mod player;
mod routes;
mod streams;
mod trail;
pub mod voyandz;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::Extensions;
use ffleet_api::live::{Feed, Stream};
use ffleet_api::token::Token;
use ffleet_api::{Job, Node, Problem, job as wire, log, query, sample};
use ffleet_types::job::Actor;
use ffleet_types::task::State;
use ffleet_types::{JobNumber, JobRef, ParseError, Span, Timestamp};
use serde_json::Value;

pub use base::{BELOW, all_below, below};
pub use page::{CSP, locked, trouble};
pub use routes::{files, pages, routes};

/// What the dashboard asks of its server.
pub trait Backend: Clone + Send + Sync + 'static {
    /// The wall clock, for "two minutes ago".
    fn now(&self) -> Timestamp;

    /// One page of the list of jobs, newest first.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn jobs(&self, query: query::Jobs) -> impl Future<Output = Result<wire::Page, Problem>> + Send;

    /// One job with everything about it.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn job(&self, job: JobRef) -> impl Future<Output = Result<Job, Problem>> + Send;

    /// What the last attempt of a job was at, second by second.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn samples(&self, job: JobRef) -> impl Future<Output = Result<sample::List, Problem>> + Send;

    /// Lines of the logs of all jobs.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn logs(&self, query: query::Logs) -> impl Future<Output = Result<log::Page, Problem>> + Send;

    /// Every node, by name.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn nodes(&self) -> impl Future<Output = Result<Vec<Node>, Problem>> + Send;

    /// All feeds, by name, without secrets.
    fn feeds(&self) -> Vec<Feed>;

    /// A feed, and what its last runs said.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn feed(&self, name: String) -> impl Future<Output = Result<(Feed, String), Problem>> + Send;

    /// Starts a feed anew.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn restart(&self, feed: &str) -> Result<(), Problem>;

    /// All streams, by name, without secrets.
    fn streams(&self) -> Vec<Stream>;

    /// A stream with those who watch it, and what its commands said.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn stream(
        &self,
        name: String,
    ) -> impl Future<Output = Result<(Stream, String), Problem>> + Send;

    /// Makes a token to watch a stream with, which is good for so long.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn token(
        &self,
        stream: String,
        expires: Span,
    ) -> impl Future<Output = Result<Token, Problem>> + Send;

    /// The configuration in effect, without secrets.
    fn config(&self) -> Arc<Value>;

    /// How many jobs there are in each state; a state without any may be left out.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn tally(&self) -> impl Future<Output = Result<Tally, Problem>> + Send;

    /// Who makes a request, as the check before the dashboard left it there.
    fn actor(extensions: &Extensions) -> Actor;

    /// Does it, and says which job to look at now: of a retry that is the new one.
    ///
    /// # Errors
    ///
    /// What the API would answer.
    fn act(
        &self,
        job: JobRef,
        action: Action,
        actor: Actor,
    ) -> impl Future<Output = Result<JobNumber, Problem>> + Send;
}

/// How many jobs there are in each state.
pub type Tally = BTreeMap<State, u64>;

/// What a button on a job's page does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stops it.
    Cancel,
    /// Freezes it.
    Pause,
    /// Lets it run again.
    Resume,
    /// Makes a new job like it.
    Retry,
}

impl Action {
    const ALL: [Self; 4] = [Self::Pause, Self::Resume, Self::Retry, Self::Cancel];

    /// Its name in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
        }
    }

    /// Whether it means anything to a job in this state.
    #[must_use]
    pub const fn suits(self, state: State) -> bool {
        match self {
            Self::Cancel => !state.is_terminal(),
            Self::Pause => matches!(state, State::Running),
            Self::Resume => matches!(state, State::Paused),
            Self::Retry => state.is_terminal(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|action| action.name() == text)
            .ok_or_else(|| {
                ParseError::new(text, "something to do with a job: cancel, pause, resume or retry")
            })
    }
}

#[cfg(test)]
mod tests;
