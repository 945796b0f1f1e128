//! How a call may fail.

use std::error::Error as StdError;
use std::time::Duration;

use crate::problem::{Code, Problem};

/// A server's address that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{server:?} is not the address of a server: write http://HOST:PORT, such as http://127.0.0.1:8420"
)]
pub struct BadServer {
    /// What was given.
    pub server: String,
}

/// How a call may fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing answers there.
    #[error("no server answers at {server}")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        source: hyper_util::client::legacy::Error,
    },
    /// The connection was there, and no answer came.
    #[error("the server at {server} gave no answer within {after:?}")]
    Silent {
        /// Where.
        server: String,
        /// In what time.
        after: Duration,
    },
    /// The connection broke in the middle of an answer.
    #[error("the server at {server} broke off its answer")]
    Broken {
        /// Where.
        server: String,
        /// Why.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The server refused, or failed, and says why.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// What answers there is not ffleet.
    #[error("what answers at {server} is not ffleet: status {status}, {body:?}")]
    Foreign {
        /// Where.
        server: String,
        /// What it answered.
        status: u16,
        /// The beginning of what it said.
        body: String,
    },
    /// The answer is not what it should be.
    #[error("the answer of {what} cannot be read")]
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The request cannot be sent.
    #[error("{0} cannot be sent")]
    Unusable(String),
}

impl Error {
    /// Whether the same call may do better later: no answer, or one that says "later".
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } | Self::Broken { .. } => true,
            Self::Refused(problem) => problem.status >= 500 && problem.code != Code::Internal,
            Self::Foreign { .. } | Self::Unreadable { .. } | Self::Unusable(_) => false,
        }
    }

    /// The server's own words, where it spoke.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }
}
