//! Which hierarchies of cgroups there are, and where in each we are.
//!
//! `proc_pid_mountinfo(5)` says where each is mounted, `cgroups(7)` where we are in it. In a
//! container the mount shows only a part of the hierarchy, whose root has to be taken off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Our own group in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the hierarchy is mounted.
    pub(crate) mount: PathBuf,
    /// The directory of the group that we are in; below `mount`, or it.
    pub(crate) own: PathBuf,
}

impl Place {
    /// The directories from our own group up to the mount.
    pub(crate) fn upwards(&self) -> impl Iterator<Item = &Path> {
        self.own.ancestors().take_while(|dir| dir.starts_with(&self.mount))
    }
}

/// The hierarchies of this machine that we can see ourselves in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts {
    /// Version 2: one tree.
    pub(crate) unified: Option<Place>,
    /// Version 1, by controller; several controllers may share a directory.
    pub(crate) legacy: BTreeMap<String, Place>,
}

impl Mounts {
    /// Reads the texts of `/proc/self/mountinfo` and `/proc/self/cgroup`.
    pub(crate) fn parse(mountinfo: &str, cgroups: &str) -> Self {
        let mut mounts = Self::default();
        for line in mountinfo.lines() {
            let Some(mount) = Mount::parse(line) else { continue };
            match mount.kind {
                "cgroup2" if mounts.unified.is_none() => {
                    mounts.unified = own(cgroups, "").and_then(|path| mount.place(path));
                }
                "cgroup" => {
                    for option in mount.options.split(',') {
                        if let Some(place) = own(cgroups, option).and_then(|path| mount.place(path))
                        {
                            mounts.legacy.entry(option.to_owned()).or_insert(place);
                        }
                    }
                }
                _ => {}
            }
        }
        mounts
    }
}

/// One line of mountinfo.
struct Mount<'a> {
    root: PathBuf,
    point: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // 36 35 98:0 /root /point rw,noatime master:1 - kind source options
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (unescape(before.next()?), unescape(before.next()?));
        let mut after = after.split(' ');
        Some(Self { root, point, kind: after.next()?, options: after.nth(1)? })
    }

    /// The group `path` of the hierarchy, if this mount shows it.
    fn place(&self, path: &str) -> Option<Place> {
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        // A group outside of our namespace is shown as `/../…`.
        if below.components().any(|part| part == std::path::Component::ParentDir) {
            return None;
        }
        let own = if below == Path::new("") {
            self.point.clone()
        } else {
            self.point.join(below)
        };
        Some(Place { mount: self.point.clone(), own })
    }
}

/// Our path in the hierarchy of `controller`; version 2 is the one without any.
fn own<'a>(cgroups: &'a str, controller: &str) -> Option<&'a str> {
    cgroups.lines().find_map(|line| {
        // 4:cpu,cpuacct:/path
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// Undoes mountinfo's `\040` for a space.
fn unescape(text: &str) -> PathBuf {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let code = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            plain.push(char::from(code));
            rest = &after[3..];
        } else {
            plain.push('\\');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(mount: &str, own: &str) -> Place {
        Place { mount: mount.into(), own: own.into() }
    }

    #[test]
    fn hybrid_machine_has_both() {
        let mounts = Mounts::parse(
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw shared:3 - cgroup2 cgroup2 rw\n\
             20 1 0:1 / / rw - ext4 /dev/sda1 rw\n",
            "4:memory:/jobs/one\n2:cpu,cpuacct:/\n0::/\n",
        );
        assert_eq!(
            mounts.legacy["memory"],
            place("/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/jobs/one")
        );
        let shared = place("/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!((&mounts.legacy["cpu"], &mounts.legacy["cpuacct"]), (&shared, &shared));
        assert_eq!(mounts.unified, Some(place("/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified")));
    }

    #[test]
    fn root_of_a_container_is_taken_off() {
        let mounts = Mounts::parse(
            "41 31 0:38 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
            "0::/docker/abc/inner\n",
        );
        assert_eq!(mounts.unified, Some(place("/sys/fs/cgroup", "/sys/fs/cgroup/inner")));
    }

    #[test]
    fn group_that_the_mount_does_not_show_is_none() {
        for cgroups in ["0::/elsewhere\n", "0::/../host\n", "", "nonsense"] {
            let mounts =
                Mounts::parse("41 31 0:38 /docker /sys/fs/cgroup ro - cgroup2 c rw\n", cgroups);
            assert_eq!(mounts, Mounts::default(), "{cgroups:?}");
        }
    }

    #[test]
    fn way_up_ends_at_the_mount() {
        let place = place("/sys/fs/cgroup", "/sys/fs/cgroup/a/b");
        let dirs: Vec<_> = place.upwards().map(|dir| dir.to_str().unwrap()).collect();
        assert_eq!(dirs, ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"/a\040b\134c"), Path::new("/a b\\c"));
        assert_eq!(unescape(r"/odd\9"), Path::new(r"/odd\9"));
    }
}
