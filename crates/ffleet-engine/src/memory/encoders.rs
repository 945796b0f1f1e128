//! How the encoders that recipes use take memory: what is the same in every build.
//!
//! Shares and growths were read off encodes of 640×360, 1280×720 and 1920×1080 with the budgets of 1,
//! 2, 8 and 16 CPUs, on FFmpeg 5.1 and 9.0; where the two differ the higher one is taken.

use ffleet_media::codec::VideoCodec;
use ffleet_media::recipe::Effort;

use crate::predict::Work;
use crate::threads::Budget;

/// An encoder.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) name: &'static str,
    /// Frames after which a calibration holds all it will hold.
    pub(super) frames: u32,
    /// Options of a calibration, but for those about threads.
    pub(super) options: &'static str,
    pub(super) threads: Threads,
    /// Pixels that borders add to each dimension.
    border: f64,
    /// By how much pictures with something in them take more than the empty ones of a calibration.
    pub(super) content: f64,
    /// By how much deeper pictures than 8 bits take more.
    deep: f64,
    /// The share of what threads take that is the same for every size.
    pub(super) alike: f64,
    /// What it adds to an FFmpeg that encodes nothing, in MiB: a calibration at the small size, one
    /// at the large size, one with the threads of eight CPUs there, if there is one. Of FFmpeg 5.1, and
    /// of 9.0.
    customary: [[f64; 3]; 2],
}

/// How a calibration says how many threads there are.
#[derive(Debug)]
pub(super) struct Threads {
    /// One.
    pub(super) one: &'static str,
    /// What a budget of eight CPUs becomes; nothing where builds take the same for it.
    pub(super) eight: Option<&'static str>,
    /// What those take where that is the same for all builds, in MiB.
    pub(super) customary: f64,
}

/// The encoders that are measured.
pub(super) const ENCODERS: &[Encoder] = &[
    Encoder {
        name: "libx264",
        frames: 50,
        options: "-preset medium",
        threads: Threads { one: "-threads 1", eight: None, customary: 15.5 },
        border: 56.0,
        content: 1.0,
        deep: 2.0,
        alike: 0.0,
        customary: [[7.0, 25.3, 0.0], [9.9, 30.3, 0.0]],
    },
    Encoder {
        name: "libx265",
        frames: 36,
        options: "-preset medium",
        threads: Threads {
            one: "-x265-params log-level=none:pools=1:frame-threads=1",
            eight: Some("-x265-params log-level=none:pools=8:frame-threads=3"),
            customary: 0.0,
        },
        border: 112.0,
        content: 1.1,
        deep: 1.8,
        alike: 0.64,
        customary: [[18.7, 39.6, 52.7], [24.9, 49.5, 86.4]],
    },
    Encoder {
        name: "libsvtav1",
        frames: 50,
        options: "-preset 8",
        threads: Threads {
            one: "-svtav1-params lp=1",
            eight: Some("-svtav1-params lp=8"),
            customary: 0.0,
        },
        border: 48.0,
        content: 1.2,
        deep: 1.65,
        alike: 0.45,
        customary: [[21.4, 38.0, 50.8], [22.6, 47.2, 151.0]],
    },
    Encoder {
        name: "libaom-av1",
        frames: 12,
        options: "-cpu-used 6 -row-mt 1 -crf 32 -b:v 0",
        threads: Threads { one: "-threads 1", eight: None, customary: 4.0 },
        border: 0.0,
        content: 1.05,
        deep: 2.0,
        alike: 1.0,
        customary: [[17.3, 36.8, 0.0], [23.5, 49.5, 0.0]],
    },
    Encoder {
        name: "libvpx-vp9",
        frames: 12,
        options: "-deadline good -cpu-used 3 -row-mt 1 -crf 33 -b:v 0",
        threads: Threads { one: "-threads 1", eight: None, customary: 42.5 },
        border: 160.0,
        content: 1.0,
        deep: 1.8,
        alike: 1.0,
        customary: [[18.2, 34.2, 0.0], [21.5, 39.5, 0.0]],
    },
];

/// Pixels above which SVT-AV1 since 2 takes a picture for one of 1080 lines, and holds fewer of them. Measured with
/// 3.1 at preset 8: 215 bytes a pixel at 1280×720 and 1600×900, 126 at 1920×1080 and 2560×1440.
const SVT_LARGE: u64 = 1_497_600;
/// Pixels above which SVT-AV1 before 2 takes a picture for one of 2160 lines, and holds fewer of them at `lp=1`. Measured
/// with 1.4.1, empty pictures, less what is not the encoder's: 142 bytes a pixel at 3072×1728, 89 at 3200×1800 and
/// 3840×2160 at preset 8; 178 and 122 at 5. From `lp=2` on it holds as many, and live it has none to spare.
const SVT_HUGE: u64 = 5_460_480;

impl Encoder {
    /// What is customary for builds that are old or not, in MiB.
    pub(super) const fn customary(&self, is_old: bool) -> [f64; 3] {
        self.customary[if is_old { 0 } else { 1 }]
    }

    /// By how much a picture of so many bits takes more than one of 8.
    pub(super) fn depth(&self, bits: u8, is_crowded: bool) -> f64 {
        match (self.name, bits) {
            (_, ..=8) => 1.0,
            ("libsvtav1", _) if !is_crowded => 1.4,
            _ => self.deep,
        }
    }

    /// The pixels of a picture with its borders.
    pub(super) fn area(&self, (width, height): (u32, u32)) -> f64 {
        (f64::from(width) + self.border) * (f64::from(height) + self.border)
    }

    /// What is held for this work at its effort, as a share of what a calibration holds: of frames, and of what
    /// threads take. Look-ahead is most of it.
    pub(super) fn share(&self, work: &Work, budget: Budget, is_crowded: bool) -> (f64, f64) {
        let (frames, threads) = self.by_effort(work, is_crowded);
        let pixels = u64::from(work.size.0) * u64::from(work.size.1);
        match (self.name, work.effort) {
            _ if work.live => (frames, threads),
            ("libsvtav1", Effort::Balanced) if pixels > SVT_LARGE && !is_crowded => {
                (0.6 * frames, 0.75 * threads)
            }
            // Two CPUs get `lp=1`.
            ("libsvtav1", _) if pixels > SVT_HUGE && is_crowded && budget.busy() <= 2 => {
                (0.7 * frames, threads)
            }
            _ => (frames, threads),
        }
    }

    fn by_effort(&self, work: &Work, is_crowded: bool) -> (f64, f64) {
        match (self.name, work.live, work.effort) {
            ("libx264", true, _) => (0.1, 0.35),
            ("libx264", _, Effort::Fast) => (0.4, 1.0),
            ("libx264", _, Effort::Thorough) => (1.3, 1.0),
            ("libx265", true, _) => (0.25, 0.8),
            ("libx265", _, Effort::Thorough) => (1.15, 1.1),
            ("libsvtav1", true, _) if is_crowded => (0.5, 0.8),
            ("libsvtav1", true, _) => (0.15, 0.2),
            ("libsvtav1", _, Effort::Fast) if !is_crowded => (0.7, 0.8),
            ("libsvtav1", _, Effort::Thorough) => (1.3, 1.25),
            ("libaom-av1", true, _) => (0.25, 1.0),
            ("libaom-av1", _, Effort::Thorough) => (1.2, 1.0),
            ("libvpx-vp9", true, _) => (0.5, 1.0),
            ("libvpx-vp9", _, Effort::Fast) => (1.0, 0.3),
            _ => (1.0, 1.0),
        }
    }

    /// What the threads of a budget take, as a share of what those of eight CPUs do.
    pub(super) fn crew(&self, budget: Budget, is_crowded: bool) -> f64 {
        let busy = f64::from(budget.busy());
        match self.name {
            _ if budget.busy() < 2 => 0.0,
            "libx264" => 0.27 + 0.07 * f64::from(budget.encoder(VideoCodec::H264)),
            "libx265" => 0.06 * busy + 0.3 * (f64::from(budget.encoder(VideoCodec::H265)) - 1.0),
            // It has all of them from `lp=2` on, which two CPUs do not get.
            "libsvtav1" if is_crowded => f64::from(u32::from(budget.busy() > 2)),
            "libsvtav1" => (busy / 8.0).min(1.0),
            "libvpx-vp9" => (f64::from(budget.encoder(VideoCodec::Vp9)) - 1.0) / 7.0,
            _ => busy / 8.0,
        }
    }
}
