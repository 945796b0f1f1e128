//! What is remembered of a process, so that it can be put back.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Error;
use super::means::{Before, Means};
use super::process::Process;
use crate::cgroup::{Group, enter};

/// A process as it was when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Member {
    #[serde(flatten)]
    pub(super) process: Process,
    /// For each directory of the group, the one that it was in.
    pub(super) origin: BTreeMap<PathBuf, PathBuf>,
    pub(super) before: Before,
}

impl Member {
    /// Looks at `process`, which is in none of the group's directories yet.
    pub(super) fn look(process: Process, group: &Group, means: &Means) -> Result<Self, Error> {
        let pid = process.pid;
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup"));
        let cgroups = cgroups.map_err(|_gone| Error::Gone(pid))?;
        let origin = group.whereabouts(&mountinfo(), &cgroups);
        if origin.len() < group.dirs().len() {
            return Err(Error::Hidden(pid));
        }
        let before = means.before(process);
        Ok(Self { process, origin, before })
    }

    /// What one that nobody looked at has of this one, which it descends from.
    pub(super) fn heir(&self, process: Process) -> Self {
        Self { process, ..self.clone() }
    }

    /// Moves it back to where it was; what went wrong, in words.
    ///
    /// A cgroup that is gone is stood in for by the nearest one above it that is there.
    pub(super) fn go_back(&self, trouble: &mut Vec<String>) {
        let Some(id) = self.process.id() else { return };
        for (ours, origin) in &self.origin {
            let home = origin.ancestors().find(|dir| dir.join("cgroup.procs").exists());
            let Some(home) = home else {
                trouble.push(format!("process {id}: there is no {} any more", origin.display()));
                continue;
            };
            if home != origin {
                let (home, origin) = (home.display(), origin.display());
                trouble.push(format!(
                    "process {id} is put into {home}: there is no {origin} any more"
                ));
            }
            if let Err(error) = enter(home, id)
                && self.process.is_alive()
            {
                let (ours, error) = (ours.display(), ffleet_base::chain(&error));
                trouble.push(format!("process {id} stays in {ours}: {error}"));
            }
        }
    }
}

fn mountinfo() -> String {
    // Where it cannot be read, no place is found in it, which is said.
    fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()
}
