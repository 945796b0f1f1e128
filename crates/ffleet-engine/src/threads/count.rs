//! How many threads a planned command will have at once, its main thread among them.

use std::collections::BTreeSet;

use ffleet_media::Probe;
use ffleet_media::probe::VideoTrack;

use super::build::Build;
use super::command::{Command, Kind, Part};
use super::graph::Picture;
use super::pools::{self, Ask};
use super::vmaf;

/// A stream that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    kind: Kind,
    /// Which input it is of.
    input: usize,
    /// Which track of it.
    track: u32,
}

/// What is known besides the command.
struct Scene<'a> {
    probe: &'a Probe,
    build: &'a Build,
    seen: u32,
    /// Threads of a pool of filters.
    filter: u32,
}

/// The most threads that `args` will have at once on `build`, of an input that `probe` describes,
/// where FFmpeg sees `seen` CPUs. `args` are those of [`crate::plan()`].
#[must_use]
pub fn count(args: &[String], probe: &Probe, build: &Build, seen: u32) -> u32 {
    let command = Command::of(args);
    let scene = Scene { probe, build, seen, filter: command.number("filter_threads") };
    let inputs = u32::try_from(command.inputs.len()).unwrap_or(u32::MAX);
    let outputs = u32::try_from(command.outputs.len()).unwrap_or(u32::MAX);
    let mut sum = 1 + build.file * (inputs + outputs);
    if inputs > 1 {
        sum += build.input * inputs;
    }
    sum += command.inputs.iter().map(|input| scene.generator(input)).sum::<u32>();
    let mut decoded = BTreeSet::new();
    for output in &command.outputs {
        let mut numbers = [0; 3];
        for stream in scene.streams(output) {
            let number = &mut numbers[stream.kind as usize];
            if output.of("c", stream.kind, *number) != Some("copy") {
                decoded.insert(stream);
                sum += scene.encoded(output, stream, *number);
            }
            *number += 1;
        }
    }
    let decoders = decoded.iter().filter_map(|stream| {
        command
            .inputs
            .get(stream.input)
            .map(|input| scene.decoder(input, *stream))
    });
    sum + decoders.sum::<u32>()
}

/// A picture that a person's own options encode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) encoder: String,
    /// Its size as the encoder gets it.
    pub(crate) size: (u32, u32),
    /// Whether it has more than 8 bits.
    pub(crate) is_deep: bool,
    /// Bytes that filters before it hold beyond a few pictures.
    pub(crate) held: f64,
}

/// The pictures that the options `args` of one output encode, of an input that `probe` describes.
pub(crate) fn pictures(args: &[String], probe: &Probe, build: &Build) -> Vec<Encoded> {
    let mut whole = args.to_vec();
    whole.push("output".to_owned());
    let command = Command::of(&whole);
    let Some(output) = command.outputs.first() else {
        return Vec::new();
    };
    let scene = Scene { probe, build, seen: 1, filter: 1 };
    let streams = scene.streams(output).into_iter();
    let pictures = streams.filter(|stream| stream.kind == Kind::Video).enumerate();
    pictures
        .filter_map(|(number, stream)| {
            let named = output.of("c", Kind::Video, number);
            let encoder = named.unwrap_or_else(|| customary(output));
            let picture = scene.picture(output, stream, number, encoder);
            let is_deep = picture.format.is_some_and(|format| {
                ["p10", "p12", "p14", "p16", "48", "64"]
                    .iter()
                    .any(|deep| format.contains(deep))
            });
            let encoder = super::clamp::encoder_of_codec(encoder).to_owned();
            let (width, height) = picture.size;
            let graph = output.of("filter", Kind::Video, number).unwrap_or_default();
            let held = vmaf::memory(graph, f64::from(width) * f64::from(height));
            (encoder != "copy").then_some(Encoded { encoder, size: picture.size, is_deep, held })
        })
        .collect()
}

impl Scene<'_> {
    /// The pool of the graph that makes test pictures, which nothing bounds but the CPUs it sees.
    fn generator(&self, input: &Part<'_>) -> u32 {
        match (input.whole("f"), self.seen) {
            (Some("lavfi"), 2..) if self.build.is_old => self.seen,
            (Some("lavfi"), 2..) => self.seen.min(15),
            _ => 0,
        }
    }

    /// A decoder with its pool.
    fn decoder(&self, input: &Part<'_>, stream: Stream) -> u32 {
        let threads = input
            .of("threads", stream.kind, 0)
            .and_then(|text| text.parse().ok())
            .unwrap_or(self.seen);
        let pool = match stream.kind {
            Kind::Video => {
                let track = self.probe.video.iter().find(|track| track.index == stream.track);
                track.map_or(0, |track| pools::video_decoder(&track.codec, threads, self.build))
            }
            Kind::Audio => {
                let track = self.probe.audio.iter().find(|track| track.index == stream.track);
                track.map_or(0, |track| pools::audio_decoder(&track.codec, threads))
            }
            Kind::Subtitle => 0,
        };
        self.build.step + pool
    }

    /// An encoder with its pool, and the filters before it.
    fn encoded(&self, output: &Part<'_>, stream: Stream, number: usize) -> u32 {
        let step = self.build.step;
        let pool = self.filter.saturating_sub(1);
        match stream.kind {
            Kind::Subtitle => step,
            Kind::Audio => 2 * step + pool,
            Kind::Video => {
                let name = output.of("c", Kind::Video, number).unwrap_or_else(|| customary(output));
                let picture = self.picture(output, stream, number, name);
                let threads = output
                    .of("threads", Kind::Video, number)
                    .and_then(|text| text.parse().ok());
                let option =
                    |option: &str| output.of(option.trim_start_matches('-'), Kind::Video, number);
                let ask = Ask {
                    threads: threads.filter(|&count| count > 0).unwrap_or(self.seen),
                    size: picture.size,
                    seen: self.seen,
                    option: &option,
                };
                let level = option("-svtav1-params")
                    .and_then(|list| pools::parameter(list, "lp")?.parse().ok());
                let known = pools::encoder(name, &ask, self.build);
                let beyond = self.build.beyond(name, level.unwrap_or(2));
                let own = u32::try_from((i64::from(known) + beyond).max(0)).unwrap_or(u32::MAX);
                let graph = output.of("filter", Kind::Video, number).unwrap_or_default();
                2 * step + pool * (1 + picture.scalers) + own + vmaf::count(graph)
            }
        }
    }

    /// The picture that the encoder is given.
    fn picture(&self, output: &Part<'_>, stream: Stream, number: usize, encoder: &str) -> Picture {
        let track = self.probe.video.iter().find(|track| track.index == stream.track);
        let mut picture = track.map_or_else(
            || Picture::new((1_920, 1_080), ""),
            |track| Picture::new(upright(track), &track.pixel_format),
        );
        if let Some(graph) = output.of("filter", Kind::Video, number) {
            picture.through(graph);
        }
        let size = output.of("s", Kind::Video, number).and_then(|size| {
            let (width, height) = size.split_once('x')?;
            Some((width.parse().ok()?, height.parse().ok()?))
        });
        if let Some(size) = size.filter(|&size| size != picture.size) {
            picture.size = size;
            picture.scalers += 1;
            picture.format = None;
        }
        match output.of("pix_fmt", Kind::Video, number) {
            Some(format) => picture.becomes(&[format]),
            None => picture.becomes(takes(encoder)),
        }
        picture
    }

    /// The streams of an output: those that are mapped, or else those that FFmpeg chooses.
    fn streams(&self, output: &Part<'_>) -> Vec<Stream> {
        let maps: Vec<&str> = output.all("map").collect();
        let all = self.tracks();
        let mut chosen: Vec<Stream> = Vec::new();
        if maps.is_empty() {
            for (kind, _) in &all {
                let first = all.iter().find(|(other, _)| other == kind);
                let is_new = chosen.iter().all(|stream| stream.kind != *kind);
                if let Some(&(kind, track)) = first.filter(|_| is_new && holds(output, *kind)) {
                    chosen.push(Stream { kind, input: 0, track });
                }
            }
        }
        for map in maps {
            let (removes, map) = map.strip_prefix('-').map_or((false, map), |map| (true, map));
            let (input, specifier) = map.split_once(':').unwrap_or((map, ""));
            let input = input.trim_end_matches('?').parse().unwrap_or(0);
            let named = select(&all, specifier.trim_end_matches('?'));
            if removes {
                chosen.retain(|stream| !named.contains(&(stream.kind, stream.track)));
            } else {
                chosen.extend(named.into_iter().map(|(kind, track)| Stream { kind, input, track }));
            }
        }
        chosen.retain(|stream| {
            let switch = match stream.kind {
                Kind::Video => "vn",
                Kind::Audio => "an",
                Kind::Subtitle => "sn",
            };
            !output.has(switch) && holds(output, stream.kind)
        });
        chosen
    }

    /// All tracks of the input, in order.
    fn tracks(&self) -> Vec<(Kind, u32)> {
        let video = self.probe.video.iter().map(|track| (Kind::Video, track.index));
        let audio = self.probe.audio.iter().map(|track| (Kind::Audio, track.index));
        let subtitles = self.probe.subtitles.iter().map(|track| (Kind::Subtitle, track.index));
        let mut all: Vec<_> = video.chain(audio).chain(subtitles).collect();
        all.sort_by_key(|&(_, track)| track);
        all
    }
}

/// The picture's size when FFmpeg has turned it, which it does before any filter.
pub(super) const fn upright(track: &VideoTrack) -> (u32, u32) {
    match track.rotation {
        90 | 270 => (track.height, track.width),
        _ => (track.width, track.height),
    }
}

/// The tracks that a specifier means: `v`, `a:1`, `3`, nothing; all where it is not understood.
pub(super) fn select(all: &[(Kind, u32)], specifier: &str) -> Vec<(Kind, u32)> {
    let (word, rest) = specifier.split_once(':').unwrap_or((specifier, ""));
    let kind = match word {
        "v" | "V" => Kind::Video,
        "a" => Kind::Audio,
        "s" => Kind::Subtitle,
        _ => {
            let index = word.parse::<u32>().ok();
            return all
                .iter()
                .copied()
                .filter(|(_, track)| index.is_none_or(|index| index == *track))
                .collect();
        }
    };
    let number = rest.parse::<usize>().ok();
    let of_kind = all.iter().copied().filter(|(other, _)| *other == kind).enumerate();
    of_kind
        .filter(|(at, _)| number.is_none_or(|number| number == *at))
        .map(|(_, track)| track)
        .collect()
}

/// Muxers that hold sound alone.
const SOUND: &str = "mp3 mp2 wav w64 flac adts ac3 eac3 aiff caf opus oga spx au tta wv dts truehd";
/// Muxers that hold one picture's stream alone.
const PICTURE: &str = "gif apng image2pipe image2 mjpeg h264 hevc obu ivf m4v yuv4mpegpipe";
/// Muxers that take subtitles where none are asked for.
const SUBTITLES: &str = "mp4 mov matroska webm ass srt webvtt";

/// Whether an output takes streams of this kind.
fn holds(output: &Part<'_>, kind: Kind) -> bool {
    let format = output.whole("f").unwrap_or_default();
    let is_in = |list: &str| list.split(' ').any(|name| name == format);
    match kind {
        Kind::Video => !is_in(SOUND),
        Kind::Audio => !is_in(PICTURE),
        Kind::Subtitle => is_in(SUBTITLES) || output.all("map").next().is_some(),
    }
}

/// The encoder that FFmpeg takes for a muxer where none is named.
fn customary(output: &Part<'_>) -> &'static str {
    encoder_of(output.whole("f").unwrap_or_default())
}

/// The encoder that FFmpeg takes for this muxer where none is named.
pub(crate) fn encoder_of(format: &str) -> &'static str {
    match format {
        "webm" => "libvpx-vp9",
        "ivf" => "libvpx",
        "mpegts" | "mxf" | "mpeg" | "vob" | "dvd" => "mpeg2video",
        "avi" | "nut" => "mpeg4",
        "gif" => "gif",
        "apng" => "apng",
        "ogg" | "ogv" => "libtheora",
        "flv" => "flv",
        "image2" | "image2pipe" | "mjpeg" => "mjpeg",
        "hevc" => "libx265",
        "asf" => "msmpeg4",
        _ => "libx264",
    }
}

/// The pixel formats that an encoder takes, the preferred one first; nothing where it takes what
/// comes.
pub(super) fn takes(encoder: &str) -> &'static [&'static str] {
    const MODERN: &[&str] = &[
        "yuv420p",
        "yuv422p",
        "yuv444p",
        "yuv420p10le",
        "yuv422p10le",
        "yuv444p10le",
        "nv12",
        "gray",
        "gray10le",
    ];
    match encoder {
        "libx264" => &[
            "yuv420p",
            "yuvj420p",
            "yuv422p",
            "yuvj422p",
            "yuv444p",
            "yuvj444p",
            "nv12",
            "nv16",
            "nv21",
            "yuv420p10le",
            "yuv422p10le",
            "yuv444p10le",
            "nv20le",
            "gray",
            "gray10le",
        ],
        "libx265" => &[
            "yuv420p",
            "yuvj420p",
            "yuv422p",
            "yuvj422p",
            "yuv444p",
            "yuvj444p",
            "gbrp",
            "yuv420p10le",
            "yuv422p10le",
            "yuv444p10le",
            "gbrp10le",
            "gray",
            "gray10le",
        ],
        "libvpx-vp9" | "libaom-av1" | "librav1e" => MODERN,
        "libvpx" => &["yuv420p", "yuva420p"],
        "libsvtav1" => &["yuv420p", "yuv420p10le"],
        "mpeg4" | "libxvid" | "libtheora" | "flv" | "msmpeg4" => &["yuv420p", "yuv422p", "yuv444p"],
        "libvvenc" => &["yuv420p10le"],
        "mpeg1video" => &["yuv420p"],
        "mpeg2video" => &["yuv420p", "yuv422p"],
        "mjpeg" => &["yuvj420p", "yuvj422p", "yuvj444p"],
        "gif" => &["rgb8", "bgr8", "pal8", "gray"],
        "png" | "apng" => &["rgb24", "rgba", "rgb48be", "pal8", "gray"],
        "prores" | "prores_ks" | "prores_aw" => &["yuv422p10le", "yuv444p10le", "yuva444p10le"],
        "dnxhd" => &["yuv422p", "yuv422p10le", "yuv444p10le", "gbrp10le"],
        _ => &[],
    }
}
