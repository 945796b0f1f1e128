//! When what was written: beside a log lies `PATH.times`, lines of an offset and the time at which what
//! follows it was written, in microseconds.
//!
//! A log itself holds a program's own words and nothing else, and they carry no time. There is a
//! mark a second at most, and [`MOST`] in all: when there are more, every other one goes, so that the
//! times of a log that has been written for days are rougher the older they are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ffleet_types::Timestamp;

/// Marks that are kept: 100 KiB of them.
const MOST: usize = 4_096;
/// Between two marks.
const GRAIN: Duration = Duration::from_secs(1);

/// Marks of a log that is written.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    /// Nothing where it cannot be written.
    file: Option<File>,
    last: Option<Timestamp>,
    count: usize,
}

impl Marks {
    /// Begins those of the log at `log`; what was there is gone.
    pub(super) fn create(log: &Path) -> Self {
        let path = beside(log);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path);
        Self { path, file: file.ok(), last: None, count: 0 }
    }

    /// What is written at `offset` and after it is written `now`. Times never go back, whatever the
    /// clock does. Full disks cost marks.
    pub(super) fn mark(&mut self, offset: u64, now: Timestamp) {
        if self.last.is_some_and(|last| now.since(last) < GRAIN) {
            return;
        }
        self.last = Some(now);
        if self.count >= MOST {
            self.thin();
        }
        let line = format!("{offset} {}\n", now.as_micros());
        // A mark that is torn would be read as another.
        if let Some(file) = &mut self.file
            && file.write_all(line.as_bytes()).is_err()
        {
            self.file = None;
        }
        self.count += 1;
    }

    /// Lets every other mark go.
    fn thin(&mut self) {
        let marks = parse(&fs::read_to_string(&self.path).unwrap_or_default());
        let kept: Vec<_> = marks.into_iter().step_by(2).collect();
        self.count = kept.len();
        let text: String = kept
            .iter()
            .map(|(offset, at)| format!("{offset} {}\n", at.as_micros()))
            .collect();
        self.file = ffleet_base::write_atomic(&self.path, text.as_bytes(), 0o600)
            .ok()
            .and_then(|()| OpenOptions::new().append(true).open(&self.path).ok());
    }
}

/// When what was written into the log at `log`: offsets and times, both growing. None for a log that
/// has none.
#[must_use]
pub fn times(log: &Path) -> Vec<(u64, Timestamp)> {
    parse(&fs::read_to_string(beside(log)).unwrap_or_default())
}

/// Removes them.
pub(super) fn remove(log: &Path) -> io::Result<()> {
    match fs::remove_file(beside(log)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".times");
    name.into()
}

/// A last line without its end is not a mark yet.
fn parse(text: &str) -> Vec<(u64, Timestamp)> {
    text.split_inclusive('\n')
        .filter_map(|line| {
            let (offset, micros) = line.strip_suffix('\n')?.split_once(' ')?;
            Some((offset.parse().ok()?, Timestamp::from_micros(micros.parse().ok()?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Timestamp {
        Timestamp::from_millis(number * 1_000)
    }

    #[test]
    fn there_is_a_mark_a_second_and_time_does_not_go_back() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut marks = Marks::create(&log);
        for (offset, millis) in [(0, 5_000), (7, 5_999), (9, 6_000), (12, 1_000), (20, 7_500)] {
            marks.mark(offset, Timestamp::from_millis(millis));
        }
        let expected = [(0, 5_000), (9, 6_000), (20, 7_500)];
        assert_eq!(times(&log), expected.map(|(at, ms)| (at, Timestamp::from_millis(ms))));
        remove(&log).unwrap();
        remove(&log).unwrap();
        assert_eq!(times(&log), []);
    }

    #[test]
    fn marks_are_bounded_and_old_ones_get_rougher() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut marks = Marks::create(&log);
        let count = 3 * MOST as u64;
        for number in 0..count {
            marks.mark(number * 10, second(number));
        }
        let kept = times(&log);
        assert!(kept.len() <= MOST && kept.len() >= MOST / 2, "{}", kept.len());
        assert_eq!((kept[0], kept[kept.len() - 1].1), ((0, second(0)), second(count - 1)));
        assert!(kept.is_sorted());
    }

    #[test]
    fn torn_mark_is_none() {
        assert_eq!(parse("0 5\n12 600"), [(0, Timestamp::from_micros(5))]);
        assert_eq!(parse("x y\n3 4\n"), [(3, Timestamp::from_micros(4))]);
    }
}
