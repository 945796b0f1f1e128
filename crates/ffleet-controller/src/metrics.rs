//! What is counted, in the OpenMetrics text format. Labels are bounded: states, reasons, routes
//! and statuses, and of the names that an operator gives feeds and streams so many and no more.

mod children;
mod encoders;
mod live;
mod outputs;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use ffleet_api::live::{Feed, Stream};
use ffleet_store::Store;
use ffleet_types::attempt::Usage;
use ffleet_types::node::State as NodeState;
use ffleet_types::sample::Load;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::children::Children;

/// Bounds of the histograms of waits, in seconds: 0.5 ms to 1 h.
const WAITS: [f64; 16] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 1_800.0,
    3_600.0,
];

/// Bounds of histograms of shares.
const SHARES: [f64; 7] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
/// How long an attempt lasts whose threads have been sampled while it had all of them, in
/// microseconds.
const LONG_ENOUGH: u64 = 3_000_000;

type Number = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabel {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuantileLabel {
    quantile: &'static str,
}

/// What is not counted here but looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// The state of each node.
    pub(crate) nodes: &'a [NodeState],
    /// How many read the stream of events.
    pub(crate) watchers: usize,
    /// All feeds, by name.
    pub(crate) feeds: &'a [Feed],
    /// All streams, by name.
    pub(crate) streams: &'a [Stream],
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    jobs: Family<StateLabel, Gauge>,
    nodes: Family<StateLabel, Gauge>,
    watchers: Gauge,
    commits: Family<QuantileLabel, Number>,
    groups: Family<QuantileLabel, Number>,
    database: Gauge,
    wal: Gauge,
    resident: Gauge,
    cpu: Number,
    submits: Family<ResultLabel, Counter>,
    submit_seconds: Histogram,
    waits: Histogram,
    attempts: Family<OutcomeLabel, Counter>,
    predictions: Family<ResultLabel, Counter>,
    thread_errors: Histogram,
    memory_predictions: Family<ResultLabel, Counter>,
    memory_errors: Histogram,
    requests: Family<RouteLabel, Counter>,
    plans: Histogram,
    children: Children,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            jobs: Family::default(),
            nodes: Family::default(),
            watchers: Gauge::default(),
            commits: Family::default(),
            groups: Family::default(),
            database: Gauge::default(),
            wal: Gauge::default(),
            resident: Gauge::default(),
            cpu: Number::default(),
            submits: Family::default(),
            submit_seconds: Histogram::new(WAITS),
            waits: Histogram::new(WAITS),
            attempts: Family::default(),
            predictions: Family::default(),
            thread_errors: Histogram::new(SHARES),
            memory_predictions: Family::default(),
            memory_errors: Histogram::new(SHARES),
            requests: Family::default(),
            plans: Histogram::new(WAITS),
            children: Children::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        self.children.register(r);
        r.register("ffleet_jobs", "Jobs by state", self.jobs.clone());
        r.register("ffleet_nodes", "Nodes by state", self.nodes.clone());
        r.register("ffleet_http_watchers", "Readers of the event stream", self.watchers.clone());
        r.register("ffleet_job_submits", "Submissions by result", self.submits.clone());
        r.register("ffleet_attempt_ends", "Attempts by how they ended", self.attempts.clone());
        r.register("ffleet_http_requests", "Requests by route", self.requests.clone());
        r.register(
            "ffleet_engine_thread_predictions",
            "Attempts whose most threads were, were above or were below what was predicted, give or take 2 or a tenth",
            self.predictions.clone(),
        );
        r.register_with_unit(
            "ffleet_engine_thread_prediction_error",
            "How far an attempt's most threads were from what was predicted",
            Unit::Ratios,
            self.thread_errors.clone(),
        );
        r.register(
            "ffleet_engine_memory_predictions",
            "Attempts whose largest resident set was, was above or was below what was predicted, give or take a quarter",
            self.memory_predictions.clone(),
        );
        r.register_with_unit(
            "ffleet_engine_memory_prediction_error",
            "How far an attempt's largest resident set was from what was predicted",
            Unit::Ratios,
            self.memory_errors.clone(),
        );
        let seconds = [
            (
                "ffleet_job_submit",
                "From a submission's arrival to its being on disk",
                &self.submit_seconds,
            ),
            ("ffleet_job_wait", "From acceptance to the first assignment", &self.waits),
            ("ffleet_plan", "Time that a plan and its writes took", &self.plans),
        ];
        for (name, help, histogram) in seconds {
            r.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        }
        let (commits, groups) = (self.commits.clone(), self.groups.clone());
        r.register_with_unit(
            "ffleet_store_commit",
            "Time to disk of the last 1,024 commits",
            Unit::Seconds,
            commits,
        );
        r.register("ffleet_store_group_calls", "Calls in the last 1,024 commits", groups);
        let sizes = [
            ("ffleet_store_database", "Size of the database", &self.database),
            ("ffleet_store_wal", "Size of its write-ahead log", &self.wal),
            (
                "ffleet_process_resident_memory",
                "Resident memory of this process",
                &self.resident,
            ),
        ];
        for (name, help, gauge) in sizes {
            r.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        }
        let cpu = self.cpu.clone();
        r.register_with_unit("ffleet_process_cpu", "CPU time of this process", Unit::Seconds, cpu);
    }

    pub(crate) fn submitted(&self, result: &'static str, took: Duration) {
        self.submits.get_or_create(&ResultLabel { result }).inc();
        self.submit_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn assigned(&self, waited: Duration) {
        self.waits.observe(waited.as_secs_f64());
    }

    pub(crate) fn planned(&self, took: Duration) {
        self.plans.observe(took.as_secs_f64());
    }

    pub(crate) fn ended(&self, outcome: &ffleet_types::Outcome) {
        use ffleet_types::Outcome;
        let name = match outcome {
            Outcome::Completed => "completed",
            Outcome::Failed { .. } => "failed",
            Outcome::Canceled => "canceled",
        };
        let reason = outcome.reason().map_or("", ffleet_types::Reason::name);
        self.attempts
            .get_or_create(&OutcomeLabel { outcome: name, reason })
            .inc();
    }

    /// Compares what an attempt that did all it was to do took with what was predicted.
    pub(crate) fn used(&self, outcome: &ffleet_types::Outcome, usage: &Usage) {
        if *outcome != ffleet_types::Outcome::Completed {
            return;
        }
        let (peak, predicted) = (usage.peak_threads, usage.predicted_threads);
        // A peak that was sampled once a second means nothing for one that was over before.
        if peak > 0 && predicted > 0 && usage.wall_micros >= LONG_ENOUGH {
            let (peak, predicted) = (f64::from(peak), f64::from(predicted));
            let give = (peak / 10.0).floor().max(2.0);
            compare(&self.predictions, &self.thread_errors, peak, predicted, give);
        }
        // The kernel itself keeps the largest resident set, however short a life was.
        let (peak, predicted) = (usage.peak_resident.0, usage.predicted_memory.0);
        if peak > 0 && predicted > 0 {
            let (peak, predicted) = (float(peak), float(predicted));
            compare(&self.memory_predictions, &self.memory_errors, peak, predicted, peak / 4.0);
        }
    }

    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16) {
        let label = RouteLabel { method, route: route.to_owned(), status };
        self.requests.get_or_create(&label).inc();
    }

    /// Takes what the node says of its children.
    pub(crate) fn loaded(&self, loads: &[Load]) {
        self.children.set(loads);
    }

    /// Everything, as text.
    pub(crate) fn text(&self, store: &Store, seen: &Seen<'_>) -> String {
        let Seen { nodes, watchers, .. } = *seen;
        for (state, count) in store.counts().iter() {
            self.jobs
                .get_or_create(&StateLabel { state: state.name() })
                .set(whole(count));
        }
        for (state, name) in [
            (NodeState::Active, "active"),
            (NodeState::Suspect, "suspect"),
            (NodeState::Gone, "gone"),
        ] {
            let count = nodes.iter().filter(|&&node| node == state).count();
            self.nodes
                .get_or_create(&StateLabel { state: name })
                .set(whole(count as u64));
        }
        self.watchers.set(whole(watchers as u64));
        let vitals = store.vitals();
        self.database.set(whole(vitals.database.0));
        self.wal.set(whole(vitals.wal.0));
        for (quantile, commit, group) in [
            ("0.5", vitals.commit_p50, vitals.group_p50),
            ("0.99", vitals.commit_p99, vitals.group_p99),
        ] {
            let label = QuantileLabel { quantile };
            self.commits.get_or_create(&label).set(commit.as_secs_f64());
            self.groups
                .get_or_create(&label)
                .set(f64::from(u32::try_from(group).unwrap_or(u32::MAX)));
        }
        let usage = process();
        self.resident.set(whole(usage.0));
        self.cpu.set(usage.1);
        let mut text = String::with_capacity(8 << 10);
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &live::registry(seen.feeds, seen.streams)))
            .and_then(|()| encode_eof(&mut text));
        written.expect("writing to a string does not fail");
        text
    }
}

/// Counts a prediction as one that was within `give` of the peak or not, and how far off it was.
fn compare(
    results: &Family<ResultLabel, Counter>,
    errors: &Histogram,
    peak: f64,
    predicted: f64,
    give: f64,
) {
    let off = (peak - predicted).abs();
    let result = if off <= give {
        "within"
    } else if peak > predicted {
        "above"
    } else {
        "below"
    };
    results.get_or_create(&ResultLabel { result }).inc();
    errors.observe(off / peak);
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ bytes, which is 8 PiB")]
const fn float(number: u64) -> f64 {
    number as f64
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Resident memory in bytes and CPU time in seconds of this process; zero where `/proc` does not
/// say.
fn process() -> (u64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.trim().split(' ').next()?.parse::<u64>().ok());
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    );
    (kib.unwrap_or(0) * 1_024, cpu.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Bytes, Outcome};

    use super::*;

    fn usage(peak_threads: u32, predicted_threads: u32) -> Usage {
        Usage {
            peak_threads,
            predicted_threads,
            wall_micros: LONG_ENOUGH,
            ..Usage::default()
        }
    }

    #[test]
    fn threads_are_compared_where_both_numbers_mean_something() {
        let metrics = Metrics::new();
        for (peak, predicted) in [(20, 21), (20, 30), (100, 20), (0, 20), (20, 0)] {
            metrics.used(&Outcome::Completed, &usage(peak, predicted));
        }
        metrics.used(&Outcome::Canceled, &usage(20, 20));
        metrics.used(&Outcome::Completed, &Usage { wall_micros: 1, ..usage(1, 20) });
        let count = |result| metrics.predictions.get_or_create(&ResultLabel { result }).get();
        assert_eq!((count("within"), count("above"), count("below")), (1, 1, 1));
    }

    #[test]
    fn memory_is_compared_where_both_numbers_are_known_however_short_a_life_was() {
        let metrics = Metrics::new();
        for (peak, predicted) in [(100, 125), (100, 126), (100, 74), (100, 75), (0, 9), (9, 0)] {
            let (peak_resident, predicted_memory) = (Bytes::mib(peak), Bytes::mib(predicted));
            let usage = Usage { peak_resident, predicted_memory, ..Usage::default() };
            metrics.used(&Outcome::Completed, &usage);
            metrics.used(&Outcome::Canceled, &usage);
        }
        let count = |result| {
            let label = ResultLabel { result };
            metrics.memory_predictions.get_or_create(&label).get()
        };
        assert_eq!((count("within"), count("above"), count("below")), (2, 1, 1));
    }
}
