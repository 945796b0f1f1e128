//! What an attempt knows of itself beyond what the controller is told at the seal, kept in its
//! work directory so that it survives a crash between there and the end.
//!
//! It is written before the seal is asked for, and once more if publishing fails: from then on
//! the attempt has failed, and nobody who comes later may take the missing siblings for published
//! ones.

use std::path::Path;

use ffleet_base::files::{write_atomic, write_whole};
use ffleet_spool::Dir;
use ffleet_types::Outcome;
use ffleet_types::attempt::Usage;
use serde::{Deserialize, Serialize};

use crate::attempt::Halt;

const NAME: &str = "record.json";

/// The record of an attempt that is about to be sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Record {
    /// What it used.
    pub(crate) usage: Usage,
    /// The command lines it ran.
    pub(crate) commands: Vec<Vec<String>>,
    /// What was lost or changed on the way.
    pub(crate) notes: Vec<String>,
    /// How it failed after the seal, if it did.
    pub(crate) failed: Option<Outcome>,
}

impl Record {
    /// Writes it down: a failure on disk, for publishing must not be tried again after it; anything else so
    /// that the next life of the worker finds it. Where the machine dies between the seal and the end,
    /// what the attempt used may be lost, and the result is not. Blocks.
    pub(crate) fn write(&self, dir: &Dir) -> Result<(), Halt> {
        let path = dir.file(NAME);
        let text = serde_json::to_vec(self)
            .map_err(|error| Halt::platform(format!("cannot write a record: {error}")))?;
        let write = match self.failed {
            Some(_) => write_atomic,
            None => write_whole,
        };
        write(&path, &text, 0o600).map_err(|error| {
            Halt::failed(
                ffleet_types::Reason::ResourceError,
                format!("{}: is the disk of the data directory full?", ffleet_base::chain(&error)),
            )
        })
    }

    /// Reads it back; an empty one where there is none, for then the crash came before the seal,
    /// or somebody cleaned up. Blocks.
    pub(crate) fn read(dir: &Dir) -> Self {
        read(&dir.file(NAME)).unwrap_or_default()
    }
}

fn read(path: &Path) -> Option<Record> {
    serde_json::from_slice(&std::fs::read(path).ok()?)
        .inspect_err(|error| tracing::warn!(?path, %error, "a record cannot be read"))
        .ok()
}
