//! How many threads each part of FFmpeg is told to use, and how many that makes.
//!
//! Left alone, FFmpeg and its libraries count the machine's CPUs, each for itself: on 64 cores a
//! job that may use two of them starts two hundred threads. So every pool is told. The counts are
//! those which the programs choose by themselves on a machine of the budget's size, so that a job
//! with the whole machine is not slower than the same command by hand.
//!
//! [`Budget`] is the plan: a number for each pool. `clamp` holds a person's own options to it.
//! [`count()`] reads a finished command again and says how many threads it will have: `command` takes
//! it apart, `graph` looks at filters, `pools` knows the pools of decoders and encoders, `svt` those
//! of SVT-AV1, `vmaf` those of libvmaf, and [`build`] what differs between builds of FFmpeg. Reading the command, instead of
//! adding up while it is made, means that a recipe and a person's own options are counted alike.
//! `any` counts commands that somebody else wrote, with what each pool takes of itself (`own`) and graphs over several
//! inputs (`flow`).
//!
//! docs/design/threads.md has the figures that this was held against.

use ffleet_media::codec::VideoCodec;
use ffleet_types::Cpu;

pub(crate) mod any;
pub mod build;
pub(crate) mod clamp;
pub(crate) mod command;
mod count;
pub(crate) mod flow;
mod graph;
pub(crate) mod own;
mod pools;
mod svt;
pub(crate) mod vmaf;

pub use build::Build;
pub use count::count;
pub(crate) use count::{Encoded, encoder_of, pictures};

/// What a job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// CPU time per time.
    pub cpu: Cpu,
    /// CPUs that FFmpeg sees: those of its affinity mask. The test picture's generator and old
    /// releases of SVT-AV1 count them, and nothing else tells them otherwise.
    pub seen: u32,
}

impl Budget {
    /// A budget of a child whose affinity mask is made for it.
    #[must_use]
    pub fn fitted(cpu: Cpu) -> Self {
        Self { cpu, seen: cpu.threads() }
    }

    /// Threads that can be busy at once. More than 64 help no encoder we use.
    #[must_use]
    pub fn busy(self) -> u32 {
        self.cpu.threads().min(64)
    }

    /// Threads of one decoder: FFmpeg's own rule, `cpus + 1` up to 16 (libavcodec/pthread.c).
    #[must_use]
    pub fn decoder(self) -> u32 {
        match self.busy() {
            1 => 1,
            busy => (busy + 1).min(16),
        }
    }

    /// Threads of one filter graph.
    #[must_use]
    pub fn filter(self) -> u32 {
        self.busy().min(16)
    }

    /// What `-threads` says to an encoder of video.
    #[must_use]
    pub fn encoder(self, codec: VideoCodec) -> u32 {
        let busy = self.busy();
        match codec {
            // x264's own rule for frame threads: half as many again as CPUs.
            VideoCodec::H264 if busy > 1 => busy * 3 / 2,
            // x265 takes its frame threads from `-threads`, and counts by its own table.
            VideoCodec::H265 => match busy {
                32.. => 6,
                16.. => 5,
                8.. => 3,
                4.. => 2,
                _ => 1,
            },
            VideoCodec::Vp9 => busy.min(16),
            VideoCodec::H264 | VideoCodec::Av1 => busy,
        }
    }

    /// The most that `-threads` may say to FFmpeg's encoder of this name.
    #[must_use]
    pub fn most(self, encoder: &str) -> u32 {
        match encoder {
            "libx264" | "libx264rgb" => self.encoder(VideoCodec::H264),
            "libx265" => self.encoder(VideoCodec::H265),
            "libvpx-vp9" | "libvpx" => self.encoder(VideoCodec::Vp9),
            _ => self.busy(),
        }
    }

    /// Parameters of x265: its worker pool ignores `-threads`.
    #[must_use]
    pub fn x265(self) -> String {
        format!("pools={}:frame-threads={}", self.busy(), self.encoder(VideoCodec::H265))
    }

    /// Parameters of SVT-AV1: it knows no `-threads` at all.
    #[must_use]
    pub fn svt_av1(self, build: &Build) -> String {
        format!("lp={}", self.svt_av1_level(build))
    }

    /// SVT-AV1's `lp`. Releases before 2 start 16 threads at `lp=1` and more than a hundred for a
    /// picture of 1080 lines at `lp=2`, for half as much speed again: there two CPUs get `lp=1`.
    #[must_use]
    pub fn svt_av1_level(self, build: &Build) -> u32 {
        match self.svt_av1_most(build) {
            2 if build.is_crowded() => 1,
            level => level,
        }
    }

    /// The most that SVT-AV1's `lp` may say. Before 2 it starts 600 threads at 16 already, and
    /// twice as many above 32; no picture keeps them busy.
    #[must_use]
    pub fn svt_av1_most(self, build: &Build) -> u32 {
        let most = if build.is_crowded() { 16 } else { 64 };
        self.busy().min(most)
    }

    /// log₂ of VP9's tile columns: one for each thread, none narrower than 256 pixels.
    #[must_use]
    pub fn vp9_tile_columns(self, width: u32) -> u32 {
        let tiles = (width / 256).clamp(1, 64).min(self.busy());
        tiles.ilog2()
    }
}

/// The limit on tasks of a command that is predicted to have so many threads: a quarter more, and
/// 16, because reaching it makes some encoders hang for ever.
#[must_use]
pub const fn tasks_limit(threads: u32) -> u32 {
    threads.saturating_mul(5).div_ceil(4).saturating_add(16)
}

#[cfg(test)]
mod tests;
