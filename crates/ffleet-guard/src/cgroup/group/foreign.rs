//! A group for processes that are not ours: what cannot be bounded is said limit by limit, and what
//! else holds is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ffleet_types::{Bytes, Cpu};
use rustix::process::Pid;

use super::super::{Controller, Error, Mounts, Site, Sites, Version, cpu, file, io, memory, pids};
use super::{DEPTH, Group, members, refused, remove_tree};

/// How often a directory is made that another of our programs removes again because it is empty.
const TRIALS: u32 = 16;

impl Group {
    /// The group `name` below `sites`, as it is to be: there is nothing of it yet.
    pub(crate) fn planned(sites: &Sites, name: &str) -> Self {
        let site = |controller| {
            sites
                .get(&controller)
                .map(|site| Site { dir: site.dir.join(name), version: site.version })
        };
        Self {
            dirs: sites.values().map(|site| site.dir.join(name)).collect(),
            cpu: site(Controller::Cpu),
            memory: site(Controller::Memory),
            pids: site(Controller::Pids),
            cpuset: None,
            io: site(Controller::Io),
            // A process that stands still when we die would stand still for ever.
            freezer: None,
            account: site(Controller::Account),
        }
    }

    /// Its directories.
    pub(crate) const fn dirs(&self) -> &BTreeSet<PathBuf> {
        &self.dirs
    }

    /// Makes its directories and those that they are in. A controller that cannot be used is dropped,
    /// and why is answered.
    pub(crate) fn make(&mut self) -> Vec<(Controller, Error)> {
        let mut troubles = Vec::new();
        for dir in self.dirs.clone() {
            let made = self.make_one(&dir, &mut troubles);
            if let Err(error) = made {
                self.dirs.remove(&dir);
                let lost = self.drop_sites(|site| site.dir == dir);
                let mut error = Some(error);
                troubles.extend(lost.into_iter().map(|one| {
                    let gone = || refused("use the cgroup", &dir)(ErrorKind::NotFound.into());
                    (one, error.take().unwrap_or_else(gone))
                }));
            }
        }
        troubles
    }

    fn make_one(
        &mut self,
        dir: &Path,
        troubles: &mut Vec<(Controller, Error)>,
    ) -> Result<(), Error> {
        let above = dir.parent().unwrap_or(dir);
        let is_tree = self.tree() == Some(dir);
        for _ in 0..TRIALS {
            match fs::create_dir(above) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(refused("make the cgroup", above)(error));
                }
                Ok(()) | Err(_) => {}
            }
            if is_tree {
                troubles.extend(self.hand_on(above));
            }
            match fs::create_dir(dir) {
                // Somebody found the one above empty, and removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => return done.map_err(refused("make the cgroup", dir)),
            }
        }
        Err(refused("make the cgroup", dir)(ErrorKind::NotFound.into()))
    }

    /// Has the directory of version 2 above it hand on what it uses.
    fn hand_on(&mut self, above: &Path) -> Vec<(Controller, Error)> {
        let mut troubles = Vec::new();
        for controller in Controller::DELEGATED {
            let uses = self.site(controller).is_some_and(|site| site.version == Version::V2);
            let word = format!("+{}", controller.unified_name());
            if uses && let Err(error) = file::write(above, "cgroup.subtree_control", &word) {
                self.drop_sites_of(controller);
                troubles.push((controller, error));
            }
        }
        troubles
    }

    /// Where `controller` works, if it does.
    pub(crate) fn site(&self, controller: Controller) -> Option<&Site> {
        match controller {
            Controller::Cpu => self.cpu.as_ref(),
            Controller::Memory => self.memory.as_ref(),
            Controller::Pids => self.pids.as_ref(),
            Controller::Cpuset => self.cpuset.as_ref(),
            Controller::Io => self.io.as_ref(),
            Controller::Freezer => self.freezer.as_ref(),
            Controller::Account => self.account.as_ref(),
        }
    }

    /// Its directory for `controller`, if there is one.
    pub(crate) fn place_of(&self, controller: Controller) -> Option<&Path> {
        self.site(controller).map(|site| site.dir.as_path())
    }

    fn drop_sites_of(&mut self, controller: Controller) {
        match controller {
            Controller::Cpu => self.cpu = None,
            Controller::Memory => self.memory = None,
            Controller::Pids => self.pids = None,
            Controller::Cpuset => self.cpuset = None,
            Controller::Io => self.io = None,
            Controller::Freezer => self.freezer = None,
            Controller::Account => self.account = None,
        }
    }

    fn drop_sites(&mut self, which: impl Fn(&Site) -> bool) -> Vec<Controller> {
        let lost: Vec<_> = Controller::ALL
            .into_iter()
            .filter(|&one| self.site(one).is_some_and(&which))
            .collect();
        lost.iter().for_each(|&one| self.drop_sites_of(one));
        lost
    }

    /// Bounds CPU time; nothing where there is no controller for it, as with all of these.
    pub(crate) fn cap_cpu(&self, most: Cpu) -> Option<Result<(), Error>> {
        self.cpu.as_ref().map(|site| cpu::limit(&site.dir, site.version, most))
    }

    /// Gives it a share of busy CPUs, from 1 to 10000; 100 is everybody's.
    pub(crate) fn weigh_cpu(&self, weight: u16) -> Option<Result<(), Error>> {
        self.cpu
            .as_ref()
            .map(|site| cpu::weigh(&site.dir, site.version, weight))
    }

    /// Bounds memory. Who is over it is killed alone, as the kernel chooses.
    pub(crate) fn cap_memory(&self, most: Bytes) -> Option<Result<(), Error>> {
        self.memory
            .as_ref()
            .map(|site| memory::cap(&site.dir, site.version, most))
    }

    /// Bounds processes and threads.
    pub(crate) fn cap_tasks(&self, most: u32) -> Option<Result<(), Error>> {
        self.pids.as_ref().map(|site| pids::limit(&site.dir, most))
    }

    /// Gives it a share of busy disks, from 1 to 10000; 100 is everybody's.
    pub(crate) fn weigh_io(&self, weight: u16) -> Option<Result<(), Error>> {
        self.io.as_ref().map(|site| io::limit(&site.dir, site.version, weight))
    }

    /// Moves the process `pid` into it, with all its threads.
    pub(crate) fn admit(&self, pid: Pid) -> Result<(), Error> {
        self.dirs.iter().try_for_each(|dir| enter(dir, pid))
    }

    /// The processes that are in each of its directories, so that nothing is left to be done for them.
    pub(crate) fn settled(&self) -> BTreeSet<i32> {
        let mut all = self.dirs.iter().map(|dir| listed(dir));
        let first = all.next().unwrap_or_default();
        all.fold(first, |found, more| &found & &more)
    }

    /// The processes that are in any of its directories.
    pub(crate) fn touched(&self) -> BTreeSet<i32> {
        self.dirs.iter().flat_map(|dir| listed(dir)).collect()
    }

    /// Whose group `pid` is in now, for each of its directories. A hierarchy that does not show it is
    /// missing.
    pub(crate) fn whereabouts(&self, mountinfo: &str, cgroups: &str) -> BTreeMap<PathBuf, PathBuf> {
        let mounts = Mounts::parse(mountinfo, cgroups);
        let places: Vec<_> = mounts.unified.iter().chain(mounts.legacy.values()).collect();
        let origin = |dir: &PathBuf| {
            let place = places.iter().filter(|place| dir.starts_with(&place.mount));
            // One may be mounted below another.
            let place = place.max_by_key(|place| place.mount.components().count())?;
            Some((dir.clone(), place.own.clone()))
        };
        self.dirs.iter().filter_map(origin).collect()
    }

    /// What bounds whoever is in `origin`, which is in the hierarchy of our directory `ours`, or in a group
    /// above it that ours is not below.
    pub(crate) fn bounds_of(&self, ours: &Path, origin: &Path) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let apart = |dir: &&Path| !ours.starts_with(dir);
        for dir in origin.ancestors().take_while(apart) {
            let here = |site: &Option<Site>| {
                site.as_ref().filter(|site| site.dir == ours).map(|site| site.version)
            };
            let tree = self.tree() == Some(ours);
            let version = |site| here(site).or_else(|| tree.then_some(Version::V2));
            if let Some(cpu) = version(&self.cpu).and_then(|version| cpu::bound(dir, version)) {
                found.push(("cpu", cpu.to_string()));
            }
            if let Some(most) =
                version(&self.memory).and_then(|version| memory::bound(dir, version))
            {
                found.push(("memory", most.to_string()));
            }
            if let Some(tasks) = version(&self.pids).and_then(|_| file::number(dir, "pids.max")) {
                found.push(("tasks", tasks.to_string()));
            }
        }
        found
    }

    /// Removes its directories, which are empty, and those above that then are.
    pub(crate) fn disband(&self) -> Result<(), Error> {
        for dir in &self.dirs {
            remove_tree(dir)?;
            // Others may have groups there.
            let _or_used = dir.parent().map(fs::remove_dir);
        }
        Ok(())
    }
}

/// Moves a process into the group at `dir`.
pub(crate) fn enter(dir: &Path, pid: Pid) -> Result<(), Error> {
    file::write(dir, "cgroup.procs", &pid.as_raw_nonzero().to_string())
}

fn listed(dir: &Path) -> BTreeSet<i32> {
    members(dir, DEPTH)
        .into_iter()
        .map(|pid| pid.as_raw_nonzero().get())
        .collect()
}
