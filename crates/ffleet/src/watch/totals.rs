//! What a watch has seen and done since it started, as text for Prometheus.
//!
//! The file is what the collector `textfile` of `node_exporter` reads: no times, replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use ffleet_supervise::watch::{Violation, Watch};

use crate::show::text::push;

/// Upper bounds of the histogram from exec to being governed, in milliseconds.
const BUCKETS: [u64; 9] = [2, 5, 10, 20, 50, 100, 250, 1_000, 5_000];

/// Counts since the start.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Events that were heard.
    pub(super) events: u64,
    /// How often some were lost.
    pub(super) lost: u64,
    /// Looks at all processes.
    pub(super) scans: u64,
    /// How long the last one took.
    pub(super) scan: Duration,
    /// Groups that were made, by rule.
    pub(super) taken: BTreeMap<String, u64>,
    /// Attachments that failed, by rule; whether they are tried again or not.
    pub(super) failed: BTreeMap<String, u64>,
    /// What there was against groups, by rule.
    pub(super) violations: BTreeMap<(String, Violation), u64>,
    /// From exec to being governed, of those that were heard of.
    pub(super) delays: Delays,
}

/// A histogram.
#[derive(Debug, Default)]
pub(super) struct Delays {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: Duration,
}

impl Delays {
    pub(super) fn add(&mut self, delay: Duration) {
        for (count, most) in self.buckets.iter_mut().zip(BUCKETS) {
            *count += u64::from(delay <= Duration::from_millis(most));
        }
        self.count += 1;
        self.sum += delay;
    }
}

/// Adds one to what is counted under a key.
pub(super) fn one_more<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    *counts.entry(key).or_default() += 1;
}

/// Text in the format of Prometheus.
#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn begin(&mut self, name: &str, kind: &str, help: &str) {
        push!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        match labels.as_slice() {
            [] => push!(self.0, "{name} {value}\n"),
            labels => push!(self.0, "{name}{{{}}} {value}\n", labels.join(",")),
        }
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.begin(name, kind, help);
        self.value(name, &[], value);
    }

    fn by_rule(&mut self, name: &str, kind: &str, help: &str, counts: &BTreeMap<String, u64>) {
        self.begin(name, kind, help);
        for (rule, count) in counts {
            self.value(name, &[("rule", rule)], count);
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Totals {
    /// All of it, with how `watch` is now; `hears` is whether the kernel tells of processes.
    pub(super) fn page(&self, watch: &Watch, hears: bool) -> String {
        let mut page = Page::default();
        self.now(&mut page, watch, hears);
        let totals = [
            ("ffleet_watch_events_total", "Process events that the kernel told.", self.events),
            ("ffleet_watch_events_lost_total", "How often the kernel lost some.", self.lost),
            ("ffleet_watch_scans_total", "Looks at all processes.", self.scans),
        ];
        for (name, help, total) in totals {
            page.single(name, "counter", help, total);
        }
        let (name, help) =
            ("ffleet_watch_scan_seconds", "How long the last look at all processes took.");
        page.single(name, "gauge", help, self.scan.as_secs_f64());
        let help = "Groups that were made of processes.";
        page.by_rule("ffleet_watch_taken_total", "counter", help, &self.taken);
        let help = "Attachments that failed.";
        page.by_rule("ffleet_watch_failures_total", "counter", help, &self.failed);
        let name = "ffleet_watch_violations_total";
        page.begin(name, "counter", "What governed processes did against their limits.");
        for ((rule, violation), count) in &self.violations {
            page.value(name, &[("rule", rule), ("kind", violation.name())], count);
        }
        self.delays(&mut page);
        page.0
    }

    fn now(&self, page: &mut Page, watch: &Watch, hears: bool) {
        let help =
            "Whether the kernel tells of processes; otherwise they are found by scans alone.";
        page.single("ffleet_watch_hears_events", "gauge", help, u8::from(hears));
        page.single(
            "ffleet_watch_processes",
            "gauge",
            "Processes that are known of.",
            watch.known(),
        );
        let (mut groups, mut processes, mut tasks) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for group in watch.groups().values() {
            let label = || group.rule.label.clone();
            *groups.entry(label()).or_default() += 1;
            *processes.entry(label()).or_default() += group.processes() as u64;
            *tasks.entry(label()).or_default() += group.tasks().unwrap_or(0);
        }
        let gauges = [
            ("ffleet_watch_groups", "Groups that are governed.", &groups),
            (
                "ffleet_watch_governed_processes",
                "Processes in them at the last look.",
                &processes,
            ),
            (
                "ffleet_watch_governed_tasks",
                "Processes and threads in them at the last look.",
                &tasks,
            ),
        ];
        for (name, help, counts) in gauges {
            page.by_rule(name, "gauge", help, counts);
        }
        let (given_up, waiting): (Vec<_>, Vec<_>) =
            watch.failing().partition(|failing| failing.is_given_up);
        let help = "Processes that could not be governed and are tried again.";
        page.single("ffleet_watch_waiting", "gauge", help, waiting.len());
        let help = "Processes that could not be governed and are not tried any more.";
        page.single("ffleet_watch_given_up", "gauge", help, given_up.len());
    }

    fn delays(&self, page: &mut Page) {
        let name = "ffleet_watch_attach_seconds";
        page.begin(
            name,
            "histogram",
            "From exec to being governed, of processes that the kernel told of.",
        );
        let bucket = format!("{name}_bucket");
        for (count, most) in self.delays.buckets.iter().zip(BUCKETS) {
            let most = Duration::from_millis(most).as_secs_f64().to_string();
            page.value(&bucket, &[("le", &most)], count);
        }
        page.value(&bucket, &[("le", "+Inf")], self.delays.count);
        page.value(&format!("{name}_sum"), &[], self.delays.sum.as_secs_f64());
        page.value(&format!("{name}_count"), &[], self.delays.count);
    }
}

#[cfg(test)]
mod tests {
    use ffleet_supervise::Backoff;
    use ffleet_supervise::watch::{Bounds, Policy, Rules};

    use super::*;

    #[test]
    fn page_is_as_node_exporter_reads_it() {
        let policy = Policy {
            rules: Rules::default(),
            tries: 1,
            backoff: Backoff { base: Duration::ZERO, cap: Duration::ZERO },
            bounds: Bounds { burst: 1, throttled: 50 },
        };
        let mut totals = Totals { scan: Duration::from_millis(12), ..Totals::default() };
        one_more(&mut totals.taken, "a".to_owned());
        one_more(&mut totals.violations, ("a".to_owned(), Violation::Tasks));
        totals.delays.add(Duration::from_millis(7));
        let page = totals.page(&Watch::new(policy), true);
        for line in [
            "ffleet_watch_hears_events 1",
            "ffleet_watch_scan_seconds 0.012",
            "ffleet_watch_taken_total{rule=\"a\"} 1",
            "ffleet_watch_violations_total{rule=\"a\",kind=\"task-limit\"} 1",
            "ffleet_watch_attach_seconds_bucket{le=\"0.005\"} 0",
            "ffleet_watch_attach_seconds_bucket{le=\"0.01\"} 1",
            "ffleet_watch_attach_seconds_bucket{le=\"+Inf\"} 1",
            "ffleet_watch_attach_seconds_sum 0.007",
            "# TYPE ffleet_watch_groups gauge",
        ] {
            assert!(page.lines().any(|found| found == line), "no {line:?} in {page}");
        }
        assert!(page.ends_with('\n'));
        for line in page.lines() {
            let is_value = line
                .split_once(' ')
                .is_some_and(|(_, value)| value.parse::<f64>().is_ok());
            assert!(line.starts_with("# ") || is_value, "{line:?}");
        }
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
