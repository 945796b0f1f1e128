//! What it takes to go on with an attempt after the death of its worker.
//!
//! What an attempt's time goes into are its encode, its verifications or its live senders, and those
//! outlive the worker in the hands of shims. So before each of them starts everything that the attempt
//! has learned is written down beside its results, and once more when it is over, before the guard
//! forgets how it ended. The next life of the node takes the child over, or goes on behind it. Anything
//! earlier is cheap and done again.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use ffleet_api::control::Held;
use ffleet_base::chain;
use ffleet_base::files::write_whole;
use ffleet_guard::{Node, machine};
use ffleet_media::Probe;
use ffleet_spool::{Dir, Work};
use ffleet_supervise::live::Live;
use ffleet_types::AttemptId;
use serde::{Deserialize, Serialize};

use crate::attempt::encode::result;
use crate::attempt::{Attempt, Costs, ENCODE, Halt, LIVE, VERIFY, blocking, undo};
use crate::places::{Input, deliveries};

const NAME: &str = "resume.jsonl";
/// A file that is longer is written anew, in bytes: senders may come and go for months.
const LONG: u64 = 256 << 10;

/// An attempt as it was when a child began that outlives the worker, or was over.
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
    /// How many children came before the next one.
    pub(crate) children: u32,
    /// Since when it is paused, on the monotonic clock, if it is while it has no child.
    pub(crate) paused_since: Option<Duration>,
    pub(crate) stage: Stage,
}

/// How far it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// Its encode was about to start.
    Encode,
    /// Its encode was over, having worked for so long, and it had passed so many of its verifications.
    Encoded { worked: Duration, verified: usize },
    /// It was sending.
    Live { live: Box<Live>, turn: Turn },
    /// All was sent.
    Sent,
}

/// What comes next of a live attempt, on the clock that stands still while it is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Turn {
    /// A sender, when so much of the duration was over and so much was left.
    Send { elapsed: Duration, left: Option<Duration> },
    /// A wait.
    Wait { until: Duration },
}

impl Resume {
    /// What can be gone on with of an attempt that was held; nothing is beside its targets then.
    /// Nothing where there is nothing to go on with. Blocks.
    pub(crate) fn of(work: &Work, node: &Node, held: &Held) -> Option<Self> {
        let job = &held.assignment;
        if held.sealed.is_some() {
            return None;
        }
        let dir = work.dir(job.attempt);
        let resume = Self::read(&dir).filter(|resume| resume.boot == machine::boot())?;
        let ready = match &resume.stage {
            Stage::Encode if node.orphans().contains(&resume.child(job.attempt)) => undo(job),
            Stage::Encode => return None,
            // Whether or not its sender is there: there is always another.
            Stage::Live { .. } => undo(job),
            Stage::Encoded { .. } | Stage::Sent => take_back(&dir, held),
        };
        ready
            .inspect_err(|halt| tracing::warn!(attempt = %job.attempt, ?halt, "it cannot go on"))
            .ok()?;
        Some(resume)
    }

    /// That of an attempt that has found out what its input is.
    pub(crate) fn begin(input: Option<Input>, probe: Probe) -> Self {
        Self {
            boot: machine::boot().to_owned(),
            probe,
            input,
            costs: Costs::default(),
            commands: Vec::new(),
            notes: Vec::new(),
            children: 0,
            paused_since: None,
            stage: Stage::Encode,
        }
    }

    /// The name of the child that comes next, if it outlives the worker.
    pub(crate) fn child(&self, attempt: AttemptId) -> String {
        let phase = match self.stage {
            Stage::Encode => ENCODE,
            Stage::Encoded { .. } => VERIFY,
            Stage::Live { .. } | Stage::Sent => LIVE,
        };
        name(attempt, self.children + 1, phase)
    }

    /// Adds it to what was written before, as a line, or takes the place of all that. It holds for this run of the machine only, so it
    /// need not be on disk. Blocks.
    pub(crate) fn write(&self, dir: &Dir) -> Result<(), Halt> {
        let mut text = serde_json::to_vec(self)
            .map_err(|error| Halt::platform(format!("cannot write down how to go on: {error}")))?;
        text.push(b'\n');
        let path = dir.file(NAME);
        let full = |error: &dyn std::fmt::Display| {
            let text = format!("{error}: is the disk of the data directory full?");
            Halt::failed(ffleet_types::Reason::ResourceError, text)
        };
        if std::fs::metadata(&path).is_ok_and(|found| found.len() > LONG) {
            return write_whole(&path, &text, 0o600).map_err(|error| full(&chain(&error)));
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(&text))
            .map_err(|error| full(&format_args!("cannot write {}: {error}", path.display())))
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

impl Attempt {
    /// Writes down how to go on from here.
    pub(super) async fn keep(&mut self, stage: Stage) -> Result<(), Halt> {
        if let Some(resume) = &mut self.resume {
            resume.stage = stage;
        }
        self.write_resume().await
    }

    /// Writes down since when it is paused. One that cannot be written is said, and ends nothing: after a
    /// crash its time counts as work.
    pub(super) async fn note_pause(&mut self, since: Option<Duration>) {
        let Some(resume) = &mut self.resume else { return };
        resume.paused_since = since;
        if let Err(halt) = self.write_resume().await {
            tracing::warn!(attempt = %self.job.attempt, ?halt, "a pause is not written down");
        }
    }

    async fn write_resume(&mut self) -> Result<(), Halt> {
        let Some(resume) = &mut self.resume else {
            return Ok(());
        };
        resume.costs = self.costs;
        resume.commands.clone_from(&self.commands);
        resume.notes.clone_from(&self.notes);
        resume.children = self.children;
        let (dir, resume) = (self.shop.work.dir(self.job.attempt), resume.clone());
        blocking(move || resume.write(&dir)).await
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
