//! When what was written: beside a log lies `PATH.times`, lines of an offset and the time at which what
//! follows it was written, in microseconds.
//!
//! A log itself holds a program's own words and nothing else, and they carry no time. There is a
//! mark a second at most, and [`MOST`] in all: when there are more, every other one goes, so that the
//! times of a log that has been written for days are rougher the older they are. One that was written
//! within a second has no marks of its own: when it was changed last says as much.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ffleet_types::Timestamp;

use super::begin;

/// Marks that are kept: 100 KiB of them.
const MOST: usize = 4_096;
/// Between two marks.
const GRAIN: Duration = Duration::from_secs(1);

/// Where marks are written.
#[derive(Debug)]
enum Lines {
    /// Nowhere before there are two: this is the first, if there is one.
    Later(Option<String>),
    Into(File),
    /// Nowhere any more, for it cannot be done.
    Lost,
}

/// Marks of a log that is written.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    file: Lines,
    last: Option<Timestamp>,
    count: usize,
}

impl Marks {
    /// Begins those of the log at `log`; what was there is gone.
    pub(super) fn create(log: &Path) -> Self {
        let path = beside(log);
        let file = match remove(log) {
            Ok(()) => Lines::Later(None),
            Err(_) => Lines::Lost,
        };
        Self { path, file, last: None, count: 0 }
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
        self.count += 1;
        if let Lines::Later(first) = &mut self.file {
            let Some(first) = first.take() else {
                *first = Some(line);
                return;
            };
            self.file = begin(&self.path).map_or(Lines::Lost, Lines::Into);
            self.write(&first);
        }
        self.write(&line);
    }

    /// A mark that is torn would be read as another.
    fn write(&mut self, line: &str) {
        if let Lines::Into(file) = &mut self.file
            && file.write_all(line.as_bytes()).is_err()
        {
            self.file = Lines::Lost;
        }
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
            .and_then(|()| OpenOptions::new().append(true).open(&self.path).ok())
            .map_or(Lines::Lost, Lines::Into);
    }
}

/// When what was written into the log at `log`: offsets and times, both growing. None for a log that
/// has none.
#[must_use]
pub fn times(log: &Path) -> Vec<(u64, Timestamp)> {
    let marks = fs::read_to_string(beside(log)).map(|text| parse(&text));
    match marks {
        Err(error) if error.kind() == io::ErrorKind::NotFound => within_a_second(log),
        marks => marks.unwrap_or_default(),
    }
}

/// The one mark of a log that has none of its own.
fn within_a_second(log: &Path) -> Vec<(u64, Timestamp)> {
    let changed = fs::metadata(log).and_then(|found| found.modified());
    let since = changed.ok().and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
    let micros = since.and_then(|since| u64::try_from(since.as_micros()).ok());
    micros
        .map(|micros| (0, Timestamp::from_micros(micros)))
        .into_iter()
        .collect()
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
    fn log_of_a_moment_needs_no_marks() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let file = File::create(&log).unwrap();
        Marks::create(&log).mark(0, second(7));
        assert!(!beside(&log).exists());
        file.set_modified(UNIX_EPOCH + Duration::from_secs(7)).unwrap();
        assert_eq!(times(&log), [(0, second(7))]);
    }

    #[test]
    fn torn_mark_is_none() {
        assert_eq!(parse("0 5\n12 600"), [(0, Timestamp::from_micros(5))]);
        assert_eq!(parse("x y\n3 4\n"), [(3, Timestamp::from_micros(4))]);
    }
}
