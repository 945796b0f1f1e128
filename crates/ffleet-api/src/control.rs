//! What a worker says to its controller, and hears from it.
//!
//! Workers pull: [`Controller::next`] is held open until there is something to do, so that an
//! assignment, a cancel or a pause arrives at once. Every report carries its attempt, and with it
//! the fence: a report of a superseded attempt is answered with [`Error::Stale`] and changes
//! nothing. Every call may be repeated; the second time changes nothing.

use std::future::Future;
use std::time::Duration;

use ffleet_media::Spec;
use ffleet_types::attempt::{Artifact, Usage};
use ffleet_types::node::{Capacity, Description};
use ffleet_types::{AttemptId, Bytes, JobNumber, NodeId, Outcome, Timestamp};
use serde::{Deserialize, Serialize};

/// How a node is beside its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// Why it takes no more work by itself, for a person; what it holds goes on.
    pub closed: Option<String>,
    /// What of its memory its rings of live bytes have.
    pub rings: Bytes,
}

/// What a worker needs of a controller.
pub trait Controller: Send + Sync + 'static {
    /// Announces a node that starts or comes back, and asks what the controller believes to be
    /// running there. The worker must settle each of those: go on with it, finish it, or report how it
    /// ended.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the controller cannot be reached or cannot write.
    fn register(
        &self,
        node: NodeId,
        description: Description,
    ) -> impl Future<Output = Result<Welcome, Error>> + Send;

    /// Waits for something to do, up to `wait`; [`Command::Nothing`] when that passes. A call
    /// also says that the node is alive.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`]; [`Error::Unknown`] when the node must register again.
    fn next(
        &self,
        node: NodeId,
        wait: Duration,
    ) -> impl Future<Output = Result<Command, Error>> + Send;

    /// Renews the leases of everything the node holds, and says how it gets on, and each time how the
    /// node itself is.
    ///
    /// # Errors
    ///
    /// As for [`Controller::next`]. Attempts that are not the node's any more, or are to be
    /// canceled, come back in the answer: their processes must go. So a [`Command::Cancel`] that
    /// is lost on its way, or with a connection, is made good within the term.
    fn renew(
        &self,
        node: NodeId,
        progress: Vec<(AttemptId, Progress)>,
        standing: Standing,
    ) -> impl Future<Output = Result<Vec<AttemptId>, Error>> + Send;

    /// Reports what became of an attempt.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] when the attempt has been superseded or canceled: the worker stops it and
    /// removes what it made. [`Error::Unavailable`]: repeat until it is acknowledged.
    fn report(
        &self,
        node: NodeId,
        attempt: AttemptId,
        report: Report,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The answer to a registration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Welcome {
    /// How often leases must be renewed: a third of their term.
    pub renew_every: Duration,
    /// What the controller believes the node to hold, from before it stopped.
    pub held: Vec<Held>,
}

/// An attempt that a node held before it stopped.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// The assignment as it was given.
    pub assignment: Assignment,
    /// Whether only this attempt may publish, as [`Report::Sealed`] made it; then these are the
    /// artifacts, and the worker finishes publishing. Otherwise it undoes what is there.
    pub sealed: Option<Vec<Artifact>>,
    /// Whether it is to stand still, as somebody asked for.
    #[serde(default)]
    pub paused: bool,
}

/// What to do next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Command {
    /// Nothing came up.
    Nothing,
    /// Begin this.
    Begin(Box<Assignment>),
    /// Stop it, and report [`Outcome::Canceled`] once its process tree is gone.
    Cancel {
        /// What to stop.
        attempt: AttemptId,
    },
    /// Freeze it, and report [`Report::Paused`].
    Pause {
        /// What to freeze.
        attempt: AttemptId,
    },
    /// Let it run again, and report [`Report::Resumed`].
    Resume {
        /// What to let run.
        attempt: AttemptId,
    },
}

/// Work for a node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Assignment {
    /// The attempt, with its fence.
    pub attempt: AttemptId,
    /// The job's number, for logs and file names.
    pub number: JobNumber,
    /// What is asked for.
    pub spec: Spec,
    /// What the controller set aside for it on the node.
    pub need: Capacity,
    /// When the job was accepted.
    pub accepted: Timestamp,
}

/// How an attempt gets on. Not kept on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// Share of the work that is done, 0 to 100; nothing for work without an end.
    pub percent: Option<f64>,
    /// Frames encoded.
    pub frames: u64,
    /// Frames a second, lately.
    pub fps: f64,
    /// Media time per time: 2.0 is twice as fast as it plays.
    pub speed: f64,
    /// Media time encoded, in microseconds.
    pub position_micros: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Time to go, in seconds, where it can be said.
    pub eta_seconds: Option<u64>,
    /// How the last sender of a live task died, if one did, for a person.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// What an attempt is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Finding out what the input is.
    #[default]
    Probe,
    /// Making the results.
    Encode,
    /// Checking them.
    Verify,
    /// Putting them where they belong.
    Publish,
}

/// What became of an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Report {
    /// The node has begun; its first child is about to start.
    Started {
        /// When.
        at: Timestamp,
    },
    /// The node will not take it; nothing is charged.
    Declined {
        /// Why, for a person.
        why: String,
    },
    /// Its processes are frozen.
    Paused {
        /// When.
        at: Timestamp,
    },
    /// They run again.
    Resumed {
        /// When.
        at: Timestamp,
    },
    /// Its results are verified, staged beside their targets and on disk. Once this is
    /// acknowledged only this attempt may publish, and it must.
    Sealed {
        /// What is staged.
        artifacts: Vec<Artifact>,
    },
    /// It has ended; every process of it is gone.
    Finished(Box<Finished>),
}

/// How an attempt ended, and what it used and left.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finished {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
    /// What it published.
    pub artifacts: Vec<Artifact>,
    /// The command lines it ran.
    pub commands: Vec<Vec<String>>,
    /// What was lost or changed on the way, for a person.
    pub notes: Vec<String>,
}

/// Why a call changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "why", rename_all = "kebab-case")]
pub enum Error {
    /// The attempt has been superseded or has ended.
    #[error("the attempt is not this node's any more: {0}")]
    Stale(String),
    /// The node is not known: it must register.
    #[error("the node is not known to the controller")]
    Unknown,
    /// The controller cannot be reached, or cannot write. Repeat with backoff.
    #[error("the controller is unavailable: {0}")]
    Unavailable(String),
}
