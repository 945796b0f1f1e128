//! A process that is not ours, told from another that has its id later.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use crate::process;

/// A process: its id, and when it started, which no other process of that id did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// When it started, in the kernel's ticks since the machine did (`proc_pid_stat(5)`, field 22).
    pub started: i64,
}

impl Process {
    /// The process that has this id now; nothing if there is none. One that has ended and was not waited
    /// for yet has it.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let started = process::started(id(pid)?)?;
        Some(Self { pid, started })
    }

    /// This one.
    #[must_use]
    pub fn ours() -> Self {
        let pid = rustix::process::getpid();
        let started = process::started(pid).unwrap_or_default();
        Self { pid: pid.as_raw_nonzero().get(), started }
    }

    /// Whether it is there and has not ended.
    #[must_use]
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|(found, is_alive)| is_alive && found.started == self.started)
    }

    /// Whether `other` descends from it, or is it.
    #[must_use]
    pub fn is_above(self, other: Self) -> bool {
        let mut above = Some(other.pid);
        while let Some(pid) = above.filter(|&pid| pid > 0) {
            if pid == self.pid {
                return self.is_alive();
            }
            above = id(pid).and_then(process::parent);
        }
        false
    }

    /// The words of its command line, as it shows them; its name where it shows none.
    #[must_use]
    pub fn command(self) -> Vec<String> {
        let read = |what| fs::read(format!("/proc/{}/{what}", self.pid)).unwrap_or_default();
        let words = read("cmdline");
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        if words.is_empty() {
            return vec![text(&read("comm")).trim_end().to_owned()];
        }
        let words = words.strip_suffix(b"\0").unwrap_or(&words);
        words.split(|&byte| byte == 0).map(text).collect()
    }

    pub(super) fn id(self) -> Option<Pid> {
        id(self.pid)
    }

    /// A descriptor of this very process, if it has not ended.
    pub(super) fn open(self) -> Option<OwnedFd> {
        let pidfd = pidfd_open(self.id()?, PidfdFlags::empty()).ok()?;
        // The id may have passed to another process before the descriptor was had, but not after.
        (self.is_alive() && !has_ended(&pidfd)).then_some(pidfd)
    }

    /// It and what descends from it, parents first, as the kernel lists children; those that others
    /// leave meanwhile may be missing.
    pub(super) fn family(self) -> Vec<Self> {
        let mut found = vec![self];
        let mut seen = BTreeSet::from([self.pid]);
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            next += 1;
            let children = children(parent.pid).into_iter().filter(|&pid| seen.insert(pid));
            found.extend(children.filter_map(Self::of));
        }
        found
    }

    /// The same, by a look at every process of the machine.
    pub(super) fn whole_family(self) -> Vec<Self> {
        let mut by_parent: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for pid in process::all() {
            if let Some(parent) = process::parent(pid) {
                by_parent.entry(parent).or_default().push(pid.as_raw_nonzero().get());
            }
        }
        let mut found = vec![self];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            next += 1;
            let children = by_parent.remove(&parent.pid).unwrap_or_default();
            found.extend(children.into_iter().filter_map(Self::of));
        }
        found
    }
}

/// An id that a process can have.
fn id(pid: i32) -> Option<Pid> {
    (pid > 0).then(|| Pid::from_raw(pid)).flatten()
}

/// Whether the process of `pidfd` has ended.
pub(super) fn has_ended(pidfd: &OwnedFd) -> bool {
    let now = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
    matches!(poll(&mut ended, Some(&now)), Ok(1..))
}

/// The ids of the threads of `pid`.
pub(super) fn threads(pid: i32) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// The children that the threads of `pid` have.
fn children(pid: i32) -> Vec<i32> {
    let of = |thread: Pid| {
        let list = fs::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
        list.unwrap_or_default()
    };
    threads(pid)
        .into_iter()
        .map(of)
        .flat_map(|list| list.split(' ').filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Who has the id now, and whether it is more than what its parent has not waited for yet.
fn stat(pid: i32) -> Option<(Process, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((Process { pid, started }, !matches!(state, "Z" | "X")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_named_by_its_start_too() {
        let us = Process::ours();
        assert_eq!(Process::of(us.pid), Some(us));
        assert!(us.is_alive() && us.open().is_some());
        let before = Process { started: us.started - 1, ..us };
        assert!(!before.is_alive() && before.open().is_none(), "another had this id");
        assert_eq!(Process::of(-1), None);
    }

    #[test]
    fn family_is_found_in_either_way() {
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let parent = Process::of(parent).unwrap();
        for family in [parent.family(), parent.whole_family()] {
            assert_eq!(family[0], parent);
            assert!(family.contains(&Process::ours()), "{family:?}");
        }
    }
}
