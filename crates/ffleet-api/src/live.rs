//! What can be watched, as it is now. Counts are of this life of the server, since the feed or stream was
//! declared or changed; `total` is of all lives.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;

mod raw;

pub use raw::{DecodedTrack, EncodedTrack, EncoderEvent, Encoding, Input, Output};

/// All feeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = FeedList)]
pub struct Feeds {
    /// By name.
    pub feeds: Vec<Feed>,
}

/// A feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Feed {
    /// What it is called.
    pub name: String,
    /// Where it was declared: `file` or `api`.
    pub origin: String,
    /// Where its bytes come from: `command`, `push`, `pull`, `fifo` or `inputs`.
    pub source: String,
    /// The command, address or path; without passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The feed that its command reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// When it runs: `on-demand`, `autostart`, `continuous`, or for how long it lingers.
    pub mode: String,
    /// What it is: `idle`, `starting`, `live`, `stopping`, `waiting` (it failed, and is tried again; one that is
    /// pushed to: nobody pushes) or `failed` (there is no memory for its ring).
    pub state: String,
    /// Since when it is that.
    pub since: Moment,
    /// How many need it: viewers, commands that read it, feeds that are made of it.
    pub holders: u32,
    /// How often it was started.
    pub starts: u64,
    /// Runs in a row that were not well.
    pub failures: u32,
    /// Why its last run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_end: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_end_at: Option<Moment>,
    /// The process of its command, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Bytes that its ring holds, and may hold.
    pub held_bytes: u64,
    /// The most that its ring holds.
    pub ring_bytes: u64,
    /// The raw tracks that programs push, if it has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// Who may push to it: `open`, `key` or `token`; only where somebody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// What feeds of this name have come to.
    pub total: FeedTotal,
}

/// What a feed has come to, over restarts of the server and changes of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FeedTotal {
    /// Since when it is counted.
    pub since: Moment,
    /// Bytes that came.
    pub received_bytes: u64,
    /// How often it was started.
    pub starts: u64,
    /// Runs that failed.
    pub failures: u64,
    /// For how long it gave bytes.
    pub live_seconds: u64,
}

/// All streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = StreamList)]
pub struct Streams {
    /// By name.
    pub streams: Vec<Stream>,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Stream {
    /// What it is called.
    pub name: String,
    /// Where it was declared: `file` or `api`.
    pub origin: String,
    /// The path of its address.
    pub path: String,
    /// What viewers get: `stream` or `shot`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who shares its command: `shared` or `exclusive`.
    pub client: String,
    /// What it says it is.
    pub mimetype: String,
    /// The feed that it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed: Option<String>,
    /// The command that makes it, without passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// How it encodes the raw tracks of its feed, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encoding>,
    /// Where it goes beside its viewers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Who may watch: `open`, `key` or `token`.
    pub access: String,
    /// What its viewers read is: as a feed's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How many watch.
    pub viewers: u64,
    /// How many came; of a shot, how often it was asked for.
    pub viewers_total: u64,
    /// Bytes that were sent to viewers.
    pub delivered_bytes: u64,
    /// How often viewers fell behind and went on at a later place.
    pub skips: u64,
    /// Viewers that were cut off for their slowness.
    pub cut: u64,
    /// Shots that were made.
    pub shots: u64,
    /// What streams of this name have come to.
    pub total: StreamTotal,
    /// Who watches; only where one stream is asked for, the first thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watching: Vec<Viewer>,
    /// How it was in the last ten minutes, the oldest first; only where one stream is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<Look>,
}

/// How a stream was at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = StreamLook)]
pub struct Look {
    /// When.
    pub at: Moment,
    /// How many watched.
    pub viewers: u64,
    /// Bytes that had come from what its viewers read.
    pub received_bytes: u64,
    /// Bytes that had been sent to viewers.
    pub delivered_bytes: u64,
}

/// What a stream has come to, over restarts of the server and changes of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StreamTotal {
    /// Since when it is counted.
    pub since: Moment,
    /// Viewers that came.
    pub viewers: u64,
    /// Bytes that were sent to viewers.
    pub delivered_bytes: u64,
    /// How often viewers fell behind and went on at a later place.
    pub skips: u64,
    /// Viewers that were cut off for their slowness.
    pub cut: u64,
    /// Shots that were made.
    pub shots: u64,
}

/// A viewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Viewer {
    /// Address and port.
    pub address: String,
    /// Since when.
    pub since: Moment,
    /// Bytes that were sent to it.
    pub delivered_bytes: u64,
    /// Bytes that it is behind, if it does not keep up.
    pub lag_bytes: u64,
    /// How often it fell behind and went on at a later place.
    pub skips: u64,
}
