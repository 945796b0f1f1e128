//! What a controller asks of a node outside any job: to look at an input, to say what it would
//! do, to hand over a log.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use ffleet_media::{Probe, Source, Spec};
use ffleet_types::job::Limits;
use ffleet_types::sample::{Load, Point};
use ffleet_types::{AttemptId, NodeId, Reason};
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

    /// The last minutes of an attempt, a sample a second of each child, the oldest first; none where
    /// it is not known any more. Not kept on disk.
    fn samples(&self, attempt: AttemptId) -> Vec<Point>;

    /// Which node this is, and how each role of its children is; nothing before it can work.
    fn loads(&self) -> Option<(NodeId, Vec<Load>)>;

    /// Whether the node can work now: engine proven, room on disk. What is wrong otherwise, with
    /// what to do about it.
    fn ready(&self) -> Result<(), Vec<String>>;
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
