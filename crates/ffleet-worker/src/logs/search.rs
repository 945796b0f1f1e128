//! Looks for lines in the logs of all children.
//!
//! The logs are read from the oldest on, each from the mark before the wanted time, and the first lines by
//! time are kept: as many as were asked for, and one more to know whether there are more. Logs that
//! begin after the last of them are not read. What is read is bounded, and so is a line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use ffleet_api::bench::{Found, Line, Place, Search};
use ffleet_guard::log::{self, times};
use ffleet_telemetry::redact;
use ffleet_types::{AttemptId, Fence, JobId, TaskId, Timestamp};

use super::Logs;

/// What one search reads at most.
const MOST: u64 = 64 << 20;
/// What is read of a log at once.
const PIECE: usize = 256 << 10;
/// The longest line that is told, in characters; the rest of it is left out.
const LONGEST: usize = 4_000;
/// A last line without its end is not told before its log is this old, in microseconds: the rest of it may
/// come.
const SETTLED: u64 = 10_000_000;

/// By how much the time that a file system notes may be behind the clock: it is a tick's.
const STAMPS: Duration = Duration::from_secs(1);

/// The log of a child.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    attempt: AttemptId,
    child: u32,
    phase: String,
    /// When was written what follows an offset.
    times: Vec<(u64, Timestamp)>,
    /// When it was last written to.
    changed: Timestamp,
}

/// A search under way.
struct Hunt<'a> {
    search: &'a Search,
    /// The text in small letters.
    text: String,
    now: Timestamp,
    found: BTreeMap<Place, Line>,
    read: u64,
}

impl Logs {
    /// Carries out `search`. Blocks.
    pub(crate) fn search(&self, search: &Search, now: Timestamp) -> io::Result<Found> {
        let mut logs = self.candidates(search)?;
        logs.sort_by_key(|log| (log.begins(), log.attempt, log.child));
        let text = search.text.to_lowercase();
        let mut hunt = Hunt { search, text, now, found: BTreeMap::new(), read: 0 };
        let mut complete = true;
        for log in &logs {
            if hunt.is_full_before(log.begins()) {
                break;
            }
            if hunt.read >= MOST {
                complete = false;
                break;
            }
            hunt.read(log)?;
        }
        let more = hunt.found.len() > search.limit;
        let lines = hunt.found.into_values().take(search.limit).collect();
        Ok(Found { lines, more, complete })
    }

    /// The logs in which there may be something.
    fn candidates(&self, search: &Search) -> io::Result<Vec<Log>> {
        let jobs = match search.job {
            Some(job) => vec![job],
            None => fs::read_dir(&self.root)?
                .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
                .collect(),
        };
        let since = search.after.map_or(search.since, |after| after.at.max(search.since));
        let wanted = |log: &Log| {
            search.attempt.is_none_or(|fence| log.attempt.fence == fence)
                && log.begins() <= search.until
        };
        let logs = jobs.into_iter().flat_map(|job| self.of_job(job, since));
        Ok(logs.filter(wanted).collect())
    }

    /// The logs of a job that were written to at `since` or later.
    fn of_job(&self, job: JobId, since: Timestamp) -> Vec<Log> {
        let dir = self.root.join(job.to_string());
        let log = |(name, changed): (String, Timestamp)| {
            let (attempt, child, phase) = named(job, &name)?;
            let path = dir.join(&name);
            Some(Log { times: times(&path), path, attempt, child, phase, changed })
        };
        let logs = changes(&dir)
            .into_iter()
            .filter(|&(_, changed)| changed.after(STAMPS) >= since);
        logs.filter_map(log).collect()
    }
}

/// What the name of a log says: `INDEX.FENCE-SERIAL-PHASE.log`.
fn named(job: JobId, name: &str) -> Option<(AttemptId, u32, String)> {
    let mut parts = name.strip_suffix(".log")?.splitn(3, '-');
    let (index, fence) = parts.next()?.split_once('.')?;
    let task = TaskId { index: index.parse().ok()?, ..TaskId::whole(job) };
    let fence = Fence::from_u64(fence.parse().ok()?);
    let child = parts.next()?.parse().ok()?;
    Some((AttemptId { task, fence }, child, parts.next()?.to_owned()))
}

/// The logs in a directory by name, each with the time at which any of its segments was last written
/// to. A job that was just pruned has none.
fn changes(dir: &Path) -> BTreeMap<String, Timestamp> {
    let mut logs = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let read = || {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let (base, _) = name.split_once(".log")?;
            let changed = entry.metadata().ok()?.modified().ok()?;
            let since = changed.duration_since(UNIX_EPOCH).ok()?;
            Some((format!("{base}.log"), Timestamp::EPOCH.after(since)))
        };
        if let Some((name, changed)) = read() {
            let last = logs.entry(name).or_insert(changed);
            *last = changed.max(*last);
        }
    }
    logs
}

impl Log {
    /// When it begins. One of an earlier version says no times: all of it is as old as its last word.
    fn begins(&self) -> Timestamp {
        self.times.first().map_or(self.changed, |&(_, at)| at)
    }

    /// When the line at `offset` was begun.
    fn time(&self, offset: u64) -> Timestamp {
        let before = self.times.partition_point(|&(from, _)| from <= offset);
        match before.checked_sub(1) {
            Some(mark) => self.times[mark].1,
            None => self.begins(),
        }
    }

    /// An offset before which everything was written before `time`.
    fn offset(&self, time: Timestamp) -> u64 {
        let before = self.times.partition_point(|&(_, at)| at < time);
        before.checked_sub(1).map_or(0, |mark| self.times[mark].0)
    }
}

impl Hunt<'_> {
    /// Whether nothing that was written at `time` or later can be among the first lines.
    fn is_full_before(&self, time: Timestamp) -> bool {
        self.found.len() > self.search.limit
            && self.found.last_key_value().is_some_and(|(last, _)| last.at < time)
    }

    fn read(&mut self, log: &Log) -> io::Result<()> {
        let since = self
            .search
            .after
            .map_or(self.search.since, |at| at.at.max(self.search.since));
        let mut offset = log.offset(since);
        // A mark may lie within a line; that one was begun before it.
        let mut cut = offset > 0;
        let mut begun = Vec::new();
        while self.read < MOST {
            let chunk = match log::read(&log.path, offset, PIECE) {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            };
            if chunk.offset != offset {
                // What lay between is not kept.
                begun.clear();
                cut = true;
            }
            if chunk.bytes.is_empty() {
                if !begun.is_empty() && !cut && self.is_settled(log) {
                    self.take(log, chunk.offset - begun.len() as u64, &begun);
                }
                return Ok(());
            }
            self.read += chunk.bytes.len() as u64;
            offset = chunk.next();
            let mut at = chunk.offset - begun.len() as u64;
            begun.extend_from_slice(&chunk.bytes);
            let mut from = 0;
            while let Some(length) = begun[from..].iter().position(|&byte| byte == b'\n') {
                let line = &begun[from..from + length];
                let begins = at;
                at += length as u64 + 1;
                from += length + 1;
                if std::mem::take(&mut cut) {
                    continue;
                }
                let time = log.time(begins);
                if time > self.search.until || self.is_full_before(time) {
                    return Ok(());
                }
                let line = line.to_vec();
                self.take(log, begins, &line);
            }
            begun.drain(..from);
            if begun.len() > PIECE {
                // Nobody's line is that long.
                begun.clear();
                cut = true;
            }
        }
        Ok(())
    }

    fn is_settled(&self, log: &Log) -> bool {
        self.now.as_micros().saturating_sub(log.changed.as_micros()) > SETTLED
    }

    /// Keeps a line that is wanted, and lets go of the last one where there are too many.
    fn take(&mut self, log: &Log, offset: u64, line: &[u8]) {
        let at = log.time(offset);
        let place = Place { at, attempt: log.attempt, child: log.child, offset };
        let search = self.search;
        if at < search.since || at > search.until || search.after.is_some_and(|it| place <= it) {
            return;
        }
        let text = String::from_utf8_lossy(line);
        let text = redact(text.trim_end_matches('\r'));
        if text.is_empty() || !text.to_lowercase().contains(&self.text) {
            return;
        }
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.into_owned(),
        };
        self.found.insert(place, Line { place, phase: log.phase.clone(), text });
        // One more than is answered says that there are more.
        if self.found.len() > search.limit + 1 {
            self.found.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(4_000_000_000_000);

    fn second(number: u64) -> Timestamp {
        Timestamp::from_millis(number * 1_000)
    }

    fn attempt(job: u128, fence: u64) -> AttemptId {
        let task = TaskId::whole(JobId::from_bits(job));
        AttemptId { task, fence: Fence::from_u64(fence) }
    }

    /// Writes a log of lines, each with the second in which it was written.
    fn write(logs: &Logs, attempt: AttemptId, child: u32, phase: &str, lines: &[(u64, &str)]) {
        let path = logs.path(attempt, child, phase).unwrap();
        let (mut text, mut marks) = (String::new(), String::new());
        for &(at, line) in lines {
            writeln!(marks, "{} {}", text.len(), second(at).as_micros()).unwrap();
            text += line;
            text += "\n";
        }
        ffleet_base::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
        let beside = format!("{}.times", path.display());
        ffleet_base::write_atomic(beside.as_ref(), marks.as_bytes(), 0o600).unwrap();
    }

    fn all() -> Search {
        Search {
            job: None,
            attempt: None,
            since: Timestamp::EPOCH,
            until: NOW,
            text: String::new(),
            after: None,
            limit: 100,
        }
    }

    fn texts(found: &Found) -> Vec<&str> {
        found.lines.iter().map(|line| line.text.as_str()).collect()
    }

    fn home() -> (tempfile::TempDir, Logs) {
        let home = tempfile::tempdir().unwrap();
        let logs = Logs::open(home.path()).unwrap();
        write(&logs, attempt(1, 1), 1, "probe", &[(10, "one"), (10, "two")]);
        write(&logs, attempt(1, 1), 2, "encode", &[(11, "Three"), (30, "late")]);
        write(
            &logs,
            attempt(2, 1),
            1,
            "encode",
            &[(12, "four https://h/x?token=hush"), (13, "")],
        );
        write(&logs, attempt(2, 5), 1, "verify", &[(20, "five")]);
        (home, logs)
    }

    #[test]
    fn lines_of_all_children_come_in_the_order_of_their_times() {
        let (_home, logs) = home();
        let found = logs.search(&all(), NOW).unwrap();
        let expected = ["one", "two", "Three", "four https://h/x?token=***", "five", "late"];
        assert_eq!(texts(&found), expected);
        assert!(found.complete && !found.more);
        let three = &found.lines[2];
        assert_eq!((three.place.attempt, three.place.child), (attempt(1, 1), 2));
        assert_eq!((three.place.at, &*three.phase), (second(11), "encode"));
    }

    #[test]
    fn search_is_narrowed_by_job_attempt_time_and_text() {
        let (_home, logs) = home();
        let of_two = Search { job: Some(JobId::from_bits(2)), ..all() };
        assert_eq!(texts(&logs.search(&of_two, NOW).unwrap()).len(), 2);
        let fifth = Search { attempt: Some(Fence::from_u64(5)), ..of_two };
        assert_eq!(texts(&logs.search(&fifth, NOW).unwrap()), ["five"]);
        let between = Search { since: second(11), until: second(19), ..all() };
        assert_eq!(texts(&logs.search(&between, NOW).unwrap()).len(), 2);
        let text = |text: &str| Search { text: text.into(), ..all() };
        assert_eq!(texts(&logs.search(&text("tHREE"), NOW).unwrap()), ["Three"]);
        assert!(logs.search(&text("hush"), NOW).unwrap().lines.is_empty(), "it is a secret");
        let nobody = Search { job: Some(JobId::from_bits(9)), ..all() };
        assert!(logs.search(&nobody, NOW).unwrap().lines.is_empty());
    }

    #[test]
    fn pages_hold_everything_once() {
        let (_home, logs) = home();
        let whole = logs.search(&all(), NOW).unwrap();
        for limit in 1..7 {
            let (mut lines, mut after) = (Vec::new(), None);
            loop {
                let page = logs.search(&Search { limit, after, ..all() }, NOW).unwrap();
                assert!(page.lines.len() <= limit);
                after = page.lines.last().map(|line| line.place);
                lines.extend(page.lines);
                if !page.more {
                    break;
                }
            }
            assert_eq!(lines, whole.lines, "{limit} a page");
        }
    }

    #[test]
    fn file_stamped_a_moment_before_its_last_line_is_read() {
        let (_home, logs) = home();
        let id = attempt(3, 1);
        let path = logs.path(id, 1, "encode").unwrap();
        write(&logs, id, 1, "encode", &[(40, "x"), (40, "y")]);
        let stamp = changes(path.parent().unwrap())["0.1-1-encode.log"];
        let at = stamp.after(Duration::from_millis(4));
        let marks = format!("0 {}\n", at.as_micros());
        let beside = format!("{}.times", path.display());
        ffleet_base::write_atomic(beside.as_ref(), marks.as_bytes(), 0o600).unwrap();
        let after = Some(Place { at, attempt: id, child: 1, offset: 0 });
        let search = Search { job: Some(id.task.job), after, ..all() };
        assert_eq!(texts(&logs.search(&search, NOW).unwrap()), ["y"]);
    }

    #[test]
    fn line_that_is_being_written_is_told_once_it_is_whole() {
        let (_home, logs) = home();
        let path = logs.path(attempt(3, 1), 1, "encode").unwrap();
        ffleet_base::write_atomic(&path, b"whole\nhalf", 0o600).unwrap();
        let search = Search { job: Some(JobId::from_bits(3)), ..all() };
        let fresh = changes(path.parent().unwrap())["0.1-1-encode.log"];
        assert_eq!(texts(&logs.search(&search, fresh).unwrap()), ["whole"]);
        assert_eq!(texts(&logs.search(&search, NOW).unwrap()), ["whole", "half"]);
    }

    #[test]
    fn endless_line_is_cut_and_a_longer_one_left_out() {
        let (_home, logs) = home();
        let path = logs.path(attempt(3, 1), 1, "encode").unwrap();
        let text = format!("{}\n{}\nend\n", "é".repeat(5_000), "y".repeat(2 * PIECE));
        ffleet_base::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
        let search = Search { job: Some(JobId::from_bits(3)), ..all() };
        let found = logs.search(&search, NOW).unwrap();
        assert_eq!(texts(&found).len(), 2);
        assert_eq!(found.lines[0].text.chars().count(), LONGEST + 1);
        assert_eq!(found.lines[1].text, "end");
    }
}
