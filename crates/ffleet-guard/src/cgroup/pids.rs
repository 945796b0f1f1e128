//! The controller `pids`: processes and threads. Both versions have the same files.

use std::path::Path;

use super::file::{self, Error};

/// Bounds processes and threads together.
///
/// Reaching it makes some programs hang rather than fail, so [`refused`] is to be watched.
pub(crate) fn limit(dir: &Path, tasks: u32) -> Result<(), Error> {
    file::set(dir, "pids.max", &tasks.to_string(), |reads| reads.parse() == Ok(tasks))
}

/// How many there are.
pub(crate) fn current(dir: &Path) -> Option<u64> {
    file::number(dir, "pids.current")
}

/// The most there were at once, if the kernel keeps it (since 6.1).
pub(crate) fn peak(dir: &Path) -> Option<u64> {
    file::number(dir, "pids.peak")
}

/// How often one more was refused.
pub(crate) fn refused(dir: &Path) -> u64 {
    file::keyed(dir, "pids.events", "max").unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn tasks_are_bounded_and_counted() {
        let dir = fake(&[("pids.max", "max"), ("pids.current", "3"), ("pids.events", "max 4")]);
        limit(dir.path(), 20).unwrap();
        assert_eq!(file::number(dir.path(), "pids.max"), Some(20));
        assert_eq!((current(dir.path()), peak(dir.path())), (Some(3), None));
        assert_eq!(refused(dir.path()), 4);
    }
}
