//! What FFmpeg and its libraries choose by themselves, for each pool that nobody told.

use ffleet_media::Probe;

use super::build::Build;
use super::command::{Kind, Part};
use super::graph::Picture;
use super::pools::{self, Ask};

/// Most threads that FFmpeg's own pools take of themselves.
const MOST: u32 = 16;
/// Most that an encoder of single frames takes (libavcodec/frame_thread_encoder.c).
const MOST_FRAMES: u32 = 64;

/// A number of threads that an option says, where it says one: 0 and `auto` say none.
pub(super) fn told(part: &Part<'_>, kind: Kind, number: usize) -> Option<u32> {
    let said = part.of("threads", kind, number)?.parse::<u32>().ok()?;
    (said > 0).then_some(said)
}

/// The pool of a graph (libavutil/slicethread.c): one less than threads, since whoever calls works too. Since 7 it takes
/// no more than [`MOST`] of itself.
pub(super) fn filters(told: Option<u32>, seen: u32, build: &Build) -> u32 {
    match told {
        Some(threads) => threads - 1,
        None if seen < 2 => 0,
        None if build.is_old => seen,
        None => seen.min(MOST - 1),
    }
}

/// Threads of a decoder.
pub(super) fn decoder(
    kind: Kind,
    codec: &str,
    size: (u32, u32),
    told: Option<u32>,
    (seen, build): (u32, &Build),
) -> u32 {
    let frames = if seen > 1 { (seen + 1).min(MOST) } else { 1 };
    match kind {
        Kind::Subtitle => 0,
        Kind::Audio => pools::audio_decoder(codec, told.unwrap_or(frames)),
        Kind::Video => {
            let threads = told.unwrap_or_else(|| match codec {
                // dav1d has a thread for each CPU.
                "av1" => seen,
                _ if pools::is_sliced(codec, build) => sliced(size, seen),
                _ => frames,
            });
            pools::video_decoder(codec, threads, build)
        }
    }
}

/// Threads of slices (libavcodec/pthread_slice.c): no more than the picture has rows of macroblocks.
fn sliced((_, height): (u32, u32), seen: u32) -> u32 {
    match seen.min(height.div_ceil(16).max(1)) {
        1 => 1,
        cpus => (cpus + 1).min(MOST),
    }
}

/// What `-threads` comes to for an encoder that is not told.
pub(super) fn encoder<'a>(
    name: &str,
    size: (u32, u32),
    (seen, build): (u32, &Build),
    option: &dyn Fn(&str) -> Option<&'a str>,
) -> u32 {
    match name {
        "libx264" | "libx264rgb" => {
            let tune = option("-tune").unwrap_or_default();
            let is_sliced = tune.contains("zerolatency");
            let all = if is_sliced { seen } else { seen.saturating_mul(3) / 2 };
            // No more than one for each two rows of macroblocks.
            all.min((size.1.div_ceil(16) / 2).max(1))
        }
        "libx265" => x265_frames(seen),
        "libvpx" | "libvpx-vp9" => seen.min(if build.is_old { 16 } else { 64 }),
        "mjpeg" if !has_quantizer(option) => 1,
        "libaom-av1" => seen.min(64),
        "librav1e" | "libvvenc" => seen,
        _ if pools::is_sliced_encoder(name) => sliced(size, seen),
        _ => seen.min(MOST_FRAMES),
    }
}

/// Whether an encoder has a constant quantizer: without one, that of JPEG takes one thread of itself.
fn has_quantizer<'a>(option: &dyn Fn(&str) -> Option<&'a str>) -> bool {
    ["-q", "-qscale"].into_iter().any(|name| option(name).is_some())
}

/// Threads of an encoder of pictures.
pub(super) fn known(name: &str, ask: &Ask<'_>, told: Option<u32>, build: &Build) -> u32 {
    if is_hardware(name) {
        return 0;
    }
    let level =
        (ask.option)("-svtav1-params").and_then(|list| pools::parameter(list, "lp")?.parse().ok());
    let own = i64::from(pools::encoder(name, ask, build)) + build.beyond(name, level.unwrap_or(2));
    let own = u32::try_from(own.max(0)).unwrap_or(u32::MAX);
    match (name, told) {
        // They count CPUs whatever they are told.
        ("libkvazaar" | "libxavs2", _) => ask.seen.saturating_add(2),
        _ => own,
    }
}

/// Threads of x264 in GStreamer's `x264enc`, which sets it up for speed: no B-frames, the least search.
pub(crate) fn x264enc(told: Option<u32>, size: (u32, u32), seen: u32, is_sliced: bool) -> u32 {
    let option = |name: &str| match name {
        "-tune" if is_sliced => Some("zerolatency"),
        "-subq" | "-b_strategy" => Some("1"),
        "-bf" => Some("0"),
        _ => None,
    };
    let most = (size.1.div_ceil(16) / 2).max(1);
    let all = if is_sliced { seen } else { seen.saturating_mul(3) / 2 };
    let threads = told.unwrap_or_else(|| all.min(most));
    pools::x264(&Ask { threads, size, seen, option: &option })
}

/// Threads of x265 in GStreamer's `x265enc`, with so many threads in its pool.
pub(crate) fn x265enc(pool: Option<u32>, seen: u32) -> u32 {
    pool.unwrap_or(seen).saturating_add(x265_frames(seen))
}

/// x265's own table of frames at work.
const fn x265_frames(seen: u32) -> u32 {
    match seen {
        32.. => 6,
        16.. => 5,
        8.. => 3,
        4.. => 2,
        _ => 1,
    }
}

/// Whether an encoder is of a device, whose driver has threads of its own.
pub(crate) fn is_hardware(name: &str) -> bool {
    [
        "_nvenc",
        "_vaapi",
        "_qsv",
        "_amf",
        "_v4l2m2m",
        "_omx",
        "_videotoolbox",
        "_mf",
        "_vulkan",
        "_d3d12va",
        "_mediacodec",
    ]
    .iter()
    .any(|ending| name.ends_with(ending))
}

/// Whether the command says how many threads an encoder may have.
pub(super) fn is_bounded<'a>(
    name: &str,
    told: Option<u32>,
    option: &dyn Fn(&str) -> Option<&'a str>,
) -> bool {
    let number = |list: &str, key: &str| {
        let said = option(list).and_then(|list| pools::parameter(list, key)?.parse::<u32>().ok());
        said.is_some_and(|count| count > 0)
    };
    match name {
        "libx264" | "libx264rgb" => told.is_some() || number("-x264-params", "threads"),
        "libx265" => {
            let frames = told.is_some() || number("-x265-params", "frame-threads");
            let list = option("-x265-params").unwrap_or_default();
            let pools =
                number("-x265-params", "pools") || pools::parameter(list, "pools") == Some("none");
            frames && pools
        }
        "libsvtav1" => number("-svtav1-params", "lp"),
        "mjpeg" if !has_quantizer(option) => true,
        "libaom-av1" => told.is_some() || number("-aom-params", "threads"),
        "libkvazaar" | "libxavs2" => false,
        _ => told.is_some() || is_hardware(name) || pools::is_single_encoder(name),
    }
}

/// Threads that a protocol or device of an input has for itself.
pub(super) fn of_input(file: &str, format: Option<&str>) -> u32 {
    match (scheme(file), format) {
        (_, Some("pulse")) => 1,
        // One that takes packets off the socket.
        ("udp", _) => 1,
        ("srt", _) => 4,
        ("async", _) => 1,
        _ => 0,
    }
}

/// Threads that a protocol of an output has for itself.
pub(crate) fn of_output(file: &str) -> u32 {
    match scheme(file) {
        "srt" => 4,
        "udp" if file.contains("bitrate=") => 1,
        _ => 0,
    }
}

/// The protocol that a name begins with; nothing where it is a file's.
pub(crate) fn scheme(file: &str) -> &str {
    let (scheme, _) = file.split_once(':').unwrap_or_default();
    let is_legal = scheme.len() > 1
        && scheme.bytes().all(|c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'+' | b'-' | b'.')
        });
    if is_legal { scheme } else { "" }
}

/// All tracks of an input, in order.
pub(super) fn tracks(probe: &Probe) -> Vec<(Kind, u32)> {
    let video = probe.video.iter().map(|track| (Kind::Video, track.index));
    let audio = probe.audio.iter().map(|track| (Kind::Audio, track.index));
    let subtitles = probe.subtitles.iter().map(|track| (Kind::Subtitle, track.index));
    let mut all: Vec<_> = video.chain(audio).chain(subtitles).collect();
    all.sort_by_key(|&(_, track)| track);
    all
}

/// The tracks that a specifier means.
pub(super) fn select(all: &[(Kind, u32)], specifier: &str) -> Vec<(Kind, u32)> {
    super::count::select(all, specifier)
}

/// A track's picture as filters get it.
pub(super) fn picture(probe: &Probe, track: u32) -> Picture {
    let found = probe.video.iter().find(|of| of.index == track);
    found.map_or_else(
        || Picture::new((1_920, 1_080), ""),
        |of| Picture::new(super::count::upright(of), &of.pixel_format),
    )
}

/// A track's codec, and its size, if it is a picture.
pub(super) fn codec(probe: &Probe, track: u32) -> (String, (u32, u32)) {
    if let Some(of) = probe.video.iter().find(|of| of.index == track) {
        return (of.codec.clone(), (of.width, of.height));
    }
    let sound = probe
        .audio
        .iter()
        .find(|of| of.index == track)
        .map(|of| of.codec.clone());
    let text = probe
        .subtitles
        .iter()
        .find(|of| of.index == track)
        .map(|of| of.codec.clone());
    (sound.or(text).unwrap_or_default(), (0, 0))
}

/// Whether a pixel format has more than 8 bits.
pub(super) fn is_deep(format: &str) -> bool {
    ["p10", "p12", "p14", "p16", "48", "64"]
        .iter()
        .any(|deep| format.contains(deep))
}
