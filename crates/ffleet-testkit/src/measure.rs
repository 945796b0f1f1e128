//! Measurements against promises, and what they are made of.
//!
//! A bench measures something in several rounds and prints one [`Row`] of a Markdown table for
//! it: the median of the rounds, the lowest and the highest of them, the bound, and whether the
//! median keeps it. Nothing is thrown away and nothing is averaged.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// It must not be more.
    AtMost(f64),
    /// It must not be less.
    AtLeast(f64),
    /// Nothing is promised: it helps to read the others.
    Open,
}

/// One line of the results.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    unit: &'static str,
    bound: Bound,
    /// One figure a round, ascending.
    rounds: Vec<f64>,
}

impl Row {
    /// What came of the rounds, of which there must be one at least.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: &'static str, bound: Bound, rounds: &[f64]) -> Self {
        assert!(!rounds.is_empty(), "nothing was measured");
        let mut rounds = rounds.to_vec();
        rounds.sort_unstable_by(f64::total_cmp);
        Self { what: what.into(), unit, bound, rounds }
    }

    /// The median of the rounds; the lower of the two in the middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.rounds[(self.rounds.len() - 1) / 2]
    }

    /// Whether the median keeps the bound.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.median() <= most,
            Bound::AtLeast(least) => self.median() >= least,
            Bound::Open => true,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, unit, bound, rounds } = self;
        let number = |value| Number(value).to_string();
        let (first, last) = (rounds[0], rounds[rounds.len() - 1]);
        let spread = match rounds.len() {
            1 => "one run".to_owned(),
            count => format!("{}–{}, {count} runs", number(first), number(last)),
        };
        let (bound, word) = match bound {
            Bound::AtMost(most) => (format!("≤ {} {unit}", number(*most)), self.word()),
            Bound::AtLeast(least) => (format!("≥ {} {unit}", number(*least)), self.word()),
            Bound::Open => ("–".to_owned(), ""),
        };
        let (median, bound) = (number(self.median()), bound.trim_end());
        let measured = format!("{median} {unit}");
        write!(f, "| {what} | **{}** ({spread}) | {bound} | {word} |", measured.trim_end())
    }
}

impl Row {
    fn word(&self) -> &'static str {
        if self.is_kept() { "kept" } else { "**MISSED**" }
    }
}

/// Three digits that say something, and thousands apart.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        let digits = match value.abs() {
            small if small < 9.995 => 3,
            small if small < 99.95 => 2,
            small if small < 999.5 => 1,
            _ => 0,
        };
        let text = format!("{value:.digits$}");
        let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let rest = rest.trim_end_matches('0').trim_end_matches('.');
        for (index, digit) in whole.chars().enumerate() {
            let left = whole.len() - index;
            if index > 0 && left.is_multiple_of(3) && digit.is_ascii_digit() {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(rest)
    }
}

/// The value below which `share` (0 to 1) of `sorted` lies, by the nearest rank.
///
/// # Panics
///
/// If there are no values.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank among what fits in memory"
)]
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// A span in milliseconds.
#[must_use]
pub fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

/// Resident memory of a process, in bytes.
///
/// # Errors
///
/// If there is no such process.
pub fn resident(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
        .map(|kib: u64| kib << 10)
        .ok_or_else(|| io::Error::other(format!("process {pid} has no memory")))
}

/// CPU time that the living threads of a process have used, to the nanosecond: the scheduler's
/// own account, where `/proc/PID/stat` has ticks of 10 ms.
///
/// # Errors
///
/// If there is no such process, or the kernel keeps no such account.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look.
        let Ok(account) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let used: Option<u64> = account.split(' ').next().and_then(|used| used.parse().ok());
        sum += used.ok_or_else(|| io::Error::other("the kernel keeps no schedstat"))?;
    }
    Ok(Duration::from_nanos(sum))
}

/// What a command took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From its start to its end.
    pub wall: Duration,
    /// CPU time, its descendants' included.
    pub cpu: Duration,
}

/// CPU time of all children of this process that have ended, in ticks of 10 ms (`proc(5)`: cutime
/// and cstime; USER_HZ is 100 on every architecture that FFmpeg is packaged for).
///
/// # Errors
///
/// If there is no `/proc`.
pub fn children_cpu() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = stat.rsplit_once(')').and_then(|(_, fields)| {
        let mut ticks = fields.split_whitespace().skip(13).map(str::parse::<u64>);
        Some(ticks.next()?.ok()? + ticks.next()?.ok()?)
    });
    let ticks = ticks.ok_or_else(|| io::Error::other("/proc/self/stat has no cutime"))?;
    Ok(Duration::from_millis(ticks * 10))
}

/// How long the disk below `dir` takes for an append of 4 KiB to be there: times, ascending.
///
/// # Errors
///
/// If nothing can be written there.
pub fn sync_times(dir: &Path, count: usize) -> io::Result<Vec<Duration>> {
    let path = dir.join("sync-latency");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&[7; 4_096])?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_says_median_spread_bound_and_verdict() {
        let row = Row::new("submits", "/s", Bound::AtLeast(15_000.0), &[20_000.0, 14_000.0, 17e3]);
        assert_eq!(
            row.to_string(),
            "| submits | **17,000 /s** (14,000–20,000, 3 runs) | ≥ 15,000 /s | kept |"
        );
        let row = Row::new("wait", "ms", Bound::AtMost(10.0), &[10.25]);
        assert_eq!(row.to_string(), "| wait | **10.25 ms** (one run) | ≤ 10 ms | **MISSED** |");
        let row = Row::new("sync", "ms", Bound::Open, &[0.25, 0.5]);
        assert_eq!(row.to_string(), "| sync | **0.25 ms** (0.25–0.5, 2 runs) | – |  |");
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.017_9, "1.018"),
            (99.96, "100"),
            (999.6, "1,000"),
            (12_345.6, "12,346"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(Number(value).to_string(), text);
        }
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let ranks = [0.0, 0.5, 0.99, 1.0].map(|share| quantile(&times, share).as_millis());
        assert_eq!(ranks, [1, 50, 99, 100]);
        assert_eq!(quantile(&times[..1], 0.99), times[0]);
    }

    #[test]
    fn a_process_has_memory_and_uses_its_cpu() {
        let pid = std::process::id();
        assert!(resident(pid).unwrap() > 1 << 20);
        let before = cpu_time(pid).unwrap();
        let begun = Instant::now();
        let mut sum = 0_u64;
        while begun.elapsed() < Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(cpu_time(pid).unwrap() > before, "{sum}");
        resident(u32::MAX).unwrap_err();
    }

    #[test]
    fn the_disk_takes_its_time() {
        let dir = std::env::temp_dir();
        let times = sync_times(&dir, 3).unwrap();
        assert!(times.len() == 3 && times.is_sorted());
    }
}
