//! The files of groups: one for each, which holds what is needed to go on with it or to undo it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_base::files::{self, LockError};
use ffleet_base::{FileLock, chain};
use ffleet_types::{RoleGroup, Timestamp};
use serde::{Deserialize, Serialize};

use super::limits::{Limits, Outcome};
use super::means::Means;
use super::member::Member;
use super::process::Process;
use super::{Error, Used};
use crate::{cgroup, pause};

/// The form of the file; another one is not ours to read.
const FORMAT: u32 = 1;
/// Where they lie, in the runtime directory.
const DIR: &str = "governed";
/// How often a lock is tried that others hold for moments.
const TRIALS: u32 = 500;
/// Between two of them.
const BETWEEN: Duration = Duration::from_millis(4);

/// Where the groups of a user are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directory of their files, ours alone; on a file system that a restart of the machine clears.
    pub states: PathBuf,
    /// The name of the cgroups that they are made in, below the cgroup of whoever makes them.
    pub parent: String,
}

impl Place {
    /// The usual place of user `uid`, whose runtime directory
    /// ([`runtime_dir`](ffleet_base::paths::runtime_dir)) is `runtime`.
    #[must_use]
    pub fn new(runtime: &Path, uid: u32) -> Self {
        Self { states: runtime.join(DIR), parent: format!("ffleet-governed-{uid}") }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.states.join(format!("{name}.json"))
    }

    /// Does something that no other of our programs may do meanwhile.
    pub(super) fn alone<T>(&self, act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        files::create_private_dir(&self.states)?;
        let path = self.states.join("lock");
        let mut trials = TRIALS;
        let lock = loop {
            match FileLock::acquire(&path) {
                Err(LockError::Held { .. }) if trials > 0 => pause(BETWEEN),
                tried => break tried.map_err(Error::Locked)?,
            }
            trials -= 1;
        };
        let done = act();
        drop(lock);
        done
    }
}

/// Who made a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `ffleet run`.
    Run,
    /// `ffleet attach`.
    Attach,
    /// `ffleet watch`.
    Watch,
}

/// What people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct About {
    /// Who made it.
    pub kind: Kind,
    /// What it was called by whoever asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The class of process that it counts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_group: Option<RoleGroup>,
    /// What is governed, as words.
    pub command: Vec<String>,
}

/// A group as its file says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    format: u32,
    /// Its name.
    pub name: String,
    /// What people call it.
    pub about: About,
    /// When it was made.
    pub since: Timestamp,
    /// Which of our processes governs it, or did so last.
    pub owner: Process,
    /// What was wanted.
    pub limits: Limits,
    /// What came of it.
    pub outcomes: Vec<Outcome>,
    pub(super) means: Means,
    pub(super) group: cgroup::Group,
    /// The processes that were taken, in their order; what they start later is not listed.
    pub(super) members: Vec<Member>,
}

impl State {
    pub(super) fn new(name: &str, about: About, since: Timestamp, limits: Limits) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            about,
            since,
            owner: Process::ours(),
            limits,
            outcomes: Vec::new(),
            means: Means::default(),
            group: cgroup::Group::planned(&BTreeMap::new(), name),
            members: Vec::new(),
        }
    }

    /// The first process that was taken, if one was.
    #[must_use]
    pub fn first(&self) -> Option<Process> {
        self.members.first().map(|member| member.process)
    }

    /// The processes in it that live. Where there are no cgroups, those that were taken and descend from
    /// them.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        if !self.group.dirs().is_empty() {
            return self.group.touched().into_iter().filter_map(Process::of).collect();
        }
        let mut found: Vec<Process> = Vec::new();
        for member in self.members.iter().filter(|member| member.process.is_alive()) {
            for one in member.process.family() {
                if one.is_alive() && !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        found
    }

    /// Whether one of our processes governs it; otherwise its limits are kept by the kernel alone.
    #[must_use]
    pub fn is_governed(&self) -> bool {
        self.owner.is_alive()
    }

    /// What its processes used.
    #[must_use]
    pub fn used(&self) -> Used {
        let used = self.group.used();
        let gauge = self.group.gauge();
        let has = |controller| self.group.site(controller).is_some();
        Used {
            user: used.cpu.map(|(user, _)| user),
            system: used.cpu.map(|(_, system)| system),
            peak_memory: used.peak_memory,
            peak_tasks: used.peak_tasks,
            tasks: self.group.tasks(),
            throttled: gauge.throttled.map(Duration::from_micros),
            memory_kills: has(cgroup::Controller::Memory).then_some(used.memory_kills),
            tasks_refused: has(cgroup::Controller::Pids).then_some(used.tasks_refused),
        }
    }

    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let text = fs::read(path).map_err(unreadable)?;
        let state: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::Unreadable { path: path.to_owned(), source: error.into() })?;
        if state.format == FORMAT {
            return Ok(state);
        }
        let said = format!("its form is {}, and {FORMAT} is known here", state.format);
        Err(Error::Unreadable { path: path.to_owned(), source: io::Error::other(said) })
    }

    /// Writes it; it need not outlive the machine's next start, which no group does.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::Unreadable { path: path.to_owned(), source: error.into() })?;
        Ok(files::write_whole(path, &text, 0o600)?)
    }

    /// Removes a group that nothing is in, with its file.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        if let Err(source) = self.group.disband() {
            let pid = self.first().map_or(0, |first| first.pid);
            return Err(Error::Refused { pid, source });
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::Unreadable { path: path.to_owned(), source: error })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The groups of a place, by name, whether anybody governs them or not. Files that cannot be read are
/// said in the log.
#[must_use]
pub fn all(place: &Place) -> Vec<State> {
    let Ok(entries) = fs::read_dir(&place.states) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = Vec::new();
    for path in paths.filter(|path| path.extension().is_some_and(|kind| kind == "json")) {
        match State::read(&path) {
            Ok(state) => found.push(state),
            // It was removed since.
            Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(error = %chain(&error), "a group cannot be read"),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The group that `process` is in; or that it was taken into, where others are in that still: whoever
/// was putting them back has not come to the end.
#[must_use]
pub fn find(place: &Place, process: Process) -> Option<State> {
    all(place).into_iter().find(|state| {
        let inside = state.processes();
        let was_taken = state.members.iter().any(|member| member.process == process);
        inside.contains(&process) || (was_taken && !inside.is_empty())
    })
}

/// Removes the groups that nobody governs and nothing is in any more, and says how many that were.
///
/// # Errors
///
/// If the place cannot be locked. What cannot be removed is said in the log.
pub fn sweep(place: &Place) -> Result<usize, Error> {
    if !place.states.exists() {
        return Ok(0);
    }
    place.alone(|| {
        let mut removed = 0;
        for state in all(place) {
            if state.is_governed() || !state.processes().is_empty() {
                continue;
            }
            match state.remove(&place.file(&state.name)) {
                Ok(()) => removed += 1,
                Err(error) => {
                    tracing::warn!(name = state.name, error = %chain(&error), "a group is left");
                }
            }
        }
        files::sweep(&place.states)?;
        Ok(removed)
    })
}
