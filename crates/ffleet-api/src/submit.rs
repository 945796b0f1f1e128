//! What a submission says.

use std::collections::BTreeMap;

use ffleet_media::Recipe;
use ffleet_media::job::{EngineChoice, Verify};
use ffleet_media::recipe::Overrides;
use ffleet_types::job::{Limits, Priority, Queue};
use ffleet_types::{JobNumber, RoleGroup, Span};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema;

/// The header that makes a submission repeatable: the same key and body give the same job.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A job, as somebody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = SubmitRequest)]
pub struct Request {
    /// Where the media comes from: an absolute path, a `file://`, `http://` or `https://` URL,
    /// or a test picture such as `test:1080p60`.
    #[schema(example = "test:720p30")]
    pub input: String,
    /// What is to be made of it: 1 to 32 results.
    pub outputs: Vec<Output>,
    /// What is changed in the recipe of every output that has one.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(schema_with = schema::overrides)]
    pub overrides: Overrides,
    /// No more than this much of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::span)]
    pub duration: Option<Span>,
    /// Which engine.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(schema_with = schema::engine)]
    pub engine: EngineChoice,
    /// Whether files that are in the way are replaced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub overwrite: bool,
    /// How results are checked; by default `packets` where everything is copied, else `full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::verify)]
    pub verify: Option<Verify>,
    /// The kind of hurry.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(schema_with = schema::queue)]
    pub queue: Queue,
    /// Which of the jobs of one queue goes first.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(schema_with = schema::priority)]
    pub priority: Priority,
    /// The role group that makes its results, as the server's configuration names them; by default `live`
    /// for what sends to live destinations, else `encode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::role_group)]
    pub role_group: Option<RoleGroup>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(schema_with = schema::limits)]
    pub limits: Limits,
    /// How many failed attempts are tried again: 0 to 100, 3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Free words for finding it again: up to 64, of up to 63 and 255 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// One result. At most one of `preset`, `recipe` and `raw` is given; with none of them the
/// preset goes by the target's extension.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = SubmitOutput)]
pub struct Output {
    /// Where it goes: an absolute path, a `file://` URL, or `rtmp://` for a live task.
    pub target: String,
    /// A preset's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A recipe of one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::recipe)]
    pub recipe: Option<Recipe>,
    /// FFmpeg output options, naming neither input nor output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Vec<String>>,
}

/// The answer to a submission, as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The job.
    pub job: crate::Job,
    /// Whether it was there already, by its idempotency key.
    pub existing: bool,
}

impl Accepted {
    /// The job's number.
    #[must_use]
    pub const fn number(&self) -> JobNumber {
        self.job.summary.number
    }
}

/// What `POST /v1/probe` is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProbeRequest {
    /// What to look at: as a submission's `input`.
    pub input: String,
}

/// What `POST /v1/audit` is sent: `command` or `script`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AuditRequest {
    /// The words of one command, as a program is started with them: up to 8191.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["ffmpeg", "-i", "in.mov", "out.mp4"]))]
    pub command: Option<Vec<String>>,
    /// A script: commands of a shell, up to 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Machines to count threads and memory for: CPUs, 1 to 8192, of up to 8. The server's and 64 by
    /// default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// CPUs that the bounded command may use: 1 to 1024. The server's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
    /// The release of FFmpeg that is meant, such as `5.1`. 9.0 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ffmpeg: Option<String>,
    /// Seconds after which the bounded command ends what would never end: 1 to ten years. A day by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<u64>,
}

/// What `POST /v1/backups` is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BackupRequest {
    /// Where the copy goes: an absolute path to a file that is not there yet.
    pub target: String,
}

/// A copy of the store, whole and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Backup {
    /// Where it is.
    pub target: String,
    /// Its size.
    pub size_bytes: u64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_request_is_input_and_target() {
        let body = r#"{"input":"test:720p30","outputs":[{"target":"/tmp/x.mp4"}]}"#;
        let request: Request = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), body);
    }
}
