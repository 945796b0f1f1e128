//! The pools of decoders and encoders.
//!
//! FFmpeg's own codecs come in three kinds: those that work on several frames at once have a thread
//! for each, those that work on slices have one less, since the caller does a share, and the others
//! have none (libavcodec/{pthread_frame,pthread_slice,frame_thread_encoder}.c). Libraries have rules of
//! their own, which are repeated here as their sources have them.

use super::build::Build;
use super::svt;

/// What an encoder is asked.
pub(super) struct Ask<'a> {
    /// What `-threads` says, at least 1.
    pub(super) threads: u32,
    /// The picture's size.
    pub(super) size: (u32, u32),
    /// CPUs that it sees.
    pub(super) seen: u32,
    /// The value of an option, written with its dash and without a stream specifier.
    pub(super) option: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl<'a> Ask<'a> {
    fn option(&self, name: &str) -> Option<&'a str> {
        (self.option)(name)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.option(name)?.parse().ok()
    }

    /// The value of a key in `key=value:key=value`; the last one counts.
    fn parameter(&self, option: &str, key: &str) -> Option<&'a str> {
        parameter(self.option(option)?, key)
    }
}

/// The value of a key in `key=value:key=value`, whatever way its words are joined; the last counts.
pub(super) fn parameter<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    list.split(':')
        .filter_map(|pair| pair.split_once('='))
        .rfind(|(name, _)| name.trim().replace('_', "-") == key)
        .map(|(_, value)| value.trim())
}

/// Decoders without threads, by the codec.
const SINGLE_DECODERS: &str = "rawvideo mjpeg mjpegb gif pcm v210 r210 msmpeg4v1 msmpeg4v2 msmpeg4v3 \
    wmv1 wmv2 wmv3 vc1 flv1 h261 h263 h263p svq1 svq3 cinepak qtrle rpza smc bmp targa webp pam \
    pgm ppm pbm cinepak indeo3 indeo4 indeo5 msvideo1 truemotion1 wrapped_avframe";
/// Decoders of slices.
const SLICE_DECODERS: &str = "mpeg1video mpeg2video dvvideo";
/// Decoders of sound that work on several frames; the others have no threads.
const FRAME_AUDIO: &str = "flac alac tta";

/// Threads of a decoder of pictures that is told `threads`.
pub(super) fn video_decoder(codec: &str, threads: u32, build: &Build) -> u32 {
    let is_in = |list: &str| list.split_ascii_whitespace().any(|name| name == codec);
    // FFV1 decodes frames instead of slices since 7.
    if is_in(SLICE_DECODERS) || codec == "ffv1" && build.is_old {
        threads.saturating_sub(1)
    } else if is_in(SINGLE_DECODERS) {
        0
    } else {
        several(threads)
    }
}

/// Threads of a decoder of sound that is told `threads`.
pub(super) fn audio_decoder(codec: &str, threads: u32) -> u32 {
    if FRAME_AUDIO.split(' ').any(|name| name == codec) {
        several(threads)
    } else {
        0
    }
}

/// One for each frame, if there is more than one at a time.
const fn several(threads: u32) -> u32 {
    if threads > 1 { threads } else { 0 }
}

/// Whether a decoder works on slices.
pub(super) fn is_sliced(codec: &str, build: &Build) -> bool {
    is_in(SLICE_DECODERS, codec) || codec == "ffv1" && build.is_old
}

/// Whether an encoder works on slices.
pub(super) fn is_sliced_encoder(name: &str) -> bool {
    is_in(SLICE_ENCODERS, name)
}

/// Whether an encoder has no threads whatever it is told.
pub(super) fn is_single_encoder(name: &str) -> bool {
    is_in(SINGLE_ENCODERS, name)
}

fn is_in(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

/// Encoders without threads.
const SINGLE_ENCODERS: &str = "gif libwebp libwebp_anim libxvid libtheora flv wmv1 wmv2 msmpeg4v2 msmpeg4 \
    snow apng qtrle cinepak bmp targa pam pgm ppm wrapped_avframe libopenh264 svq1 h261";
/// Encoders of slices.
const SLICE_ENCODERS: &str = "mpeg1video mpeg2video mpeg4 h263p h263 ffv1";
/// Encoders that start as many threads as they are told, one as well.
const EXACT_ENCODERS: &str = "librav1e libvvenc";

/// Threads of an encoder of pictures; one that is not known is taken for FFmpeg's commonest kind.
pub(super) fn encoder(name: &str, ask: &Ask<'_>, build: &Build) -> u32 {
    let is_in = |list: &str| list.split_ascii_whitespace().any(|known| known == name);
    let threads = ask.threads;
    match name {
        "libx264" | "libx264rgb" => x264(ask),
        "libx265" => x265(ask),
        "libsvtav1" => svt_av1(ask, build),
        "libvpx-vp9" => vp9(ask),
        "libvpx" => vp8(ask),
        "libaom-av1" => aom(ask),
        // It was written for slices until 7.
        "jpeg2000" if build.is_old => 0,
        _ if is_in(SINGLE_ENCODERS) => 0,
        _ if is_in(SLICE_ENCODERS) => threads.saturating_sub(1),
        _ if is_in(EXACT_ENCODERS) => threads.max(1),
        _ => several(threads),
    }
}

/// x264's presets, from `ultrafast`: what of them decides on look-ahead threads.
/// (`subme`, `bframes`, whether `b-adapt` is 2.)
const X264_PRESETS: &[(&str, i64, i64, bool)] = &[
    ("ultrafast", 0, 0, false),
    ("superfast", 1, 3, false),
    ("veryfast", 2, 3, false),
    ("faster", 4, 3, false),
    ("fast", 6, 3, false),
    ("medium", 7, 3, false),
    ("slow", 8, 3, true),
    ("slower", 9, 3, true),
    ("veryslow", 10, 8, true),
    ("placebo", 11, 16, true),
];

/// Look-ahead threads are this share of all, by `b-adapt`, `subme` and B-frames (encoder/encoder.c).
const X264_SHARES: [[[u32; 4]; 5]; 2] = [
    [[6, 6, 6, 6], [3, 3, 3, 3], [4, 4, 4, 4], [6, 6, 6, 6], [12, 12, 12, 12]],
    [[3, 2, 1, 1], [2, 1, 1, 1], [4, 3, 2, 1], [6, 4, 3, 2], [12, 9, 6, 4]],
];

/// The pool, one that looks ahead, and the pool that helps it if it has more than one thread.
pub(super) fn x264(ask: &Ask<'_>) -> u32 {
    let param = |key: &str| ask.parameter("-x264-params", key);
    let number = |option: &str, key: &str| {
        let said = param(key).and_then(|text| text.parse::<i64>().ok());
        said.or_else(|| ask.number(option)).filter(|number| *number >= 0)
    };
    let threads = param("threads")
        .and_then(|text| text.parse().ok())
        .filter(|&count| count > 0)
        .unwrap_or(ask.threads)
        .min(128);
    let height = ask.size.1;
    // A slice is four rows of macroblocks at least.
    let most_slices = (height.div_ceil(16) / 4).max(1);
    let tune = ask.option("-tune").unwrap_or_default();
    let is_sliced = match param("sliced-threads") {
        Some(said) => said != "0",
        None => {
            tune.split([',', ' ']).any(|word| word == "zerolatency")
                || ask.option("-thread_type") == Some("slice")
        }
    };
    let threads = if is_sliced { threads.min(most_slices) } else { threads };
    if threads <= 1 {
        return 0;
    }
    let preset = ask.option("-preset").unwrap_or("medium");
    let known = X264_PRESETS.iter().find(|(name, ..)| *name == preset);
    let &(_, subme, bframes, trellis) = known.unwrap_or(&X264_PRESETS[5]);
    let subme = number("-subq", "subme").unwrap_or(subme);
    let bframes =
        number("-bf", "bframes").unwrap_or_else(|| bframes + 2 * i64::from(tune == "animation"));
    let is_trellis = number("-b_strategy", "b-adapt").map_or(trellis, |kind| kind == 2);
    let ahead = match param("lookahead-threads").and_then(|text| text.parse::<u32>().ok()) {
        Some(ahead) if ahead > 0 => ahead,
        _ if is_sliced => threads,
        _ => {
            let subme = (subme / 3).min(3) + i64::from(subme > 1);
            let bframes = ((bframes - 1).max(0) / 3).min(3);
            let row = X264_SHARES[usize::from(is_trellis)];
            let share = row[index(subme)][index(bframes)];
            (threads / share).min(height / 128)
        }
    };
    let ahead = ahead.clamp(1, most_slices.min(16));
    let pool = several(ahead);
    let looks =
        number("-rc-lookahead", "rc-lookahead").is_none_or(|frames| frames > 0) || bframes > 0;
    threads + pool + u32::from(!is_sliced && looks)
}

fn index(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// The pool, a thread for each frame, and the pool for looking ahead if it has one.
fn x265(ask: &Ask<'_>) -> u32 {
    let param = |key: &str| ask.parameter("-x265-params", key)?.parse::<u32>().ok();
    let frames = param("frame-threads")
        .filter(|&count| count > 0)
        .unwrap_or(ask.threads)
        .clamp(1, 16);
    param("pools").unwrap_or(ask.seen) + frames + param("lookahead-threads").unwrap_or(0)
}

fn svt_av1(ask: &Ask<'_>, build: &Build) -> u32 {
    let param = |key: &str| ask.parameter("-svtav1-params", key);
    let lp = param("lp")
        .and_then(|text| text.parse::<u32>().ok())
        .filter(|&lp| lp > 0);
    let lp = match build.svt {
        svt::Kind::Crowded => lp.unwrap_or(ask.seen).min(ask.seen),
        // A level counts no CPUs.
        svt::Kind::Lean => lp.unwrap_or_else(|| svt::level(ask.seen)),
    };
    let lp = lp.max(1);
    let told = svt::Told {
        lp,
        size: ask.size,
        is_live: param("pred-struct") == Some("1"),
        preset: ask
            .number("-preset")
            .and_then(|preset| u32::try_from(preset).ok())
            .unwrap_or(10),
    };
    svt::threads(build.svt, told)
}

/// One less than threads: the caller works too. Where rows are not worked on side by side, no more
/// than the picture has columns of tiles (`vp9_ethread.c`, `set_row_mt`).
fn vp9(ask: &Ask<'_>) -> u32 {
    let is_live = matches!(
        ask.option("-deadline").or_else(|| ask.option("-quality")),
        Some("realtime" | "rt")
    ) || ask.option("-usage") == Some("realtime");
    let speed = ask
        .number("-cpu-used")
        .or_else(|| ask.number("-speed"))
        .unwrap_or(1)
        .abs();
    let by_rows = ask.option("-row-mt") == Some("1") && (speed >= 5) == is_live;
    let most = if by_rows {
        64
    } else {
        let wanted = ask.number("-tile-columns").unwrap_or(6).clamp(0, 6);
        let mut widest = 0;
        // No column is narrower than four superblocks of 64 pixels.
        while ask.size.0.div_ceil(64) >> (widest + 1) >= 4 {
            widest += 1;
        }
        1 << wanted.min(widest)
    };
    ask.threads.min(most).saturating_sub(1)
}

/// Rows side by side, as many as the picture is wide for, and the loop filter (`vp8/encoder/ethreading.c`).
fn vp8(ask: &Ask<'_>) -> u32 {
    let (width, height) = ask.size;
    if ask.threads <= 1 {
        return 0;
    }
    let step: u32 = match width {
        0..640 => 1,
        640..=1_280 => 4,
        1_281..=2_560 => 8,
        _ => 16,
    };
    let most = (width.div_ceil(16) / (step + 1)).max(1).min(height.div_ceil(16));
    (ask.threads - 1).min(most) + 1
}

/// One less than threads, and no more than the picture has rows of eight pixels.
fn aom(ask: &Ask<'_>) -> u32 {
    let said = ask
        .parameter("-aom-params", "threads")
        .and_then(|text| text.parse().ok());
    said.unwrap_or(ask.threads)
        .min(ask.size.1.div_ceil(8))
        .saturating_sub(1)
}
