//! What an FFmpeg build can do: what it lists, and what it has proven.
//!
//! A listed encoder may not work: its library is missing an instruction set, its hardware is not
//! there, the sandbox keeps it from starting threads. So each encoder that recipes use makes one
//! tiny sample, and the sample is decoded again. Healthy builds need two processes for all of
//! them; when a batch fails, its samples are tried one by one to find out which.
//!
//! Decoders are proven by codec (`h264`, `av1`), because FFmpeg chooses among several for a codec
//! by itself, and what is to be known is whether that choice works.

use crate::input;

/// The version that the first line of `ffmpeg -version` (or of ffprobe's) names.
#[must_use]
pub fn version(answer: &str) -> Option<String> {
    let line = answer.lines().next()?;
    let (program, rest) = line.split_once(" version ")?;
    let known = matches!(program, "ffmpeg" | "ffprobe");
    rest.split_whitespace().next().filter(|_| known).map(str::to_owned)
}

/// Arguments that ask a build what it is and what it has.
pub const VERSION: [&str; 1] = ["-version"];
/// For [`listed`].
pub const ENCODERS: [&str; 2] = ["-hide_banner", "-encoders"];
/// For [`listed`].
pub const DECODERS: [&str; 2] = ["-hide_banner", "-decoders"];
/// For [`listed`].
pub const FILTERS: [&str; 2] = ["-hide_banner", "-filters"];

/// For [`muxers`].
pub const MUXERS: [&str; 2] = ["-hide_banner", "-muxers"];

/// The names in the answer to [`ENCODERS`], [`DECODERS`] or [`FILTERS`].
#[must_use]
pub fn listed(answer: &str) -> Vec<String> {
    let is_flags = |word: &str| {
        (2..=6).contains(&word.len())
            && word.bytes().all(|c| c == b'.' || c.is_ascii_uppercase() || c == b'|')
    };
    answer
        .lines()
        .filter(|line| line.starts_with(' '))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let flags = words.next().filter(|word| is_flags(word))?;
            // The legend explains the flags as ` V..... = Video`.
            let name = words.next().filter(|name| *name != "=")?;
            (!flags.is_empty()).then(|| name.to_owned())
        })
        .collect()
}

/// The names in the answer to [`ENCODERS`], and the codecs that are named beside them: what `-c`
/// takes for an output.
#[must_use]
pub fn encodable(answer: &str) -> Vec<String> {
    let mut names = listed(answer);
    let codecs = answer.lines().filter_map(|line| {
        let (_, codec) = line.trim_end().rsplit_once("(codec ")?;
        codec.strip_suffix(')').map(str::to_owned)
    });
    names.extend(codecs);
    names.sort();
    names.dedup();
    names
}

/// The names in the answer to [`MUXERS`]; one that has several is there by each of them.
#[must_use]
pub fn muxers(answer: &str) -> Vec<String> {
    let is_flags = |word: &str| {
        // A small `d` is a device, which writes no file but is a muxer like the others.
        word.contains('E') && word.bytes().all(|c| matches!(c, b'D' | b'E' | b'd'))
    };
    let lines = answer.lines().filter(|line| line.starts_with(' '));
    let names = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| is_flags(word))?;
        words.next()
    });
    names.flat_map(|names| names.split(',')).map(str::to_owned).collect()
}

/// One encoder that is to be proven, and the codec whose decoder its sample proves.
#[derive(Debug, PartialEq, Eq)]
pub struct Sample {
    /// The encoder's name in FFmpeg.
    pub encoder: &'static str,
    /// The codec's.
    pub codec: &'static str,
    kind: Kind,
    muxer: &'static str,
    options: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Video,
    Audio,
    Subtitle,
}

macro_rules! samples {
    ($($encoder:literal $codec:literal $kind:ident $muxer:literal [$($option:literal),*];)*) => {
        &[$(Sample {
            encoder: $encoder, codec: $codec, kind: Kind::$kind, muxer: $muxer, options: &[$($option),*],
        },)*]
    };
}

/// Every encoder that recipes use.
pub const SAMPLES: &[Sample] = samples![
    "libx264" "h264" Video "matroska" ["-pix_fmt", "yuv420p"];
    "libx265" "hevc" Video "matroska" ["-pix_fmt", "yuv420p", "-x265-params", "log-level=error:pools=1"];
    "libsvtav1" "av1" Video "matroska" ["-pix_fmt", "yuv420p", "-preset", "12", "-svtav1-params", "lp=1"];
    "libaom-av1" "av1" Video "matroska" ["-pix_fmt", "yuv420p", "-usage", "realtime", "-cpu-used", "8"];
    "libvpx-vp9" "vp9" Video "matroska" ["-pix_fmt", "yuv420p", "-deadline", "realtime", "-cpu-used", "8"];
    "gif" "gif" Video "gif" ["-pix_fmt", "rgb8"];
    "png" "png" Video "image2pipe" ["-pix_fmt", "rgb24"];
    "mjpeg" "mjpeg" Video "image2pipe" ["-pix_fmt", "yuvj420p"];
    "libwebp" "webp" Video "image2pipe" ["-pix_fmt", "yuv420p"];
    "aac" "aac" Audio "matroska" [];
    "libopus" "opus" Audio "matroska" [];
    "libmp3lame" "mp3" Audio "matroska" [];
    "flac" "flac" Audio "matroska" [];
    "pcm_s16le" "pcm_s16le" Audio "wav" [];
    "mov_text" "mov_text" Subtitle "mp4" [];
    "webvtt" "webvtt" Subtitle "webvtt" [];
    "subrip" "subrip" Subtitle "srt" [];
];

/// The samples that a build which lists these encoders can be asked for.
#[must_use]
pub fn samples(encoders: &[String]) -> Vec<&'static Sample> {
    SAMPLES
        .iter()
        .filter(|sample| encoders.iter().any(|listed| listed == sample.encoder))
        .collect()
}

/// The subtitle that subtitle encoders are given, as a `data:` URL: it needs no file. One second of
/// the word "proof" as SubRip, in base 64, because line breaks do not survive otherwise.
const SUBTITLE: &str =
    "data:text/plain;base64,MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAxLDAwMApwcm9vZgoK";

impl Sample {
    /// Where the sample is written, in the directory `dir`.
    #[must_use]
    pub fn path(&self, dir: &str) -> String {
        format!("{dir}/{}", self.encoder)
    }
}

/// Arguments that write all `samples` into the directory `dir`: 64×64 pixels, one frame, 0.2 s of
/// sound. A code other than 0 means that at least one failed.
#[must_use]
pub fn encode(samples: &[&Sample], dir: &str) -> Vec<String> {
    let mut args =
        words(&["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+error", "-y"]);
    args.extend(words(&[
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x64:rate=25:duration=1[out0];\
         sine=sample_rate=48000:duration=1,aformat=channel_layouts=stereo[out1]",
    ]));
    let has_subtitles = samples.iter().any(|sample| sample.kind == Kind::Subtitle);
    if has_subtitles {
        args.extend(words(&["-f", "srt", "-i", SUBTITLE]));
    }
    for sample in samples {
        match sample.kind {
            Kind::Video => {
                args.extend(words(&["-map", "0:v", "-frames:v", "1", "-c:v", sample.encoder]));
            }
            Kind::Audio => {
                args.extend(words(&["-map", "0:a", "-t", "0.2", "-c:a", sample.encoder]));
            }
            Kind::Subtitle => args.extend(words(&["-map", "1:s", "-c:s", sample.encoder])),
        }
        args.extend(words(&["-threads", "1"]));
        args.extend(words(sample.options));
        args.extend(words(&["-f", sample.muxer]));
        args.push(input::file(&sample.path(dir)));
    }
    args
}

/// Arguments that decode all `samples` in `dir` again. A code other than 0 means that at least
/// one failed.
#[must_use]
pub fn decode(samples: &[&Sample], dir: &str) -> Vec<String> {
    let mut args =
        words(&["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+error", "-xerror"]);
    for sample in samples {
        args.extend(words(&["-protocol_whitelist", "file", "-threads", "1"]));
        args.extend(["-i".to_owned(), input::file(&sample.path(dir))]);
    }
    for (number, sample) in samples.iter().enumerate() {
        let kind = match sample.kind {
            Kind::Video => "v",
            Kind::Audio => "a",
            Kind::Subtitle => "s",
        };
        args.extend(["-map".to_owned(), format!("{number}:{kind}")]);
        if sample.kind == Kind::Subtitle {
            args.extend(words(&["-c:s", "subrip", "-f", "srt", "-y", "/dev/null"]));
        } else {
            args.extend(words(&["-f", "null", "-"]));
        }
    }
    args
}

/// What samples proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Encoders, by their names in FFmpeg.
    pub encoders: Vec<String>,
    /// Decoders, by codec.
    pub decoders: Vec<String>,
    /// What failed, as `encoder NAME` or `decoder CODEC`, each with its own last words.
    pub unproven: std::collections::BTreeMap<String, String>,
}

/// How one sample fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It was encoded, and decoded again.
    Passed,
    /// It could not be encoded; its last words.
    NotEncoded(String),
    /// It could be encoded, but not decoded; its last words.
    NotDecoded(String),
}

/// Sums up how the samples fared. A codec that one encoder's sample could not prove may be proven
/// by another's.
#[must_use]
pub fn sum_up(trials: &[(&Sample, Trial)]) -> Proven {
    let mut proven = Proven::default();
    for (sample, trial) in trials {
        match trial {
            Trial::Passed => {
                proven.encoders.push(sample.encoder.to_owned());
                if !proven.decoders.iter().any(|codec| codec == sample.codec) {
                    proven.decoders.push(sample.codec.to_owned());
                }
            }
            Trial::NotEncoded(words) => {
                proven
                    .unproven
                    .insert(format!("encoder {}", sample.encoder), words.clone());
            }
            Trial::NotDecoded(words) => {
                proven.encoders.push(sample.encoder.to_owned());
                proven
                    .unproven
                    .insert(format!("decoder {}", sample.codec), words.clone());
            }
        }
    }
    for codec in &proven.decoders {
        proven.unproven.remove(&format!("decoder {codec}"));
    }
    proven
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests;
