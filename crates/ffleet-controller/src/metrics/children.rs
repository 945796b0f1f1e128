//! What children are at and have used, by role group. A value that no child's kernel has kept has no line.

use std::sync::atomic::{AtomicU64, Ordering};

use ffleet_types::sample::{Load, Stall, Sums};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::whole;

type Seconds = Counter<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GroupLabel {
    role_group: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StallLabel {
    role_group: String,
    resource: &'static str,
    kind: &'static str,
}

/// The metrics of children.
#[derive(Debug, Default)]
pub(super) struct Children {
    running: Family<GroupLabel, Gauge>,
    processes: Family<GroupLabel, Gauge>,
    threads: Family<GroupLabel, Gauge>,
    resident: Family<GroupLabel, Gauge>,
    memory: Family<GroupLabel, Gauge>,
    starts: Family<GroupLabel, Counter>,
    seen: Family<GroupLabel, Counter>,
    throttles: Family<GroupLabel, Counter>,
    cpu: Family<GroupLabel, Seconds>,
    throttled: Family<GroupLabel, Seconds>,
    io_wait: Family<GroupLabel, Seconds>,
    read: Family<GroupLabel, Counter>,
    written: Family<GroupLabel, Counter>,
    disk_read: Family<GroupLabel, Counter>,
    disk_written: Family<GroupLabel, Counter>,
    stalls: Family<StallLabel, Seconds>,
}

impl Children {
    pub(super) fn register(&self, r: &mut Registry) {
        r.register("ffleet_child_running", "Children that run", self.running.clone());
        r.register("ffleet_child_processes", "Their processes", self.processes.clone());
        r.register("ffleet_child_threads", "Their threads", self.threads.clone());
        r.register("ffleet_child_starts", "Children that were started", self.starts.clone());
        r.register(
            "ffleet_child_processes_seen",
            "Processes of children that were seen, at least so many were made",
            self.seen.clone(),
        );
        r.register(
            "ffleet_child_throttles",
            "How often a CPU limit held a child up",
            self.throttles.clone(),
        );
        let bytes = [
            ("ffleet_child_resident_memory", "Resident memory of children", &self.resident),
            (
                "ffleet_child_memory",
                "Memory that the cgroups of children are charged with, page cache included",
                &self.memory,
            ),
        ];
        for (name, help, family) in bytes {
            r.register_with_unit(name, help, Unit::Bytes, family.clone());
        }
        let moved = [
            (
                "ffleet_child_read",
                "Read by calls, page cache and pipes included, sockets not",
                &self.read,
            ),
            ("ffleet_child_written", "Written so", &self.written),
            ("ffleet_child_disk_read", "What came from disks for children", &self.disk_read),
            ("ffleet_child_disk_written", "What was to go to disks", &self.disk_written),
        ];
        for (name, help, family) in moved {
            r.register_with_unit(name, help, Unit::Bytes, family.clone());
        }
        let times = [
            ("ffleet_child_cpu", "CPU time of children", &self.cpu),
            (
                "ffleet_child_throttled",
                "Time that CPU limits held children up, summed over CPUs",
                &self.throttled,
            ),
            (
                "ffleet_child_io_wait",
                "Time that threads of children waited for disks",
                &self.io_wait,
            ),
        ];
        for (name, help, family) in times {
            r.register_with_unit(name, help, Unit::Seconds, family.clone());
        }
        r.register_with_unit(
            "ffleet_child_pressure",
            "Time that children lost for want of something, by the PSI of their cgroups",
            Unit::Seconds,
            self.stalls.clone(),
        );
    }

    /// Takes what a node says of its role groups.
    pub(super) fn set(&self, loads: &[Load]) {
        for load in loads {
            self.set_one(load);
        }
    }

    fn set_one(&self, load: &Load) {
        // As many as the configuration names.
        let role_group = load.role_group.to_string();
        let label = GroupLabel { role_group: role_group.clone() };
        let gauge = |family: &Family<GroupLabel, Gauge>, value: u64| {
            family.get_or_create(&label).set(whole(value));
        };
        gauge(&self.running, u64::from(load.children));
        gauge(&self.processes, u64::from(load.processes));
        gauge(&self.threads, u64::from(load.threads));
        gauge(&self.resident, load.resident.0);
        match load.memory {
            Some(memory) => gauge(&self.memory, memory.0),
            // It was the memory of children that are gone.
            None => drop(self.memory.remove(&label)),
        }
        let count = |family: &Family<GroupLabel, Counter>, value: Option<u64>| {
            if let Some(value) = value {
                family.get_or_create(&label).inner().store(value, Ordering::Relaxed);
            }
        };
        let Sums { seen, throttles, read, written, disk_read, disk_written, .. } = load.sums;
        count(&self.starts, Some(load.started));
        count(&self.seen, Some(seen));
        count(&self.throttles, throttles);
        count(&self.read, read);
        count(&self.written, written);
        count(&self.disk_read, disk_read);
        count(&self.disk_written, disk_written);
        let time = |family: &Family<GroupLabel, Seconds>, micros: Option<u64>| {
            if let Some(micros) = micros {
                store(&family.get_or_create(&label), micros);
            }
        };
        time(&self.cpu, load.sums.cpu);
        time(&self.throttled, load.sums.throttled);
        time(&self.io_wait, load.sums.io_wait);
        for (resource, stall) in [
            ("cpu", load.sums.cpu_stall),
            ("memory", load.sums.memory_stall),
            ("io", load.sums.io_stall),
        ] {
            let Some(Stall { some, full }) = stall else { continue };
            for (kind, micros) in [("some", some), ("full", full)] {
                let label = StallLabel { role_group: role_group.clone(), resource, kind };
                store(&self.stalls.get_or_create(&label), micros);
            }
        }
    }
}

/// Sets a sum that somebody else keeps.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2⁵³ µs, which is 285 years")]
fn store(counter: &Seconds, micros: u64) {
    counter
        .inner()
        .store((micros as f64 / 1e6).to_bits(), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use ffleet_types::{Bytes, RoleGroup};
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn role_groups_have_lines_for_what_is_known_and_for_nothing_else() {
        let (mut registry, children) = (Registry::default(), Children::default());
        children.register(&mut registry);
        let drafts = Load {
            children: 2,
            started: 5,
            threads: 28,
            memory: Some(Bytes(4_096)),
            sums: Sums {
                seen: 6,
                cpu: Some(2_500_000),
                io_stall: Some(Stall { some: 1_000_000, full: 0 }),
                ..Sums::default()
            },
            ..Load::new(RoleGroup::named("drafts"))
        };
        children.set(&[drafts.clone(), Load::new(RoleGroup::named("live"))]);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "ffleet_child_running{role_group=\"drafts\"} 2",
            "ffleet_child_threads{role_group=\"drafts\"} 28",
            "ffleet_child_memory_bytes{role_group=\"drafts\"} 4096",
            "ffleet_child_cpu_seconds_total{role_group=\"drafts\"} 2.5",
            "ffleet_child_processes_seen_total{role_group=\"drafts\"} 6",
            "ffleet_child_pressure_seconds_total{role_group=\"drafts\",resource=\"io\",kind=\"some\"} 1.0",
            "ffleet_child_running{role_group=\"live\"} 0",
        ] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        for absent in [
            "ffleet_child_memory_bytes{role_group=\"live\"",
            "ffleet_child_throttled_seconds_total{",
            "ffleet_child_read_bytes_total{",
            "resource=\"cpu\"",
        ] {
            assert!(!text.contains(absent), "{absent} is in {text}");
        }
        // Its last child has ended.
        children.set(&[Load { memory: None, children: 0, ..drafts }]);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(!text.contains("ffleet_child_memory_bytes{"), "{text}");
    }
}
