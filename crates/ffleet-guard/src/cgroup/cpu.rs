//! The controller `cpu`: processor time per time.

use std::path::Path;
use std::time::Duration;

use ffleet_types::Cpu;

use super::Version;
use super::file::{self, Error};

/// The time in which a quota is to be spent, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;
/// The least quota that the kernel takes, in microseconds.
const LEAST: u64 = 1_000;

/// Bounds the group to `cpu`. Whole threads still see all CPUs: this throttles, and is for
/// fairness; what keeps a library from starting a thread per CPU is affinity.
pub(crate) fn limit(dir: &Path, version: Version, cpu: Cpu) -> Result<(), Error> {
    let quota = (u64::from(cpu.millis()) * PERIOD / 1_000).max(LEAST);
    match version {
        Version::V1 => {
            file::set(dir, "cpu.cfs_period_us", &PERIOD.to_string(), is(PERIOD))?;
            file::set(dir, "cpu.cfs_quota_us", &quota.to_string(), is(quota))
        }
        Version::V2 => {
            let value = format!("{quota} {PERIOD}");
            file::set(dir, "cpu.max", &value, |reads| reads == value)
        }
    }
}

/// What a group has that says nothing, on our scale of 1 to 10000.
const DEFAULT: u64 = 100;
/// The same in version 1, whose scale goes from 2 to 262144.
const SHARES: u64 = 1_024;

/// Gives the group this share of busy CPUs, from 1 to 10000; 100 is everybody's.
pub(crate) fn weigh(dir: &Path, version: Version, weight: u16) -> Result<(), Error> {
    let weight = u64::from(weight.clamp(1, 10_000));
    match version {
        Version::V1 => {
            let shares = (weight * SHARES / DEFAULT).max(2);
            file::set(dir, "cpu.shares", &shares.to_string(), is(shares))
        }
        Version::V2 => file::set(dir, "cpu.weight", &weight.to_string(), is(weight)),
    }
}

fn is(number: u64) -> impl FnOnce(&str) -> bool {
    move |reads| reads.parse() == Ok(number)
}

/// What a group at `dir` may use, if that is bounded.
pub(crate) fn bound(dir: &Path, version: Version) -> Option<Cpu> {
    let (quota, period) = match version {
        // Without a bound the quota is -1, which is no number here.
        Version::V1 => {
            (file::number(dir, "cpu.cfs_quota_us")?, file::number(dir, "cpu.cfs_period_us")?)
        }
        Version::V2 => {
            let text = file::read(dir, "cpu.max").ok()?;
            let (quota, period) = text.split_once(' ')?;
            (quota.parse().ok()?, period.parse().ok()?)
        }
    };
    let millis = quota.checked_mul(1_000)?.checked_div(period)?;
    u32::try_from(millis).ok().map(Cpu)
}

/// CPU time that all processes of a group used, dead ones too: in user mode, in the kernel.
///
/// In version 2 every group has it, whether the controller is there or not; in version 1 it is
/// the controller `cpuacct`.
pub(crate) fn used(dir: &Path, version: Version) -> Option<(Duration, Duration)> {
    match version {
        Version::V1 => {
            let nanos = |name| file::number(dir, name).map(Duration::from_nanos);
            Some((nanos("cpuacct.usage_user")?, nanos("cpuacct.usage_sys")?))
        }
        Version::V2 => {
            let micros = |key| file::keyed(dir, "cpu.stat", key).map(Duration::from_micros);
            Some((micros("user_usec")?, micros("system_usec")?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn quota_is_written_in_both_versions() {
        let dir = fake(&[("cpu.cfs_period_us", "5"), ("cpu.cfs_quota_us", "-1")]);
        assert_eq!(bound(dir.path(), Version::V1), None);
        limit(dir.path(), Version::V1, Cpu(1_500)).unwrap();
        assert_eq!(file::number(dir.path(), "cpu.cfs_quota_us"), Some(150_000));
        assert_eq!(bound(dir.path(), Version::V1), Some(Cpu(1_500)));

        let dir = fake(&[("cpu.max", "max 100000")]);
        assert_eq!(bound(dir.path(), Version::V2), None);
        limit(dir.path(), Version::V2, Cpu(1)).unwrap();
        assert_eq!(file::read(dir.path(), "cpu.max").unwrap(), "1000 100000");
    }

    #[test]
    fn weight_is_written_on_the_scale_of_either_version() {
        for (weight, shares, unified) in
            [(100, "1024", "100"), (150, "1536", "150"), (0, "10", "1")]
        {
            let dir = fake(&[("cpu.shares", "1024"), ("cpu.weight", "100")]);
            weigh(dir.path(), Version::V1, weight).unwrap();
            assert_eq!(file::read(dir.path(), "cpu.shares").unwrap(), shares);
            weigh(dir.path(), Version::V2, weight).unwrap();
            assert_eq!(file::read(dir.path(), "cpu.weight").unwrap(), unified);
        }
    }

    #[test]
    fn time_used_is_read_in_both_versions() {
        let times = (Duration::from_millis(7), Duration::from_millis(3));
        let dir = fake(&[("cpuacct.usage_user", "7000000"), ("cpuacct.usage_sys", "3000000")]);
        assert_eq!(used(dir.path(), Version::V1), Some(times));
        let dir = fake(&[("cpu.stat", "usage_usec 10000\nuser_usec 7000\nsystem_usec 3000")]);
        assert_eq!(used(dir.path(), Version::V2), Some(times));
        assert_eq!(used(dir.path(), Version::V1), None);
    }
}
