//! What each encoder is told: effort, quality, threads, and what an audience that waits needs.

use ffleet_media::probe::VideoTrack;
use ffleet_media::recipe::{Effort, Rate, Recipe, VideoEncode};
use ffleet_types::{Bitrate, FrameRate};

use super::colour::Colours;
use super::draft::Draft;
use super::job::Job;
use super::shape::Shape;

/// What an encoder is told beyond size and colour.
pub(super) struct Tuning<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) recipe: &'a Recipe,
    pub(super) wanted: &'a VideoEncode,
    pub(super) encoder: &'static str,
    pub(super) shape: &'a Shape,
    pub(super) colours: &'a Colours,
}

impl Tuning<'_> {
    pub(super) fn say(&self, track: &VideoTrack, draft: &mut Draft) {
        let codec = self.wanted.codec;
        let threads = self.job.budget.encoder(codec).to_string();
        match self.encoder {
            "libx264" => self.x264(draft),
            "libx265" => self.x265(draft),
            "libsvtav1" => self.svt_av1(draft),
            "libaom-av1" => self.aom_av1(draft),
            _ => self.vp9(draft),
        }
        self.rate(draft);
        if self.recipe.live {
            let fps = self.wanted.fps.or(track.fps).map_or(30.0, FrameRate::as_f64);
            // Two seconds at most between points where a new viewer can begin.
            draft.option("-g", format!("{:.0}", (fps * 2.0).ceil()));
        }
        if self.encoder != "libsvtav1" {
            draft.option("-threads:v", threads);
        }
    }

    fn x264(&self, draft: &mut Draft) {
        let preset = match (self.recipe.live, self.wanted.effort) {
            (true, _) | (_, Effort::Fast) => "veryfast",
            (_, Effort::Balanced) => "medium",
            (_, Effort::Thorough) => "slow",
        };
        draft.say(["-preset", preset]);
        if self.recipe.live {
            draft.say([
                "-tune",
                "zerolatency",
                "-bf",
                "0",
                "-rc-lookahead",
                "0",
                "-sc_threshold",
                "0",
            ]);
        }
    }

    fn x265(&self, draft: &mut Draft) {
        let preset = match (self.recipe.live, self.wanted.effort) {
            (true, _) => "ultrafast",
            (_, Effort::Fast) => "veryfast",
            (_, Effort::Balanced) => "medium",
            (_, Effort::Thorough) => "slow",
        };
        draft.say(["-preset", preset]);
        let mut params = format!("log-level=warning:{}", self.job.budget.x265());
        if self.recipe.live {
            draft.say(["-tune", "zerolatency"]);
            params.push_str(":bframes=0:rc-lookahead=0:scenecut=0");
        }
        params.push_str(&self.colours.x265());
        draft.option("-x265-params", params);
    }

    fn svt_av1(&self, draft: &mut Draft) {
        let preset = match (self.recipe.live, self.wanted.effort) {
            (true, _) => "12",
            (_, Effort::Fast) => "10",
            (_, Effort::Balanced) => "8",
            (_, Effort::Thorough) => "5",
        };
        draft.say(["-preset", preset]);
        let mut params = self.job.budget.svt_av1(&self.job.build);
        if self.recipe.live {
            params.push_str(":pred-struct=1:lookahead=0:scd=0");
        }
        params.push_str(&self.colours.svt_av1());
        draft.option("-svtav1-params", params);
    }

    fn aom_av1(&self, draft: &mut Draft) {
        let speed = match (self.recipe.live, self.wanted.effort) {
            (true, _) | (_, Effort::Fast) => "8",
            (_, Effort::Balanced) => "6",
            (_, Effort::Thorough) => "4",
        };
        draft.say(["-cpu-used", speed, "-row-mt", "1"]);
        if self.recipe.live {
            draft.say(["-usage", "realtime", "-lag-in-frames", "0"]);
        }
    }

    fn vp9(&self, draft: &mut Draft) {
        let speed = match (self.recipe.live, self.wanted.effort) {
            (true, _) => "8",
            (_, Effort::Fast) => "5",
            (_, Effort::Balanced) => "3",
            (_, Effort::Thorough) => "1",
        };
        let deadline = if self.recipe.live { "realtime" } else { "good" };
        draft.say(["-deadline", deadline, "-cpu-used", speed, "-row-mt", "1"]);
        let columns = self.job.budget.vp9_tile_columns(self.shape.frame.0);
        draft.option("-tile-columns", columns.to_string());
        if self.recipe.live {
            draft.say(["-lag-in-frames", "0", "-auto-alt-ref", "0"]);
        }
    }

    fn rate(&self, draft: &mut Draft) {
        match self.wanted.rate.unwrap_or_else(|| self.customary_rate()) {
            Rate::Crf(crf) => {
                draft.option("-crf", crf.to_string());
                // Without it VP9 and libaom take the quality for a limit within 256 kbit/s.
                if matches!(self.encoder, "libvpx-vp9" | "libaom-av1") {
                    draft.say(["-b:v", "0"]);
                }
            }
            Rate::Bitrate(Bitrate(rate)) => {
                draft.option("-b:v", rate.to_string());
                // SVT-AV1 takes a greatest rate with constant quality alone.
                if self.encoder != "libsvtav1" {
                    let most = rate.saturating_mul(3) / 2;
                    draft.option("-maxrate:v", most.to_string());
                    draft.option(
                        "-bufsize:v",
                        most.saturating_mul(2).min(2_000_000_000).to_string(),
                    );
                }
            }
        }
    }

    /// For files the quality at which the encoders' makers put their defaults; for an audience a
    /// rate that a line can be chosen by, from what streaming services ask for.
    fn customary_rate(&self) -> Rate {
        let (width, height) = self.shape.frame;
        let lines = width.min(height);
        if self.recipe.live {
            return Rate::Bitrate(Bitrate::kbit(match lines {
                0..=360 => 800,
                361..=480 => 1_500,
                481..=720 => 3_000,
                721..=1_080 => 5_000,
                1_081..=1_440 => 9_000,
                _ => 16_000,
            }));
        }
        Rate::Crf(match self.encoder {
            "libx264" => 23,
            "libx265" => 28,
            "libsvtav1" => 35,
            "libaom-av1" => 32,
            _ => 33,
        })
    }
}
