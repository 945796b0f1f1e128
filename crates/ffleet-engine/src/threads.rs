//! How many threads each part of FFmpeg is told to use.
//!
//! Left alone, FFmpeg and its libraries count the machine's CPUs, each for itself: on 64 cores a
//! job that may use two of them starts two hundred threads. So every pool is told. The counts are
//! those which the programs choose by themselves on a machine of the budget's size, so that a job
//! with the whole machine is not slower than the same command by hand.

use ffleet_media::codec::VideoCodec;
use ffleet_types::Cpu;

/// What a job may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// CPU time per time.
    pub cpu: Cpu,
}

impl Budget {
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

    /// Parameters of x265: its worker pool ignores `-threads`.
    #[must_use]
    pub fn x265(self) -> String {
        format!("pools={}:frame-threads={}", self.busy(), self.encoder(VideoCodec::H265))
    }

    /// Parameters of SVT-AV1: it knows no `-threads` at all.
    #[must_use]
    pub fn svt_av1(self) -> String {
        format!("lp={}", self.busy())
    }

    /// log₂ of VP9's tile columns: one for each thread, none narrower than 256 pixels.
    #[must_use]
    pub fn vp9_tile_columns(self, width: u32) -> u32 {
        let tiles = (width / 256).clamp(1, 64).min(self.busy());
        tiles.ilog2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cpus: u32) -> Budget {
        Budget { cpu: Cpu::whole(cpus) }
    }

    #[test]
    fn one_cpu_means_one_thread_everywhere() {
        let budget = Budget { cpu: Cpu(500) };
        assert_eq!((budget.decoder(), budget.filter()), (1, 1));
        for &codec in VideoCodec::ALL {
            assert_eq!(budget.encoder(codec), 1, "{codec}");
        }
    }

    #[test]
    fn whole_machine_gets_what_the_programs_choose_themselves() {
        assert_eq!((of(2).decoder(), of(2).encoder(VideoCodec::H264)), (3, 3));
        assert_eq!((of(64).decoder(), of(64).encoder(VideoCodec::H264)), (16, 96));
        assert_eq!(of(8).x265(), "pools=8:frame-threads=3");
    }

    #[test]
    fn vp9_tiles_are_no_narrower_than_the_codec_allows() {
        assert_eq!(of(16).vp9_tile_columns(640), 1);
        assert_eq!(of(16).vp9_tile_columns(1_920), 2);
        assert_eq!(of(2).vp9_tile_columns(3_840), 1);
        assert_eq!(of(1).vp9_tile_columns(16), 0);
    }
}
