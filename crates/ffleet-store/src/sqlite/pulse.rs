//! How the store is doing: numbers that the writer leaves for whoever asks.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ffleet_types::Bytes;

use super::writer::{Verb, Writing};
use crate::rows::{Counts, Vitals};

/// Groups that percentiles are taken of.
const WINDOW: usize = 1_024;

/// What the writer last left.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Beats>);

#[derive(Debug)]
struct Beats {
    counts: Counts,
    commits: u64,
    failures: u64,
    calls: u64,
    /// The latest [`WINDOW`] groups, the newest at `commits % WINDOW`.
    recent: Vec<(Duration, usize)>,
}

impl Pulse {
    pub(super) const fn new(counts: Counts) -> Self {
        let beats = Beats { counts, commits: 0, failures: 0, calls: 0, recent: Vec::new() };
        Self(Mutex::new(beats))
    }

    /// The numbers are whole at every moment, so that a panic elsewhere spoils nothing.
    fn lock(&self) -> MutexGuard<'_, Beats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn committed(&self, counts: Counts, calls: usize, took: Duration) {
        let mut beats = self.lock();
        let at = usize::try_from(beats.commits).unwrap_or(0) % WINDOW;
        if at < beats.recent.len() {
            beats.recent[at] = (took, calls);
        } else {
            beats.recent.push((took, calls));
        }
        beats.counts = counts;
        beats.commits += 1;
        beats.calls += calls as u64;
    }

    pub(super) fn failed(&self) {
        self.lock().failures += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(super) fn vitals(&self, database: &Path) -> Vitals {
        let (mut vitals, recent) = {
            let beats = self.lock();
            let vitals = Vitals {
                commits: beats.commits,
                failures: beats.failures,
                calls: beats.calls,
                ..Vitals::default()
            };
            (vitals, beats.recent.clone())
        };
        let (mut times, mut sizes): (Vec<_>, Vec<_>) = recent.into_iter().unzip();
        times.sort_unstable();
        sizes.sort_unstable();
        vitals.commit_p50 = percentile(&times, 50).copied().unwrap_or_default();
        vitals.commit_p99 = percentile(&times, 99).copied().unwrap_or_default();
        vitals.group_p50 = percentile(&sizes, 50).map_or(0, |&size| size as u64);
        vitals.group_p99 = percentile(&sizes, 99).map_or(0, |&size| size as u64);
        // A file that is not there has no size: the log goes when the database is closed.
        let size = |path: &Path| std::fs::metadata(path).map_or(Bytes(0), |file| Bytes(file.len()));
        vitals.database = size(database);
        vitals.wal = size(&database.with_extension("db-wal"));
        vitals
    }
}

/// The least value that `percent` of all reach.
fn percentile<T>(sorted: &[T], percent: usize) -> Option<&T> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1))
}

/// A write that changes nothing of anybody's: whether the store works.
#[derive(Debug)]
pub(super) struct Beat;

impl Verb for Beat {
    type Answer = ();

    fn perform(&self, to: &mut Writing<'_>) -> rusqlite::Result<()> {
        to.conn
            .prepare_cached("UPDATE meta SET value = value + 1 WHERE name = 'beats'")?
            .execute([])
            .map(drop)
    }
}

/// Writes nothing: once it is answered, everything before it is on disk.
#[derive(Debug)]
pub(super) struct Nothing;

impl Verb for Nothing {
    type Answer = ();

    fn perform(&self, _to: &mut Writing<'_>) -> rusqlite::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<_> = (1..=200).collect();
        assert_eq!(percentile(&values, 50), Some(&100));
        assert_eq!(percentile(&values, 99), Some(&198));
        assert_eq!(percentile(&[7], 99), Some(&7));
        assert_eq!(percentile::<u8>(&[], 50), None);
    }

    #[test]
    fn window_forgets_the_oldest_groups() {
        let pulse = Pulse::new(Counts::default());
        for _ in 0..WINDOW {
            pulse.committed(Counts::default(), 1, Duration::from_secs(9));
        }
        for _ in 0..WINDOW {
            pulse.committed(Counts::default(), 64, Duration::from_millis(1));
        }
        let vitals = pulse.vitals(Path::new("/nonexistent/ffleet.db"));
        assert_eq!((vitals.commit_p99, vitals.group_p50), (Duration::from_millis(1), 64));
        assert_eq!((vitals.commits, vitals.calls), (2_048, 65 * 1_024));
    }
}
