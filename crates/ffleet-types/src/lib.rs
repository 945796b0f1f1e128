//! The words of ffleet, as types: ids, fences, time, units, and the states of jobs, tasks,
//! attempts and nodes.
//!
//! Everything here is passive data with its own rules: what text it is read from and written
//! as, which edges between states are legal. Nothing reads a clock, touches a disk or rolls a
//! die, so the same values decide in production, in property tests and in the simulator.
//!
//! Modules are the prefix: `task::State`, `job::Terms`, `node::Capacity`.

pub mod access;
pub mod attempt;
pub mod ids;
pub mod job;
pub mod live;
pub mod node;
pub mod outcome;
pub mod placement;
pub mod roles;
pub mod sample;
pub mod task;
pub mod tenant;
pub mod time;
pub mod units;

pub use access::{Grant, KeyName, Role};
pub use ids::{AttemptId, Fence, JobId, JobNumber, JobRef, NodeId, TaskId, TenantId};
pub use outcome::{Outcome, Reason, Retry};
pub use roles::RoleGroup;
pub use tenant::Tenant;
pub use time::Timestamp;
pub use units::{Bitrate, Bytes, Cpu, FrameRate, FrameSize, ParseError, Rate, Span};
