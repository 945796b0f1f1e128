//! What children said, line by line, of all jobs in one place.

use ffleet_types::{JobId, JobNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;

/// A line that a child wrote to standard error. Passwords and keys in it are `***`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = LogLine)]
pub struct Line {
    /// When it was written, to a second; rougher the older it is for a child that wrote for hours.
    pub at: Moment,
    /// The number of its job; left out for one that was pruned.
    #[schema(value_type = Option<u64>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<JobNumber>,
    /// The id of its job.
    #[schema(value_type = String)]
    pub job: JobId,
    /// Which attempt.
    pub attempt: u64,
    /// Which of its children.
    pub child: u32,
    /// What that does in its attempt: `probe`, `encode`, `verify`, `live`.
    pub phase: String,
    /// The line.
    pub text: String,
}

/// A page of lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = LogPage)]
pub struct Page {
    /// In the order of their times.
    pub lines: Vec<Line>,
    /// What `after` takes to go on after the last of them; nothing where there are none.
    pub next: Option<String>,
    /// Whether there are more lines than this page holds.
    pub more: bool,
    /// Whether the search came to its end. One that would read too much at once stops, and may have
    /// passed over lines: ask for less time, or for one job.
    pub complete: bool,
}
