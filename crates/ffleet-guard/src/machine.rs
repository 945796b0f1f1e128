//! The machine: what it has for us, how hard it is pressed, and what we take ourselves.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use ffleet_base::files;
use ffleet_sched::roles;
use ffleet_types::node::Capacity;
use ffleet_types::{Bytes, Cpu};
use rustix::time::{ClockId, clock_gettime};

use crate::cgroup::{Version, cpu_bound, memory_bound};
use crate::node::mounts;

/// How hard one resource is pressed (`Documentation/accounting/psi.rst`): the share of the last
/// ten seconds, in percent, in which tasks waited for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// At least one task waited.
    pub some: f64,
    /// All tasks waited, so that nothing was done.
    pub full: f64,
}

/// How hard the machine is pressed; a kernel without PSI says nothing of the resources.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// For CPU time.
    pub cpu: Option<Stall>,
    /// For memory.
    pub memory: Option<Stall>,
    /// For disks.
    pub io: Option<Stall>,
    /// Tasks that run or wait for a disk, over 1, 5 and 15 minutes.
    pub load: [f64; 3],
}

/// What all children of a node may take together: half of the threads that the kernel has ids and room
/// for (`/proc/sys/kernel/threads-max`, `pid_max`). The rest is everybody else's.
#[must_use]
pub fn roles() -> roles::Bounds {
    let most = |name| {
        let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(name)).ok()?;
        text.trim().parse::<u32>().ok()
    };
    let threads = most("threads-max").into_iter().chain(most("pid_max")).min();
    roles::Bounds { threads: threads.map(|threads| threads / 2), ..roles::Bounds::default() }
}

/// What this process takes itself, its children not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SelfUsage {
    /// Memory that is resident.
    pub resident: Bytes,
    /// CPU time since it started.
    pub cpu: Duration,
}

/// What there is for us: CPUs that we may run on, and memory, each at most what our cgroups
/// allow; free space where `scratch` lies; as many tasks as whole CPUs.
///
/// # Errors
///
/// If `scratch` cannot be asked about.
pub fn capacity(scratch: &Path) -> Result<Capacity, files::Error> {
    let (cpu_limit, memory_limit) = bounds();
    let cpus = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count().max(1));
    let cpu = cpu_limit.unwrap_or(Cpu(u32::MAX)).min(Cpu::whole(cpus));
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = kib(&meminfo, "MemTotal:").unwrap_or_default();
    Ok(Capacity {
        cpu,
        memory: memory_limit.unwrap_or(memory).min(memory),
        scratch: files::free_space(scratch)?,
        tasks: (cpu.millis() / 1_000).max(1),
    })
}

/// The least that our own cgroup and those above it allow.
fn bounds() -> (Option<Cpu>, Option<Bytes>) {
    let mounts = mounts();
    let unified = mounts.unified.iter().map(|place| (place, Version::V2));
    let legacy = mounts.legacy.values().map(|place| (place, Version::V1));
    let dirs: Vec<_> = unified
        .chain(legacy)
        .flat_map(|(place, version)| place.upwards().map(move |dir| (dir, version)))
        .collect();
    let cpu = dirs.iter().filter_map(|&(dir, version)| cpu_bound(dir, version)).min();
    let memory = dirs
        .iter()
        .filter_map(|&(dir, version)| memory_bound(dir, version))
        .min();
    (cpu, memory)
}

/// The amount after `key` in a file of lines `key: 123 kB`.
fn kib(text: &str, key: &str) -> Option<Bytes> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Bytes(kib << 10))
}

/// What names the time since the machine was started (`random(4)`, `boot_id`); empty where the kernel
/// does not say. What was written before and not synced may be gone.
#[must_use]
pub fn boot() -> &'static str {
    static BOOT: LazyLock<String> = LazyLock::new(|| {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        text.trim().to_owned()
    });
    &BOOT
}

/// How hard the machine is pressed.
#[must_use]
pub fn pressure() -> Pressure {
    let resource =
        |name| stall(&fs::read_to_string(format!("/proc/pressure/{name}")).unwrap_or_default());
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut load = text.split(' ').map_while(|word| word.parse().ok());
    Pressure {
        cpu: resource("cpu"),
        memory: resource("memory"),
        io: resource("io"),
        load: std::array::from_fn(|_| load.next().unwrap_or(0.0)),
    }
}

/// Reads `some avg10=1.23 avg60=…` and the line `full`, which is missing for CPU on old kernels.
fn stall(text: &str) -> Option<Stall> {
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start()
            .strip_prefix("avg10=")?
            .split(' ')
            .next()?
            .parse()
            .ok()
    };
    Some(Stall { some: line("some")?, full: line("full").unwrap_or(0.0) })
}

/// What this process takes itself.
#[must_use]
pub fn self_usage() -> SelfUsage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let time = clock_gettime(ClockId::ProcessCPUTime);
    SelfUsage {
        resident: kib(&status, "VmRSS:").unwrap_or_default(),
        cpu: Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_of_this_machine_is_not_nothing() {
        let capacity = capacity(Path::new("/tmp")).unwrap();
        assert!(capacity.cpu >= Cpu(10) && capacity.tasks >= 1, "{capacity:?}");
        assert!(capacity.memory > Bytes::mib(64), "{capacity:?}");
    }

    #[test]
    fn capacity_of_nowhere_is_an_error() {
        let error = capacity(Path::new("/no/such/place")).unwrap_err();
        assert!(error.to_string().contains("/no/such/place"), "{error}");
    }

    #[test]
    fn pressure_is_read_as_the_kernel_writes_it() {
        let text = "some avg10=1.50 avg60=0.29 avg300=0.47 total=1\nfull avg10=0.25 avg60=0.00";
        assert_eq!(stall(text), Some(Stall { some: 1.5, full: 0.25 }));
        assert_eq!(stall("some avg10=2.00 avg60=1"), Some(Stall { some: 2.0, full: 0.0 }));
        assert_eq!(stall(""), None);
        assert!(pressure().load[2] >= 0.0);
    }

    #[test]
    fn memory_is_read_in_kib() {
        let meminfo = "MemTotal:        2048 kB\nMemFree: 1 kB\n";
        assert_eq!(kib(meminfo, "MemTotal:"), Some(Bytes::mib(2)));
        assert_eq!(kib("", "MemTotal:"), None);
    }

    #[test]
    fn machine_was_started_once() {
        assert_eq!((boot().len(), boot()), (36, boot()));
    }

    #[test]
    fn we_take_something_ourselves() {
        let usage = self_usage();
        assert!(usage.resident > Bytes::mib(1) && usage.cpu > Duration::ZERO, "{usage:?}");
    }
}
