//! Where this node's groups are made, and which controllers work there.
//!
//! Our groups lie in `ffleet-<instance>` below the group that we were started in. In version 2 a
//! group hands controllers to groups below it only if no process is in it itself, so we either
//! move aside (into `ffleet-self`, if we are alone) or go up to an ancestor that already hands
//! them on and lets us in. Everything is proven with a group that is made for it: a controller
//! that only seems to be there lowers the guard level now, not a job's limits later.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ffleet_base::chain;
use ffleet_types::attempt::Tally;
use ffleet_types::node::GuardLevel;
use ffleet_types::{Bytes, Cpu};
use rustix::fs::{Access, access};

use super::file::{self, Error, refused};
use super::group::{Group, remove_tree};
use super::mounts::{Mounts, Place};
use super::{Controller, Site, Sites, Version, cpuset, pids};
use crate::spec::Limits;

/// The group that is made to prove the controllers.
const PROBE: &str = "probe";
/// The group that we move into where we have to leave our own.
const SELF: &str = "ffleet-self";

/// Where groups are made. The directories are removed when it is dropped, which is when neither
/// the node nor any child needs them any more.
#[derive(Debug)]
pub(crate) struct Base {
    sites: Sites,
    missing: Vec<String>,
}

impl Base {
    /// Makes the directory `name` in every hierarchy that can be used, and proves what works. `disks` is
    /// whether shares of them are wanted.
    pub(crate) fn open(mounts: &Mounts, name: &str, disks: bool) -> Self {
        let mut base = Self { sites: BTreeMap::new(), missing: Vec::new() };
        let mut troubles = BTreeMap::new();
        if let Some(place) = &mounts.unified {
            base.add_unified(place, name, &mut troubles);
        }
        for controller in Controller::ALL {
            if base.sites.contains_key(&controller) {
                continue;
            }
            let Some(place) = mounts.legacy.get(controller.name()) else {
                continue;
            };
            let dir = place.own.join(name);
            let made = make(&dir).and_then(|()| match controller {
                Controller::Cpuset => cpuset::furnish(&dir, Version::V1),
                _ => Ok(()),
            });
            match made {
                Ok(()) => {
                    base.sites.insert(controller, Site { dir, version: Version::V1 });
                }
                Err(error) => {
                    troubles.insert(controller, chain(&error));
                }
            }
        }
        base.prove(&mut troubles);
        base.complain(&troubles, disks);
        base
    }

    /// One without cgroups, for where they are not wanted.
    pub(crate) fn none(disks: bool) -> Self {
        let mut base = Self { sites: BTreeMap::new(), missing: Vec::new() };
        base.complain(&BTreeMap::new(), disks);
        base
    }

    /// How far limits hold.
    pub(crate) fn level(&self) -> GuardLevel {
        if self.missing.is_empty() {
            GuardLevel::Full
        } else if Controller::BOUNDS.iter().any(|limit| self.sites.contains_key(limit)) {
            GuardLevel::Partial { missing: self.missing.clone() }
        } else {
            GuardLevel::Monitor
        }
    }

    /// How the most tasks of a group made here are known.
    pub(crate) fn tally(&self) -> Tally {
        let keeps = |site: &Site| pids::peak(&site.dir).is_some();
        match self.sites.get(&Controller::Pids).is_some_and(keeps) {
            true => Tally::Counted,
            false => Tally::Sampled,
        }
    }

    /// The directories that groups are made in.
    pub(crate) fn dirs(&self) -> Vec<PathBuf> {
        let mut dirs: Vec<_> = self.sites.values().map(|site| site.dir.clone()).collect();
        dirs.sort();
        dirs.dedup();
        dirs
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// Where each controller works.
    pub(crate) const fn sites(&self) -> &Sites {
        &self.sites
    }

    fn add_unified(
        &mut self,
        place: &Place,
        name: &str,
        troubles: &mut BTreeMap<Controller, String>,
    ) {
        let Some((above, enabled)) = choose(place) else { return };
        let dir = above.join(name);
        let hand_on: Vec<_> =
            enabled.iter().map(|word| format!("+{}", word.unified_name())).collect();
        let made = make(&dir).and_then(|()| match hand_on.as_slice() {
            [] => Ok(()),
            words => file::write(&dir, "cgroup.subtree_control", &words.join(" ")),
        });
        let site = Site { dir, version: Version::V2 };
        for controller in Controller::ALL {
            let there = enabled.contains(&controller)
                || (controller == Controller::Freezer && file::exists(&site.dir, "cgroup.freeze"))
                || (controller == Controller::Account && file::exists(&site.dir, "cpu.stat"));
            match &made {
                Ok(()) if there => {
                    self.sites.insert(controller, site.clone());
                }
                Err(error) if there => {
                    troubles.insert(controller, chain(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Tries each controller on a group of its own, and gives up those that fail.
    fn prove(&mut self, troubles: &mut BTreeMap<Controller, String>) {
        for controller in Controller::ALL {
            let Some(site) = self.sites.get(&controller) else {
                continue;
            };
            let one = BTreeMap::from([(controller, site.clone())]);
            let limits = Limits {
                cpu: Some(Cpu(500)),
                memory: Some(Bytes::mib(64)),
                tasks: Some(16),
                cpus: cpuset::first(&site.dir).map(|cpu| [cpu].into()),
                io_weight: Some(50),
                ..Limits::default()
            };
            // A life that was killed just here has left it; nothing was ever in it.
            let proven = remove_tree(&site.dir.join(PROBE))
                .and_then(|()| Group::create(&one, PROBE, &limits))
                .and_then(|group| {
                    let frozen = group.freeze().and_then(|()| group.thaw());
                    group.remove().and(frozen)
                });
            if let Err(error) = proven {
                troubles.insert(controller, chain(&error));
                self.give_up(controller);
            }
        }
    }

    /// Does without a controller, and leaves no directory where no other one works.
    fn give_up(&mut self, controller: Controller) {
        let Some(Site { dir, .. }) = self.sites.remove(&controller) else {
            return;
        };
        if !self.dirs().contains(&dir)
            && let Err(error) = remove_tree(&dir)
        {
            tracing::warn!(error = %chain(&error), "a cgroup is left that cannot be used");
        }
    }

    fn complain(&mut self, troubles: &BTreeMap<Controller, String>, disks: bool) {
        for controller in Controller::ALL {
            if self.sites.contains_key(&controller) || !controller.is_promised(disks) {
                continue;
            }
            let why = troubles.get(&controller).map_or_else(
                || format!("no cgroup hierarchy hands us the controller '{controller}'"),
                Clone::clone,
            );
            self.missing.push(format!(
                "{}: {why}; run ffleet as a service with Delegate=yes, or as root",
                controller.purpose()
            ));
        }
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        for dir in self.dirs() {
            if let Err(error) = remove_tree(&dir) {
                tracing::warn!(error = %chain(&error), "a cgroup is left for the next start");
            }
        }
    }
}

/// The nearest group from our own upwards that hands on the most of the controllers, and which.
pub(super) fn choose(place: &Place) -> Option<(PathBuf, Vec<Controller>)> {
    let mut best: Option<(PathBuf, Vec<Controller>)> = None;
    for dir in place.upwards() {
        // To move a child from our group into one below `dir` needs both.
        let ours = access(dir, Access::WRITE_OK).is_ok()
            && access(dir.join("cgroup.procs"), Access::WRITE_OK).is_ok();
        if !ours {
            break;
        }
        // Once moved aside, the group above is the one that hands on.
        if dir == place.own && !dir.ends_with(SELF) {
            hand_on(dir);
        }
        let enabled = listed(dir, "cgroup.subtree_control");
        if best.as_ref().is_none_or(|(_, most)| enabled.len() > most.len()) {
            best = Some((dir.to_owned(), enabled));
        }
    }
    best
}

/// Lets our own group hand on what it has, if it does not yet and we are alone in it. Where that
/// fails, an ancestor may do, or the guard level says what is missing.
fn hand_on(dir: &Path) {
    let available = listed(dir, "cgroup.controllers");
    let enabled = listed(dir, "cgroup.subtree_control");
    let wanted: Vec<_> = available
        .iter()
        .filter(|controller| !enabled.contains(controller))
        .map(|controller| format!("+{}", controller.unified_name()))
        .collect();
    if wanted.is_empty() {
        return;
    }
    // The root of all may have processes and groups below it; only it lacks this file.
    let is_root = !file::exists(dir, "cgroup.type");
    let us = std::process::id().to_string();
    let alone = file::read(dir, "cgroup.procs").is_ok_and(|procs| procs == us);
    let aside = dir.join(SELF);
    let moved = is_root
        || (alone
            && make(&aside)
                .and_then(|()| file::write(&aside, "cgroup.procs", &us))
                .is_ok());
    if moved && let Err(error) = file::write(dir, "cgroup.subtree_control", &wanted.join(" ")) {
        tracing::warn!(error = %chain(&error), "our cgroup does not hand on its controllers");
    }
}

/// The delegated controllers that a file of version 2 lists.
fn listed(dir: &Path, name: &str) -> Vec<Controller> {
    let text = file::read(dir, name).unwrap_or_default();
    let has =
        |controller: &Controller| text.split(' ').any(|word| word == controller.unified_name());
    Controller::DELEGATED.into_iter().filter(has).collect()
}

fn make(dir: &Path) -> Result<(), Error> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(refused("make the cgroup", dir)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    /// A tree of version 2 in which `dirs` are nested, each with what it has and hands on.
    fn tree(dirs: &[(&str, &str, &str)]) -> (tempfile::TempDir, Place) {
        let root = fake(&[]);
        let mut own = root.path().to_owned();
        for (name, controllers, handed_on) in dirs {
            own.push(name);
            fs::create_dir_all(&own).unwrap();
            for (file, text) in [
                ("cgroup.controllers", *controllers),
                ("cgroup.subtree_control", *handed_on),
                ("cgroup.procs", "1\n2"),
                ("cgroup.type", "domain"),
            ] {
                fs::File::create(own.join(file)).unwrap();
                file::write(&own, file, text).unwrap();
            }
        }
        let place = Place { mount: root.path().join(dirs[0].0), own };
        (root, place)
    }

    #[test]
    fn nearest_group_that_hands_on_the_most_is_chosen() {
        let all = "cpu io memory pids";
        let (_root, place) = tree(&[("m", all, all), ("slice", all, all), ("scope", "", "")]);
        let (dir, controllers) = choose(&place).unwrap();
        assert!(dir.ends_with("m/slice"), "{}", dir.display());
        let names: Vec<_> = controllers.iter().map(|one| one.unified_name()).collect();
        assert_eq!(names, ["cpu", "memory", "pids", "io"]);
    }

    #[test]
    fn tree_without_our_controllers_still_serves_to_freeze_and_kill() {
        let (_root, place) = tree(&[("m", "hugetlb", "")]);
        assert_eq!(choose(&place), Some((place.mount, vec![])));
    }

    #[test]
    fn group_with_others_in_it_is_not_changed() {
        let (_root, place) = tree(&[("m", "", ""), ("scope", "cpu memory", "")]);
        let (_, controllers) = choose(&place).unwrap();
        assert_eq!(controllers, []);
        assert!(!place.own.join(SELF).exists());
        assert_eq!(file::read(&place.own, "cgroup.subtree_control").unwrap(), "");
    }

    #[test]
    fn controllers_that_only_seem_to_be_there_lower_the_level_and_are_named() {
        // A directory that is no cgroup: groups can be made in it, and have no files.
        let root = fake(&[]);
        let place = Place { mount: root.path().to_owned(), own: root.path().to_owned() };
        let legacy = ["cpu", "memory", "pids", "freezer", "cpuacct", "blkio"]
            .map(|name| (name.to_owned(), place.clone()));
        let open = |disks| {
            let legacy = legacy.clone().into();
            Base::open(&Mounts { unified: None, legacy }, "ffleet-x", disks)
        };
        let base = open(false);
        assert_eq!(base.level(), GuardLevel::Monitor);
        let said = base.missing.join("\n");
        for words in ["memory limits: ", "memory.limit_in_bytes", "Delegate=yes"] {
            assert!(said.contains(words), "{said}");
        }
        assert!(!said.contains("disks"), "nobody asked for them: {said}");
        let said = open(true).missing.join("\n");
        assert!(
            said.contains("shares of disks: ") && said.contains("blkio.bfq.weight"),
            "{said}"
        );
    }

    #[test]
    fn hierarchy_that_is_given_up_keeps_no_directory() {
        let root = fake(&[]);
        let place = Place { mount: root.path().to_owned(), own: root.path().to_owned() };
        let legacy = ["cpu", "memory"].map(|name| (name.to_owned(), place.clone()));
        let base = Base::open(&Mounts { unified: None, legacy: legacy.into() }, "ffleet-x", false);
        assert!(base.is_empty());
        assert!(!root.path().join("ffleet-x").exists());
    }
}
