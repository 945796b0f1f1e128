//! The controller `memory`: what a group may hold, what it held at most, and who was killed for
//! it.

use std::path::Path;

use ffleet_types::Bytes;

use super::Version;
use super::file::{self, Error};

/// A limit is rounded down to whole pages; the largest page that Linux counts in is 64 KiB.
const PAGE: u64 = 64 << 10;
/// From here on a number in version 1 means "no limit".
const UNLIMITED: u64 = 1 << 60;

/// Bounds the group's memory, and has it die as a whole where it goes over that, as far as the
/// kernel can: one victim would leave a pipeline half alive.
pub(crate) fn limit(dir: &Path, version: Version, memory: Bytes) -> Result<(), Error> {
    cap(dir, version, memory)?;
    match version {
        Version::V1 => Ok(()),
        Version::V2 => file::set(dir, "memory.oom.group", "1", |reads| reads == "1"),
    }
}

/// Bounds the group's memory, and swap to nothing where swap is accounted: a media process that
/// swaps is as good as dead, and takes the machine along.
pub(crate) fn cap(dir: &Path, version: Version, memory: Bytes) -> Result<(), Error> {
    let value = memory.0.to_string();
    let took = |reads: &str| {
        reads
            .parse()
            .is_ok_and(|set: u64| set <= memory.0 && memory.0 - set < PAGE)
    };
    match version {
        Version::V1 => {
            file::set(dir, "memory.limit_in_bytes", &value, took)?;
            if file::exists(dir, "memory.memsw.limit_in_bytes") {
                file::set(dir, "memory.memsw.limit_in_bytes", &value, took)?;
            }
        }
        Version::V2 => {
            file::set(dir, "memory.max", &value, took)?;
            if file::exists(dir, "memory.swap.max") {
                file::set(dir, "memory.swap.max", "0", |reads| reads == "0")?;
            }
        }
    }
    Ok(())
}

/// What a group at `dir` may hold, if that is bounded.
pub(crate) fn bound(dir: &Path, version: Version) -> Option<Bytes> {
    let name = match version {
        Version::V1 => "memory.limit_in_bytes",
        Version::V2 => "memory.max",
    };
    file::number(dir, name).filter(|&bytes| bytes < UNLIMITED).map(Bytes)
}

/// The most that was held at once, if the kernel keeps it (version 2: since 5.19).
pub(crate) fn peak(dir: &Path, version: Version) -> Option<Bytes> {
    let name = match version {
        Version::V1 => "memory.max_usage_in_bytes",
        Version::V2 => "memory.peak",
    };
    file::number(dir, name).map(Bytes)
}

/// How often the group met its limit and had to give memory back.
pub(crate) fn hits(dir: &Path, version: Version) -> Option<u64> {
    match version {
        Version::V1 => file::number(dir, "memory.failcnt"),
        Version::V2 => file::keyed(dir, "memory.events", "max"),
    }
}

/// How many processes of the group were killed for want of memory.
pub(crate) fn kills(dir: &Path, version: Version) -> u64 {
    let name = match version {
        Version::V1 => "memory.oom_control",
        Version::V2 => "memory.events",
    };
    file::keyed(dir, name, "oom_kill").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn memory_is_bounded_in_both_versions_and_swap_with_it() {
        let none = "9223372036854771712";
        let dir = fake(&[("memory.limit_in_bytes", none), ("memory.memsw.limit_in_bytes", none)]);
        assert_eq!(bound(dir.path(), Version::V1), None);
        limit(dir.path(), Version::V1, Bytes::mib(64)).unwrap();
        assert_eq!(bound(dir.path(), Version::V1), Some(Bytes::mib(64)));
        assert_eq!(file::number(dir.path(), "memory.memsw.limit_in_bytes"), Some(64 << 20));

        let files = [("memory.max", "max"), ("memory.swap.max", "max"), ("memory.oom.group", "0")];
        let dir = fake(&files);
        assert_eq!(bound(dir.path(), Version::V2), None);
        limit(dir.path(), Version::V2, Bytes::mib(64)).unwrap();
        assert_eq!(bound(dir.path(), Version::V2), Some(Bytes::mib(64)));
        assert_eq!(file::number(dir.path(), "memory.swap.max"), Some(0));
        assert_eq!(file::number(dir.path(), "memory.oom.group"), Some(1));
    }

    #[test]
    fn victims_and_peaks_are_read_in_both_versions() {
        let dir = fake(&[
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2"),
            ("memory.max_usage_in_bytes", "4096"),
            ("memory.failcnt", "17"),
        ]);
        assert_eq!(
            (hits(dir.path(), Version::V1), hits(dir.path(), Version::V2)),
            (Some(17), None)
        );
        assert_eq!((kills(dir.path(), Version::V1), kills(dir.path(), Version::V2)), (2, 0));
        assert_eq!(peak(dir.path(), Version::V1), Some(Bytes(4_096)));
        let dir = fake(&[("memory.events", "max 4\noom 9\noom_kill 1"), ("memory.peak", "8192")]);
        assert_eq!(hits(dir.path(), Version::V2), Some(4));
        assert_eq!(kills(dir.path(), Version::V2), 1);
        assert_eq!(peak(dir.path(), Version::V2), Some(Bytes(8_192)));
    }
}
