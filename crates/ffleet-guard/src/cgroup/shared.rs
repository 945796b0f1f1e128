//! Where groups of processes are made that are not ours: below one directory in each hierarchy,
//! which several of our programs share and whoever leaves it last removes.
//!
//! Nothing is proven beforehand, as [`Base`](super::Base) does it: each limit is read back where it
//! is set, and a command that is to start at once has no time for trials.

use std::collections::BTreeSet;

use super::base::choose;
use super::{Controller, Mounts, Site, Sites, Version};

/// The sites below the directory `name` for those of `wanted` that there is a hierarchy for. Makes
/// no directory yet.
pub(crate) fn shared(mounts: &Mounts, name: &str, wanted: &BTreeSet<Controller>) -> Sites {
    let mut sites = Sites::new();
    if let Some((above, enabled)) = mounts.unified.as_ref().and_then(choose) {
        let legacy = |one: &Controller| mounts.legacy.contains_key(one.name());
        let serves = wanted.iter().any(|one| enabled.contains(one));
        // A tree without any of them still counts CPU time and says who is in a group.
        if serves || !wanted.iter().any(legacy) {
            let site = Site { dir: above.join(name), version: Version::V2 };
            let here = wanted.iter().filter(|one| enabled.contains(one));
            sites.extend(here.map(|&one| (one, site.clone())));
            sites.insert(Controller::Account, site);
        }
    }
    for &one in wanted {
        if let Some(place) = mounts.legacy.get(one.name()) {
            let site = Site { dir: place.own.join(name), version: Version::V1 };
            sites.entry(one).or_insert(site);
        }
    }
    sites
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::super::mounts::Place;
    use super::*;

    #[test]
    fn hybrid_machine_uses_the_hierarchies_that_have_something_to_do() {
        let root = fake(&[("cgroup.procs", ""), ("cgroup.subtree_control", "")]);
        let place = Place { mount: root.path().to_owned(), own: root.path().to_owned() };
        let legacy = ["cpu", "memory"].map(|name| {
            let mount = root.path().join(name);
            (name.to_owned(), Place { mount: mount.clone(), own: mount })
        });
        let both = Mounts { unified: Some(place), legacy: legacy.into() };
        let wanted = [Controller::Cpu, Controller::Pids].into();
        let sites = shared(&both, "ours", &wanted);
        let found: Vec<_> = sites.keys().copied().collect();
        assert_eq!(found, [Controller::Cpu], "the tree has nothing for it");
        assert_eq!(sites[&Controller::Cpu].dir, root.path().join("cpu/ours"));
        let alone = Mounts { legacy: [].into(), ..both };
        let sites = shared(&alone, "ours", &wanted);
        assert_eq!(sites[&Controller::Account].dir, root.path().join("ours"));
    }
}
