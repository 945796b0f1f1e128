//! How a track is encoded: by what, cut into what, and what is ready for a death.

use std::path::PathBuf;
use std::time::Duration;

use ffleet_live::replay::Policy;
use ffleet_supervise::Backoff;
use ffleet_types::FrameRate;
use ffleet_types::live::Encode;
use ffleet_types::live::feed::WhenFull;
use ffleet_types::node::Engine;

use crate::inputs::{Hub, Kind};

/// How long an encoder has for its first packet.
const START: Duration = Duration::from_secs(2);
/// Frames that an encoder that does not look ahead may hold before its first packet: it has some in its threads.
const AHEAD: u64 = 16;
/// The waits between encoders that gave nothing.
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(5) };

/// How a track is encoded.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) kind: Kind,
    pub(super) program: PathBuf,
    pub(super) command: ffleet_engine::track::Command,
    pub(super) cut: Cut,
    /// By how many packets a decoder is behind, at least, whatever the encoder says: some say nothing of it.
    pub(super) reorder: usize,
    /// Frames that a new encoder is fed again.
    pub(super) again: u64,
    pub(super) when_full: WhenFull,
    pub(super) backlog: u64,
    pub(super) policy: Policy,
}

/// What a track is cut into, before it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// As it comes.
    Frames {
        /// So many frames in so many seconds.
        rate: (u32, u32),
    },
    /// Blocks of as many samples as a packet has.
    Blocks {
        samples: u32,
        /// Samples a second.
        rate: u32,
        /// Bytes of a block.
        bytes: usize,
        /// The byte that is silence.
        silence: u8,
        /// Packets before that of the first block.
        lead: u64,
    },
}

impl Job {
    pub(super) fn new(
        hub: &Hub,
        encode: &Encode,
        engine: &Engine,
        command: ffleet_engine::track::Command,
    ) -> Self {
        Self {
            kind: Kind::Video,
            program: PathBuf::from(&engine.path),
            command,
            cut: Cut::Frames { rate: (1, 1) },
            reorder: 0,
            again: 0,
            when_full: hub.spec.when_full,
            backlog: encode.backlog.0,
            policy: Policy {
                recovery: encode.recovery,
                silence: encode.silence.0,
                start: START.max(encode.silence.0),
                ahead: AHEAD,
                backoff: BACKOFF,
            },
        }
    }

    /// Frames or blocks a second.
    pub(super) const fn rate(&self) -> Option<FrameRate> {
        match self.cut {
            Cut::Frames { rate: (frames, seconds) } => FrameRate::new(frames, seconds),
            Cut::Blocks { samples, rate, .. } => FrameRate::new(rate, samples),
        }
    }
}
