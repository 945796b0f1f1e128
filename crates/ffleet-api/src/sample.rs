//! What children are at, second by second. A value that the node's kernel does not keep is left out.

use ffleet_types::RoleGroup;
use ffleet_types::sample as types;
use ffleet_types::sample::Phase;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attempt::seconds;
use crate::moment::Moment;
use crate::schema;

/// The last minutes of an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = SampleList)]
pub struct List {
    /// Which attempt.
    pub attempt: u64,
    /// About one a second, the oldest first.
    pub samples: Vec<Sample>,
}

/// A child at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Sample {
    /// When it was looked at.
    pub at: Moment,
    /// Which of the attempt's children.
    pub child: u32,
    /// What that does.
    #[schema(schema_with = schema::phase)]
    pub phase: Phase,
    /// Processes at the moment.
    pub processes: u32,
    /// Their threads.
    pub threads: u32,
    /// Their resident memory; what they share counts for each.
    pub resident_memory_bytes: u64,
    /// Memory that the child's cgroup is charged with, page cache included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What it has used since its start.
    #[serde(flatten)]
    pub used: Used,
}

/// Sums that never fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = SampleSums)]
pub struct Used {
    /// Processes that were seen: at least so many were made.
    pub processes_seen: u64,
    /// CPU time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// How often the CPU limit held it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttles: Option<u64>,
    /// For how long, summed over CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_seconds: Option<f64>,
    /// Time that its threads waited for disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_wait_seconds: Option<f64>,
    /// Bytes that it read by calls, page cache and pipes included, sockets not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes that it wrote so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_bytes: Option<u64>,
    /// Bytes that came from disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_read_bytes: Option<u64>,
    /// Bytes that were to go to disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_written_bytes: Option<u64>,
    /// Time lost for want of CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_pressure: Option<Pressure>,
    /// Time lost for want of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_pressure: Option<Pressure>,
    /// Time lost for want of disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_pressure: Option<Pressure>,
}

/// Time lost, by the PSI of a cgroup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Pressure {
    /// In which at least one task waited.
    pub some_seconds: f64,
    /// In which all did.
    pub full_seconds: f64,
}

/// All children of one role group on a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Load {
    /// The role group.
    #[schema(value_type = String, example = "encode")]
    pub role_group: RoleGroup,
    /// Children that run.
    pub children: u32,
    /// Children since the node started.
    pub started: u64,
    /// Processes at the moment.
    pub processes: u32,
    /// Their threads.
    pub threads: u32,
    /// Their resident memory; what they share counts for each.
    pub resident_memory_bytes: u64,
    /// Memory that their cgroups are charged with, page cache included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What all of them have used since the node started.
    #[serde(flatten)]
    pub used: Used,
}

impl From<&types::Point> for Sample {
    fn from(point: &types::Point) -> Self {
        let sample = &point.sample;
        Self {
            at: sample.at.into(),
            child: point.child,
            phase: point.phase,
            processes: sample.processes,
            threads: sample.threads,
            resident_memory_bytes: sample.resident.0,
            memory_bytes: sample.memory.map(|memory| memory.0),
            used: Used::from(&sample.sums),
        }
    }
}

impl From<&types::Load> for Load {
    fn from(load: &types::Load) -> Self {
        Self {
            role_group: load.role_group.clone(),
            children: load.children,
            started: load.started,
            processes: load.processes,
            threads: load.threads,
            resident_memory_bytes: load.resident.0,
            memory_bytes: load.memory.map(|memory| memory.0),
            used: Used::from(&load.sums),
        }
    }
}

impl From<&types::Sums> for Used {
    fn from(sums: &types::Sums) -> Self {
        let pressure = |stall: types::Stall| Pressure {
            some_seconds: seconds(stall.some),
            full_seconds: seconds(stall.full),
        };
        Self {
            processes_seen: sums.seen,
            cpu_seconds: sums.cpu.map(seconds),
            throttles: sums.throttles,
            throttled_seconds: sums.throttled.map(seconds),
            io_wait_seconds: sums.io_wait.map(seconds),
            read_bytes: sums.read,
            written_bytes: sums.written,
            disk_read_bytes: sums.disk_read,
            disk_written_bytes: sums.disk_written,
            cpu_pressure: sums.cpu_stall.map(pressure),
            memory_pressure: sums.memory_stall.map(pressure),
            io_pressure: sums.io_stall.map(pressure),
        }
    }
}

#[cfg(test)]
mod tests {
    use ffleet_types::Timestamp;

    use super::*;

    #[test]
    fn what_is_not_known_is_left_out() {
        let sample = types::Sample {
            at: Timestamp::from_millis(1_769_860_800_123),
            processes: 1,
            threads: 14,
            sums: types::Sums { seen: 1, cpu: Some(1_500_000), ..types::Sums::default() },
            ..types::Sample::default()
        };
        let sample = Sample::from(&types::Point { child: 2, phase: Phase::Encode, sample });
        let text = serde_json::to_string(&sample).unwrap();
        assert_eq!(
            text,
            "{\"at\":\"2026-01-31T12:00:00.123Z\",\"child\":2,\"phase\":\"encode\",\"processes\":1,\
             \"threads\":14,\"resident-memory-bytes\":0,\"processes-seen\":1,\"cpu-seconds\":1.5}"
        );
        assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    }
}
