//! One look at every process of the machine.
//!
//! Of each the one file `stat` is opened, below a descriptor of `/proc`, and read once: some ten microseconds.
//! Whatever else is to be known is asked of a [`Look`] at those that are new.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use ffleet_base::{Clock as _, SystemClock};
use ffleet_supervise::watch::Id;
use rustix::fs::{CWD, Dir, Mode, OFlags, openat};

use super::look::{Held, Look, MOST_ABOVE, read};
use super::stat::Stat;

/// Larger than `stat` ever is.
const LARGEST: usize = 2_048;

/// A process as it was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which it is.
    pub id: Id,
    /// What changes when it becomes another program, or has another name or parent.
    pub print: u64,
}

/// Looks at processes. Copies share its descriptor.
#[derive(Clone, Debug)]
pub struct Scanner {
    proc: Arc<OwnedFd>,
    ours: BTreeSet<Id>,
}

impl Scanner {
    /// Opens `/proc`.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(CWD, c"/proc", flags, Mode::empty())?;
        let mut scanner = Self { proc: Arc::new(proc), ours: BTreeSet::new() };
        let mut next = Some(std::process::id());
        while let Some(stat) = next.and_then(|pid| scanner.stat(pid)) {
            scanner.ours.insert(Id { pid: stat.pid, started: stat.started });
            next = (stat.parent > 0 && scanner.ours.len() < MOST_ABOVE).then_some(stat.parent);
        }
        Ok(scanner)
    }

    /// Every process there is but for the kernel's own, and those that have ended. Blocks, for some ten
    /// microseconds each.
    ///
    /// # Errors
    ///
    /// If `/proc` cannot be read.
    pub fn pass(&self) -> io::Result<Vec<Seen>> {
        let mut found = Vec::new();
        let mut buffer = Vec::with_capacity(LARGEST);
        for entry in Dir::read_from(&*self.proc)? {
            let entry = entry?;
            let name = entry.file_name();
            if !name.to_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            // Who has ended since is no longer there.
            let Some(stat) = self.stat_of(name, &mut buffer).filter(|stat| stat.is_process) else {
                continue;
            };
            let id = Id { pid: stat.pid, started: stat.started };
            found.push(Seen { id, print: stat.print });
        }
        Ok(found)
    }

    /// A look at the process that has this number now, if it has not ended and is none of the kernel's own.
    #[must_use]
    pub fn look<'a>(&'a self, pid: u32, held: &'a Held) -> Option<Look<'a>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(&*self.proc, pid.to_string(), flags, Mode::empty()).ok()?;
        let stat = Stat::parse(&read(&dir, "stat", LARGEST)?).filter(|stat| stat.is_process)?;
        Some(Look::new(self, dir, stat, held, SystemClock.monotonic()))
    }

    /// What descends from a process, parents before their children, as the kernel lists them. Whoever starts
    /// meanwhile may be missing.
    #[must_use]
    pub fn family(&self, first: Id) -> Vec<Id> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([first.pid]);
        let mut parents = vec![first.pid];
        while let Some(parent) = parents.pop() {
            for pid in self.children(parent) {
                if !seen.insert(pid) {
                    continue;
                }
                if let Some(stat) = self.stat(pid).filter(|stat| stat.is_process) {
                    found.push(Id { pid, started: stat.started });
                    parents.push(pid);
                }
            }
        }
        found
    }

    /// The children that the threads of a process have.
    fn children(&self, pid: u32) -> Vec<u32> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tasks = openat(&*self.proc, format!("{pid}/task"), flags, Mode::empty());
        let Some(threads) = tasks.as_ref().ok().and_then(|tasks| Dir::read_from(tasks).ok()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for thread in threads.filter_map(Result::ok) {
            let Ok(thread) = thread.file_name().to_str() else {
                continue;
            };
            let list = read(&*self.proc, &format!("{pid}/task/{thread}/children"), 1 << 20);
            let list = list.unwrap_or_default();
            let list = str::from_utf8(&list).unwrap_or_default().split_ascii_whitespace();
            found.extend(list.filter_map(|word| word.parse::<u32>().ok()));
        }
        found
    }

    /// Whether it is this process, or what that descends from.
    pub(super) fn is_ours(&self, id: Id) -> bool {
        self.ours.contains(&id)
    }

    pub(super) fn stat(&self, pid: u32) -> Option<Stat> {
        Stat::parse(&read(&*self.proc, &format!("{pid}/stat"), LARGEST)?)
    }

    /// The same by the name of its directory, into a buffer that is used again.
    fn stat_of(&self, name: &CStr, buffer: &mut Vec<u8>) -> Option<Stat> {
        buffer.clear();
        buffer.extend(name.to_bytes());
        buffer.extend(b"/stat\0");
        let path = CStr::from_bytes_until_nul(buffer).ok()?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(&*self.proc, path, flags, Mode::empty()).ok()?;
        let mut text = [0; LARGEST];
        let length = rustix::io::read(&file, &mut text).ok()?;
        Stat::parse(text.get(..length)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_met_and_the_kernel_is_not() {
        let scanner = Scanner::open().unwrap();
        let all = scanner.pass().unwrap();
        let us = std::process::id();
        let seen = all.iter().find(|seen| seen.id.pid == us).unwrap();
        assert!(scanner.is_ours(seen.id));
        assert!(!scanner.is_ours(Id { started: seen.id.started + 1, ..seen.id }));
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let parent = u32::try_from(parent).unwrap();
        let parent = all.iter().find(|seen| seen.id.pid == parent).unwrap();
        assert!(scanner.is_ours(parent.id) && parent.id.started <= seen.id.started);
        assert!(scanner.family(parent.id).contains(&seen.id));
        // The kernel's own begin with the one that starts them.
        assert!(
            scanner
                .stat(2)
                .is_none_or(|stat| stat.is_process || stat.name == "kthreadd")
        );
        assert!(
            all.iter()
                .all(|seen| seen.id.pid != 2 || scanner.stat(2).unwrap().is_process)
        );
    }

    #[test]
    fn process_that_does_nothing_looks_the_same_again() {
        let scanner = Scanner::open().unwrap();
        let us = |all: Vec<Seen>| all.into_iter().find(|seen| seen.id.pid == std::process::id());
        let first = us(scanner.pass().unwrap());
        assert!(first.is_some() && first == us(scanner.pass().unwrap()));
    }
}
