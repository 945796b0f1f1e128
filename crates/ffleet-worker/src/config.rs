//! What a worker is told at its start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use ffleet_types::node::Capacity;

use crate::sandbox::Sandboxes;

/// How a worker is to work.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory: `work`, `logs` and `engines` are made in it.
    pub home: PathBuf,
    /// The node's name for people.
    pub name: String,
    /// The version of ffleet it says it is.
    pub version: String,
    /// Free words for placement.
    pub labels: BTreeMap<String, String>,
    /// What the node offers.
    pub capacity: Capacity,
    /// Directories that inputs and outputs must lie in, links followed. `/` allows everything.
    pub roots: Vec<PathBuf>,
    /// What jobs may see of the machine.
    pub sandboxes: Sandboxes,
    /// Where FFmpeg is; found by `search` where nothing is said.
    pub ffmpeg: Option<PathBuf>,
    /// Where ffprobe is; found by `search` where nothing is said.
    pub ffprobe: Option<PathBuf>,
    /// The value of `PATH`.
    pub search: OsString,
    /// How nice children are: 0 to 19.
    pub nice: i32,
    /// From the request to end to the kill of a child.
    pub grace: Duration,
    /// How long attempts may go on when the worker is told to stop.
    pub drain: Duration,
    /// What becomes of those that go on longer.
    pub on_stop: OnStop,
    /// How long the logs of a job are kept after they were last written to.
    pub keep_logs: Duration,
}

/// What becomes of work that a stop of the worker does not wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStop {
    /// What can be taken over is left to its shims, which wait for the next start as long as orphans may; the
    /// rest is interrupted.
    Leave,
    /// All of it is interrupted.
    Interrupt,
}

impl Config {
    /// The directory of proofs.
    pub(crate) fn engines(&self) -> PathBuf {
        self.home.join("engines")
    }
}
