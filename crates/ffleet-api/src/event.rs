//! What happens, as server-sent events (WHATWG HTML, section 9.2).

use ffleet_types::{JobId, JobNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attempt::Progress;
use crate::job::Summary;
use crate::node::Node;

/// One event of `GET /v1/events`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A job changed its state. `event: job`.
    Job(Box<Summary>),
    /// A job got on. `event: progress`.
    Progress(JobProgress),
    /// A node came, went, or changed. `event: node`.
    Node(Box<Node>),
    /// The reader was too slow, and events are missing: read again what is shown.
    /// `event: lagged`.
    Lagged(Lagged),
}

impl Event {
    /// The event's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Job(_) => "job",
            Self::Progress(_) => "progress",
            Self::Node(_) => "node",
            Self::Lagged(_) => "lagged",
        }
    }

    /// Its data, as JSON on one line.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON, which is a bug.
    pub fn data(&self) -> serde_json::Result<String> {
        match self {
            Self::Job(job) => serde_json::to_string(job),
            Self::Progress(progress) => serde_json::to_string(progress),
            Self::Node(node) => serde_json::to_string(node),
            Self::Lagged(lagged) => serde_json::to_string(lagged),
        }
    }

    /// The event with this name and data; nothing where a newer server sends what this client
    /// does not know.
    ///
    /// # Errors
    ///
    /// If the data is not that event's.
    pub fn parse(name: &str, json: &str) -> serde_json::Result<Option<Self>> {
        Ok(Some(match name {
            "job" => Self::Job(serde_json::from_str(json)?),
            "progress" => Self::Progress(serde_json::from_str(json)?),
            "node" => Self::Node(serde_json::from_str(json)?),
            "lagged" => Self::Lagged(serde_json::from_str(json)?),
            _ => return Ok(None),
        }))
    }
}

/// How a job gets on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct JobProgress {
    /// The job, for machines.
    #[schema(value_type = String)]
    pub id: JobId,
    /// The job, for people.
    #[schema(value_type = u64)]
    pub number: JobNumber,
    /// How it gets on.
    pub progress: Progress,
}

/// Events that a slow reader missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}

/// A link that opens the dashboard once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LoginLink {
    /// To be opened in a browser on this machine.
    pub url: String,
    /// Until when it works.
    pub expires_at: crate::Moment,
}

/// Whether the server can work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Readiness {
    /// Whether it can.
    pub ready: bool,
    /// What is wrong otherwise, each with what to do about it. Told to holders of a key only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}
