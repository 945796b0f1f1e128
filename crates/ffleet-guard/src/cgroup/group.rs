//! One child's group: a directory of one name in every hierarchy that is used.

mod foreign;
mod gauge;

pub(crate) use foreign::enter;

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_types::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::file::{self, Error, refused};
use super::{Controller, Site, Sites, Version, cpu, cpuset, freezer, io, memory, pids};
use crate::launch::Doors;
use crate::pause;
use crate::spec::Limits;

/// How often the removal of a directory is tried that the kernel still holds for busy: a process
/// that has just died may count for a moment.
const REMOVALS: u32 = 50;
/// Between two of them.
const BETWEEN: Duration = Duration::from_millis(2);
/// How deep groups that a child made itself are followed.
const DEPTH: u32 = 16;

/// What the processes of a group used, dead ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// CPU time in user mode and in the kernel.
    pub(crate) cpu: Option<(Duration, Duration)>,
    /// The most memory held at once.
    pub(crate) peak_memory: Option<Bytes>,
    /// The most processes and threads at once.
    pub(crate) peak_tasks: Option<u64>,
    /// Processes killed for want of memory.
    pub(crate) memory_kills: u64,
    /// How often a process or thread was refused.
    pub(crate) tasks_refused: u64,
}

/// A group, as directories.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    dirs: BTreeSet<PathBuf>,
    cpu: Option<Site>,
    memory: Option<Site>,
    pids: Option<Site>,
    cpuset: Option<Site>,
    io: Option<Site>,
    freezer: Option<Site>,
    account: Option<Site>,
}

impl Group {
    /// Makes the group `name` with `limits`, as far as there are controllers for them. Nothing
    /// is left if it fails.
    pub(crate) fn create(sites: &Sites, name: &str, limits: &Limits) -> Result<Self, Error> {
        let site = |controller| {
            sites
                .get(&controller)
                .map(|site| Site { dir: site.dir.join(name), version: site.version })
        };
        let mut group = Self {
            dirs: BTreeSet::new(),
            // A hierarchy that has nothing to do for this child is left alone.
            cpu: site(Controller::Cpu).filter(|_| limits.cpu.is_some()),
            memory: site(Controller::Memory),
            pids: site(Controller::Pids),
            cpuset: site(Controller::Cpuset).filter(|_| limits.cpus.is_some()),
            io: site(Controller::Io).filter(|_| limits.io_weight.is_some()),
            freezer: site(Controller::Freezer),
            account: site(Controller::Account),
        };
        let dirs: BTreeSet<_> = group.sites().map(|site| site.dir.clone()).collect();
        let made = dirs
            .into_iter()
            .try_for_each(|dir| {
                fs::create_dir(&dir).map_err(refused("make the cgroup", &dir))?;
                group.dirs.insert(dir);
                Ok(())
            })
            .and_then(|()| group.limit(limits));
        match made {
            Ok(()) => Ok(group),
            Err(error) => {
                // What went wrong first is what is reported.
                let _removed = group.remove();
                Err(error)
            }
        }
    }

    /// The group `name` as it was made before, as far as it is there.
    pub(crate) fn existing(sites: &Sites, name: &str) -> Self {
        let site = |controller| {
            sites
                .get(&controller)
                .map(|site| Site { dir: site.dir.join(name), version: site.version })
                .filter(|site| site.dir.is_dir())
        };
        Self {
            dirs: sites
                .values()
                .map(|site| site.dir.join(name))
                .filter(|dir| dir.is_dir())
                .collect(),
            cpu: site(Controller::Cpu),
            memory: site(Controller::Memory),
            pids: site(Controller::Pids),
            cpuset: site(Controller::Cpuset),
            io: site(Controller::Io),
            freezer: site(Controller::Freezer),
            account: site(Controller::Account),
        }
    }

    fn sites(&self) -> impl Iterator<Item = &Site> {
        let limits = [&self.cpu, &self.memory, &self.pids, &self.cpuset, &self.io];
        limits.into_iter().chain([&self.freezer, &self.account]).flatten()
    }

    fn limit(&self, limits: &Limits) -> Result<(), Error> {
        if let (Some(site), Some(cpu)) = (&self.cpu, limits.cpu) {
            cpu::limit(&site.dir, site.version, cpu)?;
        }
        if let (Some(site), Some(memory)) = (&self.memory, limits.memory) {
            memory::limit(&site.dir, site.version, memory)?;
        }
        if let (Some(site), Some(tasks)) = (&self.pids, limits.tasks) {
            pids::limit(&site.dir, tasks)?;
        }
        if let (Some(site), Some(cpus)) = (&self.cpuset, &limits.cpus) {
            cpuset::limit(&site.dir, site.version, cpus)?;
        }
        if let (Some(site), Some(weight)) = (&self.io, limits.io_weight) {
            io::limit(&site.dir, site.version, weight)?;
        }
        Ok(())
    }

    /// Its directory in version 2, if it has one; there is but one tree of it.
    pub(crate) fn tree(&self) -> Option<&Path> {
        let tree = self.sites().find(|site| site.version == Version::V2)?;
        Some(&tree.dir)
    }

    /// What leads a child into it, opened for it.
    ///
    /// Version 1 has a file for threads, and that is the one to take: moving a process, the kernel
    /// waits until nobody forks or exits anywhere (a grace period, 5 to 25 ms on an idle system), and
    /// moving a thread that moves itself it does not (`cgroup_procs_write_start` in Linux 5.13 and
    /// later). Version 2 has no such file; there a child can be born where it belongs.
    pub(crate) fn doors(&self) -> Result<Doors, Error> {
        let tree = self.tree();
        let door = |dir: &PathBuf| {
            let threads = dir.join("tasks");
            let opened = OpenOptions::new().write(true).open(&threads);
            opened.map_err(refused("open", &threads))
        };
        let legacy = self.dirs.iter().filter(|dir| Some(dir.as_path()) != tree);
        let open = |dir: &Path| File::open(dir).map(Into::into).map_err(refused("open", dir));
        Ok(Doors {
            files: legacy.map(door).collect::<Result<_, _>>()?,
            tree: tree.map(open).transpose()?,
        })
    }

    /// The processes in it. Zombies are not.
    pub(crate) fn processes(&self) -> HashSet<Pid> {
        self.dirs.iter().flat_map(|dir| members(dir, DEPTH)).collect()
    }

    /// Kills every process in it, as many rounds as it takes to find no new one, and returns
    /// before they are gone.
    pub(crate) fn kill(&self) {
        if let Some(Site { dir, version: Version::V2 }) = &self.freezer
            && file::write(dir, "cgroup.kill", "1").is_ok()
        {
            return;
        }
        // Processes that stand still can neither fork nor have their ids used again.
        let still = self.freeze();
        let mut killed = HashSet::new();
        for _ in 0..DEPTH {
            let fresh: Vec<_> = self.processes().difference(&killed).copied().collect();
            if fresh.is_empty() {
                break;
            }
            for pid in fresh {
                // It may have died by itself.
                let _gone = kill_process(pid, Signal::KILL);
                killed.insert(pid);
            }
        }
        // Whatever came of it: who stands still does not hear the signal either.
        if let Err(error) = self.thaw().and(still) {
            tracing::warn!(error = %ffleet_base::chain(&error), "killed without freezing first");
        }
    }

    /// Makes every process in it stand still; nothing where there is no freezer.
    pub(crate) fn freeze(&self) -> Result<(), Error> {
        self.freezer
            .as_ref()
            .map_or(Ok(()), |site| freezer::set(&site.dir, site.version, true))
    }

    /// Lets them run again.
    pub(crate) fn thaw(&self) -> Result<(), Error> {
        self.freezer
            .as_ref()
            .map_or(Ok(()), |site| freezer::set(&site.dir, site.version, false))
    }

    /// Whether [`freeze`](Self::freeze) does anything.
    pub(crate) fn can_freeze(&self) -> bool {
        self.freezer.is_some()
    }

    /// Whether the kernel keeps the most tasks there were, so that nobody has to count.
    pub(crate) fn keeps_peak_tasks(&self) -> bool {
        self.pids.as_ref().is_some_and(|site| pids::peak(&site.dir).is_some())
    }

    /// Processes and threads at the moment.
    pub(crate) fn tasks(&self) -> Option<u64> {
        self.pids.as_ref().and_then(|site| pids::current(&site.dir))
    }

    /// How often a process or thread was refused so far.
    pub(crate) fn tasks_refused(&self) -> u64 {
        self.pids.as_ref().map_or(0, |site| pids::refused(&site.dir))
    }

    /// What its processes used.
    pub(crate) fn used(&self) -> Used {
        let memory = self.memory.as_ref();
        let pids = self.pids.as_ref();
        Used {
            cpu: self
                .account
                .as_ref()
                .and_then(|site| cpu::used(&site.dir, site.version)),
            peak_memory: memory.and_then(|site| memory::peak(&site.dir, site.version)),
            peak_tasks: pids.and_then(|site| pids::peak(&site.dir)),
            memory_kills: memory.map_or(0, |site| memory::kills(&site.dir, site.version)),
            tasks_refused: pids.map_or(0, |site| pids::refused(&site.dir)),
        }
    }

    /// Removes the directories; no process may be left in them.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        self.dirs.iter().try_for_each(|dir| remove_tree(dir))
    }
}

/// The processes in `dir` and below it.
fn members(dir: &Path, depth: u32) -> HashSet<Pid> {
    let text = file::read(dir, "cgroup.procs").unwrap_or_default();
    // A process outside of our namespace is listed as 0.
    let here = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?));
    let mut found: HashSet<_> = here.collect();
    if depth > 0 {
        for below in groups_below(dir) {
            found.extend(members(&below, depth - 1));
        }
    }
    found
}

pub(crate) fn groups_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Kills every process below `dir`, which is a group of its own in any hierarchy, and waits up to
/// `patience` for their end; how many there were, and how many are still there.
pub(crate) fn kill_below(dir: &Path, patience: Duration) -> (usize, usize) {
    let mut killed = HashSet::new();
    let mut looks = patience.as_millis() / BETWEEN.as_millis();
    loop {
        let living = members(dir, DEPTH);
        if living.is_empty() || looks == 0 {
            return (killed.len(), living.len());
        }
        looks -= 1;
        if file::write(dir, "cgroup.kill", "1").is_err() {
            for &pid in &living {
                // It may have died by itself.
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
        // Frozen processes of version 1 do not hear even this signal.
        for group in groups_below(dir) {
            if file::exists(&group, "freezer.state") {
                let _stays = file::write(&group, "freezer.state", "THAWED");
            }
        }
        killed.extend(living);
        pause(BETWEEN);
    }
}

/// Removes a group and those below it; one that is not there is as good as removed.
pub(crate) fn remove_tree(dir: &Path) -> Result<(), Error> {
    for below in groups_below(dir) {
        remove_tree(&below)?;
    }
    for _ in 0..REMOVALS {
        match fs::remove_dir(dir) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => pause(BETWEEN),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            done => return done.map_err(refused("remove the cgroup", dir)),
        }
    }
    Err(refused("remove the cgroup", dir)(ErrorKind::ResourceBusy.into()))
}
