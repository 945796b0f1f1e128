//! What a group says of itself while its processes live.

use std::collections::HashSet;
use std::path::Path;

use ffleet_types::Bytes;
use ffleet_types::sample::Stall;
use rustix::process::Pid;

use super::{DEPTH, Group, Version, cpu, file, members, memory};

/// What a group is charged with and had to wait for; absent is what its kernel does not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// Memory that is held, page cache included.
    pub(crate) memory: Option<Bytes>,
    /// CPU time, in microseconds.
    pub(crate) cpu: Option<u64>,
    /// How often the limit on CPU time held it up.
    pub(crate) throttles: Option<u64>,
    /// For how long, in microseconds.
    pub(crate) throttled: Option<u64>,
    /// Time lost for want of CPUs, memory and disks.
    pub(crate) stalls: [Option<Stall>; 3],
}

impl Group {
    /// How it is now.
    pub(crate) fn gauge(&self) -> Gauge {
        let memory = self.memory.as_ref().and_then(|site| {
            let name = match site.version {
                Version::V1 => "memory.usage_in_bytes",
                Version::V2 => "memory.current",
            };
            file::number(&site.dir, name).map(Bytes)
        });
        let account = self.account.as_ref();
        let used = account.and_then(|site| cpu::used(&site.dir, site.version));
        let quota = self.cpu.as_ref();
        let sites = [&self.memory, &self.freezer, &self.account, &self.pids, &self.cpu];
        let unified = sites.into_iter().flatten().find(|site| site.version == Version::V2);
        let stall = |name| unified.and_then(|site| stall(&site.dir, name));
        Gauge {
            memory,
            cpu: used.map(|(user, system)| micros(user) + micros(system)),
            throttles: quota.and_then(|site| file::keyed(&site.dir, "cpu.stat", "nr_throttled")),
            throttled: quota.and_then(|site| throttled(&site.dir, site.version)),
            stalls: ["cpu.pressure", "memory.pressure", "io.pressure"].map(stall),
        }
    }

    /// How often it met its limit on memory, where its kernel counts that.
    pub(crate) fn memory_hits(&self) -> Option<u64> {
        let site = self.memory.as_ref()?;
        memory::hits(&site.dir, site.version)
    }

    /// The processes in it, by one of its directories: every process is in all of them.
    pub(crate) fn members(&self) -> HashSet<Pid> {
        self.dirs.first().map(|dir| members(dir, DEPTH)).unwrap_or_default()
    }
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn throttled(dir: &Path, version: Version) -> Option<u64> {
    match version {
        Version::V1 => file::keyed(dir, "cpu.stat", "throttled_time").map(|nanos| nanos / 1_000),
        Version::V2 => file::keyed(dir, "cpu.stat", "throttled_usec"),
    }
}

/// Reads `some avg10=… total=123` and the line `full`, which is missing for CPU on old kernels. The
/// file is there and cannot be read where a group's PSI is off.
fn stall(dir: &Path, name: &str) -> Option<Stall> {
    let text = file::read(dir, name).ok()?;
    let total = |kind: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.split(' ').next() == Some(kind))?;
        line.split(' ')
            .find_map(|word| word.strip_prefix("total="))?
            .parse()
            .ok()
    };
    Some(Stall { some: total("some")?, full: total("full").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::super::{Site, fake};
    use super::*;

    fn group(dir: &Path, version: Version) -> Group {
        let site = || Some(Site { dir: dir.to_owned(), version });
        Group {
            dirs: BTreeSet::from([dir.to_owned()]),
            cpu: site(),
            memory: site(),
            pids: site(),
            freezer: site(),
            cpuset: None,
            io: None,
            account: site(),
        }
    }

    #[test]
    fn unified_group_says_everything() {
        let dir = fake(&[
            ("memory.current", "39645184\n"),
            (
                "cpu.stat",
                "usage_usec 4104912\nuser_usec 3900111\nsystem_usec 204801\nnice_usec 0\n\
                 nr_periods 52\nnr_throttled 31\nthrottled_usec 2710044\nnr_bursts 0\n",
            ),
            (
                "cpu.pressure",
                "some avg10=61.01 avg60=20.12 avg300=4.50 total=3117732\n\
                 full avg10=0.00 avg60=0.00 avg300=0.00 total=2710044\n",
            ),
            ("memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"),
            ("cgroup.procs", "412\n413\n"),
        ]);
        let group = group(dir.path(), Version::V2);
        let gauge = Gauge {
            memory: Some(Bytes(39_645_184)),
            cpu: Some(4_104_912),
            throttles: Some(31),
            throttled: Some(2_710_044),
            stalls: [
                Some(Stall { some: 3_117_732, full: 2_710_044 }),
                Some(Stall { some: 12, full: 0 }),
                None,
            ],
        };
        assert_eq!(group.gauge(), gauge);
        assert_eq!(group.members().len(), 2);
    }

    #[test]
    fn legacy_group_says_what_it_has_and_nothing_of_pressure() {
        let dir = fake(&[
            ("memory.usage_in_bytes", "39645184\n"),
            ("cpuacct.usage_user", "3900111000\n"),
            ("cpuacct.usage_sys", "204801000\n"),
            ("cpu.stat", "nr_periods 52\nnr_throttled 31\nthrottled_time 2710044000\n"),
        ]);
        let gauge = group(dir.path(), Version::V1).gauge();
        assert_eq!(gauge.memory, Some(Bytes(39_645_184)));
        assert_eq!((gauge.cpu, gauge.throttles), (Some(4_104_912), Some(31)));
        assert_eq!((gauge.throttled, gauge.stalls), (Some(2_710_044), [None; 3]));
    }

    #[test]
    fn empty_directory_says_nothing() {
        let dir = fake(&[]);
        assert_eq!(group(dir.path(), Version::V2).gauge(), Gauge::default());
    }
}
