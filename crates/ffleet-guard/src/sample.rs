//! What a child's processes are at: its cgroup where there is one, and `/proc` for the rest.
//!
//! A cgroup lists its processes, so that nothing else of the machine is looked at. Without one they
//! are found by session and descent; one that left both is not counted. Sums of values that a
//! process takes along when it ends are kept at their highest, so that they never fall.

mod proc;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ffleet_types::sample::{Sample, Sums};
use ffleet_types::{Bytes, Timestamp};
use rustix::process::Pid;

use self::proc::{Io, Stat};
use crate::cgroup::Group;
use crate::process;

/// Looks at one child again and again. Each look reads small files of the kernel and may block for
/// moments.
#[derive(Debug)]
pub struct Sampler {
    pid: Pid,
    group: Option<Group>,
    /// The processes of the last look, each with its start.
    known: BTreeSet<(i32, u64)>,
    /// What the threads of the last look had waited for disks, by id and start.
    waits: BTreeMap<(i32, u64), u64>,
    /// Whether the kernel keeps that.
    keeps_waits: bool,
    sums: Sums,
}

/// A process as one look finds it.
#[derive(Clone, Copy, Debug)]
struct Found {
    pid: Pid,
    stat: Stat,
}

impl Sampler {
    pub(crate) fn new(pid: Pid, group: Option<Group>) -> Self {
        let switch = fs::read_to_string("/proc/sys/kernel/task_delayacct").unwrap_or_default();
        Self {
            pid,
            group,
            known: BTreeSet::new(),
            waits: BTreeMap::new(),
            keeps_waits: switch.trim() == "1",
            sums: Sums::default(),
        }
    }

    /// How it is at `now`; nothing once none of its processes is alive. Blocks.
    pub fn look(&mut self, now: Timestamp) -> Option<Sample> {
        let found = match &self.group {
            Some(group) => group.members().into_iter().filter_map(Found::of).collect(),
            None => related(self.pid),
        };
        if found.is_empty() {
            return None;
        }
        let status: Vec<_> = found
            .iter()
            .filter_map(|one| proc::status(&read(one.pid, "status")?))
            .collect();
        let gauge = self.group.as_ref().map(Group::gauge).unwrap_or_default();
        let io = found.iter().filter_map(|one| Io::parse(&read(one.pid, "io")?));
        let io = io.reduce(Io::plus);
        let ticked = found.iter().map(|one| one.stat.cpu_micros()).sum();
        let seen = self.meet(&found);
        let waited = self.keeps_waits.then(|| self.wait(&found));
        let now_at = Sums {
            seen,
            cpu: Some(gauge.cpu.unwrap_or(ticked)),
            throttles: gauge.throttles,
            throttled: gauge.throttled,
            io_wait: waited,
            read: io.map(|io| io.read),
            written: io.map(|io| io.written),
            disk_read: io.map(|io| io.disk_read),
            disk_written: io.map(|io| io.disk_written),
            cpu_stall: gauge.stalls[0],
            memory_stall: gauge.stalls[1],
            io_stall: gauge.stalls[2],
        };
        self.sums = self.sums.highest(&now_at);
        Some(Sample {
            at: now,
            processes: u32::try_from(found.len()).unwrap_or(u32::MAX),
            threads: status.iter().map(|&(threads, _)| threads).sum(),
            resident: Bytes(status.iter().map(|&(_, resident)| resident).sum()),
            memory: gauge.memory,
            sums: self.sums,
        })
    }

    /// How many processes were seen so far.
    fn meet(&mut self, found: &[Found]) -> u64 {
        let here: BTreeSet<_> = found.iter().map(Found::key).collect();
        let new = here.difference(&self.known).count();
        self.known = here;
        self.sums.seen + new as u64
    }

    /// What all threads have waited for disks; a thread that is gone takes the time since the last
    /// look along.
    fn wait(&mut self, found: &[Found]) -> u64 {
        let mut here = BTreeMap::new();
        for stat in found.iter().flat_map(|one| proc::threads(one.pid)) {
            here.insert((stat.pid, stat.started), stat.waited_micros());
        }
        let more: u64 = here
            .iter()
            .map(|(thread, now)| now.saturating_sub(self.waits.get(thread).copied().unwrap_or(0)))
            .sum();
        self.waits = here;
        self.sums.io_wait.unwrap_or(0) + more
    }
}

impl Found {
    fn of(pid: Pid) -> Option<Self> {
        Some(Self { pid, stat: Stat::parse(&read(pid, "stat")?)? })
    }

    const fn key(&self) -> (i32, u64) {
        (self.stat.pid, self.stat.started)
    }
}

/// The processes in the session of `root`, and those that descend from it.
fn related(root: Pid) -> Vec<Found> {
    let all: Vec<_> = process::all().into_iter().filter_map(Found::of).collect();
    let root = root.as_raw_nonzero().get();
    let mut ids = BTreeSet::from([root]);
    ids.extend(
        all.iter()
            .filter(|one| one.stat.session == root)
            .map(|one| one.stat.pid),
    );
    // A parent may come after its child.
    loop {
        let more: Vec<_> = all
            .iter()
            .filter(|one| ids.contains(&one.stat.parent) && !ids.contains(&one.stat.pid))
            .map(|one| one.stat.pid)
            .collect();
        if more.is_empty() {
            break;
        }
        ids.extend(more);
    }
    all.into_iter()
        .filter(|one| ids.contains(&one.stat.pid) && one.stat.is_alive)
        .collect()
}

fn read(pid: Pid, name: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/{name}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_sampled_and_its_sums_do_not_fall() {
        let mut sampler = Sampler::new(rustix::process::getpid(), None);
        let first = sampler.look(Timestamp::EPOCH).unwrap();
        assert!(first.processes >= 1 && first.threads >= 1, "{first:?}");
        assert!(first.resident > Bytes::mib(1) && first.memory.is_none(), "{first:?}");
        assert!(first.sums.seen >= 1 && first.sums.throttled.is_none(), "{first:?}");
        let text = "x".repeat(100_000);
        ffleet_base::write_atomic(
            &std::env::temp_dir().join("ffleet-sample"),
            text.as_bytes(),
            0o600,
        )
        .unwrap();
        let next = sampler.look(Timestamp::EPOCH).unwrap();
        let more = next.sums.since(&first.sums);
        assert!(more.written.unwrap() >= 100_000, "{more:?}");
        assert!(next.sums.cpu >= first.sums.cpu && next.sums.seen >= first.sums.seen);
    }

    #[test]
    fn nobody_is_no_sample() {
        // Beyond the highest id that Linux gives (`PID_MAX_LIMIT`, 2²²).
        let nobody = Pid::from_raw(1 << 23).unwrap();
        assert_eq!(Sampler::new(nobody, None).look(Timestamp::EPOCH), None);
    }
}
