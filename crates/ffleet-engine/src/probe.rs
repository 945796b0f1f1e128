//! What an input holds, asked of ffprobe.
//!
//! One short process for most inputs. High dynamic range keeps its mastering data inside the
//! frames, so that such an input is asked a second time, for one frame ([`Question::Frame`]);
//! asking it of every input would make each probe decode.

use std::fmt;

use ffleet_media::probe::{AudioTrack, Colour, Probe, SubtitleTrack, VideoTrack};
use ffleet_media::{Source, place::TestPicture};
use ffleet_types::{Bitrate, Bytes, FrameRate, Reason, Span};

use crate::flat::Flat;
use crate::input;

/// Streams beyond which an input is not looked at further: none that people make has as many.
const STREAMS: usize = 256;
/// Chapters beyond which no more are counted.
const CHAPTERS: u32 = 10_000;

/// What is asked of ffprobe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What the file holds: for [`parse`].
    Tracks,
    /// The first frame of the track with this index: for [`add_frame`].
    Frame(u32),
}

/// The arguments of ffprobe that ask about `source`.
#[must_use]
pub fn command(source: &Source, question: Question) -> Vec<String> {
    let mut args: Vec<String> =
        ["-hide_banner", "-loglevel", "level+error", "-print_format", "flat"]
            .map(str::to_owned)
            .into();
    match question {
        Question::Tracks => {
            let asked = ["-show_format", "-show_streams", "-show_chapters"];
            args.extend(asked.map(str::to_owned));
        }
        Question::Frame(index) => {
            args.extend(
                ["-show_frames", "-read_intervals", "%+#1", "-select_streams"].map(str::to_owned),
            );
            args.push(index.to_string());
        }
    }
    args.extend(input::open(source));
    args
}

/// What a test picture holds, known without asking. `duration` is what the job says.
#[must_use]
pub fn of_test(picture: TestPicture, duration: Option<Span>) -> Probe {
    let micros = duration.unwrap_or(input::TEST_LENGTH).0.as_micros();
    let micros = u64::try_from(micros).ok();
    Probe {
        format: "lavfi".to_owned(),
        duration_micros: micros,
        size: None,
        bitrate: None,
        video: vec![VideoTrack {
            index: 0,
            codec: "rawvideo".to_owned(),
            width: picture.size.width,
            height: picture.size.height,
            sample_aspect: (1, 1),
            rotation: 0,
            fps: FrameRate::new(picture.fps, 1),
            variable_rate: false,
            interlaced: false,
            pixel_format: "yuv420p".to_owned(),
            bits: 8,
            colour: Colour::default(),
            frames: micros.map(|micros| micros * u64::from(picture.fps) / 1_000_000),
            duration_micros: micros,
            language: None,
        }],
        audio: vec![AudioTrack {
            index: 1,
            codec: "pcm_s16le".to_owned(),
            channels: 2,
            rate: 48_000,
            layout: Some("stereo".to_owned()),
            duration_micros: micros,
            language: None,
        }],
        ..Probe::default()
    }
}

/// Why an answer of ffprobe is no probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    /// The reason a job fails for.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        Reason::InputError
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Reads the answer to [`Question::Tracks`].
///
/// # Errors
///
/// When it names no format, or not a single track of picture, sound or subtitles.
pub fn parse(answer: &str) -> Result<Probe, Error> {
    let flat = Flat::read(answer);
    let Some(format) = flat.text("format.format_name") else {
        return Err(Error("ffprobe found no media in it".to_owned()));
    };
    let mut probe = Probe {
        format: format.to_owned(),
        duration_micros: flat.micros("format.duration"),
        size: flat.number("format.size").map(Bytes),
        bitrate: flat.number("format.bit_rate").map(Bitrate),
        title: ["title", "TITLE"]
            .iter()
            .find_map(|tag| {
                // Ogg has no tags but those of its tracks.
                let places = ["format.tags.", "streams.stream.0.tags."];
                let places = &places[..if format == "ogg" { 2 } else { 1 }];
                places.iter().find_map(|place| flat.text(&format!("{place}{tag}")))
            })
            .map(str::to_owned),
        chapters: (0..CHAPTERS)
            .take_while(|number| flat.text(&format!("chapters.chapter.{number}.id")).is_some())
            .map(|_| 1)
            .sum(),
        ..Probe::default()
    };
    for position in 0..STREAMS {
        let stream = Stream { flat: &flat, at: format!("streams.stream.{position}.") };
        let Some(index) = stream.number("index") else { break };
        stream.sort_into(&mut probe, u32::try_from(index).unwrap_or(u32::MAX));
    }
    if probe.video.is_empty() && probe.audio.is_empty() && probe.subtitles.is_empty() {
        return Err(Error(format!(
            "it is a {format} file without any picture, sound or subtitles"
        )));
    }
    Ok(probe)
}

/// What is left to ask before `probe` is complete.
#[must_use]
pub fn next_question(probe: &Probe) -> Option<Question> {
    let picture = probe.picture()?;
    let hdr10 = picture.colour.transfer == "smpte2084";
    (hdr10 && picture.colour.mastering.is_none()).then_some(Question::Frame(picture.index))
}

/// Adds the answer to [`Question::Frame`] to a probe. An answer without a frame adds nothing.
pub fn add_frame(probe: &mut Probe, answer: &str) {
    let flat = Flat::read(answer);
    if let Some(picture) = probe.video.first_mut() {
        light(&flat, "frames.frame.0.side_data_list.", &mut picture.colour);
    }
}

/// One stream of an answer.
struct Stream<'a> {
    flat: &'a Flat,
    at: String,
}

impl Stream<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.flat.text(&format!("{}{key}", self.at))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    fn small(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }

    /// A pair of numbers, `16:15` or `30000/1001`.
    fn pair(&self, key: &str) -> Option<(u32, u32)> {
        let (left, right) = self.text(key)?.split_once([':', '/'])?;
        Some((left.parse().ok()?, right.parse().ok()?))
    }

    fn rate(&self, key: &str) -> Option<FrameRate> {
        let (numerator, denominator) = self.pair(key)?;
        FrameRate::new(numerator, denominator)
    }

    fn language(&self) -> Option<String> {
        let tag = self.text("tags.language").or_else(|| self.text("tags.LANGUAGE"))?;
        (tag != "und").then(|| tag.to_owned())
    }

    /// Its own length; Matroska keeps it in a tag, as `00:00:03.021000000`.
    fn duration(&self) -> Option<u64> {
        self.flat
            .micros(&format!("{}duration", self.at))
            .or_else(|| crate::progress::clock(self.text("tags.DURATION")?))
    }

    fn sort_into(&self, probe: &mut Probe, index: u32) {
        let kind = self.text("codec_type").unwrap_or_default();
        let codec = self.text("codec_name").unwrap_or("unknown").to_owned();
        let is_cover = self.number("disposition.attached_pic") == Some(1);
        match kind {
            "video" if !is_cover && self.number("width").is_some_and(|width| width > 0) => {
                probe.video.push(self.video(index, codec));
            }
            "audio" => probe.audio.push(AudioTrack {
                index,
                codec,
                channels: self.small("channels").unwrap_or(0),
                rate: self.small("sample_rate").unwrap_or(0),
                layout: self.text("channel_layout").map(str::to_owned),
                duration_micros: self.duration(),
                language: self.language(),
            }),
            "subtitle" => probe.subtitles.push(SubtitleTrack {
                index,
                is_text: is_text(&codec),
                codec,
                language: self.language(),
            }),
            _ => probe.other += 1,
        }
    }

    fn video(&self, index: u32, codec: String) -> VideoTrack {
        let pixel_format = self.text("pix_fmt").unwrap_or("unknown").to_owned();
        let base = self.rate("r_frame_rate");
        let average = self.rate("avg_frame_rate");
        let field_order = self.text("field_order").unwrap_or("progressive");
        let interlaced = matches!(field_order, "tt" | "bb" | "tb" | "bt");
        let mut colour = Colour {
            range: self.text("color_range").unwrap_or_default().to_owned(),
            space: self.text("color_space").unwrap_or_default().to_owned(),
            transfer: self.text("color_transfer").unwrap_or_default().to_owned(),
            primaries: self.text("color_primaries").unwrap_or_default().to_owned(),
            mastering: None,
            light_level: None,
        };
        light(self.flat, &format!("{}side_data_list.", self.at), &mut colour);
        VideoTrack {
            index,
            codec,
            width: self.small("width").unwrap_or(0),
            height: self.small("height").unwrap_or(0),
            sample_aspect: self
                .pair("sample_aspect_ratio")
                .filter(|&(across, down)| across > 0 && down > 0)
                .unwrap_or((1, 1)),
            rotation: self.rotation(),
            fps: average.or(base),
            variable_rate: is_variable(base, average, interlaced),
            interlaced,
            bits: bits(&pixel_format),
            pixel_format,
            colour,
            frames: self.number("nb_frames").filter(|&frames| frames > 0),
            duration_micros: self.duration(),
            language: self.language(),
        }
    }

    /// FFmpeg counts the turn against the clock, and older ones kept it in a tag, with it.
    fn rotation(&self) -> u32 {
        let matrix = self
            .flat
            .below(&format!("{}side_data_list.", self.at))
            .find_map(|(key, value)| {
                key.ends_with(".rotation").then(|| value.parse::<f64>().ok())?
            })
            .map(|degrees| -degrees);
        let degrees = matrix.or_else(|| self.text("tags.rotate")?.parse().ok()).unwrap_or(0.0);
        let quarters = (degrees / 90.0).round().rem_euclid(4.0);
        [0, 90, 180, 270]
            .into_iter()
            .find(|&turn| (f64::from(turn) / 90.0 - quarters).abs() < 0.5)
            .unwrap_or(0)
    }
}

/// Base and average rate differ by more than rounding of timestamps and a cut last frame
/// explain. Interlaced video may count fields in one and frames in the other.
fn is_variable(base: Option<FrameRate>, average: Option<FrameRate>, interlaced: bool) -> bool {
    let (Some(base), Some(average)) = (base, average) else {
        return false;
    };
    let ratio = base.as_f64() / average.as_f64();
    let is = |wanted: f64| (ratio / wanted - 1.0).abs() < 0.01;
    !(is(1.0) || interlaced && (is(2.0) || is(0.5)))
}

/// Subtitle codecs that are text and that FFmpeg can turn into one another.
fn is_text(codec: &str) -> bool {
    matches!(
        codec,
        "subrip"
            | "srt"
            | "ass"
            | "ssa"
            | "mov_text"
            | "webvtt"
            | "text"
            | "subviewer"
            | "subviewer1"
            | "microdvd"
            | "mpl2"
            | "jacosub"
            | "sami"
            | "realtext"
            | "stl"
            | "pjs"
            | "vplayer"
            | "ttml"
    )
}

/// Bits per component, as the pixel format's name says.
fn bits(pixel_format: &str) -> u8 {
    let name = pixel_format.trim_end_matches("le").trim_end_matches("be");
    if name.starts_with("p010") || name.starts_with("p210") || name.starts_with("x2") {
        return 10;
    }
    let digits = |text: &str| text.bytes().rev().take_while(u8::is_ascii_digit).count();
    match &name[name.len() - digits(name)..] {
        "9" => 9,
        "10" => 10,
        "12" => 12,
        "14" => 14,
        "16" | "48" | "64" => 16,
        "32" if name.contains('f') => 32,
        _ => 8,
    }
}

/// Mastering display and light level among the side data below `at`.
fn light(flat: &Flat, at: &str, colour: &mut Colour) {
    let value = |name: &str| {
        flat.below(at)
            .find_map(|(key, value)| key.ends_with(name).then_some(value))
    };
    let fraction = |name: &str, scale: f64| -> Option<u64> {
        let (top, bottom) = value(name)?.split_once('/')?;
        let (top, bottom): (f64, f64) = (top.parse().ok()?, bottom.parse().ok()?);
        let scaled = (top / bottom * scale).round();
        // Whatever is out of the field's range in ST 2086 is no mastering data.
        if !(0.0..=4_294_967_295.0).contains(&scaled) {
            return None;
        }
        format!("{scaled:.0}").parse().ok()
    };
    let point = |name: &str| {
        let across = fraction(&format!(".{name}_x"), 50_000.0)?;
        let down = fraction(&format!(".{name}_y"), 50_000.0)?;
        Some(format!("({across},{down})"))
    };
    let mastering = || {
        let (green, blue, red) = (point("green")?, point("blue")?, point("red")?);
        let white = point("white_point")?;
        let most = fraction(".max_luminance", 10_000.0)?;
        let least = fraction(".min_luminance", 10_000.0)?;
        Some(format!("G{green}B{blue}R{red}WP{white}L({most},{least})"))
    };
    let level = |name: &str| value(name)?.parse().ok();
    colour.mastering = mastering().or_else(|| colour.mastering.take());
    colour.light_level = level(".max_content").zip(level(".max_average")).or(colour.light_level);
}

#[cfg(test)]
pub(crate) mod tests;
