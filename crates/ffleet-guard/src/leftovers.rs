//! What an earlier life of this node left behind: found, killed, removed.
//!
//! A node that was killed leaves children (those that the kernel did not kill with it) and
//! cgroups. The record in its directory says where its cgroups were, which may be elsewhere now;
//! every child carries the node's instance in its environment, which finds those without one.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_base::{chain, files, write_atomic};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Pid;

use crate::cgroup::{groups_below, kill_below, remove_tree};
use crate::{process, timespec};

/// How long a killed process is waited for. It cannot do anything any more, but may be held up
/// in the kernel by a disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// The file in the node's directory that says where its cgroups are, one to a line.
const RECORD: &str = "cgroups";

/// What an earlier life of a node left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Processes that were killed.
    pub processes: usize,
    /// Cgroups that were removed.
    pub groups: usize,
    /// Killed processes that were still there after a while: they are stuck in the kernel.
    pub stuck: usize,
}

impl Leftovers {
    /// Kills and removes what is left of `instance`: in the cgroups `name` that are recorded in
    /// `root`, and among the processes that carry its mark.
    /// Children called as `spared` says, with their shims, are let live.
    pub(crate) fn clear(
        root: &Path,
        name: &str,
        instance: &str,
        spared: &BTreeSet<String>,
    ) -> Self {
        let mut found = Self::default();
        for dir in recorded(root, name) {
            found.clear_group(&dir, spared);
        }
        let mut mark = OsString::from(process::INSTANCE);
        mark.push("=");
        mark.push(instance);
        let spared: Vec<_> = spared
            .iter()
            .map(|child| OsString::from(format!("{}={child}", process::CHILD)))
            .collect();
        found.clear_marked(&[mark], &spared);
        found
    }

    /// Kills and removes what is in the cgroups below `dir`, and it; all but the groups of `spared`.
    pub(crate) fn clear_group(&mut self, dir: &Path, spared: &BTreeSet<String>) {
        let is_spared = |dir: &Path| {
            let name = dir.file_name().and_then(OsStr::to_str);
            name.is_some_and(|name| spared.contains(name))
        };
        if is_spared(dir) {
            return;
        }
        let groups = groups_below(dir);
        let count = groups.len();
        let doomed: Vec<_> = groups.into_iter().filter(|dir| !is_spared(dir)).collect();
        self.groups += doomed.len();
        // Where nobody is spared, the group goes as a whole.
        let doomed = if doomed.len() == count {
            vec![dir.to_owned()]
        } else {
            doomed
        };
        for dir in doomed {
            let (killed, stuck) = kill_below(&dir, PATIENCE);
            self.processes += killed;
            self.stuck += stuck;
            if let Err(error) = remove_tree(&dir) {
                tracing::warn!(error = %chain(&error), "a cgroup of an earlier life is left");
            }
        }
    }

    fn clear_marked(&mut self, marks: &[OsString], spared: &[OsString]) {
        let us = rustix::process::getpid();
        // A process that is being killed may have forked; its child is found in the next round.
        for _ in 0..8 {
            let mut found = process::marked(marks);
            found.remove(&us);
            found.retain(|&pid| {
                !spared
                    .iter()
                    .any(|mark| process::is_marked(pid, std::slice::from_ref(mark)))
            });
            let killed: HashSet<_> =
                found.into_iter().filter(|&pid| self.kill_marked(pid, marks)).collect();
            if killed.is_empty() {
                return;
            }
        }
    }

    /// Kills `pid` and waits for its end; whether it was the one that carries `marks`.
    fn kill_marked(&mut self, pid: Pid, marks: &[OsString]) -> bool {
        let Some(pidfd) = process::kill_marked(pid, marks) else {
            return false;
        };
        self.processes += 1;
        let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
        if !matches!(poll(&mut ended, Some(&timespec(PATIENCE))), Ok(1..)) {
            self.stuck += 1;
            return false;
        }
        true
    }
}

/// The cgroups `name` that the record in `root` lists; anything else in it is not ours.
fn recorded(root: &Path, name: &str) -> Vec<PathBuf> {
    let text = fs::read_to_string(root.join(RECORD)).unwrap_or_default();
    text.lines()
        .map(PathBuf::from)
        .filter(|dir| dir.ends_with(name) && dir.is_dir())
        .collect()
}

/// Notes in `root` that our cgroups are `dirs`, before the first child is in one.
pub(crate) fn record(root: &Path, dirs: &[PathBuf]) -> Result<(), files::Error> {
    let mut text = String::new();
    for dir in dirs {
        text.push_str(&dir.to_string_lossy());
        text.push('\n');
    }
    write_atomic(&root.join(RECORD), text.as_bytes(), 0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_names_our_own_groups_only() {
        let root = tempfile::tempdir().unwrap();
        let ours = root.path().join("ffleet-abc");
        fs::create_dir(&ours).unwrap();
        record(
            root.path(),
            &[ours.clone(), root.path().to_owned(), root.path().join("gone/ffleet-abc")],
        )
        .unwrap();
        assert_eq!(recorded(root.path(), "ffleet-abc"), [ours]);
    }
}
