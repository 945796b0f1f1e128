//! Raw tracks that programs push, and how streams encode them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::moment::Moment;

/// A raw track of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Input {
    /// `video` or `audio`.
    pub track: String,
    /// The path that it is written to.
    pub from: String,
    /// What is written, such as `rawvideo yuv420p 1280x720 at 25 fps`.
    pub format: String,
    /// Whether somebody writes it.
    pub written: bool,
    /// How often a writer came.
    pub writers: u64,
    /// Whole frames that came; of sound, samples of each channel.
    pub received: u64,
    /// How often a writer left a frame unfinished, which was thrown away.
    pub unfinished: u64,
}

/// How a stream encodes raw tracks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Encoding {
    /// The preset that says how.
    pub preset: String,
    /// What is ready for the death of an encoder: `cold`, `spare` or `hot`.
    pub recovery: String,
    /// Its tracks.
    pub tracks: Vec<EncodedTrack>,
    /// What happened last, the oldest first; only where one stream is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EncoderEvent>,
}

/// How one track is encoded. Frames are pictures, or blocks of as many samples as a packet has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EncodedTrack {
    /// `video` or `audio`.
    pub track: String,
    /// Frames that were taken.
    pub frames_in: u64,
    /// Frames that came out.
    pub frames_out: u64,
    /// Frames that were left out because there was no room.
    pub frames_dropped: u64,
    /// Frames that were given up: an encoder swallowed them, or died of them again and again.
    pub frames_lost: u64,
    /// Frames that another encoder was fed again.
    pub frames_replayed: u64,
    /// Frames that have not come out yet.
    pub frames_waiting: u64,
    /// Packets that were left out because they had been there.
    pub packets_doubled: u64,
    /// Bytes that are held of its input, and may be.
    pub held_bytes: u64,
    /// The most that may be held.
    pub backlog_bytes: u64,
    /// How often another encoder went on for one that had died.
    pub recoveries: u64,
    /// From the last packet of an encoder that died to the first new one of the next, in microseconds: the
    /// longest time.
    pub longest_gap_micros: u64,
    /// The last one.
    pub last_gap_micros: u64,
    /// The process that encodes, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The process that waits behind it, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare_pid: Option<u32>,
    /// The process that is fed the same, while there is one: with `hot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_pid: Option<u32>,
    /// How that one stands: `in step` (what it makes is what goes out), `apart` (it makes other packets), `catching up`
    /// or `alone` (there is none). Only with `hot`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Packets of the two that were the same.
    #[serde(default)]
    pub packets_equal: u64,
    /// Packets of one of the two that were others than those that went out.
    #[serde(default)]
    pub packets_different: u64,
    /// How its input is decoded, where that comes coded and is encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder: Option<DecodedTrack>,
}

/// How a track that comes coded is decoded before it is encoded. A unit is what a picture, or a frame of sound, is coded in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DecodedTrack {
    /// Units that were taken.
    pub units_in: u64,
    /// Units that frames became of.
    pub frames_out: u64,
    /// Units that nothing became of: they were damaged, or decoders died of them again and again.
    pub units_lost: u64,
    /// Units that another decoder was fed again.
    pub units_replayed: u64,
    /// Units that have not come out yet.
    pub units_waiting: u64,
    /// Bytes of units that are held.
    pub held_bytes: u64,
    /// The most that may be held.
    pub most_bytes: u64,
    /// How often another decoder went on for one that had died.
    pub recoveries: u64,
    /// The process that decodes, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The process that waits behind it, while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare_pid: Option<u32>,
}

/// Something that happened to an encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EncoderEvent {
    /// When.
    pub at: Moment,
    /// `video` or `audio`; `output 1` and so on of what happened to an output.
    pub track: String,
    /// What.
    pub what: String,
}

/// Where a stream goes beside its viewers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = StreamOutput)]
pub struct Output {
    /// The address without its secrets, or the template of a recording's path.
    pub to: String,
    /// `rtmp`, `srt` or `record`.
    pub kind: String,
    /// What it is: `connecting`, `sending`, `recording`, `waiting` (for its next try, or for something to send) or
    /// `failed` (it can never be).
    pub state: String,
    /// Since when it is that.
    pub since: Moment,
    /// Bytes that the kernel took for it.
    pub sent_bytes: u64,
    /// Packets that it never got because there was no room for them.
    pub dropped_packets: u64,
    /// Packets that it was sent again, because a connection begins with a keyframe.
    pub doubled_packets: u64,
    /// Connections after the first; of a recording, processes after one that died.
    pub reconnects: u64,
    /// From the oldest packet that is not known to have arrived to the newest one, in milliseconds.
    pub behind_ms: u64,
    /// Bytes that are held for it.
    pub held_bytes: u64,
    /// The most that is held.
    pub ring_bytes: u64,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<Moment>,
    /// The file that is recorded into, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The process that records or sends, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}
