//! One process, asked for as much as somebody wants to know.
//!
//! Its files are opened below a descriptor of its own directory, which is that process's for good: one that
//! gets its number later is never taken for it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_supervise::watch::{Id, Owner, Sight};
use rustix::fs::{Mode, OFlags, openat, readlinkat};

use super::scan::Scanner;
use super::stat::Stat;

/// The kernel's name for every process of this program.
const PROGRAM: &str = "ffleet";
/// What our cgroups begin with; those of groups that are not children of a server lie in the second.
const GROUPS: &str = "ffleet-";
const GOVERNED: &str = "ffleet-governed-";
/// What a name of a group of a watch begins with.
const OF_WATCH: &str = "watch-";
/// What every child of a server carries in its environment.
const MARK: &[u8] = b"FFLEET_INSTANCE=";
/// How far up ancestors are looked for.
pub(super) const MOST_ABOVE: usize = 64;
/// `/proc` counts in ticks of 10 ms on every machine that Linux still runs on but Alpha.
const TICK: Duration = Duration::from_millis(10);
/// What the kernel puts behind the path of a program whose file is gone.
const DELETED: &[u8] = b" (deleted)";
/// More of an environment, or of arguments, is not read.
const LARGEST: usize = 1 << 20;

/// The name of the group of a watch that begins with this process.
#[must_use]
pub fn group_name(first: Id) -> String {
    format!("{OF_WATCH}{}-{}", first.pid, first.started)
}

/// The process that a group of this name begins with, if it is one of a watch.
#[must_use]
pub fn first_of(name: &str) -> Option<Id> {
    let (pid, started) = name.strip_prefix(OF_WATCH)?.split_once('-')?;
    Some(Id { pid: pid.parse().ok()?, started: started.parse().ok()? })
}

/// The first processes of groups that there are no cgroups for: whoever descends from them is in theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(pub BTreeSet<Id>);

/// A process that is asked; each answer is found out once.
#[derive(Debug)]
pub struct Look<'a> {
    scanner: &'a Scanner,
    dir: OwnedFd,
    stat: Stat,
    held: &'a Held,
    now: Duration,
    program: Option<Option<String>>,
    parent: Option<Option<String>>,
    uid: Option<Option<u32>>,
    directory: Option<Option<PathBuf>>,
    exe: Option<Option<PathBuf>>,
}

impl<'a> Look<'a> {
    pub(super) const fn new(
        scanner: &'a Scanner,
        dir: OwnedFd,
        stat: Stat,
        held: &'a Held,
        now: Duration,
    ) -> Self {
        let (program, parent, uid, directory, exe) = (None, None, None, None, None);
        Self { scanner, dir, stat, held, now, program, parent, uid, directory, exe }
    }

    /// What changes when it becomes another program, or has another name or parent.
    #[must_use]
    pub const fn print(&self) -> u64 {
        self.stat.print
    }

    /// Its words, as far as they are text; nothing where it does not say.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let text = read(&self.dir, "cmdline", LARGEST).unwrap_or_default();
        let words = text.split(|&byte| byte == 0).map(String::from_utf8_lossy);
        let mut words: Vec<_> = words.map(std::borrow::Cow::into_owned).collect();
        words.pop();
        words
    }

    /// Whose its cgroups are.
    fn by_cgroup(&self) -> Option<Owner> {
        let text = read(&self.dir, "cgroup", LARGEST)?;
        owner(&String::from_utf8_lossy(&text))
    }

    fn is_marked(&self) -> bool {
        read(&self.dir, "environ", LARGEST).is_some_and(|environ| {
            environ.split(|&byte| byte == 0).any(|var| var.starts_with(MARK))
        })
    }

    /// Whose it is by what it descends from.
    fn by_descent(&self) -> Owner {
        let mut next = Some(self.stat.clone());
        for _ in 0..MOST_ABOVE {
            let Some(stat) = next else { break };
            let id = Id { pid: stat.pid, started: stat.started };
            if self.held.0.contains(&id) {
                return Owner::Group(id);
            }
            // Who started us may well be a process of ours, as in a test of it.
            if stat.name == PROGRAM && !self.scanner.is_ours(id) {
                return Owner::Ffleet;
            }
            next = self.scanner.stat(stat.parent);
        }
        Owner::Nobody
    }
}

impl Sight for Look<'_> {
    fn id(&self) -> Id {
        Id { pid: self.stat.pid, started: self.stat.started }
    }

    fn name(&self) -> &str {
        &self.stat.name
    }

    fn age(&self) -> Duration {
        let ticks = u32::try_from(self.stat.started).unwrap_or(u32::MAX);
        self.now.saturating_sub(TICK.saturating_mul(ticks))
    }

    fn program(&mut self) -> Option<String> {
        let dir = &self.dir;
        let find = || {
            let text = read(dir, "cmdline", LARGEST)?;
            let first = text.split(|&byte| byte == 0).next().filter(|word| !word.is_empty())?;
            let name = Path::new(OsStr::from_bytes(first)).file_name()?;
            Some(name.to_string_lossy().into_owned())
        };
        self.program.get_or_insert_with(find).clone()
    }

    fn parent(&mut self) -> Option<String> {
        let (scanner, parent) = (self.scanner, self.stat.parent);
        let find = || scanner.stat(parent).map(|stat| stat.name);
        self.parent.get_or_insert_with(find).clone()
    }

    fn uid(&mut self) -> Option<u32> {
        let dir = &self.dir;
        *self
            .uid
            .get_or_insert_with(|| effective(&read(dir, "status", LARGEST)?))
    }

    fn directory(&mut self) -> Option<PathBuf> {
        let dir = &self.dir;
        self.directory.get_or_insert_with(|| link(dir, "cwd")).clone()
    }

    fn exe(&mut self) -> Option<PathBuf> {
        let dir = &self.dir;
        self.exe.get_or_insert_with(|| link(dir, "exe")).clone()
    }

    fn owner(&mut self) -> Owner {
        if self.scanner.is_ours(self.id()) {
            return Owner::Ours;
        }
        if let Some(owner) = self.by_cgroup() {
            return owner;
        }
        if self.is_marked() {
            return Owner::Ffleet;
        }
        self.by_descent()
    }
}

/// The second number of the line `Uid:`, which is the effective one.
fn effective(status: &[u8]) -> Option<u32> {
    let status = String::from_utf8_lossy(status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Whose the groups of a `/proc/PID/cgroup` are; nothing if they are none of ours.
fn owner(cgroups: &str) -> Option<Owner> {
    let mut found = None;
    for line in cgroups.lines() {
        let path = line.splitn(3, ':').nth(2).unwrap_or_default();
        let mut parts = path.split('/').skip_while(|part| !part.starts_with(GOVERNED)).skip(1);
        if let Some(group) = parts.next() {
            // Behind a name stands what makes its directory the only one of it.
            let name = group.rsplit_once('.').map_or(group, |(name, _)| name);
            if let Some(first) = first_of(name) {
                return Some(Owner::Group(first));
            }
            found = Some(Owner::Ffleet);
        }
        // Services are named with a dot; whoever is in that of a server is known by other signs.
        let is_server = |part: &str| part.starts_with(GROUPS) && !part.contains('.');
        if path.split('/').any(is_server) {
            found = Some(Owner::Ffleet);
        }
    }
    found
}

/// Where a link leads.
fn link(dir: &OwnedFd, name: &str) -> Option<PathBuf> {
    let target = readlinkat(dir, name, Vec::new()).ok()?;
    let target = target.to_bytes();
    let target = target.strip_suffix(DELETED).unwrap_or(target);
    Some(PathBuf::from(OsStr::from_bytes(target)))
}

/// What a file says, up to `most` bytes.
pub(super) fn read(dir: impl AsFd, name: &str, most: usize) -> Option<Vec<u8>> {
    let file = openat(dir, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let length = rustix::io::read(&file, &mut piece).ok()?;
        if length == 0 || text.len() >= most {
            return Some(text);
        }
        text.extend_from_slice(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_says_what_it_is() {
        let scanner = Scanner::open().unwrap();
        let held = Held::default();
        let mut look = scanner.look(std::process::id(), &held).unwrap();
        let exe = std::env::current_exe().unwrap();
        assert_eq!(look.exe().unwrap(), exe);
        assert_eq!(look.program().unwrap(), exe.file_name().unwrap().to_str().unwrap());
        assert_eq!(look.directory().unwrap(), std::env::current_dir().unwrap());
        assert_eq!(look.uid().unwrap(), rustix::process::geteuid().as_raw());
        assert!(look.parent().is_some_and(|name| !name.is_empty()));
        assert_eq!(look.owner(), Owner::Ours);
        assert!(look.age() < Duration::from_secs(3_600), "{:?}", look.age());
        let words: Vec<String> = std::env::args().collect();
        assert_eq!(look.words(), words);
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        let mut parent = scanner.look(u32::try_from(parent).unwrap(), &held).unwrap();
        assert_eq!(parent.owner(), Owner::Ours, "what we descend from is not to be moved either");
    }

    #[test]
    fn nobody_has_nothing_to_say() {
        let scanner = Scanner::open().unwrap();
        // Beyond the highest number that Linux gives.
        assert!(scanner.look(1 << 23, &Held::default()).is_none());
    }

    #[test]
    fn groups_of_ours_are_known_in_every_kind_of_hierarchy() {
        let first = Id { pid: 7, started: 812 };
        let name = group_name(first);
        assert_eq!(first_of(&name), Some(first));
        for other in ["run-7-812", "watch-7", "watch-7-x", "watch--1", ""] {
            assert_eq!(first_of(other), None, "{other:?}");
        }
        for (text, expected) in [
            ("0::/user.slice/a.scope\n", None),
            (
                "9:pids:/x\n4:memory:/ffleet-governed-0/watch-7-812.kj2h\n",
                Some(Owner::Group(first)),
            ),
            (
                "0::/system.slice/ffleet-watch.service/ffleet-governed-0/watch-7-812.kj2h\n",
                Some(Owner::Group(first)),
            ),
            ("0::/ffleet-governed-0/run-a.b.kj2h\n", Some(Owner::Ffleet)),
            ("0::/ffleet-01hxyz/01habc.0.1-encode\n", Some(Owner::Ffleet)),
            ("0::/system.slice/ffleet-watch.service\n", None),
            ("0::/ffleet-self\n", Some(Owner::Ffleet)),
            ("nonsense", None),
        ] {
            assert_eq!(owner(text), expected, "{text}");
        }
    }

    #[test]
    fn effective_user_is_the_second_of_four() {
        assert_eq!(effective(b"Name:\tx\nUid:\t1000\t33\t0\t33\nGid:\t1\n"), Some(33));
        assert_eq!(effective(b"Name:\tx\n"), None);
    }
}
