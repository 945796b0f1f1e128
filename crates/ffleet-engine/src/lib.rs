//! FFmpeg as text: recipes become arguments, and what FFmpeg writes becomes values.
//!
//! Nothing here starts a process or touches a disk. A worker asks for arguments, runs them under
//! its guard, and hands back what came out: [`probe`] reads what an input holds, [`plan()`] makes
//! the one command that produces all outputs of a job and says what each must turn out to be,
//! [`progress`] follows it, [`verify`] compares the results with the plan, [`failure`] says why
//! it failed, and [`capability`] finds out what an FFmpeg build can really do.
//!
//! Options that a person wrote themselves are checked against an allow-list by [`raw`]. Whole commands that
//! somebody else runs are read by [`audit`], which says what they will take.

pub mod audit;
pub mod capability;
pub mod demand;
pub mod failure;
mod flat;
pub mod input;
pub mod memory;
pub mod plan;
pub mod predict;
pub mod probe;
pub mod progress;
pub mod raw;
pub mod threads;
pub mod verify;

pub use plan::{Expected, Plan, Refused, decode, plan, track};
