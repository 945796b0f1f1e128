//! Processes as `/proc` shows them: who descends from whom, and who carries our marks.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::pause;

/// The variable that every child of a node carries: the node's instance.
pub(crate) const INSTANCE: &str = "FFLEET_INSTANCE";
/// The variable that says which child of the node a process belongs to.
pub(crate) const CHILD: &str = "FFLEET_CHILD";

/// How many milliseconds a process in the middle of exec is waited for, at least. Ours are nicer than
/// whoever waits, and where many are looked for at once each may get little time.
const SETTLING: u32 = 3_000;

/// All processes that can be seen.
pub(crate) fn all() -> HashSet<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashSet::new();
    };
    entries
        .filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// The living processes that carry every one of `marks` (`NAME=VALUE`) in their environment.
/// Zombies have none.
pub(crate) fn marked(marks: &[OsString]) -> HashSet<Pid> {
    all().into_iter().filter(|&pid| is_marked(pid, marks)).collect()
}

/// Whether `pid` carries every one of `marks`.
pub(crate) fn is_marked(pid: Pid, marks: &[OsString]) -> bool {
    let Some(environ) = environ(pid) else {
        return false;
    };
    let carries = |mark: &OsString| {
        environ
            .split(|&byte| byte == 0)
            .any(|var| OsStr::from_bytes(var) == mark)
    };
    marks.iter().all(carries)
}

/// The environment of `pid`, if it lives.
///
/// In the middle of exec a process has no environment and no arguments, for a moment that a busy
/// machine can make long. It is waited for: whoever is passed over then is never found again.
fn environ(pid: Pid) -> Option<Vec<u8>> {
    let read = |name| fs::read(format!("/proc/{pid}/{name}")).ok();
    for _ in 0..SETTLING {
        let environ = read("environ")?;
        // Kernel threads and zombies have no memory.
        if !environ.is_empty() || stat(pid, SIZE)? == 0 {
            return Some(environ);
        }
        let has_begun = !read("cmdline")?.is_empty();
        pause(Duration::from_millis(1));
        if has_begun {
            // It may have begun since we looked; only a program that still has no environment has none.
            return read("environ");
        }
    }
    None
}

/// The processes that descend from `ancestor`.
pub(crate) fn descendants(ancestor: Pid) -> HashSet<Pid> {
    let parents: Vec<_> = all()
        .into_iter()
        .filter_map(|pid| Some((pid, stat(pid, PARENT)?)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|pid| i64::from(pid.as_raw_nonzero().get())) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|&(pid, _)| pid));
        next += 1;
    }
    found.into_iter().skip(1).collect()
}

/// The parent of `pid`.
pub(crate) fn parent(pid: Pid) -> Option<i32> {
    i32::try_from(stat(pid, PARENT)?).ok()
}

/// Threads of `pid` at the moment.
pub(crate) fn threads(pid: Pid) -> Option<u64> {
    u64::try_from(stat(pid, THREADS)?).ok()
}

/// Kills `pid` if it carries every one of `marks`: what tells of its end.
pub(crate) fn kill_marked(pid: Pid, marks: &[OsString]) -> Option<OwnedFd> {
    let started = started(pid)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    // The id may have passed to another process before the descriptor was had, but not after.
    let is_it = self::started(pid) == Some(started) && is_marked(pid, marks);
    (is_it && pidfd_send_signal(&pidfd, Signal::KILL).is_ok()).then_some(pidfd)
}

/// When `pid` started, in the kernel's ticks: with the id, this names a process for good.
pub(crate) fn started(pid: Pid) -> Option<i64> {
    stat(pid, STARTED)
}

/// Fields of `/proc/PID/stat`, counted from the one after the program's name (`state`, 3 in
/// `proc_pid_stat(5)`).
const PARENT: usize = 1;
const THREADS: usize = 17;
const STARTED: usize = 19;
const SIZE: usize = 20;

fn stat(pid: Pid, field: usize) -> Option<i64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses.
    text.rsplit_once(") ")?.1.split(' ').nth(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_where_it_is() {
        let us = rustix::process::getpid();
        let parent = rustix::process::getppid().unwrap();
        assert!(all().contains(&us));
        assert!(descendants(parent).contains(&us) && !descendants(us).contains(&us));
        assert!(threads(us).unwrap() >= 1);
        assert!(started(us) >= started(parent));
    }

    #[test]
    fn marks_are_whole_variables() {
        let us = rustix::process::getpid();
        let mark = |text: &str| vec![OsString::from(text)];
        assert!(!is_marked(us, &mark("FFLEET_INSTANCE=nobody")));
        assert!(is_marked(us, &[]), "no mark is carried by all");
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap().1;
        let mut whole = OsString::from("PATH=");
        whole.push(path);
        assert!(is_marked(us, &[whole]) && !is_marked(us, &mark("PATH=")));
    }
}
