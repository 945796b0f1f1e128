//! Something that runs and knows nothing of us: a shell with children, threads, and a counter that
//! writes on and on.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ffleet_testkit::{binary, descendants_of, until};
use rustix::process::{Pid, getpriority_process};

use super::cgroups;
use crate::fixture::Room;

pub(super) const SOON: Duration = Duration::from_secs(20);
/// How many processes there are: the shell, a counter, one with threads, one with two children.
const PROCESSES: usize = 6;

/// A shell and its children. They are killed when it is dropped.
pub(super) struct Workload {
    child: Child,
    counts: PathBuf,
}

/// Where a process is, and how nice its threads are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) cgroups: String,
    pub(super) nice: Vec<i32>,
}

impl Workload {
    pub(super) fn start(room: &Room) -> Self {
        let counts = room.path("counts");
        let nasty = binary("nasty").display().to_string();
        let script = format!(
            "{nasty} count 2 120 >{} & {nasty} threads 4 120 & {nasty} forks 2 120 & wait",
            counts.display()
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null());
        let child = shell.spawn().unwrap();
        let workload = Self { child, counts };
        until(SOON, "all of the workload runs", || {
            let all = workload.pids();
            let threads = all.iter().map(|&pid| threads(pid).len()).sum::<usize>();
            all.len() == PROCESSES && threads == PROCESSES + 4 && workload.count() > 0
        });
        workload
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// All of its processes.
    pub(super) fn pids(&self) -> Vec<i32> {
        let below = descendants_of(self.child.id()).into_iter();
        let below = below.map(|pid| i32::try_from(pid).unwrap());
        [self.pid()].into_iter().chain(below).collect()
    }

    /// How they stand.
    pub(super) fn standing(&self) -> BTreeMap<i32, Standing> {
        let of = |pid| {
            let nice = threads(pid).into_iter().map(|thread| getpriority_process(Some(thread)));
            let nice = nice.map(|nice| nice.unwrap_or(99)).collect();
            (pid, Standing { cgroups: cgroups(pid), nice })
        };
        self.pids().into_iter().map(of).collect()
    }

    /// How far the counter has come, in bytes.
    pub(super) fn count(&self) -> u64 {
        fs::metadata(&self.counts).map_or(0, |file| file.len())
    }

    /// Waits until it has counted on, and looks that nobody was lost.
    pub(super) fn goes_on(&self) {
        let before = self.count();
        until(SOON, "the counter counts on", || self.count() > before);
        assert_eq!(self.pids().len(), PROCESSES, "somebody is lost");
    }

    /// Looks that each number is there, in its order.
    pub(super) fn has_missed_nothing(&self) {
        let text = fs::read_to_string(&self.counts).unwrap();
        let whole = text.lines().take(text.matches('\n').count());
        for (expected, line) in whole.enumerate() {
            assert_eq!(line.parse(), Ok(expected));
        }
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        for pid in self.pids().into_iter().rev() {
            // It may be gone.
            let _gone = Pid::from_raw(pid)
                .map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
        }
        let _reaped = self.child.wait();
    }
}

fn threads(pid: i32) -> Vec<Pid> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    let names = entries.into_iter().flatten().filter_map(Result::ok);
    names
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}
