//! What a controller asks of a node outside any job: to look at an input, to say what it would
//! do, to hand over a log.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;

use ffleet_media::{Probe, Source, Spec};
use ffleet_types::job::Limits;
use ffleet_types::sample::{Load, Point};
use ffleet_types::{AttemptId, Fence, JobId, NodeId, ParseError, Reason, Timestamp};
use serde::{Deserialize, Serialize};

/// A future that can be held behind `dyn`.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a node does for its controller outside any job.
pub trait Workbench: Send + Sync + 'static {
    /// Finds out what an input holds, by `ffprobe` under the node's guard. Bounded in time.
    fn probe(&self, source: Source) -> Boxed<'_, Result<Probe, Trouble>>;

    /// Says what a job would run and what it would be allowed, without running it.
    fn rehearse(&self, spec: Spec) -> Boxed<'_, Result<Rehearsal, Trouble>>;

    /// The log files of an attempt's children on this machine, oldest first; none where nothing
    /// was written yet.
    fn logs(&self, attempt: AttemptId) -> Vec<PathBuf>;

    /// Looks for lines in the logs of all children on this machine, or of one job's. Bounded in what
    /// it reads and answers.
    fn search(&self, search: Search) -> Boxed<'_, Result<Found, Trouble>>;

    /// The last minutes of an attempt, a sample a second of each child, the oldest first; none where
    /// it is not known any more. Not kept on disk.
    fn samples(&self, attempt: AttemptId) -> Vec<Point>;

    /// Which node this is, and how each role of its children is; nothing before it can work.
    fn loads(&self) -> Option<(NodeId, Vec<Load>)>;

    /// Whether the node can work now: engine proven, room on disk. What is wrong otherwise, with
    /// what to do about it.
    fn ready(&self) -> Result<(), Vec<String>>;
}

/// Which lines of logs are looked for. Secrets in them are out of reach: a line is looked at as it may
/// be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Search {
    /// Only those of this job.
    pub job: Option<JobId>,
    /// Only those of this attempt.
    pub attempt: Option<Fence>,
    /// From here on.
    pub since: Timestamp,
    /// Up to here.
    pub until: Timestamp,
    /// Only those that hold this; case does not matter.
    pub text: String,
    /// Only those after this place.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// A place among all lines: they are ordered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// When the line was written.
    pub at: Timestamp,
    /// Whose child wrote it.
    pub attempt: AttemptId,
    /// Which of its children.
    pub child: u32,
    /// Where it begins in that one's log.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}-{}", self.at.as_micros(), self.attempt, self.child, self.offset)
    }
}

impl FromStr for Place {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let mut parts = text.split('-');
            let place = Self {
                at: Timestamp::from_micros(parts.next()?.parse().ok()?),
                attempt: parts.next()?.parse().ok()?,
                child: parts.next()?.parse().ok()?,
                offset: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(place)
        };
        parse().ok_or_else(|| ParseError::new(text, "the `next` of a page"))
    }
}

/// Lines that were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    /// In order.
    pub lines: Vec<Line>,
    /// Whether there are more.
    pub more: bool,
    /// Whether everything was read that had to be.
    pub complete: bool,
}

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Line {
    /// Where it is.
    pub place: Place,
    /// What its child does in its attempt.
    pub phase: String,
    /// The line, without secrets.
    pub text: String,
}

/// What a job would run, and what it would be allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rehearsal {
    /// What the input holds.
    pub probe: Option<Probe>,
    /// The command lines, as argument lists, in order.
    pub commands: Vec<Vec<String>>,
    /// Every limit, with nothing left open.
    pub limits: Limits,
    /// Which of those limits were given rather than derived, by name.
    pub given: Vec<String>,
    /// What would be lost or changed between input and output, for a person.
    pub notes: Vec<String>,
    /// The predicted CPU time in seconds; nothing where it cannot be said.
    pub predicted_cpu_seconds: Option<f64>,
}

/// Why a node could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
#[serde(rename_all = "kebab-case")]
pub struct Trouble {
    /// The class.
    pub reason: Reason,
    /// For a person: what was wrong, where, and what to do.
    pub message: String,
}
