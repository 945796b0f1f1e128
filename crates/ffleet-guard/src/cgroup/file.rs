//! Files of cgroups: small texts that are written whole, and read back.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A cgroup did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("cannot {action} {}", path.display())]
    Refused {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel said yes, and did something else.
    #[error("{} was set to {wrote:?} and reads {reads:?}: the limit does not hold", path.display())]
    NotTaken {
        /// The limit's file.
        path: PathBuf,
        /// What was written.
        wrote: String,
        /// What it says now.
        reads: String,
    },
}

/// Adds what was tried, on what, to an error of the kernel's.
pub(crate) fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Refused { action, path, source }
}

/// What a file says, without the line's end.
pub(crate) fn read(dir: &Path, name: &str) -> Result<String, Error> {
    let path = dir.join(name);
    let text = fs::read_to_string(&path).map_err(refused("read", &path))?;
    Ok(text.trim_end().to_owned())
}

/// The number that a file says; none if it is missing or says something else, such as `max`.
pub(crate) fn number(dir: &Path, name: &str) -> Option<u64> {
    read(dir, name).ok()?.parse().ok()
}

/// The number after `key` in a file of lines `key number`.
pub(crate) fn keyed(dir: &Path, name: &str, key: &str) -> Option<u64> {
    let text = read(dir, name).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(found, _)| *found == key)?.1.trim().parse().ok()
}

/// Whether there is such a file.
pub(crate) fn exists(dir: &Path, name: &str) -> bool {
    dir.join(name).exists()
}

/// Writes `value`. Never makes a file: a file that is missing is a controller that is missing.
pub(crate) fn write(dir: &Path, name: &str, value: &str) -> Result<(), Error> {
    let path = dir.join(name);
    let write = || {
        OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)?
            .write_all(value.as_bytes())
    };
    write().map_err(refused("write", &path))
}

/// Writes `value`, and makes sure that the kernel took it: that the file then says what `took`
/// accepts.
pub(crate) fn set(
    dir: &Path,
    name: &str,
    value: &str,
    took: impl FnOnce(&str) -> bool,
) -> Result<(), Error> {
    write(dir, name, value)?;
    let reads = read(dir, name)?;
    if took(&reads) {
        return Ok(());
    }
    Err(Error::NotTaken { path: dir.join(name), wrote: value.to_owned(), reads })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn limit_that_does_not_take_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("pids.max")).unwrap();
        let error = set(dir.path(), "pids.max", "7", |reads| reads == "7").unwrap_err();
        assert!(matches!(error, Error::NotTaken { .. }), "{error}");
        assert!(error.to_string().contains("does not hold"), "{error}");
    }

    #[test]
    fn missing_file_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(dir.path(), "memory.max", "1").unwrap_err();
        let Error::Refused { source, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(source.kind(), io::ErrorKind::NotFound);
        assert!(!exists(dir.path(), "memory.max"));
    }

    #[test]
    fn keyed_numbers_are_found_by_their_whole_key() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("memory.events")).unwrap();
        file.write_all(b"oom 1\noom_kill 3\noom_group_kill 0\n").unwrap();
        assert_eq!(keyed(dir.path(), "memory.events", "oom_kill"), Some(3));
        assert_eq!(keyed(dir.path(), "memory.events", "kill"), None);
    }
}
