//! Everything in which a result is not what its input was.
//!
//! The comparison knows nothing of plans. It lists what a person could miss, and then each
//! difference must have one of two excuses: the preset's name asks for it, or a note of the job
//! says it.

use std::fmt;

use super::facts::{Facts, Picture, Sound};
use super::promise::{Kind, Promise};

/// One difference.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Difference {
    what: What,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Pictures,
    Codec,
    Size,
    Aspect,
    Upright,
    Colours,
    Bits,
    Chroma,
    Tags,
    Light,
    Fields,
    Timing,
    Sounds,
    SoundCodec,
    Channels,
    Layout,
    SampleRate,
    SampleBits,
    Language,
    SoundLength,
    Subtitles,
    SubtitleText,
    Others,
    Chapters,
    Title,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.what, self.text)
    }
}

/// How far mean colours may be off: what a lossy codec at its usual quality does to flat areas.
const COLOUR_SLACK: u8 = 12;
/// How far the time of a frame may be off: Matroska counts milliseconds.
const TIME_SLACK: f64 = 0.001_1;
/// How far a track of sound may be off: what encoders add in front and at the end, three frames.
const SOUND_SLACK: f64 = 0.08;
/// How far an aspect ratio may be off: one pixel of a small side.
const ASPECT_SLACK: f64 = 0.012;

/// A list that is being made.
#[derive(Default)]
struct List(Vec<Difference>);

impl List {
    fn add(&mut self, what: What, before: impl fmt::Debug, after: impl fmt::Debug) {
        self.0
            .push(Difference { what, text: format!("{before:?} became {after:?}") });
    }

    /// Adds a difference if the two are not equal.
    fn equal<T: PartialEq + fmt::Debug>(&mut self, what: What, before: T, after: T) {
        if before != after {
            self.add(what, before, after);
        }
    }
}

/// Everything in which `after` is not what `before` was.
fn all(before: &Facts, after: &Facts) -> Vec<Difference> {
    let mut list = List::default();
    list.equal(What::Pictures, before.pictures.len(), after.pictures.len());
    for (before, after) in before.pictures.iter().zip(&after.pictures) {
        shapes(before, after, &mut list);
        colours(before, after, &mut list);
    }
    list.equal(What::Sounds, before.sounds.len(), after.sounds.len());
    for (before, after) in before.sounds.iter().zip(&after.sounds) {
        sounds(before, after, &mut list);
    }
    list.equal(What::Subtitles, before.subtitles.len(), after.subtitles.len());
    for (before, after) in before.subtitles.iter().zip(&after.subtitles) {
        list.equal(What::Language, &before.language, &after.language);
        list.equal(What::SubtitleText, &before.text, &after.text);
    }
    if after.others < before.others {
        list.add(What::Others, before.others, after.others);
    }
    list.equal(What::Chapters, &before.chapters, &after.chapters);
    list.equal(What::Title, &before.title, &after.title);
    list.0
}

fn shapes(before: &Picture, after: &Picture, list: &mut List) {
    list.equal(What::Codec, &before.codec, &after.codec);
    let size = |picture: &Picture| {
        let (width, height) = picture.shown();
        format!("{width:.0}x{height:.0}")
    };
    list.equal(What::Size, size(before), size(after));
    if (before.aspect / after.aspect - 1.0).abs() > ASPECT_SLACK {
        list.add(What::Aspect, before.aspect, after.aspect);
    }
    list.equal(What::Upright, before.colours(), after.colours());
    list.equal(What::Fields, before.interlaced, after.interlaced);
    let late = |(before, after): (&f64, &f64)| (before - after).abs() > TIME_SLACK;
    if before.times.len() != after.times.len() || before.times.iter().zip(&after.times).any(late) {
        list.add(What::Timing, &before.times, &after.times);
    }
}

fn colours(before: &Picture, after: &Picture, list: &mut List) {
    let values = |picture: &Picture| picture.quarters.concat();
    let off = |(before, after): (u8, u8)| before.abs_diff(after) > COLOUR_SLACK;
    if values(before).into_iter().zip(values(after)).any(off) {
        list.add(What::Colours, before.quarters, after.quarters);
    }
    if after.bits < before.bits {
        list.add(What::Bits, before.bits, after.bits);
    }
    let fine = |picture: &Picture| {
        ["422", "444", "gbr", "rgb", "bgr"]
            .iter()
            .any(|form| picture.pixels.contains(form))
    };
    if fine(before) && !fine(after) {
        list.add(What::Chroma, &before.pixels, &after.pixels);
    }
    for (before, after) in [
        (&before.range, &after.range),
        (&before.space, &after.space),
        (&before.transfer, &after.transfer),
        (&before.primaries, &after.primaries),
    ] {
        if !before.is_empty() {
            list.equal(What::Tags, before, after);
        }
    }
    for (key, value) in &before.light {
        let found = after.light.get(key).map_or("nothing", String::as_str);
        let near = |found: &str| {
            let (one, other): (f64, f64) =
                (value.parse().unwrap(), found.parse().unwrap_or(f64::NAN));
            (one - other).abs() <= one.abs() / 500.0 + 0.000_1
        };
        if !near(found) {
            list.add(What::Light, format!("{key} {value}"), found);
        }
    }
}

fn sounds(before: &Sound, after: &Sound, list: &mut List) {
    list.equal(What::SoundCodec, &before.codec, &after.codec);
    list.equal(What::Channels, before.channels, after.channels);
    list.equal(What::Layout, &before.layout, &after.layout);
    // More samples lose nothing.
    if after.rate < before.rate {
        list.add(What::SampleRate, before.rate, after.rate);
    }
    if after.bits < before.bits {
        list.add(What::SampleBits, before.bits, after.bits);
    }
    list.equal(What::Language, &before.language, &after.language);
    if (before.length - after.length).abs() > SOUND_SLACK {
        list.add(What::SoundLength, before.length, after.length);
    }
}

/// The differences that are neither asked for nor said.
pub(super) fn unexcused(
    promise: &Promise,
    notes: &[String],
    before: &Facts,
    after: &Facts,
) -> Vec<String> {
    all(before, after)
        .into_iter()
        .filter(|difference| !is_asked(promise, difference.what))
        .filter(|difference| {
            let said = words(difference.what);
            !notes.iter().any(|note| said.iter().any(|words| note.contains(words)))
        })
        .map(|difference| difference.to_string())
        .collect()
}

/// Whether the name of the preset asks for such a difference.
fn is_asked(promise: &Promise, what: What) -> bool {
    let of_codec = promise.video.is_some();
    match what {
        What::Codec => of_codec,
        What::SoundCodec => promise.audio.is_some(),
        // What is compressed with loss has no bits to a sample.
        What::SampleBits => promise.audio.is_some_and(|codec| codec != "flac"),
        What::Size => promise.lines.is_some() || matches!(promise.kind, Kind::Still | Kind::Gif),
        What::Timing => promise.fps.is_some() || promise.kind == Kind::Still,
        What::Pictures => promise.kind == Kind::Sound,
        What::Subtitles => !matches!(promise.kind, Kind::Film | Kind::Copy),
        What::Sounds | What::Others | What::Chapters | What::Title
            if matches!(promise.kind, Kind::Still | Kind::Gif) =>
        {
            true
        }
        // Every viewer shows stills and GIFs in the one way; their colours are compared instead.
        What::Tags | What::Light | What::Bits | What::Chroma | What::Fields => {
            matches!(promise.kind, Kind::Still | Kind::Gif)
        }
        _ => false,
    }
}

/// What a note says of such a difference.
const fn words(what: What) -> &'static [&'static str] {
    match what {
        What::Pictures => &["video tracks"],
        What::Size => &["become even", "become square", "to be shown turned"],
        What::Aspect => &["become even", "to be shown turned"],
        What::Upright => &["to be shown turned"],
        What::Colours => &["high dynamic range", "to be shown turned"],
        What::Bits => &["bits a component", "high dynamic range"],
        What::Chroma => &["4:2:0", "high dynamic range"],
        What::Tags => &["high dynamic range", "colours become"],
        What::Light => &["mastering display", "high dynamic range"],
        What::Fields => &["deinterlaced"],
        What::Sounds => &["audio tracks"],
        What::Channels => &["channels of sound become"],
        What::Layout => &["layout", "channels of sound become"],
        What::SampleRate => &["samples a second become"],
        What::SampleBits => &["bits a sample"],
        What::Language => &["language"],
        What::Subtitles => &["subtitles"],
        What::Others => &["cover picture"],
        What::Chapters => &["chapters"],
        What::Title => &["title"],
        What::Codec | What::Timing | What::SoundCodec | What::SoundLength | What::SubtitleText => {
            &[]
        }
    }
}

mod tests {
    use super::*;
    use crate::presets::clip;
    use ffleet_testkit::{media::Clip, need};

    /// What is found between two clips, by kind.
    fn between(before: Clip, after: Clip) -> Vec<What> {
        let [before, after] = [before, after].map(|kind| Facts::of(&clip(kind)));
        all(&before, &after).iter().map(|difference| difference.what).collect()
    }

    #[test]
    fn comparison_sees_what_differs() {
        if need::ffmpeg().is_none() || need::ffprobe().is_none() {
            return;
        }
        assert_eq!(between(Clip::Ordinary, Clip::Ordinary), []);
        for (after, what) in [
            (Clip::Quarter, What::Upright),
            (Clip::Half, What::Upright),
            (Clip::Quarter, What::Aspect),
            (Clip::Variable, What::Timing),
            (Clip::Interlaced, What::Fields),
            (Clip::Odd, What::Size),
            (Clip::Hdr10, What::Tags),
            (Clip::FullRange, What::Tags),
            (Clip::PictureOnly, What::Sounds),
            (Clip::SoundOnly, What::Pictures),
            (Clip::LowSound, What::SampleRate),
            (Clip::LowSound, What::Channels),
            (Clip::PictureSubtitle, What::Subtitles),
        ] {
            let found = between(Clip::Ordinary, after);
            assert!(found.contains(&what), "{after:?}: {found:?}");
        }
        for (before, what) in [
            (Clip::Hdr10, What::Light),
            (Clip::Hdr10, What::Bits),
            (Clip::Rgb, What::Chroma),
            (Clip::Tracks, What::Sounds),
            (Clip::Tracks, What::Language),
            (Clip::Tracks, What::Chapters),
            (Clip::Cover, What::Others),
            (Clip::Variable, What::Timing),
        ] {
            let found = between(before, Clip::Ordinary);
            assert!(found.contains(&what), "{before:?}: {found:?}");
        }
    }
}
