//! Cgroups: what bounds a child and its descendants, counts what they used, and finds them all.
//!
//! A machine has the unified tree (version 2), a hierarchy per controller (version 1), or, as a
//! hybrid, some controllers here and others there. [`Base`] finds out once what there is and
//! proves that it works; a [`Group`] is one child's directories in all of it. One controller a
//! file, after youki's libcgroups; each limit is read back after it was written.
//!
//! Rules: `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/` of the kernel.

mod base;
mod cpu;
mod cpuset;
mod file;
mod freezer;
mod group;
mod io;
mod memory;
mod mounts;
mod pids;
mod shared;

pub(crate) use base::Base;
pub use file::Error;
pub(crate) use group::{Group, enter, groups_below, kill_below, remove_tree};
pub(crate) use mounts::Mounts;
pub(crate) use shared::shared;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub(crate) use cpu::bound as cpu_bound;
pub(crate) use memory::bound as memory_bound;

/// Whose files a directory has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Version {
    /// A hierarchy per controller.
    V1,
    /// One tree.
    V2,
}

/// What a group can do, wherever the kernel keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Controller {
    /// Bounds CPU time.
    Cpu,
    /// Bounds memory.
    Memory,
    /// Bounds processes and threads.
    Pids,
    /// Holds to processors.
    Cpuset,
    /// Shares disks out.
    Io,
    /// Makes processes stand still.
    Freezer,
    /// Counts CPU time.
    Account,
}

impl Controller {
    /// All of them.
    const ALL: [Self; 7] = [
        Self::Cpu,
        Self::Memory,
        Self::Pids,
        Self::Cpuset,
        Self::Io,
        Self::Freezer,
        Self::Account,
    ];
    /// Those that have to be delegated in version 2; the others every group has.
    const DELEGATED: [Self; 5] = [Self::Cpu, Self::Memory, Self::Pids, Self::Cpuset, Self::Io];
    /// Those that bound what a child takes from others.
    const BOUNDS: [Self; 3] = [Self::Cpu, Self::Memory, Self::Pids];

    /// Whether the guard is less than full without it. A share of a disk is a favour, which few
    /// kernels can do: nobody misses it who has not asked for it.
    const fn is_promised(self, disks: bool) -> bool {
        disks || !matches!(self, Self::Io)
    }

    /// The kernel's name for it in version 2, where that is another.
    const fn unified_name(self) -> &'static str {
        match self {
            Self::Io => "io",
            other => other.name(),
        }
    }

    /// The kernel's name for it, in version 1.
    const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpuset => "cpuset",
            Self::Io => "blkio",
            Self::Freezer => "freezer",
            Self::Account => "cpuacct",
        }
    }

    /// What does not hold without it.
    const fn purpose(self) -> &'static str {
        match self {
            Self::Cpu => "CPU limits",
            Self::Memory => "memory limits",
            Self::Pids => "limits on processes and threads",
            Self::Cpuset => "holding programs to their CPUs",
            Self::Io => "shares of disks",
            Self::Freezer => "pausing processes that left their group",
            Self::Account => "CPU time of processes that nobody waited for",
        }
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A directory, and whose files it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Site {
    dir: PathBuf,
    version: Version,
}

/// Where each controller works.
pub(crate) type Sites = BTreeMap<Controller, Site>;

/// A directory with these files in it, for tests.
#[cfg(test)]
fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
    use std::io::Write as _;
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let mut file = std::fs::File::create(dir.path().join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
    dir
}
