//! What it takes to go on with an attempt after the death of its worker.
//!
//! The encode is what an attempt's time goes into, and its child outlives the worker in the hands of
//! a shim. So before it starts everything that the attempt has learned is written down beside its
//! results, and once more when it is over. The next life of the node takes the child over, or begins
//! with the verification of what is there. Anything earlier is cheap and done again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ffleet_api::control::Held;
use ffleet_guard::{Node, machine};
use ffleet_media::Probe;
use ffleet_spool::{Dir, Work};
use ffleet_types::AttemptId;
use serde::{Deserialize, Serialize};

use crate::attempt::encode::result;
use crate::attempt::{Costs, Halt, undo};
use crate::places::{Input, deliveries};

const NAME: &str = "resume.jsonl";

/// An attempt as it was when its encode began, or was over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Resume {
    /// Since when the machine was up. After a restart of it nothing is gone on with: what an encoder
    /// wrote was not synced, and is on disk or not.
    pub(crate) boot: String,
    pub(crate) probe: Probe,
    /// The input as it was first seen.
    pub(crate) input: Option<Input>,
    pub(crate) costs: Costs,
    pub(crate) commands: Vec<Vec<String>>,
    pub(crate) notes: Vec<String>,
    /// How many children came before the encode.
    pub(crate) children: u32,
    pub(crate) stage: Stage,
}

/// How far it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Its encode was about to start.
    Encode,
    /// Its encode was over, having worked for so long.
    Encoded { worked: Duration },
}

impl Resume {
    /// What can be gone on with of an attempt that was held; nothing is beside its targets then.
    /// Nothing where there is nothing to go on with. Blocks.
    pub(crate) fn of(work: &Work, node: &Node, held: &Held) -> Option<Self> {
        let job = &held.assignment;
        if held.sealed.is_some() || job.spec.is_live() {
            return None;
        }
        let dir = work.dir(job.attempt);
        let resume = Self::read(&dir).filter(|resume| resume.boot == machine::boot())?;
        let ready = match resume.stage {
            Stage::Encode if node.orphans().contains(&resume.child(job.attempt)) => undo(job),
            Stage::Encode => return None,
            Stage::Encoded { .. } => take_back(&dir, held),
        };
        ready
            .inspect_err(|halt| tracing::warn!(attempt = %job.attempt, ?halt, "it cannot go on"))
            .ok()?;
        Some(resume)
    }

    /// The name of the child that makes the results.
    pub(crate) fn child(&self, attempt: AttemptId) -> String {
        name(attempt, self.children + 1, super::ENCODE)
    }

    /// Adds it to what was written before, as a line. It holds for this run of the machine only, so it
    /// need not be on disk. Blocks.
    pub(crate) fn write(&self, dir: &Dir) -> Result<(), Halt> {
        let mut text = serde_json::to_vec(self)
            .map_err(|error| Halt::platform(format!("cannot write down how to go on: {error}")))?;
        text.push(b'\n');
        let path = dir.file(NAME);
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(&text)).map_err(|error| {
            Halt::failed(
                ffleet_types::Reason::ResourceError,
                format!(
                    "cannot write {}: {error}: is the disk of the data directory full?",
                    path.display()
                ),
            )
        })
    }

    /// The last line that was written whole.
    fn read(dir: &Dir) -> Option<Self> {
        let path = dir.file(NAME);
        let text = std::fs::read(&path).ok()?;
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).rev();
        let read = |line| {
            serde_json::from_slice(line)
                .inspect_err(
                    |error| tracing::warn!(?path, %error, "it cannot be read how to go on"),
                )
                .ok()
        };
        lines.filter_map(read).next()
    }
}

/// Brings every result back to where it was made.
fn take_back(dir: &Dir, held: &Held) -> Result<(), Halt> {
    let job = &held.assignment;
    for (output, delivery) in deliveries(&job.spec, job.attempt)? {
        delivery.take_back(&result(dir, output))?;
    }
    Ok(())
}

/// The name of an attempt's child.
pub(super) fn name(attempt: AttemptId, child: u32, phase: &str) -> String {
    format!("{attempt}-{child}-{phase}")
}
