//! What came of it: how many, how long they waited, how fair it was, and what must not be and was.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ffleet_types::job::Class;
use ffleet_types::task::State;
use serde::Serialize;

use crate::scenario::Scenario;
use crate::watch::Violation;
use crate::work::{self, Job};

/// How long things took, in steps of a sixteenth: what a quantile is read from without keeping every one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    counts: BTreeMap<u32, u64>,
    all: u64,
    longest: Duration,
}

impl Spread {
    pub(crate) fn add(&mut self, span: Duration) {
        *self.counts.entry(step(span)).or_default() += 1;
        self.all += 1;
        self.longest = self.longest.max(span);
    }

    /// The time within which so many hundredths of them were done; a sixteenth too much at most.
    fn within(&self, hundredths: u64) -> Duration {
        let rank = (self.all * hundredths).div_ceil(100).max(1);
        let mut seen = 0;
        for (&step, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return end(step).min(self.longest);
            }
        }
        self.longest
    }

    fn waits(&self, who: String) -> Waits {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Waits {
            who,
            jobs: self.all,
            p50_ms: millis(self.within(50)),
            p99_ms: millis(self.within(99)),
            longest_ms: millis(self.longest),
        }
    }
}

/// The number of the step that a time is in: sixteen to each doubling of a millisecond.
fn step(span: Duration) -> u32 {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let Some(log) = millis.checked_ilog2().filter(|&log| log >= 4) else {
        return u32::try_from(millis).unwrap_or(0);
    };
    let inside = u32::try_from((millis >> (log - 4)) & 15).unwrap_or(0);
    (log - 3) * 16 + inside
}

/// The longest time in a step.
fn end(step: u32) -> Duration {
    let millis = match step / 16 {
        0 => u64::from(step),
        above => ((u64::from(step % 16) + 17) << (above - 1)) - 1,
    };
    Duration::from_millis(millis)
}

/// What is counted while it runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) retried: u64,
    pub(crate) reclaimed: u64,
    pub(crate) declined: u64,
    pub(crate) settled: u64,
    pub(crate) takeovers: u64,
    pub(crate) stale: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    ends: BTreeMap<&'static str, u64>,
    by_class: BTreeMap<Class, Spread>,
    by_tenant: BTreeMap<u8, Spread>,
    /// CPU that each tenant holds by class, in thousandths, and how many of its smallest jobs wait: those go
    /// wherever anything does, so that it has no less than its share for want of room.
    held: BTreeMap<(Class, u8), u64>,
    waiting: BTreeMap<(Class, u8), u64>,
    /// What tenants held for their weight, over the seconds in which all of them waited.
    shared: BTreeMap<(Class, u8), u64>,
    /// A tenant's quota of CPU; nothing where it has none.
    quotas: BTreeMap<u8, u64>,
}

impl Tally {
    pub(crate) fn new(quotas: BTreeMap<u8, u64>) -> Self {
        Self { quotas, ..Self::default() }
    }

    pub(crate) fn accepted(&mut self, job: &Job) {
        self.waits(job, true);
    }

    fn waits(&mut self, job: &Job, more: bool) {
        if job.recipe == 0 {
            let waiting = self.waiting.entry((job.class, job.tenant)).or_default();
            *waiting = if more { *waiting + 1 } else { waiting.saturating_sub(1) };
        }
    }

    pub(crate) fn waited(&mut self, job: &Job, span: Duration) {
        self.by_class.entry(job.class).or_default().add(span);
        self.by_tenant.entry(job.tenant).or_default().add(span);
    }

    pub(crate) fn holds(&mut self, job: &Job, starts: bool) {
        let cpu = u64::from(work::need(job.recipe).cpu.0);
        let held = self.held.entry((job.class, job.tenant)).or_default();
        *held = if starts { *held + cpu } else { held.saturating_sub(cpu) };
        self.waits(job, !starts);
    }

    pub(crate) fn ended(&mut self, job: &Job, state: State) {
        *self.ends.entry(state.name()).or_default() += 1;
        self.waits(job, false);
    }

    /// What a tenant holds of CPU, and what it may.
    pub(crate) fn quota(&self, tenant: u8) -> (u64, u64) {
        let held = self.held.iter().filter(|((_, of), _)| *of == tenant);
        let held = held.map(|(_, held)| held).sum();
        (held, self.quotas.get(&tenant).copied().unwrap_or(u64::MAX))
    }

    /// Looks at what tenants hold beside each other, once a second.
    pub(crate) fn look(&mut self, weights: &BTreeMap<u8, u64>) {
        for &class in Class::ALL {
            let free: Vec<u8> = weights
                .keys()
                .copied()
                .filter(|tenant| !self.quotas.contains_key(tenant))
                .collect();
            // A tenant that has little waiting gets what it asks for, whatever its share is.
            let waits = |tenant: &u8| self.waiting.get(&(class, *tenant)).is_some_and(|&n| n >= 8);
            if !free.iter().all(waits) {
                continue;
            }
            for tenant in free {
                let held = self.held.get(&(class, tenant)).copied().unwrap_or(0);
                let shared = self.shared.entry((class, tenant)).or_default();
                *shared += held * 1_000 / weights[&tenant];
            }
        }
    }

    /// Jain's index of what tenants held for their weight, over the classes in which they waited: 1 is even.
    #[expect(clippy::cast_precision_loss, reason = "an index of three digits")]
    fn fairness(&self) -> Option<f64> {
        let mut sums = (0.0, 0.0);
        for class in Class::ALL {
            let of = self.shared.iter().filter(|((one, _), _)| one == class);
            let shares: Vec<f64> = of.map(|(_, &held)| held as f64).collect();
            let sum: f64 = shares.iter().sum();
            let squares: f64 = shares.iter().map(|share| share * share).sum();
            if squares > 0.0 {
                let index = sum * sum / (shares.len() as f64 * squares);
                sums = (sums.0 + index * sum, sums.1 + sum);
            }
        }
        (sums.1 > 0.0).then(|| sums.0 / sums.1)
    }
}

/// How long jobs waited for their first node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Waits {
    /// Of which class or tenant.
    pub who: String,
    /// How many there were.
    pub jobs: u64,
    /// Half of them waited for no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 did.
    pub p99_ms: u64,
    /// All of them did.
    pub longest_ms: u64,
}

/// What came of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// What was simulated.
    pub scenario: Scenario,
    /// How long it would have taken, in seconds.
    pub seconds: u64,
    /// Jobs that ended in one second, on the average.
    pub jobs_per_second: f64,
    /// How many jobs ended how.
    pub ends: BTreeMap<&'static str, u64>,
    /// How much of what went wrong there was.
    pub faults: BTreeMap<&'static str, u64>,
    /// Attempts that were tried again.
    pub retried: u64,
    /// Attempts that were taken from silent nodes.
    pub reclaimed: u64,
    /// Attempts that nodes have declined.
    pub declined: u64,
    /// Results that were published in the place of silent nodes.
    pub settled: u64,
    /// How often the planner's office was taken.
    pub takeovers: u64,
    /// Reports that were refused because somebody else holds the task.
    pub stale: u64,
    /// How long jobs waited, by class.
    pub classes: Vec<Waits>,
    /// The same by tenant.
    pub tenants: Vec<Waits>,
    /// Jain's index of what tenants held for their weight, where all of them waited: 1 is even; nothing where they
    /// never did.
    pub fairness: Option<f64>,
    /// How often something was checked that must hold.
    pub checks: u64,
    /// How often it did not.
    pub violated: u64,
    /// The first of those.
    pub violations: Vec<Violation>,
    /// What to type to have the same again.
    pub replay: String,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "a rate of three digits")]
    pub(crate) fn new(
        scenario: Scenario,
        tally: Tally,
        names: &BTreeMap<u8, String>,
        took: Duration,
    ) -> Self {
        let ended: u64 = tally.ends.values().sum();
        let seconds = took.as_secs();
        let class = |(class, spread): (&Class, &Spread)| spread.waits(class.to_string());
        let tenant = |(tenant, spread): (&u8, &Spread)| {
            spread.waits(names.get(tenant).cloned().unwrap_or_default())
        };
        Self {
            replay: scenario.replay(),
            scenario,
            seconds,
            jobs_per_second: ended as f64 / took.as_secs_f64().max(1.0),
            classes: tally.by_class.iter().map(class).collect(),
            tenants: tally.by_tenant.iter().map(tenant).collect(),
            fairness: tally.fairness(),
            ends: tally.ends,
            faults: tally.faults,
            retried: tally.retried,
            reclaimed: tally.reclaimed,
            declined: tally.declined,
            settled: tally.settled,
            takeovers: tally.takeovers,
            stale: tally.stale,
            checks: 0,
            violated: 0,
            violations: Vec::new(),
        }
    }

    /// Whether everything held that must.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.violated == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { nodes, jobs, seed, faults, load, .. } = &self.scenario;
        writeln!(f, "{nodes} nodes, {jobs} jobs, load {load} %, faults {faults}, seed {seed}")?;
        writeln!(
            f,
            "took {} s of its own time: {:.1} jobs a second",
            self.seconds, self.jobs_per_second
        )?;
        let counts = |counts: &BTreeMap<&'static str, u64>| {
            let each = counts.iter().map(|(what, count)| format!("{count} {what}"));
            each.collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "ended: {}", counts(&self.ends))?;
        if !self.faults.is_empty() {
            writeln!(f, "faults: {}", counts(&self.faults))?;
        }
        writeln!(
            f,
            "attempts: {} tried again, {} taken from silent nodes, {} declined, {} settled; {} stale reports; \
             the office was taken {} times",
            self.retried, self.reclaimed, self.declined, self.settled, self.stale, self.takeovers
        )?;
        writeln!(
            f,
            "\n{:<14} {:>9} {:>10} {:>10} {:>10}",
            "waited", "jobs", "p50", "p99", "longest"
        )?;
        for Waits { who, jobs, p50_ms, p99_ms, longest_ms } in
            self.classes.iter().chain(&self.tenants)
        {
            let [p50, p99, longest] = [p50_ms, p99_ms, longest_ms].map(|&ms| seconds(ms));
            writeln!(f, "{who:<14} {jobs:>9} {p50:>10} {p99:>10} {longest:>10}")?;
        }
        match self.fairness {
            Some(index) => writeln!(f, "\nfairness between tenants: {index:.3} (1 is even)")?,
            None => writeln!(f, "\nfairness between tenants: nobody waited beside others")?,
        }
        writeln!(f, "checks: {}, violated: {}", self.checks, self.violated)?;
        for Violation { second, what } in &self.violations {
            writeln!(f, "  second {second}: {what}")?;
        }
        if !self.holds() {
            writeln!(f, "again: {}", self.replay)?;
        }
        Ok(())
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_a_sixteenth_too_long_at_most() {
        let mut spread = Spread::default();
        (1..=10_000).for_each(|millis| spread.add(Duration::from_millis(millis)));
        for (hundredths, exact) in [(50, 5_000), (99, 9_900), (100, 10_000)] {
            let read = u64::try_from(spread.within(hundredths).as_millis()).unwrap();
            assert!((exact..=exact + exact / 16).contains(&read), "{read} for {exact}");
        }
        for millis in [0, 1, 15, 16, 17, 31, 32, 1_000, 123_456_789] {
            let span = Duration::from_millis(millis);
            assert!(end(step(span)) >= span, "{millis}");
            assert!(step(span) == 0 || end(step(span) - 1) < span, "{millis}");
        }
    }
}
