//! Where the children of attempts write what they have to say:
//! `<data>/logs/<job>/<index>.<fence>-<serial>-<phase>.log`.
//!
//! By the job's id and not its number, so that an attempt's id alone finds them.

mod search;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ffleet_types::{AttemptId, Timestamp};

/// The logs of a node.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    root: PathBuf,
}

impl Logs {
    /// Opens `logs` in the data directory `home`.
    pub(crate) fn open(home: &Path) -> Result<Self, ffleet_base::files::Error> {
        let root = home.join("logs");
        ffleet_base::files::create_private_dir(&root)?;
        Ok(Self { root })
    }

    /// The log of child number `serial` of an attempt; its directory is there.
    pub(crate) fn path(&self, attempt: AttemptId, serial: u32, phase: &str) -> io::Result<PathBuf> {
        let dir = self.dir(attempt);
        fs::create_dir_all(&dir)?;
        Ok(dir.join(format!("{}{serial}-{phase}.log", prefix(attempt))))
    }

    /// The logs of an attempt, oldest first, each with the segments that are kept of it
    /// (`ffleet_guard::log`).
    pub(crate) fn of(&self, attempt: AttemptId) -> Vec<PathBuf> {
        let prefix = prefix(attempt);
        let Ok(entries) = fs::read_dir(self.dir(attempt)) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some((place(name.strip_prefix(&prefix)?)?, name)))
            .collect();
        names.sort();
        let dir = self.dir(attempt);
        names.into_iter().map(|(_, name)| dir.join(name)).collect()
    }

    /// Removes the logs of jobs in which none was begun for `keep`, but for jobs that
    /// `is_at_work` says are: a child may write to one log for days. Says how many jobs that were.
    /// One that cannot be removed is told of and passed over.
    pub(crate) fn prune(
        &self,
        now: Timestamp,
        keep: Duration,
        is_at_work: impl Fn(&str) -> bool,
    ) -> io::Result<usize> {
        let now = UNIX_EPOCH + Duration::from_micros(now.as_micros());
        let old = |changed: SystemTime| now.duration_since(changed).is_ok_and(|age| age > keep);
        let mut count = 0;
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let changed = entry.metadata().and_then(|found| found.modified());
            let is_kept = entry.file_name().to_str().is_some_and(&is_at_work);
            if is_kept || !changed.is_ok_and(old) {
                continue;
            }
            match fs::remove_dir_all(entry.path()) {
                Ok(()) => count += 1,
                Err(error) => {
                    let path = entry.path();
                    tracing::warn!(path = %path.display(), %error, "old logs could not be removed");
                }
            }
        }
        Ok(count)
    }

    fn dir(&self, attempt: AttemptId) -> PathBuf {
        self.root.join(attempt.task.job.to_string())
    }
}

fn prefix(attempt: AttemptId) -> String {
    format!("{}.{}-", attempt.task.index, attempt.fence)
}

/// The serial number of a log and the number of the segment, of `SERIAL-PHASE.log[.SEGMENT]`.
fn place(rest: &str) -> Option<(u32, u64)> {
    let (name, segment) = rest.split_once(".log")?;
    let serial = name.split_once('-')?.0.parse().ok()?;
    let segment = match segment.strip_prefix('.') {
        Some(number) => number.parse().ok()?,
        None => 0,
    };
    Some((serial, segment))
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Fence, JobId, TaskId};

    use super::*;

    #[test]
    fn logs_of_an_attempt_are_found_oldest_first() {
        let home = tempfile::tempdir().unwrap();
        let logs = Logs::open(home.path()).unwrap();
        let first = AttemptId { task: TaskId::whole(JobId::from_bits(9)), fence: Fence::FIRST };
        let second = AttemptId { fence: Fence::from_u64(11), ..first };
        assert_eq!(logs.of(first), Vec::<PathBuf>::new());
        for (attempt, serial, phase) in
            [(first, 12, "verify"), (first, 1, "encode"), (second, 1, "encode")]
        {
            let path = logs.path(attempt, serial, phase).unwrap();
            ffleet_base::write_atomic(&path, b"", 0o600).unwrap();
            for segment in [10, 9] {
                let later = PathBuf::from(format!("{}.{segment}", path.display()));
                ffleet_base::write_atomic(&later, b"", 0o600).unwrap();
            }
        }
        let names: Vec<_> = logs
            .of(first)
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        let expected = [
            "0.1-1-encode.log",
            "0.1-1-encode.log.9",
            "0.1-1-encode.log.10",
            "0.1-12-verify.log",
            "0.1-12-verify.log.9",
            "0.1-12-verify.log.10",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn old_logs_are_pruned_and_new_ones_kept() {
        let home = tempfile::tempdir().unwrap();
        let logs = Logs::open(home.path()).unwrap();
        let attempt = AttemptId { task: TaskId::whole(JobId::from_bits(9)), fence: Fence::FIRST };
        ffleet_base::write_atomic(&logs.path(attempt, 1, "encode").unwrap(), b"", 0o600).unwrap();
        let later = Timestamp::from_millis(4_000_000_000_000);
        let (nobody, hour) = (|_: &str| false, Duration::from_secs(3_600));
        assert_eq!(logs.prune(Timestamp::EPOCH, Duration::ZERO, nobody).unwrap(), 0);
        let at_work = attempt.task.job.to_string();
        assert_eq!(logs.prune(later, hour, |job| job == at_work).unwrap(), 0);
        assert_eq!(logs.of(attempt).len(), 1);
        // Nothing that can be removed as a directory; what comes after it is removed all the same.
        for name in ["!", "~"] {
            ffleet_base::write_atomic(&home.path().join("logs").join(name), b"", 0o600).unwrap();
        }
        assert_eq!(logs.prune(later, hour, nobody).unwrap(), 1);
        assert!(logs.of(attempt).is_empty());
    }
}
