//! Whether a result is what was planned, before anybody gets to see it.
//!
//! Two short questions instead of one clever one: ffprobe says which tracks there are (nothing is
//! decoded), then FFmpeg goes through the file to its end, decoding it ([`Verify::Full`]) or
//! reading its packets ([`Verify::Packets`]), and writes its progress, so that a watchdog can
//! follow it. A decode by ffprobe would answer both at once, but on one thread and in silence.

use std::fmt;

use ffleet_media::job::{Make, Output, Verify};
use ffleet_media::probe::{AudioTrack, Colour, VideoTrack};
use ffleet_media::{Probe, Source, Spec};
use ffleet_types::node::Engine;

use crate::plan::{Expected, Picture, Sound, Tracks};
use crate::progress::Update;
use crate::threads::{Budget, Build};
use crate::{probe, raw, threads};

/// The program that a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `ffmpeg`.
    Ffmpeg,
    /// `ffprobe`.
    Ffprobe,
}

/// One of the steps that a result is verified in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Which tracks there are: for [`judge_tracks`], after [`probe::parse`].
    Tracks,
    /// Decode to the end: for [`judge_end`].
    Decode,
    /// Read all packets: for [`judge_end`].
    Packets,
}

/// The steps of a way to verify, in order.
#[must_use]
pub const fn steps(way: Verify) -> &'static [Step] {
    match way {
        Verify::Full => &[Step::Tracks, Step::Decode],
        Verify::Packets => &[Step::Tracks, Step::Packets],
        Verify::None => &[],
    }
}

/// How a job's results are verified where it does not say: their packets where everything is
/// copied, in full otherwise, and not at all where they are sent away live.
#[must_use]
pub fn way(spec: &Spec) -> Verify {
    let copies = |output: &Output| match &output.make {
        Make::Recipe { recipe, .. } => recipe.copies_everything(),
        Make::Raw { args } => raw::check(args).is_ok_and(|checked| checked.copies_everything),
    };
    match spec.verify {
        _ if spec.is_live() => Verify::None,
        Some(way) => way,
        None if spec.outputs.iter().all(copies) => Verify::Packets,
        None => Verify::Full,
    }
}

/// The command of a step for the file at `path`.
#[must_use]
pub fn command(step: Step, path: &str, budget: Budget) -> (Tool, Vec<String>) {
    let source = Source::File(path.to_owned());
    if step == Step::Tracks {
        return (Tool::Ffprobe, probe::command(&source, probe::Question::Tracks));
    }
    let mut args: Vec<String> = [
        "-nostdin",
        "-hide_banner",
        "-nostats",
        "-loglevel",
        "level+error",
        "-xerror",
        "-progress",
        "pipe:1",
        "-stats_period",
        "0.5",
        // Nothing is filtered; left alone, each graph would have a thread for each CPU.
        "-filter_threads",
        "1",
        "-threads",
    ]
    .map(str::to_owned)
    .into();
    args.push(budget.decoder().to_string());
    args.extend(crate::input::open(&source));
    let words: &[&str] = match step {
        // Subtitles are not decoded: text cannot go wrong in ways that a decoder would notice.
        Step::Decode => &["-map", "0:v?", "-map", "0:a?", "-map", "0:s?", "-c:s", "copy"],
        Step::Packets | Step::Tracks => &["-map", "0", "-c", "copy"],
    };
    args.extend(words.iter().map(|&word| word.to_owned()));
    args.extend(["-f", "null", "-"].map(str::to_owned));
    (Tool::Ffmpeg, args)
}

/// The most threads of the command `args` that a step runs for a result, as planned, on
/// `engine`; that of a result whose tracks are not known is taken for one of each kind.
#[must_use]
pub fn threads(expected: &Expected, args: &[String], budget: Budget, engine: &Engine) -> u32 {
    let pictures = match &expected.video {
        Tracks::These(pictures) => pictures.iter().map(|picture| picture.codec.as_str()).collect(),
        Tracks::Any => vec![""],
    };
    let sounds = match &expected.audio {
        Tracks::These(sounds) => sounds.iter().map(|sound| sound.codec.as_str()).collect(),
        Tracks::Any => vec![""],
    };
    let probe = with_tracks(pictures, sounds);
    threads::count(args, &probe, &Build::of(engine), budget.seen)
}

/// A file of which only the codecs of its tracks are known.
fn with_tracks(pictures: Vec<&str>, sounds: Vec<&str>) -> Probe {
    let after = u32::try_from(pictures.len()).unwrap_or(u32::MAX);
    let video = (0..).zip(pictures).map(|(index, codec)| VideoTrack {
        index,
        codec: codec.to_owned(),
        width: 0,
        height: 0,
        sample_aspect: (1, 1),
        rotation: 0,
        fps: None,
        variable_rate: false,
        interlaced: false,
        pixel_format: String::new(),
        bits: 8,
        colour: Colour::default(),
        frames: None,
        duration_micros: None,
        language: None,
    });
    let audio = (after..).zip(sounds).map(|(index, codec)| AudioTrack {
        index,
        codec: codec.to_owned(),
        channels: 0,
        rate: 0,
        layout: None,
        duration_micros: None,
        language: None,
    });
    Probe { video: video.collect(), audio: audio.collect(), ..Probe::default() }
}

/// In what a result is not what was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// `wanted` and `found` are not equal, in the words of `what`.
fn differ(what: &str, wanted: impl fmt::Display, found: impl fmt::Display) -> Result<(), Mismatch> {
    Err(Mismatch(format!("the result has {what} {found}, planned was {wanted}")))
}

/// Compares the tracks that were found with the plan.
///
/// # Errors
///
/// Says the first difference.
pub fn judge_tracks(expected: &Expected, found: &Probe) -> Result<(), Mismatch> {
    count("video tracks", &expected.video, found.video.len())?;
    count("audio tracks", &expected.audio, found.audio.len())?;
    count("subtitle tracks", &expected.subtitles, found.subtitles.len())?;
    if found.video.is_empty() && found.audio.is_empty() && found.subtitles.is_empty() {
        return Err(Mismatch("the result is empty".to_owned()));
    }
    if let Tracks::These(pictures) = &expected.video {
        for (wanted, track) in pictures.iter().zip(&found.video) {
            picture(wanted, track)?;
        }
    }
    if let Tracks::These(sounds) = &expected.audio {
        for (wanted, track) in sounds.iter().zip(&found.audio) {
            sound(wanted, track)?;
        }
    }
    if let Tracks::These(codecs) = &expected.subtitles {
        for (wanted, track) in codecs.iter().zip(&found.subtitles) {
            if *wanted != track.codec {
                return differ("subtitles in", wanted, &track.codec);
            }
        }
    }
    match found.duration_micros {
        Some(length) => within_length(expected, length),
        None => Ok(()),
    }
}

/// Compares what FFmpeg's last progress said at the end of a decode or a read with the plan.
///
/// # Errors
///
/// When it did not reach the end, or frames or length are not within the plan's bounds.
pub fn judge_end(expected: &Expected, last: &Update) -> Result<(), Mismatch> {
    if !last.end {
        return Err(Mismatch("the result could not be read to its end".to_owned()));
    }
    if let Tracks::These(pictures) = &expected.video
        && let [Picture { frames: Some((least, most)), .. }] = pictures[..]
        && !(least..=most).contains(&last.frames)
    {
        return differ("frames:", range(least, most, ""), last.frames);
    }
    match last.position_micros {
        Some(position) => within_length(expected, position),
        None => Ok(()),
    }
}

fn within_length(expected: &Expected, length: u64) -> Result<(), Mismatch> {
    let Some((least, most)) = expected.duration_micros else {
        return Ok(());
    };
    if (least..=most).contains(&length) {
        return Ok(());
    }
    let millis = |micros: u64| micros / 1_000;
    differ(
        "a length of",
        range(millis(least), if most == u64::MAX { most } else { millis(most) }, " ms"),
        format!("{} ms", millis(length)),
    )
}

fn range(least: u64, most: u64, unit: &str) -> String {
    match most {
        u64::MAX => format!("{least}{unit} or more"),
        most => format!("{least} to {most}{unit}"),
    }
}

fn count<T>(what: &str, wanted: &Tracks<T>, found: usize) -> Result<(), Mismatch> {
    match wanted {
        Tracks::These(tracks) if tracks.len() != found => Err(Mismatch(format!(
            "the result has {found} {what}, planned were {}",
            tracks.len()
        ))),
        Tracks::Any | Tracks::These(_) => Ok(()),
    }
}

fn picture(wanted: &Picture, found: &VideoTrack) -> Result<(), Mismatch> {
    if wanted.codec != found.codec {
        return differ("video in", &wanted.codec, &found.codec);
    }
    if wanted.size != (found.width, found.height) {
        let size = |(width, height): (u32, u32)| format!("{width}x{height}");
        return differ("a picture of", size(wanted.size), size((found.width, found.height)));
    }
    if let Some(turn) = wanted.rotation
        && turn != found.rotation
    {
        return differ("a turn of", turn, found.rotation);
    }
    if let (Some(wanted), Some(found)) = (wanted.fps, found.fps)
        && (found.as_f64() / wanted.as_f64() - 1.0).abs() > 0.01
    {
        return differ("frames a second:", wanted, found);
    }
    if found.interlaced && !wanted.interlaced {
        return differ("a picture that is", "progressive", "interlaced");
    }
    Ok(())
}

fn sound(wanted: &Sound, found: &AudioTrack) -> Result<(), Mismatch> {
    if wanted.codec != found.codec {
        return differ("sound in", &wanted.codec, &found.codec);
    }
    if wanted.channels != 0 && wanted.channels != found.channels {
        return differ("audio channels:", wanted.channels, found.channels);
    }
    if let Some(language) = &wanted.language
        && found.language.as_ref() != Some(language)
    {
        let found = found.language.as_deref().unwrap_or("none");
        return differ("sound in the language", language, found);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
