//! What a task takes of a node, as far as it can be said before its input was probed.
//!
//! This is the controller's forecast: the node's own ledger decides. So what nobody asked for is
//! kept below what a node has for one task, or a small machine would reject everything; what
//! was asked for is taken as it is, and a job that asks for more than there is is rejected with
//! that reason.

use std::collections::BTreeMap;

use ffleet_media::Spec;
use ffleet_sched::limits::{self, LEAST_MEMORY, SPARE_SCRATCH};
use ffleet_sched::roles::Rules;
use ffleet_types::node::Capacity;
use ffleet_types::{Bytes, Cpu, RoleGroup};

/// The least of it on a small disk.
const LEAST_SCRATCH: Bytes = Bytes::mib(256);

/// What a job with this specification, whose input has this size, takes of a node like `node`.
/// What it does not say is no more than its share of its role group.
pub(crate) fn need(
    spec: &Spec,
    input: Bytes,
    node: &Capacity,
    roles: &BTreeMap<RoleGroup, Rules>,
) -> Capacity {
    let given = &spec.terms.limits;
    let share = roles.get(&spec.role_group()).map(Rules::share).unwrap_or_default();
    let cpu = || share.cap_cpu(limits::cpu_for_one(node));
    let memory = || share.cap_memory(LEAST_MEMORY.min(node.memory));
    Capacity {
        cpu: given.cpu.unwrap_or_else(cpu),
        memory: given.memory.unwrap_or_else(memory),
        scratch: given.scratch.unwrap_or_else(|| scratch(spec, input, node)),
        tasks: 1,
    }
}

fn scratch(spec: &Spec, input: Bytes, node: &Capacity) -> Bytes {
    if spec.is_live() {
        return Bytes::mib(16).min(node.scratch);
    }
    let twice = input.0.saturating_mul(2);
    let wanted = twice.saturating_add(SPARE_SCRATCH.0);
    let share = node.scratch.0 / u64::from(node.tasks.max(1));
    if wanted <= share {
        return Bytes(wanted);
    }
    // More than its share of a small disk: no more than what it cannot do without, so that the
    // spare gigabytes alone keep nobody out.
    let least = LEAST_SCRATCH.0.min(node.scratch.0);
    Bytes(wanted.min(share.max(twice.saturating_add(least))))
}

/// A node to reckon with where none is known yet.
pub(crate) const UNKNOWN: Capacity =
    Capacity { cpu: Cpu(1_000), memory: LEAST_MEMORY, scratch: Bytes::gib(5), tasks: 1 };

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: BTreeMap<RoleGroup, Rules> = BTreeMap::new();

    fn node(cpus: u32, scratch_gib: u64, tasks: u32) -> Capacity {
        Capacity {
            cpu: Cpu::whole(cpus),
            memory: Bytes::gib(8),
            scratch: Bytes::gib(scratch_gib),
            tasks,
        }
    }

    fn spec() -> Spec {
        let text = r#"{"input":"test:720p30","outputs":[{"target":"/tmp/x.mp4","make":{"raw":{"args":[]}}}]}"#;
        serde_json::from_str(text).expect("a specification")
    }

    #[test]
    fn small_node_runs_one_task_and_a_large_one_several() {
        for (cpus, share) in [(1, 1_000), (2, 2_000), (7, 7_000), (8, 4_000), (64, 4_000)] {
            assert_eq!(
                need(&spec(), Bytes(0), &node(cpus, 1_000, 64), &NONE).cpu,
                Cpu(share),
                "{cpus} CPUs"
            );
        }
    }

    #[test]
    fn what_is_derived_fits_on_a_small_disk() {
        for scratch in [0, 1, 3, 5, 6, 1_000] {
            for tasks in [1, 4] {
                let node = node(2, scratch, tasks);
                assert!(
                    node.holds(&need(&spec(), Bytes(0), &node, &NONE)),
                    "{scratch} GiB for {tasks}"
                );
            }
        }
        assert_eq!(need(&spec(), Bytes(0), &node(2, 1_000, 4), &NONE).scratch, SPARE_SCRATCH);
    }

    #[test]
    fn what_is_asked_for_is_taken_as_it_is() {
        let mut spec = spec();
        spec.terms.limits.memory = Some(Bytes::gib(64));
        assert_eq!(need(&spec, Bytes(0), &node(2, 100, 1), &NONE).memory, Bytes::gib(64));
    }
}
