//! Limits that are set on each process: what no controller does for all of them.

use std::collections::BTreeMap;
use std::fs;

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, getpriority_process, prlimit, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

use super::limits::Limit;
use super::process::{Process, threads};
use crate::launch::cpu_set;

/// How often all threads are looked at again, as each may have started another meanwhile.
const ROUNDS: u32 = 16;

/// What is to be set on each process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Means {
    /// The nice of each thread.
    pub(super) nice: Option<i32>,
    /// How many CPUs it may run on.
    pub(super) cpus: Option<u32>,
    /// What it may have of private memory (`RLIMIT_DATA`), in bytes.
    pub(super) memory: Option<u64>,
}

/// What a process had before, of what is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Before {
    /// The nice of its first thread.
    nice: Option<i32>,
    /// That of threads that had another one, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    other_nice: BTreeMap<i32, i32>,
    /// The CPUs that its first thread could run on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cpus: Vec<usize>,
    /// Its soft limit on private memory, in bytes; the inner nothing is none.
    data: Option<Option<u64>>,
}

impl Before {
    /// Takes from `now` what is not known of it yet.
    pub(super) fn complete(&mut self, now: Self) {
        if self.nice.is_none() {
            (self.nice, self.other_nice) = (now.nice, now.other_nice);
        }
        if self.cpus.is_empty() {
            self.cpus = now.cpus;
        }
        self.data = self.data.or(now.data);
    }
}

impl Means {
    /// What `process` has of it now.
    pub(super) fn before(&self, process: Process) -> Before {
        let mut before = Before::default();
        let id = process.id();
        if self.nice.is_some() {
            before.nice = getpriority_process(id).ok();
            for thread in threads(process.pid) {
                let nice = getpriority_process(Some(thread)).ok();
                if let (true, Some(nice)) = (nice != before.nice, nice) {
                    before.other_nice.insert(thread.as_raw_nonzero().get(), nice);
                }
            }
        }
        if self.cpus.is_some() {
            before.cpus = sched_getaffinity(id).map(|set| listed(&set)).unwrap_or_default();
        }
        if self.memory.is_some() {
            before.data = data_limit(process.pid).map(|(soft, _)| soft);
        }
        before
    }

    /// Sets it on `process`, which had `before`; what was refused, and why.
    pub(super) fn apply(&self, process: Process, before: &Before) -> Vec<(Limit, String)> {
        let mut refused = Vec::new();
        let mut note = |limit, done: Result<(), Errno>| match done {
            // It has ended, or the thread has.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => refused.push((limit, format!("process {}: {error}", process.pid))),
        };
        if let Some(nice) = self.nice {
            note(Limit::Nice, renice(process.pid, |_| Some(nice)));
        }
        if let Some(chosen) = self.chosen(process.pid, before) {
            note(Limit::Cpu, hold(process.pid, &chosen));
        }
        if let Some(memory) = self.memory {
            note(Limit::Memory, set_data_limit(process.pid, Some(memory)));
        }
        refused
    }

    /// Gives `process` back what it had `before`, but for what was changed meanwhile by somebody else.
    pub(super) fn undo(&self, process: Process, before: &Before) -> Vec<(Limit, String)> {
        let mut refused = Vec::new();
        let mut note = |limit, done: Result<(), Errno>| match done {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => refused.push((limit, format!("process {}: {error}", process.pid))),
        };
        if let (Some(ours), Some(first)) = (self.nice, before.nice) {
            let had = |thread: Pid| {
                let had = before.other_nice.get(&thread.as_raw_nonzero().get()).copied();
                let is_ours = getpriority_process(Some(thread)) == Ok(ours);
                is_ours.then(|| had.unwrap_or(first))
            };
            note(Limit::Nice, renice(process.pid, had));
        }
        if let Some(chosen) = self.chosen(process.pid, before) {
            let whole = cpu_set(before.cpus.iter().copied());
            let is_ours = |thread: &Pid| sched_getaffinity(Some(*thread)) == Ok(chosen);
            for thread in threads(process.pid).into_iter().filter(is_ours) {
                note(Limit::Cpu, sched_setaffinity(Some(thread), &whole));
            }
        }
        if let (Some(ours), Some(had)) = (self.memory, before.data)
            && data_limit(process.pid).is_some_and(|(soft, _)| soft == Some(ours))
        {
            note(Limit::Memory, set_data_limit(process.pid, had));
        }
        refused
    }

    /// The CPUs that a process is held to: as many as it may have, from its id on, so that processes
    /// do not all get the same. Nothing where it has no more than that anyway.
    fn chosen(&self, pid: i32, before: &Before) -> Option<CpuSet> {
        let most = usize::try_from(self.cpus?).ok()?;
        let all = &before.cpus;
        if all.len() <= most {
            return None;
        }
        let first = usize::try_from(pid).unwrap_or(0) % all.len();
        Some(cpu_set(all.iter().cycle().skip(first).take(most).copied()))
    }
}

/// Gives each thread of `pid` the nice that `wanted` says, until none has another.
fn renice(pid: i32, wanted: impl Fn(Pid) -> Option<i32>) -> Result<(), Errno> {
    for _ in 0..ROUNDS {
        let mut changed = false;
        for thread in threads(pid) {
            let Some(nice) = wanted(thread) else { continue };
            match getpriority_process(Some(thread)) {
                Ok(now) if now == nice => {}
                Err(Errno::SRCH) => {}
                _ => match setpriority_process(Some(thread), nice) {
                    Ok(()) => changed = true,
                    Err(Errno::SRCH) => {}
                    Err(error) => return Err(error),
                },
            }
        }
        if !changed {
            return Ok(());
        }
    }
    Err(Errno::AGAIN)
}

/// Holds each thread of `pid` to `chosen`, until none has another set.
fn hold(pid: i32, chosen: &CpuSet) -> Result<(), Errno> {
    for _ in 0..ROUNDS {
        let differs =
            |thread: &Pid| sched_getaffinity(Some(*thread)).is_ok_and(|set| set != *chosen);
        let left: Vec<_> = threads(pid).into_iter().filter(differs).collect();
        if left.is_empty() {
            return Ok(());
        }
        for thread in left {
            match sched_setaffinity(Some(thread), chosen) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Err(Errno::AGAIN)
}

/// The soft and the hard limit of `pid` on private memory; nothing inside is none.
fn data_limit(pid: i32) -> Option<(Option<u64>, Option<u64>)> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max data size"))?;
    let mut words = line.split_whitespace();
    let mut bound = || match words.next()? {
        "unlimited" => Some(None),
        bytes => bytes.parse().ok().map(Some),
    };
    Some((bound()?, bound()?))
}

/// Sets the soft limit, which anybody may set back, and reads it back.
fn set_data_limit(pid: i32, soft: Option<u64>) -> Result<(), Errno> {
    let (_, hard) = data_limit(pid).ok_or(Errno::SRCH)?;
    let within = match (soft, hard) {
        (Some(soft), Some(hard)) => Some(soft.min(hard)),
        (soft, hard) => soft.or(hard),
    };
    prlimit(Pid::from_raw(pid), Resource::Data, Rlimit { current: within, maximum: hard })?;
    match data_limit(pid) {
        Some((found, _)) if found != within => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

fn listed(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_process_are_read_as_the_kernel_writes_them() {
        let us = Process::ours();
        let (soft, hard) = data_limit(us.pid).unwrap();
        assert!(hard.is_none_or(|hard| soft.is_some_and(|soft| soft <= hard)));
        assert_eq!(data_limit(0), None);
    }

    #[test]
    fn processes_are_spread_over_the_cpus_that_they_had() {
        let means = Means { cpus: Some(2), ..Means::default() };
        let before = Before { cpus: vec![1, 3, 5], ..Before::default() };
        let chosen = |pid| listed(&means.chosen(pid, &before).unwrap());
        assert_eq!([chosen(3), chosen(4), chosen(5)], [vec![1, 3], vec![3, 5], vec![1, 5]]);
        let few = Before { cpus: vec![7], ..Before::default() };
        assert_eq!(means.chosen(1, &few), None, "it has less than it may have");
    }

    #[test]
    fn nothing_is_changed_where_nothing_is_wanted() {
        let us = Process::ours();
        let means = Means::default();
        let before = means.before(us);
        assert_eq!(before, Before::default());
        assert_eq!(means.apply(us, &before), []);
        assert_eq!(means.undo(us, &before), []);
    }
}
